"""Algorithm 1's instances against torch.optim and optax; RAdam against the step, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import array_api_strict
import numpy as np
import pytest

import radam_ref
from radam_ref import algorithm1, schedules

from ..tiers import in_float64, jax, jnp, marked, optax, torch

STEPS, ALPHA = 1000, 0.01
X0 = np.linspace(-2, 2, 7)
GRADS = np.random.default_rng(0).normal([0.0, 0.1, 1.0, 3.0, 0.0, -1.0, 0.01], 1.0, (STEPS, 7))
GRADS[:, 4] *= 1e-3
IN_TORCH: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda x: torch.optim.SGD(x, ALPHA),
    "momentum": lambda x: torch.optim.SGD(x, ALPHA, momentum=0.9),
    "rmsprop": lambda x: torch.optim.RMSprop(x, ALPHA, alpha=0.9),
    "adadelta": lambda x: torch.optim.Adadelta(x, ALPHA, rho=0.95),
    "adam": lambda x: torch.optim.Adam(x, ALPHA),
    "adam_eps": lambda x: torch.optim.Adam(x, ALPHA, eps=1e-4),
    "nadam": lambda x: torch.optim.NAdam(x, ALPHA),
}
IN_OPTAX: dict[str, Callable[[], Any]] = {
    "sgd": lambda: optax.sgd(ALPHA),
    "momentum": lambda: optax.sgd(ALPHA, momentum=0.9),
    "rmsprop": lambda: optax.rmsprop(ALPHA, eps_in_sqrt=False),
    "adadelta": lambda: optax.adadelta(ALPHA, rho=0.95),
    "adam": lambda: optax.adam(ALPHA),
    "adam_eps": lambda: optax.adam(ALPHA, eps=1e-4),
    "radam": lambda: optax.radam(ALPHA, threshold=4),
}


def ours(method: algorithm1.Running, alpha: Any = ALPHA, grads: Any = GRADS, x: Any = X0) -> Any:
    """The parameters after each step."""
    state, path = algorithm1.init(x, method), []
    for g in grads:
        x, state = algorithm1.step(x, g, state, method, alpha)
        path.append(x)
    assert state.t == len(grads)
    return path


@pytest.fixture
def scalars_of_torch_in_float64() -> Iterator[None]:
    """NAdam's running product of mu_t is kept in the default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.torch
@pytest.mark.usefixtures("scalars_of_torch_in_float64")
@pytest.mark.parametrize("name", IN_TORCH)
def test_every_step_is_that_of_torch(name: str) -> None:
    x = torch.tensor(X0)
    optimizer = IN_TORCH[name]([x])
    path = []
    for g in GRADS:
        x.grad = torch.tensor(g)
        optimizer.step()
        path.append(x.numpy().copy())

    np.testing.assert_allclose(ours(getattr(algorithm1, name)()), path, rtol=0, atol=1e-12)


@pytest.mark.jax
@pytest.mark.parametrize("name", IN_OPTAX)
def test_every_step_is_that_of_optax(name: str) -> None:
    """radam's terms are optax's own, whose rho_t cancels: its digits are fewer."""
    optimizer = IN_OPTAX[name]()

    def advance(carry: Any, g: Any) -> Any:
        updates, state = optimizer.update(g, carry[1], carry[0])
        x = optax.apply_updates(carry[0], updates)
        return (x, state), x

    with jax.enable_x64(True):
        x = jnp.asarray(X0)
        _, path = jax.lax.scan(advance, (x, optimizer.init(x)), jnp.asarray(GRADS))
        path = np.asarray(path)

    np.testing.assert_allclose(ours(getattr(algorithm1, name)()), path, rtol=0, atol=1e-11)


def test_dozats_nadam_and_the_one_of_a_constant_beta_differ_as_said() -> None:
    g = np.ones(1)
    method, constant = algorithm1.nadam(), radam_ref.dialects["paper"]
    first, _ = method.follow(1, g, method.start(g))
    held = radam_ref.RAdamConfig(lr=1.0, dialect=type(constant)(nesterov=True))
    moved, _ = radam_ref.step(0 * g, g, radam_ref.init(g), held)

    assert -moved / first == pytest.approx(1.4, abs=0.01)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("xp", marked(np, torch, jnp, array_api_strict))
