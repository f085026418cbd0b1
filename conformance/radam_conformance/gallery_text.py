"""The matrix of the gallery, as a person reads it in a terminal of 100 columns."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from . import naming, terminal
from .batch import Batch
from .known_ports import KnownPort
from .report import Report
from .report_text import CAUSES
from .results import MET, CaseResult
from .terminal import indented, table

NOT_JUDGED = "not judged, see below"


class Lines:
    """Says each port in a line as soon as it is judged, where there is no bar to look at."""

    def __init__(self, ports: Sequence[KnownPort]) -> None:
        self._ports = {_words(port): port for port in ports}
        self._places = list(self._ports)

    def __call__(self, report: Report) -> Report:
        """Print the line to stderr, and hand the report on."""
        console = terminal.console(stderr=True)
        if not console.is_terminal:
            count = f"[{self._places.index(report.spec) + 1}/{len(self._places)}]"
            about = f"Core {_share(_core(report))}, {fault(report) or 'no fault'}"
            console.print(
                f"{count} {self._ports[report.spec].name}: {about}", markup=False, soft_wrap=True
            )
        return report


def render(
    ports: Sequence[KnownPort], batch: Batch, absent: Sequence[KnownPort], slow: Sequence[KnownPort]
) -> RenderableType:
    """The matrix of the ports that were judged, what is wrong, and what there is to install."""
    found: dict[str, Report | str] = {report.spec: report for report in batch.judged}
    found |= {failure.spec: failure.reason for failure in batch.not_started}
    judged = [(port, found[_words(port)]) for port in ports if _words(port) in found]
    parts: list[RenderableType] = [_matrix(judged)] if judged else []
    for port, outcome in judged:
        if isinstance(outcome, str) or fault(outcome):
            parts += [Text(), *_wrong(port, outcome)]
    for sentence in _left_out(absent, slow):
        parts += [Text(), Text(sentence)]
    return Group(*parts)


def _words(port: KnownPort) -> str:
    """The spec as reports have it."""
    return shlex.join(port.spec.words())


def _matrix(judged: Sequence[tuple[KnownPort, Report | str]]) -> Table:
    profiles = any(_profiles(report) for _, report in judged if not isinstance(report, str))
    rows = table("port", "version", "dialect", "Core", *["profiles"] * profiles, "scalars", "fault")
    for column in rows.columns[:2]:
        column.no_wrap = True
    for port, report in judged:
        if isinstance(report, str):
            rows.add_row(port.name, "", "", "", *[""] * profiles, "", NOT_JUDGED)
            continue
        offered = _profiles(report)
        kept = sum(all(r.verdict in MET for r in part) for part in offered.values())
        rows.add_row(
            port.name,
            report.hello.version.partition("+")[0],
            _dialect(port, report),
            _share(_core(report)),
            *[f"{kept}/{len(offered)}" if offered else ""] * profiles,
            report.scalars,
            Text(fault(report), style="red"),
        )
    return rows


def _core(report: Report) -> list[CaseResult]:
    return [result for result in report.results if result.case.profile == "core"]


def _profiles(report: Report) -> dict[str, list[CaseResult]]:
    """The results of every part but Core, without what the port cannot be asked."""
    return {
        name: [result for result in results if result.verdict != "unsupported"]
        for name, results in report.parts.items()
        if name != "core"
    }


def _share(results: Sequence[CaseResult]) -> str:
    return f"{sum(result.verdict in MET for result in results)}/{len(results)}"


def _dialect(port: KnownPort, report: Report) -> str:
    """What it computes; beside it what it was known to compute, if that is another one."""
    if not report.is_identified:
        return f"near {naming.name(report.computed)}"
    name = naming.name(report.computed)
    return name if name == port.dialect or not port.dialect else f"{name}, was {port.dialect}"


def fault(report: Report) -> str:
    """What is wrong in the first place; empty if nothing is."""
    if report.gave_up:
        return report.gave_up
    if report.diagnosis and report.diagnosis.causes:
        return report.diagnosis.causes[0].sentence
    bad = [r.verdict for r in report.wanted if r.verdict not in MET]
    if not bad:
        return ""
    if report.diagnosis:
        return f"no known fault explains {len(report.diagnosis.unexplained)} cases"
    return next(CAUSES[verdict] for verdict in CAUSES if verdict in bad)


def _wrong(port: KnownPort, report: Report | str) -> Iterator[RenderableType]:
    """All the causes of a port, with the command that says more and the address of its code."""
    yield Text(port.name, style="bold")
    for sentence in [report] if isinstance(report, str) else _sentences(report):
        yield indented(Text(sentence))
    if port.notes:
        yield indented(Text(port.notes))
    command = f"radam-conformance run {_words(port)}"
    level = "" if not isinstance(report, str) and _profiles(report) else " --level core"
    yield Text(f"  {command}{level}", style="cyan", no_wrap=True, overflow="ignore")
    yield Text(f"  {port.source}", no_wrap=True, overflow="ignore")


def _sentences(report: Report) -> Iterator[str]:
    if short := [
        f"{name} {_share(part)}"
        for name, part in _profiles(report).items()
        if any(result.verdict not in MET for result in part)
    ]:
        yield f"beyond Core: {', '.join(short)}"
    diagnosis = report.diagnosis
    if not diagnosis or not diagnosis.causes:
        yield fault(report)
        return
    for cause in diagnosis.causes:
        yield f"{cause.sentence}: {len(cause.cases)} of {diagnosis.failing} failing cases"
    if diagnosis.unexplained:
        yield f"no known fault explains {len(diagnosis.unexplained)} of them"


def _left_out(absent: Sequence[KnownPort], slow: Sequence[KnownPort]) -> Iterator[str]:
    if slow:
        names = ", ".join(port.name for port in slow)
        yield f"Left out, for they take minutes: {names}. `--only NAME` judges them."
    if installs := dict.fromkeys(port.install for port in absent):
        yield f"Known too, and not installed here: {', '.join(installs)}."
