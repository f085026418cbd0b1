"""What a port's parameters imply: the update of each step, beside the exact one.

The gradients are given, so an exact update does not depend on the steps before it, but for the
moments: one wrong step does not spoil the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from flint import arb

from radam_ref import Dialect

from ..cases import Case, Expected, Floats, Hyper
from ..comparison import observed
from ..protocol import Answer
from ..truth.balls import Moment, trajectory
from ..truth.bits import FORMATS
from ..truth.coefficients import Coefficients


class Move(NamedTuple):
    """One step of one element.

    Attributes
    ----------
    step, element, tensor : int
        Step from 1, element from 0 over all tensors.
    hyper : Hyper
    coefficients : Coefficients
        Exact, as are the next three.
    m_hat : float
    denominator : float
        NaN where the step is not rectified.
    update : float
        What the learning rate multiplies.
    theirs : float
        What the port's parameters imply in its place.
    tolerance : float
        How far from `update` that may be.
    x_before : float
        The port's parameter a step earlier.
    """

    step: int
    element: int
    tensor: int
    hyper: Hyper
    coefficients: Coefficients
    m_hat: float
    denominator: float
    update: float
    theirs: float
    tolerance: float
    x_before: float

    @property
    def r(self) -> float | None:
        """r_t, None where the step is not rectified."""
        return None if self.coefficients.r is None else float(self.coefficients.r)

    @property
    def implied(self) -> dict[str, float]:
        """What the port's update makes of each quantity, if that one alone is wrong."""
        if self.r is None:
            return {"m_hat": self.theirs}
        with_m_hat, times = self.r * self.m_hat, self.theirs * self.denominator
        return {
            "m_hat": times / self.r if self.r else math.nan,
            "denominator": with_m_hat / self.theirs if self.theirs else math.inf,
            "r": times / self.m_hat if self.m_hat else math.nan,
        }

    @property
    def is_right(self) -> bool:
        """Whether a right program may move so."""
        return self.is_near(self.update)

    def is_near(self, update: float) -> bool:
        """Whether the port's update may be this one."""
        return abs(self.theirs - update) <= self.tolerance


def tensors_of(case: Case) -> list[int]:
    """The tensor of each element."""
    return [i for i, tensor in enumerate(case.x0) for _ in tensor.values]


def moves(
    case: Case, dialect: Dialect, answer: Answer, expected: Expected, first: int = 1
) -> Iterator[Move]:
    """The moves of all steps from `first` on that were observed, and the ones before them too.

    Parameters
    ----------
    case : Case
    dialect : Dialect
    answer : Answer
        The port's, to the case.
    expected : Expected
        Of the case in the dialect.
    first : int

    Yields
    ------
    Move
        None for a tensor without a gradient, or with a learning rate of 0.
    """
    start = [value for tensor in case.x0 for value in tensor.values]
    rows: dict[int, tuple[Floats | list[float], Floats | list[float]]]
    rows = {0: (start, [0.0] * len(start))}
    rows |= dict(
        zip(case.observe, zip(observed(case, answer), expected.binary64, strict=True), strict=True)
    )
    exact = islice(trajectory(case, dialect), max(case.observe, default=0))
    for step, moment in enumerate(exact, start=1):
        if step >= first and step in rows and step - 1 in rows:
            for element, tensor in enumerate(tensors_of(case)):
                before, after = (
                    (float(x[element]), float(bound[element]))
                    for x, bound in (rows[step - 1], rows[step])
                )
                move = _move(case, moment, (step, element, tensor), before, after)
                if move is not None:
                    yield move


def _move(
    case: Case,
    moment: Moment,
    place: tuple[int, int, int],
    before: tuple[float, float],
    after: tuple[float, float],
) -> Move | None:
    step, element, tensor = place
    c = moment.coefficients[tensor]
    if c is None or c.lr.is_zero():
        return None
    (x_before, bound_before), (x, bound) = before, after
    # What the bound grows by is what one step may add to the error; theirs may be larger numbers.
    grown = bound - float(c.shrink) * bound_before
    rounding = 2 * FORMATS[case.dtype].unit * (abs(x_before) + abs(x))
    return Move(
        *place,
        hyper=case.hyper_at(step, case.x0[tensor].group),
        coefficients=c,
        m_hat=number(moment.m_hat[element]),
        denominator=number(moment.denominator[element]),
        update=0.0 if moment.update[element] is None else number(moment.update[element]),
        theirs=float((c.shrink * arb(x_before) - arb(x)) / c.lr),
        tolerance=abs(max(grown, rounding) / float(c.lr)),
        x_before=x_before,
    )


def number(ball: arb | None) -> float:
    """The middle of a ball; NaN for none."""
    return math.nan if ball is None else float(ball)
