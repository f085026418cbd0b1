"""The second oracle: Algorithm 2 in mpmath's multiprecision floats, written on its own.

It shares no code with `algorithm`, `balls` and `bits`: it follows the words of the specification,
dialect by dialect, proves nothing, and works with so many more bits that agreement leaves no doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from mpmath import mp

from radam_ref import Dialect

from ..cases import Case, Hyper

Number: TypeAlias = Any  # mpmath has no types
Branches: TypeAlias = Mapping[tuple[float, int], bool]
SHORT_BITS, LONG_BITS, LONG_STEPS = 1200, 480, 1000
CHAIN = 10_000  # steps whose terms are kept: those of a chain serve the next dialect too


def pairs(
    case: Case, dialect: Dialect, branches: Branches | None = None
) -> list[list[tuple[float, float]]]:
    """The exact parameters as hi + lo, of each observed step and each element of all tensors.

    Parameters
    ----------
    case : Case
    dialect : Dialect
        Its decay, complex convention and Nesterov are those that count in the case.
    branches : mapping of (beta2, t) to bool, optional
        Steps that are rectified or not, whatever rho_t is.

    Returns
    -------
    list of list of (hi, lo)
    """
    forced = {} if branches is None else branches
    with mp.workprec(LONG_BITS if case.steps > LONG_STEPS else SHORT_BITS):
        tensors = [_follow(case, dialect, i, forced) for i in range(len(case.x0))]
        return [[_pair(x) for tensor in tensors for x in tensor[t]] for t in case.observe]


def _follow(case: Case, dialect: Dialect, i: int, branches: Branches) -> dict[int, list[Number]]:
    """Parameters of tensor i after each observed step."""
    x = [mp.mpf(value) for value in case.x0[i].values]
    m = [mp.mpf(value) for value in case.start.m[i]] if case.start else [mp.mpf(0) for _ in x]
    v = [mp.mpf(value) for value in case.start.v[i]] if case.start else [mp.mpf(0) for _ in x]
    rules = {hyper: _Rules(case, dialect, hyper) for hyper in case.hyper}
    cycle = [
        None if row is None else [mp.mpf(value) for value in row]
        for row in (rows[i] for rows in case.gradients)
    ]
    t, seen = case.start.t if case.start else 0, {}
    for step in range(1, case.steps + 1):
        gradient = cycle[(step - 1) % len(cycle)]
        if gradient is not None:
            t += 1
            now = rules[case.hyper_at(step, case.x0[i].group)]
            _step(x, m, v, gradient, _terms(t, now, branches), now)
        if step in case.observe:
            seen[step] = list(x)
    return seen


class _Rules:
    """What does not change from step to step, converted once for a million of them."""

    def __init__(self, case: Case, dialect: Dialect, hyper: Hyper) -> None:
        self.hyper, self.dialect = hyper, _in_case(dialect, hyper)
        self.lr, self.beta1, self.beta2, self.eps, self.wd = (mp.mpf(v) for v in hyper[1:6])
        half = case.dtype in ("float16", "bfloat16")  # their moments are in float32
        self.largest = float(np.finfo("float32" if half else case.dtype).max)
        self.modulus = "complex" in case.dtype and case.profile != "complex.componentwise"


def _in_case(dialect: Dialect, hyper: Hyper) -> Dialect:
    """What the case asks for instead of the dialect's own."""
    nesterov = dialect.nesterov or hyper.nesterov
    if not hyper.decoupled:
        return replace(dialect, nesterov=nesterov, weight_decay="coupled")
    decay = "absolute" if dialect.weight_decay == "absolute" else "decoupled"
    return replace(dialect, nesterov=nesterov, weight_decay=decay)


class _Terms(NamedTuple):
    """beta1^t, beta2^t, and r_t, which is None where the step is not rectified."""

    power1: Number
    power2: Number
    r: Number | None


def _terms(t: int, rules: _Rules, branches: Branches) -> _Terms:
    beta1, beta2 = rules.hyper.beta1, rules.hyper.beta2
    power1, (power2, _, rho) = _power(beta1, t, mp.prec), _rho(beta2, t, mp.prec)
    rectified = branches.get((beta2, t), rho > rules.dialect.threshold)
    return _Terms(power1, power2, _rectification(beta2, t, mp.prec) if rectified else None)


# What depends on t and a beta alone is the same in each dialect; `bits` are the current precision.


