"""From what a port answered to the verdict on each case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from radam_ref import Dialect

from .cases import Case
from .comparison import compare
from .harness import Outcome
from .identify import expectation
from .naming import core
from .precision import checkable, explains
from .protocol import Answer
from .results import CaseResult
from .schedule import Run


def words(outcome: Outcome) -> str:
    """What a port said of a case without an answer, the last line of its stderr included."""
    said = outcome.stderr.strip().splitlines()
    news = said and said[-1] not in outcome.text and outcome.text not in said[-1]
    return f"{outcome.text}; its last words: {said[-1]}" if news else outcome.text


def verdicts(runs: Sequence[Run], used: Dialect, computed: Dialect) -> list[CaseResult]:
    """The results by the dialect in use, beside those by the one that the port computes."""
    ours = _explained([_result(run, used) for run in runs], runs, used)
    if core(used) == core(computed):
        return ours
    theirs = _explained([_result(run, computed) for run in runs], runs, computed)
    return [_mismatch(*pair) for pair in zip(ours, theirs, strict=True)]


def _result(run: Run, dialect: Dialect) -> CaseResult:
    case, outcome = run
    if case.refused:
        return _refusal(run)
    if outcome.answer is None:
        assert outcome.kind != "answered"
        # eps = 0 may be refused: the paper's eps is positive in every port that has one.
        refused = case.profile == "eps0" and outcome.kind == "rejected"
        kind = "unsupported" if refused else outcome.kind
        return CaseResult(case, kind, words(outcome), seconds=outcome.seconds)
    try:
        result = _judged(case, outcome.answer, dialect)
    except ArithmeticError as error:  # no stored vector, and no bound in this dialect
        result = CaseResult(case, "not-run", f"cannot be judged in this dialect: {error}")
    return replace(result, seconds=outcome.seconds)


def _refusal(run: Run) -> CaseResult:
    """A hyper-parameter that makes no sense must be refused, and in words."""
    case, outcome = run
    if outcome.kind == "rejected":
        return CaseResult(case, "pass", outcome.text, seconds=outcome.seconds)
    if outcome.kind == "answered":
        value = getattr(case.hyper[0], case.refused)
        text = f"{case.refused} = {value:g} must be refused, and was taken"
        return CaseResult(case, "fail", text, seconds=outcome.seconds)
    return CaseResult(case, outcome.kind, words(outcome), seconds=outcome.seconds)


def _judged(case: Case, answer: Answer, dialect: Dialect) -> CaseResult:
    expected = expectation(case, dialect)
    result = compare(case, answer, expected)
    if result.verdict == "pass":
        return result
    others = (compare(case, answer, other) for other in expected.alternatives)
    either = next((other for other in others if other.verdict == "pass"), None)
    if either is not None:
        return replace(either, verdict="either-branch", tells_scalars=False)
    if case.profile == "extreme" and explains(case, dialect, answer, "float64"):
        return replace(result, verdict="either-branch", first_bad=None, tells_scalars=False)
    return result


def _explained(
    results: list[CaseResult], runs: Sequence[Run], dialect: Dialect
) -> list[CaseResult]:
    """Failures become `precision` where scalar terms in binary32 explain every one of them.

    What runs under a compiler is another program, so it is looked at on its own.
    """
    answers = {run.case.id: run.outcome.answer for run in runs}
    explained: set[str] = set()
    for compiled in (False, True):
        failed = [
            result
            for result in results
            if result.verdict == "fail" and ("compiled" in result.case.requires) == compiled
        ]
        if _binary32(failed, answers, dialect):
            explained.update(result.case.id for result in failed)
    return [replace(r, verdict="precision") if r.case.id in explained else r for r in results]


def _binary32(
    failed: Sequence[CaseResult], answers: dict[str, Answer | None], dialect: Dialect
) -> bool:
    # A fault that first shows after a gap in the observed steps was hardly compared with anything.
    if not any(r.first_bad and r.first_bad.step in checkable(r.case) for r in failed):
        return False
    return all(
        (answer := answers[r.case.id]) is not None and explains(r.case, dialect, answer)
        for r in failed
    )


def _mismatch(ours: CaseResult, theirs: CaseResult) -> CaseResult:
    """A failure that is none in the dialect which the port computes is a mismatch of dialects."""
    failed, met = ("fail", "precision"), ("pass", "precision", "either-branch")
    if ours.verdict in failed and theirs.verdict in met:
        return replace(ours, verdict="dialect-mismatch")
    return ours
