"""The step on CuPy arrays: one kernel, on their device and the caller's stream.

The kernel is written from the one formula, for CuPy's compiler, with its terms computed by the host
and passed in the type that is computed in; nothing is read back. No GPU has run it yet: a test
compiles its text as C++ and compares the bits with NumPy's.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from array_api_compat import is_cupy_array

import radam_ref
from radam_ref import RAdamConfig, RAdamState, coefficients, has_host_terms

from ._cuda_text import Kernel, many_arrays, one_array
from ._jobs import Kind, kind_of_dtypes, rate_of
from ._overlap import in_turn, overwritten, require_apart, twin
from ._traced_formula import decays_by_rate

Array = Any

SMALL = 2**20  # elements; an array of more has a launch of its own


def init(params: Array) -> RAdamState:
    """`radam_ref.init` on the device of `params`, whichever is current.

    Parameters
    ----------
    params : CuPy array

    Returns
    -------
    RAdamState
        t = 0 and zero moments beside params.

    Raises
    ------
    TypeError
        As `radam_ref.init`.
    """
    with _current_device(params):
        return radam_ref.init(params)


def step(
    params: Any,
    grads: Any,
    state: RAdamState,
    config: RAdamConfig = RAdamConfig(),
    *,
    lr: Any = None,
) -> tuple[Any, RAdamState]:
    """`radam_ref.step` in one launch for an array, and in few for a list of small ones.

    Parameters
    ----------
    params, grads : CuPy arrays, or lists of as many
        As `radam_ref.step` takes them, of any strides; those of a list may differ in dtype.
    state : RAdamState
        From `init` or the last step; for lists, m and v are lists. t is an int: with an array for
        t, or in config, or in another namespace, `radam_ref.step` itself is run on the device.
    config : RAdamConfig
    lr : number or CuPy array, optional
        As for `radam_ref.step`; for lists also a list of these.

    Returns
    -------
    (array or list, RAdamState)
        New arrays on the device of params, and the state with t counted up.

    Raises
    ------
    TypeError, ValueError
        As `radam_ref.step`.
    """
    listed = isinstance(params, list | tuple)
    if not listed and not (is_cupy_array(params) and _is_of_numbers(state, config)):
        with _current_device(params):
            return radam_ref.step(params, grads, state, config, lr=lr)
    jobs = _jobs(params, grads, state, config, lr)
    for job in jobs:
        with job.x.device:
            job.to = [_empty(array) for array in (job.x, job.m, job.v)]
    _run(jobs, state.t + 1, config)
    xs, ms, vs = ([job.to[k] for job in jobs] for k in range(3))
    t = state.t + 1
    return (xs, RAdamState(t, ms, vs)) if listed else (xs[0], RAdamState(t, ms[0], vs[0]))


def step_inplace(
    params: Any,
    grads: Any,
    state: RAdamState,
    config: RAdamConfig = RAdamConfig(),
    *,
    lr: Any = None,
) -> RAdamState:
    """`step` that overwrites params, state.m and state.v.

    Parameters
    ----------
    params, grads, state, config, lr
        As for `step`, but state.t and the numbers of config are numbers.

    Returns
    -------
    RAdamState
        t counted up, and the same m and v; but in the first step of a dialect with `componentwise`
        complex numbers a v that is still real is replaced.

    Raises
    ------
    TypeError, ValueError
        As `radam_ref.step`.
    """
    listed = isinstance(params, list | tuple)
    jobs = _jobs(params, grads, state, config, lr)
    for job in jobs:
        job.to = [job.x, job.m, job.v]
    _read_gradients_first(jobs)
    _run(jobs, state.t + 1, config)
    vs = [job.v for job in jobs]
    return RAdamState(state.t + 1, state.m, vs if listed else vs[0])


@dataclass
class Job:
    """One array that is to be stepped, to where."""

    x: Array
    g: Array
    m: Array
    v: Array
    lr: Any
    kind: Kind
    to: list[Array] = field(default_factory=list)


def _jobs(params: Any, grads: Any, state: RAdamState, config: RAdamConfig, lr: Any) -> list[Job]:
    """A job for each array; what does not fit is refused by name."""
    if not isinstance(params, list | tuple):
        params, grads, lr = [params], [grads], [lr]
        state = RAdamState(state.t, [state.m], [state.v])
    lrs = lr if isinstance(lr, list | tuple) else [lr] * len(params)
    for name, column in (("grads", grads), ("state.m", state.m), ("state.v", state.v), ("lr", lrs)):
        if len(column) != len(params):
            raise ValueError(f"{name} must be as many as params, {len(params)}, got {len(column)}")
    rows = zip(params, grads, state.m, state.v, lrs, strict=True)
    return [_job(x, g, RAdamState(state.t, m, v), config, rate) for x, g, m, v, rate in rows]


def _job(x: Array, g: Array, state: RAdamState, config: RAdamConfig, lr: Any) -> Job:
    _, m, v = state
    arrays = x, g, m, v
    kind, rate = None, None
    if all(map(is_cupy_array, arrays)) and _is_of_numbers(state, config) and state.t >= 0:
        if (
            x.shape == g.shape == m.shape == v.shape
            and x.device == g.device == m.device == v.device
        ):
            kind = kind_of_dtypes(x.dtype, g.dtype, m.dtype, v.dtype, config)
            rate = rate_of(config.lr if lr is None else lr, x.shape, type(x))
            rate = rate if getattr(rate, "device", x.device) == x.device else None
    if kind is None or rate is None:
        with _current_device(x):
            radam_ref.step(x, g, state, config, lr=lr)  # says what does not fit
        raise TypeError(f"params must be a CuPy array and state.t an int, got {type(x).__name__}")
    if kind.parts and v.dtype != x.dtype:
        with x.device:
            v = v.astype(x.dtype)  # both parts are its
            v.imag = v.real
    return Job(x, g, m, v, rate, kind)


def _run(jobs: list[Job], t: int, config: RAdamConfig) -> None:
    """Launch the kernels: one for all small arrays of a kind, and one for each other array."""
    together: dict[Any, list[Job]] = defaultdict(list)
    for job in jobs:
        arrays = (job.x, job.g, job.m, job.v, *job.to)
        plain = type(job.lr) is float and not job.kind.modulus and not job.kind.parts
        small = len(jobs) > 1 and plain and 0 < job.x.size <= SMALL
        if small and all(array.flags.c_contiguous for array in arrays):
            together[job.x.device, job.x.dtype, job.lr].append(job)
        else:
            _launch_one(job, t, config)
    for members in together.values():
        _launch_many(members, t, config)


def _launch_one(job: Job, t: int, config: RAdamConfig) -> None:
    kind, number = job.kind, type(job.lr) is float
    decays = not number and decays_by_rate(config)
    form, c = coefficients(t, config, job.lr if number else 1.0, kind.compute)
    dtype = "float16" if kind.half else kind.compute
    kernel = one_array(form, kind.modulus, not number, decays, dtype, kind.compute)
    scalars = [getattr(c, name) for name in kernel.terms]
    rates = [] if number else [job.lr.astype(kind.compute, copy=False)]
    arrays, to = [job.x, job.g, job.m, job.v], job.to
    with job.x.device:
        if kind.parts:
            for part in ("real", "imag"):
                ins, outs = ([getattr(z, part) for z in some] for some in (arrays, to))
                compiled(kernel)(*ins, *rates, *scalars, *outs)
        elif kind.modulus:
            ins = [part for z in arrays[:3] for part in (z.real, z.imag)]
            outs = [part for z in to[:2] for part in (z.real, z.imag)]
            compiled(kernel)(*ins, arrays[3], *rates, *scalars, *outs, to[2])
        else:
            compiled(kernel)(*arrays, *rates, *scalars, *to)


def _launch_many(members: list[Job], t: int, config: RAdamConfig) -> None:
    import cupy

    kind, lr = members[0].kind, members[0].lr
    form, c = coefficients(t, config, lr, kind.compute)
    kernel = many_arrays(form, "float16" if kind.half else kind.compute, kind.compute)
    rows = [[z.data.ptr for z in (job.x, job.g, job.m, job.v, *job.to)] for job in members]
    sizes = np.cumsum([job.x.size for job in members])
    with members[0].x.device:
        table, ends = cupy.asarray(np.asarray(rows, np.uint64).ravel()), cupy.asarray(sizes)
        scalars = [getattr(c, name) for name in kernel.terms]
        compiled(kernel)(ends, len(members), *scalars, table, size=int(sizes[-1]))


@lru_cache(maxsize=256)
def compiled(kernel: Kernel) -> Any:
    """CuPy's kernel, without contraction of a product and a sum into one operation."""
    import cupy

    return cupy.ElementwiseKernel(
        kernel.inputs, kernel.outputs, kernel.body, "radam_step", options=("--fmad=false",)
    )


