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
    rho_t = np.concatenate(
        [rho_inf - twice * power / correction2, rho_inf - twice * (power / correction2)]
    )
    rho_inf, correction2 = np.tile(rho_inf, 2), np.tile(correction2, 2)
    squared = (rho_t - four) * (rho_t - two) * rho_inf
    r = np.sqrt(squared / ((rho_inf - four) * (rho_inf - two) * rho_t))
    # In binary32 alone rho_t can equal the threshold, and ports compare with > or >=.
    above, below = rho_t >= threshold, rho_t <= threshold
    r = np.concatenate([r[above], np.full(below.sum(), np.nan)]).astype(float)
    correction2 = np.concatenate([correction2[above], correction2[below]]).astype(float)
    exactly = np.full(len(r), 1 - exact**t)  # r_t alone may be in binary32
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
    with np.errstate(all="ignore"):
        moves = _moves(case, dialect)
        return all(
            _is_met(moves[s:t], y - x, float(np.finfo(case.dtype).eps) * (np.abs(x) + np.abs(y)))
            for (s, x), (t, y) in pairwise(points)
        )


def _moves(case: Case, dialect: Dialect) -> list[Floats]:
    """For each step how the parameters may move: a row for each way to compute its terms."""
    from .truth.balls import trajectory

    moves = []
    for t, state in enumerate(trajectory(case, core(dialect)), start=1):
        m, v = (np.array([float(z) for z in row]) for row in (state.m, state.v))
        moves.append(_step_moves(case.hyper[0], dialect, t, m, v))
    return moves


def _step_moves(hyper: Hyper, dialect: Dialect, t: int, m: Floats, v: Floats) -> Floats:
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


def _is_met(moves: list[Floats], moved: Floats, rounding: Floats) -> bool:
    """Whether the parameters moved as these steps let them: one way exactly, some ways in range."""
    slack = [rounding + RELATIVE * np.abs(step) for step in moves]
    if len(moves) == 1:
        return bool((np.abs(moves[0] - moved) <= slack[0]).all(axis=1).any())
    least = sum((step - off).min(axis=0) for step, off in zip(moves, slack, strict=True))
    most = sum((step + off).max(axis=0) for step, off in zip(moves, slack, strict=True))
    return bool(((least <= moved) & (moved <= most)).all())
