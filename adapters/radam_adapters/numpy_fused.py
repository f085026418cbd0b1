"""The step on NumPy arrays in place: one parallel pass over memory where numba is installed."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import combinations
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

import radam_ref
from radam_ref import RAdamConfig, RAdamState, coefficients

from . import _kernels
from ._threads import Task, run

Array = np.ndarray[Any, np.dtype[Any]]

# For each dtype of params: the one that is computed in, and v is of; and that of m.
DTYPES = {
    np.dtype(params): (compute, np.dtype(compute), np.dtype(m))
    for params, compute, m in (
        ("float16", "float32", "float32"),
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
        ("complex64", "float32", "complex64"),
        ("complex128", "float64", "complex128"),
    )
}
# Bytes of an array at a time: what one pass takes up, and what stays in a cache between passes.
PASS, CACHED = 2**20, 2**17


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
        As for `radam_ref.step`; params writeable. An array may be in several roles only as params
        and grads.
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
    Any number of threads may step, each its own arrays. NumPy's warnings of overflow are not given.

    Examples
    --------
    >>> x = np.asarray([1.0, -2.0])
    >>> state = step_inplace(x, 2 * x, radam_ref.init(x), lr=0.25)
    >>> x, state.t
    (array([ 0.5, -1. ]), 1)
    """
    if isinstance(params, list | tuple):
        return _step_many(params, grads, state, config, lr)
    t = _count(state) + 1
    job = _job(params, grads, t, state.m, state.v, config, lr)
    run([job.task])
    job.finish()
    return RAdamState(t, state.m, job.v)


def _step_many(params: Any, grads: Any, state: RAdamState, config: Any, lr: Any) -> RAdamState:
    t, many = _count(state) + 1, len(params)
    lrs = lr if isinstance(lr, list | tuple) else [lr] * many
    columns = {"grads": grads, "state.m": state.m, "state.v": state.v, "lr": lrs}
    for name, column in columns.items():
        if len(column) != many:
            raise ValueError(f"{name} must be as many as params, {many}, got {len(column)}")
    written = [id(array) for column in (params, state.m, state.v) for array in column]
    if len(set(written)) < len(written):
        raise ValueError("params, state.m and state.v must not hold an array twice")
    rows = zip(params, *columns.values(), strict=True)
    jobs = [_job(x, g, t, m, v, config, rate) for x, g, m, v, rate in rows]
    run([job.task for job in jobs])
    for job in jobs:
        job.finish()
    replaced = any(job.v is not v for job, v in zip(jobs, state.v, strict=True))
    return RAdamState(t, state.m, [job.v for job in jobs] if replaced else state.v)


class Job(NamedTuple):
    """What is to be run, the v that it leaves, and what is copied back to where it belongs."""

    task: Task
    v: Any
    copies: list[tuple[Any, Any]]

    def finish(self) -> None:
        for to, value in self.copies:
            to[...] = value


def _count(state: RAdamState) -> int:
    """The number of steps done."""
    if not isinstance(state, RAdamState):
        raise TypeError(f"state must be a RAdamState, got {state!r}")
    if isinstance(state.t, bool) or not isinstance(state.t, int | np.integer):
        raise TypeError(f"state.t must be an int, got {state.t!r} of type {type(state.t).__name__}")
    if state.t < 0:
        raise ValueError(f"state.t must be at least 0, got {state.t!r}")
    return int(state.t)


def _job(x: Any, g: Any, t: int, m: Any, v: Any, config: RAdamConfig, lr: Any) -> Job:
    if not type(x) is type(g) is type(m) is type(v) is np.ndarray:
        x, m, v = (_as_array(array, np.memmap) for array in (x, m, v))
        g = _as_array(g, np.memmap | np.generic)
    if lr is None:
        lr = getattr(config, "lr", None)
    if not _fits(x, g, m, v, config, lr):
        radam_ref.step(x, g, RAdamState(t - 1, m, v), config, lr=lr)  # says what does not fit
        raise TypeError(f"params must be a NumPy array, got {x!r} of type {type(x).__name__}")
    number, dtype = not isinstance(lr, np.ndarray), DTYPES[x.dtype][0]
    is_complex = x.dtype.kind == "c"
    modulus = is_complex and config.axes.complex == "modulus"
    if is_complex and not modulus and v.dtype.kind != "c":
        v = _both_parts(v, x.dtype)
    function, c, size = _ready(t, config, float(lr) if number else 1.0, dtype, modulus, not number)
    arrays, copies = _contiguous(x, g, m, v)
    if not number:
        arrays.append(np.broadcast_to(lr, x.shape).astype(dtype).reshape(-1))
    if is_complex and not modulus:
        arrays[:4] = [array.view(dtype) for array in arrays[:4]]
        arrays[4:] = [np.repeat(rate, 2) for rate in arrays[4:]]
    if x.dtype.itemsize == 2:
        function, size = _in_float32(function), CACHED // 4
    return Job(Task(function, c, arrays, size), v, copies)


