"""S5, S6, S8 and S9: zeros, numbers that are none, complex numbers and half precision."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from radam_ref import RAdamConfig, RAdamState, dialects, init, step

from ..tiers import jax, jnp, marked, torch
from . import exact

Array = Any

NAMESPACES = (np, torch, jnp)
STEPS = 12
RUNNABLE = {name: axes for name, axes in dialects.items() if name != "proxmin"}
# One dialect for each combination of axes that the table has.
DISTINCT = {axes: name for name, axes in reversed(RUNNABLE.items())}


def run(x: Array, gradients: Any, config: RAdamConfig) -> tuple[Array, RAdamState]:
    state = init(x)
    for g in gradients:
        x, state = step(x, g, state, config)
    return x, state


def normal(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("decay", [0.0, 0.25])
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
@pytest.mark.parametrize("xp", marked(*NAMESPACES))
@pytest.mark.parametrize("name", DISTINCT.values())
def test_eps_zero_with_zero_gradient(name: str, xp: Any, dtype: str, decay: float) -> None:
    """S5: never NaN, no move at all; decay is applied all the same."""
    axes = dialects[name]
    config = RAdamConfig(0.5, eps=0.0, weight_decay=decay, dialect=name)
    if decay and axes.weight_decay == "coupled":
        config = replace(config, weight_decay=0.0)  # it would be a gradient of its own
    start = np.asarray([1.0, -3.0]).astype(dtype)
    x, state = xp.asarray(start), init(xp.asarray(start))
    if xp is jnp:
        state = state._replace(t=jnp.asarray(0))
    moves = 0
    for t in range(1, STEPS + 1):
        x, state = step(x, x * 0, state, config)
        held = exact.terms(t, 0.9, 0.999, axes.threshold).r_t is None
        moves += not (held and axes.unrectified == "hold")
    rate = {"decoupled": 0.5 * decay, "absolute": decay, "coupled": 0.0}[axes.weight_decay]
    expected = start
    for _ in range(moves):
        expected = expected * (1 - rate)
    np.testing.assert_allclose(np.asarray(x), expected, rtol=3e-6 if rate else 0)


@pytest.mark.parametrize("dialect", ["paper", "pytorch"])
@pytest.mark.parametrize("eps", [0.0, 1e-60])
def test_squares_that_underflow_move_nothing(dialect: str, eps: float) -> None:
    """v = 0 although m is not: an eps of 0, or of 0 in float32, gives no adaptive update."""
    x = np.ones(3, np.float32)
    state = RAdamState(20, np.full(3, 1e-30, np.float32), np.zeros(3, np.float32))
    moved, after = step(
        x, np.full(3, 1e-30, np.float32), state, RAdamConfig(1.0, eps=eps, dialect=dialect)
    )
    assert np.array_equal(moved, x)
    assert np.all(after.v == 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 8])
@pytest.mark.parametrize("dtype", ["float64", "complex128", "float16"])
@pytest.mark.parametrize("name", [*DISTINCT.values(), "eps-zero"])
def test_a_non_finite_gradient_stays_in_its_element(
    name: str, dtype: str, at: int, bad: float
) -> None:
    """S6, before and after rectification begins."""
    config = RAdamConfig(0.1, weight_decay=0.1, dialect=name if name != "eps-zero" else "paper")
    config = replace(config, eps=0.0) if name == "eps-zero" else config
    gradients = normal(STEPS, 5).astype(dtype)
    good, _ = run(np.ones(5, dtype), gradients, config)
    gradients[at, 2] = bad
    with np.errstate(invalid="ignore"):
        got, _ = run(np.ones(5, dtype), gradients, config)
    assert not np.isfinite(got[2])
    others = [0, 1, 3, 4]
    assert np.array_equal(got[others], good[others])


def f(re: Any, im: Any) -> Any:
    """A real function of a complex number that treats its two parts unalike."""
    return (re - 1) ** 2 + 3 * (im + 2) ** 2 + re * im


Z = 0.5 + 0.25j
DIRECTION = 2 * (Z.real - 1) + Z.imag + 1j * (6 * (Z.imag + 2) + Z.real)  # df/dRe + i df/dIm


@pytest.mark.torch
@pytest.mark.jax
def test_torch_gives_the_direction_and_jax_its_conjugate() -> None:
    """S8's table."""
    z = torch.tensor(Z, dtype=torch.complex128, requires_grad=True)
    f(z.real, z.imag).backward()
    assert complex(z.grad) == DIRECTION
    gradient = jax.grad(lambda z: f(z.real, z.imag))(jnp.asarray(Z, jnp.complex64))
    assert complex(jnp.conj(gradient)) == DIRECTION
    h = 1e-6
    d_re = (f(Z.real + h, Z.imag) - f(Z.real - h, Z.imag)) / (2 * h)
    d_im = (f(Z.real, Z.imag + h) - f(Z.real, Z.imag - h)) / (2 * h)
    wirtinger = (d_re + 1j * d_im) / 2  # df/dz-bar
    assert wirtinger == pytest.approx(DIRECTION / 2, rel=1e-8)


