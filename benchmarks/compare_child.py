"""What compare.py runs in one of the two trees, the one that PYTHONPATH names.

`compare_child.py TREE WHAT [ARGUMENT ...]` imports a module or calls a `module:function` as a
command. `compare_child.py TREE serve CLOCK` reads the name of a task from each line of stdin, runs
one turn of it, and answers with a line of JSON: the seconds of one call, or why it cannot be run.

Only public names that old commits have too are used here. They are imported where they are used, so
that a tree without one of them can still run the other measurements.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

CLOCKS = {"wall": perf_counter, "cpu": process_time}
PACKAGES = ("radam_ref", "radam_adapters", "radam_conformance")
WARM_UP = 8  # calls: past the first rectified step, with all kernels loaded

Call = Callable[[], object]


def stepping(size: int, dtype: str) -> Call:
    """One `step` after the other, each with scalar coefficients that no step had before."""
    import numpy as np

    import radam_ref

    params, grads = (np.linspace(low, low + 1, size, dtype=dtype) for low in (0, 1))
    state, config = radam_ref.init(params), radam_ref.RAdamConfig()

    def call() -> None:
        nonlocal params, state
        params, state = radam_ref.step(params, grads, state, config)

    return call


def stepping_in_place(size: int, dtype: str) -> Call:
    """The same by `step_inplace`."""
    import numpy as np

    import radam_ref
    from radam_adapters.numpy_fused import step_inplace

    params, grads = (np.linspace(low, low + 1, size, dtype=dtype) for low in (0, 1))
    state, config = radam_ref.init(params), radam_ref.RAdamConfig()

    def call() -> None:
        nonlocal state
        state = step_inplace(params, grads, state, config)

    return call


def minimizing() -> Call:
    """The minimum of a parabola in two parameters, some 340 steps away."""
    import radam_ref

    return lambda: radam_ref.minimize(lambda x: (x @ x, 2 * x), [1.0, -2.0], jac=True, lr=0.1)


class Task(NamedTuple):
    """`make` prepares a call; `calls` of them are timed in a turn, for about 40 ms."""

    make: Callable[[], Call]
    calls: int


TASKS = {
    "step, 10 float64": Task(partial(stepping, 10, "float64"), 2000),
    "step, 1e6 float32": Task(partial(stepping, 1_000_000, "float32"), 5),
    "step, 1e6 float64": Task(partial(stepping, 1_000_000, "float64"), 2),
    "step_inplace, 1e3 float32": Task(partial(stepping_in_place, 1000, "float32"), 4000),
    "step_inplace, 2e6 float32": Task(partial(stepping_in_place, 2_000_000, "float32"), 20),
    "minimize, 2 parameters": Task(minimizing, 3),
}


def serve(tree: Path, clock: Callable[[], float]) -> None:
    """Answer each line of stdin."""
    import json

    ready: dict[str, Call] = {}
    for line in sys.stdin:
        name = line.strip()
        make, calls = TASKS[name]
        try:
            if name not in ready:
                ready[name] = make()
                check_imports(tree)
                for _ in range(WARM_UP):
                    ready[name]()
            call, start = ready[name], clock()
            for _ in range(calls):
                call()
            answer: dict[str, object] = {"seconds": (clock() - start) / calls}
        except Exception as error:  # whatever an old commit does not know or cannot do
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def check_imports(tree: Path) -> None:
    """Raise ImportError if a package of ours was imported from outside the tree."""
    for name in PACKAGES:
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and not Path(file).resolve().is_relative_to(tree.resolve()):
            raise ImportError(f"{name} was imported from {file}, outside the tree")


def main(tree: Path, what: str, *arguments: str) -> None:
    """Serve, import or call."""
    if what == "serve":
        serve(tree, CLOCKS[arguments[0]])
        return
    from pkgutil import resolve_name

    thing = resolve_name(what)
    check_imports(tree)
    if callable(thing):
        sys.argv = [what, *arguments]
        thing()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
