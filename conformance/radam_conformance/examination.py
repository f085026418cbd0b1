"""One port, one process, one case at a time: what each process of pytest holds."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import cache, cached_property

from radam_ref import Dialect, dialects

from . import laws
from .cases import Case, load_case, load_index, load_suite
from .diagnosis import diagnose
from .features import lacking
from .harness import SCALES, Harness
from .identify import fit, is_probe, leave_out_other_conventions, nearest
from .judge import offers, smoke, takes
from .report import Report
from .results import CaseResult, Fit
from .schedule import Run, request
from .spec import LoadError, Spec, parse_spec
from .verdicts import verdicts

SEED = 1  # as that of `run`
CONVENTIONS = ("complex.", "decay.")
_open: list[Examination] = []


class NotOffered(Exception):
    """The port has no way to be asked a case, or computes the other of two conventions."""


def ids(level: str) -> list[str]:
    """The ids of Core, or of all cases and laws."""
    if level not in ("core", "all"):
        raise ValueError(f"level must be core or all, got {level!r}")
    stored = [entry["id"] for entry in load_index()["cases"]]
    if level == "all":
        return [*stored, *laws.law_ids()]
    return [id for id in stored if id.startswith("core/")]


def dialect_named(name: str) -> Dialect | None:
    """The dialect of a name; None for auto, which finds it out."""
    if name not in ("auto", *dialects):
        raise ValueError(f"dialect must be auto or one of {', '.join(dialects)}, got {name!r}")
    return None if name == "auto" else dialects[name]


def factor_of_limits(timeout_scale: float) -> float:
    """The same, where time limits can be multiplied by it."""
    least, most = SCALES
    if not least <= timeout_scale <= most:
        raise ValueError(f"timeout_scale must be in [{least:g}, {most:g}], got {timeout_scale}")
    return timeout_scale


@cache
def examination(
    text: str,
    renames: tuple[str, ...],
    options: tuple[str, ...],
    dialect: str,
    timeout_scale: float,
) -> Examination:
    """The one of this process for a port, so that it is started and identified once."""
    spec = parse_spec(text, renames, options)
    _open.append(Examination(spec, dialect_named(dialect), timeout_scale))
    return _open[-1]


def close_all() -> None:
    """End all ports of this process."""
    while _open:
        _open.pop().close()


class Examination:
    """A port that is asked for the cases in any order.

    Parameters
    ----------
    spec : Spec
    dialect : Dialect or None
        To judge by; the identified one if None.
    timeout_scale : float
        Factor on every time limit.
    """

    def __init__(self, spec: Spec, dialect: Dialect | None, timeout_scale: float) -> None:
        self._spec, self._dialect, self._timeout_scale = spec, dialect, timeout_scale
        self._runs: dict[str, Run] = {}
        self._failed: LoadError | None = None
        self._started: Harness | None = None

    def report(self, id: str) -> Report:
        """The report on one case.

        Raises
        ------
        NotOffered
            The port cannot be asked it; the message says why.
        LoadError
            The port cannot be started; it is tried once.
        """
        port = self._port
        if id.startswith("laws/"):
            return self._report(self._law(id))
        case = load_case(id)
        if case.dtype not in self._dtypes:
            raise NotOffered(f"it does not offer {case.dtype}")
        if not offers(port.hello, case):
            missing = lacking(case.requires, port.hello.features)
            raise NotOffered(f"it does not offer {', '.join(missing)}")
        if case.profile.startswith(CONVENTIONS) and id not in self._own_conventions:
            raise NotOffered(f"it computes another convention than {case.profile}")
        run = self._run(case)
        used, computed = self._dialects(case)
        (result,) = verdicts([run], used, computed)
        if result.verdict == "unsupported" and case.profile != "core":
            raise NotOffered(result.text)
        return self._report(result, run)

    def close(self) -> None:
        """End the port."""
        if self._started:
            self._started.close()

    def _report(self, result: CaseResult, run: Run | None = None) -> Report:
        used, _ = self._dialects(result.case)
        return Report(
            spec=shlex.join(self._spec.words()),
            hello=self._port.hello,
            dialect=used,
            by_name=self._dialect is not None,
            fits=tuple(self._fits),
            results=(result,),
            gave_up=self._port.gave_up,
            diagnosis=diagnose([run], [result], used) if run else None,
            seed=None if run else SEED,
        )

    @property
    def _port(self) -> Harness:
        if self._failed:
            raise self._failed
        if self._started is None:
            try:
                self._started = Harness(self._spec, timeout_scale=self._timeout_scale)
            except LoadError as error:
                self._failed = error
                raise
        return self._started

    @cached_property
    def _dtypes(self) -> set[str]:
        dtypes = {case.dtype for case in load_suite() if takes(self._port.hello, case.dtype)}
        try:
            return smoke(self._port, self._spec, dtypes)
        except LoadError as error:
            self._failed = error
            raise

    def _run(self, case: Case) -> Run:
        if case.id not in self._runs:
            self._runs[case.id] = Run(case, self._port.run(request(case)))
        return self._runs[case.id]

    def _run_all(self, cases: Sequence[Case]) -> list[Run]:
        return [self._run(case) for case in cases if case.dtype in self._dtypes]

    @cached_property
    def _fits(self) -> list[Fit]:
        runs = self._run_all([case for case in load_suite() if is_probe(case)])
        answers = [(run.case, run.outcome.answer) for run in runs if run.outcome.answer]
        return fit(answers, declared=self._port.hello.dialect, every=False)

    @cached_property
    def _conventions(self) -> list[Run]:
        """All of the parts that exclude each other, without those of the other convention."""
        parts = [case for case in load_suite() if case.profile.startswith(CONVENTIONS)]
        runs = self._run_all([case for case in parts if offers(self._port.hello, case)])
        return leave_out_other_conventions(runs, self._port.hello)

    @cached_property
    def _own_conventions(self) -> set[str]:
        return {run.case.id for run in self._conventions}

    def _dialects(self, case: Case) -> tuple[Dialect, Dialect]:
        """The dialect to judge by, and the one that it computes."""
        runs = self._conventions if case.profile.startswith("decay.") else []
        computed = nearest(self._fits, runs, self._port.hello)
        used = self._dialect or computed
        return used, computed if self._fits else used

    @cached_property
    def _lawful(self) -> dict[str, CaseResult]:
        results = laws.check(self._port, self._port.hello, self._dtypes, SEED)
        return {result.case.id: result for result in results}

    def _law(self, id: str) -> CaseResult:
        result = self._lawful.get(id)
        if result is None:
            raise NotOffered("it does not offer what the law needs")
        if result.verdict == "unsupported":
            raise NotOffered(result.text)
        return result
