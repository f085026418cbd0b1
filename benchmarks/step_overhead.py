"""What a step costs beyond its arithmetic: `step` on 10 numbers, and the import.

Run from the checkout, `python benchmarks/step_overhead.py`; the exit status is 1 above a bar.
Every step is a new t, so that its exact terms are computed and not remembered.
"""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from time import perf_counter

import numpy as np

from radam_ref import RAdamConfig, init, step

STEPS, REPEATS = 2000, 15
STEP_BAR = 25e-6
IMPORT_BAR = 0.2
IMPORT = """
from time import perf_counter
start = perf_counter()
import radam_ref
print(perf_counter() - start)
"""


def seconds_a_step(beta2: float) -> float:
    """Mean over consecutive steps from t = 1, terms included."""
    config = RAdamConfig(beta2=beta2)
    params, grads = np.linspace(-1, 1, 10), np.linspace(1, 2, 10)
    state = init(params)
    start = perf_counter()
    for _ in range(STEPS):
        params, state = step(params, grads, state, config)
    return (perf_counter() - start) / STEPS


def seconds_to_import() -> float:
    """In a fresh interpreter, NumPy included."""
    command = [sys.executable, "-c", IMPORT]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> int:
    # A beta2 of its own in each repeat keeps the terms of the one before from being found again.
    a_step = median(seconds_a_step(0.999 + 1e-6 * k) for k in range(REPEATS))
    an_import = median(seconds_to_import() for _ in range(5))
    print(f"step on 10 float64: {a_step * 1e6:.1f} us (bar {STEP_BAR * 1e6:.0f} us)")
    print(f"import radam_ref:   {an_import:.3f} s (bar {IMPORT_BAR} s)")
    return int(a_step > STEP_BAR or an_import > IMPORT_BAR)


if __name__ == "__main__":
    sys.exit(main())
