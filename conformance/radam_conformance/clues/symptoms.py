"""Faults that no table has, measured from the port's numbers: a factor, a count, a threshold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain, pairwise

import numpy as np
from flint import arb

from radam_ref import Dialect

from ..cases import Case, Floats
from ..identify import expectation
from ..protocol import Start
from ..truth.balls import trajectory
from .factors import Scalar, constant, named, times
from .implied import Move, moves, tensors_of
from .suspects import Suspect
from .targets import Target, is_made_by

SHIFTS = (1, -1, 2, 3, 4, 5, 10)
MEASURED = 12  # cases in which moves are measured
LOWEST = 4.0  # no r_t is real below this threshold


def symptoms(targets: Sequence[Target], dialect: Dialect) -> Iterator[Suspect]:
    """What the moves of failing cases look like, to be confirmed by playing them."""
    with suppress(ArithmeticError):  # the oracle does not decide a branch near beta2 = 1
        yield from _thresholds(targets, dialect)
    with suppress(ArithmeticError):
        found = (
            moves(target.case, dialect, target.answer, expectation(target.case, dialect))
            for target in targets[:MEASURED]
        )
        yield from _factors(list(chain.from_iterable(found)), dialect)
    yield from _shifts(dialect)


# A factor


def _factors(found: Sequence[Move], dialect: Dialect) -> Iterator[Suspect]:
    """The update is multiplied: in all steps, or just in rectified or in other ones."""
    telling = [move for move in found if move.coefficients.decay is None and move.update]
    domains = {
        "in every step": telling,
        "in rectified steps": [move for move in telling if move.r is not None],
        "in steps that are not rectified": [move for move in telling if move.r is None],
    }
    for where, those in domains.items():
        if not those or all(move.is_right for move in those):
            continue
        if (pair := named(those)) is not None:
            words, factor = pair
            sentence = f"{factor.sentence}: the update is {words} times the right one {where}"
            scale, line = factor.value, f"line {factor.line}"
        elif (number := constant(those)) is not None:
            sentence = f"the update is {times(number)} the right one {where}"
            scale, line = partial(_always, number), "line 12"
        else:
            continue
        yield Suspect(sentence, line, dialect, partial(_scaled, scale, where, dialect))


def _always(number: float, move: Scalar) -> float:
    return number


def _scaled(
    scale: Callable[[Scalar], float], where: str, dialect: Dialect, case: Case
) -> Floats | None:
    """The trajectory whose updates are multiplied."""
    own = tensors_of(case)
    x = [arb(value) for tensor in case.x0 for value in tensor.values]
    rows = []
    for step, moment in enumerate(trajectory(case, dialect), start=1):
        for element, tensor in enumerate(own):
            c, update = moment.coefficients[tensor], moment.update[element]
            if c is None or update is None:
                continue
            if c.decay is not None:
                return None  # the gradient depends on x
            inside = where == "in every step" or (c.r is None) == ("not" in where)
            hyper = case.hyper_at(step, case.x0[tensor].group)
            factor = scale(Scalar(hyper, c.t, None if c.r is None else float(c.r))) if inside else 1
            x[element] = c.shrink * x[element] - c.lr * factor * update
        if step in case.observe:
            rows.append([float(value) for value in x])
    return np.array(rows)


# A count that is off


def _shifts(dialect: Dialect) -> Iterator[Suspect]:
    for k in SHIFTS:
        sentence = f"t is {abs(k)} too {'large' if k > 0 else 'small'} in every step"
        yield Suspect(sentence, "line 3", dialect, partial(_shifted, k, dialect))


def _shifted(k: int, dialect: Dialect, case: Case) -> Floats | None:
    zeros = tuple(tuple(0.0 for _ in tensor.values) for tensor in case.x0)
    start = case.start or Start(0, zeros, zeros)
    if start.t + k < 0:
        return None
    return _exact(replace(case, start=start._replace(t=start.t + k)), dialect)


def _exact(case: Case, dialect: Dialect) -> Floats | None:
    states = enumerate(trajectory(case, dialect), start=1)
    try:
        return np.array([[float(x) for x in state.x] for t, state in states if t in case.observe])
    except ArithmeticError:
        return None


# A threshold of its own


def _thresholds(targets: Sequence[Target], dialect: Dialect) -> Iterator[Suspect]:
    """Every failing case narrows down the thresholds that would make its first rectified step."""
    low, high = LOWEST, math.inf
    for target in targets[:MEASURED]:
        for above, below in pairwise([low, *_rhos(target.case, dialect, low, high), high]):
            threshold = replace(dialect, threshold=_between(above, below))
            if is_made_by(_exact(target.case, threshold), target):
                low, high = above, below
                break
        else:
            return
    first = min(targets, key=lambda target: target.step).case
    theirs, right = (_first_step(first, dialect, rho) for rho in (low, dialect.threshold))
    between = f"between {low:.3f} and {high:.3f}" if high < math.inf else f"above {low:.3f}"
    does = f"rectifies from step {theirs} on" if theirs else "never rectifies"
    should = f"should from step {right} on" if right else "never should"
    sentence = (
        f"it {does} where it {should} (beta2 = {first.hyper[0].beta2:g}): a threshold {between} "
        "would do that"
    )
    other = replace(dialect, threshold=_between(low, high))
    yield Suspect(sentence, "line 9", dialect, lambda case: _exact(case, other))


def _rhos(case: Case, dialect: Dialect, low: float, high: float) -> list[float]:
    """Every rho_t of a case between two numbers."""
    rhos = {
        float(rho) for state in trajectory(case, dialect) for rho in state.rho if rho is not None
    }
    return sorted(rho for rho in rhos if low < rho < high)


def _first_step(case: Case, dialect: Dialect, threshold: float) -> int | None:
    """The first step with rho_t above a threshold."""
    for step, state in enumerate(trajectory(case, dialect), start=1):
        if any(rho is not None and float(rho) > threshold for rho in state.rho):
            return step
    return None


def _between(low: float, high: float) -> float:
    """A number between two others, of as few digits as can be."""
    if math.isinf(high):
        return low + 1
    digits = max(0, -math.floor(math.log10(high - low)))
    middle = round((low + high) / 2, digits)
    return middle if low <= middle < high else (low + high) / 2
