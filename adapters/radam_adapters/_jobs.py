"""What is to be done to step one NumPy array in place: its loop, terms and arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import combinations, starmap
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

import radam_ref
from radam_ref import Coefficients, Form, RAdamConfig, RAdamState, compute_dtypes, consecutive_terms

from . import _numba_loops, _numpy_blocks
from ._overlap import require_apart
from ._threads import Job
from ._traced_formula import decays_by_rate

Array = np.ndarray[Any, np.dtype[Any]]

# Bytes of an array at a time: what one pass takes up, and what stays in a cache between passes.
PASS, CACHED = 2**20, 2**17
# Bits of `flags.num`: contiguous in C's order, aligned and writeable; with memory of its own.
C_ARRAY, WRITEABLE, OWN = 0x501, 0x400, 0x4


class Kind(NamedTuple):
    """How arrays of some dtypes are stepped."""

    compute: str
    terms: Callable[[int, float], tuple[Form, Array]]  # of t and lr
    half: bool = False
    modulus: bool = False
    parts: bool = False  # real and imaginary parts are parameters of their own


def job_of(x: Any, g: Any, t: int, m: Any, v: Any, config: RAdamConfig, lr: Any) -> Job:
    """The job that takes x, m and v to step t."""
    if not type(x) is type(g) is type(m) is type(v) is np.ndarray:
        x, m, v = (_as_array(array, np.memmap) for array in (x, m, v))
        g = _as_array(g, np.memmap | np.generic)
    kind = _kind_of(x, g, m, v, config)
    rate = config.lr if lr is None and kind else rate_of(lr, getattr(x, "shape", None))
    if kind is None or rate is None:
        radam_ref.step(x, g, RAdamState(t - 1, m, v), config, lr=lr)  # says what does not fit
        raise TypeError(f"params must be a NumPy array, got {x!r} of type {type(x).__name__}")
    if type(rate) is not float or kind.half or kind.parts:
        return _unusual_job(x, g, t, m, v, config, rate, kind)
    function, c, size = _ready(t, config, rate, kind)
    arrays, copies = _contiguous(x, g, m, v)
    return Job(function, c, arrays, copies, size, v)


def _unusual_job(
    x: Array, g: Array, t: int, m: Array, v: Array, config: RAdamConfig, rate: Any, kind: Kind
) -> Job:
    """A job with an array of rates, halves, or real and imaginary parts apart."""
    if kind.parts and v.dtype != x.dtype:
        v = _both_parts(v, x.dtype)
    number = type(rate) is float
    function, c, size = _ready(t, config, rate if number else 1.0, kind, not number)
    rates = [] if number else [np.array(np.broadcast_to(rate, x.shape), kind.compute, order="C")]
    arrays, copies = _contiguous(x, g, m, v, *rates)
    if kind.parts:
        arrays[:4] = [array.view(kind.compute) for array in arrays[:4]]
        arrays[4:] = [np.repeat(rate, 2) for rate in arrays[4:]]
    if kind.half:
        function, size = _in_float32(function), CACHED // 4
    return Job(function, c, arrays, copies, size, v)


def _as_array(array: Any, kinds: Any) -> Any:
    """What is an array but for its type: a file in memory, a single gradient."""
    return np.asarray(array) if isinstance(array, kinds) else array


def _kind_of(x: Any, g: Any, m: Any, v: Any, config: RAdamConfig) -> Kind | None:
    """None if `radam_ref.step` takes no such arrays, or they are not NumPy's."""
    if not type(x) is type(g) is type(m) is type(v) is np.ndarray:
        return None
    if not x.shape == g.shape == m.shape == v.shape or type(config) is not RAdamConfig:
        return None
    try:
        return kind_of_dtypes(x.dtype, g.dtype, m.dtype, v.dtype, config)
    except TypeError:  # an array has no hash, or is refused here
        raise TypeError(f"config must be of numbers for a step in place, got {config!r}") from None


