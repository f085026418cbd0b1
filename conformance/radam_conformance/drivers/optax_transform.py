"""`optax:pkg.factory`: a factory of an (init, update) pair in the manner of optax.

JAX computes in float32 alone unless the environment has JAX_ENABLE_X64=1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..protocol import RunRequest
from ..spec import LoadError, Spec
from . import Driver, Observation, Rejected
from ._arguments import ArgumentNames
from ._lookup import attribute, distribution_version, import_named


@dataclass(frozen=True)
class OptaxDriver:
    """Runs cases on `factory(**hyper)`, its update and `optax.apply_updates` under one jit."""

    name: str
    version: str
    factory: Callable[..., Any]
    arguments: ArgumentNames

    @property
    def dtypes(self) -> tuple[str, ...]:
        """float64 only where the environment has switched it on."""
        return ("float32", "float64") if jnp.result_type(float) == np.float64 else ("float32",)

    @property
    def features(self) -> tuple[str, ...]:
        """Several tensors always; decay and maximize by the signature."""
        return ("tensors", *self.arguments.features())

    def run(self, request: RunRequest, /) -> Iterator[Observation]:
        """Observed steps, the state carried from one to the next."""
        if request.later_hyper():
            raise NotImplementedError("schedule: a factory is called once, with constants")
        transform = self._construct(request.first_hyper())
        dtype, observe = np.dtype(request.dtype), frozenset(request.observe)
        shapes = [shape for shape, _ in request.x0]
        params = [jnp.asarray(np.array(v, dtype).reshape(shape)) for shape, v in request.x0]
        cycle = [_gradients(row, shapes, dtype) for row in request.gradients]
        state = transform.init(params)
        step = _jitted_step(transform)
        for t in range(1, request.steps + 1):
            params, state = step(params, state, cycle[(t - 1) % len(cycle)])
            if t in observe:
                yield t, [_flat(param, dtype) for param in params]

    def _construct(self, hyper: Mapping[str, object]) -> Any:
        keywords = self.arguments.keywords(hyper)
        try:
            transform = self.factory(**keywords)
        except (TypeError, ValueError) as error:
            raise Rejected(str(error)) from error
        if not hasattr(transform, "init") or not hasattr(transform, "update"):
            raise RuntimeError(f"{self.name} made a {type(transform).__name__}, not (init, update)")
        return transform


def load(spec: Spec) -> Driver:
    """Driver of an `optax:` spec.

    Raises
    ------
    LoadError
        If the factory is not there, or takes no learning rate.
    """
    module_name, _, factory_name = spec.target.rpartition(".")
    module = import_named(spec, module_name)
    factory = attribute(spec, module, factory_name)
    if not callable(factory):
        raise LoadError(f"{spec.text}: {factory_name} is a {type(factory).__name__}, no factory")
    arguments = ArgumentNames(spec, factory)
    return OptaxDriver(spec.target, distribution_version(module), factory, arguments)


def _jitted_step(transform: Any) -> Callable[[Any, Any, Any], tuple[Any, Any]]:
    @jax.jit
    def step(params: Any, state: Any, grads: Any) -> tuple[Any, Any]:
        updates, state = transform.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    return step


def _gradients(row: Any, shapes: list[tuple[int, ...]], dtype: np.dtype[Any]) -> list[jax.Array]:
    if any(values is None for values in row):
        raise NotImplementedError("tensors: a transformation gets a gradient for every tensor")
    arrays = zip(row, shapes, strict=True)
    return [jnp.asarray(np.array(values, dtype).reshape(shape)) for values, shape in arrays]


def _flat(param: jax.Array, dtype: np.dtype[Any]) -> list[float]:
    if param.dtype != dtype:
        raise TypeError(f"update changed the dtype of a parameter from {dtype} to {param.dtype}")
    values: list[float] = np.asarray(param).reshape(-1).tolist()
    return values
