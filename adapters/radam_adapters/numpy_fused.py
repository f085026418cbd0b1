"""The step on NumPy arrays in place: one parallel pass over memory where numba is installed."""

from __future__ import annotations

from typing import Any

import numpy as np

from radam_ref import RAdamConfig, RAdamState

from ._jobs import job_of
from ._overlap import apart
from ._threads import run


def step_inplace(
    params: Any,
    grads: Any,
    state: RAdamState,
    config: RAdamConfig = RAdamConfig(),
    *,
    lr: Any = None,
) -> RAdamState:
    """`radam_ref.step` with the same bits, but params, state.m and state.v are overwritten.

    Parameters
    ----------
    params, grads : NumPy arrays, or sequences of as many
        As for `radam_ref.step`; params writeable. What is written may be a gradient as well: it is
        read as it was before the step.
    state : RAdamState
        From `radam_ref.init` or from the last step; for sequences, m and v are sequences too. t is
        an int.
    config : RAdamConfig
        Of numbers alone.
    lr : number or array, optional
        As for `radam_ref.step`; for sequences also a sequence of these.

    Returns
    -------
    RAdamState
        t counted up, and the same m and v; but in the first step of a dialect with `componentwise`
        complex numbers a v that is still real is replaced.

    Raises
    ------
    TypeError, ValueError
        As `radam_ref.step`; or if an array cannot be written to, or shares memory.

    Notes
    -----
    Any number of threads may step, if none writes what another reads or writes. NumPy's warnings of
    overflow are not given. OMP_NUM_THREADS limits the threads of one step.

    Examples
    --------
    >>> from radam_ref import init
    >>> x = np.asarray([1.0, -2.0])
    >>> state = step_inplace(x, 2 * x, init(x), lr=0.25)
    >>> x, state.t
    (array([ 0.5, -1. ]), 1)
    """
    t = state.t if type(state) is RAdamState else None
    if type(t) is not int or t < 0:
        t = _count(state)
    if isinstance(params, list | tuple):
        return _step_many(params, grads, t, state, config, lr)
    job = job_of(params, grads, t + 1, state.m, state.v, config, lr)
    if job.copies or job.arrays[0].size > job.block:
        run([job])
    else:  # to share it out would take as long as a small step itself
        job.function(job.c, *job.arrays)
    return RAdamState(t + 1, state.m, job.v)


def _step_many(
    params: Any, grads: Any, t: int, state: RAdamState, config: RAdamConfig, lr: Any
) -> RAdamState:
    many = len(params)
    lrs = lr if isinstance(lr, list | tuple) else [lr] * many
    columns = {"grads": grads, "state.m": state.m, "state.v": state.v, "lr": lrs}
    for name, column in columns.items():
        if not isinstance(column, list | tuple):
            raise TypeError(f"{name} must be a list, as params is, got {type(column).__name__}")
        if len(column) != many:
            raise ValueError(f"{name} must be as many as params, {many}, got {len(column)}")
    columns["grads"] = apart(grads, params, state.m, state.v)
    rows = zip(params, *columns.values(), strict=True)
    jobs = [job_of(x, g, t + 1, m, v, config, rate) for x, g, m, v, rate in rows]
    run(jobs)
    replaced = any(job.v is not v for job, v in zip(jobs, state.v, strict=True))
    return RAdamState(t + 1, state.m, [job.v for job in jobs] if replaced else state.v)


def _count(state: RAdamState) -> int:
    """The number of steps done."""
    if not isinstance(state, RAdamState):
        raise TypeError(f"state must be a RAdamState, got {state!r}")
    t: Any = state.t
    if isinstance(t, bool) or not isinstance(t, int | np.integer):
        raise TypeError(f"state.t must be an int, got {t!r} of type {type(t).__name__}")
    if t < 0:
        raise ValueError(f"state.t must be at least 0, got {t!r}")
    return int(t)
