"""RAdam as a method of `scipy.optimize.minimize`: minimize(fun, x0, method=radam, options=...)."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sized
from dataclasses import fields
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, OptimizeWarning

import radam_ref
from radam_ref import RAdamConfig, optimize

Array = Any

HYPER = tuple(field.name for field in fields(RAdamConfig) if field.name not in ("lr", "maximize"))
PASSED_ON = ("prox", "batch", "history", "checkpoint", "progress", "rng", "batches", "check_every")


def radam(
    fun: Callable[..., Any],
    x0: Array,
    args: tuple[Any, ...] = (),
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    callback: Callable[..., Any] | None = None,
    *,
    lr: Any = None,
    maxiter: int | None = 10_000,
    gtol: float | None = None,
    target: float | None = None,
    tol: float | None = None,
    disp: bool = False,
    **options: Any,
) -> OptimizeResult:
    """Minimize by RAdam, as a `method` of `scipy.optimize.minimize`.

    Parameters
    ----------
    fun, x0, args, jac, bounds, callback
        What SciPy passes on; jac=None, or a name of differences, is SciPy's forward differences.
        The callback is called with `intermediate_result`, or with x; StopIteration ends the run.
    hess, hessp
        Not used; a RuntimeWarning says so.
    constraints
        Refused, unless there are none.
    lr : number, array or callable
        Asked for in `options`: about the distance a coordinate may move in a step.
    maxiter : int or None
    gtol : float, optional
        The largest element of the projected gradient that is success; `tol`, else 1e-5, if None.
    target : float, optional
        A value of f that is success.
    disp : bool
        Print how it ended.
    **options
        beta1, beta2, eps, weight_decay, dialect ("paper-hold"); prox, batch, history, checkpoint,
        progress, rng, batches, check_every as `radam_ref.minimize` takes them. Others are an
        OptimizeWarning.

    Returns
    -------
    scipy.optimize.OptimizeResult
        With the fields and the truth of `radam_ref.minimize`.

    Raises
    ------
    TypeError, ValueError
        As `radam_ref.minimize`, and for constraints.

    Examples
    --------
    >>> from scipy.optimize import minimize, rosen, rosen_der
    >>> result = minimize(rosen, [0.8, 0.7], method=radam, jac=rosen_der, options={"lr": 0.01})
    >>> result.success, result.x.round(3)
    (True, array([1., 1.]))
    """
    if constraints is not None and (not isinstance(constraints, Sized) or len(constraints)):
        raise ValueError(f"constraints must be empty: RAdam knows bounds alone, got {constraints}")
    if hess is not None or hessp is not None:
        text = "Method radam does not use Hessian information (hess, hessp)."
        warnings.warn(text, RuntimeWarning, stacklevel=3)
    hyper = {name: options.pop(name) for name in HYPER if name in options}
    passed = {name: options.pop(name) for name in PASSED_ON if name in options}
    if options:
        text = f"Unknown solver options: {', '.join(options)}"
        warnings.warn(text, OptimizeWarning, stacklevel=3)
    if lr is None:
        raise TypeError(f"options['lr']: {optimize.MISSING}")
    config = RAdamConfig(lr=1.0, **{"dialect": "paper-hold", **hyper})
    result = radam_ref.minimize(
        fun, x0, lr=lr, args=args, jac=jac, config=config, bounds=_sides(bounds),
        maxiter=None if maxiter is None else int(maxiter),
        stop=_rules(gtol if tol is None or gtol is not None else tol, target),
        callback=callback and _recalled(callback), **passed,
    )  # fmt: skip
    if disp:
        _display(result)
    return OptimizeResult(result)


def _sides(bounds: Any) -> Any:
    """A Bounds as it is, and pairs as (lower, upper), also the two pairs of a square array."""
    if bounds is None or hasattr(bounds, "lb"):
        return bounds
    lower, upper = zip(*bounds, strict=True)
    return (
        np.asarray([-np.inf if side is None else side for side in lower], float),
        np.asarray([np.inf if side is None else side for side in upper], float),
    )


def _rules(gtol: float | None, target: float | None) -> list[optimize.stop.Rule]:
    rules: list[optimize.stop.Rule] = [
        optimize.stop.gtol(1e-5 if gtol is None else gtol),
        optimize.stop.stall(),
    ]
    return rules if target is None else [optimize.stop.target(target), *rules]


def _recalled(callback: Callable[..., Any]) -> Callable[[optimize.Record], None]:
    """The callback on a Record, by SciPy's rule: the signature decides what it is given."""
    if set(inspect.signature(callback).parameters) == {"intermediate_result"}:
        return lambda record: callback(
            intermediate_result=OptimizeResult(x=np.copy(record.x), fun=record.f)
        )
    return lambda record: callback(np.copy(record.x))


def _display(result: Any) -> None:
    print(result.message)
    print(f"         Current function value: {result.fun}")
    print(f"         Iterations: {result.nit}")
    print(f"         Function evaluations: {result.nfev}")
    print(f"         Gradient evaluations: {result.njev}")
