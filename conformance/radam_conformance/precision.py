"""Recognizes scalar terms computed in binary32, by computing them so.

In binary32 rho_t of line 8 is the difference of two numbers near 2/(1-beta2), so r_t and even the
step that first rectifies depend on the last bit of beta2^t. A bound wide enough for that would
admit anything. Instead each step of a failing case is compared with the few values that programs in
binary32 arrive at: if one of them is met at every step, and the right algorithm does the rest,
precision is the fault. Steps between observed ones must stay within the range of those values.

Nearer to 1 than 1 - 2^-25 the same happens to beta2 in binary64: no bound is left there, and the
same simulation tells what programs in binary64 may do.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, pairwise, product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radam_ref import Dialect

from .cases import Case, Floats, Hyper
from .comparison import observed
from .naming import in_case
from .protocol import Answer
from .specimens import textbook

if TYPE_CHECKING:
    from .truth.balls import Moment

# The roundings of arrays and bias corrections stay below this; another r_t of that precision is
# farther off where it matters.
RELATIVE = {"float32": 4e-6, "float64": 1e-13}
ARRAYS = 32  # units of their dtype that arrays may be off by, where that is more
FARTHEST = 10_000  # steps that are simulated
LAST_BITS = (-2, -1, 0, 1, 2)


class Terms(NamedTuple):
    """1 - beta2^t and r_t of one step, in each way to compute them; r NaN: not rectified.

    Where `rounded`, r_t was rounded at its end, and nothing else is inexact.
    """

    correction2: Floats
    r: Floats
    rounded: NDArray[np.bool]


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
    exactly = np.full(len(r), 1 - exact**t)  # rho_t and r_t alone may be so
    r_t = textbook.terms(t, hyper, threshold).r_t
    rounded = [np.nan] if r_t is None else list(map(float, _neighbours(F(r_t))))
    return Terms(
        np.concatenate([correction2, exactly, np.full(len(rounded), 1 - exact**t)]),
        np.concatenate([r, r, rounded]),
        np.arange(2 * len(r) + len(rounded)) >= 2 * len(r),
    )


def _neighbours(x: np.floating[Any]) -> list[np.floating[Any]]:
    """`x` and what another library's function may give in its place."""
    return [x + bit * np.spacing(x) for bit in np.array(LAST_BITS, x.dtype)]


def checkable(case: Case) -> set[int]:
    """The observed steps whose predecessor was observed too, or is x0."""
    return {t for s, t in pairwise((0, *case.observe)) if t == s + 1}


def explains(case: Case, dialect: Dialect, answer: Answer, number: str = "float32") -> bool:
    """Whether scalar terms in a dtype can make every observed step, up to the `FARTHEST`.

    A program that has binary32 alone rounds the betas too, before it averages with them.
    """
    read = [case] if number != case.dtype else [case, *_with_betas_in(number, case)]
    return any(_explains(each, dialect, answer, number) for each in dict.fromkeys(read))


def _with_betas_in(number: str, case: Case) -> list[Case]:
    """The case with its betas rounded; none where one becomes 1, of which Algorithm 2 says nothing.

    All corrections are 0 then, and every number that comes of them is NaN.
    """
    F = np.dtype(number).type
    hyper = [h._replace(beta1=float(F(h.beta1)), beta2=float(F(h.beta2))) for h in case.hyper]
    if any(1.0 in (h.beta1, h.beta2) for h in hyper):
        return []
    return [replace(case, hyper=tuple(hyper))]


def _explains(case: Case, dialect: Dialect, answer: Answer, number: str) -> bool:
    from .truth.balls import trajectory
    from .truth.bits import FORMATS

    dialect = in_case(dialect, case)
    seen = dict(zip(case.observe, observed(case, answer), strict=True))
    path = _Path(np.concatenate([np.array(tensor.values) for tensor in case.x0]))
    unit = 2 * FORMATS[case.dtype].unit
    relative = max(RELATIVE[number], ARRAYS * unit)
    if number == "float64":  # averages that are kept debiased divide by 1 - beta2 as it is left
        relative += 8 * FORMATS[number].unit / (1 - max(hyper.beta2 for hyper in case.hyper))
    last = max((t for t in case.observe if t <= FARTHEST), default=0)
    states = enumerate(islice(trajectory(case, dialect), last), start=1)
    with np.errstate(all="ignore"):
        for t, state in states:
            steps = _steps(case, dialect, t, state, number)
            if not path.follow(steps, seen.get(t), unit, relative):
                return False
    return last > 0


class _Step(NamedTuple):
    """How the elements of a tensor may move: x = shrink*x - move, a row for each way."""

    own: slice
    shrink: float
    moves: Floats
    rounded: NDArray[np.bool]


class _Path:
    """The range in which the parameters may be since the last step that was observed."""

    def __init__(self, x: Floats) -> None:
        self._seen, self._low, self._high = x, x.copy(), x.copy()
        self._alone = True

    def follow(self, steps: list[_Step], x: Floats | None, unit: float, relative: float) -> bool:
        """Whether what is observed after a step, if anything, is where it may be.

        Two observed neighbors must be one way apart, the same for a whole tensor.
        """
        for own, shrink, moves, rounded in steps:
            start = self._seen[own]
            part = np.where(rounded, max(RELATIVE["float64"], ARRAYS * unit), relative)
            slack = part[:, None] * np.abs(moves)
            slack += unit * (np.abs(start) + np.abs(start if x is None else x[own]))
            if x is not None and self._alone:
                met = np.abs(shrink * start - moves - x[own]) <= slack
                if not met.all(axis=1).any():
                    return False
            self._low[own] = shrink * self._low[own] - (moves + slack).max(axis=0)
            self._high[own] = shrink * self._high[own] - (moves - slack).min(axis=0)
        if x is None:
            self._alone = False
            return True
        within = bool(((self._low <= x) & (x <= self._high)).all())
        self._seen, self._low, self._high, self._alone = x, x.copy(), x.copy(), True
        return within


def _steps(case: Case, dialect: Dialect, t: int, state: Moment, number: str) -> list[_Step]:
    """How each tensor may move in a step; one without a gradient does not."""
    steps, first = [], 0
    for tensor, c in zip(case.x0, state.coefficients, strict=True):
        own = slice(first, first + len(tensor.values))
        first = own.stop
        if c is not None:
            hyper = case.hyper_at(t, tensor.group)
            m_hat, v = (
                np.array([float(z) for z in row[own] if z is not None])
                for row in (state.m_hat, state.v)
            )
            terms = terms_in(number, hyper, c.t, dialect.threshold)
            moves = _moves(hyper, dialect, terms, m_hat, v)
            steps.append(_Step(own, float(c.shrink), moves, terms.rounded))
    return steps


def _moves(hyper: Hyper, dialect: Dialect, terms: Terms, m_hat: Floats, v: Floats) -> Floats:
    correction2, r = terms.correction2[:, None], terms.r[:, None]
    eps: Floats | float = hyper.eps
    if dialect.eps_placement == "before_correction":
        eps = eps / np.sqrt(correction2)
    root = np.sqrt(v / correction2 + dialect.eps_root)
    u = r * m_hat / (root + eps)
    plain = m_hat if dialect.unrectified == "momentum" else 0 * m_hat
    if dialect.eps_placement == "floor":
        floor = np.sqrt(hyper.eps)
        u, plain = m_hat / np.maximum(root / r, floor), m_hat / max(1.0, floor)
    moves: Floats = hyper.lr * np.where(np.isnan(r), plain, u)
    return moves
