"""S3: t as an array, under jit or on a device, where the host cannot fetch the terms."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import array_api_strict
import numpy as np
import pytest
from flint import arb, ctx

from radam_ref import (
    Dialect,
    RAdamConfig,
    RAdamState,
    init,
    load_state,
    save_state,
    step,
    step_many,
)

from ..tiers import jax, jnp, marked, torch
from . import exact

BETA2 = (0.61, 0.9, 0.99, 0.999, 0.9999, 1 - 2.0**-17, 1 - 2.0**-20)
TINY = 2.0**-60
HALF_ULP = {"float32": 2.0**-24, "float64": 2.0**-53}

Moved = Callable[[list[int], RAdamConfig], Any]


def config_that_shows_r(beta2: float, threshold: float) -> RAdamConfig:
    """From zero moments, a gradient of TINY then moves x from 0 to exactly -r_t*TINY.

    beta1 = 0 makes m_hat the gradient, and the root vanishes beside eps = 1; without
    rectification x moves to -TINY.
    """
    return RAdamConfig(1.0, beta1=0.0, beta2=beta2, eps=1.0, dialect=Dialect(threshold=threshold))


def moved_in_jax(steps: list[int], config: RAdamConfig, dtype: str) -> Any:
    def moved(t: Any) -> Any:
        zero = jnp.zeros((), dtype)
        return step(zero, zero + TINY, RAdamState(t - 1, zero, zero), config)[0]

    with jax.enable_x64(dtype == "float64"):
        return np.asarray(jax.jit(jax.vmap(moved))(jnp.asarray(steps)))


def moved_eagerly(steps: list[int], config: RAdamConfig, dtype: str, xp: Any, device: Any) -> Any:
    def moved(t: int) -> float:
        zero = xp.zeros((), dtype=getattr(xp, dtype), device=device)
        state = RAdamState(xp.asarray(t - 1, device=device), zero, zero)
        return float(step(zero, zero + TINY, state, config)[0])

    return np.asarray([moved(t) for t in steps])


PLACES = {
    "jax-float32": (partial(moved_in_jax, dtype="float32"), "float32", 400),
    "jax-float64": (partial(moved_in_jax, dtype="float64"), "float64", 400),
    "numpy-float32": (partial(moved_eagerly, dtype="float32", xp=np, device=None), "float32", 150),
    "numpy-float64": (partial(moved_eagerly, dtype="float64", xp=np, device=None), "float64", 150),
    "strict-no_float64": (
        partial(
            moved_eagerly,
            dtype="float32",
            xp=array_api_strict,
            device=array_api_strict.Device("no_float64"),
        ),
        "float32",
        10,
    ),
}


@pytest.mark.parametrize("threshold", [4.0, 5.0])
@pytest.mark.parametrize(
    "place",
    [pytest.param(p, marks=[pytest.mark.jax] if "jax" in p else []) for p in PLACES],
)
def test_branch_and_r_of_a_traced_t(place: str, threshold: float) -> None:
    """The branch is exact; |dr/r| <= 4u(1 + rho_t/(rho_t-4))."""
    moved, dtype, count = PLACES[place]
    random = np.exp(np.random.default_rng(7).uniform(0, math.log(1e9), count))
    steps = sorted({*range(1, 14), *map(int, random), 10**9})
    for beta2 in BETA2:
        r = moved(steps, config_that_shows_r(beta2, threshold)) / -TINY
        for t, got in zip(steps, r, strict=True):
            true = exact.terms(t, 0.0, beta2, threshold)
            if true.r_t is None:
                assert got == 1, (t, beta2)
                continue
            with ctx.workprec(300):
                bound = 4 * HALF_ULP[dtype] * (1 + true.rho_t / (true.rho_t - 4))
                assert abs(arb(float(got)) / true.r_t - 1) <= bound, (t, beta2)


@pytest.mark.parametrize("beta2", [0.0, 0.5, 0.6])
def test_a_traced_t_is_never_rectified_up_to_0_6(beta2: float) -> None:
    """S6."""
    steps = [1, 2, 5, 6, 100, 10**9]
    config = config_that_shows_r(beta2, 4.0)
    assert np.all(moved_eagerly(steps, config, "float64", np, None) == -TINY)


@pytest.mark.jax
@pytest.mark.parametrize("beta2", [0.0, 0.5, 0.6])
def test_a_t_under_jit_is_never_rectified_up_to_0_6(beta2: float) -> None:
    config = config_that_shows_r(beta2, 4.0)
    assert np.all(moved_in_jax([1, 2, 5, 6, 100, 10**9], config, "float32") == -TINY)


DIALECTS = {
    "paper": "paper",
    "hold": "paper-hold",
    "pytorch": "pytorch",
    "absolute": "lamp",
    "nesterov": Dialect(nesterov=True),
    "eps_root": Dialect(eps_root=1e-4),
}


@pytest.mark.parametrize("eps", [1e-3, 0.0])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_run_with_traced_t_is_the_run_with_host_t(dialect: str, eps: float) -> None:
    config = RAdamConfig(0.1, eps=eps, weight_decay=0.02, dialect=DIALECTS[dialect])
    rng = np.random.default_rng(8)
    x = y = rng.standard_normal(5)
    host = traced = init(x)
    traced = traced._replace(t=np.asarray(0, np.int32))
    for t in range(1, 31):
        g = rng.standard_normal(5) * [1, 1e-3, 30, 0, 1]
        x, host = step(x, g, host, config)
        y, traced = step(y, g, traced, config)
        assert (traced.t, traced.t.dtype, traced.t.shape) == (t, np.int32, ())
        np.testing.assert_allclose(y, x, rtol=0, atol=4e-14)
        np.testing.assert_array_max_ulp(traced.m, host.m, 40)


def last_of_twelve(x: Any, mask: Any, config: RAdamConfig) -> Any:
    """Twelve jitted steps down x^2/2 (where the mask is 1)."""

    def advance(carry: Any, _: None) -> tuple[Any, None]:
        x, state = carry
        return step(x, x * mask, state, config), None

    start = (x, init(x)._replace(t=jnp.asarray(0)))
    return jax.lax.scan(advance, start, None, length=12)[0][0]


@pytest.mark.jax
@pytest.mark.parametrize("eps", [1e-8, 0.0])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_gradients_through_twelve_steps(dialect: str, eps: float) -> None:
    """No NaN, an element of zero gradient included; and the derivative is that of the step."""
    mask = np.asarray([1.0, 0.0, 1.0])
    x = np.asarray([1.0, 2.0, -0.3])
    config = RAdamConfig(0.05, eps=eps, dialect=DIALECTS[dialect])
    with jax.enable_x64(True):
        end = jax.jit(jax.grad(lambda x: last_of_twelve(x, mask, config).sum()))
        slopes = end(jnp.asarray(x))  # an element depends on itself alone

    def run(x: Any) -> Any:
        state = init(x)
        for _ in range(12):
            x, state = step(x, x * mask, state, config)
        return x

    h = 1e-5
    differences = (run(x + h) - run(x - h)) / (2 * h)
    np.testing.assert_allclose(slopes, differences, rtol=1e-6, atol=1e-8)


@pytest.mark.jax
def test_float32_gradients_are_finite() -> None:
    mask = jnp.asarray([1.0, 0.0])
    for eps in (1e-8, 0.0):
        gradient = jax.grad(lambda x, eps=eps: last_of_twelve(x, mask, RAdamConfig(eps=eps)).sum())
        assert jnp.all(jnp.isfinite(gradient(jnp.asarray([1.0, 2.0]))))


@pytest.mark.jax
@pytest.mark.torch
@pytest.mark.parametrize("eps", [1e-8, 0.0])
def test_gradients_through_steps_with_a_host_count(eps: float) -> None:
    """JAX and Torch, an element with zero gradients included; against finite differences."""
    config = RAdamConfig(lr=0.1, eps=eps)

    def last(x: Any, mask: Any) -> Any:
        state = init(x)
        for _ in range(10):
            x, state = step(x, x * mask, state, config)
        return x

    start, mask, by = np.asarray([1.0, 2.0]), np.asarray([1.0, 0.0]), 1e-6
    slope = (last(start + by, mask) - last(start - by, mask)) / (2 * by)
    ours = jax.grad(lambda x: last(x, jnp.asarray(mask, jnp.float32)).sum())
    leaf = torch.tensor(start, requires_grad=True)
    last(leaf, torch.tensor(mask)).sum().backward()

    np.testing.assert_allclose(ours(jnp.asarray(start, jnp.float32)), slope, rtol=1e-5)
    np.testing.assert_allclose(leaf.grad, slope, rtol=1e-6)


def squared_end(scale: Any) -> Any:
    """|x|^2 after three rectified steps along gradients scale*x."""

    def advance(carry: Any, _: None) -> tuple[Any, None]:
        x, state = carry
        return step(x, scale * x, state, RAdamConfig(0.1, eps=0.25)), None

    x = jnp.asarray([1.0, 2.0])
    start = x, RAdamState(jnp.asarray(7), 0 * x, 0 * x)
    (x, _), _ = jax.lax.scan(advance, start, None, length=3)
    return (x**2).sum()


@pytest.fixture(scope="module")
def column() -> Any:
    """The second derivatives of `squared_end` at (1, 0) by its first parameter, by differences."""
    with jax.enable_x64(True):
        first = jax.jit(jax.grad(squared_end))
        at, by = jnp.asarray([1.0, 0.0]), jnp.asarray([1e-6, 0.0])
        return np.asarray(first(at + by) - first(at - by)) / 2e-6


@pytest.mark.jax
@pytest.mark.parametrize(
    "second",
    [
        lambda f: jax.hessian(f),
        lambda f: jax.jacrev(jax.jacrev(f)),
        lambda f: jax.jacrev(jax.jacfwd(f)),
        lambda f: jax.jacfwd(jax.jacfwd(f)),
    ],
    ids=["hessian", "reverse twice", "forward, reverse", "forward twice"],
)
def test_second_derivatives_with_an_element_of_zero_gradient(second: Any, column: Any) -> None:
    """Beside finite differences; at 0 they are those of a root whose slope there is 0."""
    with jax.enable_x64(True):
        hessian = np.asarray(jax.jit(second(squared_end))(jnp.asarray([1.0, 0.0])))

    np.testing.assert_allclose(hessian[:, 0], column, rtol=1e-6, atol=1e-9)
    assert np.all(np.isfinite(hessian))
    assert hessian[1, 1] > 0  # of the square of what a linear update moves


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")  # Torch's own use
def test_torch_in_forward_mode_with_an_element_of_zero_gradient() -> None:
    """As in reverse mode, with dual tensors that are made by hand and those of torch.func."""
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    at, along = torch.tensor([1.0, 0.0]).double(), torch.ones(2).double()

    def moved(scale: Any) -> Any:
        return step(x, scale * x, RAdamState(7, 0 * x, 0 * x), RAdamConfig(0.1, eps=0.25))[0]

    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(at, along)  # type: ignore[no-untyped-call]
        unpacked = torch.autograd.forward_ad.unpack_dual(moved(dual))  # type: ignore[no-untyped-call]
    reverse = torch.func.jacrev(moved)(at)  # type: ignore[no-untyped-call]
    forward = torch.func.jacfwd(moved)(at)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        unwatched = torch.func.jacfwd(moved)(at)  # type: ignore[no-untyped-call]

    assert reverse[1, 1] < 0
    torch.testing.assert_close(forward, reverse, rtol=1e-12, atol=0)
    torch.testing.assert_close(unwatched, reverse, rtol=1e-12, atol=0)
    torch.testing.assert_close(unpacked.tangent, reverse.sum(axis=1), rtol=1e-12, atol=0)


@pytest.mark.torch
def test_a_torch_that_does_not_tell_its_modes_steps_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What tells them is private there, and may go: then every step is guarded."""
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    how = x, torch.tensor([0.5, 0.0]).double(), RAdamState(7, 0 * x, 0 * x), RAdamConfig(0.1)
    expected, state = step(*how)
    monkeypatch.delattr(torch.autograd.forward_ad, "_current_level")
    guarded, same = step(*how)

    assert torch.equal(guarded, expected)
    assert torch.equal(same.m, state.m)
    assert torch.equal(same.v, state.v)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")  # Torch's own use
