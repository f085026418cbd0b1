"""Recognises scalar terms computed in binary32, by computing them so.

In binary32 rho_t of line 8 is the difference of two numbers near 2/(1-beta2), so r_t and even the
step that first rectifies depend on the last bit of beta2^t. A bound wide enough for that would
admit anything. Instead each step of a failing case is compared with the few values that programs in
binary32 arrive at: if one of them is met at every step, and the right algorithm does the rest,
precision is the fault. Steps between observed ones must stay within the range of those values.

Nearer to 1 than 1 - 2^-25 the same happens to beta2 in binary64: no bound is left there, and the
same simulation tells what programs in binary64 may do.
"""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np

from radam_ref import Dialect

from .cases import Case, Floats, Hyper
from .comparison import observed
from .naming import in_case
from .protocol import Answer

# The roundings of arrays and bias corrections stay below this; another r_t of that precision is
# farther off where it matters.
RELATIVE = {"float32": 4e-6, "float64": 1e-13}
LAST_BITS = (-2, -1, 0, 1, 2)


class Terms(NamedTuple):
    """1 - beta2^t and r_t of one step, in each way to compute them; r NaN: not rectified."""

    correction2: Floats
    r: Floats


def terms_in(number: str, hyper: Hyper, t: int, threshold: float) -> Terms:
    """The terms of step t that programs with scalars of this dtype arrive at."""
    F = np.dtype(number).type
    exact, narrow = hyper.beta2, F(hyper.beta2)
    rho_infs = {  # 1 - beta2 in either precision, all of line 2 in Python's floats
        float(F(2) / (F(1) - narrow) - F(1)),
        float(F(2) / F(1 - exact) - F(1)),
        float(F(2 / (1 - exact) - 1)),
    }
    corrections = []
    for beta in (float(narrow), exact):
        corrections += [(p, F(1) - p) for p in _neighbours(F(beta**t))]
        corrections += [(F(beta**t), c) for c in _neighbours(F(1 - beta**t))]  # by expm1
    ways = [(rho_inf, *pair) for rho_inf, pair in product(rho_infs, corrections)]
    rho_inf, power, correction2 = (np.array(column, F) for column in zip(*ways, strict=True))
    twice, two, four = F(2 * t), F(2), F(4)
    rho_t = np.concatenate(
        [rho_inf - twice * power / correction2, rho_inf - twice * (power / correction2)]
    )
    rho_inf, correction2 = np.tile(rho_inf, 2), np.tile(correction2, 2)
    squared = (rho_t - four) * (rho_t - two) * rho_inf
    r = np.sqrt(squared / ((rho_inf - four) * (rho_inf - two) * rho_t))
    # In so few bits rho_t can equal the threshold, and ports compare with > or >=.
    above, below = rho_t >= threshold, rho_t <= threshold
    r = np.concatenate([r[above], np.full(below.sum(), np.nan)]).astype(float)
    correction2 = np.concatenate([correction2[above], correction2[below]]).astype(float)
    exactly = np.full(len(r), 1 - exact**t)  # r_t alone may be so
    return Terms(np.concatenate([correction2, exactly]), np.tile(r, 2))


def _neighbours(x: np.floating[Any]) -> list[np.floating[Any]]:
    """`x` and what another library's function may give in its place."""
    return [x + bit * np.spacing(x) for bit in np.array(LAST_BITS, x.dtype)]


def checkable(case: Case) -> set[int]:
    """The observed steps whose predecessor was observed too, or is x0."""
    return {t for s, t in pairwise((0, *case.observe)) if t == s + 1}


def explains(case: Case, dialect: Dialect, answer: Answer, number: str = "float32") -> bool:
    """Whether scalar terms in a dtype can make every observed step of the answer.

    eps as a floor, decay, groups, injected states and gradients that are missing are not simulated:
    False.
    """
    dialect = in_case(dialect, case)
    decays = any(hyper.weight_decay or hyper.group for hyper in case.hyper)
    missing = any(None in row for row in case.gradients)
    if dialect.eps_placement == "floor" or decays or missing or case.start:
        return False
    x0 = np.concatenate([np.array(tensor.values) for tensor in case.x0])
    points = [(0, x0), *zip(case.observe, observed(case, answer), strict=True)]
    unit = float(np.finfo(case.dtype).eps)
    with np.errstate(all="ignore"):
        moves = _moves(case, dialect, number)
        return all(
            _is_met(moves[s:t], y - x, unit * (np.abs(x) + np.abs(y)), RELATIVE[number])
            for (s, x), (t, y) in pairwise(points)
        )


def _moves(case: Case, dialect: Dialect, number: str) -> list[Floats]:
    """For each step how the parameters may move: a row for each way to compute its terms."""
    from .truth.balls import trajectory

    moves = []
    for t, state in enumerate(trajectory(case, dialect), start=1):
        m, v = (np.array([float(z) for z in row]) for row in (state.m, state.v))
        g = np.concatenate([np.array(row) for row in case.gradients_at(t)])
        hyper = case.hyper_at(t)
        m_hat = m / (1 - hyper.beta1**t)
        if dialect.nesterov:
            g = -g if hyper.maximize else g
            m_hat = hyper.beta1 * m / (1 - hyper.beta1 ** (t + 1))
            m_hat = m_hat + (1 - hyper.beta1) * g / (1 - hyper.beta1**t)
        moves.append(_step_moves(hyper, dialect, t, m_hat, v, number))
    return moves


def _step_moves(
    hyper: Hyper, dialect: Dialect, t: int, m_hat: Floats, v: Floats, number: str
) -> Floats:
    terms = terms_in(number, hyper, t, dialect.threshold)
    correction2, r = terms.correction2[:, None], terms.r[:, None]
    eps: Floats | float = hyper.eps
    if dialect.eps_placement == "before_correction":
        eps = eps / np.sqrt(correction2)
    u = r * m_hat / (np.sqrt(v / correction2 + dialect.eps_root) + eps)
    plain = m_hat if dialect.unrectified == "momentum" else 0 * m_hat
    moves: Floats = -hyper.lr * np.where(np.isnan(r), plain, u)
    return moves


def _is_met(moves: list[Floats], moved: Floats, rounding: Floats, relative: float) -> bool:
    """Whether the parameters moved as these steps let them: one way exactly, some ways in range."""
    slack = [rounding + relative * np.abs(step) for step in moves]
    if len(moves) == 1:
        return bool((np.abs(moves[0] - moved) <= slack[0]).all(axis=1).any())
    least = sum((step - off).min(axis=0) for step, off in zip(moves, slack, strict=True))
    most = sum((step + off).max(axis=0) for step, off in zip(moves, slack, strict=True))
    return bool(((least <= moved) & (moved <= most)).all())
