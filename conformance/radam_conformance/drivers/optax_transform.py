"""`optax:pkg.factory`: a factory of an (init, update) pair in the manner of optax.

JAX computes in float32 alone unless the environment has JAX_ENABLE_X64=1.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..protocol import RunRequest
from ..spec import LoadError, Spec
from . import Driver, Observation, Rejected, refuse_unknown
from ._arguments import ArgumentNames
from ._lookup import attribute, distribution_version, import_named

ALWAYS = ("tensors", "schedule", "restore", "shapes", "compiled", "complex")


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
        narrow = ("float32", "float16", "bfloat16", "complex64")
        wide = jnp.result_type(float) == np.float64
        return (*narrow, "float64", "complex128") if wide else narrow

    @property
    def features(self) -> tuple[str, ...]:
        """What any transformation takes, under jit; decay and maximize by the signature."""
        return (*ALWAYS, *self.arguments.features())

    def run(self, request: RunRequest, /) -> Iterator[Observation]:
        """Observed steps."""
        refuse_unknown(request, self.features)
        transform = self._construct(request)
        dtype, observe = jnp.dtype(request.dtype), frozenset(request.observe)
        shapes = [shape for shape, _, _ in request.x0]
        params = [_array(values, shape, dtype) for shape, values, _ in request.x0]
        cycle = [_gradients(row, shapes, dtype) for row in request.gradients]
        state = transform.init(params)
        step = _jitted_step(transform)
        for t in range(1, request.steps + 1):
            params, state = step(params, state, cycle[(t - 1) % len(cycle)])
            if t in observe:
                yield t, _shown(params, state, dtype)
            if t in request.restore:
                params, state = pickle.loads(pickle.dumps(jax.device_get((params, state))))

    def _construct(self, request: RunRequest) -> Any:
        keywords = self.arguments.keywords({**request.first_hyper(), "lr": _rates(request)})
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


def _rates(request: RunRequest) -> Any:
    """The learning rate, or a schedule of the steps done."""
    changes, rates = request.later_hyper(), [request.first_hyper()["lr"]]
    if not changes:
        return rates[0]
    for t in range(2, request.steps + 1):
        changed = changes.get(t, {})
        if set(changed) - {"lr"}:
            raise NotImplementedError("schedule of another hyper-parameter than lr")
        rates.append(changed.get("lr", rates[-1]))
    table = jnp.asarray(np.array(rates))
    return lambda count: table[count]


def _gradients(row: Any, shapes: list[tuple[int, ...]], dtype: Any) -> list[jax.Array]:
    if any(values is None for values in row):
        raise NotImplementedError("missing")
    return [_array(values, shape, dtype) for values, shape in zip(row, shapes, strict=True)]


def _array(values: Sequence[float], shape: tuple[int, ...], dtype: Any) -> jax.Array:
    numbers = np.array(values, np.float64)
    if jnp.issubdtype(dtype, jnp.complexfloating):
        numbers = numbers.view(np.complex128)
    return jnp.asarray(numbers.astype(dtype).reshape(shape))


def _shown(params: list[jax.Array], state: Any, dtype: Any) -> dict[str, list[list[float]]]:
    """The parameters, and the moments where the state has them as optax calls them."""
    shown = {"x": [_flat(param, dtype) for param in params]}
    for part in jax.tree.leaves(state, is_leaf=lambda node: hasattr(node, "mu")):
        for name, key in (("m", "mu"), ("v", "nu")):
            moments = getattr(part, key, None)
            if isinstance(moments, list) and all(m.dtype == dtype for m in moments):
                shown[name] = [_flat(moment, dtype) for moment in moments]
    return shown


def _flat(param: jax.Array, dtype: Any) -> list[float]:
    if param.dtype != dtype:
        raise TypeError(f"update changed the dtype of a parameter from {dtype} to {param.dtype}")
    numbers = np.asarray(param).reshape(-1)
    wide = np.complex128 if np.iscomplexobj(numbers) else np.float64
    values: list[float] = numbers.astype(wide).view(np.float64).tolist()
    return values
