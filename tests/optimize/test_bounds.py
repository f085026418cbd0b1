"""Bounds and proximal operators: the minimum within, and what enters m and v on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import array_api_strict
import numpy as np
import pytest
from scipy.optimize import Bounds, nnls
from scipy.optimize import minimize as scipy_minimize

from radam_ref import RAdamConfig, Stepper, dialects, minimize
from radam_ref.optimize import prox

from .problems import Array, bowl, rosenbrock

QUICK = RAdamConfig(lr=0.03, beta2=0.98, dialect="paper-hold")
FORMS = {
    "numbers": (-1.0, 1.0),
    "arrays": (np.asarray([-1.0, -1.0]), np.asarray([1.0, 1.0])),
    "a number and none": (None, 1.0),
    "pairs": [(-1.0, 1.0), (None, 1.0)],
    "pairs in tuples": ((-1, 1), (None, 1)),
    "scipy": Bounds([-1.0, -np.inf], 1.0),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_minimum_is_on_the_bound(form: str) -> None:
    result = minimize(bowl, [0.0, 0.0], config=QUICK, jac=True, args=(3.0,), bounds=FORMS[form])

    assert result.success
    assert np.array_equal(result.x, [1.0, 1.0])
    assert np.array_equal(result.jac, [-4.0, -4.0])


def test_rosenbrock_in_a_box_as_l_bfgs_b_finds_it() -> None:
    box = [(-2.0, 0.5), (-1.0, 2.0)]
    result = minimize(rosenbrock, [-1.2, 1.0], config=QUICK, jac=True, bounds=box)
    expected = scipy_minimize(rosenbrock, [-1.2, 1.0], jac=True, method="L-BFGS-B", bounds=box)

    assert result.success
    assert result.x[0] == 0.5
    np.testing.assert_allclose(result.x, expected.x, atol=1e-5)


def test_every_x_evaluated_lies_within() -> None:
    seen: list[Array] = []

    def fun(x: Array) -> tuple[float, Array]:
        seen.append(x)
        return rosenbrock(x)

    minimize(fun, [-1.2, 1.0], lr=0.1, jac=True, bounds=(-1.25, 1.1), maxiter=300)
    assert max(x.max() for x in seen) == 1.1
    assert min(x.min() for x in seen) >= -1.25


def test_what_presses_outward_does_not_enter_the_moments() -> None:
    """Clipping alone would leave v full of it, and the coordinate would be late to turn."""
    pressing = [1000.0]

    def fun(x: Array) -> tuple[float, Array]:
        return float(pressing[0] * x[0]), np.asarray([pressing[0]])

    run = Stepper(fun, [0.0], lr=0.01, jac=True, bounds=(0.0, 1.0))
    for _ in range(500):
        run.step()
    assert run.now.moments[0].m == run.now.moments[0].v == 0.0
    pressing[0] = -1.0
    run.now = run.now._replace(g=None)  # what fun gave there is out of date
    for _ in range(200):
        record = run.step()
    assert record.x[0] == 1.0


def test_x0_outside_is_an_error_that_names_the_coordinates() -> None:
    with pytest.raises(ValueError, match=r"x0 must lie within bounds; outside at 1, 3$"):
        minimize(bowl, [0.0, 2.0, 1.0, -3.0], lr=0.1, jac=True, bounds=(-1.0, 1.0))
    with pytest.raises(ValueError, match=r"x0\[1\] must lie .* outside at \(0, 1\)$"):
        Stepper(None, [np.zeros(2), np.full((1, 2), [0.0, 5.0])], lr=0.1, bounds=[None, (0.0, 1.0)])


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ((1.0, -1.0), "bounds must have lower <= upper everywhere"),
        ([(0.0, 1.0)] * 3, r"bounds must be \(lower, upper\) of .*, 2 pairs or a Bounds"),
        ((np.zeros(3), np.ones(3)), "bounds must broadcast to x0"),
    ],
)
def test_bounds_that_cannot_be_are_refused(bounds: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        minimize(bowl, [0.0, 0.0], lr=0.1, jac=True, bounds=bounds)


def test_bounds_on_complex_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="bounds must be None for complex x0"):
        minimize(bowl, [0j], lr=0.1, jac=True, bounds=(0, 1))


def test_finite_differences_stay_within_bounds() -> None:
    seen: list[Array] = []

    def fun(x: Array) -> float:
        seen.append(x)
        return bowl(x, 3.0)[0]

    result = minimize(fun, [0.0, 0.5], config=QUICK, bounds=(0.0, 1.0))

    assert result.success
    np.testing.assert_array_equal(result.x, [1.0, 1.0])
    assert all((x >= 0).all() and (x <= 1).all() for x in seen)
    assert len(seen) == result.nfev == 3 * result.njev


def lasso(weight: float) -> tuple[Any, Array, Array]:
    rng = np.random.default_rng(3)
    design = rng.normal(size=(60, 8))
    data = design @ [2.0, 0, 0, -1, 0, 0, 0.5, 0] + 0.1 * rng.normal(size=60)

    def fun(x: Array) -> tuple[float, Array]:
        rest = design @ x - data
        return 0.5 * float(rest @ rest), design.T @ rest

    return fun, design, data


def test_soft_threshold_finds_the_lasso() -> None:
    """By the conditions of optimality: |gradient| = weight where x is not 0, and less elsewhere."""
    fun, _, _ = lasso(10.0)
    result = minimize(fun, np.zeros(8), config=QUICK, jac=True, prox=prox.soft_threshold(10.0))
    gradient, used = fun(result.x)[1], result.x != 0

    assert result.success
    assert used.tolist() == [True, False, False, True, False, False, True, False]
    np.testing.assert_allclose(gradient[used], -10 * np.sign(result.x[used]), atol=2e-5)
    assert (abs(gradient[~used]) < 10).all()
    assert result.fun == pytest.approx(fun(result.x)[0] + 10 * abs(result.x).sum())


@pytest.mark.parametrize("operator", [prox.non_negative, prox.box(0.0, np.inf)])
def test_non_negative_finds_what_nnls_finds(operator: Any) -> None:
    fun, design, data = lasso(0.0)
    result = minimize(fun, np.ones(8), config=QUICK, jac=True, prox=operator)

    assert result.success
    np.testing.assert_allclose(result.x, nnls(design, data)[0], atol=1e-6)


def test_the_prox_gets_how_far_x_moves_for_a_unit_of_gradient() -> None:
    """lr*r_t/(sqrt(v_hat) + eps), here from the quotient of the update and m_hat."""
    steps: list[Array] = []

    def operator(x: Array, step: Array) -> Array:
        if step[0] != 1:  # it is 1 where the residual is taken
            steps.append(step)
        return x

    g = np.asarray([2.0, -0.5])
    run = Stepper(lambda x: (float(g @ x), g), [0.0, 0.0], lr=0.1, jac=True, prox=operator)
    for record in run:
        if record.t == 20:
            break
    moved = record.x - record.x_before

    assert steps[3].tolist() == [0.0, 0.0]  # held
    np.testing.assert_allclose(steps[19], -moved / g, rtol=1e-12)


def test_soft_threshold_on_complex_numbers_keeps_the_phase() -> None:
    center = np.asarray([3 + 4j, 0.1j])

    def fun(x: Array) -> tuple[float, Array]:
        return float(np.sum(abs(x - center) ** 2)) / 2, x - center

    how: Any = {"jac": True, "prox": prox.soft_threshold(0.5), "maxiter": 2000}
    result = minimize(fun, np.ones(2, complex), config=QUICK, **how)

    assert result.success
    np.testing.assert_allclose(result.x, [center[0] * 0.9, 0], atol=1e-4)
    componentwise = replace(dialects["paper-hold"], complex="componentwise")
    with pytest.raises(ValueError, match="prox must be None for complex x0"):
        minimize(fun, np.ones(2, complex), config=replace(QUICK, dialect=componentwise), **how)


def test_bounds_and_prox_on_another_devices_arrays() -> None:
    where = array_api_strict.Device("device1")
    x0 = array_api_strict.asarray([0.5, 0.5, 0.5], device=where)
    center = array_api_strict.asarray([3.0, 0.2, -3.0], device=where)

    def fun(x: Any) -> Any:
        return array_api_strict.sum((x - center) ** 2), 2 * (x - center)

    bounded = minimize(fun, x0, config=QUICK, jac=True, bounds=(0.0, np.ones(3)))
    thresholded = minimize(fun, x0, config=QUICK, jac=True, prox=prox.soft_threshold(1.0))

    assert bounded.x.device == where
    for result, expected in ((bounded, [1.0, 0.2, 0.0]), (thresholded, [2.5, 0.0, -2.5])):
        assert result.success
        assert [float(value) for value in result.x] == pytest.approx(expected, abs=1e-5)