@pytest.mark.parametrize("in_array", [False, True], ids=["host", "array"])
def test_torch_transforms_within_each_other_with_an_element_of_zero_gradient(
    in_array: bool,
) -> None:
    """What vmap or an inner transform wraps does not say what the outer one asks of it."""
    t = torch.tensor(7) if in_array else 7
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    at, along = torch.tensor([1.0, 0.0]).double(), torch.ones(2).double()

    def moved(scale: Any) -> Any:
        return step(x, scale * x, RAdamState(t, 0 * x, 0 * x), RAdamConfig(0.1, eps=0.25))[0]

    def within(scale: Any) -> Any:
        return torch.func.jvp(lambda y: moved(scale) * y, (x,), (along,))[1]

    def each(scale: Any) -> Any:
        return torch.vmap(moved)(scale[None])[0]

    slopes = torch.func.jacrev(moved)(at)  # type: ignore[no-untyped-call]

    assert slopes.isfinite().all()
    for f in (within, each):
        for jacobian in (torch.func.jacfwd, torch.func.jacrev):
            torch.testing.assert_close(jacobian(f)(at), slopes, rtol=1e-12, atol=0)


@pytest.mark.jax
def test_a_rho_that_rounds_to_4_rectifies_by_a_number() -> None:
    """S6: rho_inf exceeds 4 by less than float32 tells; the branch is exact all the same."""
    config = RAdamConfig(1.0, beta2=0.6000000415152215)
    move = jax.jit(lambda x, state: step(x, x * 0 + 1, state, config))
    x = jnp.zeros(1, jnp.float32)
    state = init(x)
    for _ in range(60):
        x, state = move(x, state)

    assert np.isfinite(x).all()


