"""`func:radam_conformance.ports.paddle_radam:step`: `paddle.optimizer.RAdam`.

Its betas and eps are attributes of an operator, in binary32 whatever the dtype.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import paddle

__version__ = version("paddlepaddle")
FEATURES = ("tensors", "missing", "schedule", "weight_decay")


def step(params: Any, grads: Any, state: Any, hyper: Mapping[str, Any]) -> tuple[Any, Any]:
    """One step of its optimizer, which is the state and holds the parameters."""
    if "float16" in str(params[0].dtype if isinstance(params, list) else params.dtype):
        raise NotImplementedError("float16")
    several = isinstance(params, list)
    arrays, gradients = (params, grads) if several else ([params], [grads])
    optimizer, tensors = state or _begin(arrays, hyper)
    optimizer.set_lr(hyper["lr"])
    for tensor, grad in zip(tensors, gradients, strict=True):
        tensor.grad = None if grad is None else paddle.to_tensor(grad)
    optimizer.step()
    moved = [tensor.numpy().copy() for tensor in tensors]
    return moved if several else moved[0], (optimizer, tensors)


def _begin(arrays: list[Any], hyper: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    tensors = [_parameter(x) for x in arrays]
    optimizer = paddle.optimizer.RAdam(
        learning_rate=hyper["lr"],
        beta1=hyper["beta1"],
        beta2=hyper["beta2"],
        epsilon=hyper["eps"],
        parameters=tensors,
        weight_decay=hyper["weight_decay"] or None,
    )
    return optimizer, tensors


def _parameter(array: Any) -> Any:
    constant = paddle.nn.initializer.Assign(array)
    return paddle.create_parameter(array.shape, str(array.dtype), default_initializer=constant)
