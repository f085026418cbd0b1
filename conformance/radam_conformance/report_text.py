"""The report as a person reads it in a terminal of 100 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from radam_ref import Dialect

from . import naming
from .cases import load_notes
from .report import Report
from .results import ACCEPTED, MET, CaseResult, Diagnosis, Verdict
from .terminal import indented, table

SHOWN = 6  # failing cases of a verdict
ALIKE = 2  # other faults that make the same numbers

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
    "xpass": "known to fail, and they do not: take them out of the file of known failures",
    "xfail": "known to fail",
}
STYLES = dict.fromkeys(("precision", "unsupported", "xfail"), "bold yellow")


def headline(report: Report) -> str:
    """The verdict in one line, with its denominators."""
    parts = [_part(name, results) for name, results in report.parts.items()]
    if absent := _absent(report):
        parts.append(f"not offered: {', '.join(absent)}")
    if report.ran:
        axes = ", ".join([*naming.axes(report.dialect), *_decay(report)])
        closest = "" if report.by_name or report.is_identified else "closest "
        parts.append(f"{closest}dialect {naming.name(report.dialect)} ({axes})")
    if report.scalars:
        parts.append(f"scalars {report.scalars}")
    return " · ".join(parts)


def _part(name: str, results: Sequence[CaseResult]) -> str:
    """How much of a part is met; what has no answer in the port is no part of the claim."""
    met = sum(result.verdict in MET for result in results)
    either = sum(result.verdict == "either-branch" for result in results)
    lacking = sum(result.verdict == "unsupported" for result in results)
    title = "Core[binary64]" if name == "core" else name
    known = sum(result.verdict == "xfail" for result in results)
    notes = [f"{either} either branch"] * bool(either) + [f"{lacking} unsupported"] * bool(lacking)
    notes += [f"{known} known to fail"] * bool(known)
    return f"{title} {met}/{len(results)}" + (f" ({', '.join(notes)})" if notes else "")


def _absent(report: Report) -> list[str]:
    """Dtypes and parts of which nothing was run; a part that was run for some cases says so."""
    ran = report.parts
    lacking = {result.case.profile for result in report.results} - set(ran)
    partly = [f"{n} of {name}" for name, n in report.not_offered if name in ran]
    wholly = [name for name, _ in report.not_offered if name not in ran]
    return [*dict.fromkeys([*wholly, *sorted(lacking)]), *partly]


def _decay(report: Report) -> list[str]:
    """The kinds of decay that were met, where the port was asked."""
    kinds = [name.removeprefix("decay.") for name in report.parts if name.startswith("decay.")]
    if kinds == ["decoupled"] and report.dialect.weight_decay == "absolute":
        kinds = ["absolute"]
    return [f"{' and '.join(kinds)} decay"] if kinds else []


def render(report: Report) -> RenderableType:
    """The whole report on a port."""
    return Group(*_parts(report), "")


def _parts(report: Report) -> Iterator[RenderableType]:
    hello = report.hello
    about = " · ".join(word for word in (hello.version, hello.language) if word)
    yield Text.assemble((report.spec, "bold"), f"   {about}")
    yield indented(Text(headline(report)))
    yield Text()
    yield _verdict(report)
    if report.diagnosis:
        yield Text()
        yield indented(_diagnosis(report.diagnosis))
    for verdict in CAUSES:
        if failing := [result for result in report.wanted if result.verdict == verdict]:
            yield Text()
            yield from _cause(report, verdict, failing)
    for note in _notes(report):
        yield Text()
        yield indented(Text(note))
    if report.ran and report.is_identified and naming.core(report.computed) != Dialect():
        yield Text()
        yield _against_paper(report.computed)


def _diagnosis(diagnosis: Diagnosis) -> RenderableType:
    """Each cause with its count, where it begins, and where it was seen before."""
    parts: list[RenderableType] = [Text("diagnosis", style="bold")]
    for cause in diagnosis.causes:
        count = f"{len(cause.cases)} of {diagnosis.failing} failing cases"
        parts.append(indented(Text.assemble((cause.sentence, "bold"), f": {count}")))
        begins = f"; first at step {cause.step} of {cause.cases[0]}" if cause.step else ""
        parts.append(indented(Text(f"{_place(cause.line)}{begins}"), 4))
        if cause.alike:
            parts.append(indented(Text(f"or {'; or '.join(cause.alike[:ALIKE])}"), 4))
        parts += [indented(Text(f"seen elsewhere: {link}"), 4) for link in cause.links]
    if diagnosis.unexplained:
        parts += [indented(part) for part in _unexplained(diagnosis)]
    return Group(*parts)


def _place(line: str) -> str:
    """Where in Algorithm 2, or in the specification, or which part of the suite."""
    return f"Algorithm 2, {line}" if line.startswith("line") else line


def _unexplained(diagnosis: Diagnosis) -> Iterator[Text]:
    left, first = len(diagnosis.unexplained), diagnosis.unexplained[0]
    begins = f"; first at step {diagnosis.step} of {first}" if diagnosis.step else ""
    count = f"{left} of {diagnosis.failing} failing cases"
    yield Text(f"no known fault explains {count}{begins}")
    for flag in diagnosis.notes:
        note = load_notes()[flag]
        yield Text(f"  they have in common: {note['description']}")
        yield from (Text(f"  see {link}") for link in note["links"])


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


STYLE_OF = {"PASS": "bold green", "INCOMPLETE": "bold yellow"}


def _verdict(report: Report) -> RenderableType:
    word, sentence = conclusion(report)
    return indented(Text.assemble((f"{word}  ", STYLE_OF.get(word, "bold red")), sentence))


def conclusion(report: Report) -> tuple[str, str]:
    """PASS, FAIL, INCOMPLETE or NOTHING RAN, and a sentence about it."""
    asked = report.wanted
    passed = sum(result.verdict in MET for result in asked)
    known = sum(result.verdict == "xfail" for result in asked)
    if report.interrupted:
        ran = sum(result.verdict != "not-run" for result in asked)
        return "INCOMPLETE", f"It was interrupted: {ran} of {len(asked)} cases ran, {passed} pass."
    if not report.ran:
        return "NOTHING RAN", "No case was attempted."
    if known and all(result.verdict in ACCEPTED for result in asked):
        return "PASS", f"{passed} of {len(asked)} cases pass, and {known} are known to fail."
    if passed < len(asked):
        return "FAIL", f"{passed} of {len(asked)} cases pass."
    dtypes = " and ".join(sorted({result.case.dtype for result in report.ran}))
    scalars = f"; {SCALARS[report.scalars]}" if report.scalars else ""
    name = naming.name(report.dialect)
    return "PASS", f"It computes RAdam in the dialect {name}, in {dtypes}{scalars}."


def _cause(report: Report, verdict: Verdict, failing: list[CaseResult]) -> Iterator[RenderableType]:
    first = min((r.first_bad.step for r in failing if r.first_bad), default=None)
    since = "" if first is None else f"; first at step {first}"
    count = f"{len(failing)} of {len(report.wanted)} cases"
    style = STYLES.get(verdict, "bold red")
    yield indented(Text.assemble((verdict, style), f"  {count}: {reason(report, verdict)}{since}"))
    yield indented(_first_bad_numbers(failing), 4)
    # Never wrapped, so that it can be copied in one piece.
    line = ("    reproduce: ", (command(report, failing[0].case.id), "cyan"))
    yield Text.assemble(*line, no_wrap=True, overflow="ignore")


def reason(report: Report, verdict: Verdict) -> str:
    """What a verdict says of the port."""
    if verdict != "dialect-mismatch":
        return CAUSES[verdict]
    theirs = naming.differences(report.computed, report.dialect)
    phrases = ", ".join(phrase for _, phrase in theirs)
    return (
        f"it computes {naming.name(report.computed)}, not {naming.name(report.dialect)}: {phrases}"
    )


def command(report: Report, id: str) -> str:
    """What runs a case again."""
    judged_by = f" --dialect {naming.name(report.dialect)}" if report.by_name else ""
    # The laws have no stored case: they are tried anew, on the same inputs for the same seed.
    laws = f"--profile laws --seed {report.seed}"
    again = laws if id.startswith("laws/") else f"--only {id}"
    return f"radam-conformance run {report.spec}{judged_by} {again}"


def _first_bad_numbers(failing: list[CaseResult]) -> Table:
    if failing[0].known:
        return _known(failing)
    numeric = any(result.first_bad for result in failing)
    columns = ["step", "element", "got", "want", "error/bound"] if numeric else ["what it said"]
    rows = table("case", *columns)
    rows.columns[0].no_wrap = True
    for column in rows.columns[1:]:
        column.justify, column.overflow = "right" if numeric else "left", "fold"
    for result in failing[:SHOWN]:
        bad = result.first_bad
        if bad:
            digits = 17 if result.case.dtype in ("float64", "complex128") else 9
            numbers = (f"{bad.got:.{digits}g}", f"{bad.want:.{digits}g}", f"{bad.over:.3g}")
            rows.add_row(result.case.id, str(bad.step), str(bad.element), *numbers)
        else:
            rows.add_row(result.case.id, *[""] * (len(columns) - 1), result.text[:120])
    if len(failing) > SHOWN:
        rows.add_row(f"and {len(failing) - SHOWN} more")
    return rows


def _known(failing: list[CaseResult]) -> Table:
    rows = table("case", "reason", "link")
    for result in failing[:SHOWN]:
        if result.known:
            rows.add_row(result.case.id, result.known.reason, result.known.link)
    if len(failing) > SHOWN:
        rows.add_row(f"and {len(failing) - SHOWN} more")
    return rows


def _against_paper(dialect: Dialect) -> RenderableType:
    rows = table("this port", "where the paper (Algorithm 2) has")
    paper = dict(naming.differences(Dialect(), dialect))
    for axis, phrase in naming.differences(dialect, Dialect()):
        rows.add_row(phrase, paper[axis])
    return indented(rows)
