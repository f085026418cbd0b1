"""Which line of Algorithm 2 diverges at the first wrong step, and how that can be told."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from flint import arb

from radam_ref import Dialect

from . import factors
from .alike import Reason, in_common
from .implied import moves
from .wrong_step import Shown, Watched, WrongStep

ALIKE = 1e-3  # of gradients that m and v imply
LOWEST = 4.0  # r_t is real above it

Finder = Callable[[WrongStep], Reason | None]


def find_reason(watched: Watched, dialect: Dialect, wrong: WrongStep) -> Reason:
    """Look for the first line that diverges: what is shown goes before what is implied."""
    finders: tuple[Finder, ...] = (
        _no_move,
        _not_finite,
        _gradient,
        _moments,
        lambda step: _other_threshold(watched, dialect, step),
        _branch,
        lambda step: in_common(watched, step),
        _element,
    )
    found = (finder(wrong) for finder in finders)
    return next(reason for reason in found if reason is not None)


def _no_move(wrong: WrongStep) -> Reason | None:
    if wrong.move is not None:
        return None
    if wrong.moment.coefficients[wrong.tensor] is None:
        return Reason("x", "the tensor has no gradient in this step, and yet it moves")
    return Reason("x", "the learning rate is 0 in this step, and yet the parameter moves")


def _not_finite(wrong: WrongStep) -> Reason | None:
    move = wrong.worst
    if math.isfinite(move.theirs):
        return None
    if move.r is None:
        return Reason(
            "branch",
            "not finite where the step is not rectified: at this rho_t the root in line 11 is "
            "not real, and it must not be taken",
        )
    if move.denominator == 0:
        return Reason("denominator", "not finite where v_t and eps are 0: 0/0 for an update of 0")
    return Reason("u", "not finite in a rectified step")


def _gradient(wrong: WrongStep) -> Reason | None:
    """Both moments agree on another gradient than the one that was given."""
    m, v, c = wrong.m, wrong.v, wrong.worst.coefficients
    if not (m.since == v.since == wrong.step):
        return None
    place = [move.element for move in wrong.moves].index(wrong.element)
    g = _entered(m, place, c.beta1, c.w1)
    square = _entered(v, place, c.beta2, c.w2)
    if not abs(g * g - square) <= ALIKE * square:
        return None
    return Reason("g", "both moments are those of another gradient", g)


def _entered(moment: Shown, place: int, beta: arb, w: arb) -> float:
    """What a moment of theirs must have been given, to become what it is."""
    if moment.before is None or not moment.before.theirs:
        return math.nan
    return (moment.theirs[place] - float(beta) * moment.before.theirs[place]) / float(w)


def _moments(wrong: WrongStep) -> Reason | None:
    rectified = wrong.worst.r is not None
    for name, shown in (("v", wrong.v), ("m", wrong.m)):
        if any(shown.wrong) and not shown.own_form and (rectified or name == "m"):
            early = f", and has been since step {shown.since}" if shown.since < wrong.step else ""
            return Reason(name, f"the {name}_t that it shows is wrong{early}")
    return None


def _other_threshold(watched: Watched, dialect: Dialect, wrong: WrongStep) -> Reason | None:
    """It rectifies where the dialect does not, by the paper's lower threshold."""
    c = wrong.worst.coefficients
    if c.r is not None or not c.rho > LOWEST:
        return None
    paper = replace(dialect, threshold=LOWEST)
    others = moves(watched.case, paper, watched.answer, watched.expected, first=wrong.step)
    here = [move for move in others if (move.step, move.tensor) == (wrong.step, wrong.tensor)]
    if not all(move.is_right for move in here):
        return None
    return Reason(
        "branch",
        f"it rectifies this step: a threshold of {LOWEST:g} where it should be "
        f"{dialect.threshold:g}",
        True,
    )


def _branch(wrong: WrongStep) -> Reason | None:
    rectified, still = wrong.worst.r is not None, wrong.worst.coefficients.still
    by_momentum = all(move.is_near(move.m_hat) for move in wrong.moves)
    at_rest = all(move.is_near(0.0) for move in wrong.moves)
    if rectified and by_momentum:
        return Reason(
            "branch",
            "it moves by lr*m_hat: it takes the step for one that is not to be rectified",
            False,
        )
    if rectified and at_rest:
        return Reason(
            "branch",
            "it does not move: it takes the step for one that is not to be rectified, and holds",
            False,
        )
    if not rectified and at_rest:
        return Reason("u", "it does not move in a step that is not rectified")
    if still and by_momentum:
        return Reason("u", "it moves by lr*m_hat in a step in which nothing should move")
    return None


def _element(wrong: WrongStep) -> Reason:
    move = wrong.worst
    if factors.constant(wrong.moves) is not None:
        ratio = move.theirs / move.update if move.update else math.inf
        return Reason(
            "u", f"the update is {ratio:.6g} times the right one; a single element cannot tell why"
        )
    known = bool(wrong.m.theirs and wrong.v.theirs) and not (wrong.m.own_form or wrong.v.own_form)
    quantity, what = "u", "m_t, v_t or the denominator"
    if move.r is None:
        quantity, what = "m_hat", "m_t or the gradient in it"
    elif known:
        quantity, what = "denominator", "the denominator, since its m_t and v_t are right"
    return Reason(quantity, f"what is off differs between the elements, so it is no scalar: {what}")
