"""What `minimize` costs beyond the steps: on 10 numbers, and on 1,000 problems of 10 in a batch.

Run from the checkout, `python benchmarks/minimize_overhead.py`; the exit status is 1 above a bar.
The two of a pair are run in turns, and the least CPU time of each counts, so that other programs
on the machine do not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import count
from time import thread_time
from typing import Any

import numpy as np

from radam_ref import RAdamConfig, init, minimize, step

CONFIG = RAdamConfig(dialect="paper-hold")
OVERHEAD_BAR, BATCH_BAR = 10e-6, 3.0
REPEATS = 15


def by_minimize(shape: tuple[int, ...], steps: int, batch: bool = False) -> float:
    """Seconds a step, with a fun that costs next to nothing and falls, for half of the problems."""
    slope: Any = -(np.arange(shape[0]) % 2.0) if batch else -1.0
    g, t = np.ones(shape), count(1.0)
    start = thread_time()
    minimize(
        lambda x: (next(t) * slope, g), np.zeros(shape), config=CONFIG, jac=True, maxiter=steps,
        batch=batch,
    )  # fmt: skip
    return (thread_time() - start) / steps


def by_step(steps: int) -> float:
    """Seconds a step of `radam_ref.step` in a loop of three lines, on 10 numbers."""
    x, g = np.zeros(10), np.ones(10)
    state = init(x)
    start = thread_time()
    for _ in range(steps):
        x, state = step(x, g, state, CONFIG)
    return (thread_time() - start) / steps


def least(*each: Callable[[], float]) -> list[float]:
    """The least of each, run in turns."""
    return [
        min(times) for times in zip(*([one() for one in each] for _ in range(REPEATS)), strict=True)
    ]


def main() -> int:
    """Print both figures beside their bars."""
    steps, ten = least(lambda: by_step(2000), lambda: by_minimize((10,), 2000))
    one, many = least(
        lambda: by_minimize((10_000,), 200), lambda: by_minimize((1000, 10), 200, batch=True)
    )
    added, ratio = ten - steps, many / one
    print(f"a step {steps * 1e6:.1f} us, by minimize {ten * 1e6:.1f} us: ", end="")
    print(f"{added * 1e6:.1f} us more (bar {OVERHEAD_BAR * 1e6:.0f} us)")
    print(f"10,000 numbers {one * 1e6:.0f} us, 1,000 problems of 10 {many * 1e6:.0f} us: ", end="")
    print(f"{ratio:.2f} times (bar {BATCH_BAR:g})")
    return int(added > OVERHEAD_BAR or ratio > BATCH_BAR)


if __name__ == "__main__":
    sys.exit(main())
