"""Recognises scalar terms computed in binary32, by computing them so.

In binary32 rho_t of line 8 is the difference of two numbers near 2/(1-beta2), so r_t and even the
step that first rectifies depend on the last bit of beta2^t. A bound wide enough for that would
admit anything. Instead each step of a failing case is compared with the few values that binary32
can give: if every one is met, and the right algorithm does the rest, precision is the fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from radam_ref import Dialect

from .cases import Case, Floats, Hyper
from .comparison import observed
from .naming import core
from .protocol import Answer

F32 = np.float32
# The roundings of arrays and bias corrections in binary32 stay below this; another r_t of binary32
# is farther off, by 1e-5 and more where it matters.
RELATIVE = 4e-6
LAST_BITS = (0, -1, 1, -2, 2)  # of beta2^t: another pow is another last bit


class Terms(NamedTuple):
    """Scalar terms of a step as some program in binary32 has them; r None: not rectified."""

    correction2: float
    r: float | None


def binary32_terms(hyper: Hyper, t: int, threshold: float) -> Iterator[Terms]:
    """The terms of step t that programs in binary32 arrive at."""
    one, two, four = F32(1), F32(2), F32(4)
    beta2 = F32(hyper.beta2)
    mixed = F32(2 / (1 - hyper.beta2) - 1)  # rho_inf, still a Python float when it is computed
    closed = two / (one - beta2) - one
    power = F32(float(beta2) ** t)
    for rho_inf, bit, first in product((mixed, closed), LAST_BITS, (True, False)):
        power_t = power + F32(bit) * np.spacing(power)
        correction2 = one - power_t
        twice = F32(2 * t)
        lost = twice * power_t / correction2 if first else twice * (power_t / correction2)
        rho_t = rho_inf - lost
        if rho_t <= threshold:
            yield Terms(float(correction2), None)
        if rho_t < threshold:  # in binary32 alone they can be equal, and ports have > or >=
            continue
        squared = (rho_t - four) * (rho_t - two) * rho_inf
        squared = squared / ((rho_inf - four) * (rho_inf - two) * rho_t)
        yield Terms(float(correction2), float(np.sqrt(squared)))


def checkable(case: Case) -> set[int]:
    """The observed steps whose predecessor was observed too, or is x0."""
    return {t for s, t in pairwise((0, *case.observe)) if t == s + 1}


def explains(case: Case, dialect: Dialect, answer: Answer) -> bool:
    """Whether every checkable step of the answer is one that scalar terms in binary32 make.

    Nesterov's look ahead, eps as a floor, decay and schedules are not simulated: False.
    """
    unsimulated = dialect.nesterov or dialect.eps_placement == "floor"
    if unsimulated or len(case.hyper) > 1 or case.hyper[0].weight_decay:
        return False
    x0 = np.concatenate([np.array(tensor.values) for tensor in case.x0])
    points = [(0, x0), *zip(case.observe, observed(case, answer), strict=True)]
    pairs = {t: (x, y) for (s, x), (t, y) in pairwise(points) if t == s + 1}
    with np.errstate(all="ignore"):
        moments = _moments(case, dialect, max(pairs, default=0))
        return all(_is_met(case, dialect, t, moments[t - 1], *pairs[t]) for t in pairs)


def _moments(case: Case, dialect: Dialect, last: int) -> list[tuple[Floats, Floats]]:
    from .truth.balls import trajectory

    exact = zip(range(last), trajectory(case, core(dialect)), strict=False)
    return [tuple(np.array([float(z) for z in row]) for row in (s.m, s.v)) for _, s in exact]  # type: ignore[misc]


def _is_met(
    case: Case, dialect: Dialect, t: int, moments: tuple[Floats, Floats], x: Floats, y: Floats
) -> bool:
    """Whether the step from x to y is that of some terms in binary32."""
    hyper, (m, v), unit = case.hyper[0], moments, float(np.finfo(case.dtype).eps)
    m_hat = m / (1 - hyper.beta1**t)
    for terms in binary32_terms(hyper, t, dialect.threshold):
        if terms.r is None:
            u = m_hat if dialect.unrectified == "momentum" else 0 * m_hat
        else:
            u = terms.r * m_hat / _denominator(v, terms.correction2, hyper.eps, dialect)
        reach = RELATIVE * np.abs(hyper.lr * u) + unit * (np.abs(x) + np.abs(y))
        if (np.abs(x - hyper.lr * u - y) <= reach).all():
            return True
    return False


def _denominator(v: Floats, correction2: float, eps: float, dialect: Dialect) -> Floats:
    if dialect.eps_placement == "before_correction":
        eps = eps / np.sqrt(correction2)
    root: Floats = np.sqrt(v / correction2 + dialect.eps_root)
    return root + eps
