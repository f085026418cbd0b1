"""Algorithm 2 in ball arithmetic, one text for the exact trajectory and for the bounds.

What depends on t, the hyper-parameters and the dialect stands in `Coefficients`. Exact
coefficients give the exact trajectory (`balls`); coefficients widened by the rounding errors of
everything they touch give an enclosure of all right programs (`bounds`).

One addition to real arithmetic: a second moment above the dtype's largest number is infinite and
stays so, and its element gets no adaptive update, since g^2 overflows in every IEEE program. Cases
are so extreme (|g| near 1e200 in float64, 1e30 in float32) that the order of operations is
immaterial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from flint import arb

from radam_ref import Dialect

from ..cases import Case, Hyper
from .bits import FORMATS, Format

ZERO, ONE = arb(0), arb(1)


class UndecidedError(ArithmeticError):
    """Rounding alone decides whether a right program rectifies a step."""


class Scalars(NamedTuple):
    """Terms of step t that depend on t and the betas alone.

    `w` is 1 - beta, `correction` is 1 - beta^t, `correction1_next` is 1 - beta1^(t+1).
    """

    beta1: arb
    w1: arb
    correction1: arb
    correction1_next: arb
    beta2: arb
    w2: arb
    correction2: arb
    rho_inf: arb
    rho: arb


class Coefficients(NamedTuple):
    """All that multiplies or is added to arrays in step t, for one dialect.

    Attributes
    ----------
    t : int
    rho : arb
        rho_t (line 8).
    r : arb or None
        r_t (line 11), None where the variance is not tractable.
    beta1, w1, beta2, w2, i1, n2, i2, eps_root, eps, shrink, lr : arb
        As in `Trajectory`'s formula; `n2` is None without Nesterov's look ahead.
    decay : arb or None
        Weight decay that is added to the gradient, None without.
    floor : bool
        `eps` is the least denominator, not a term of it.
    still : bool
        Nothing moves in this step.
    maximize : bool
    underflow : arb
        Around 0: what a rounding near the smallest number may be off by.
    v_max : arb
        Largest finite second moment.
    """

    t: int
    rho: arb
    r: arb | None
    beta1: arb
    w1: arb
    beta2: arb
    w2: arb
    i1: arb
    n2: arb | None
    i2: arb
    eps_root: arb
    eps: arb
    shrink: arb
    lr: arb
    decay: arb | None
    floor: bool
    still: bool
    maximize: bool
    underflow: arb
    v_max: arb


Model: TypeAlias = Callable[[Hyper, int, Dialect, Format], Coefficients]


def exact_scalars(hyper: Hyper, t: int) -> Scalars:
    """The terms of step t in exact arithmetic (lines 2 and 8)."""
    beta1, beta2 = arb(hyper.beta1), arb(hyper.beta2)
    power2 = beta2**t
    rho_inf = 2 / (1 - beta2) - 1
    return Scalars(
        beta1=beta1,
        w1=1 - beta1,
        correction1=1 - beta1**t,
        correction1_next=1 - beta1 ** (t + 1),
        beta2=beta2,
        w2=1 - beta2,
        correction2=1 - power2,
        rho_inf=rho_inf,
        rho=rho_inf - 2 * t * power2 / (1 - power2),
    )


def exact_coefficients(hyper: Hyper, t: int, dialect: Dialect, form: Format) -> Coefficients:
    """The coefficients of step t in exact arithmetic."""
    return combine(exact_scalars(hyper, t), hyper, t, dialect, form)


def combine(s: Scalars, hyper: Hyper, t: int, dialect: Dialect, form: Format) -> Coefficients:
    """The coefficients that a dialect makes of the scalar terms.

    Raises
    ------
    UndecidedError
        The ball of rho_t contains the dialect's threshold.
    """
    r = _rectification(s, t, dialect)
    eps_root, eps = _eps(s, r, hyper, dialect)
    i1, n2 = 1 / s.correction1, None
    if dialect.nesterov:
        i1, n2 = s.beta1 / s.correction1_next, s.w1 / s.correction1
    if r is None and dialect.eps_placement == "floor":
        i1 = i1 / arb(hyper.eps).sqrt().max(ONE)
    lr, decay = arb(hyper.lr), arb(hyper.weight_decay)
    shrinks = {"decoupled": 1 - lr * decay, "absolute": 1 - decay, "coupled": ONE}
    coupled = dialect.weight_decay == "coupled" and hyper.weight_decay != 0
    return Coefficients(
        t=t,
        rho=s.rho,
        r=r,
        beta1=s.beta1,
        w1=s.w1,
        beta2=s.beta2,
        w2=s.w2,
        i1=i1,
        n2=n2,
        i2=1 / s.correction2,
        eps_root=eps_root,
        eps=eps,
        shrink=shrinks[dialect.weight_decay],
        lr=lr,
        decay=decay if coupled else None,
        floor=dialect.eps_placement == "floor",
        still=r is None and dialect.unrectified == "hold",
        maximize=hyper.maximize,
        underflow=ZERO,
        v_max=arb(form.largest),
    )


def _rectification(s: Scalars, t: int, dialect: Dialect) -> arb | None:
    if s.rho <= dialect.threshold:
        return None
    if not s.rho > dialect.threshold:
        raise UndecidedError(f"rho_{t} = {s.rho} against the threshold {dialect.threshold}")
    squared = (s.rho - 4) * (s.rho - 2) * s.rho_inf / ((s.rho_inf - 4) * (s.rho_inf - 2) * s.rho)
    return squared.sqrt()  # line 11


def _eps(s: Scalars, r: arb | None, hyper: Hyper, dialect: Dialect) -> tuple[arb, arb]:
    """eps_root, and eps as it joins sqrt(i2*v + eps_root)."""
    eps = arb(hyper.eps)
    if dialect.eps_placement == "before_correction":
        return arb(dialect.eps_root), eps / s.correction2.sqrt()
    if dialect.eps_placement == "floor":
        # max(root/r, sqrt(eps)) = max(root, r*sqrt(eps))/r
        return ZERO, eps.sqrt() * (ONE if r is None else r)
    return arb(dialect.eps_root), eps


class Element:
    """One scalar parameter and its moments, as balls.

    An infinite `v` has overflowed; where a ball cannot tell whether it has, `v` is NaN, and so is
    `x` from then on.
    """

    __slots__ = ("m", "v", "x")

    def __init__(self, x: float) -> None:
        self.x, self.m, self.v = arb(x), ZERO, ZERO

    def advance(self, g: arb, c: Coefficients) -> None:
        """One step of Algorithm 2."""
        g = -g if c.maximize else g
        g = g if c.decay is None else g + c.decay * self.x
        self._accumulate(g, c)
        if not c.still:
            self.x = c.shrink * self.x - self._move(g, c) + c.underflow  # lines 12 and 14

    def _accumulate(self, g: arb, c: Coefficients) -> None:
        if g.is_zero() and self.m.is_zero() and self.v.is_zero():
            return  # nothing is rounded before the first gradient
        self.m = c.beta1 * self.m + c.w1 * g + c.underflow  # line 6
        if not self.v > c.v_max:
            self.v = c.beta2 * self.v + c.w2 * g * g + c.underflow  # line 5
            if not self.v <= c.v_max:
                self.v = arb.pos_inf() if self.v > c.v_max else arb.nan()

    def _move(self, g: arb, c: Coefficients) -> arb:
        """The step size times the update, lr*u."""
        m_hat = c.i1 * self.m  # line 7
        if c.n2 is not None:
            m_hat = m_hat + c.n2 * g
        if c.r is None:
            return c.lr * m_hat
        if self.v > c.v_max:
            return ZERO
        root = _root(c.i2 * self.v + c.eps_root)  # line 10
        denominator = root.max(c.eps) if c.floor else root + c.eps
        if denominator.is_zero():
            return ZERO
        return (c.lr * c.r * m_hat + c.underflow) / denominator


def _root(x: arb) -> arb:
    """The square root of the part of a ball that is not negative."""
    root = x.sqrt()
    return x.upper().sqrt().union(ZERO) if root.is_nan() else root


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


def run(case: Case, dialect: Dialect, model: Model) -> Iterator[Step]:
    """The trajectory of a case, step by step, at the current precision.

    Parameters
    ----------
    case : Case
    dialect : Dialect
    model : callable
        Gives the coefficients of a tensor's t-th step.

    Yields
    ------
    Step

    Raises
    ------
    UndecidedError
        The model cannot decide whether a step is rectified.
    """
    form = FORMATS[case.dtype]
    tensors = [[Element(value) for value in tensor.values] for tensor in case.x0]
    everything = [element for tensor in tensors for element in tensor]
    counts = [0] * len(tensors)
    cycle = [
        [None if row is None else [arb(g) for g in row] for row in rows] for rows in case.gradients
    ]
    for step in range(1, case.steps + 1):
        hyper = case.hyper_at(step)
        known: dict[int, Coefficients] = {}
        used: list[Coefficients | None] = []
        for i, gradients in enumerate(cycle[(step - 1) % len(cycle)]):
            if gradients is None:
                used.append(None)
                continue
            counts[i] = t = counts[i] + 1
            c = known[t] = known.get(t) or model(hyper, t, dialect, form)
            used.append(c)
            for element, g in zip(tensors[i], gradients, strict=True):
                element.advance(g, c)
        yield Step(everything, used)
