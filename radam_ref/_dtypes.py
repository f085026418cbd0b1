"""How half precision and complex numbers reach the real formula (S8, S9)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType, SimpleNamespace
from typing import Any

from array_api_compat import (
    array_namespace,
    device,
    is_cupy_array,
    is_jax_array,
    is_numpy_array,
    is_torch_array,
)

from . import _step
from ._config import RAdamConfig
from ._step import Array, RAdamState

# The real dtype that each dtype of params is computed in: its own (S4), float32 for a half (S9).
compute_dtypes: Mapping[str, str] = MappingProxyType(
    {
        "float16": "float32",
        "bfloat16": "float32",
        "float32": "float32",
        "float64": "float64",
        "complex64": "float32",
        "complex128": "float64",
    }
)


@lru_cache(typed=True)  # dtypes of different libraries must not meet in a comparison
def name(dtype: Any) -> str:
    """The array API's name of a dtype of any namespace."""
    return str(dtype).rpartition(".")[2]


def place(array: Array) -> Any:
    """Its device, or None for what JAX traces, which is nowhere yet."""
    if is_jax_array(array):
        from jax.core import Tracer

        if isinstance(array, Tracer):  # which would first write at length why it has none
            return None
    return device(array)


def step(
    params: Array,
    grads: Array,
    state: RAdamState,
    config: RAdamConfig,
    lr: Any,
    xp: Any,
    terms: Any,
) -> tuple[Array, RAdamState]:
    """`_step.step` on arrays of any dtype out of compute_dtypes."""
    dtype = name(params.dtype)
    compute = compute_dtypes[dtype]
    operations = _jax_operations() if xp.__name__ == "jax.numpy" else xp
    how = config, lr, operations, compute, terms
    if dtype.startswith("complex"):
        return _complex_step(params, grads, state, *how)
    if dtype == compute:
        return _step.step(params, grads, state, *how)
    params32, grads32 = (xp.astype(half, xp.float32) for half in (params, grads))
    params32, state = _step.step(params32, grads32, state, *how)
    return xp.astype(params32, params.dtype), state


@lru_cache(maxsize=1)
def _jax_operations() -> Any:
    """JAX's, but for a root with a slope of 0 at 0 instead of an infinite one.

    Anybody may ask for the slope; a guard in the formula would cost two selections of each element.
    """
    import jax
    import jax.numpy as jnp

    @jax.custom_jvp
    def sqrt(x: Any) -> Any:
        return jnp.sqrt(x)

    @sqrt.defjvp
    def slope(primals: Any, tangents: Any) -> Any:
        (x,), (dx,) = primals, tangents
        # A slope of this slope is JAX's own: inside a scan it would forget this rule.
        root = jnp.sqrt(jnp.where(x == 0, 1, x))
        return jnp.where(x == 0, 0, root), jnp.where(x == 0, 0, dx / (2 * root))

    return SimpleNamespace(sqrt=sqrt, where=jnp.where)


def _complex_step(
    params: Array, grads: Array, state: RAdamState, config: RAdamConfig, *how: Any
) -> tuple[Array, RAdamState]:
    t, dtype = state.t, params.dtype
    x, g, m = (split(z, dtype) for z in (params, grads, state.m))
    if config.axes.complex == "modulus":
        x, (t, m, v) = _step.step(x, g, RAdamState(t, m, state.v), config, *how)
        return join(x, dtype), RAdamState(t, join(m, dtype), v)
    v = split(state.v, dtype)
    re, im = (
        _step.step(x[part], g[part], RAdamState(t, m[part], v[part]), config, *how)
        for part in (0, 1)
    )
    (x_re, (t, m_re, v_re)), (x_im, (_, m_im, v_im)) = re, im
    moments = join((m_re, m_im), dtype), join((v_re, v_im), dtype)
    return join((x_re, x_im), dtype), RAdamState(t, *moments)


def split(z: Array, dtype: Any) -> tuple[Array, Array]:
    """Real and imaginary part; a real v, which is zero at first, stands for both."""
    xp = array_namespace(z)
    return (xp.real(z), xp.imag(z)) if z.dtype == dtype else (z, z)


def join(parts: tuple[Array, Array], dtype: Any) -> Array:
    """The complex array of these parts, each as it is: an infinite part spoils no other."""
    re, im = parts
    xp = array_namespace(re)
    if is_torch_array(re):
        return xp.complex(re, im)
    if is_jax_array(re):
        from jax.lax import complex as jax_complex

        return jax_complex(re, im)
    if is_numpy_array(re) or is_cupy_array(re):
        z = xp.empty(re.shape, dtype=dtype)
        z.real, z.imag = re, im
        return z
    return xp.astype(re, dtype) + 1j * xp.astype(im, dtype)  # loses the sign of zero, no more