@lru_cache
def _beta(beta: float, bits: int) -> tuple[Number, Number]:
    """beta and 2/(1 - beta) - 1, which is rho_inf where beta is beta2."""
    return mp.mpf(beta), 2 / (1 - mp.mpf(beta)) - 1


def _remembered(terms: Callable[[float, int, int], Any]) -> Callable[[float, int, int], Any]:
    """Later steps have no second use; the memory of a million would be slower than to compute."""
    early, latest = lru_cache(CHAIN)(terms), lru_cache(1)(terms)
    return lambda beta, t, bits: (early if t <= CHAIN else latest)(beta, t, bits)


@_remembered
def _power(beta1: float, t: int, bits: int) -> Number:
    return _beta(beta1, bits)[0] ** t


@_remembered
def _rho(beta2: float, t: int, bits: int) -> tuple[Number, Number, Number]:
    """beta2^t, rho_inf and rho_t."""
    beta, rho_inf = _beta(beta2, bits)
    power2 = beta**t
    return power2, rho_inf, rho_inf - 2 * t * power2 / (1 - power2)


@_remembered
def _rectification(beta2: float, t: int, bits: int) -> Number:
    """r_t; by decree a step may be rectified whose rho_t is below the threshold."""
    _, rho_inf, rho = _rho(beta2, t, bits)
    squared = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
    return mp.sqrt(squared) if squared > 0 else mp.mpf(0)


def _step(
    x: list[Number],
    m: list[Number],
    v: list[Number],
    gradients: list[Number],
    terms: _Terms,
    rules: _Rules,
) -> None:
    lr, beta1, beta2, wd, dialect = rules.lr, rules.beta1, rules.beta2, rules.wd, rules.dialect
    if rules.hyper.maximize:
        gradients = [-g for g in gradients]
    if dialect.weight_decay == "coupled":
        gradients = [g + wd * value for g, value in zip(gradients, x, strict=True)]
    for k, g in enumerate(gradients):
        square = g * g
        if rules.modulus:
            square += gradients[k ^ 1] * gradients[k ^ 1]  # the other part of the same number
        m[k] = beta1 * m[k] + (1 - beta1) * g
        v[k] = beta2 * v[k] + (1 - beta2) * square if mp.isfinite(v[k]) else v[k]
        v[k] = mp.inf if v[k] > rules.largest else v[k]
        if terms.r is None and dialect.unrectified == "hold":
            continue
        m_hat = m[k] / (1 - terms.power1)
        if dialect.nesterov:
            ahead = beta1 * m[k] / (1 - beta1 * terms.power1)
            m_hat = ahead + (1 - beta1) * g / (1 - terms.power1)
        if dialect.weight_decay == "decoupled":
            x[k] *= 1 - lr * wd
        elif dialect.weight_decay == "absolute":
            x[k] *= 1 - wd
        x[k] -= lr * m_hat * _rate(v[k], terms, rules)


def _rate(v: Number, terms: _Terms, rules: _Rules) -> Number:
    """What the momentum is multiplied by besides the step size (lines 10 and 11)."""
    eps, r, dialect = rules.eps, terms.r, rules.dialect
    if r is None:
        floor = mp.sqrt(eps) if dialect.eps_placement == "floor" else mp.mpf(0)
        return 1 / max(mp.mpf(1), floor)
    if mp.isinf(v) or not r:
        return mp.mpf(0)
    correction = 1 - terms.power2
    if dialect.eps_placement == "before_correction":
        root = mp.sqrt(v + correction * dialect.eps_root)
        numerator, denominator = r * mp.sqrt(correction), root + eps
    elif dialect.eps_placement == "floor":
        numerator, denominator = mp.mpf(1), max(mp.sqrt(v / correction) / r, mp.sqrt(eps))
    else:
        numerator, denominator = r, mp.sqrt(v / correction + dialect.eps_root) + eps
    return numerator / denominator if denominator else mp.mpf(0)


def _pair(x: Number) -> tuple[float, float]:
    """`x` as hi + lo; a value that agrees with a 160-bit number in half the bits is it."""
    value = _fraction(x)
    with mp.workprec(160):
        short = _fraction(+x)
    if abs(value - short) < abs(value) / 2 ** (mp.prec // 2):
        value = short
    hi = value.numerator / value.denominator
    rest = value - Fraction(hi)
    return hi, rest.numerator / rest.denominator


def _fraction(x: Number) -> Fraction:
    sign, mantissa, exponent, _ = x._mpf_
    return Fraction((-1) ** sign * int(mantissa)) * Fraction(2) ** int(exponent)
