"""`func:radam_conformance.ports.braintools_radam:step --arrays jax`: RAdam of braintools.

Its parameters are states of brainstate, by name; below them is optax, not jitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import brainstate
from braintools.optim import RAdam

__version__ = version("braintools")
FEATURES = ("tensors", "weight_decay", "shapes", "complex")


def step(params: Any, grads: Any, state: Any, hyper: Mapping[str, Any]) -> tuple[Any, Any]:
    """One step of its optimizer, which is the state and holds the parameters."""
    several = isinstance(params, list)
    arrays, gradients = (params, grads) if several else ([params], [grads])
    optimizer, states = state or _begin(arrays, hyper)
    optimizer.step(dict(zip(states, gradients, strict=True)))
    moved = [own.value for own in states.values()]
    return moved if several else moved[0], (optimizer, states)


def _begin(arrays: list[Any], hyper: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    states = {f"x{i}": brainstate.ParamState(x) for i, x in enumerate(arrays)}
    optimizer = RAdam(
        lr=hyper["lr"],
        betas=(hyper["beta1"], hyper["beta2"]),
        eps=hyper["eps"],
        weight_decay=hyper["weight_decay"],
    )
    optimizer.register_trainable_weights(states)
    return optimizer, states
