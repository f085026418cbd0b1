"""A run killed so many times while it writes checkpoints; prints that its end is the same."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from radam_ref import minimize
from radam_ref.optimize import Checkpoint, load

STEPS = 3000
path, kills = Path(sys.argv[1]) / "run", int(sys.argv[2])


def fun(x, rng):
    rest = x - rng.normal(size=x.size)
    return float(rest @ rest), 2 * rest


def go_on(**how):
    start = load(path)[0] if path.exists() else np.ones(500)
    return minimize(fun, start, lr=0.01, jac=True, rng=5, maxiter=STEPS, **how)


def newest():
    return path.stat().st_mtime_ns if path.exists() else 0


def run_till_killed(seconds):
    """Kill it so long after its first checkpoint."""
    before = newest()
    if (child := os.fork()) == 0:
        go_on(checkpoint=Checkpoint(path, steps=1))
        os._exit(0)
    while newest() == before:
        time.sleep(0.001)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


whole = go_on()
chance, deaths, reached = random.Random(0), 0, set()
while deaths < kills:
    if run_till_killed(chance.uniform(0.0, 0.02)) == 0:
        path.unlink()  # it came to its end; once more
        continue
    deaths += 1
    reached.add(load(path)[0].t)  # what is there is complete
last = go_on(checkpoint=Checkpoint(path, steps=1000))
print(np.array_equal(last.x, whole.x), last.nit == whole.nit, len(reached) > kills / 2)
print(os.listdir(path.parent))
