"""S4 where bits are not promised: Torch's own operators, and XLA, from one and the same state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flint import arb

from radam_ref import Dialect, RAdamConfig, RAdamState, init, step

from ..tiers import jax, jnp, torch
from . import exact

Array = np.ndarray[Any, Any]
Results = tuple[Array, Array, Array]

SIZE = 500
HALF_ULP = {"float32": 2.0**-24, "float64": 2.0**-53}
CONFIGS = {
    "paper": RAdamConfig(1.0, eps=1e-3),
    "pytorch": RAdamConfig(1.0, eps=1e-3, weight_decay=0.1, dialect="pytorch"),
    "nesterov": RAdamConfig(1.0, maximize=True, dialect=Dialect(nesterov=True)),
    "eps_root": RAdamConfig(1.0, dialect=Dialect(eps_root=1e-3)),
    "eps-zero": RAdamConfig(1.0, eps=0.0),
}


def with_torch(x: Array, g: Array, state: RAdamState, config: RAdamConfig) -> Results:
    x, g, m, v = map(torch.from_numpy, (x, g, state.m, state.v))
    x, (_, m, v) = step(x, g, RAdamState(state.t, m, v), config)
    return x.numpy(), m.numpy(), v.numpy()


def with_jax(x: Array, g: Array, state: RAdamState, config: RAdamConfig) -> Results:
    @jax.jit
    def advance(x: Any, g: Any, m: Any, v: Any) -> Any:
        return step(x, g, RAdamState(state.t, m, v), config)

    with jax.enable_x64(x.dtype == "float64"):
        x, (_, m, v) = advance(*map(jnp.asarray, (x, g, state.m, state.v)))
        return np.asarray(x), np.asarray(m), np.asarray(v)


def one_state(t: int, dtype: str) -> tuple[Array, Array, RAdamState]:
    """Zeros, so that a step of lr = 1 ends at -u; a gradient, and the moments of t random ones."""
    rng = np.random.default_rng(t)
    zeros = np.zeros(SIZE, dtype)
    *past, g = rng.standard_normal((t + 1, SIZE)).astype(dtype)
    state = init(zeros)
    for gradient in past:
        _, state = step(zeros, gradient, state, RAdamConfig())
    return zeros, g, state


@pytest.mark.parametrize("t", [2, 5, 100])
@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(with_torch, marks=pytest.mark.torch),
        pytest.param(with_jax, marks=pytest.mark.jax),
    ],
)
def test_one_step_is_within_the_exact_scalar_bound(
    backend: Callable[..., Results], dtype: str, name: str, t: int
) -> None:
    """m and v within 4u of the sum of the absolute values of their terms; u, made of both, 8u."""
    config, (x, g, state) = CONFIGS[name], one_state(t, dtype)
    got_x, got_m, got_v = backend(x, g, state, config)
    now = exact.terms(t + 1, config.beta1, config.beta2, config.axes.threshold)
    u = HALF_ULP[dtype]
    for i in range(SIZE):
        m, v = arb(float(state.m[i])), arb(float(state.v[i]))
        start = exact.Element(arb(0), m, v, abs(m), arb(0))
        true = exact.advance(start, float(g[i]), t + 1, now, config)
        assert abs(arb(float(got_m[i])) - true.m) <= 4 * u * true.m_reach
        assert abs(arb(float(got_v[i])) - true.v) <= 4 * u * true.v
        assert abs(arb(float(got_x[i])) - true.x) <= 8 * u * true.reach


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_has_the_bits_of_numpy_but_for_its_root(dtype: str) -> None:
    x, g, state = one_state(9, dtype)
    for config in CONFIGS.values():
        _, m, v = with_torch(x, g, state, config)
        _, plain = step(x, g, state, config)
        assert np.array_equal(m, plain.m)
        assert np.array_equal(v, plain.v)