@pytest.mark.parametrize("beta2", [0.999, 0.6])
def test_radam_is_the_step_to_the_bit(xp: Any, dtype: str, beta2: float) -> None:
    with in_float64(xp):
        steps = STEPS if xp is np else 20
        x = path = xp.asarray(X0, dtype=getattr(xp, dtype))
        grads = [xp.asarray(g, dtype=x.dtype) for g in GRADS[:steps]]
        state, config = radam_ref.init(x), radam_ref.RAdamConfig(lr=ALPHA, beta2=beta2)
        path = ours(algorithm1.radam(beta2=beta2), grads=grads, x=x)
        for g, found in zip(grads, path, strict=True):
            x, state = radam_ref.step(x, g, state, config)
            assert np.asarray(found).tobytes() == np.asarray(x).tobytes()
            assert found.dtype == x.dtype


@pytest.mark.parametrize("xp", marked(torch, jnp, array_api_strict))
@pytest.mark.parametrize(
    "name", [name for name in algorithm1.__all__ if name.islower() and name not in
             ("init", "product", "step")],
)  # fmt: skip
def test_every_method_runs_on_arrays_of_any_namespace(name: str, xp: Any) -> None:
    method = getattr(algorithm1, name)()
    with in_float64(xp):
        grads = [xp.asarray(g) for g in GRADS[:10]]
        path = ours(method, grads=grads, x=xp.asarray(X0))

        assert type(path[-1]) is type(grads[0])
        expected = ours(method, grads=GRADS[:10])
        np.testing.assert_allclose([np.asarray(x) for x in path], expected, rtol=1e-13)


def test_adam_2k_holds_all_but_v_and_then_is_adam_with_that_v() -> None:
    path = ours(algorithm1.adam_2k(steps=400))
    beta1, beta2 = 0.9, 0.999
    m, v, x = 0.0, 0.0, X0
    for t, g in enumerate(GRADS, 1):
        v = beta2 * v + (1 - beta2) * g**2
        if t > 400:
            m = beta1 * m + (1 - beta1) * g
            root = np.sqrt(v / (1 - beta2**t)) + 1e-8
            x = x - ALPHA * m / (1 - beta1 ** (t - 400)) / root
        np.testing.assert_allclose(path[t - 1], x, rtol=0, atol=1e-12)
    assert np.array_equal(path[399], X0)
    assert algorithm1.adam_2k.__defaults__[-1] == 2000


@pytest.mark.jax
def test_alpha_follows_a_schedule() -> None:
    """Adam at a warmed-up rate is optax's with the same schedule, counted from 1."""
    schedule = schedules.warmup(ALPHA, 100)
    optimizer = optax.adam(lambda count: schedule(int(count) + 1))
    with jax.enable_x64(True):
        x, path = jnp.asarray(X0), []
        state = optimizer.init(x)
        for g in GRADS[:150]:
            updates, state = optimizer.update(jnp.asarray(g), state, x)
            x = optax.apply_updates(x, updates)
            path.append(np.asarray(x))

    found = ours(algorithm1.adam(), schedule, GRADS[:150])
    np.testing.assert_allclose(found, path, rtol=0, atol=1e-12)


def test_the_two_forms_of_warm_up_are_one_rate_by_its_end_or_its_slope() -> None:
    end, slope, flat = schedules.warmup(0.8, 8), schedules.ramp(0.1, 8), schedules.constant(0.8)
    for t in range(1, 20):
        assert end(t) == pytest.approx(min(0.1 * t, 0.8), rel=1e-15)
        assert slope(t) == pytest.approx(end(t), rel=1e-15)
        assert flat(t) == 0.8


def test_what_does_not_fit_is_refused_by_name() -> None:
    method, x = algorithm1.adam(), np.ones(2)
    state = algorithm1.init(x, method)
    with pytest.raises(ValueError, match="grads must have the shape of params"):
        algorithm1.step(x, np.ones(3), state, method, 0.1)
    with pytest.raises(TypeError, match="params must have the dtype float32 or float64, got compl"):
        algorithm1.init(x + 0j, method)
    with pytest.raises(ValueError, match=r"alpha must be a real number in \[0, inf\), got -1"):
        algorithm1.step(x, x, state, method, -1)
    with pytest.raises(ValueError, match=r"beta2 must be a real number in \[0, 1\), got 1"):
        algorithm1.rmsprop(beta2=1)
    with pytest.raises(ValueError, match="T_w must be an int of at least 1, got 0"):
        schedules.warmup(0.1, 0)
    with pytest.raises(TypeError, match=r"steps must be an int of at least 1, got 2\.0 of type fl"):
        algorithm1.adam_2k(steps=2.0)


def test_arguments_are_left_as_they_are() -> None:
    x, g = X0.copy(), GRADS[0].copy()
    x.setflags(write=False)
    g.setflags(write=False)
    for name in (*IN_TORCH, "radam", "adam_2k"):
        method = getattr(algorithm1, name)()
        algorithm1.step(x, g, algorithm1.init(x, method), method, ALPHA)
