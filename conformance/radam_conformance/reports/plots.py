"""The plot of a case: error over bound against step, as numbers for an SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .document import Document

WIDTH, HEIGHT = 320, 170
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 22, 24
PAD = 10  # left of the first step and right of the last
LOWEST = -2.0  # decades: what is further within the bound lies on the axis
DECADES = 4  # from tick to tick
MOST_TICKS = 8
LINEAR = 64  # steps; longer cases have a logarithmic axis


class Point(NamedTuple):
    """A step in the plot: where, and whether its error is within the bound."""

    x: float
    y: float
    is_right: bool
    step: int
    over: float | str


class Tick(NamedTuple):
    """A label beside an axis."""

    at: float
    text: str


class Plot(NamedTuple):
    """All that a plot shows, in the units of its view box."""

    case: Document
    points: list[Point]
    line: str
    bound: float
    rectified: float | None
    first_bad: Point | None
    x_ticks: list[Tick]
    y_ticks: list[Tick]


def plots(cases: Sequence[Document]) -> list[Plot]:
    """A plot for each case that has errors."""
    return [_plot(case) for case in cases if case["errors"]]


def _plot(case: Document) -> Plot:
    last, top, bad = max(2, case["observed"][-1]), _top(case["errors"]), case["first_bad"]
    observed = zip(case["observed"], case["errors"], strict=True)
    points = [_point(*pair, last, top) for pair in observed]
    first_rectified = case["rectified_from"]
    return Plot(
        case,
        points,
        " ".join(f"{point.x:.1f},{point.y:.1f}" for point in points),
        _y(1.0, top),
        _x(first_rectified, last) if first_rectified else None,
        next((point for point in points if bad and point.step == bad["step"]), None),
        [Tick(_x(step, last), str(step)) for step in _steps(last)],
        [Tick(_y(10.0**k, top), _power(k)) for k in range(0, top + 1, DECADES)],
    )


def _top(errors: Sequence[float | str]) -> int:
    """The decade where the axis ends: the tick above all that is finite."""
    finite = [x for x in errors if not isinstance(x, str) and x > 0]
    highest = max((math.log10(x) for x in finite), default=0.0)
    return DECADES * max(1, math.ceil((highest + 0.5) / DECADES))


def _point(step: int, over: float | str, last: int, top: int) -> Point:
    is_right = not isinstance(over, str) and over <= 1
    return Point(_x(step, last), _y(over, top), is_right, step, over)


def _x(step: int, last: int) -> float:
    along = (step - 1) / (last - 1) if last <= LINEAR else math.log(step) / math.log(last)
    return round(LEFT + PAD + along * (WIDTH - LEFT - RIGHT - 2 * PAD), 1)


def _y(over: float | str, top: int) -> float:
    """What is not finite lies on top."""
    decades = float(top) if isinstance(over, str) else math.log10(max(over, 10.0**LOWEST))
    along = (min(decades, float(top)) - LOWEST) / (top - LOWEST)
    return round(HEIGHT - BOTTOM - along * (HEIGHT - TOP - BOTTOM), 1)


def _steps(last: int) -> Iterable[int]:
    if last > LINEAR:
        return [10**k for k in range(math.ceil(math.log10(last + 1)))]
    apart = next(apart for apart in (1, 2, 5, 10) if last / apart <= MOST_TICKS)
    return [step for step in range(1, last + 1) if step == 1 or (step % apart == 0 and step > 2)]


def _power(k: int) -> str:
    return "1" if k == 0 else f"1e{k}"
