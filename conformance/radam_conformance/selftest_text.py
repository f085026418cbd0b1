"""What the self-test found, as a person reads it in a terminal of 100 columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .selftest import BEYOND, LONGEST, WITHIN, Result, Trial
from .specimens.faults import FAULTS
from .specimens.styles import STYLES
from .terminal import indented, table

# Two letters for each part of the suite and each style, so that a row fits in 100 columns.
PARTS = {
    "core": "co",
    "decay.coupled": "dc",
    "decay.decoupled": "dd",
    "maximize": "mx",
    "schedule": "sc",
    "tensors": "te",
    "groups": "gr",
    "shapes": "sh",
    "resume": "re",
    "long": "lo",
    "eps0": "e0",
    "nesterov": "ne",
    "complex.modulus": "cm",
    "complex.componentwise": "cc",
    "half": "ha",
    "invalid": "in",
    "compiled": "cp",
}
SHORT = {style: style[:2] for style in STYLES}


def render(result: Result) -> RenderableType:
    """The kill matrix, its totals, the margins, and whatever is not as it should be."""
    parts = [part for part in PARTS if part in result.cases]
    matrix, legend = _matrix(result, parts), _legend(result, parts)
    return Group(matrix, "", legend, "", *_totals(result), *_margins(result), *_wrong(result))


def _matrix(result: Result, parts: Sequence[str]) -> Table:
    """How many cases of each part kill a fault, and the styles that would have noticed it."""
    rows = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    rows.add_column("cases that kill", no_wrap=True)
    for heading in (*(PARTS[part] for part in parts), *SHORT.values()):
        rows.add_column(heading, justify="right", no_wrap=True)
    for trial in result.trials:
        kills = (str(trial.kills.get(part, 0) or "·") for part in parts)
        marks = ("✗" if style in trial.noticed else "·" for style in STYLES)
        rows.add_row(trial.name, *kills, *marks, style=_style(result, trial))
    return rows


def _style(result: Result, trial: Trial) -> str:
    if FAULTS[trial.name].equivalent:
        return "dim"
    return "bold red" if trial in result.survivors else ""


def _legend(result: Result, parts: Sequence[str]) -> Table:
    """The columns in full, each with the faults that it kills."""
    faults = _faults(result)
    rows = table("", "", f"kills of {len(faults)}", "cases")
    rows.columns[2].justify = rows.columns[3].justify = "right"
    for part in parts:
        killed = sum(part in trial.kills for trial in faults)
        rows.add_row(PARTS[part], part, str(killed), str(result.cases[part]))
    for style, number in zip(STYLES, _noticed(faults), strict=True):
        rows.add_row(SHORT[style], f"{STYLES[style].sentence} ({style}, re-created)", number)
    return rows


def _faults(result: Result) -> list[Trial]:
    return [trial for trial in result.trials if not FAULTS[trial.name].equivalent]


def _noticed(faults: Sequence[Trial]) -> list[str]:
    return [str(sum(style in trial.noticed for trial in faults)) for style in STYLES]


def _totals(result: Result) -> Iterator[RenderableType]:
    faults = _faults(result)
    killed = len(faults) - len(result.survivors)
    equivalent = len(result.trials) - len(faults)
    yield Text.assemble(
        (f"{killed} of {len(faults)} faults killed", "bold"),
        f" ({sum(bool(trial.raised) for trial in faults)} of them also raise or make NaN), "
        f"{equivalent} more proved to be none",
    )


def _margins(result: Result) -> Iterator[RenderableType]:
    """The two margins: what is right stays below one, what is wrong above the other."""
    if result.spreads:
        worst = max(result.spreads, key=lambda spread: spread.over)
        where = f"{worst.name} ({worst.case}, dialect {worst.dialect})"
        yield Text(
            f"{len(result.spreads)} legitimate variants within {worst.over:.3f} of the bound"
        )
        yield indented(Text(f"at most {WITHIN:g} is allowed; the worst is {where}"))
    if faults := [trial for trial in _faults(result) if math.isfinite(trial.over)]:
        least = min(faults, key=lambda trial: trial.over)
        yield Text(f"every fault beyond {least.over:.3g} times the bound in some case")
        yield indented(Text(f"at least {BEYOND:g} is asked; the nearest is {least.name}"))
    yield Text(f"Long chains were walked for {LONGEST} steps.")


def _wrong(result: Result) -> Iterator[RenderableType]:
    for trial in result.survivors:
        yield Text(f"SURVIVES  {trial.name}: {FAULTS[trial.name].sentence}", "bold red")
    for trial in result.trials:
        for case in trial.missed:
            yield Text(f"MISSED  {trial.name}: {case} says that it kills it", "bold red")
    for spread in result.accused:
        where = f" in {spread.case}, dialect {spread.dialect}" if spread.case else ""
        yield Text(f"ACCUSED  {spread.name}: {spread.over:.3g} of the bound{where}", "bold red")
