"""The first oracle: exact trajectories by ball arithmetic, with the bounds of right programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import NamedTuple, TypeAlias

import numpy as np
from flint import arb, ctx

from radam_ref import Dialect

from ..cases import Case, Expected, Floats
from . import bounds
from .algorithm import NO_BRANCHES, Element, Step, run
from .bits import FORMATS, round_up, split
from .coefficients import (
    ONE,
    Branch,
    Coefficients,
    Model,
    UndecidedError,
    exact_coefficients,
    is_rectified,
)

PRECISIONS = (320, 1280, 5120)  # bits
MOST_UNDECIDED = 2  # steps of a case
BOUNDS = ("exact_scalar", "binary64")
MODELS = (exact_coefficients, bounds.exact_scalar, bounds.binary64)

Branches: TypeAlias = Mapping[Branch, bool]


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
    m_hat, v_hat : list of (arb or None)
        Lines 7 and 10, as they enter the update; None where there was no gradient.
    denominator : list of (arb or None)
        What r_t*m_hat is divided by, eps included; None where it is not rectified.
    update : list of (arb or None)
        What the step size multiplies (line 12 or 14); None where nothing moves.
    coefficients : list of (Coefficients or None)
        Of each tensor; None where it got no gradient.
    """

    x: list[arb]
    m: list[arb]
    v: list[arb]
    rho: list[arb | None]
    r: list[arb | None]
    m_hat: list[arb | None]
    v_hat: list[arb | None]
    denominator: list[arb | None]
    update: list[arb | None]
    coefficients: list[Coefficients | None]


def trajectory(case: Case, dialect: Dialect, precision: int = PRECISIONS[0]) -> Iterator[Moment]:
    """The exact quantities of every step.

    Parameters
    ----------
    case : Case
    dialect : Dialect
        Its decay, complex convention and Nesterov are those that count in the case.
    precision : int
        In bits.

    Yields
    ------
    Moment
    """
    states = run(case, dialect, exact_coefficients)
    sizes = [len(tensor.values) for tensor in case.x0]
    for _ in range(case.steps):
        with ctx.workprec(precision):  # not held while the caller computes
            elements, used = next(states)
            each = [c for c, size in zip(used, sizes, strict=True) for _ in range(size)]
            moment = _moment(elements, each, used)
        yield moment


def _moment(
    elements: list[Element], each: list[Coefficients | None], used: list[Coefficients | None]
) -> Moment:
    pairs = list(zip(elements, each, strict=True))
    return Moment(
        x=[element.x for element in elements],
        m=[element.m for element in elements],
        v=[element.v for element in elements],
        rho=[None if c is None else c.rho for c in used],
        r=[None if c is None else c.r for c in used],
        m_hat=[None if c is None else element.m_hat for element, c in pairs],
        v_hat=[None if c is None else element.v_hat for element, c in pairs],
        denominator=[None if c is None else element.denominator for element, c in pairs],
        update=[None if c is None or c.still else element.move(ONE, c) for element, c in pairs],
        coefficients=used,
    )


def expected(case: Case, dialect: Dialect) -> Expected:
    """What a case expects of a dialect, named or not.

    Where roundings in binary64 decide whether a step of an `extreme` case is rectified, the exact
    branch is expected, and `alternatives` has the trajectories of the other `choices`. Where they
    decide more than two steps, r_t is a matter of roundings too: the binary64 model says nothing
    then, and its bound is that of exact scalar terms.

    Parameters
    ----------
    case : Case
        Its own `expected` is not used.
    dialect : Dialect
        Its decay, complex convention and Nesterov are those that count in the case.

    Returns
    -------
    Expected

    Raises
    ------
    ArithmeticError
        The balls do not decide the digits, or a right program may be infinitely far off.
    UndecidedError
        Roundings in binary64 decide a branch where no `extreme` case asks for it, or rho_t is the
        threshold itself, as far as balls can tell.
    """
    found = choices(case, dialect)
    if not found:
        models = (exact_coefficients, bounds.exact_scalar, bounds.exact_scalar)
        return _expected(case, dialect, NO_BRANCHES, models)
    main, *others = (_expected(case, dialect, branches, MODELS) for branches in found)
    return main._replace(alternatives=tuple(others))


def choices(case: Case, dialect: Dialect) -> list[Branches]:
    """Every way to take the steps that roundings in binary64 decide, the exact one first.

    Only the profile `extreme` may have such steps.

    Parameters
    ----------
    case : Case
    dialect : Dialect

    Returns
    -------
    list of mapping of (beta2, t) to bool
        Whether a step is rectified; empty where there are more than two such steps.

    Raises
    ------
    UndecidedError
        rho_t is the threshold itself, as far as balls can tell.
    """
    exact: dict[Branch, bool] = {}
    while case.profile == "extreme":
        try:
            with ctx.workprec(PRECISIONS[0]):
                for _ in run(case, dialect, bounds.binary64, exact):
                    pass
        except UndecidedError as error:
            if len(exact) == MOST_UNDECIDED:
                return []
            exact[error.branch] = is_rectified(error.branch, dialect.threshold, PRECISIONS)
        else:
            break
    ways = product(*((rectified, not rectified) for rectified in exact.values()))
    return [dict(zip(exact, way, strict=True)) for way in ways]


def _expected(
    case: Case, dialect: Dialect, branches: Branches, models: tuple[Model, Model, Model]
) -> Expected:
    for precision in PRECISIONS:
        with ctx.workprec(precision):
            rows = _rows(case, [run(case, dialect, model, branches) for model in models])
        if rows is not None:
            break
    else:
        raise ArithmeticError(f"{case.id}: {PRECISIONS[-1]} bits do not decide its digits")
    hi, lo, *limits = (np.ascontiguousarray(a) for a in np.moveaxis(rows, 2, 0))
    for name, limit in zip(BOUNDS, limits, strict=True):
        for row, element in np.argwhere(~np.isfinite(limit))[:1]:
            where = f"element {element} after step {case.observe[row]}"
            raise ArithmeticError(f"{case.id}: the {name} bound of {where} is infinite")
    return Expected(hi, lo, limits[0], limits[1])


def _rows(case: Case, runs: list[Iterator[Step]]) -> Floats | None:
    """hi, lo and both bounds of every element at every observed step; None if undecided."""
    observe = set(case.observe)
    least = FORMATS["float64"].tiny
    rows = []
    for t, states in enumerate(zip(*runs, strict=True), start=1):
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
    return np.array(rows, dtype=np.float64).reshape(len(rows), -1, 4)
