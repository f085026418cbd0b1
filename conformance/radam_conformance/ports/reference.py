"""`func:radam_conformance.ports.reference:step`: `radam_ref.step`, the specification, as a port.

The judge shares no arithmetic with it; what is in this folder runs in a worker, to be judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from numpy.typing import NDArray

from radam_ref import RAdamConfig, RAdamState, dialects, init
from radam_ref import step as reference

__version__ = version("radam-ref")
FEATURES = tuple(
    "tensors missing schedule groups weight_decay coupled decoupled maximize nesterov state "
    "restore shapes strided readonly complex invalid".split()
)

Array = NDArray[Any]
Hyper = Mapping[str, Any]


def make_state(t: int, m: Any, v: Any) -> list[RAdamState]:
    """The state of every array after t steps."""
    pairs = zip(_listed(m), _listed(v), strict=True)
    return [RAdamState(t, *moments) for moments in pairs]


def step(
    params: Array | Sequence[Array],
    grads: Array | Sequence[Array | None],
    state: list[RAdamState] | None,
    hyper: Hyper | Sequence[Hyper],
) -> tuple[Any, list[RAdamState]]:
    """One step of every array that has a gradient, in the dialect of the paper."""
    arrays, gradients = _listed(params), _listed(grads)
    states = state or [init(x) for x in arrays]
    hypers = [hyper] * len(arrays) if isinstance(hyper, Mapping) else hyper
    moved = [
        (x, s) if g is None else reference(x, g, s, _config(h))
        for x, g, s, h in zip(arrays, gradients, states, hypers, strict=True)
    ]
    after = [x for x, _ in moved]
    return after if isinstance(params, list) else after[0], [s for _, s in moved]


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list) else [given]


def _config(hyper: Hyper) -> RAdamConfig:
    decay = "decoupled" if hyper["decoupled"] or not hyper["weight_decay"] else "coupled"
    dialect = replace(dialects["paper"], weight_decay=decay, nesterov=hyper["nesterov"])
    names = ("lr", "beta1", "beta2", "eps", "weight_decay", "maximize")
    return RAdamConfig(**{name: hyper[name] for name in names}, dialect=dialect)
