"""Runs the cases on a port, finds out its dialect, and judges every answer."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, NamedTuple

from radam_ref import Dialect

from . import laws
from .cases import Case, load_suite
from .diagnosis import diagnose
from .drivers._surroundings import flushes_subnormals
from .features import lacking
from .harness import Harness
from .identify import decays, fit, is_probe, leave_out_other_conventions, nearest
from .protocol import Answer, Hello
from .report import Report
from .results import CaseResult, Cause, Diagnosis, Fit
from .schedule import INTERRUPTED, Progress, Run, request, run_all
from .spec import LoadError, Spec
from .verdicts import verdicts, words

if TYPE_CHECKING:
    from .explain import Explanation

SMOKE = "core/smoke-01-*"
PROBED = {"float64", "float32"}
PAGES = 3  # explanations that a reader takes in


def judge(
    spec: Spec,
    cases: Sequence[Case],
    *,
    dialect: Dialect | None = None,
    asked: bool = False,
    seed: int | None = None,
    jobs: int = 1,
    timeout_scale: float = 1.0,
    explain: bool = False,
    every_dialect: bool = False,
    progress: Progress = lambda done, total, id: None,
) -> Report:
    """Run the cases on a port and judge it.

    Parameters
    ----------
    spec : Spec
        The port.
    cases : sequence of Case
        What is wanted; those in dtypes that the port does not offer are left out.
    dialect : Dialect, optional
        To judge by; the identified one if None.
    asked : bool
        Run cases too for which the port offers no feature: they were asked for by name.
    seed : int, optional
        Of the inputs on which the laws are tried; None leaves them out.
    jobs : int
        Processes of the port that run cases at the same time.
    timeout_scale : float
        Factor on every time limit.
    explain : bool
        Ask the port again for every step of the first case of each cause that it fails.
    every_dialect : bool
        Say how every combination of axes fits, even where a stored dialect fits wholly.
    progress : callable, optional
        Called before each case with the cases done, their number and the id.

    Returns
    -------
    Report
        After Ctrl-C one of the cases that were run until then, marked as interrupted.

    Raises
    ------
    LoadError
        The port cannot be loaded, or its harness fails the smoke case already; or this process
        makes zeros of subnormal numbers.
    """
    _require_subnormals()
    with ExitStack() as stack:
        *others, port = [
            stack.enter_context(Harness(spec, timeout_scale=timeout_scale, later=later))
            for later in (*[True] * (jobs - 1), False)
        ]
        dtypes = _dtypes_that_work(port, spec, cases, seed)
        offered = [c for c in cases if c.dtype in dtypes and (asked or offers(port.hello, c))]
        runs = run_all([port, *others], [*_further_probes(offered, dtypes), *offered], progress)
        interrupted = any(run.outcome.text == INTERRUPTED for run in runs)
        lawful = [] if interrupted or seed is None else laws.check(port, port.hello, dtypes, seed)
        gave_up = next((p.gave_up for p in (port, *others) if p.gave_up), "")
        runs = leave_out_other_conventions(runs, port.hello)
        found = _findings(runs, offered, port.hello, dialect, every_dialect)
        used, results = found.dialect, found.results
        diagnosis = None if interrupted else diagnose(runs, results, used, _told(progress))
        pages = _explanations(diagnosis, runs, dialect, used, port) if explain and diagnosis else ()
    return Report(
        spec=shlex.join(spec.words()),
        hello=port.hello,
        dialect=used,
        by_name=dialect is not None,
        fits=found.fits,
        results=(*results, *lawful),
        not_offered=_not_offered(cases, [run.case for run in runs]),
        asked=asked,
        gave_up=gave_up,
        decays=found.decays,
        diagnosis=diagnosis,
        explanations=pages,
        seed=seed,
        interrupted=interrupted,
    )


def _further_probes(offered: Sequence[Case], dtypes: set[str]) -> list[Case]:
    """The cases by which a dialect is found out, but for those that are run anyway."""
    ids = {case.id for case in offered}
    further = (case for case in load_suite() if case.id not in ids)
    return [case for case in further if is_probe(case) and case.dtype in dtypes]


class _Findings(NamedTuple):
    """What the answers of a port tell.

    Attributes
    ----------
    dialect : Dialect
        To judge by.
    fits, decays
        As of `Report`.
    results : tuple of CaseResult
        Of the cases that were wanted.
    """

    dialect: Dialect
    fits: tuple[Fit, ...]
    decays: Mapping[str, Mapping[str, float]]
    results: tuple[CaseResult, ...]


def _findings(
    runs: Sequence[Run], wanted: Sequence[Case], hello: Hello, dialect: Dialect | None, every: bool
) -> _Findings:
    answers = [(run.case, run.outcome.answer) for run in runs if run.outcome.answer]
    fits = fit(answers, declared=hello.dialect, every=every)
    computed = nearest(fits, runs, hello)
    used = computed if dialect is None else dialect
    ids = {case.id for case in wanted}
    judged = verdicts(runs, used, computed if fits else used)
    results = tuple(result for result in judged if result.case.id in ids)
    return _Findings(used, tuple(fits), decays(answers, computed), results)


def _require_subnormals() -> None:
    if flushes_subnormals():
        raise LoadError(
            "this process flushes subnormal numbers to zero, with which answers are compared: a "
            "library has set it (torch.set_flush_denormal(False) takes it back)"
        )


def _dtypes_that_work(
    port: Harness, spec: Spec, cases: Sequence[Case], seed: int | None
) -> set[str]:
    """Of the dtypes that are needed, those that the port takes; it has passed the smoke case."""
    needed = {case.dtype for case in cases} | (set() if seed is None else set(laws.BITS))
    if not needed & PROBED:
        needed |= PROBED  # a dialect is found out in Core
    return smoke(port, spec, {dtype for dtype in needed if takes(port.hello, dtype)})


def _told(progress: Progress) -> Callable[[int, int], None]:
    return lambda done, total: progress(done, total, "diagnosis of the failing cases")


def _explanations(
    diagnosis: Diagnosis, runs: Sequence[Run], by_name: Dialect | None, used: Dialect, port: Harness
) -> tuple[Explanation, ...]:
    """The first wrong step of each cause, and of the cases that have none.

    A cause may be a fault in another dialect than the nearest: then that one says what is exact.
    """
    from .explain import explanation

    def ask(case: Case) -> Answer | None:
        return port.run(request(case)).answer

    cases = {run.case.id: run.case for run in runs}
    first: list[tuple[str, Cause | None]]
    first = [(cause.cases[0], cause) for cause in diagnosis.causes if cause.step]
    if diagnosis.step:
        first.append((diagnosis.unexplained[0], None))
    pages = []
    for id, cause in first[:PAGES]:
        meant = by_name or (cause.dialect if cause else used)
        with suppress(ArithmeticError):  # the oracle does not decide a branch near beta2 = 1
            page = explanation(cases[id], meant, ask, cause)
            if page is None and meant != used:
                page = explanation(cases[id], used, ask, cause)
            pages.append(page)
    return tuple(page for page in pages if page is not None)


def offers(hello: Hello, case: Case) -> bool:
    """Whether a port says that it has all a case needs."""
    return not lacking(case.requires, hello.features)


def takes(hello: Hello, dtype: str) -> bool:
    """Whether a port says that it has a dtype, or says nothing of dtypes."""
    return dtype in (hello.dtypes or (dtype,))


def smoke(port: Harness, spec: Spec, dtypes: set[str]) -> set[str]:
    """The dtypes that are offered, by the first case of each.

    The harness is blamed before the port: without one answer nothing can be said of RAdam.
    """
    cases = [case for case in load_suite(SMOKE) if case.dtype in dtypes]
    outcomes = {case.dtype: port.run(request(case)) for case in cases}
    if cases and all(outcome.kind != "answered" for outcome in outcomes.values()):
        first = outcomes[cases[0].dtype]
        text = f"{first.kind}: {words(first)}"
        raise LoadError(f"{spec.text}: the harness fails the first case, {cases[0].id}: {text}")
    return dtypes - {dtype for dtype, o in outcomes.items() if o.kind == "unsupported"}


def _not_offered(cases: Iterable[Case], ran: Iterable[Case]) -> tuple[tuple[str, int], ...]:
    """What was wanted and not run: the parts, and the dtypes of Core, each with its cases."""
    left = {case.id: case for case in cases}
    for case in ran:
        left.pop(case.id, None)
    core = Counter(case.dtype for case in left.values() if case.profile == "core")
    parts = Counter(case.profile for case in left.values() if case.profile != "core")
    return (*sorted(core.items()), *parts.items())
