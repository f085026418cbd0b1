"""Covers the failing cases with causes: the suspect that makes most of them, then the next.

What would spoil a case that the port passes is no fault of the port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from radam_ref import Dialect

from ..results import Cause
from .suspects import (
    Suspect,
    elsewhere,
    elsewhere_too,
    in_its_dialect,
    known,
    others,
    without_fault,
)
from .symptoms import symptoms
from .targets import EARLY, FIRST, Target, changes, is_made_by, may_be_made_by, shortened, tells

_T = TypeVar("_T")

MOST = 6  # causes
STEPS, PER_PLAY = 100_000, 2  # that are played in all, some 10 seconds; what a play costs besides
SOUND = 0.75  # part of the failing cases that a fault changes, and makes as the port has them
SAMPLED, COUNTED = 12, 3  # cases by which suspects are ranked; those of which all cases are counted
SCREENED, BRIEFLY = 4, 1  # failing cases on which everything is tried, so far behind the first step
CHECKED = 12  # passing cases that no candidate may spoil; what is named in the end may spoil none
# Faults that are played with one number and stand for any: what is measured says more.
EXAMPLES = ("threshold-3", "threshold-4-5", "threshold-6", "threshold-50")

PLAIN = ("never-rectified", "always-rectified")  # what many faults come to


class _Found(NamedTuple):
    suspect: Suspect
    explained: list[Target]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(target.case.id for target in self.explained)

    @property
    def is_example(self) -> bool:
        return self.suspect.fault in EXAMPLES


class _Way(NamedTuple):
    """Suspects, and how they are tried.

    `enough` is the part of the cases left that must be explained to look no further.
    """

    enough: float
    screened: int
    suspects: Iterable[Suspect]


def cover(
    failing: Sequence[Target],
    passing: Sequence[Target],
    dialect: Dialect,
    progress: Callable[[int], None],
) -> tuple[list[Cause], list[Target]]:
    """Find causes until every failing case has one, or nothing explains more.

    Parameters
    ----------
    failing, passing : sequence of Target
    dialect : Dialect
        What the port is judged by; its faults may turn out to be those of another one.
    progress : callable
        Called with the number of cases that are left.

    Returns
    -------
    causes : list of Cause
        Each with cases of its own.
    left : list of Target
        What none of them explains.
    """
    causes = list[Cause]()
    # What the program without a fault makes as well is no sign of one.
    unfaulty = without_fault(dialect)
    innocent, left = list[Target](), list[Target]()
    for each in failing:
        (innocent if is_made_by(unfaulty.play(each.case), each) else left).append(each)
    trial = _Trial(left, passing)
    # With several faults at work, the few cases that are screened need not have one in common:
    # after all cases at once, those of each part of the suite are looked at.
    for part in ("", *dict.fromkeys(target.case.profile for target in failing)):
        while len(causes) < MOST:
            progress(len(left))
            pool = [target for target in left if part in ("", target.case.profile)]
            found = _best(_ways(pool, dialect, causes, wide=not part), pool, left, trial)
            if found is None:
                break
            here = found.fault and found.dialect == dialect
            if not causes and here and len(found.cases) < len(left):
                # The dialect that fits a wrong port best need not be the one it was written in.
                ways = [_Way(0.0, SCREENED, elsewhere_too(found.fault, dialect))]
                found = max(found, _best(ways, pool, left, trial) or found, key=_explained)
            causes.append(found)
            dialect = found.dialect
            left = [target for target in left if target.case.id not in found.cases]
    return causes, [*left, *innocent]


def _explained(cause: Cause) -> int:
    return len(cause.cases)


def _ways(
    pool: Sequence[Target], dialect: Dialect, causes: Sequence[Cause], *, wide: bool
) -> Iterator[_Way]:
    """Where to look."""
    if not pool:
        return
    # Behind the first cause, what explains a case alone is said alone.
    yield _Way(0.0 if causes else 1.0, SCREENED, known(dialect))
    if causes and causes[0].fault:
        yield _Way(1.0, SCREENED, known(dialect, beside=causes[0]))
    yield _Way(0.5, SCREENED, symptoms(pool, dialect))
    # The nearest dialect of a wrong port may be another than it was written in; not where that port
    # does right in Core.
    if wide and any(target.case.profile == "core" for target in pool):
        yield _Way(0.5, SCREENED // 2, elsewhere(dialect))
        for other in others(dialect):
            yield _Way(0.5, SCREENED, map(in_its_dialect, symptoms(pool, other)))


def _best(
    ways: Iterable[_Way],
    pool: Sequence[Target],
    left: Sequence[Target],
    trial: _Trial,
) -> Cause | None:
    """The suspect that makes most of the cases left, and at least one of the pool."""
    brief = [shortened(target, target.step + BRIEFLY) for target in _spread(pool, SCREENED)]
    sample = [shortened(target, max(target.step, EARLY)) for target in _spread(left, SAMPLED)]
    found: list[_Found] = []
    for enough, screened, suspects in ways:
        likely = [each for each in suspects if trial.is_likely(each, brief[:screened])]
        if len(likely) > COUNTED:
            tried = (_Found(each, trial.explained(each, sample)) for each in likely)
            likely = [one.suspect for one in sorted(tried, key=_rank)[:COUNTED]]
        counted = (_Found(each, trial.explained(each, left)) for each in likely)
        # What is not sound must not end the search.
        found += [one for one in counted if one.explained and trial.is_sound(one.suspect)]
        if any(len(f.explained) >= enough * len(left) and not f.is_example for f in found):
            break
    ranked = sorted(found, key=_rank)
    return _cause(ranked[0], ranked) if ranked else None


def _rank(one: _Found) -> tuple[int, bool, bool]:
    """What explains most in front; of equals a measured fault, and the one in plain words."""
    return -len(one.explained), one.is_example, one.suspect.fault not in PLAIN


def _cause(best: _Found, found: Sequence[_Found]) -> Cause:
    suspect = best.suspect
    alike = (other.suspect.sentence for other in found if other.ids == best.ids)
    return Cause(
        suspect.sentence,
        suspect.line,
        best.ids,
        best.explained[0].step,
        suspect.dialect,
        suspect.links,
        suspect.fault,
        tuple(sentence for sentence in alike if sentence != suspect.sentence),
    )


class _Trial:
    """Plays suspects on cases, none twice on the same one."""

    def __init__(self, failing: Sequence[Target], passing: Sequence[Target]) -> None:
        self._failing = [shortened(target, max(target.step, EARLY)) for target in failing]
        self._passing = passing
        self._few = [shortened(target, EARLY) for target in _spread(passing, CHECKED)]
        self._screened: dict[tuple[Suspect, str], bool] = {}
        self._harmless: dict[Suspect, bool] = {}
        self._sound: dict[Suspect, bool] = {}
        self._steps = STEPS

    def is_likely(self, suspect: Suspect, brief: Sequence[Target]) -> bool:
        """Whether it makes one of these, and spoils none of a few that pass."""
        if self._steps < 0 or not any(self._screen(suspect, target) for target in brief):
            return False
        if suspect not in self._harmless:
            self._harmless[suspect] = self._makes_all(suspect, self._few)
        return self._harmless[suspect]

    def explained(self, suspect: Suspect, left: Sequence[Target]) -> list[Target]:
        """Those of the failing cases that it makes, if one of them tells that it is no chance."""
        self._steps -= sum(target.case.steps for target in left)
        played = ((suspect.play(target.case), target) for target in left)
        made = [pair for pair in played if is_made_by(*pair)]
        return [target for _, target in made] if any(tells(*pair) for pair in made) else []

    def is_sound(self, suspect: Suspect) -> bool:
        """Whether it makes most failing cases that it changes, and all that the port passes.

        A few numbers may be those of another fault by chance, or for want of a case that tells: a
        fault of the port is at work wherever it changes anything.
        """
        if suspect not in self._sound:
            changed = [target for target in self._failing if changes(suspect, target)]
            made = sum(is_made_by(suspect.play(target.case), target) for target in changed)
            enough = made >= SOUND * len(changed)
            self._sound[suspect] = enough and self._makes_all(suspect, self._passing)
        return self._sound[suspect]

    def _screen(self, suspect: Suspect, target: Target) -> bool:
        key = suspect, target.case.id
        if key not in self._screened:
            self._steps -= PER_PLAY + min(target.case.steps, FIRST)
            self._screened[key] = may_be_made_by(suspect.play, target)
        return self._screened[key]

    def _makes_all(self, suspect: Suspect, targets: Iterable[Target]) -> bool:
        """Whether it makes these, as far as can be told."""
        for target in targets:
            self._steps -= PER_PLAY + target.case.steps
            played = suspect.play(target.case)
            if played is not None and not is_made_by(played, target):
                return False
        return True


def _spread(items: Sequence[_T], number: int) -> Sequence[_T]:
    """So many of them, far apart."""
    number = min(number, len(items))
    return [items[len(items) * k // number] for k in range(number)]
