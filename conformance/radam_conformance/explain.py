"""The first wrong step of a case: Algorithm 2 line by line, the exact values beside the port's.

The port is run again and every step is watched. What it does not show is read off its parameters:
the update it must have made, and what that makes of r_t or of the denominator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from radam_ref import Dialect

from .cases import Case
from .clues.alike import Reason
from .clues.implied import number, tensors_of
from .clues.reasons import find_reason
from .clues.wrong_step import AFTER, Ask, Shown, Watched, WrongStep, watch, wrong_step
from .naming import in_case
from .results import Cause

Value = float | bool | None
Source = Literal["given", "shown", "implied", ""]


class Line(NamedTuple):
    """A line of Algorithm 2 at the wrong step, for the worst element.

    Attributes
    ----------
    quantity : str
        g, v, m, m_hat, rho, branch, denominator, r, u or x.
    exact, theirs : float, bool or None
        None where there is nothing to see.
    source : str
        Whether the port's value was shown by it or is implied by its parameters.
    right : bool or None
        Whether a right program may have this value; None where there is nothing to compare.
    """

    quantity: str
    exact: Value
    theirs: Value = None
    source: Source = ""
    right: bool | None = None


@dataclass(frozen=True)
class Explanation:
    """All that is known of the first wrong step.

    Attributes
    ----------
    case : Case
    dialect : Dialect
        The one that counts in the case.
    step, element, tensor, t : int
        Where it is: t is the tensor's own count, `element` counts over all tensors.
    lines : tuple of Line
    reason : Reason
    errors : tuple of (int, float)
        Largest error over the bound of the steps around it.
    cause : Cause or None
        What explains the case, if anything known does.
    """

    case: Case
    dialect: Dialect
    step: int
    element: int
    tensor: int
    t: int
    lines: tuple[Line, ...]
    reason: Reason
    errors: tuple[tuple[int, float], ...]
    cause: Cause | None = None

    @property
    def first_wrong(self) -> str | None:
        """The quantity of the first line that diverges."""
        return next((line.quantity for line in self.lines if line.right is False), None)


def explanation(
    case: Case, dialect: Dialect, ask: Ask, cause: Cause | None = None
) -> Explanation | None:
    """Explain the first wrong step of a case.

    Parameters
    ----------
    case : Case
        One that the port fails.
    dialect : Dialect
        What the port is judged by.
    ask : callable
        Runs the port on a case again: the same one, observed at other steps. None: no answer.
    cause : Cause, optional
        What explains the case, to be shown along.

    Returns
    -------
    Explanation or None
        None if the port gives no answer any more, or no wrong one.
    """
    dialect = in_case(dialect, case)
    watched = watch(case, dialect, ask)
    if watched is None:
        return None
    wrong = wrong_step(watched, dialect)
    reason = find_reason(watched, dialect, wrong)
    coefficients = wrong.moment.coefficients[wrong.tensor]
    return Explanation(
        case=case,
        dialect=dialect,
        step=wrong.step,
        element=wrong.element,
        tensor=wrong.tensor,
        t=0 if coefficients is None else coefficients.t,
        lines=tuple(_lines(watched, wrong, reason)),
        reason=reason,
        errors=_errors(watched),
        cause=cause,
    )


def _errors(watched: Watched) -> tuple[tuple[int, float], ...]:
    around = slice(max(0, watched.row - AFTER), watched.row + AFTER + 1)
    worst = watched.over[around].max(axis=1).tolist()
    return tuple(zip(watched.case.observe[around], worst, strict=True))


def _lines(watched: Watched, wrong: WrongStep, reason: Reason) -> Iterator[Line]:
    """The lines for the worst element, in the order of the paper."""
    e, moment = wrong.element, wrong.moment
    place = e - tensors_of(watched.case).index(wrong.tensor)
    if moment.coefficients[wrong.tensor] is not None:
        yield _inferred(wrong, reason, "g", _gradient(wrong, place))
        yield _shown("v", wrong.v, place)
        yield _shown("m", wrong.m, place)
        yield _inferred(wrong, reason, "m_hat", number(moment.m_hat[e]))
        yield Line("rho", number(moment.rho[wrong.tensor]))
        yield from _by_branch(wrong, reason)
    x = watched.answer.x[wrong.step, wrong.tensor][place]
    yield Line("x", number(moment.x[e]), x, "shown", right=False)


def _by_branch(wrong: WrongStep, reason: Reason) -> Iterator[Line]:
    """The lines that depend on whether the step is rectified."""
    e, move = wrong.element, wrong.move
    rectified = wrong.moment.r[wrong.tensor] is not None
    yield _inferred(wrong, reason, "branch", rectified)
    if rectified:
        yield _inferred(wrong, reason, "denominator", number(wrong.moment.denominator[e]))
        yield _inferred(wrong, reason, "r", number(wrong.moment.r[wrong.tensor]))
    if move is not None:
        # Where the decay is wrong, what the parameters imply is no update.
        right = None if reason.quantity == "x" else move.is_right
        yield Line("u", move.update, move.theirs, "implied", right)


def _gradient(wrong: WrongStep, place: int) -> float:
    """What enters the moments (line 4), read off them: the gradient, its sign, coupled decay."""
    c, m = wrong.moment.coefficients[wrong.tensor], wrong.m
    assert c is not None
    assert m.before is not None
    return (m.exact[place] - float(c.beta1) * m.before.exact[place]) / float(c.w1)


def _shown(quantity: str, moment: Shown, place: int) -> Line:
    exact = moment.exact[place]
    if not moment.theirs:
        return Line(quantity, exact)
    right = None if moment.own_form else not moment.wrong[place]
    return Line(quantity, exact, moment.theirs[place], "shown", right)


def _inferred(wrong: WrongStep, reason: Reason, quantity: str, exact: float | bool) -> Line:
    """A line of which the port shows nothing: only where it is the reason, something is known."""
    move = wrong.move
    unrectified = quantity == "m_hat" and move is not None and move.r is None
    if quantity != reason.quantity and not (unrectified and reason.quantity in ("m_hat", "u")):
        return Line(quantity, exact)
    theirs = reason.theirs
    if theirs is None and move is not None:
        theirs = move.implied.get(quantity)
    return Line(quantity, exact, theirs, "implied", quantity != reason.quantity)
