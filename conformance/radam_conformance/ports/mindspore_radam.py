"""`func:radam_conformance.ports.mindspore_radam:step`: `mindspore.experimental.optim.RAdam`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import mindspore
from mindspore.experimental.optim import RAdam

__version__ = version("mindspore")
FEATURES = ("tensors", "weight_decay")


def step(params: Any, grads: Any, state: Any, hyper: Mapping[str, Any]) -> tuple[Any, Any]:
    """One step of its optimizer, which is the state and holds the parameters."""
    several = isinstance(params, list)
    arrays, gradients = (params, grads) if several else ([params], [grads])
    optimizer, tensors = state or _begin(arrays, hyper)
    optimizer(tuple(mindspore.Tensor(grad) for grad in gradients))
    moved = [tensor.asnumpy().copy() for tensor in tensors]
    return moved if several else moved[0], (optimizer, tensors)


def _begin(arrays: list[Any], hyper: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    tensors = [mindspore.Parameter(mindspore.Tensor(x), name=f"x{i}") for i, x in enumerate(arrays)]
    optimizer = RAdam(
        tensors,
        lr=hyper["lr"],
        betas=(hyper["beta1"], hyper["beta2"]),
        eps=hyper["eps"],
        weight_decay=hyper["weight_decay"],
    )
    return optimizer, tensors
