"""Algorithm 2 in ball arithmetic, one text for the exact trajectory and for the bounds.

What depends on t, the hyper-parameters and the dialect stands in `Coefficients`. Exact
coefficients give the exact trajectory (`balls`); coefficients widened by the rounding errors of
everything they touch give an enclosure of all right programs (`bounds`). A complex number is its
two parts, which share |g|^2 where the dialect says modulus.

One addition to real arithmetic: a second moment above the dtype's largest number is infinite and
stays so, and its element gets no adaptive update, since g^2 overflows in every IEEE program. Cases
are so extreme (|g| near 1e200 in float64, 1e30 in float32) that the order of operations is
immaterial.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from flint import arb

from radam_ref import Dialect

from ..cases import Case
from ..naming import in_case
from .coefficients import ZERO, Branch, Coefficients, Model, Setting, UndecidedError, root

__all__ = ["Element", "Step", "UndecidedError", "run"]

NO_BRANCHES: Mapping[Branch, bool] = MappingProxyType({})


class Element:
    """One scalar parameter and its moments, as balls, and what its last step took of them.

    `m_hat`, `v_hat` and `denominator`, None where not rectified, are those of lines 7 and 10 as
    they enter the update: Nesterov's look ahead and a correction of eps are in them.

    An infinite `v` has overflowed; where a ball cannot tell whether it has, `v` is NaN, and so is
    `x` from then on.
    """

    __slots__ = ("denominator", "m", "m_hat", "v", "v_hat", "x")

    def __init__(self, x: float, m: float = 0.0, v: float = 0.0) -> None:
        self.x, self.m, self.v = arb(x), arb(m), arb(v)
        self.m_hat, self.v_hat = ZERO, ZERO
        self.denominator: arb | None = None

    def ascent(self, g: arb, c: Coefficients) -> arb:
        """The gradient that enters the moments: its sign, and decay where that is coupled."""
        g = -g if c.maximize else g
        return g if c.decay is None else g + c.decay * self.x

    def advance(self, g: arb, other: arb, c: Coefficients) -> None:
        """One step of Algorithm 2; `other` is the complex gradient's other part, or 0."""
        if not (g.is_zero() and other.is_zero() and self.m.is_zero() and self.v.is_zero()):
            self._accumulate(g, other, c)  # nothing is rounded before the first gradient
        self.m_hat = c.i1 * self.m  # line 7
        if c.n2 is not None:
            self.m_hat = self.m_hat + c.n2 * g
        self.v_hat = c.i2 * self.v
        self.denominator = None
        if c.r is not None:
            root_v = root(self.v_hat + c.eps_root)  # line 10
            self.denominator = root_v.max(c.eps) if c.floor else root_v + c.eps
        if not c.still:
            self.x = c.shrink * self.x - self.move(c.lr, c) + c.stored  # lines 12 and 14

    def move(self, lr: arb, c: Coefficients) -> arb:
        """The step size times the update, lr*u, in a step of these coefficients."""
        if c.r is None:
            return lr * self.m_hat
        if self.v > c.v_max or self.denominator is None or self.denominator.is_zero():
            return ZERO
        if self.m_hat.is_zero() and self.v.is_zero() and self.denominator.contains(0):
            return ZERO  # an eps that half precision may round to 0 does not make 0/0
        return (lr * c.r * self.m_hat + c.underflow) / self.denominator

    def _accumulate(self, g: arb, other: arb, c: Coefficients) -> None:
        self.m = c.beta1 * self.m + c.w1 * g + c.underflow  # line 6
        if not self.v > c.v_max:
            square = c.w2 * g * g
            if not other.is_zero():
                square = (square + c.w2 * other * other) * c.modulus
            self.v = c.beta2 * self.v + square + c.underflow  # line 5
            if not self.v <= c.v_max:
                self.v = arb.pos_inf() if self.v > c.v_max else arb.nan()


class Step(NamedTuple):
    """State after a step.

    Attributes
    ----------
    elements : list of Element
        Of all tensors, in order; the same objects at every step.
    coefficients : list of Coefficients or None
        Of each tensor; None where it got no gradient.
    """

    elements: list[Element]
    coefficients: list[Coefficients | None]


def run(
    case: Case, dialect: Dialect, model: Model, branches: Mapping[Branch, bool] = NO_BRANCHES
) -> Iterator[Step]:
    """The trajectory of a case, step by step, at the current precision.

    Parameters
    ----------
    case : Case
    dialect : Dialect
        Its decay, complex convention and Nesterov are those that count in the case.
    model : callable
        Gives for hyper-parameters the function that gives the coefficients of step t.
    branches : mapping of (beta2, t) to bool
        Steps that are rectified or not by decree.

    Yields
    ------
    Step

    Raises
    ------
    UndecidedError
        The model cannot decide whether a step is rectified.
    """
    setting = Setting(in_case(dialect, case), case.dtype, branches)
    tensors = [_elements(case, i) for i in range(len(case.x0))]
    everything = [element for tensor in tensors for element in tensor]
    counts = [case.start.t if case.start else 0] * len(tensors)
    modulus = "complex" in case.dtype and setting.dialect.complex == "modulus"
    cycle = [
        [None if row is None else [arb(g) for g in row] for row in rows] for rows in case.gradients
    ]
    models = {hyper: model(hyper, setting) for hyper in case.hyper}
    for step in range(1, case.steps + 1):
        used: list[Coefficients | None] = []
        for i, gradients in enumerate(cycle[(step - 1) % len(cycle)]):
            if gradients is None:
                used.append(None)
                continue
            counts[i] += 1
            c = models[case.hyper_at(step, case.x0[i].group)](counts[i])
            used.append(c)
            _advance(tensors[i], gradients, c, modulus)
        yield Step(everything, used)


def _elements(case: Case, i: int) -> list[Element]:
    """The elements of a tensor before the first step."""
    values = case.x0[i].values
    if case.start is None:
        return [Element(value) for value in values]
    return [Element(*each) for each in zip(values, case.start.m[i], case.start.v[i], strict=True)]


def _advance(tensor: list[Element], gradients: list[arb], c: Coefficients, modulus: bool) -> None:
    """One step of a tensor; both parts of a complex element share |g|^2 in one convention."""
    ascents = [e.ascent(g, c) for e, g in zip(tensor, gradients, strict=True)]
    for k, element in enumerate(tensor):
        element.advance(ascents[k], ascents[k ^ 1] if modulus else ZERO, c)
