"""Cases cut to what is recomputed, and whether a suspect makes the port's numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radam_ref import Dialect

from ..cases import Case, Floats
from ..comparison import observed
from ..identify import expectation
from ..precision import checkable, explains
from ..protocol import Answer
from .suspects import Suspect
from .wrong_step import cut

WIDER = 8.0  # times the bound is the room around a faulty trajectory
NEARER = 1e-3  # or this part of its distance from the right one
LONGEST = 60  # steps of a case that are recomputed, if they show the failure
FARTHEST = 10_000  # steps to play in order to show one
FIRST, EARLY = 2, 40  # steps after which most suspects of a late failure are ruled out
TELLING = 4.0  # an error is explained, not matched by chance, if what remains is so much smaller

Play = Callable[[Case], Floats | None]


class Target(NamedTuple):
    """A case, cut to the steps that are recomputed, with the port's numbers and the right ones.

    `step` is the first bad one, 0 if none is.
    """

    case: Case
    got: Floats
    right: Floats
    bound: Floats
    step: int
    answer: Answer


def target_of(case: Case, answer: Answer, dialect: Dialect) -> Target:
    """The case up to its first bad step, or as far as is cheap."""
    expected = expectation(case, dialect)
    got = observed(case, answer)
    with np.errstate(invalid="ignore", over="ignore"):
        fits = np.abs(got - expected.hi - expected.lo) <= expected.binary64
    wrong = np.flatnonzero(~fits.all(axis=1))
    step = case.observe[wrong[0]] if len(wrong) and case.observe[wrong[0]] <= FARTHEST else 0
    whole = Target(case, got, expected.hi, expected.binary64, step, answer)
    return shortened(whole, max(LONGEST, step))


def shortened(target: Target, last: int) -> Target:
    """The target up to a step."""
    observe = tuple(t for t in target.case.observe if t <= last)
    got, right, bound = (rows[: len(observe)] for rows in target[1:4])
    return Target(cut(target.case, observe), got, right, bound, target.step, target.answer)


def may_be_made_by(play: Play, target: Target) -> bool:
    """Whether a suspect makes the port's numbers; what is off early is not played to the end."""
    for last in (FIRST, EARLY):
        early = shortened(target, last)._replace(step=0)
        if early.case.steps < target.step and not is_made_by(play(early.case), early):
            return False
    return is_made_by(play(target.case), target)


def is_made_by(faulty: Floats | None, target: Target) -> bool:
    """Whether a faulty trajectory is the port's, and wrong where the port's is."""
    if faulty is None:
        return False
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(faulty - target.right)
        room = WIDER * target.bound
        if target.step:
            if (distance <= target.bound).all():
                return False
            room = np.maximum(room, NEARER * np.where(np.isfinite(distance), distance, 0))
        near = np.abs(target.got - faulty) <= room
    return bool((near | _same_non_finite(target.got, faulty)).all())


def changes(suspect: Suspect, target: Target) -> bool:
    """Whether a fault changes anything in a case, beyond what a right program may."""
    faulty = suspect.play(target.case)
    right = target.right if suspect.beside is None else suspect.beside(target.case)
    if faulty is None or right is None:
        return False
    with np.errstate(invalid="ignore", over="ignore"):
        return not bool((np.abs(faulty - right) <= target.bound).all())


def tells(faulty: Floats | None, target: Target) -> bool:
    """Whether a faulty trajectory takes away most of the port's error, somewhere at least."""
    if faulty is None:
        return False
    with np.errstate(invalid="ignore", over="ignore"):
        error, rest = np.abs(target.got - target.right), np.abs(target.got - faulty)
        told = (error > target.bound) & (error > TELLING * rest)
    return bool((told | (_same_non_finite(target.got, faulty) & ~np.isfinite(error))).any())


def _same_non_finite(a: Floats, b: Floats) -> NDArray[np.bool]:
    same: NDArray[np.bool] = (np.isnan(a) & np.isnan(b)) | (np.isinf(a) & (a == b))
    return same


def is_rounded(target: Target, dialect: Dialect) -> bool:
    """Whether scalar terms in binary32 make the numbers, where they can be compared closely."""
    closely = target.step in checkable(target.case)
    return closely and explains(target.case, dialect, target.answer)


def is_narrow(target: Target, dialect: Dialect) -> bool:
    """Whether a right program in binary32 may make the numbers of a case in binary64."""
    narrow = in_binary32(target, dialect)
    if narrow is target or not np.isfinite(target.got).all():
        return False
    with np.errstate(over="ignore"):
        kept = target.got.astype(np.float32)
    right = np.abs(target.got - target.right) <= 2 * narrow.bound
    return bool((target.got == kept).all() and right.all())


def in_binary32(target: Target, dialect: Dialect) -> Target:
    """The target with the bounds of the narrower dtype; the same one where there is none."""
    dtype = {"float64": "float32", "complex128": "complex64"}.get(target.case.dtype)
    if dtype is None:
        return target
    try:
        expected = expectation(replace(target.case, dtype=dtype, expected={}), dialect)
    except ArithmeticError:
        return target
    return target._replace(bound=expected.binary64)
