"""A report as one HTML page that needs nothing else: no network, no scripts."""

from __future__ import annotations

from typing import NamedTuple

from ..features import PROFILES
from . import plots
from .document import Document
from .templates import environment
from .words import because, figure, short, times

SHOWN = 6  # plots before the reader asks for more

# A sign beside the color, for those who see none.
SIGNS = {
    "pass": "✓",
    "either-branch": "✓",
    "fail": "✗",
    "precision": "≈",
    "dialect-mismatch": "≠",
    "rejected": "✗",
    "error": "!",
    "crash": "!",
    "timeout": "!",
    "protocol-error": "!",
    "unsupported": "–",
    "not-run": "–",
    "xfail": "○",
    "xpass": "✗",
}


class Row(NamedTuple):
    """A design of the suite, and its cases: one for each dtype."""

    name: str
    title: str
    cases: list[Document]


class Part(NamedTuple):
    """A part of the suite."""

    name: str
    about: str
    rows: list[Row]


def render(document: Document) -> str:
    """The whole page."""
    template = environment(autoescape=True).get_template("report.html.jinja")
    return template.render(
        run=document,
        ports=[
            {"port": port, "plots": _plots(port), "matrix": _matrix(port), "failing": failing(port)}
            for port in document["ports"]
        ],
        signs=SIGNS,
        shown=SHOWN,
        box=plots,
        because=because,
        figure=figure,
        short=short,
        times=times,
    )


def failing(port: Document) -> list[Document]:
    """The cases that count against a port, but for those that it has no way to be asked."""
    cases = port["cases"]
    return [case for case in cases if not case["accepted"] and case["verdict"] != "unsupported"]


def _plots(port: Document) -> list[plots.Plot]:
    """Those of all failing cases; what stands first in a cause of the diagnosis goes first."""
    causes = (port["diagnosis"] or {"causes": ()})["causes"]
    leaders = [cause["cases"][0] for cause in causes]
    drawn = plots.plots(failing(port))
    return sorted(drawn, key=lambda plot: plot.case["id"] not in leaders)


def _matrix(port: Document) -> list[Part]:
    parts: dict[str, dict[str, list[Document]]] = {}
    for case in port["cases"]:
        design = case["id"].partition("/")[2].rpartition("-")[0]
        parts.setdefault(case["part"], {}).setdefault(design, []).append(case)
    return [
        Part(name, PROFILES[name], [Row(n, c[0]["title"], c) for n, c in designs.items()])
        for name, designs in parts.items()
    ]
