"""How the figures look, and the curves that several of them draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .intervals import band

COLOURS = {
    "RAdam": "#c0392b",
    "Adam": "#2c6fbb",
    "SGD": "#3a8f4d",
    "Adam + warm-up": "#8e5bb5",
    "Adam-2k": "#d98a1f",
    "Adam-eps": "#5f6b76",
}
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "radam-ref",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
}


def panels(count: int, width: float = 4.2, height: float = 3.2, **how: Any) -> tuple[Figure, Any]:
    """A figure of panels side by side, and an array of their axes."""
    with mpl.rc_context(STYLE):
        figure = Figure((width * count, height), layout="constrained")
        return figure, figure.subplots(1, count, squeeze=False, **how)[0]


def grid(rows: int, columns: int, **how: Any) -> tuple[Figure, Any]:
    """A figure of rows of panels, and an array of arrays of their axes."""
    with mpl.rc_context(STYLE):
        figure = Figure((3.6 * columns, 2.7 * rows), layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False, **how)


def curves(
    axes: Axes,
    x: Sequence[float],
    by_name: Mapping[str, Sequence[Sequence[float | None]]],
    colours: Mapping[str, Any] = COLOURS,
) -> None:
    """The mean over seeds of each name, in a band that is its 95 % interval."""
    for name, of_seeds in by_name.items():
        mean, half = band(of_seeds)
        colour = colours.get(name)
        (line,) = axes.plot(x, mean, color=colour, label=name, linewidth=1.6)
        half = np.where(np.isfinite(half), half, 0)
        axes.fill_between(x, mean - half, mean + half, color=line.get_color(), alpha=0.15, lw=0)


def svg(figure: Figure) -> str:
    """The text of its SVG, without a date."""
    text = StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()
