"""x of every kind: shapes, lists, complex numbers, batches, other namespaces; lr of every kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import array_api_strict
import numpy as np
import pytest

from radam_ref import RAdamConfig, Stepper, dialects, init, minimize, step
from radam_ref.optimize import stop

from ..tiers import jnp, marked, torch
from .problems import Array, bowl, by_hand, rosenbrock

HOLD = RAdamConfig(lr=0.01, dialect="paper-hold")
QUICK = RAdamConfig(lr=0.03, beta2=0.98, dialect="paper-hold")
BOWL = np.asarray([0.5, -1.0, 2.0, 0.0, 3.0, -2.0])


def quartic(x: Array) -> tuple[float, Array]:
    return float(np.sum(x**4 / 4 + x**2 / 2)), x**3 + x


@pytest.mark.parametrize("shape", [(), (1,), (6,), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_shape_and_dtype_is_kept(shape: tuple[int, ...], dtype: str) -> None:
    x0 = (BOWL[: int(np.prod(shape))].reshape(shape) + 1).astype(dtype)
    result = minimize(quartic, x0, config=QUICK, jac=True)

    assert result.success
    assert (result.x.shape, result.x.dtype, result.jac.dtype) == (shape, dtype, dtype)
    assert abs(result.x).max() < 1e-4


def test_whole_numbers_are_taken_as_floats() -> None:
    assert minimize(quartic, [1, 2], config=QUICK, jac=True).x.dtype == np.float64


def test_a_list_of_arrays_steps_as_one_long_array() -> None:
    parts = [BOWL[:2].copy(), BOWL[2:].reshape(2, 2).copy()]

    def fun(x: list[Array]) -> tuple[float, list[Array]]:
        values = [quartic(part) for part in x]
        return sum(f for f, _ in values), [g for _, g in values]

    whole = minimize(quartic, BOWL, lr=0.02, jac=True, maxiter=300)
    apart = minimize(fun, parts, lr=0.02, jac=True, maxiter=300)

    assert isinstance(apart.x, list)
    assert np.array_equal(np.concatenate([part.ravel() for part in apart.x]), whole.x)
    assert apart.nit == whole.nit
    assert apart.state.seen.gradient == whole.state.seen.gradient


def test_a_list_with_an_lr_and_bounds_for_each() -> None:
    center = [np.asarray([2.0]), np.asarray([100.0, 200.0])]

    def fun(x: list[Array], *_: Any) -> tuple[float, list[Array]]:
        rests = [part - middle for part, middle in zip(x, center, strict=True)]
        return sum(float(rest @ rest) for rest in rests), [2 * rest for rest in rests]

    result = minimize(
        fun, [np.zeros(1), np.zeros(2)], jac=True, lr=[0.01, np.asarray([1.0, 2.0])],
        bounds=[(0, 1), None],
    )  # fmt: skip
    assert result.success
    assert result.x[0][0] == 1
    np.testing.assert_allclose(result.x[1], center[1], rtol=1e-6)


def test_an_lr_for_each_coordinate_brings_scales_together() -> None:
    scale = np.asarray([1e-3, 1.0, 1e3])

    def fun(x: Array) -> tuple[float, Array]:
        f, g = quartic((x - scale) / scale)
        return f, g / scale

    result = minimize(fun, np.zeros(3), lr=0.02 * scale, jac=True, stop=stop.target(1e-12))

    assert result.success
    np.testing.assert_allclose(result.x, scale, rtol=1e-5)


def test_an_lr_that_is_a_function_of_t_is_asked_for_each_step_from_1() -> None:
    asked: list[int] = []

    def lr(t: int) -> float:
        asked.append(t)
        return 0.1 / t

    result = minimize(quartic, BOWL, lr=lr, jac=True, maxiter=250, stop=[])
    x, state = BOWL, init(BOWL)
    for t in range(1, 251):
        x, state = step(x, quartic(x)[1], state, HOLD, lr=0.1 / t)

    assert asked == list(range(1, 251))
    assert np.array_equal(result.x, x)


def test_a_decreasing_lr_is_what_movement_is_judged_by() -> None:
    result = minimize(
        lambda x: (float(x[0]), np.ones(1)), [0.0], lr=lambda t: 1e-3 * 0.99**t, jac=True,
        maxiter=700,
    )  # fmt: skip
    assert result.status == 1
    assert "not there yet" in result.message


def spiral(z: Array) -> tuple[float, Array]:
    """A real function of complex z, and its direction of steepest ascent."""
    rest = z**2 - (3 + 4j)
    return float(np.sum(abs(rest) ** 2)), 4 * np.conj(z) * rest


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers_find_a_root(dtype: str) -> None:
    x0 = np.asarray([1 + 0.5j, -1 + 0j], dtype)
    result = minimize(spiral, x0, config=QUICK, jac=True, stop=stop.gtol(1e-4))

    assert result.success
    assert result.x.dtype == dtype
    np.testing.assert_allclose(result.x, [2 + 1j, -2 - 1j], atol=1e-4)


def test_componentwise_is_the_real_problem_in_real_and_imaginary_parts() -> None:
    config = replace(HOLD, dialect=replace(dialects["paper-hold"], complex="componentwise"))

    def of_parts(x: Array) -> tuple[float, Array]:
        f, g = spiral(x.view(complex))
        return f, g.view(float)

    x0 = np.asarray([1 + 0.5j, -1 + 0j])
    whole = minimize(spiral, x0, config=config, jac=True, maxiter=500)
    parts = minimize(of_parts, x0.view(float), config=HOLD, jac=True, maxiter=500)

    assert np.array_equal(whole.x.view(float), parts.x)


def test_modulus_turns_with_the_problem() -> None:
    """Multiplied by i, a problem has the trajectory multiplied by i."""
    x0 = np.asarray([1 + 0.5j])

    def turned(z: Array) -> tuple[float, Array]:
        f, g = spiral(z / 1j)
        return f, g * 1j

    one = minimize(spiral, x0, lr=0.01, jac=True, maxiter=200)
    other = minimize(turned, x0 * 1j, lr=0.01, jac=True, maxiter=200)

    assert np.array_equal(one.x * 1j, other.x)


def rosenbrocks(x: Array) -> tuple[Array, Array]:
    values = [rosenbrock(row) for row in x]
    return np.asarray([f for f, _ in values]), np.asarray([g for _, g in values])


def test_each_lane_of_a_batch_is_the_problem_alone() -> None:
    starts = np.asarray([[-1.2, 1.0], [1.0, 1.0], [0.0, 0.0], [1.1, 1.2]])
    batch = minimize(
        rosenbrocks, starts, config=QUICK, jac=True, batch=True, maxiter=400, stop=stop.gtol(3.0)
    )

    for lane, start in enumerate(starts):
        alone = minimize(
            rosenbrock, start, config=QUICK, jac=True, maxiter=400, stop=stop.gtol(3.0)
        )
        assert np.array_equal(batch.x[lane], alone.x)
        assert (batch.fun[lane], batch.nit[lane]) == (alone.fun, alone.nit)
        assert (batch.success[lane], batch.status[lane]) == (alone.success, alone.status)
    assert batch.nit[1] == 0
    assert len(set(batch.nit)) >= 3


def test_lanes_end_for_reasons_of_their_own() -> None:
    def fun(x: Array) -> tuple[Array, Array]:
        f, g = np.sum(x**2, axis=1), 2 * x
        g[3] = np.nan if x[3, 0] < 0.9 else g[3]
        g[1], f[1] = 0.0 * g[1] + 1, x[1].sum()
        return f, g

    result = minimize(
        fun, np.ones((4, 2)), config=QUICK, jac=True, batch=True, maxiter=3000,
        stop=[stop.gtol(1e-6), stop.target(-5.0)],
    )  # fmt: skip

    assert result.status.tolist() == [0, 0, 0, 3]
    assert result.success.tolist() == [True, True, True, False]
    assert result.fun[1] <= -5
    assert result.x[3, 0] > 0.9
    assert np.array_equal(result.x[3], result.x_best[3])
    assert np.array_equal(result.jac[3], 2 * result.x[3])
    assert result.message == "Of 4 problems 3 terminated successfully; 1 met NaN or infinity."


def test_a_stopped_lane_is_frozen_while_others_go_on() -> None:
    run = minimize(rosenbrocks, [[1.0, 1.0], [0.0, 0.0]], lr=0.01, jac=True, batch=True, maxiter=50)

    assert run.nit.tolist() == [0, 50]
    assert np.array_equal(run.x[0], [1.0, 1.0])


def test_a_batch_is_resumed_with_its_lanes(tmp_path: Any) -> None:
    starts = np.asarray([[1.0, 1.0], [0.0, 0.0]])
    how: Any = {"lr": 0.01, "jac": True, "batch": True}
    first = minimize(rosenbrocks, starts, maxiter=50, checkpoint=tmp_path / "run", **how)
    again = Stepper.resume(tmp_path / "run", rosenbrocks, lr=0.01, jac=True)
    second = minimize(rosenbrocks, again.state, maxiter=100, lr=0.01, jac=True)
    whole = minimize(rosenbrocks, starts, maxiter=100, **how)

    assert first.nit.tolist() == [0, 50]
    assert second.nit.tolist() == whole.nit.tolist() == [0, 100]
    assert np.array_equal(second.x, whole.x)


@pytest.mark.parametrize("shape", [(3, 2), (3,), (3, 2, 2)])
def test_batches_of_any_shape_and_bounds_for_all(shape: tuple[int, ...]) -> None:
    def fun(x: Array) -> tuple[Array, Array]:
        rest = x - np.arange(3.0).reshape(3, *(1,) * (x.ndim - 1))
        return np.sum(rest**2, axis=tuple(range(1, x.ndim))), 2 * rest

    result = minimize(fun, np.zeros(shape), config=QUICK, jac=True, batch=True, bounds=(0, 1.5))

    assert result.success.all()
    assert result.fun.shape == (3,)
    expected = np.broadcast_to(np.reshape([0, 1, 1.5], (3, *(1,) * (len(shape) - 1))), shape)
    np.testing.assert_allclose(result.x, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("fun", "message"),
    [
        (lambda x: (1.0, x), r"fun must return f of shape \(2,\) with batch=True"),
        (lambda x: (np.ones(3), x), r"fun must return f of shape \(2,\) with batch=True"),
    ],
)
def test_a_batch_wants_an_f_for_each(fun: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        minimize(fun, np.ones((2, 3)), lr=0.1, jac=True, batch=True)
    with pytest.raises(ValueError, match="x0 must have one leading axis"):
        minimize(fun, 1.0, lr=0.1, jac=True, batch=True)


@pytest.mark.parametrize(
    ("xp", "check_every"),
    marked((array_api_strict, 1), (array_api_strict, 7), (torch, 1), (torch, 7), (jnp, 25)),
)
def test_arrays_of_any_namespace_stay_where_they_are(xp: Any, check_every: int) -> None:
    elsewhere = {"device": xp.Device("device1")} if xp is array_api_strict else {}
    x0 = xp.asarray(np.asarray([1.0, -2.0], np.float32), **elsewhere)

    def fun(x: Any) -> tuple[Any, Any]:
        terms = x**4 / 4 + x**2 / 2
        return terms[0] + terms[1], x**3 + x

    result = minimize(fun, x0, config=QUICK, jac=True, check_every=check_every)

    assert result.success
    assert result.nit % check_every == 0
    for array in (result.x, result.x_best, result.jac):
        assert type(array) is type(x0)
        assert array.dtype == x0.dtype
        assert getattr(array, "device", None) == getattr(x0, "device", None)
    assert all(abs(float(value)) < 1e-4 for value in result.x)


def test_f_is_read_from_the_device_every_so_many_steps(monkeypatch: Any) -> None:
    """array-api-strict stands for CuPy: what comes to the host is counted."""
    reads = [0]
    for method in ("__float__", "__bool__", "__int__", "__index__"):
        original = getattr(array_api_strict._array_object.Array, method)

        def counted(self: Any, original: Any = original) -> Any:
            reads[0] += 1
            return original(self)

        monkeypatch.setattr(array_api_strict._array_object.Array, method, counted)
    x0 = array_api_strict.asarray([5.0, -2.0], device=array_api_strict.Device("device1"))
    fun = lambda x: (array_api_strict.sum(x * x), 2 * x)  # noqa: E731
    counts = []
    for steps in (200, 400):
        reads[0] = 0
        minimize(fun, x0, lr=1e-3, jac=True, check_every=50, maxiter=steps)
        counts.append(reads[0])

    assert counts[1] - counts[0] <= 4 * 6


def test_the_best_is_kept_on_the_device_between_reads() -> None:
    seen: list[float] = []

    def fun(x: Any) -> tuple[Any, Any]:
        f = array_api_strict.sum(x**4 - x**2)
        seen.append(float(f))
        return f, 4 * x**3 - 2 * x

    x0 = array_api_strict.asarray([0.9])
    result = minimize(fun, x0, lr=0.3, jac=True, check_every=25, maxiter=100, stop=[])

    assert float(result.fun_best) == min(seen)
    assert seen.index(min(seen)) % 25 != 0
    assert float(fun(result.x_best)[0]) == min(seen)


def test_without_a_gradient_scipy_takes_differences() -> None:
    result = minimize(lambda x, c: bowl(x, c)[0], [1.0, 2.0], config=QUICK, args=(0.5,))

    np.testing.assert_allclose(result.x, 0.5, atol=1e-5)
    assert result.nfev == 3 * result.njev


@pytest.mark.parametrize(
    ("x0", "how"),
    [
        (np.ones((2, 2)), {}),
        ([np.ones(2), np.ones(1)], {}),
        (np.ones((2, 2)), {"batch": True}),
        (np.ones(2), {"rng": 0}),
        (np.ones(2, complex), {}),
        (array_api_strict.ones(2), {}),
    ],
)
def test_where_differences_do_not_do_a_gradient_is_asked_for(x0: Any, how: Any) -> None:
    with pytest.raises(ValueError, match="jac must be given"):
        minimize(lambda x: 0.0, x0, lr=0.1, **how)


def test_without_scipy_a_gradient_is_asked_for(monkeypatch: Any) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ValueError, match="jac must be given: a callable, or True where fun"):
        minimize(lambda x: 0.0, [1.0], lr=0.1)


def test_a_pair_without_jac_is_told_of_jac() -> None:
    with pytest.raises(TypeError, match=r"for \(f, gradient\) say jac=True"):
        minimize(bowl, [1.0, 2.0], lr=0.1)


def test_a_single_argument_needs_no_tuple() -> None:
    result = minimize(bowl, [0.0], config=QUICK, jac=True, args=0.3)
    assert result.x[0] == pytest.approx(0.3, abs=1e-5)


def test_jac_as_a_callable_with_args() -> None:
    result = minimize(
        lambda x, c: bowl(x, c)[0], [0.0], config=QUICK, jac=lambda x, c: bowl(x, c)[1], args=(0.3,)
    )
    assert result.success
    assert result.x[0] == pytest.approx(0.3, abs=1e-5)


def test_the_config_is_that_of_the_step() -> None:
    config = RAdamConfig(0.02, 0.8, 0.99, 1e-4, 0.01, dialect="pytorch")
    result = minimize(quartic, BOWL, config=config, jac=True, maxiter=100, stop=[])

    assert np.array_equal(result.x, by_hand(quartic, BOWL, config, 100))


def test_a_fun_that_writes_to_its_x_spoils_nothing() -> None:
    def fun(x: Any) -> Any:
        f, g = x @ x, 2 * x
        x[:] = 7
        return f, g

    kept = minimize(lambda x: (x @ x, 2 * x), [1.0, -2.0], jac=True, lr=0.1, maxiter=20)
    assert minimize(fun, [1.0, -2.0], jac=True, lr=0.1, maxiter=20).x.tolist() == kept.x.tolist()
