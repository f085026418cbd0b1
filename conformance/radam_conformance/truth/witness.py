"""The second oracle: Algorithm 2 in multiprecision floats, written on its own.

It shares no code with `algorithm`, `balls` and `bits`: it follows the words of the specification,
dialect by dialect, proves nothing, and works with so many more bits that agreement leaves no doubt.
Its numbers are those of mpmath, or those of gmpy2 where that is installed: then it is six times
faster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from fractions import Fraction
from math import inf
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from mpmath import libmp, mp

from radam_ref import Dialect

from ..cases import Case, Hyper

Number: TypeAlias = Any  # neither library has types
Branches: TypeAlias = Mapping[tuple[float, int], bool]
SHORT_BITS, LONG_BITS, LONG_STEPS = 1200, 480, 1000


class Arithmetic(NamedTuple):
    """What the witness uses of a library of multiprecision floats.

    Attributes
    ----------
    number, sqrt : callable
        A number, exactly; a square root.
    precision : callable
        The context in which results have so many bits.
    ratio : callable
        Numerator and denominator of a number.
    """

    number: Callable[[float], Number]
    sqrt: Callable[[Number], Number]
    precision: Callable[[int], AbstractContextManager[Any]]
    ratio: Callable[[Number], tuple[Any, Any]]


LIBRARIES = {
    "mpmath": Arithmetic(mp.mpf, mp.sqrt, mp.workprec, lambda x: libmp.to_rational(x._mpf_))
}
try:
    import gmpy2  # type: ignore[import-untyped]
except ImportError:
    pass
else:
    LIBRARIES["gmpy2"] = Arithmetic(
        gmpy2.mpfr,
        gmpy2.sqrt,
        lambda bits: gmpy2.context(precision=bits),
        lambda x: x.as_integer_ratio(),
    )
*_, LIBRARY = LIBRARIES  # the fastest that is installed


def pairs(
    case: Case,
    dialect: Dialect,
    branches: Branches | None = None,
    library: str = LIBRARY,
) -> list[list[tuple[float, float]]]:
    """The exact parameters as hi + lo, of each observed step and each element of all tensors.

    Parameters
    ----------
    case : Case
    dialect : Dialect
        Its decay, complex convention and Nesterov are those that count in the case.
    branches : mapping of (beta2, t) to bool, optional
        Steps that are rectified or not, whatever rho_t is.
    library : str
        A key of `LIBRARIES`.

    Returns
    -------
    list of list of (hi, lo)
    """
    kit, forced = LIBRARIES[library], {} if branches is None else branches
    bits = LONG_BITS if case.steps > LONG_STEPS else SHORT_BITS
    with kit.precision(bits):
        tensors = [_follow(case, dialect, i, forced, kit) for i in range(len(case.x0))]
        return [
            [_pair(x, bits, kit) for tensor in tensors for x in tensor[t]] for t in case.observe
        ]


def _follow(
    case: Case, dialect: Dialect, i: int, branches: Branches, kit: Arithmetic
) -> dict[int, list[Number]]:
    """Parameters of tensor i after each observed step."""
    x0 = case.x0[i].values
    zeros = (0.0,) * len(x0)
    m0, v0 = (case.start.m[i], case.start.v[i]) if case.start else (zeros, zeros)
    x, m, v = ([kit.number(value) for value in values] for values in (x0, m0, v0))
    rules = {hyper: _Rules(case, dialect, hyper, kit) for hyper in case.hyper}
    cycle = [
        None if row is None else [kit.number(value) for value in row]
        for row in (rows[i] for rows in case.gradients)
    ]
    observe, seen = set(case.observe), {}
    t = case.start.t if case.start else 0
    for step in range(1, case.steps + 1):
        gradient = cycle[(step - 1) % len(cycle)]
        if gradient is not None:
            t += 1
            now = rules[case.hyper_at(step, case.x0[i].group)]
            _step(x, m, v, gradient, now.terms(t, branches), now)
        if step in observe:
            seen[step] = list(x)
    return seen


class _Terms(NamedTuple):
    """beta1^t, 1 - beta1^t, 1 - beta2^t, and r_t, which is None where the step is not rectified."""

    power1: Number
    correction1: Number
    correction2: Number
    r: Number | None


class _Rules:
    """What does not change from step to step, computed once for a million of them."""

    def __init__(self, case: Case, dialect: Dialect, hyper: Hyper, kit: Arithmetic) -> None:
        self.hyper, self.dialect, self.sqrt = hyper, _in_case(dialect, hyper), kit.sqrt
        self.lr, self.beta1, self.beta2, self.eps, self.wd = (kit.number(v) for v in hyper[1:6])
        self.weight1, self.weight2 = 1 - self.beta1, 1 - self.beta2
        decay = {"coupled": 0, "decoupled": self.lr * self.wd, "absolute": self.wd}
        self.shrink = 1 - decay[self.dialect.weight_decay]
        self.eps_root, self.sqrt_eps = kit.number(self.dialect.eps_root), kit.sqrt(self.eps)
        self.rho_inf = 2 / self.weight2 - 1
        half = case.dtype in ("float16", "bfloat16")  # their moments are in float32
        self.largest = kit.number(float(np.finfo("float32" if half else case.dtype).max))
        self.modulus = "complex" in case.dtype and case.profile != "complex.componentwise"
        self._t, self._power1, self._power2 = 0, kit.number(1), kit.number(1)

    def terms(self, t: int, branches: Branches) -> _Terms:
        """What depends on t and the betas alone (lines 8, 9 and 11).

        By decree a step may be rectified whose rho_t is below the threshold.
        """
        if t == self._t + 1:
            self._power1, self._power2 = self._power1 * self.beta1, self._power2 * self.beta2
        else:
            self._power1, self._power2 = self.beta1**t, self.beta2**t
        self._t, power2, rho_inf = t, self._power2, self.rho_inf
        correction2 = 1 - power2
        rho, r = rho_inf - 2 * t * power2 / correction2, None
        if branches.get((self.hyper.beta2, t), rho > self.dialect.threshold):
            squared = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
            r = self.sqrt(squared) if squared > 0 else 0
        return _Terms(self._power1, 1 - self._power1, correction2, r)


def _in_case(dialect: Dialect, hyper: Hyper) -> Dialect:
    """What the case asks for instead of the dialect's own."""
    nesterov = dialect.nesterov or hyper.nesterov
    if not hyper.decoupled:
        return replace(dialect, nesterov=nesterov, weight_decay="coupled")
    decay = "absolute" if dialect.weight_decay == "absolute" else "decoupled"
    return replace(dialect, nesterov=nesterov, weight_decay=decay)


