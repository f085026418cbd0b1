"""What is minimized: `fun` and its gradient, in the ways that people have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj, is_numpy_array

from ._leaves import Array, Layout, Leaves
from ._limits import Limits


class Objective:
    """f and its gradient at leaves, from `fun`, `jac`, `args` and a source of noise.

    Attributes
    ----------
    calls : what one evaluation counts for in nfev
    rng : the Generator handed to fun, None without one
    noisy : whether two evaluations at one x may differ
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        jac: Any,
        args: tuple[Any, ...],
        layout: Layout,
        x: Leaves,
        limits: Limits,
        rng: Any,
        batches: Any,
    ) -> None:
        if not callable(fun):
            raise TypeError(f"fun must be callable, got {fun!r}")
        if rng is not None and batches is not None:
            raise ValueError("rng and batches must not both be given: fun takes one of them")
        self.fun, self.args, self.layout = fun, args if isinstance(args, tuple) else (args,), layout
        self.rng = None if rng is None else np.random.default_rng(rng)
        self.batches: Iterator[Any] | None = None if batches is None else iter(batches)
        self.noisy, self.calls = rng is not None or batches is not None, 1
        if jac is True:
            self.value_and_gradient = fun
        elif callable(jac):
            self.value_and_gradient = lambda x, *rest: (fun(_own(x), *rest), jac(x, *rest))
        elif jac in (None, False, "2-point"):
            self.value_and_gradient = finite_differences(fun, layout, x, limits, self.noisy)
            self.calls = 1 + x[0].size
        else:
            raise ValueError(f"jac must be a callable, True, None or '2-point', got {jac!r}")

    def __call__(self, x: Leaves) -> tuple[Any, Any]:
        """f and its gradient as `fun` and `jac` give them; StopIteration if batches run out."""
        arguments = self.args
        if self.rng is not None:
            arguments = (*arguments, self.rng)
        elif self.batches is not None:
            arguments = (*arguments, next(self.batches))
        found = self.value_and_gradient(_own(self.layout.unpack(x)), *arguments)
        try:
            f, g = found
        except (TypeError, ValueError) as error:
            wanted = "fun must return (f, gradient) with jac=True"
            raise TypeError(f"{wanted}, got {found!r}") from error
        return f, g


def _own(x: Any) -> Any:
    """The same numbers, which `fun` may write over."""
    if isinstance(x, list):
        return list(map(_own, x))
    return x.copy() if isinstance(x, np.ndarray) else x


def finite_differences(
    fun: Callable[..., Any], layout: Layout, x: Leaves, limits: Limits, noisy: bool
) -> Callable[..., tuple[Any, Array]]:
    """`fun` with SciPy's forward differences, backward where the bound is nearer."""
    wanted = "jac must be given: a callable, or True where fun returns (f, gradient)"
    leaf = x[0]
    if layout.listed or layout.batch or noisy or leaf.ndim > 1 or not is_numpy_array(leaf):
        raise ValueError(f"{wanted}; differences are for one NumPy vector and a fun without noise")
    if leaf.dtype.kind == "c":
        raise ValueError(f"{wanted}; finite differences are for real x")
    try:
        from scipy.optimize import approx_fprime
    except ImportError as error:
        raise ValueError(f"{wanted}; without it SciPy takes differences, if installed") from error

    relative, upper = np.sqrt(np.finfo(leaf.dtype).eps), limits.upper(0)

    def value_and_gradient(x: Array, *args: Any) -> tuple[Any, Array]:
        flat = np.atleast_1d(x).astype(np.float64)
        h = relative * np.maximum(1, abs(flat))
        h = np.where(flat + h > upper, -h, h)

        here = fun(x, *args)
        if isinstance(here, tuple):
            raise TypeError(f"fun must return f; for (f, gradient) say jac=True; got {here!r}")
        f = real_value(here, layout, ())

        def value(point: Array) -> Any:
            if np.array_equal(point, flat):
                return f
            return real_value(fun(point.astype(x.dtype).reshape(x.shape), *args), layout, ())

        return f, approx_fprime(flat, value, h).reshape(x.shape)

    return value_and_gradient


def real_value(f: Any, layout: Layout, lanes: tuple[int, ...]) -> Any:
    """What fun returned as a float, or as an array: 0-d on a device, or with one value a lane."""
    if type(f) is float and not lanes:
        return f
    if not is_array_api_obj(f):
        f = np.asarray(f)
    if layout.xp.isdtype(f.dtype, "complex floating") if not _is_host(f) else f.dtype.kind == "c":
        raise TypeError(f"fun must return a real number, got {f!r}")
    if lanes:
        if tuple(f.shape) != lanes:
            raise ValueError(f"fun must return f of shape {lanes} with batch=True, got {f.shape}")
        return f
    if any(size != 1 for size in f.shape):
        raise ValueError(f"fun must return one number, got an array of shape {f.shape}")
    return _host_number(f) if _is_host(f) else layout.xp.reshape(f, ())


def _host_number(f: Any) -> float:
    """A NumPy array of one element as a float; the element may be an object that is a number."""
    try:
        if f.dtype.kind in "biufO":
            return float(f.reshape(()))
    except (OverflowError, TypeError, ValueError):
        pass
    raise TypeError(f"fun must return one number, got {f.tolist()!r}")


def _is_host(f: Any) -> bool:
    return isinstance(f, np.ndarray | np.generic)
