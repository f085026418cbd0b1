"""How half precision and complex numbers reach the real formula (S8, S9)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from . import _step
from ._config import RAdamConfig
from ._step import Array, RAdamState

# The real dtype that each dtype of params is computed in: its own (S4), float32 for a half (S9).
COMPUTE = {
    "float16": "float32",
    "bfloat16": "float32",
    "float32": "float32",
    "float64": "float64",
    "complex64": "float32",
    "complex128": "float64",
}


@lru_cache(typed=True)  # dtypes of different libraries must not meet in a comparison
def name(dtype: Any) -> str:
    """The array API's name of a dtype of any namespace."""
    return str(dtype).rpartition(".")[2]


def checked_name(argument: str, array: Array) -> str:
    """The name of the array's dtype, or a TypeError unless it is one out of COMPUTE."""
    dtype = name(array.dtype)
    if dtype not in COMPUTE:
        raise TypeError(f"{argument} must have one of the dtypes {', '.join(COMPUTE)}, got {dtype}")
    return dtype


def step(
    params: Array,
    grads: Array,
    state: RAdamState,
    config: RAdamConfig,
    lr: Any,
    xp: Any,
    terms: Any,
) -> tuple[Array, RAdamState]:
    """`_step.step` on arrays of any dtype out of COMPUTE."""
    dtype = name(params.dtype)
    compute = COMPUTE[dtype]
    how = (config, lr, xp, compute, terms)
    if dtype == compute:
        return _step.step(params, grads, state, *how)
    if dtype.startswith("complex"):
        return _complex_step(params, grads, state, how)
    params32, grads32 = (xp.astype(half, xp.float32) for half in (params, grads))
    params32, state = _step.step(params32, grads32, state, *how)
    return xp.astype(params32, params.dtype), state


def _complex_step(
    params: Array, grads: Array, state: RAdamState, how: tuple[Any, ...]
) -> tuple[Array, RAdamState]:
    config, xp = how[0], how[2]

    def split(z: Array) -> tuple[Array, Array]:  # a real v stands for both parts
        return (xp.real(z), xp.imag(z)) if z.dtype == params.dtype else (z, z)

    def join(re: Array, im: Array) -> Array:
        return xp.astype(re, params.dtype) + 1j * xp.astype(im, params.dtype)

    x, g, (t, m, v) = split(params), split(grads), state
    if config.axes.complex == "modulus":
        x, (t, m, v) = _step.step(x, g, RAdamState(t, split(m), v), *how)
        return join(*x), RAdamState(t, join(*m), v)
    parts = [RAdamState(t, *moments) for moments in zip(split(m), split(v), strict=True)]
    (x_re, re), (x_im, im) = map(lambda *part: _step.step(*part, *how), x, g, parts)
    return join(x_re, x_im), RAdamState(re.t, join(re.m, im.m), join(re.v, im.v))
