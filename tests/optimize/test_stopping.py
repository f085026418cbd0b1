"""Why a run stopped: success is a small gradient or a target, and nothing else looks like it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from radam_ref import RAdamConfig, minimize, rectification
from radam_ref.optimize import stop

from .problems import ROSENBROCK_START, Array, bowl, rosenbrock

PAPER = RAdamConfig(lr=1e-3, dialect="paper")


def of_rosenbrock(**how: Any) -> Any:
    return minimize(rosenbrock, ROSENBROCK_START, **{"lr": 0.01, "jac": True, **how})


def test_success_is_a_small_gradient_evaluated_at_x() -> None:
    result = of_rosenbrock()

    assert (result.success, result.status) == (True, 0)
    assert result.message.startswith("Optimization terminated successfully: the largest projected")
    f, g = rosenbrock(result.x)
    assert abs(g).max() <= 1e-5
    assert result.fun == f
    assert np.array_equal(result.jac, g)
    assert result.nfev == result.njev == result.nit + 1


def test_rosenbrock_from_its_usual_start() -> None:
    result = of_rosenbrock(maxiter=5500, stop=stop.target(1e-3))

    assert result.success
    assert rosenbrock(result.x)[0] <= 1e-3


def test_the_short_first_rectified_step_is_no_convergence() -> None:
    """The update norm falls 170-fold at step 5, where f falls on with the same slope."""
    norms: list[float] = []
    start = np.full(3, 10.0)
    result = minimize(
        lambda x: (3 * float(np.sum(x)), np.full(3, 3.0)), start, config=PAPER, jac=True,
        stop=stop.stall(xtol=0.02, ftol=1.0), maxiter=400,
        callback=lambda record: norms.append(record.update_norm),
    )  # fmt: skip

    assert 170 < norms[3] / norms[4] < 175
    assert (result.status, result.nit, result.success) == (1, 400, False)


def test_never_stalled_before_half_of_the_rectification() -> None:
    """f is flat: no gradient, no movement, from the first step."""
    flat = minimize(lambda x: (1.0, 0 * x), [1.0], lr=0.1, jac=True, stop=stop.stall())

    assert flat.status == 4
    assert not flat.success
    r_t = [rectification(flat.nit - back, 0.999) for back in (100, 200)]
    assert r_t[0] > 0.5 >= r_t[1]  # type: ignore[operator]


def test_one_huge_gradient_is_named_as_what_froze_the_run() -> None:
    evaluations = 0

    def fun(x: Array) -> tuple[float, Array]:
        nonlocal evaluations
        evaluations += 1
        f, g = bowl(x, 5.0)
        g[1] = -1e14 if evaluations == 700 else g[1]
        return f, g

    result = minimize(fun, [0.0, 0.0], lr=0.01, jac=True, maxiter=2000)

    assert (result.success, result.status) == (False, 1)
    assert abs(result.x[0] - 5) < 0.1
    assert abs(result.x[1] - 5) > 0.1
    assert "One gradient of 1e+14, at step 699 in element 1, froze it" in result.message
    assert "clip or drop such a gradient" in result.message


def test_a_run_that_one_gradient_of_1e14_froze_is_stalled() -> None:
    evaluations = 0

    def fun(x: Array) -> tuple[float, Array]:
        nonlocal evaluations
        evaluations += 1
        f, g = bowl(x, 5.0)
        return f, (0 * g - 1e14 if evaluations == 700 else g)

    result = minimize(fun, [0.0, 0.0], lr=1e-3, jac=True)

    assert (result.success, result.status) == (False, 4)
    assert "stalled" in result.message
    assert "One gradient of 1e+14, at step 699 in element 0, froze it" in result.message


def test_an_optimum_far_away_is_not_there_yet() -> None:
    result = minimize(bowl, [0.0, 0.0], lr=1e-3, jac=True, args=(50.0,))

    assert (result.success, result.status, result.nit) == (False, 1, 10_000)
    assert "not there yet" in result.message
    assert "a larger lr" in result.message
    assert 8 < result.x[0] < 10


def test_a_likelihood_summed_over_many_points() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(10_000, 3))
    counts = rng.poisson(np.exp(points @ [0.3, -0.2, 0.1]))

    def negative(w: Array) -> tuple[float, Array]:
        mean = np.exp(points @ w)
        return mean.sum() - counts @ (points @ w), points.T @ (mean - counts)

    start = abs(negative(np.zeros(3))[1]).max()
    result = minimize(negative, np.zeros(3), lr=1e-3, jac=True, stop=stop.gtol(relative=1e-6))

    assert result.success
    assert abs(negative(result.x)[1]).max() <= 1e-6 * start


def test_a_step_that_is_not_rectified_and_blows_up_ends_with_the_best_point() -> None:
    result = of_rosenbrock(config=replace(PAPER, lr=0.01), lr=None)

    assert (result.success, result.status) == (False, 5)
    assert result.nit <= 4
    assert result.state.f > 1000 * 24.2
    assert result.fun == result.fun_best == pytest.approx(24.2)
    assert np.array_equal(result.x, ROSENBROCK_START)
    assert np.array_equal(result.jac, rosenbrock(result.x)[1])
    assert "not rectified" in result.message
    assert "'paper-hold'" in result.message


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["f", "gradient"])
def test_what_is_not_finite_ends_at_the_best_point(value: float, where: str) -> None:
    def fun(x: Array) -> tuple[float, Array]:
        f, g = bowl(x)
        if x[1] < 2.5:
            f, g[1] = (value, g[1]) if where == "f" else (f, value)
        return f, g

    result = minimize(fun, [5.0, 3.0], lr=0.01, jac=True)

    assert (result.success, result.status) == (False, 3)
    assert np.isfinite([*result.x, result.fun]).all()
    assert f"{value:g}" in result.message
    assert ("element 1" in result.message) is (where == "gradient")
    assert f"after step {result.nit}" in result.message


def test_fun_may_return_the_same_buffer_each_time() -> None:
    buffer = np.zeros(2)

    def fun(x: Array) -> tuple[float, Array]:
        buffer[:] = 2 * x if x[0] > 2.5 else math.nan
        return bowl(x)[0], buffer

    result = minimize(fun, [5.0, 3.0], lr=0.01, jac=True)

    assert result.status == 3
    assert np.array_equal(result.jac, 2 * result.x)


def test_not_finite_at_the_start() -> None:
    result = minimize(lambda x: (math.nan, x), [1.0], lr=0.1, jac=True)

    assert (result.status, result.nit, result.message[-6:]) == (3, 0, "at x0.")


def test_a_target_is_a_success() -> None:
    result = of_rosenbrock(stop=stop.target(1e-2))

    assert (result.success, result.status) == (True, 0)
    assert result.fun <= 1e-2 < of_rosenbrock(maxiter=result.nit - 1).fun


def test_time_is_a_limit_and_no_success() -> None:
    result = of_rosenbrock(stop=stop.seconds(0))

    assert (result.success, result.status, result.nit) == (False, 2, 0)


def test_rules_combine() -> None:
    both = of_rosenbrock(stop=stop.steps(50) & stop.target(25.0))
    either = of_rosenbrock(stop=stop.steps(50) | stop.target(25.0))
    listed = of_rosenbrock(stop=[stop.steps(50), stop.target(25.0)])

    assert (both.nit, both.success) == (50, True)
    assert "(50)" in both.message
    assert "target" in both.message
    assert either.nit == listed.nit == 0
    assert either.success
    nested = (stop.steps(9) | stop.target(-1.0)) & (stop.steps(7) | stop.seconds(1e9))
    assert (of_rosenbrock(stop=nested).nit, of_rosenbrock(stop=nested).status) == (9, 1)


def test_a_rule_of_ones_own() -> None:
    class near(stop.Rule):
        status = 7

        def met(self, run: Any) -> bool:
            return bool(abs(run.now.x[0] - 1).max() < 0.1)

        def because(self, run: Any) -> str:
            return f"near at step {run.now.t}"

    result = of_rosenbrock(stop=near())
    assert (result.success, result.status) == (False, 7)
    assert result.message == f"near at step {result.nit}"


def test_maxiter_counts_the_steps_before_a_resume() -> None:
    first = of_rosenbrock(maxiter=60)
    second = minimize(rosenbrock, first.state, lr=0.01, jac=True, maxiter=100)

    assert second.nit == 100
    assert np.array_equal(second.x, of_rosenbrock(maxiter=100).x)


def test_the_callback_stops_by_stop_iteration_alone() -> None:
    def callback(record: Any) -> bool:
        if record.t == 12:
            raise StopIteration
        return True

    result = of_rosenbrock(callback=callback)
    assert (result.nit, result.status, result.success) == (12, 99, False)
    assert result.message == "`callback` raised `StopIteration`."


def noisy(x: Array, rng: np.random.Generator) -> tuple[float, Array]:
    return bowl(x, 3.0 + rng.normal(size=2))


def test_noisy_gradients_never_converge_but_tell_their_mean() -> None:
    result = minimize(
        noisy, [0.0, 0.0], lr=0.01, jac=True, rng=1, maxiter=3000, stop=stop.gtol(1e9)
    )

    assert (result.success, result.status) == (False, 1)
    assert abs(result.x - 3).max() < 0.5
    assert "gradients are noisy" in result.message
    assert abs(result.standard_error - 2 / math.sqrt(150)).max() < 0.06
    assert (abs(result.mean_gradient) < 5 * result.standard_error).all()


def test_far_from_the_minimum_the_mean_is_told_from_chance() -> None:
    result = minimize(noisy, [50.0, 0.0], lr=0.01, jac=True, rng=1, maxiter=500)

    assert "not zero yet" in result.message


def test_a_noisy_target_is_one_of_the_mean() -> None:
    """Single values of f go below the target long before."""
    seen: list[float] = []
    result = minimize(
        noisy, [0.0, 0.0], lr=0.03, jac=True, rng=1, stop=stop.target(4.5),
        callback=lambda record: seen.append(record.f),
    )  # fmt: skip

    assert result.success
    assert np.mean(seen[-150:]) < 6
    assert min(seen[: result.nit // 2]) < 4.5


def test_the_end_of_the_batches() -> None:
    drawn = np.random.default_rng(0).normal(3, 1, (250, 2))
    result = minimize(bowl, [0.0, 0.0], lr=0.01, jac=True, batches=drawn)

    assert (result.success, result.status, result.nit, result.nfev) == (False, 6, 249, 250)
    assert "batches have come to an end" in result.message


def test_the_result_prints_as_scipys_does() -> None:
    lines = str(of_rosenbrock(maxiter=10)).splitlines()

    assert [line.split(": ")[0].strip() for line in lines] == [
        "message", "success", "status", "fun", "x", "jac", "nit", "nfev", "njev", "x_best",
        "fun_best",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"stop": "gtol"}, "stop must be a rule"),
        ({"maxiter": -1}, "the limit of steps must be an int of at least 0, got -1"),
        ({"history": 1}, "size of a history must be an int of at least 2, got 1"),
        ({"history": "all"}, r"history must be an int, spread\(n\) or last\(n\)"),
    ],
)
def test_arguments_are_refused_by_name(how: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        of_rosenbrock(**how)


@pytest.mark.parametrize("rule", [stop.gtol, stop.seconds, stop.target, stop.stall])
def test_rules_refuse_what_is_no_number(rule: Any) -> None:
    with pytest.raises(TypeError, match="must be a real number"):
        rule("1")