@pytest.mark.jax
def test_a_flushed_eps_divides_nothing_by_zero() -> None:
    """S5: XLA takes a subnormal for zero."""
    x = jnp.asarray([1.0, 2.0], jnp.float32)
    state, grads = init(x), jnp.asarray([1.0, 0.0], jnp.float32)
    for _ in range(8):
        x, state = step(x, grads, state, RAdamConfig(eps=1e-40))

    assert x[1] == 2.0
    assert np.isfinite(x).all()


# Betas that are arrays (S1)

BETAS_DIALECTS = ["paper", "paper-hold", "pytorch", "optax", Dialect(nesterov=True)]


def run_from_zero(gradients: Any, config: RAdamConfig) -> tuple[Any, RAdamState]:
    x = gradients[0] * 0
    state = init(x)
    for grads in gradients:
        x, state = step(x, grads, state, config)
    return x, state


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("beta2", [0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("dialect", BETAS_DIALECTS, ids=str)
def test_a_beta_in_an_array_means_the_value_it_holds(
    dialect: Any, beta2: float, dtype: str
) -> None:
    gradients = [*np.random.default_rng(5).standard_normal((12, 3)).astype(dtype)]
    betas = np.asarray(0.9, dtype), np.asarray(beta2, dtype)
    by_array, state = run_from_zero(gradients, RAdamConfig(1.0, *betas, dialect=dialect))
    floats = map(float, betas)
    by_float, _ = run_from_zero(gradients, RAdamConfig(1.0, *floats, dialect=dialect))

    assert type(state.t) is int
    np.testing.assert_allclose(by_array, by_float, rtol={"float32": 2e-6, "float64": 1e-14}[dtype])


@pytest.mark.torch
@pytest.mark.parametrize("dialect", BETAS_DIALECTS, ids=str)
def test_gradients_with_respect_to_the_betas(dialect: Any) -> None:
    """Torch in float64 against finite differences; an element with zero gradients included."""
    draws = np.random.default_rng(5).standard_normal((12, 3)) * [1.0, 1.0, 0.0]
    gradients = [*torch.tensor(draws)]

    def ended(*betas: Any) -> Any:
        return run_from_zero(gradients, RAdamConfig(1.0, *betas, dialect=dialect))[0].sum()

    leaves = [torch.tensor(beta, dtype=torch.float64, requires_grad=True) for beta in (0.9, 0.99)]
    ended(*leaves).backward()
    by = 1e-6
    slopes = [
        (ended(0.9 + by, 0.99) - ended(0.9 - by, 0.99)) / (2 * by),
        (ended(0.9, 0.99 + by) - ended(0.9, 0.99 - by)) / (2 * by),
    ]

    np.testing.assert_allclose([float(leaf.grad) for leaf in leaves], slopes, rtol=1e-5)


@pytest.mark.jax
def test_gradients_with_respect_to_the_betas_under_jit() -> None:
    draws = np.random.default_rng(5).standard_normal((12, 3)).astype("float32")

    def ended(beta1: Any, beta2: Any) -> Any:
        def advance(carry: Any, grads: Any) -> tuple[Any, None]:
            x, state = carry
            return step(x, grads, state, RAdamConfig(1.0, beta1, beta2)), None

        start = jnp.zeros(3), init(jnp.zeros(3))._replace(t=jnp.asarray(0))
        return jax.lax.scan(advance, start, jnp.asarray(draws))[0][0].sum()

    slopes = jax.jit(jax.grad(ended, (0, 1)))(jnp.float32(0.9), jnp.float32(0.99))

    assert np.isfinite(slopes).all()


def check_that_beta2_is_refused(beta2: Any, part: str) -> None:
    x = np.ones(2)
    with pytest.raises(TypeError, match=r"config\.beta2 must be a number or a 0-d real") as caught:
        step(x, x, init(x), RAdamConfig(beta2=beta2))
    assert part in str(caught.value)


def test_a_beta_in_an_array_of_integers_is_refused() -> None:
    check_that_beta2_is_refused(np.asarray(1), "array(1)")


@pytest.mark.jax
def test_a_beta_in_an_array_of_another_namespace_is_refused() -> None:
    check_that_beta2_is_refused(jnp.asarray(0.9), "Array(0.9")


# Other hyper-parameters that are arrays, and several arrays at once


@pytest.mark.parametrize("betas", [(0.9, 0.99), (np.asarray(0.9), np.asarray(0.99)), (0.9, 0.5)])
@pytest.mark.parametrize("numbers", [(1e-3, 4.0, 1e-4), (1e-3, 4.5, 0.0), (0.0, 5.0, 0.0)])
@pytest.mark.parametrize("eps_placement", ["after_correction", "before_correction"])
def test_eps_threshold_and_eps_root_in_arrays_mean_what_they_hold(
    betas: Any, numbers: Any, eps_placement: str, tmp_path: Path
) -> None:
    """An element with zero gradients included (S5); and a state file keeps the numbers."""
    gradients = [*np.random.default_rng(5).standard_normal((12, 3)) * [1.0, 1e-3, 0.0]]

    def config(betas: Any, eps: Any, threshold: Any, eps_root: Any) -> RAdamConfig:
        dialect = Dialect(threshold, eps_placement, eps_root)
        return RAdamConfig(1.0, *betas, eps, dialect=dialect)

    by_array = config(betas, *map(np.asarray, numbers))
    by_float = config(map(float, betas), *numbers)
    ended, state = run_from_zero(gradients, by_array)
    save_state(tmp_path / "state", ended, state, by_array)

    np.testing.assert_allclose(ended, run_from_zero(gradients, by_float)[0], rtol=1e-12)
    assert load_state(tmp_path / "state")[2] == by_float


@pytest.mark.jax
def test_a_threshold_of_another_namespace_is_refused_by_name() -> None:
    x = np.ones(2)
    config = RAdamConfig(dialect=Dialect(threshold=jnp.asarray(5.0)))

    with pytest.raises(
        TypeError, match=r"config\.dialect\.threshold must be a number or a 0-d real"
    ):
        step(x, x, init(x), config)


@pytest.mark.parametrize("t", [7, np.asarray(7)], ids=["host", "array"])
def test_many_arrays_step_as_each_alone(t: Any) -> None:
    """Arrays of several dtypes, real and complex, share t and config."""
    draws = np.random.default_rng(2).standard_normal((4, 3))
    arrays = [
        draws[0],
        draws[1].astype("float32"),
        draws[2] + 1j * draws[3],
        np.ones((), "float16"),
    ]
    states = [init(x) for x in arrays]
    together = RAdamState(t, [state.m for state in states], [state.v for state in states])
    params, after = step_many(arrays, arrays, together, lr=0.5)

    for k, (x, state) in enumerate(zip(arrays, states, strict=True)):
        alone, own = step(x, x, state._replace(t=t), lr=0.5)
        assert params[k].dtype == x.dtype
        np.testing.assert_array_equal(params[k], alone)
        np.testing.assert_array_equal(after.m[k], own.m)
        np.testing.assert_array_equal(after.v[k], own.v)
    assert after.t == 8
    with pytest.raises(ValueError, match="grads must be as many as params, 4, got 2"):
        step_many(arrays, arrays[:2], together)


@pytest.mark.parametrize("xp", marked(np, torch, jnp))
def test_arrays_that_each_have_their_own_t_step_as_each_alone(xp: Any) -> None:
    x = xp.asarray([1.0, -2.0], dtype=xp.float32)
    together = RAdamState(xp.asarray([0, 4, 1000]), [x] * 3, [x * x] * 3)
    params, after = step_many([x] * 3, [x] * 3, together, lr=0.5)

    for t, got, m in zip((0, 4, 1000), params, after.m, strict=True):
        alone, own = step(x, x, RAdamState(t, x, x * x), lr=0.5)
        np.testing.assert_allclose(got, alone, rtol=1e-6)
        np.testing.assert_allclose(m, own.m, rtol=1e-6)
    assert after.t.tolist() == [1, 5, 1001]
    with pytest.raises(ValueError, match=r"state\.t must be as many as params, 2, got 3"):
        step_many([x] * 2, [x] * 2, together)