def _step(
    x: list[Number],
    m: list[Number],
    v: list[Number],
    gradients: list[Number],
    terms: _Terms,
    rules: _Rules,
) -> None:
    beta1, beta2, dialect = rules.beta1, rules.beta2, rules.dialect
    if rules.hyper.maximize:
        gradients = [-g for g in gradients]
    if dialect.weight_decay == "coupled":
        gradients = [g + rules.wd * value for g, value in zip(gradients, x, strict=True)]
    for k, g in enumerate(gradients):
        square = g * g
        if rules.modulus:
            square += gradients[k ^ 1] * gradients[k ^ 1]  # the other part of the same number
        m[k] = beta1 * m[k] + rules.weight1 * g
        if v[k] < inf:
            v[k] = beta2 * v[k] + rules.weight2 * square
            v[k] = inf if v[k] > rules.largest else v[k]
        if terms.r is None and dialect.unrectified == "hold":
            continue
        m_hat = m[k] / terms.correction1
        if dialect.nesterov:
            ahead = beta1 * m[k] / (1 - beta1 * terms.power1)
            m_hat = ahead + rules.weight1 * g / terms.correction1
        x[k] = rules.shrink * x[k] - rules.lr * m_hat * _rate(v[k], terms, rules)


def _rate(v: Number, terms: _Terms, rules: _Rules) -> Number:
    """What the momentum is multiplied by besides the step size (lines 10 and 11)."""
    eps, r, dialect = rules.eps, terms.r, rules.dialect
    if r is None:
        return 1 / max(1, rules.sqrt_eps) if dialect.eps_placement == "floor" else 1
    if v == inf or not r:
        return 0
    correction = terms.correction2
    if dialect.eps_placement == "before_correction":
        root = rules.sqrt(v + correction * rules.eps_root)
        numerator, denominator = r * rules.sqrt(correction), root + eps
    elif dialect.eps_placement == "floor":
        numerator, denominator = 1, max(rules.sqrt(v / correction) / r, rules.sqrt_eps)
    else:
        numerator, denominator = r, rules.sqrt(v / correction + rules.eps_root) + eps
    return numerator / denominator if denominator else 0


def _pair(x: Number, bits: int, kit: Arithmetic) -> tuple[float, float]:
    """`x` as hi + lo; a value that agrees with a 160-bit number in half the bits is it."""
    value = _fraction(x, kit)
    with kit.precision(160):
        short = _fraction(+x, kit)
    if abs(value - short) < abs(value) / 2 ** (bits // 2):
        value = short
    hi = value.numerator / value.denominator
    rest = value - Fraction(hi)
    return hi, rest.numerator / rest.denominator


def _fraction(x: Number, kit: Arithmetic) -> Fraction:
    return Fraction(*map(int, kit.ratio(x)))
