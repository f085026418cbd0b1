"""What a case of the suite is designed from, before the oracles say what it expects."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypedDict

Row: TypeAlias = tuple[float, ...]
Gradients: TypeAlias = Callable[[str], tuple[Row, ...]]  # by dtype

REAL = ("float64", "float32")
SIGNIFICAND = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}  # bits
SPARSE = (1, 2, 3, 4, 5, 6, 7, 8, 12, 20, 40)
DENSE = (*range(1, 13), 16, 20, 28, 40)
ZEROS = (0.0, 0.0, 0.0)


class Numbers(TypedDict):
    """The four hyper-parameters of Core."""

    lr: float
    beta1: float
    beta2: float
    eps: float


LITERAL: Numbers = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}


@dataclass(frozen=True)
class Design:
    """What a case is made of; the fields are those of `Case`."""

    name: str
    title: str
    clause: str
    paper_line: str
    purpose: str
    flags: tuple[str, ...]
    gradients: Gradients
    lr: float = 2.0**-10
    beta1: float = 0.875
    beta2: float = 1 - 2.0**-10
    eps: float = 2.0**-26
    x0: Row = (0.5, -1.25, 3.0)
    steps: int = 40
    observe: tuple[int, ...] = SPARSE


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


def rows(*rows: Row) -> Gradients:
    """Gradients as written, the same in every dtype."""
    return lambda dtype: rows


def before(first: Gradients, last: dict[str, Row]) -> Gradients:
    """Gradients followed by one row that depends on the dtype."""
    return lambda dtype: (*first(dtype), last[dtype])


def by_dtype(gradients: dict[str, Gradients]) -> Gradients:
    """Gradients that are different designs in different dtypes."""
    return lambda dtype: gradients[dtype](dtype)