def test_a_step_along_the_direction_is_what_the_table_promises() -> None:
    z = np.asarray(Z)
    z, _ = step(z, np.asarray(DIRECTION), init(z), RAdamConfig(0.125, beta1=0.0))
    assert z == Z - 0.125 * DIRECTION


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_modulus_keeps_the_direction(dtype: str) -> None:
    """A run along one direction is the real run, turned; a quarter turn changes no bit."""
    config = RAdamConfig(0.1, eps=1e-3, weight_decay=0.01)
    amounts = normal(40, 7).astype(dtype).real
    direction = np.asarray(0.6 + 0.8j, dtype)
    x, state = run(np.zeros(7, dtype), amounts * direction, config)
    real, real_state = run(np.zeros(7, amounts.dtype), amounts, config)
    u = np.finfo(dtype).eps
    np.testing.assert_allclose(x, real * direction, rtol=0, atol=20 * u)
    np.testing.assert_allclose(state.v, real_state.v, rtol=20 * u)
    assert (state.v.dtype, state.m.dtype) == (amounts.dtype, np.dtype(dtype))
    gradients = (normal(40, 7) + 1j * normal(40, 7, seed=1)).astype(dtype)
    straight, _ = run(np.zeros(7, dtype), gradients, config)
    turned, _ = run(np.zeros(7, dtype), 1j * gradients, config)
    assert np.array_equal(turned, (1j * straight).astype(dtype))


@pytest.mark.parametrize("xp", marked(*NAMESPACES))
@pytest.mark.parametrize("nesterov", [False, True])
def test_componentwise_is_two_real_runs(xp: Any, nesterov: bool) -> None:
    axes = replace(dialects["pytorch"], nesterov=nesterov)
    config = RAdamConfig(0.1, weight_decay=0.1, dialect=axes)
    re, im = normal(30, 7), normal(30, 7, seed=1)

    def make(array: Array, dtype: str) -> Array:
        return xp.asarray(array.astype(dtype))

    z, state = run(make(re[0] + 1j * im[0], "complex64"), make(re + 1j * im, "complex64"), config)
    for part, array in ((xp.real, re), (xp.imag, im)):
        x, real_state = run(make(array[0], "float32"), make(array, "float32"), config)
        assert np.array_equal(part(z), x)
        assert np.array_equal(part(state.m), real_state.m)
        assert np.array_equal(part(state.v), real_state.v)


HALVES = [
    (np, "float16"),
    (np, "bfloat16"),
    (torch, "float16"),
    (torch, "bfloat16"),
    (jnp, "float16"),
    (jnp, "bfloat16"),
]


@pytest.mark.parametrize("name", ["paper", "pytorch", "authors"])
@pytest.mark.parametrize(("xp", "dtype"), marked(*HALVES))
def test_half_precision_is_float32_rounded_once_on_store(xp: Any, dtype: str, name: str) -> None:
    """S9."""
    half = ml_dtypes.bfloat16 if (xp, dtype) == (np, "bfloat16") else getattr(xp, dtype)
    config = RAdamConfig(0.1, eps=1e-3, weight_decay=0.1, dialect=name)

    def cast(array: Array, to: Any) -> Array:
        return array.to(to) if xp is torch else array.astype(to)

    gradients = cast(xp.asarray(normal(STEPS, 9).astype(np.float32)), half)
    x = gradients[0]
    state = wide = init(x)
    for g in gradients:
        x32, wide = step(cast(x, xp.float32), cast(g, xp.float32), wide, config)
        x, state = step(x, g, state, config)
        assert x.dtype == half
        assert (state.m.dtype, state.v.dtype) == (xp.float32, xp.float32)
        stored = [exact.nearest(Fraction(float(value)), dtype) for value in x32]
        assert [float(value) for value in x] == stored
        assert np.array_equal(state.m, wide.m)
        assert np.array_equal(state.v, wide.v)


@pytest.mark.parametrize("lr", [0.1, np.full(4, 0.1)])
def test_hold_moves_nothing_until_the_variance_is_tractable(lr: Any) -> None:
    """Not even decay."""
    x = np.asarray([0.0, 1.0, -1e300, 5e-324])
    state, config = init(x), RAdamConfig(weight_decay=0.1, dialect="paper-hold")
    for sign in (1.0, -1.0, 1.0, -1.0):
        held, state = step(x, np.full(4, sign), state, config, lr=lr)
        assert np.array_equal(held, x)
    assert np.all(step(x, np.ones(4), state, config, lr=lr)[0] != x)


@pytest.mark.parametrize("xp", marked(*NAMESPACES))
def test_an_infinite_part_spoils_no_other(xp: Any) -> None:
    """S8: with `componentwise` both parts are parameters of their own, as in Torch."""
    x, gradient = xp.asarray([1.0 + 0j]), xp.asarray([1.0 + 1e25j])
    x, gradient = (xp.asarray(z, dtype=xp.complex64) for z in (x, gradient))
    with np.errstate(over="ignore"):
        x, state = run(x, [gradient] * 7, RAdamConfig(dialect="pytorch"))
    alone, _ = run(
        np.ones(1, np.float32), [np.ones(1, np.float32)] * 7, RAdamConfig(dialect="pytorch")
    )

    assert np.isinf(np.imag(np.asarray(state.v)))
    np.testing.assert_allclose(np.real(np.asarray(x)), alone, rtol=1e-6)


def test_the_sign_of_zero_is_kept() -> None:
    x, _ = run(np.asarray([complex(-0.0, 1.0)]), [np.asarray([0j])], RAdamConfig())

    assert np.signbit(x.real)
