"""The contract of a custom method of `scipy.optimize.minimize`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import (
    Bounds,
    LinearConstraint,
    OptimizeResult,
    OptimizeWarning,
    minimize,
    rosen,
    rosen_der,
)

import radam_ref
from radam_adapters.scipy_method import radam

QUICK: dict[str, Any] = {"lr": 0.03, "beta2": 0.98}


def bowl(x: Any, center: float = 0.5, scale: float = 1.0) -> float:
    return scale * float(np.sum((x - center) ** 2))


def slope(x: Any, center: float = 0.5, scale: float = 1.0) -> Any:
    return 2 * scale * (x - center)


def both(x: Any, *args: float) -> Any:
    return bowl(x, *args), slope(x, *args)


def solve(fun: Any = bowl, x0: Any = (0.0, 1.0), **how: Any) -> Any:
    options = {**QUICK, **how.pop("options", {})}
    return minimize(fun, x0, method=radam, options=options, **{"jac": slope, **how})


def test_its_trajectory_is_that_of_the_specification() -> None:
    config = radam_ref.RAdamConfig(lr=0.01, dialect="paper-hold")
    own = radam_ref.minimize(rosen, [-1.2, 1.0], jac=rosen_der, config=config, maxiter=200)
    result = minimize(
        rosen, [-1.2, 1.0], method=radam, jac=rosen_der, options={"lr": 0.01, "maxiter": 200}
    )

    assert isinstance(result, OptimizeResult)
    assert np.array_equal(result.x, own.x)
    assert (result.nit, result.status, result.success) == (200, 1, False)
    assert result.message.startswith("Maximum number of iterations (200) has been exceeded")


@pytest.mark.parametrize(
    ("fun", "jac"),
    [(bowl, slope), (both, True), (bowl, None), (bowl, "2-point"), (bowl, False)],
    ids=["callable", "True", "None", "2-point", "False"],
)
@pytest.mark.parametrize("args", [(), (0.25,), (0.25, 3.0)])
def test_jac_and_args_of_every_kind(fun: Any, jac: Any, args: Any) -> None:
    result = solve(fun, jac=jac, args=args)

    assert result.success
    np.testing.assert_allclose(result.x, args[0] if args else 0.5, atol=1e-5)
    assert result.nfev == (1 if jac in (slope, True) else 3) * result.njev


def test_a_single_argument_that_is_no_tuple() -> None:
    assert solve(args=0.25).x == pytest.approx([0.25, 0.25], abs=1e-5)


@pytest.mark.parametrize(
    "bounds",
    [
        Bounds(0.6, [np.inf, 2.0]),
        [(0.6, None), (0.7, 2.0)],
        ((0.6, None), (0.7, 2)),
        np.asarray([[0.6, 2.0], [0.7, 2.0]]),
        zip([0.6, 0.7], [2.0, 2.0], strict=True),
    ],
    ids=["Bounds", "list", "tuple", "array", "iterator"],
)
def test_bounds_of_every_kind(bounds: Any) -> None:
    lower = [0.6, 0.6 if isinstance(bounds, Bounds) else 0.7]
    result = solve(x0=[1.0, 1.0], bounds=bounds)

    assert result.success
    assert np.array_equal(result.x, lower)


@pytest.mark.parametrize("fixed", [[(1.0, 1.0), (0.7, None)], [(1.0, 1.0), (1.0, 1.0)]])
def test_variables_that_bounds_hold_fast(fixed: Any) -> None:
    result = solve(x0=[1.0, 1.0], bounds=fixed)

    assert result.success
    assert np.array_equal(result.x, [1.0, fixed[1][0]])


@pytest.mark.parametrize("jac", [None, "2-point", "3-point", "cs", False])
def test_differences_stay_within_bounds(jac: Any) -> None:
    seen: list[Any] = []
    result = solve(
        lambda x: (seen.append(x), bowl(x))[1], [0.7, 0.8], jac=jac, bounds=[(0.6, 1.0)] * 2
    )

    assert result.success
    assert np.array_equal(result.x, [0.6, 0.6])
    assert np.min(seen) == 0.6


def test_fun_and_jac_may_write_to_x() -> None:
    def spoiled(fun: Any) -> Any:
        return lambda x: (fun(x), x.fill(9.0))[0]

    untouched = solve()
    for fun, jac in ((bowl, slope), (both, True), (bowl, None)):
        result = solve(spoiled(fun), jac=spoiled(jac) if callable(jac) else jac)
        np.testing.assert_allclose(result.x, untouched.x, atol=1e-6)


@pytest.mark.parametrize("x0", [2.0, [2.0], np.asarray(2), [2]])
def test_a_start_is_made_a_vector_of_floats(x0: Any) -> None:
    result = solve(x0=x0)

    assert (result.x.shape, result.x.dtype) == ((1,), np.float64)
    with pytest.raises(ValueError, match="'x0' must only have one dimension"):
        solve(x0=[[1.0, 2.0]])


@pytest.mark.parametrize("maxiter", [3, np.int64(3), 3.0])
def test_maxiter_is_status_1(maxiter: Any) -> None:
    result = solve(options={"maxiter": maxiter})

    assert (result.nit, result.nfev, result.status, result.success) == (3, 4, 1, False)


def test_not_a_number_is_status_3() -> None:
    result = solve(lambda x: np.nan)

    assert (result.status, result.success) == (3, False)
    assert result.message.startswith("NaN result encountered")


def test_the_callback_by_its_signature() -> None:
    seen: list[Any] = []

    def new(intermediate_result: OptimizeResult) -> None:
        seen.append((intermediate_result.x, intermediate_result.fun))

    def old(xk: Any) -> bool:
        seen.append(xk)
        return True  # means nothing to SciPy

    result = solve(callback=new)
    assert len(seen) == result.nit
    assert all(bowl(x) == f for x, f in seen)
    new_xs = [x for x, _ in seen]
    seen.clear()
    solve(callback=old)
    assert np.array_equal(seen, new_xs)


def test_what_the_callback_writes_to_x_does_not_matter() -> None:
    def spoil(xk: Any) -> None:
        xk[:] = np.nan

    assert solve(callback=spoil).success


def test_stop_iteration_is_status_99() -> None:
    def callback(xk: Any) -> None:
        raise StopIteration

    result = solve(callback=callback)
    assert (result.nit, result.status, result.success) == (1, 99, False)
    assert result.message == "`callback` raised `StopIteration`."


def test_tol_is_the_gradients_and_gtol_goes_before_it() -> None:
    loose, tight = solve(tol=0.1), solve(tol=0.1, options={"gtol": 1e-3})

    assert 1e-3 < abs(loose.jac).max() <= 0.1
    assert abs(tight.jac).max() <= 1e-3


def test_a_target() -> None:
    result = solve(options={"target": 0.3})

    assert result.success
    assert 0.2 < result.fun <= 0.3


def test_unknown_options_are_warned_of() -> None:
    with pytest.warns(OptimizeWarning, match="Unknown solver options: gamma, learning_rate"):
        assert solve(options={"gamma": 1, "learning_rate": 2}).success


def test_hessians_are_warned_of() -> None:
    for how in ({"hess": lambda x: np.eye(2)}, {"hessp": lambda x, p: p}):
        with pytest.warns(RuntimeWarning, match="does not use Hessian") as caught:
            assert solve(**how).success
        assert caught[0].filename == __file__  # where minimize was called


def test_constraints_are_refused() -> None:
    eq = {"type": "eq", "fun": bowl}
    for given in (eq, [eq], LinearConstraint(np.eye(2), 0, 1)):
        with pytest.raises(ValueError, match="constraints must be empty"):
            solve(constraints=given)
    for none in ((), [], {}, None):
        assert solve(constraints=none).success


def test_lr_is_asked_for() -> None:
    with pytest.raises(TypeError, match=r"options\['lr'\]: lr must be given"):
        minimize(bowl, [0.0], method=radam, jac=slope)


def test_disp_prints_what_scipy_prints(capsys: pytest.CaptureFixture[str]) -> None:
    result = solve(options={"disp": True})
    lines = capsys.readouterr().out.splitlines()

    assert lines[0].startswith("Optimization terminated successfully")
    assert [line.strip() for line in lines[1:]] == [
        f"Current function value: {result.fun}",
        f"Iterations: {result.nit}",
        f"Function evaluations: {result.nfev}",
        f"Gradient evaluations: {result.njev}",
    ]


def test_the_result_prints_as_scipys_own() -> None:
    own = minimize(bowl, [0.0, 1.0], jac=slope, method="BFGS")
    keys = [line.split(":")[0].strip() for line in str(own).splitlines()][:5]

    assert [line.split(":")[0].strip() for line in str(solve()).splitlines()][:5] == keys


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_dtypes_that_scipy_keeps(dtype: str) -> None:
    def square(z: Any) -> Any:
        return float(np.sum(abs(z) ** 2)), 2 * z

    result = solve(square, np.ones(2, dtype), jac=True, tol=1e-3)
    assert result.success
    assert result.x.dtype == dtype


def test_hyper_parameters_reach_the_step() -> None:
    options = {"beta1": 0.5, "eps": 0.1, "weight_decay": 0.1, "dialect": "pytorch", "maxiter": 30}
    config = radam_ref.RAdamConfig(0.03, 0.5, 0.98, 0.1, 0.1, dialect="pytorch")
    own = radam_ref.minimize(bowl, [0.0, 1.0], jac=slope, config=config, maxiter=30)

    assert np.array_equal(solve(options=options).x, own.x)
