"""The explanation as a page that a porter shows to a colleague, in a terminal of 100 columns."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from . import naming
from .cases import Hyper
from .clues.formulas import formula
from .explain import Explanation, Line, Value
from .results import Cause
from .terminal import indented, table

DIGITS = 11
NOTHING = "·"
MARKS = {True: "✓", False: "✗", None: ""}
STYLES = {True: "green", False: "red", None: ""}
BAR, LONGEST = "█", 32  # half a decade of error over bound each
ALIKE = 2  # other faults that are mentioned
IMPLIED = "≈ "


def render(explanation: Explanation, command: str = "") -> RenderableType:
    """The whole page.

    Parameters
    ----------
    explanation : Explanation
    command : str
        What reproduces it on the command line.
    """
    return Group(*_parts(explanation, command))


def _parts(explanation: Explanation, command: str) -> Iterator[RenderableType]:
    case = explanation.case
    yield Text.assemble((case.id, "bold"), f"   {case.title}")
    yield indented(Text(_where(explanation)))
    yield indented(Text(_setting(explanation), style="dim"))
    yield Text()
    yield indented(_lines(explanation))
    legend = f"{IMPLIED}implied by the parameters, {NOTHING} not to be seen from outside"
    yield indented(Text(legend, style="dim"))
    yield Text()
    yield indented(_reason(explanation))
    yield Text()
    yield indented(_errors(explanation))
    if explanation.cause:
        yield Text()
        yield indented(_cause(explanation.cause))
    if command:
        yield Text()
        line = ("  reproduce: ", (command, "cyan"))
        yield Text.assemble(*line, no_wrap=True, overflow="ignore")


def _where(explanation: Explanation) -> str:
    case, step = explanation.case, explanation.step
    before = sum(len(each.values) for each in case.x0[: explanation.tensor])
    element = f"element {explanation.element - before}"
    tensor = f" of tensor {explanation.tensor}" if len(case.x0) > 1 else ""
    count = f" (t = {explanation.t})" if explanation.t not in (0, step) else ""
    right = "" if step == 1 else f"Right up to step {step - 1}. "
    return f"{right}First wrong at step {step} of {case.steps}{count}, most in {element}{tensor}."


def _hyper(explanation: Explanation) -> Hyper:
    case = explanation.case
    return case.hyper_at(explanation.step, case.x0[explanation.tensor].group)


def _setting(explanation: Explanation) -> str:
    hyper = _hyper(explanation)
    words = [f"{name} {getattr(hyper, name):.10g}" for name in ("lr", "beta1", "beta2", "eps")]
    words += [f"weight_decay {hyper.weight_decay:.10g}"] * bool(hyper.weight_decay)
    words += [name for name in ("maximize", "nesterov") if getattr(hyper, name)]
    judged = f"{explanation.case.dtype}, judged by the dialect {naming.name(explanation.dialect)}"
    return f"{judged}\n{' · '.join(words)}"


# The lines


def _lines(explanation: Explanation) -> Table:
    rows = table("line", "Algorithm 2", "exact", "theirs", "off by", "")
    for column in rows.columns:
        column.no_wrap = True
    for column in rows.columns[2:5]:
        column.justify = "right"
    first = explanation.first_wrong
    for line in explanation.lines:
        here = line.quantity == first
        theirs = (IMPLIED if line.source == "implied" else "") + _value(line.theirs)
        cells = (*_formula(explanation, line.quantity), _value(line.exact))
        mark = Text(f"{MARKS[line.right]}{' ←' * here}", style=STYLES[line.right])
        rows.add_row(*cells, theirs, _off(line), mark, style="bold" if here else "")
    return rows


def _formula(explanation: Explanation, quantity: str) -> tuple[str, str]:
    """The number and the text of a line."""
    case, dialect, hyper = explanation.case, explanation.dialect, _hyper(explanation)
    rectified = any(line.quantity == "r" for line in explanation.lines)
    return formula(quantity, case, hyper, dialect, rectified)


def _value(value: Value) -> str:
    if value is None or isinstance(value, bool):
        return {None: NOTHING, True: "yes", False: "no"}[value]
    return f"{value:.{DIGITS}g}"


def _off(line: Line) -> str:
    """How far off theirs is, where that is more than rounding: a factor, or a small difference."""
    if line.right is not False or line.theirs is None or isinstance(line.theirs, bool):
        return ""
    if not line.exact or not math.isfinite(line.theirs):
        return ""
    ratio = line.theirs / line.exact
    off = abs(ratio - 1)
    return f"× {ratio:.3g}" if off > 0.1 else f"{100 * off:.3g} %" if off > 0.001 else f"{off:.1e}"


def _reason(explanation: Explanation) -> RenderableType:
    number, _ = _formula(explanation, explanation.reason.quantity)
    sentence = explanation.reason.sentence
    return Text.assemble((f"Line {number}  ", "bold red"), f"{sentence[0].upper()}{sentence[1:]}.")


# The steps around


def _errors(explanation: Explanation) -> Table:
    rows = table("step", "error/bound", "", "in powers of ten")
    rows.columns[0].justify = rows.columns[1].justify = "right"
    rows.columns[3].header_style = "dim"
    for step, error in explanation.errors:
        right = error <= 1
        bar = BAR * math.ceil(min(LONGEST, 2 * math.log10(max(error, 1))))
        here = step == explanation.step
        rows.add_row(
            str(step),
            f"{error:.2g}",
            Text(MARKS[right], style=STYLES[right]),
            Text(bar, style=STYLES[right]) + Text(" first" if here else ""),
        )
    return rows


def _cause(cause: Cause) -> RenderableType:
    """What is known of the fault, and where it was seen elsewhere."""
    rows = Table.grid(padding=(0, 2, 0, 0))
    lines = [Text(f"{cause.sentence} ({cause.line}).")]
    if cause.alike:
        lines.append(Text(f"The same numbers here: {'; '.join(cause.alike[:ALIKE])}."))
    lines += [Text(f"Seen elsewhere: {link}", overflow="fold") for link in cause.links]
    rows.add_row(Text("Diagnosis", style="bold"), Group(*lines))
    return rows
