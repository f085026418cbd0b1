"""What a run found out, as the JSON document from which every kind of report is made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from typing import Any, NamedTuple

from radam_ref import Dialect

from .. import naming, report_text, terminal
from ..cases import Case, load_index, load_notes
from ..golden_files import read_file
from ..report import Report, accepted
from ..results import MET, CaseResult, Diagnosis, FirstBad

PRECISIONS = (128, 512, 2048)  # bits
KIND, FORMAT = "radam-conformance report", 1

Document = dict[str, Any]


class NotStarted(NamedTuple):
    """A port that could not be judged, and the sentence that says why."""

    spec: str
    reason: str


def document(
    reports: Sequence[Report],
    not_started: Sequence[NotStarted] = (),
    *,
    exit_code: int,
    grade: str = "binary64",
    complete: bool = True,
) -> Document:
    """The document of a run, as the schema beside this file describes it.

    Parameters
    ----------
    reports : sequence of Report
        Of the ports that were judged, in their order.
    not_started : sequence of NotStarted
        The others.
    exit_code : int
        What the run ends with.
    grade : str
        binary64, or binary32, which forgives scalar terms in binary32.
    complete : bool
        False if the run was interrupted.

    Returns
    -------
    dict
        Valid by the schema; its last entry, `footer`, counts the ports and the cases.
    """
    ports = [_port(report, grade) for report in reports]
    return {
        "kind": KIND,
        "format": FORMAT,
        "radam_ref": version("radam-ref"),
        "suite": {
            "cases": len(load_index()["cases"]),
            "sha256": sha256(read_file("index.json")).hexdigest(),
        },
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "grade": grade,
        "exit_code": exit_code,
        "complete": complete,
        "ports": ports,
        "not_started": [failure._asdict() for failure in not_started],
        "footer": {"ports": len(ports), "cases": sum(len(port["cases"]) for port in ports)},
    }


def _port(report: Report, grade: str) -> Document:
    word, sentence = report_text.conclusion(report)
    return {
        "spec": report.spec,
        "name": report.hello.name,
        "version": report.hello.version,
        "language": report.hello.language,
        "conclusion": word,
        "sentence": sentence,
        "headline": report_text.headline(report),
        "dialect": _dialect(report),
        "scalars": report.scalars,
        "passed": sum(result.verdict in MET for result in report.wanted),
        "wanted": len(report.wanted),
        "parts": [_part(name, results) for name, results in report.parts.items()],
        "not_offered": [{"part": part, "cases": n} for part, n in report.not_offered],
        "gave_up": report.gave_up,
        "interrupted": report.interrupted,
        "verdicts": list(_verdicts(report)),
        "diagnosis": _diagnosis(report.diagnosis) if report.diagnosis else None,
        "explanations": list(_explanations(report)),
        "cases": [_case(report, result, grade) for result in report.results],
    }


def _dialect(report: Report) -> Document:
    return {
        "name": naming.name(report.dialect),
        "axes": naming.axes(report.dialect),
        "found_out": not report.by_name,
        "fits": report.is_identified,
        "computed": naming.name(report.computed),
    }


def _part(name: str, results: Sequence[CaseResult]) -> Document:
    def count(*verdicts: str) -> int:
        return sum(result.verdict in verdicts for result in results)

    return {
        "name": name,
        "cases": len(results),
        "passed": count(*MET),
        "unsupported": count("unsupported"),
        "known": count("xfail"),
    }


def _verdicts(report: Report) -> Iterable[Document]:
    """The failing cases by their verdict, in the order of the report in the terminal."""
    for verdict in report_text.CAUSES:
        if failing := [result for result in report.wanted if result.verdict == verdict]:
            yield {
                "verdict": verdict,
                "reason": report_text.reason(report, verdict),
                "cases": len(failing),
                "step": min((r.first_bad.step for r in failing if r.first_bad), default=None),
                "reproduce": report_text.command(report, failing[0].case.id),
            }


def _diagnosis(diagnosis: Diagnosis) -> Document:
    notes = load_notes()
    return {
        "failing": diagnosis.failing,
        "causes": [
            {
                "sentence": cause.sentence,
                "line": cause.line,
                "step": cause.step,
                "cases": list(cause.cases),
                "alike": list(cause.alike),
                "links": list(cause.links),
            }
            for cause in diagnosis.causes
        ],
        "unexplained": list(diagnosis.unexplained),
        "step": diagnosis.step,
        "notes": [notes[flag]["description"] for flag in diagnosis.notes],
    }


def _explanations(report: Report) -> Iterable[Document]:
    """The pages of `--explain`, as they stand in a terminal."""
    from ..explain_text import render

    for page in report.explanations:
        text = terminal.plain(render(page))
        yield {"case": page.case.id, "step": page.step, "text": text}


def _case(report: Report, result: CaseResult, grade: str) -> Document:
    case, compared = result.case, bool(result.overs)
    return {
        "id": case.id,
        "title": case.title,
        "part": case.profile,
        "dtype": case.dtype,
        "steps": case.steps,
        "verdict": result.verdict,
        "accepted": result.verdict in accepted(grade),
        "text": result.text,
        "seconds": round(result.seconds, 6),
        "over": _number(result.over) if compared else None,
        "over_exact": _number(result.over_exact) if compared else None,
        "errors": [_number(over) for over in result.overs],
        "observed": list(case.observe) if compared else [],
        "rectified_from": first_rectified(case, report.dialect) if compared else None,
        "first_bad": _first_bad(result.first_bad),
        "known": result.known._asdict() if result.known else None,
        "reproduce": report_text.command(report, case.id),
    }


def _first_bad(bad: FirstBad | None) -> Document | None:
    if bad is None:
        return None
    numbers = {name: _number(getattr(bad, name)) for name in ("got", "want", "over")}
    return {"step": bad.step, "element": bad.element, **numbers}


def _number(x: float) -> float | str:
    """A number as JSON has it, which has none that is not finite."""
    return x if math.isfinite(x) else str(x)


def first_rectified(case: Case, dialect: Dialect) -> int | None:
    """The first step in which the first tensor's variance is rectified; None if there is none."""
    from ..truth.coefficients import UndecidedError, is_rectified

    t, threshold = case.start.t if case.start else 0, dialect.threshold
    for step in range(1, case.observe[-1] + 1):
        if case.gradients_at(step)[0] is None:
            continue
        t += 1
        beta2 = case.hyper_at(step, case.x0[0].group).beta2
        try:
            if 2 / (1 - beta2) - 1 > threshold and is_rectified((beta2, t), threshold, PRECISIONS):
                return step
        except UndecidedError:
            return None
    return None
