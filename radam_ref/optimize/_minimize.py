"""`minimize`: a Stepper, rules that end it, and a result that says what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from array_api_compat import device

from .._config import RAdamConfig
from .._state_file import to_host
from . import stop as rules
from ._checkpoint import Checkpoint, checkpoint_of
from ._diagnosis import not_moving_freely, window_mean
from ._history import History, history_of
from ._leaves import Leaves
from ._progress import bar
from ._record import Record
from ._result import Result
from ._state import Lanes, State
from ._stepper import Stepper
from ._steps import chosen

GUARDS = (rules.non_finite(), rules.blow_up())
BATCHES, CALLBACK = 6, 99  # status; the others are those of the rules
TO_THE_BEST = (3, 5)  # where x itself is of no use
ENDINGS = {
    0: "terminated successfully",
    1: "came to the maximum number of iterations",
    2: "came to the time limit",
    3: "met NaN or infinity",
    4: "stalled",
    5: "blew up",
    BATCHES: "came to the end of the batches",
    CALLBACK: "were stopped by `callback`",
}


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    *,
    lr: Any = None,
    args: tuple[Any, ...] = (),
    jac: Any = None,
    config: RAdamConfig | None = None,
    bounds: Any = None,
    prox: Any = None,
    stop: rules.Rule | Iterable[rules.Rule] | None = None,
    maxiter: int | None = 10_000,
    callback: Callable[[Record], object] | None = None,
    batch: bool = False,
    history: int | History | None = None,
    checkpoint: str | Checkpoint | None = None,
    progress: bool = False,
    rng: Any = None,
    batches: Iterable[Any] | None = None,
    check_every: int = 1,
) -> Result:
    """Minimize a function by RAdam, and say truthfully why it stopped.

    Parameters
    ----------
    fun, x0, lr, args, jac, config, bounds, prox, rng, batches, batch, check_every
        As `Stepper` takes them; lr is asked for, being a length in x's own units.
    stop : rule or list of rules, optional
        Out of `radam_ref.optimize.stop`; gtol(1e-5) and stall() if None.
    maxiter : int or None
        The rule steps(maxiter), asked last.
    callback : callable, optional
        Called with the `Record` after each step; it stops the run by raising StopIteration.
    history : int or History, optional
        Keep entries of t, f, gradient and update norm: at most so many, spread over the run as it
        grows; `last(n)` keeps the last ones.
    checkpoint : path or Checkpoint, optional
        Write the run there every 60 seconds, or as the Checkpoint says.
    progress : bool
        Show f, the best f, the update norm and steps a second (with rich, if installed).

    Returns
    -------
    Result
        With these attributes:

        - x, fun, jac: where it stopped, f and the gradient evaluated there
        - success: the projected gradient at x met gtol, or f a target; never by small changes
        - status, message: 0 success, 1 maxiter, 2 time, 3 not finite, 4 stalled, 5 blown up,
          6 no more batches, 99 callback; after 3 and 5 x is x_best
        - nit, nfev, njev: steps, evaluations of f and of its gradient, before a resume too
        - x_best, fun_best: the lowest f seen and its x
        - state: to continue from: minimize(fun, result.state, ...)
        - history: if asked for
        - mean_gradient, standard_error: of a noisy fun, over the last 100 to 200 evaluations

        With batch=True fun, nit, success and status have a value for each problem.

    Raises
    ------
    TypeError, ValueError
        For an argument that does not fit; the message names it and what is allowed.
    CheckpointError
        If a checkpoint cannot be written; its `state` is the run.

    Examples
    --------
    >>> result = minimize(lambda x: (x @ x, 2 * x), np.asarray([3.0, -4.0]), lr=0.1, jac=True)
    >>> result.success, bool(result.fun < 1e-10)
    (True, True)
    """
    run = Stepper(
        fun, x0, lr=lr, args=args, jac=jac, config=config, bounds=bounds, prox=prox, rng=rng,
        batches=batches, batch=batch, check_every=check_every,
    )  # fmt: skip
    asked = _rules(stop, maxiter)
    kept, saver = history_of(history), checkpoint_of(checkpoint)
    with bar(progress, maxiter) as show:
        ending = _run(run, asked, (kept, show, saver), callback)
    if saver is not None:
        saver.save(run)
    return _result(run, ending, kept)


def _run(
    run: Stepper, asked: tuple[rules.Rule, ...], watchers: tuple[Any, ...], callback: Any
) -> tuple[int, str]:
    """Step until a rule, the callback or the end of the batches ends it: status and message."""
    kept, show, saver = watchers
    run.evaluate()
    while True:
        if kept is not None:
            kept.add(run._record())
        if (ending := _ended(run, asked)) is not None:
            return ending
        try:
            run._move()
        except StopIteration:
            return BATCHES, f"The batches have come to an end: {not_moving_freely(run)}"
        if show is not None:
            show(run._record())
        if saver is not None:
            saver.after(run)
        try:
            if callback is not None:
                callback(run._record())
        except StopIteration:
            return CALLBACK, "`callback` raised `StopIteration`."


def _rules(stop: Any, maxiter: int | None) -> tuple[rules.Rule, ...]:
    given = (rules.gtol(1e-5), rules.stall()) if stop is None else stop
    given = (given,) if isinstance(given, rules.Rule) else tuple(given)
    if not all(isinstance(rule, rules.Rule) for rule in given):
        raise TypeError(f"stop must be a rule of radam_ref.optimize.stop or a list, got {stop!r}")
    last = () if maxiter is None else (rules.steps(maxiter),)
    return (*GUARDS, *(one for rule in given for one in rule.alone()), *last)


def _ended(run: Stepper, asked: tuple[rules.Rule, ...]) -> tuple[int, str] | None:
    """Status and message once a rule, or the last problem of a batch, has come to its end."""
    state = run.now
    if state.t % run.problem.check_every:
        return None
    if state.lanes is not None:
        return _freeze(run, asked, state.lanes)
    for rule in asked:
        if rule.met(run):
            return rule.status, rule.because(run)
    return None


def _freeze(run: Stepper, asked: tuple[rules.Rule, ...], lanes: Lanes) -> tuple[int, str] | None:
    """Stop the problems for which a rule is met; their x moves no more."""
    active, status, nit = to_host(lanes.active), lanes.status, lanes.nit
    for rule in asked:
        met = rule.met(run)
        if met is True:  # a limit of the run, which a resume may raise
            return rule.status, rule.because(run)
        if met is not False and (met := active & met).any():
            status, nit = np.where(met, rule.status, status), np.where(met, run.now.t, nit)
            active = active & ~met
    if status is not lanes.status:
        still = run.problem.layout.xp.asarray(active, device=device(lanes.active))
        run.now = run.now._replace(lanes=Lanes(still, nit, status))
    return None if active.any() else (0, "")


def _result(run: Stepper, ending: tuple[int, str], kept: Any) -> Result:
    state, unpack = run.now, run.problem.layout.unpack
    point = _of_one(state, *ending) if state.lanes is None else _of_lanes(run, *ending)
    status, message, nit, x, f, g = point
    calls = run.objective.calls if run.objective else 1
    result = Result(
        message=message, success=status == 0, status=status, fun=f, x=unpack(x), jac=unpack(g),
        nit=nit, nfev=calls * state.evaluations, njev=state.evaluations,
        x_best=unpack(state.best.x), fun_best=state.best.f, state=run.state,
    )  # fmt: skip
    if kept is not None:
        result["history"] = list(kept.entries)
    n, mean, error = window_mean(run)
    if n > 1:
        result.update(mean_gradient=unpack(mean), standard_error=unpack(error))
    return result


Point = tuple[Any, str, Any, Leaves, Any, Leaves]


def _of_one(state: State, status: int, message: str) -> Point:
    """Where the run stands; the best point where that is of no use."""
    if status in TO_THE_BEST:
        return status, message, state.t, state.best.x, state.best.f, state.best.g
    return status, message, state.t, state.x, float(state.f), state.g or ()


def _of_lanes(run: Stepper, status: int, message: str) -> Point:
    """The same for each problem of a batch; those that no rule has ended share the ending."""
    state, layout, lanes, best = run.now, run.problem.layout, run.now.lanes, run.now.best
    assert lanes is not None
    ended = lanes.status >= 0
    statuses = np.where(ended, lanes.status, status)
    nit = np.where(ended, lanes.nit, state.t)
    astray = layout.xp.asarray(np.isin(statuses, TO_THE_BEST), device=device(lanes.active))
    pairs = ((best.x, state.x), (best.g, state.g or ()), ((best.f,), (state.f,)))
    x, g, (f,) = (chosen(layout, astray, *pair) for pair in pairs)
    kinds = zip(*np.unique(statuses, return_counts=True), strict=True)
    summary = "; ".join(f"{n} {ENDINGS.get(kind, message)}" for kind, n in kinds)
    return statuses, f"Of {len(nit)} problems {summary}.", nit, x, f, g
