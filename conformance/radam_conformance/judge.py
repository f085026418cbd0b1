"""Runs the cases on a port, finds out its dialect, and judges every answer."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from radam_ref import Dialect

from .cases import Case, load_suite
from .comparison import compare
from .harness import Harness, Outcome
from .identify import expectation, fit, is_probe
from .naming import core
from .precision import checkable, explains
from .protocol import RunRequest
from .results import CaseResult, Report
from .spec import LoadError, Spec

Progress = Callable[[int, int, str], None]  # cases done, of how many, the id of the next

HYPER = ("lr", "beta1", "beta2", "eps", "weight_decay", "maximize")
SMOKE = "core/smoke-01-*"


class Run(NamedTuple):
    """A case and what became of it."""

    case: Case
    outcome: Outcome


def request(case: Case) -> RunRequest:
    """The case as the protocol asks for it."""
    return RunRequest(
        id=case.id,
        dtype=case.dtype,
        steps=case.steps,
        hyper=[(h.start, key, getattr(h, key)) for h in case.hyper for key in HYPER],
        x0=[(tensor.shape, tensor.values) for tensor in case.x0],
        gradients=case.gradients,
        observe=case.observe,
    )


def judge(
    spec: Spec,
    cases: Sequence[Case],
    *,
    dialect: Dialect | None = None,
    timeout_scale: float = 1.0,
    progress: Progress = lambda done, total, id: None,
) -> Report:
    """Run the cases on a port and judge it.

    Parameters
    ----------
    spec : Spec
        The port.
    cases : sequence of Case
        What is asked for; those in dtypes that the port does not offer are left out.
    dialect : Dialect, optional
        To judge by; the identified one if None.
    timeout_scale : float
        Factor on every time limit.
    progress : callable, optional
        Called before each case with the cases done, their number and the id.

    Returns
    -------
    Report

    Raises
    ------
    LoadError
        The port cannot be loaded, or its harness fails the smoke case already.
    """
    with Harness(spec, timeout_scale=timeout_scale) as port:
        hello = port.hello
        asked = {case.dtype for case in cases if case.dtype in (hello.dtypes or (case.dtype,))}
        dtypes = _smoke(port, spec, asked)
        offered = [case for case in cases if case.dtype in dtypes]
        wanted = {case.id for case in offered}
        probes = [
            case
            for case in load_suite()
            if is_probe(case) and case.id not in wanted and case.dtype in dtypes
        ]
        runs = []
        for done, case in enumerate(todo := [*probes, *offered]):
            progress(done, len(todo), case.id)
            runs.append(Run(case, port.run(request(case))))
        progress(len(runs), len(runs), "")
        gave_up = port.gave_up
    answers = [(run.case, run.outcome.answer) for run in runs if run.outcome.answer]
    fits = fit(answers)
    closest = fits[0].dialect if fits else Dialect()
    used = closest if dialect is None else dialect
    results = _verdicts(runs, used, closest if fits else used)
    return Report(
        spec=shlex.join(spec.words()),
        hello=hello,
        dialect=used,
        by_name=dialect is not None,
        fits=tuple(fits),
        results=tuple(result for result in results if result.case.id in wanted),
        not_offered=tuple(sorted({c.dtype for c in cases} - {c.dtype for c in offered})),
        gave_up=gave_up,
    )


def _smoke(port: Harness, spec: Spec, dtypes: set[str]) -> set[str]:
    """The dtypes that are offered, by the first case of each.

    The harness is blamed before the port: without one answer nothing can be said of RAdam.
    """
    cases = [case for case in load_suite(SMOKE) if case.dtype in dtypes]
    outcomes = {case.dtype: port.run(request(case)) for case in cases}
    if cases and all(outcome.kind != "answered" for outcome in outcomes.values()):
        first = outcomes[cases[0].dtype]
        text = f"{first.kind}: {_words(first)}"
        raise LoadError(f"{spec.text}: the harness fails the first case, {cases[0].id}: {text}")
    return {dtype for dtype, outcome in outcomes.items() if outcome.kind != "unsupported"}


def _words(outcome: Outcome) -> str:
    """What a port said of a case without an answer, the last line of its stderr included."""
    said = outcome.stderr.strip().splitlines()
    news = said and said[-1] not in outcome.text and outcome.text not in said[-1]
    return f"{outcome.text}; its last words: {said[-1]}" if news else outcome.text


def _verdicts(runs: Sequence[Run], used: Dialect, computed: Dialect) -> list[CaseResult]:
    """The results by the dialect in use, beside those by the one that the port computes."""
    ours = _explained([_result(run, used) for run in runs], runs, used)
    if core(used) == core(computed):
        return ours
    theirs = _explained([_result(run, computed) for run in runs], runs, computed)
    return [_mismatch(*pair) for pair in zip(ours, theirs, strict=True)]


def _result(run: Run, dialect: Dialect) -> CaseResult:
    case, outcome = run
    if outcome.answer is None:
        assert outcome.kind != "answered"
        return CaseResult(case, outcome.kind, _words(outcome), seconds=outcome.seconds)
    result = compare(case, outcome.answer, expectation(case, dialect))
    return replace(result, seconds=outcome.seconds)


def _explained(
    results: list[CaseResult], runs: Sequence[Run], dialect: Dialect
) -> list[CaseResult]:
    """Failures become `precision` where scalar terms in binary32 explain every one of them."""
    failed = {
        result.case.id: run.outcome.answer
        for result, run in zip(results, runs, strict=True)
        if result.verdict == "fail"
    }
    cases = {result.case.id: result.case for result in results}
    # A fault that first shows after a gap in the observed steps was hardly compared with anything.
    if not any(r.first_bad and r.first_bad.step in checkable(r.case) for r in results):
        return results
    if not all(answer and explains(cases[id], dialect, answer) for id, answer in failed.items()):
        return results
    return [replace(r, verdict="precision") if r.case.id in failed else r for r in results]


def _mismatch(ours: CaseResult, theirs: CaseResult) -> CaseResult:
    """A failure that is none in the dialect which the port computes is a mismatch of dialects."""
    failed, met = ("fail", "precision"), ("pass", "precision")
    if ours.verdict in failed and theirs.verdict in met:
        return replace(ours, verdict="dialect-mismatch")
    return ours
