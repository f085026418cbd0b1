"""Means over seeds with their 95 % intervals, by Student's t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student


class Interval(NamedTuple):
    """A mean, and how far the interval reaches to either side (infinite for one seed)."""

    mean: float
    half: float

    def text(self, digits: int = 3) -> str:
        """Mean and half width, or that a run diverged."""
        if not math.isfinite(self.mean):
            return "diverged"
        half = f" ± {self.half:.{digits}f}" if math.isfinite(self.half) else ""
        return f"{self.mean:.{digits}f}{half}"

    def excludes(self, value: float = 0.0) -> bool:
        """Whether `value` is outside."""
        return bool(abs(self.mean - value) > self.half)


def interval(values: Sequence[float | None], level: float = 0.95) -> Interval:
    """The interval of the mean; NaN where a value is missing, as of a run that diverged."""
    if not values or any(value is None for value in values):
        return Interval(math.nan, math.nan)
    x = np.asarray(values, float)
    if len(x) == 1:
        return Interval(float(x[0]), math.inf)
    half = student.ppf((1 + level) / 2, len(x) - 1) * x.std(ddof=1) / math.sqrt(len(x))
    return Interval(float(x.mean()), float(half))


def band(curves: Sequence[Sequence[float | None]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and half width at each point of several curves of one length."""
    points = [interval(column) for column in zip(*curves, strict=True)]
    return np.array([p.mean for p in points]), np.array([p.half for p in points])
