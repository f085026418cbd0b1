"""RAdam with the face of optax.radam, over the plain step of radam_ref; optax is not needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import radam_ref
from radam_ref import Dialect, RAdamConfig, RAdamState, step_many

Tree = Any
OPTAX_SAYS = {"lr": "learning_rate", "beta1": "b1", "beta2": "b2"}


class GradientTransformation(NamedTuple):
    """init(params) -> state, and update(grads, state, params=None) -> (updates, state)."""

    init: Callable[[Tree], tuple[Any, Any]]
    update: Callable[..., tuple[Tree, tuple[Any, Any]]]


class ScaleByRAdamState(NamedTuple):
    """count: steps done, int32, which stays at 2^31 - 1; mu, nu: trees of the moments m and v."""

    count: jax.Array  # type: ignore[assignment]  # the name is optax's, and tuple's
    mu: Tree
    nu: Tree


class ScaleByScheduleState(NamedTuple):
    """count: how often the schedule was asked."""

    count: jax.Array  # type: ignore[assignment]  # the name is optax's, and tuple's


class EmptyState(NamedTuple):
    """A learning rate that is no schedule has no state."""


def radam(
    learning_rate: Any,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = None,
    threshold: Any = None,
    *,
    nesterov: bool | None = None,
    dialect: str | Dialect = "optax",
) -> GradientTransformation:
    """RAdam in place of optax.radam: the same arguments and state, right terms in float32.

    Parameters
    ----------
    learning_rate : float, 0-d array, schedule or None
        A schedule is called with the number of steps done. None returns the direction u, neither
        scaled nor negated, as optax.scale_by_radam.
    b1, b2 : float or 0-d array in [0, 1)
        A float means its exact value, an array what its dtype holds (S1).
    eps : float or 0-d array, at least 0
    eps_root : float or 0-d array, at least 0, optional
    threshold : float or 0-d array, at least 4, optional
    nesterov : bool, optional
        These three are the dialect's where they are not given: in "optax" 0.0, 5.0 and False.
    dialect : str or radam_ref.Dialect

    Returns
    -------
    GradientTransformation
        (init, update). `init` takes arrays or their shapes (jax.ShapeDtypeStruct). `update` gives
        what is added to params, in their dtype, for a half in float32: params are rounded once, by
        `optax.apply_updates` (S9).

    Raises
    ------
    TypeError, ValueError
        For an argument out of range, here or, where only `step` can tell, in `update`.

    Notes
    -----
    The state is that of optax.radam, (count, mu, nu) and the schedule's count, and either
    continues from the other's. Gradients of complex params are to be conjugated, as for optax:
    jax.grad gives the conjugate of the direction of steepest ascent (S8).

    Examples
    --------
    >>> params = {"x": jnp.asarray([1.0, -2.0])}
    >>> optimizer = radam(0.25)
    >>> state = optimizer.init(params)
    >>> updates, state = optimizer.update(jax.tree.map(lambda x: 2 * x, params), state)
    >>> print(updates["x"].round(6))
    [-0.5  1. ]
    """
    scheduled = callable(learning_rate)
    rate = jnp.asarray(-1.0) if learning_rate is None else learning_rate
    axes = {"eps_root": eps_root, "threshold": threshold, "nesterov": nesterov}
    given = {"lr": rate, "beta1": b1, "beta2": b2, "eps": eps} | axes
    arrays = {name: jnp.asarray(x, float) for name, x in given.items() if _is_array(x)}
    fixed = {k: x for k, x in given.items() if x is not None and k not in arrays}
    if scheduled:
        del fixed["lr"]
    config = _configured(RAdamConfig(dialect=dialect), fixed)

    def init(params: Tree) -> tuple[Any, Any]:
        mu, nu = (jax.tree.map(partial(_zeros, config.axes.complex, k), params) for k in (0, 1))
        zero = jnp.zeros((), jnp.int32)
        pace = ScaleByScheduleState(zero) if scheduled else EmptyState()
        return ScaleByRAdamState(zero, mu, nu), pace

    def update(
        updates: Tree, state: tuple[Any, Any], params: Tree = None, **extra_args: Any
    ) -> tuple[Tree, tuple[Any, Any]]:
        del params, extra_args
        moments, pace = state
        now = arrays
        if scheduled:
            now = {**arrays, "lr": jnp.asarray(learning_rate(pace.count), float)}
            count = _held(pace.count)
            pace = pace._replace(count=count + 1)
        grads, treedef = jax.tree.flatten(updates)
        tree: Any = treedef
        mu, nu = tree.flatten_up_to(moments.mu), tree.flatten_up_to(moments.nu)
        deltas, (t, *m_and_v) = _advance(config, now, grads, moments.count, mu, nu)
        deltas, mu, nu = (jax.tree.unflatten(tree, leaves) for leaves in (deltas, *m_and_v))
        return deltas, (moments._replace(count=t, mu=mu, nu=nu), pace)

    return GradientTransformation(init, update)


@partial(jax.jit, static_argnums=0)  # once for all arrays: without a jit around it, one dispatch
def _advance(
    config: RAdamConfig, arrays: dict[str, Any], grads: Any, count: Any, mu: Any, nu: Any
) -> tuple[list[jax.Array], RAdamState]:
    """What the step adds to params that are zero, and the state after it."""
    arrays = dict(arrays)
    lr = arrays.pop("lr", None)
    config = _configured(config, arrays)
    kind = config.axes.complex
    m = [array.astype(_moment_dtypes(kind, array.dtype)[0]) for array in mu]
    v = [_second_moment(kind, *pair) for pair in zip(m, nu, strict=True)]
    g = [_beside(*pair) for pair in zip(grads, m, strict=True)]
    zeros = [jnp.zeros_like(array) for array in m]
    state = RAdamState(_held(count), m, v)
    return step_many(zeros, g, state, config, lr=lr)


def _held(count: Any) -> jax.Array:
    """The count, held one short of where int32 ends: the next is the last, as in optax."""
    return jnp.minimum(count, 2_147_483_646)


def _is_array(value: object) -> bool:
    return isinstance(value, jax.Array | np.ndarray)


def _configured(config: RAdamConfig, given: dict[str, Any]) -> RAdamConfig:
    """`config` with some hyper-parameters, its own or its dialect's; errors say optax's names."""
    axes = {k: x for k, x in given.items() if k in ("eps_root", "threshold", "nesterov")}
    others = {k: x for k, x in given.items() if k not in axes}
    try:
        return replace(config, dialect=replace(config.axes, **axes), **others)
    except (TypeError, ValueError) as error:
        name, _, allowed = str(error).partition(" ")
        raise type(error)(f"{OPTAX_SAYS.get(name, name)} {allowed}") from None


@lru_cache(maxsize=256)
def _moment_dtypes(kind: str, dtype: Any) -> tuple[Any, Any]:
    """The dtypes of m and v beside params of a dtype, in a dialect of that kind of complex."""
    _, m, v = jax.eval_shape(lambda: radam_ref.init(jnp.zeros((), dtype)))
    return m.dtype, m.dtype if kind == "componentwise" else v.dtype


def _zeros(kind: str, moment: int, param: Any) -> jax.Array:
    """The first or second moment of a parameter or of its shape, sharded as it is."""
    dtype = jnp.result_type(getattr(param, "dtype", param))
    return jnp.zeros_like(param, dtype=_moment_dtypes(kind, dtype)[moment])


def _second_moment(kind: str, m: jax.Array, v: jax.Array) -> jax.Array:
    """v in its dtype; optax keeps the real |g|^2 of complex params in a complex array."""
    dtype = _moment_dtypes(kind, m.dtype)[1]
    if jnp.iscomplexobj(v) and not jnp.issubdtype(dtype, jnp.complexfloating):
        v = v.real
    return v.astype(dtype)


def _beside(grads: Any, m: jax.Array) -> Any:
    """Gradients in the dtype computed in; a complex one of a real array is for `step` to refuse."""
    grads = jnp.asarray(grads)
    return grads if jnp.iscomplexobj(grads) != jnp.iscomplexobj(m) else grads.astype(m.dtype)
