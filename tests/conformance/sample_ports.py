"""The small ports in `ports/`: named for the judge, or played in this process."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from radam_conformance.cases import Case
from radam_conformance.protocol import Answer
from radam_conformance.spec import Spec, parse_spec

FOLDER = Path(__file__).parent / "ports"

Step = Callable[[Any, Any, Any, Mapping[str, Any]], tuple[Any, Any]]


def port(name: str, **options: object) -> Spec:
    """Spec of the step in a file of the folder."""
    words = [f"{key}={value}" for key, value in options.items()]
    return parse_spec(f"func:{FOLDER / name}.py:step", options=words)


def play(step: Step, case: Case) -> Answer:
    """What a worker would answer to a case of one tensor, without the worker."""
    (tensor,) = case.x0
    params, state = np.array(tensor.values, case.dtype), None
    visited = {}
    for t in range(1, case.steps + 1):
        (gradient,) = case.gradients_at(t)
        hyper = case.hyper_at(t)._asdict()
        with np.errstate(all="ignore"):  # as in a worker, where warnings are just printed
            params, state = step(params, np.array(gradient, case.dtype), state, hyper)
        visited[t, 0] = tuple(params.tolist())
    return Answer({(t, i): x for (t, i), x in visited.items() if t in case.observe})
