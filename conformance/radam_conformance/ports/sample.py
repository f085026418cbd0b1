"""`func:radam_conformance.ports.sample:step`: the textbook program, or a fault of it.

`--set fault=NAME` takes any key of `radam_conformance.specimens.faults.FAULTS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from radam_ref import Dialect

from ..cases import Hyper
from ..specimens.edits import HELD_IN, Program, program
from ..specimens.faults import FAULTS

__version__ = version("radam-ref")
FEATURES = tuple(
    "tensors missing schedule groups weight_decay coupled decoupled maximize nesterov restore "
    "shapes strided readonly complex invalid".split()
)


def step(
    params: Any,
    grads: Any,
    state: dict[str, Any] | None,
    hyper: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    fault: str = "",
) -> tuple[Any, dict[str, Any]]:
    """One step in the dialect of the paper, but for the fault."""
    several = isinstance(params, list)
    arrays, gradients = (params, grads) if several else ([params], [grads])
    given = [hyper] * len(arrays) if isinstance(hyper, Mapping) else hyper
    hypers = [Hyper(start=1, group=i, **values) for i, values in enumerate(given)]
    edited, dtype = _program(fault), _name(arrays[0].dtype)
    for values in hypers:
        edited.check(values)
    held = [None if x is None else _held(x) for x in (*arrays, *gradients)]
    decay = "decoupled" if hypers[0].decoupled or not hypers[0].weight_decay else "coupled"
    dialect = _dialect(decay, hypers[0].nesterov)
    optimizer = edited.optimizer(held[: len(arrays)], range(len(arrays)), dialect, dtype)
    if state is not None:
        optimizer.load(state)
    with np.errstate(all="ignore"):
        optimizer.step(held[len(arrays) :], hypers)
    moved = [x.astype(dtype) for x in optimizer.params]
    return moved if several else moved[0], optimizer.save()


@cache
def _program(fault: str) -> Program:
    if fault and fault not in FAULTS:
        raise ValueError(f"fault must be a key of FAULTS, got {fault!r}")
    return program(FAULTS[fault].edits if fault else ())


def _held(x: Any) -> Any:
    return np.array(x, HELD_IN.get(_name(x.dtype), x.dtype))


_name = cache(str)  # of a dtype: NumPy spells it out anew each time


@cache
def _dialect(decay: str, nesterov: bool) -> Dialect:
    return replace(Dialect(), weight_decay=decay, nesterov=nesterov)
