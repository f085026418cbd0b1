"""The second oracle: Algorithm 2 in mpmath's multiprecision floats, written on its own.

It shares no code with `algorithm`, `balls` and `bits`: it follows the words of the specification,
dialect by dialect, proves nothing, and works with so many more bits that agreement leaves no doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from mpmath import mp

from radam_ref import Dialect

from ..cases import Case, Hyper

Number: TypeAlias = Any  # mpmath has no types
Branches: TypeAlias = Mapping[tuple[float, int], bool]
SHORT_BITS, LONG_BITS, LONG_STEPS = 1200, 480, 1000


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
    t, seen = case.start.t if case.start else 0, {}
    for step in range(1, case.steps + 1):
        gradient = case.gradients[(step - 1) % len(case.gradients)][i]
        if gradient is not None:
            t += 1
            hyper = case.hyper_at(step, case.x0[i].group)
            _step(x, m, v, gradient, t, hyper, _in_case(dialect, hyper), case, branches)
        if step in case.observe:
            seen[step] = list(x)
    return seen


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
    gradient: tuple[float, ...],
    t: int,
    hyper: Hyper,
    dialect: Dialect,
    case: Case,
    branches: Branches,
) -> None:
    lr, beta1, beta2, _, wd = (mp.mpf(value) for value in hyper[1:6])
    half = case.dtype in ("float16", "bfloat16")  # their moments are in float32
    largest = mp.mpf(float(np.finfo("float32" if half else case.dtype).max))
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    rectified = branches.get((hyper.beta2, t), rho > dialect.threshold)
    modulus = "complex" in case.dtype and case.profile != "complex.componentwise"
    gradients = [mp.mpf(-value if hyper.maximize else value) for value in gradient]
    if dialect.weight_decay == "coupled":
        gradients = [g + wd * value for g, value in zip(gradients, x, strict=True)]
    for k, g in enumerate(gradients):
        square = g**2
        if modulus:
            square += gradients[k ^ 1] ** 2  # the other part of the same number
        m[k] = beta1 * m[k] + (1 - beta1) * g
        v[k] = beta2 * v[k] + (1 - beta2) * square if mp.isfinite(v[k]) else v[k]
        v[k] = mp.inf if v[k] > largest else v[k]
        if not rectified and dialect.unrectified == "hold":
            continue
        m_hat = m[k] / (1 - beta1**t)
        if dialect.nesterov:
            m_hat = beta1 * m[k] / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
        rate = _rate(v[k], t, rho, rho_inf, rectified, hyper, dialect)
        if dialect.weight_decay == "decoupled":
            x[k] *= 1 - lr * wd
        elif dialect.weight_decay == "absolute":
            x[k] *= 1 - wd
        x[k] -= lr * m_hat * rate


def _rate(
    v: Number,
    t: int,
    rho: Number,
    rho_inf: Number,
    rectified: bool,
    hyper: Hyper,
    dialect: Dialect,
) -> Number:
    """What the momentum is multiplied by besides the step size (lines 10 and 11)."""
    beta2, eps = mp.mpf(hyper.beta2), mp.mpf(hyper.eps)
    if not rectified:
        floor = mp.sqrt(eps) if dialect.eps_placement == "floor" else mp.mpf(0)
        return 1 / max(mp.mpf(1), floor)
    if mp.isinf(v):
        return mp.mpf(0)
    squared = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
    if squared <= 0:  # rectified by decree
        return mp.mpf(0)
    r, correction = mp.sqrt(squared), 1 - beta2**t
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
