"""Steps of an optimizer of Keras 2, in TensorFlow up to 2.15."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

FEATURES = ("tensors", "missing", "schedule", "weight_decay")


def step(
    make: Callable[..., Any], params: Any, grads: Any, state: Any, hyper: Mapping[str, Any]
) -> tuple[Any, Any]:
    """One step of what `make(**hyper)` made at the first step; it is the state."""
    several = isinstance(params, list)
    arrays, gradients = (params, grads) if several else ([params], [grads])
    optimizer, variables = state or (_optimizer(make, hyper), [tf.Variable(x) for x in arrays])
    optimizer.learning_rate = hyper["lr"]
    pairs = zip(gradients, variables, strict=True)
    optimizer.apply_gradients([(tf.constant(g), x) for g, x in pairs if g is not None])
    moved = [variable.numpy().copy() for variable in variables]
    return moved if several else moved[0], (optimizer, variables)


def _optimizer(make: Callable[..., Any], hyper: Mapping[str, Any]) -> Any:
    return make(
        learning_rate=hyper["lr"],
        beta_1=hyper["beta1"],
        beta_2=hyper["beta2"],
        epsilon=hyper["eps"],
        weight_decay=hyper["weight_decay"],
    )
