"""The designs whose gradients were recorded from real problems, by `record`."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np

from .blueprint import LITERAL, Blueprint, in_core
from .design import Gradients
from .record import FILE

PREFIX = "recorded-"


@cache
def recordings() -> dict[str, Any]:
    """What was recorded: `source`, `lr`, `x0` and `gradients` of each problem."""
    records: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return records


def source_of(id: str) -> str:
    """The problem whose gradients a case has; empty for a case that was made up."""
    name = id.removeprefix(f"core/{PREFIX}").rpartition("-01-")[0]
    return str(recordings()[name]["source"]) if name in recordings() else ""


def _gradients(name: str) -> Gradients:
    numbers = [[*map(float.fromhex, row.split())] for row in recordings()[name]["gradients"]]
    return lambda dtype: tuple(map(tuple, np.array(numbers, dtype).tolist()))


def _design(name: str, title: str, purpose: str) -> Blueprint:
    return in_core(
        name=f"{PREFIX}{name}-01",
        title=title,
        clause="S4",
        paper_line="Algorithm 2",
        purpose=purpose,
        flags=("recorded", "literal"),
        gradients=_gradients(name),
        hyper=LITERAL._replace(lr=recordings()[name]["lr"]),
        x0=tuple(recordings()[name]["x0"]),
    )


RECORDED = (
    _design(
        "logistic",
        "A logistic regression, in batches",
        "What noise that is no design looks like: elements that go together, and a drift.",
    ),
    _design(
        "network",
        "A network of two tanh units",
        "Gradients that shrink while it is trained, of weights and biases in one array.",
    ),
    _design(
        "inverse",
        "An ill-conditioned inverse problem",
        "Gradients that vanish together, and then overshoot: m changes its sign long after g.",
    ),
)
