"""What all elements of a tensor have in common at a wrong step, and what that says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from . import factors
from .implied import Move, number
from .wrong_step import Watched, WrongStep

ALIKE = 1e-3  # relative difference of a factor that is well known
COUNTS = 8  # other values of t that are tried


class Reason(NamedTuple):
    """The line that diverges, as far as can be told.

    Attributes
    ----------
    quantity : str
        What is wrong: g, v, m, m_hat, branch, denominator, r, u or x.
    sentence : str
    theirs : float, bool or None
        What the port must have had in its place, where its update does not say.
    """

    quantity: str
    sentence: str
    theirs: float | bool | None = None


def in_common(watched: Watched, wrong: WrongStep) -> Reason | None:
    """The cause that is the same for all elements of the tensor; None if each has its own."""
    finders = (_decay, lambda wrong: _scalar(watched, wrong), _early, _root, _epsilon)
    found = (find(wrong) for find in finders)
    return next((reason for reason in found if reason is not None), None)


def _decay(wrong: WrongStep) -> Reason | None:
    """What is off is a multiple of the parameter."""
    worst = wrong.worst
    if not worst.hyper.weight_decay:
        return None
    terms = (
        ((move.theirs - move.update) / move.x_before, move.tolerance / abs(move.x_before))
        for move in wrong.moves
        if move.x_before
    )
    decay = _common(terms)
    if not decay:
        return None
    amount = f"{abs(decay):.6g} theta_(t-1) too {'much' if decay > 0 else 'little'} in all elements"
    if worst.coefficients.decay is None:
        return Reason("x", f"weight decay takes away lr times {amount} alike")
    return Reason("g", f"weight decay adds {amount} alike")


def _scalar(watched: Watched, wrong: WrongStep) -> Reason | None:
    """One factor for all elements."""
    factor = factors.constant(wrong.moves) if _several(wrong) else None
    if factor is None:
        return None
    rectified = wrong.worst.r is not None
    alike = f"the update is {factors.times(factor)} the right one in all elements alike"
    found = factors.named(wrong.moves)
    if found is not None:
        words, known = found
        places = {5: "v", 6: "m", 7: "m_hat", 10: "denominator", 11: "r", 12: "u"}
        which = "" if words == "-1" else f", which is {words}"
        return Reason(places[known.line], f"{alike}{which}: {known.sentence}")
    lr = _other_lr(watched, wrong)
    if lr is not None:
        return Reason("u", f"{alike}, as if lr were {lr:g}, which another step or group has")
    count = None if rectified else _other_count(wrong)
    if count is not None:
        return Reason("m_hat", f"{alike}, as if t were {count} in the correction of m")
    quantity, lines = ("r", "lines 7 to 12") if rectified else ("m_hat", "lines 7 and 14")
    return Reason(quantity, f"{alike}, so the fault is in a scalar ({lines})")


def _other_lr(watched: Watched, wrong: WrongStep) -> float | None:
    """A learning rate of another step or group that makes the factor."""
    rates = {hyper.lr for hyper in watched.case.hyper}
    lr = wrong.worst.hyper.lr
    makes = (r for r in sorted(rates) if all(factors.fits(m, r / lr) for m in wrong.moves))
    return next(makes, None)


def _other_count(wrong: WrongStep) -> int | None:
    """The t whose correction 1 - beta1^t makes the factor."""
    t, beta1 = wrong.worst.coefficients.t, wrong.worst.hyper.beta1
    for other in range(1, 2 * t + COUNTS):
        ratio = (1 - beta1**t) / (1 - beta1**other)
        if all(factors.fits(move, ratio) for move in wrong.moves):
            return other
    return None


def _early(wrong: WrongStep) -> Reason | None:
    """It rectifies a step whose variance is not tractable, with one r_t for all elements."""
    worst = wrong.worst
    if worst.r is not None or worst.coefficients.still or not _several(wrong):
        return None
    sizes = (
        (move, math.sqrt(number(wrong.moment.v_hat[move.element])) + move.hyper.eps)
        for move in wrong.moves
        if move.m_hat
    )
    r = _common(
        (move.theirs * d / move.m_hat, abs(move.tolerance * d / move.m_hat)) for move, d in sizes
    )
    if not r:
        return None
    return Reason(
        "branch", f"it rectifies this step: it moves as if r_t were {r:.6g} in all elements", True
    )


def _root(wrong: WrongStep) -> Reason | None:
    """One factor for the root of v_hat in all elements, with eps as it should be."""
    c = wrong.worst.coefficients
    if c.r is None or c.floor:
        return None
    eps = float(c.eps)
    roots = ((move.denominator - eps, d - eps, off) for move, d, off in _denominators(wrong))
    factor = _common((theirs / root, off / root) for root, theirs, off in roots if root)
    if not factor:
        return None
    alike = f"the root of v_hat is {factors.times(factor)} the right one in all elements alike"
    correction = math.sqrt(1 - wrong.worst.hyper.beta2**c.t)
    for words, value in (
        ("not corrected for its bias", correction),
        ("corrected twice", 1 / correction),
    ):
        if math.isclose(factor, value, rel_tol=ALIKE):
            return Reason("denominator", f"{alike}: v is {words}")
    return Reason(
        "denominator", f"{alike}, so the fault is in the correction of v, or in its weight"
    )


def _epsilon(wrong: WrongStep) -> Reason | None:
    """One number beside the root of every element, or under it."""
    c = wrong.worst.coefficients
    if c.r is None or c.floor:
        return None
    eps = float(c.eps)
    known = [(move.denominator - eps, d, off) for move, d, off in _denominators(wrong)]
    beside = _common((d - root, off) for root, d, off in known)
    if beside is not None:
        return Reason(
            "denominator",
            f"what joins the root is {beside:.6g} in all elements alike, where it should be "
            f"{eps:.6g}",
        )
    under = _common((d * d - root * root, 2 * d * off) for root, d, off in known)
    if under is not None:
        return Reason(
            "denominator",
            f"{under:.6g} stands under the root in all elements alike, where eps = "
            f"{wrong.worst.hyper.eps:.6g} belongs beside it",
        )
    return None


def _denominators(wrong: WrongStep) -> Iterator[tuple[Move, float, float]]:
    """The implied ones, and how exactly they are known."""
    for move in wrong.moves:
        if move.theirs and move.update:
            implied = abs(move.implied["denominator"])
            yield move, implied, implied * move.tolerance / abs(move.theirs)


def _common(values: Iterable[tuple[float, float]]) -> float | None:
    """The value that all have within their errors, at least two of them; 0 within its error."""
    pairs = sorted(values, key=lambda pair: pair[1])
    if len(pairs) < 2:
        return None
    best, error = pairs[0]
    if any(abs(value - best) > off + error for value, off in pairs):
        return None
    return best if abs(best) > error else 0.0


def _several(wrong: WrongStep) -> bool:
    """Whether several elements say what is wrong: else one factor explains too much."""
    return sum(bool(move.update) and not move.is_right for move in wrong.moves) > 1
