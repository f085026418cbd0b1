"""The suite in a terminal: its cases, one case in numbers, and how a port fits each axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from . import naming
from .cases import Case, Expected
from .identify import by_axis
from .report import Report
from .terminal import indented, table


def render_list(cases: Sequence[Case]) -> RenderableType:
    """A line for each case."""
    rows = table("id", "steps", "title")
    for case in cases:
        rows.add_row(case.id, str(case.steps), case.title)
    return Group(rows, Text(f"{len(cases)} cases; `radam-conformance show ID` has one in numbers"))


def render_case(case: Case) -> RenderableType:
    """A case with its input and what each stored dialect expects."""
    return Group(*_case_parts(case))


def _case_parts(case: Case) -> Iterator[RenderableType]:
    yield Text.assemble((case.id, "bold"), f"   {case.title}")
    yield Text(f"{case.clause} · {case.paper_line} · {case.dtype} · {case.steps} steps")
    yield Text(f"It would reveal: {case.purpose}")
    yield Text()
    for hyper in case.hyper:
        values = " · ".join(f"{key} {getattr(hyper, key)!r}" for key in hyper._fields[1:])
        yield Text(f"from step {hyper.start}: {values}")
    for i, tensor in enumerate(case.x0):
        yield Text(f"x {i} = {_numbers(tensor.values)}")
        if case.start:
            moments = (f"{name} = {_numbers(getattr(case.start, name)[i])}" for name in ("m", "v"))
            yield Text(f"    after {case.start.t:,} steps, {', '.join(moments)}")
    cycle = len(case.gradients)
    for k, row in enumerate(case.gradients[:3], start=1):
        yield Text(f"g {k} = {', '.join('none' if g is None else _numbers(g) for g in row)}")
    if cycle > 3:
        again = ", then from the first again" if cycle < case.steps else ""
        yield Text(f"... {cycle} gradients{again}")
    if case.restore:
        steps = ", ".join(map(str, case.restore))
        yield Text(f"after step {steps} the port saves its state, and goes on from the copy")
    if case.requires:
        yield Text(f"asked of a port that has: {', '.join(case.requires)}")
    if case.refused:
        yield Text(f"must be refused, for its {case.refused}")
    for dialects, expected in _alike(case):
        yield Text()
        yield _expected(case, ", ".join(dialects), expected)


def _alike(case: Case) -> Iterator[tuple[list[str], Expected]]:
    """What the case expects, once for all dialects that expect the same."""
    named = list(case.expected.items())
    while named:
        first = named[0][1]
        alike = [name for name, other in named if np.array_equal(other[:4], first[:4])]
        yield alike, first
        named = [(name, other) for name, other in named if name not in alike]


def _expected(case: Case, dialect: str, expected: Expected) -> Table:
    rows = table("step", f"x expected of {dialect}", "bound (binary64)", "bound (exact scalars)")
    for row, step in enumerate(case.observe):
        bounds = (f"{bound[row].max():.1e}" for bound in (expected.binary64, expected.exact_scalar))
        rows.add_row(str(step), " ".join(f"{x:.10g}" for x in expected.hi[row]), *bounds)
    return rows


def _numbers(values: Sequence[float]) -> str:
    return " ".join(map(repr, values))


def render_identity(report: Report) -> RenderableType:
    """The dialect that a port computes, and how clearly each axis tells."""
    return Group(*_identity_parts(report), "")


def _identity_parts(report: Report) -> Iterator[RenderableType]:
    yield Text(report.spec, style="bold")
    if not report.fits:
        yield indented(Text("No probe was answered, so its dialect could not be found out."))
        return
    best = report.fits[0]
    alike = naming.names(best.dialect)[1:]
    also = f"; Core cannot tell it from {', '.join(alike)}" if alike else ""
    dialect = naming.name(best.dialect)
    if report.of("fail", "error"):
        sentence = f"No dialect fits wholly; closest is {dialect}{also}."
    elif report.of("precision"):
        sentence = f"It computes {dialect}, with scalar terms in binary32{also}."
    else:
        sentence = f"It computes {dialect}{also}."
    yield indented(Text(sentence))
    yield Text()
    yield indented(_fits(report))
    yield Text()
    meaning = "misfit: how far off the best dialect with that choice is, in powers of ten; 0 fits"
    yield indented(Text(meaning, style="dim"))


def _fits(report: Report) -> Table:
    rows = table("axis", "it computes", "misfit", "other choices and their misfit")
    axes: dict[str, list[tuple[object, float]]] = dict(by_axis(report.fits))
    for asked, kinds in report.decays.items():
        axes[f"{asked} decay"] = list(kinds.items())
    for axis, choices in axes.items():
        (value, misfit), *others = choices
        rest = ", ".join(f"{_plain(other)} {worse:.1f}" for other, worse in others)
        rows.add_row(axis.replace("_", " "), _plain(value), f"{misfit:.1f}", rest)
    return rows


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")
