"""Recognises scalar terms computed in binary32, by computing them so.

In binary32 rho_t of line 8 is the difference of two numbers near 2/(1-beta2), so r_t and even the
step that first rectifies depend on the last bit of beta2^t. A bound wide enough for that would
admit anything. Instead each step of a failing case is compared with the few values that programs in
binary32 arrive at: if one of them is met at every step, and the right algorithm does the rest,
precision is the fault. Steps between observed ones must stay within the range of those values.
"""

from __future__ import annotations

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
# is farther off where it matters.
RELATIVE = 4e-6
LAST_BITS = (-2, -1, 0, 1, 2)


class Terms(NamedTuple):
    """1 - beta2^t and r_t of one step, in each way to compute them; r NaN: not rectified."""

    correction2: Floats
    r: Floats


def binary32_terms(hyper: Hyper, t: int, threshold: float) -> Terms:
    """The terms of step t that programs in binary32 arrive at."""
    exact, narrow = hyper.beta2, F32(hyper.beta2)
    rho_infs = {  # 1 - beta2 in either precision, all of line 2 in Python's floats
        float(F32(2) / (F32(1) - narrow) - F32(1)),
        float(F32(2) / F32(1 - exact) - F32(1)),
        float(F32(2 / (1 - exact) - 1)),
    }
    corrections = []
    for beta in (float(narrow), exact):
        corrections += [(p, F32(1) - p) for p in _neighbours(F32(beta**t))]
        corrections += [(F32(beta**t), c) for c in _neighbours(F32(1 - beta**t))]  # by expm1
    ways = [(rho_inf, *pair) for rho_inf, pair in product(rho_infs, corrections)]
    rho_inf, power, correction2 = (np.array(column, F32) for column in zip(*ways, strict=True))
    twice, two, four = F32(2 * t), F32(2), F32(4)
    lost = np.concatenate([twice * power / correction2, twice * (power / correction2)])
    rho_inf, correction2 = np.tile(rho_inf, 2), np.tile(correction2, 2).astype(float)
    rho_t = rho_inf - lost
    squared = (rho_t - four) * (rho_t - two) * rho_inf
    r = np.sqrt(squared / ((rho_inf - four) * (rho_inf - two) * rho_t)).astype(float)
    # In binary32 alone rho_t can equal the threshold, and ports compare with > or >=.
    r = np.concatenate([np.where(rho_t >= threshold, r, np.nan), np.full(len(r), np.nan)])
    keep = np.concatenate([rho_t >= threshold, rho_t <= threshold])
    correction2 = np.tile(correction2, 2)[keep]
    r = r[keep]
    exactly = np.full(len(r), 1 - exact**t)  # the bias correction may have been spared
    return Terms(np.concatenate([correction2, exactly]), np.tile(r, 2))


def _neighbours(x: np.float32) -> list[np.float32]:
    """`x` and what another library's function may give in its place."""
    return [x + F32(bit) * np.spacing(x) for bit in LAST_BITS]


def checkable(case: Case) -> set[int]:
    """The observed steps whose predecessor was observed too, or is x0."""
    return {t for s, t in pairwise((0, *case.observe)) if t == s + 1}


def explains(case: Case, dialect: Dialect, answer: Answer) -> bool:
    """Whether scalar terms in binary32 can make every observed step of the answer.

    Nesterov's look ahead, eps as a floor, decay and schedules are not simulated: False.
    """
    unsimulated = dialect.nesterov or dialect.eps_placement == "floor"
    if unsimulated or len(case.hyper) > 1 or case.hyper[0].weight_decay:
        return False
    x0 = np.concatenate([np.array(tensor.values) for tensor in case.x0])
    points = [(0, x0), *zip(case.observe, observed(case, answer), strict=True)]
    moments = _moments(case, dialect)
    with np.errstate(all="ignore"):
        return all(
            _is_met(case, dialect, moments, s, t, y - x, np.abs(x) + np.abs(y))
            for (s, x), (t, y) in pairwise(points)
        )


def _moments(case: Case, dialect: Dialect) -> list[tuple[Floats, Floats]]:
    from .truth.balls import trajectory

    exact = trajectory(case, core(dialect))
    return [(np.array(list(map(float, s.m))), np.array(list(map(float, s.v)))) for s in exact]


def _is_met(
    case: Case,
    dialect: Dialect,
    moments: list[tuple[Floats, Floats]],
    s: int,
    t: int,
    moved: Floats,
    size: Floats,
) -> bool:
    """Whether from step s to t the parameters moved as some terms in binary32 let them."""
    unit = float(np.finfo(case.dtype).eps)
    least = most = np.zeros(len(moved))
    slack = unit * (t - s) * size
    for step in range(s + 1, t + 1):
        moves = _moves(case.hyper[0], dialect, step, *moments[step - 1])
        slack = slack + RELATIVE * np.abs(moves).max(axis=0)
        least, most = least + moves.min(axis=0), most + moves.max(axis=0)
    if t > s + 1:
        return bool(((least - slack <= moved) & (moved <= most + slack)).all())
    return bool((np.abs(moves - moved) <= slack).all(axis=1).any())


def _moves(hyper: Hyper, dialect: Dialect, t: int, m: Floats, v: Floats) -> Floats:
    """The moves of a step, a row for each way to compute its terms."""
    m_hat = m / (1 - hyper.beta1**t)
    terms = binary32_terms(hyper, t, dialect.threshold)
    correction2, r = terms.correction2[:, None], terms.r[:, None]
    eps: Floats | float = hyper.eps
    if dialect.eps_placement == "before_correction":
        eps = eps / np.sqrt(correction2)
    u = r * m_hat / (np.sqrt(v / correction2 + dialect.eps_root) + eps)
    plain = m_hat if dialect.unrectified == "momentum" else 0 * m_hat
    moves: Floats = -hyper.lr * np.where(np.isnan(r), plain, u)
    return moves