def _as_array(array: Any, kinds: Any) -> Any:
    """What is an array but for its type: a file in memory, a single gradient."""
    return np.asarray(array) if isinstance(array, kinds) else array


def _fits(x: Any, g: Any, m: Any, v: Any, config: Any, lr: Any) -> bool:
    """Whether `radam_ref.step` takes them, and they are NumPy's."""
    if not (type(x) is type(g) is type(m) is type(v) is np.ndarray and x.dtype in DTYPES):
        return False
    if not (x.shape == g.shape == m.shape == v.shape and type(config) is RAdamConfig):
        return False
    _, v_dtype, m_dtype = DTYPES[x.dtype]
    axes = config.axes
    if not (x.dtype == g.dtype and m.dtype == m_dtype):
        return False
    if v.dtype != v_dtype and (axes.complex != "componentwise" or v.dtype != x.dtype):
        return False
    if axes.eps_placement == "floor":
        return False
    return _is_rate(lr, x.shape)


def _is_rate(lr: Any, shape: tuple[int, ...]) -> bool:
    if isinstance(lr, np.ndarray):
        try:
            return lr.dtype.kind == "f" and np.broadcast_shapes(lr.shape, shape) == shape
        except ValueError:
            return False
    return isinstance(lr, Real) and not isinstance(lr, bool) and 0 <= float(lr) < math.inf


def _both_parts(v: Array, dtype: Any) -> Array:
    """What a real v, zero at first, stands for where real and imaginary part have one each."""
    z = np.empty(v.shape, dtype)
    z.real = z.imag = v
    return z


def _contiguous(x: Array, g: Array, m: Array, v: Array) -> tuple[list[Array], list[Any]]:
    """The arrays as contiguous 1-d ones, and what is to be copied back afterwards."""
    fx, fg, fm, fv = x.flags, g.flags, m.flags, v.flags
    if (
        fx.carray and fm.carray and fv.carray and fg.c_contiguous and fg.aligned
        and fx.owndata and fm.owndata and fv.owndata and fg.owndata  # so no two share memory
        and x is not m and x is not v and m is not v
    ):  # fmt: skip
        return [array.ravel() for array in (x, g, m, v)], []
    _require_apart(x, m, v)
    if g is not x and any(np.shares_memory(g, array) for array in (x, m, v)):
        g = g.copy()  # what is written must not be read as another element
    return _in_one_order([x, g, m, v])


def _require_apart(x: Array, m: Array, v: Array) -> None:
    written = {"params": x, "state.m": m, "state.v": v}
    for name, array in written.items():
        if not array.flags.writeable:
            raise ValueError(f"{name} must be writeable, got an array that is read-only")
    for (name, array), (other, another) in combinations(written.items(), 2):
        if np.shares_memory(array, another):
            raise ValueError(f"{other} must not share memory with {name}, but does")


def _in_one_order(arrays: list[Array]) -> tuple[list[Array], list[Any]]:
    """Views where one order of the axes makes all contiguous, else copies of those that are not."""
    axes = sorted(range(arrays[0].ndim), key=lambda k: -arrays[0].strides[k])
    turned = [array.transpose(axes) for array in arrays]
    if all(array.flags.c_contiguous and array.flags.aligned for array in turned):
        return [array.reshape(-1) for array in turned], []
    straight = [np.require(array, requirements=["C", "A"]) for array in arrays]
    pairs = zip(arrays, straight, strict=True)
    copies = [
        (array, copy) for array, copy in pairs if copy is not array and array is not arrays[1]
    ]
    return [copy.reshape(-1) for copy in straight], copies


@lru_cache(maxsize=1024)
def _ready(
    t: int, config: RAdamConfig, lr: float, dtype: str, modulus: bool, rates: bool
) -> tuple[Callable[..., None], Any, int]:
    """The loop for this step, its coefficients, and how many elements it does at a time."""
    form, c = coefficients(t, config, lr, dtype)
    decays = rates and config.weight_decay != 0 and config.axes.weight_decay == "decoupled"
    wanted = form, modulus, rates, decays, dtype
    size = np.dtype(dtype).itemsize
    if _kernels.has_numba():
        return _kernels.compiled(*wanted), np.array(c, dtype), PASS // size
    return _kernels.interpreted(*wanted), c, CACHED // size


@lru_cache(maxsize=256)
def _in_float32(function: Callable[..., None]) -> Callable[..., None]:
    """A loop whose params and grads are halves."""

    def update(c: Any, x: Array, g: Array, *others: Array) -> None:
        x32, g32 = x.astype(np.float32), g.astype(np.float32)
        function(c, x32, g32, *others)
        with np.errstate(all="ignore"):
            x[...] = x32

    return update
