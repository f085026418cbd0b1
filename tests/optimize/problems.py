"""Objectives that several tests minimize, with gradients worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
ROSENBROCK_START = (-1.2, 1.0)


def rosenbrock(x: Array) -> tuple[float, Array]:
    a, b = x
    valley = b - a * a
    gradient = np.asarray([-400 * a * valley - 2 * (1 - a), 200 * valley])
    return float(100 * valley**2 + (1 - a) ** 2), gradient


def bowl(x: Array, center: Any = 0.0) -> tuple[float, Array]:
    return float(np.sum((x - center) ** 2)), 2 * (x - center)


def by_hand(fun: Any, x: Array, config: Any, steps: int) -> Array:
    """The trajectory of `radam_ref.step` in a loop of three lines."""
    from radam_ref import init, step

    state, x = init(x), x.copy()
    for _ in range(steps):
        x, state = step(x, fun(x)[1], state, config)
    return x