@lru_cache(maxsize=256)
def kind_of_dtypes(x: Any, g: Any, m: Any, v: Any, config: RAdamConfig) -> Kind | None:
    axes, real = config.axes, compute_dtypes.get(x.name if x.isnative and x.kind in "fc" else "")
    if real is None or axes.eps_placement == "floor":
        return None
    terms = consecutive_terms(config, real)
    is_complex = x.kind == "c"
    parts = is_complex and axes.complex == "componentwise"
    if g != x or m != (x if is_complex else real) or v not in ((real, x) if parts else (real,)):
        return None
    return Kind(real, terms, x.itemsize == 2, is_complex and not parts, parts)


def rate_of(lr: Any, shape: Any, array: Any = np.ndarray) -> Any:
    """lr as a float or an array; None if it is neither, or does not fit."""
    if type(lr) is not float:
        if isinstance(lr, array):
            try:
                fits = lr.dtype.kind == "f" and np.broadcast_shapes(lr.shape, shape) == shape
            except ValueError:
                return None
            return lr if fits else None
        if not isinstance(lr, Real) or isinstance(lr, bool):
            return None
        try:
            lr = float(lr)
        except OverflowError:
            return None
    return lr if 0 <= lr < math.inf else None


def _both_parts(v: Array, dtype: Any) -> Array:
    """What a real v, zero at first, stands for where real and imaginary part have one each."""
    z = np.empty(v.shape, dtype)
    z.real = z.imag = v
    return z


def _contiguous(
    x: Array, g: Array, m: Array, v: Array, *rates: Array
) -> tuple[list[Array], list[tuple[Array, Array]]]:
    """The arrays as contiguous 1-d ones, and what is to be copied where afterwards."""
    arrays = [x, g, m, v, *rates]
    common = x.flags.num & m.flags.num & v.flags.num & (g.flags.num | WRITEABLE)
    different = (
        x is not m and x is not v and m is not v and g is not x and g is not m and g is not v
    )
    if common & C_ARRAY == C_ARRAY and (
        (different and common & OWN)
        or not any(starmap(np.may_share_memory, combinations(arrays[:4], 2)))
    ):
        return arrays if x.ndim == 1 else [array.reshape(-1) for array in arrays], []
    require_apart(x, m, v)
    if g is not x and any(np.shares_memory(g, array) for array in (x, m, v)):
        arrays[1] = g.copy()  # what is written must not be read as another element
    return _in_one_order(arrays)


def _in_one_order(arrays: list[Array]) -> tuple[list[Array], list[Any]]:
    """Views where one order of the axes makes all contiguous, else copies of those that are not."""
    axes = sorted(range(arrays[0].ndim), key=lambda k: -arrays[0].strides[k])
    turned = [array.transpose(axes) for array in arrays]
    if all(array.flags.c_contiguous and array.flags.aligned for array in turned):
        return [array.reshape(-1) for array in turned], []
    straight = [np.require(array, requirements=["C", "A"]) for array in arrays]
    written = [(arrays[k], straight[k]) for k in (0, 2, 3)]  # by place: g may be x itself
    copies = [(array, copy) for array, copy in written if copy is not array]
    return [copy.reshape(-1) for copy in straight], copies


def _ready(
    t: int, config: RAdamConfig, lr: float, kind: Kind, rates: bool = False
) -> tuple[Callable[..., None], Any, int]:
    """The loop for step t, its coefficients, and how many elements it does at a time."""
    decays = rates and decays_by_rate(config)
    size = 4 if kind.compute == "float32" else 8
    form, c = kind.terms(t, lr)
    how = (form, kind.modulus, rates, decays, kind.compute)
    if _numba_loops.has_numba():
        return _numba_loops.compiled(*how), c, PASS // size
    return _numpy_blocks.interpreted(*how), Coefficients._make(c.tolist()), CACHED // size


@lru_cache(maxsize=256)
def _in_float32(function: Callable[..., None]) -> Callable[..., None]:
    """A loop whose params and grads are halves."""

    def update(c: Any, x: Array, g: Array, *others: Array) -> None:
        x32, g32 = x.astype(np.float32), g.astype(np.float32)
        function(c, x32, g32, *others)
        with np.errstate(all="ignore"):
            x[...] = x32

    return update
