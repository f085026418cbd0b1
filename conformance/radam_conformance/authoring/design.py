"""The gradients from which the cases of the suite are designed, the same on every machine."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeAlias

Row: TypeAlias = tuple[float, ...]
Gradients: TypeAlias = Callable[[str], tuple[Row, ...]]  # by dtype

REAL = ("float64", "float32")
SIGNIFICAND = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}  # bits
SPARSE = (1, 2, 3, 4, 5, 6, 7, 8, 12, 20, 40)
DENSE = (*range(1, 13), 16, 20, 28, 40)
ZEROS = (0.0, 0.0, 0.0)


def noise(seed: int, *scales: float, rows: int = 40) -> Gradients:
    """Gradients uniform in [-scale, scale), one scale (a power of two) for each element."""

    def draw(dtype: str) -> tuple[Row, ...]:
        bits, source = SIGNIFICAND[dtype], random.Random(seed)
        half = 2 ** (bits - 1)
        return tuple(
            tuple((source.getrandbits(bits) - half) / half * scale for scale in scales)
            for _ in range(rows)
        )

    return draw


def dozen(seed: int, *scales: float) -> Gradients:
    """Twelve rows of noise, as most profiles take."""
    return noise(seed, *scales, rows=12)


def rows(*rows: Row) -> Gradients:
    """Gradients as written, the same in every dtype."""
    return lambda dtype: rows


def before(first: Gradients, last: dict[str, Row]) -> Gradients:
    """Gradients followed by one row that depends on the dtype."""
    return lambda dtype: (*first(dtype), last[dtype])


def by_dtype(gradients: dict[str, Gradients]) -> Gradients:
    """Gradients that are different designs in different dtypes."""
    return lambda dtype: gradients[dtype](dtype)


NOISE = dozen(300, 1.0, 0.25, 4.0)
