"""The report as a person reads it in a terminal of 100 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from radam_ref import Dialect

from . import naming
from .results import CaseResult, Report, Verdict

SHOWN = 6  # failing cases of a cause

CAUSES: Mapping[Verdict, str] = {
    "fail": "the numbers are out of bounds",
    "precision": "scalar terms (lines 7 to 11) are computed in binary32: they lose digits, and "
    "near beta2 = 1 the first rectified step is a wrong one",
    "dialect-mismatch": "it computes another dialect than it was judged by",
    "error": "the port raised an error, or made numbers that are not finite",
    "rejected": "the port refused hyper-parameters that it must take",
    "crash": "the process ended in the middle",
    "timeout": "no answer came in time",
    "protocol-error": "the answer was no answer",
    "unsupported": "the port has no way to be asked this",
    "not-run": "the run was given up",
}
STYLES = {"pass": "bold green", "precision": "bold yellow", "unsupported": "bold yellow"}


def headline(report: Report) -> str:
    """The verdict in one line, with its denominators."""
    parts = [f"Core[binary64] {len(report.of('pass'))}/{len(report.results)}"]
    parts += [f"{dtype} not offered" for dtype in report.not_offered]
    if report.ran:
        axes = ", ".join(naming.axes(report.dialect))
        closest = "" if report.by_name or report.is_identified else "closest "
        parts.append(f"{closest}dialect {naming.name(report.dialect)} ({axes})")
    if report.scalars:
        parts.append(f"scalars {report.scalars}")
    return " · ".join(parts)


def render(report: Report) -> RenderableType:
    """The whole report on a port."""
    return Group(*_parts(report), "")


def _parts(report: Report) -> Iterator[RenderableType]:
    hello = report.hello
    about = " · ".join(word for word in (hello.version, hello.language) if word)
    yield Text.assemble((report.spec, "bold"), f"   {about}")
    yield _indented(Text(headline(report)))
    yield Text()
    yield _verdict(report)
    for verdict in CAUSES:
        if failing := report.of(verdict):
            yield Text()
            yield from _cause(report, verdict, failing)
    for note in _notes(report):
        yield Text()
        yield _indented(Text(note))
    if report.ran and report.is_identified and naming.core(report.computed) != Dialect():
        yield Text()
        yield _against_paper(report.computed)


def _notes(report: Report) -> Iterator[str]:
    if report.ran and not report.fits:
        yield "No probe was answered, so its dialect could not be found out."
    if report.fits and not report.is_identified:
        closest = naming.name(report.fits[0].dialect)
        yield f"No known dialect explains all of these numbers; the nearest is {closest}."
    if report.gave_up:
        yield f"The port was {report.gave_up}."


SCALARS = {
    "exact": "its scalar terms (r_t, the bias corrections) are exact",
    "binary64": "its scalar terms (r_t, the bias corrections) are those of the textbook formula in "
    "binary64",
}


def _verdict(report: Report) -> RenderableType:
    passed, asked = len(report.of("pass")), len(report.results)
    if not report.ran:
        return Text.assemble(("  NOTHING RAN  ", "bold red"), "No case was attempted.")
    if passed < asked:
        return Text.assemble(("  FAIL  ", "bold red"), f"{passed} of {asked} cases pass.")
    dtypes = " and ".join(sorted({result.case.dtype for result in report.results}))
    scalars = f"; {SCALARS[report.scalars]}" if report.scalars else ""
    name = naming.name(report.dialect)
    sentence = f"It computes RAdam in the dialect {name}, in {dtypes}{scalars}."
    return _indented(Text.assemble(("PASS  ", "bold green"), sentence))


def _cause(report: Report, verdict: Verdict, failing: list[CaseResult]) -> Iterator[RenderableType]:
    explanation = CAUSES[verdict]
    if verdict == "dialect-mismatch":
        theirs = naming.differences(report.computed, report.dialect)
        phrases = ", ".join(phrase for _, phrase in theirs)
        computed, judged = naming.name(report.computed), naming.name(report.dialect)
        explanation = f"it computes {computed}, not {judged}: {phrases}"
    first = min((r.first_bad.step for r in failing if r.first_bad), default=None)
    since = "" if first is None else f"; first at step {first}"
    count = f"{len(failing)} of {len(report.results)} cases"
    style = STYLES.get(verdict, "bold red")
    yield _indented(Text.assemble((verdict, style), f"  {count}: {explanation}{since}"))
    yield _indented(_table(failing), 4)
    only = failing[0].case.id
    judged_by = f" --dialect {naming.name(report.dialect)}" if report.by_name else ""
    command = f"radam-conformance run {report.spec}{judged_by} --only {only}"
    # Never wrapped, so that it can be copied in one piece.
    line = ("    reproduce: ", (command, "cyan"))
    yield Text.assemble(*line, no_wrap=True, overflow="ignore")


def _table(failing: list[CaseResult]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    numeric = any(result.first_bad for result in failing)
    table.add_column("case", no_wrap=True)
    columns = ["step", "element", "got", "want", "error/bound"] if numeric else ["what it said"]
    for column in columns:
        table.add_column(column, justify="right" if numeric else "left")
    for result in failing[:SHOWN]:
        bad = result.first_bad
        if bad:
            digits = 17 if result.case.dtype == "float64" else 9
            numbers = (f"{bad.got:.{digits}g}", f"{bad.want:.{digits}g}", f"{bad.over:.3g}")
            table.add_row(result.case.id, str(bad.step), str(bad.element), *numbers)
        else:
            table.add_row(result.case.id, *[""] * (len(columns) - 1), result.text[:120])
    if len(failing) > SHOWN:
        table.add_row(f"and {len(failing) - SHOWN} more")
    return table


def _against_paper(dialect: Dialect) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("this port")
    table.add_column("where the paper (Algorithm 2) has")
    paper = dict(naming.differences(Dialect(), dialect))
    for axis, phrase in naming.differences(dialect, Dialect()):
        table.add_row(phrase, paper[axis])
    return _indented(table)


def _indented(content: RenderableType, columns: int = 2) -> Padding:
    return Padding(content, (0, 0, 0, columns), expand=False)


def console(*, stderr: bool = False) -> Console:
    """A console that is at least 100 columns wide where there is no terminal to ask."""
    plain = Console(stderr=stderr, highlight=False, emoji=False)
    if not plain.is_terminal:
        plain.width = 100
    return plain


def show(content: RenderableType) -> None:
    """Print to stdout; into a file or a pipe without the blanks that pad lines of a table."""
    out = console()
    if out.is_terminal:
        out.print(content, crop=False)
        return
    with out.capture() as captured:
        out.print(content, crop=False)
    print(*(line.rstrip() for line in captured.get().splitlines()), sep="\n")
