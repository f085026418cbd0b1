"""Factors by which an update is wrong, and what they say about the program."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ..cases import Hyper
from .implied import Move

ROUGHLY = 1e-5  # of what a factor changes


class Scalar(NamedTuple):
    """What a factor may depend on."""

    hyper: Hyper
    t: int
    r: float | None


class Factor(NamedTuple):
    """A wrong update over the right one, and where that comes from."""

    line: int
    sentence: str
    value: Callable[[Scalar], float]


def _correction1(at: Scalar) -> float:
    return 1 - at.hyper.beta1**at.t


def _correction2(at: Scalar) -> float:
    return 1 - at.hyper.beta2**at.t


def _r(at: Scalar) -> float:
    return math.nan if at.r is None else at.r


# The simplest first.
FACTORS: Mapping[str, Factor] = {
    "-1": Factor(12, "the sign of the update is wrong", lambda at: -1.0),
    "lr": Factor(12, "lr counts twice", lambda at: at.hyper.lr),
    "1/lr": Factor(12, "lr is left out", lambda at: 1 / at.hyper.lr),
    "1 - beta1^t": Factor(7, "m is not corrected for its bias", _correction1),
    "1/(1 - beta1^t)": Factor(
        7, "the bias of m is corrected twice", lambda at: 1 / _correction1(at)
    ),
    "1/sqrt(1 - beta2^t)": Factor(
        10, "v is not corrected for its bias", lambda at: _correction2(at) ** -0.5
    ),
    "sqrt(1 - beta2^t)": Factor(
        10, "the bias of v is corrected twice", lambda at: _correction2(at) ** 0.5
    ),
    "sqrt(1 - beta2^t)/(1 - beta1^t)": Factor(
        7,
        "the bias corrections of Adam are applied once more",
        lambda at: _correction2(at) ** 0.5 / _correction1(at),
    ),
    "(1 - beta1^t)/sqrt(1 - beta2^t)": Factor(
        7,
        "neither m nor v is corrected for its bias",
        lambda at: _correction1(at) / _correction2(at) ** 0.5,
    ),
    "1/r_t": Factor(11, "r_t is left out", lambda at: 1 / _r(at)),
    "1/r_t^2": Factor(11, "the update is divided by r_t", lambda at: _r(at) ** -2),
    "r_t": Factor(11, "r_t is squared: its root is left out", _r),
    "1/(1 - beta1)": Factor(
        6, "the gradient joins m without its weight", lambda at: 1 / (1 - at.hyper.beta1)
    ),
    "1 - beta1": Factor(
        6, "the weight of the gradient counts twice in m", lambda at: 1 - at.hyper.beta1
    ),
    "sqrt(1 - beta2)": Factor(
        5, "the gradient joins v without its weight", lambda at: (1 - at.hyper.beta2) ** 0.5
    ),
}


def times(factor: float) -> str:
    """A factor in words, that of one near 1 by how far it is from it."""
    return f"1 {factor - 1:+.1e} times" if abs(factor - 1) < 1e-3 else f"{factor:.6g} times"


def fits(move: Move, factor: float) -> bool:
    """Whether the port's update is the right one times the factor, within rounding.

    A port that is far off may lose digits besides: those do not hide the factor.
    """
    room = max(move.tolerance * max(1.0, abs(factor)), ROUGHLY * abs(move.theirs - move.update))
    return abs(move.theirs - factor * move.update) <= room


def named(moves: Sequence[Move]) -> tuple[str, Factor] | None:
    """The first known factor that all moves have."""
    for words, factor in FACTORS.items():
        if all(fits(move, _value(factor, move)) for move in moves):
            return words, factor
    return None


def constant(moves: Sequence[Move]) -> float | None:
    """The one number by which all updates are multiplied; None if there is none."""
    telling = [move for move in moves if move.update]
    if not telling:
        return None
    best = min(telling, key=lambda move: move.tolerance / abs(move.update))
    factor = best.theirs / best.update
    return factor if all(fits(move, factor) for move in moves) else None


def _value(factor: Factor, move: Move) -> float:
    try:
        return factor.value(Scalar(move.hyper, move.coefficients.t, move.r))
    except (OverflowError, ZeroDivisionError):
        return math.nan