def _is_of_numbers(state: RAdamState, config: RAdamConfig) -> bool:
    """Whether the host knows the terms of the next step."""
    if not isinstance(state, RAdamState) or not isinstance(config, RAdamConfig):
        return False
    return isinstance(state.t, int) and has_host_terms(config)


def _empty(array: Array) -> Array:
    import cupy

    return cupy.empty_like(array)


def _read_gradients_first(jobs: list[Job]) -> None:
    """Copy those that are written as another element; refuse what two would write to."""
    arrays = [z for job in jobs for z in (job.g, job.x, job.m, job.v)]
    if all(z.flags.c_contiguous for z in arrays):
        if in_turn((z.data.ptr, z.nbytes) for z in arrays):
            return
    twins: dict[int, Any] = {}
    rows = [
        [twins.setdefault(id(z), twin(z)) for z in (job.g, job.x, job.m, job.v)] for job in jobs
    ]
    for _, x, m, v in rows:
        require_apart(x, m, v)
    for k in overwritten(*zip(*rows, strict=True)):
        with jobs[k].x.device:
            jobs[k].g = jobs[k].g.copy()


def _current_device(array: Array) -> AbstractContextManager[Any]:
    """CuPy allocates and launches on the current device, wherever its operands are."""
    return array.device if is_cupy_array(array) else nullcontext()
