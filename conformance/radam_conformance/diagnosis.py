"""Names the faults behind failing cases: the known ones that make the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from radam_ref import Dialect

from .cases import load_notes
from .clues.cover import cover
from .clues.targets import Target, in_binary32, is_narrow, is_rounded, target_of
from .results import CaseResult, Cause, Diagnosis
from .schedule import Run

PAPER = Dialect()
SINGLE = Cause(
    "scalar terms are computed in binary32",
    "lines 2 to 11",
    (),
    0,
    PAPER,
    ("https://github.com/pytorch/pytorch/pull/117912",),
)
NARROW = Cause("all is computed in binary32, whatever dtype is given", "dtype", (), 0, PAPER)
TAKEN = Cause("hyper-parameters that must be refused are taken", "invalid", (), 0, PAPER)


def diagnose(
    runs: Sequence[Run],
    results: Sequence[CaseResult],
    dialect: Dialect,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Diagnosis | None:
    """Find what explains the failing cases.

    Parameters
    ----------
    runs : sequence of Run
        The cases that the port was asked, each with what became of it.
    results : sequence of CaseResult
        The verdicts on them.
    dialect : Dialect
        What the port is judged by.
    progress : callable, optional
        Called with the failing cases that are explained so far, and their number.

    Returns
    -------
    Diagnosis or None
        None if no failing case was answered with numbers.
    """
    single = {r.case.id: r.first_bad.step for r in results if r.first_bad and _is(r, "precision")}
    taken = {r.case.id: 0 for r in results if r.case.refused and _is(r, "fail")}
    wrong = _targets(runs, results, dialect, "fail", "error")
    failing = len(wrong) + len(single) + len(taken)
    if not failing:
        return None
    narrow, rounded, rest = _imprecise(wrong, dialect)
    reached, unreached = _split(rest, lambda target: target.step > 0)
    passing = _targets(runs, results, dialect, "pass")
    causes, left = cover(reached, passing, dialect, lambda left: progress(failing - left, failing))
    late, others = _split(left, lambda target: is_rounded(target, dialect))
    if len(late) > len(others):
        rounded, left = [*rounded, *late], others
    found = ((SINGLE, single | _steps(rounded)), (NARROW, _steps(narrow)), (TAKEN, taken))
    causes += [_explaining(cause, steps, dialect) for cause, steps in found if steps]
    left += unreached
    return Diagnosis(
        failing,
        tuple(sorted(causes, key=lambda cause: -len(cause.cases))),
        tuple(target.case.id for target in left),
        left[0].step if left else 0,
        _notes([target.case.id for target in left], runs),
    )


def _imprecise(
    wrong: Sequence[Target], dialect: Dialect
) -> tuple[list[Target], list[Target], list[Target]]:
    """The cases that are computed in binary32, those with such scalar terms, and the others.

    This is told by bounds, not by playing: two such programs round differently.
    """
    narrow, rest = _split(wrong, lambda target: is_narrow(target, dialect))
    if narrow:  # other faults show through its roundings
        rest = [in_binary32(target, dialect) for target in rest]
    rounded, rest = _split(rest, lambda target: is_rounded(target, dialect))
    if len(rounded) < len(rest):  # then by chance, perhaps: another cause may explain them too
        rounded, rest = [], _in_order([*rounded, *rest])
    return narrow, rounded, rest


def _steps(targets: Iterable[Target]) -> dict[str, int]:
    """Where each case leaves its bound."""
    return {target.case.id: target.step for target in targets}


def _explaining(cause: Cause, steps: Mapping[str, int], dialect: Dialect) -> Cause:
    """The cause with its cases, the one that fails first in front."""
    ids = tuple(sorted(steps, key=lambda id: (steps[id], not id.startswith("core/"))))
    return replace(cause, cases=ids, step=steps[ids[0]], dialect=dialect)


def _is(result: CaseResult, *verdicts: str) -> bool:
    return result.verdict in verdicts


def _targets(
    runs: Sequence[Run], results: Sequence[CaseResult], dialect: Dialect, *verdicts: str
) -> list[Target]:
    """The cases with these verdicts that have numbers."""
    ids = {result.case.id for result in results if _is(result, *verdicts)}
    return _in_order(
        target_of(run.case, run.outcome.answer, dialect)
        for run in runs
        if run.case.id in ids and run.outcome.answer and not run.case.refused
    )


def _in_order(targets: Iterable[Target]) -> list[Target]:
    """The one that fails first in front."""
    return sorted(targets, key=lambda t: (t.step, t.case.profile != "core", t.case.steps))


def _split(
    targets: Iterable[Target], test: Callable[[Target], bool]
) -> tuple[list[Target], list[Target]]:
    """Those of which something is true, and the others."""
    true, false = list[Target](), list[Target]()
    for target in targets:
        (true if test(target) else false).append(target)
    return true, false


def _notes(failing: Collection[str], runs: Sequence[Run]) -> tuple[str, ...]:
    """Flags of all these cases."""
    if not failing:
        return ()
    flags = {run.case.id: set(run.case.flags) for run in runs}
    common = set.intersection(*(flags[id] for id in failing))
    return tuple(flag for flag in load_notes() if flag in common)
