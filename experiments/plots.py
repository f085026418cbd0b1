"""The style of the figures, their files, and the curves that several of them draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from .intervals import Interval, band

COLORS = {
    "RAdam": "#c0392b",
    "Adam": "#2c6fbb",
    "SGD": "#3a8f4d",
    "Adam + warm-up": "#8e5bb5",
    "Adam-2k": "#d98a1f",
    "Adam-eps": "#5f6b76",
}
DPI = 192  # two pixels for each CSS pixel: sharp on screens of high density
STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.fontsize": 9,
    "legend.frameon": False,
}
mpl.rcParams.update(STYLE)


def panels(count: int, width: float = 5.2, height: float = 3.4, **how: Any) -> tuple[Figure, Any]:
    """A figure of panels side by side, and an array of their axes."""
    figure = Figure((width * count, height), layout="constrained")
    return figure, figure.subplots(1, count, squeeze=False, **how)[0]


def grid(rows: int, columns: int, **how: Any) -> tuple[Figure, Any]:
    """A figure of rows of panels, and an array of arrays of their axes."""
    figure = Figure((3.6 * columns, 2.7 * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **how)


def curves(
    axes: Axes,
    x: Sequence[float],
    by_name: Mapping[str, Sequence[Sequence[float | None]]],
    colors: Mapping[str, Any] = COLORS,
) -> None:
    """The mean over seeds of each name, in a band that is its 95 % interval."""
    for name, of_seeds in by_name.items():
        mean, half = band(of_seeds)
        color = colors.get(name)
        (line,) = axes.plot(x, mean, color=color, label=name, linewidth=1.6)
        half = np.where(np.isfinite(half), half, 0)
        axes.fill_between(x, mean - half, mean + half, color=line.get_color(), alpha=0.15, lw=0)


def over_rates(axes: Axes, rates: Sequence[float], finals: Sequence[Interval], **how: Any) -> None:
    """Final accuracies against the learning rate, as far down as they reach."""
    mean = np.array([final.mean for final in finals])
    half = np.nan_to_num([final.half for final in finals], posinf=0)
    axes.errorbar(rates, mean, half, marker="o", ms=4, capsize=3, **how)
    axes.set(xscale="log", xlabel="learning rate")
    axes.minorticks_off()
    axes.set_xticks(rates, [f"{rate:g}" for rate in rates])


def write_png(figure: Figure, path: Path) -> None:
    """Write the figure with a palette of 256 colors: 38 % of the size in full color."""
    full = BytesIO()
    figure.savefig(full, format="png", dpi=DPI)
    colors = Image.open(full).convert("RGB")
    # The default, median cut, merges the colors of thin lines with those of large areas.
    palette = colors.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    palette.save(path, optimize=True)
