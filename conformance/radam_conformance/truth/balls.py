"""The first oracle: exact trajectories by ball arithmetic, with the bounds of right programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from flint import arb, ctx

from radam_ref import Dialect

from ..cases import Case, Expected, Floats
from . import bounds
from .algorithm import exact_coefficients, run
from .bits import FORMATS, round_up, split

PRECISIONS = (320, 1280, 5120)  # bits


class Moment(NamedTuple):
    """Exact quantities of Algorithm 2 after a step, as balls over all elements in order.

    Attributes
    ----------
    x, m, v : list of arb
        Parameters and moments (lines 5, 6 and 12).
    rho : list of (arb or None)
        rho_t of each tensor (line 8); None where it got no gradient in this step.
    r : list of (arb or None)
        r_t of each tensor (line 11); None where it is not rectified.
    """

    x: list[arb]
    m: list[arb]
    v: list[arb]
    rho: list[arb | None]
    r: list[arb | None]


def trajectory(case: Case, dialect: Dialect, precision: int = PRECISIONS[0]) -> Iterator[Moment]:
    """The exact quantities of every step.

    Parameters
    ----------
    case : Case
    dialect : Dialect
    precision : int
        In bits.

    Yields
    ------
    Moment
    """
    states = run(case, dialect, exact_coefficients)
    for _ in range(case.steps):
        with ctx.workprec(precision):  # not held while the caller computes
            elements, used = next(states)
        yield Moment(
            x=[element.x for element in elements],
            m=[element.m for element in elements],
            v=[element.v for element in elements],
            rho=[None if c is None else c.rho for c in used],
            r=[None if c is None else c.r for c in used],
        )


def expected(case: Case, dialect: Dialect) -> Expected:
    """What a case expects of a dialect, named or not.

    Parameters
    ----------
    case : Case
        Its own `expected` is not used.
    dialect : Dialect

    Returns
    -------
    Expected

    Raises
    ------
    UndecidedError
        Roundings in binary64 decide a branch: right programs may do either.
    """
    for precision in PRECISIONS:
        with ctx.workprec(precision):
            rows = _rows(case, dialect)
        if rows is not None:
            return Expected(*(np.ascontiguousarray(column) for column in np.moveaxis(rows, 2, 0)))
    raise ArithmeticError(f"{case.id}: {PRECISIONS[-1]} bits do not decide its digits")


def _rows(case: Case, dialect: Dialect) -> Floats | None:
    """hi, lo and both bounds of every element at every observed step; None if undecided."""
    models = (exact_coefficients, bounds.exact_scalar, bounds.binary64)
    observe = set(case.observe)
    least = FORMATS["float64"].tiny
    rows = []
    for t, states in enumerate(zip(*(run(case, dialect, m) for m in models), strict=True), start=1):
        if t not in observe:
            continue
        row = []
        for exact, *enclosures in zip(*(state.elements for state in states), strict=True):
            if (pair := split(exact.x)) is None:
                return None
            hi, lo = pair
            # At least a subnormal number, so that an error over a bound is always defined.
            row.append((hi, lo, *(max(round_up(abs(e.x - hi - lo)), least) for e in enclosures)))
        rows.append(row)
    return np.array(rows, dtype=np.float64)
