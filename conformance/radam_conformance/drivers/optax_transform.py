"""`optax:pkg.factory`: a factory of an (init, update) pair in the manner of optax.

JAX computes in float32 alone unless the environment has JAX_ENABLE_X64=1.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..protocol import RunRequest
from ..spec import LoadError, Spec
from . import Driver, Observation, Rejected, lr_changes, refuse_unknown
from ._arguments import MOMENTS_OF_ONE, TELLING, ArgumentNames
from ._arrays import host_array, numbers_in
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

    @cached_property
    def features(self) -> tuple[str, ...]:
        """What any transformation takes, under jit; decay by the signature, state by its look."""
        return (*ALWAYS, *self.arguments.features(), *("state",) * self.keeps_moments)

    @cached_property
    def keeps_moments(self) -> bool:
        """Whether its state has a count and the paper's m and v: one gradient of 1 tells."""
        one = [jnp.ones(1, jnp.float32)]
        try:
            transform = self.factory(**self.arguments.keywords(TELLING))
            _, state = transform.update(one, transform.init(one), one)
        except Exception:  # whatever is wrong with it, the cases will show
            return False
        moments = [(float(part.mu[0][0]), float(part.nu[0][0])) for part in _parts(state)]
        return moments == [MOMENTS_OF_ONE]

    def run(self, request: RunRequest, /) -> Iterator[Observation]:
        """Observed steps."""
        refuse_unknown(request, self.features)
        transform = self._construct(request)
        dtype, observe = jnp.dtype(request.dtype), frozenset(request.observe)
        shapes = [shape for shape, _, _ in request.x0]
        params = [_array(values, shape, dtype) for shape, values, _ in request.x0]
        cycle = [_gradients(row, shapes, dtype) for row in request.gradients]
        state = _injected(transform.init(params), request)
        step = _jitted_step(transform)
        for t in range(1, request.steps + 1):
            params, state = step(params, state, cycle[(t - 1) % len(cycle)])
            if t in observe:
                yield t, _shown(params, state, dtype)
            if t in request.restore:  # as from a checkpoint, of this process's own bytes
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
    changes, rates = lr_changes(request), [float(request.first_hyper()["lr"])]
    if not changes:
        return rates[0]
    for t in range(2, request.steps + 1):
        rates.append(changes.get(t, rates[-1]))
    table = jnp.asarray(np.array(rates))
    return lambda count: table[count]


def _gradients(row: Any, shapes: list[tuple[int, ...]], dtype: Any) -> list[jax.Array]:
    if any(values is None for values in row):
        raise NotImplementedError("missing")
    return [_array(values, shape, dtype) for values, shape in zip(row, shapes, strict=True)]


def _array(values: Sequence[float], shape: tuple[int, ...], dtype: Any) -> jax.Array:
    return jnp.asarray(host_array(values, shape, dtype.name), dtype)


def _has_moments(node: Any) -> bool:
    return all(hasattr(node, name) for name in ("count", "mu", "nu"))


def _parts(state: Any) -> list[Any]:
    """The parts of a state that have the moments of all parameters."""
    nodes = jax.tree.leaves(state, is_leaf=_has_moments)
    return [node for node in nodes if _has_moments(node) and isinstance(node.mu, list)]


def _injected(state: Any, request: RunRequest) -> Any:
    """The state with the case's t, m and v; a schedule counts the steps of the case alone."""
    start = request.start
    if start is None:
        return state

    def replaced(node: Any) -> Any:
        if not _has_moments(node):
            return node
        mu, nu = (
            [
                _array(each, like.shape, like.dtype)
                for each, like in zip(values, moments, strict=True)
            ]
            for values, moments in ((start.m, node.mu), (start.v, node.nu))
        )
        return node._replace(count=jnp.asarray(start.t, node.count.dtype), mu=mu, nu=nu)

    return jax.tree.map(replaced, state, is_leaf=_has_moments)


def _shown(params: list[jax.Array], state: Any, dtype: Any) -> dict[str, list[list[float]]]:
    """The parameters, and the moments where the state has them as optax calls them."""
    shown = {"x": [_flat(param, dtype) for param in params]}
    for part in _parts(state):
        for name, moments in (("m", part.mu), ("v", part.nu)):
            if all(moment.dtype == dtype for moment in moments):
                shown[name] = [_flat(moment, dtype) for moment in moments]
    return shown


def _flat(param: jax.Array, dtype: Any) -> list[float]:
    if param.dtype != dtype:
        raise TypeError(f"update changed the dtype of a parameter from {dtype} to {param.dtype}")
    return numbers_in(np.asarray(param))
