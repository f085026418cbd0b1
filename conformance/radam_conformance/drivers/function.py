"""`func:path/to/file.py:step` and `func:pkg.mod:step`: a function on NumPy arrays.

`step(params, grads, state, hyper) -> (params, state)` does one step. params and grads are an
array, or a list of arrays in the cases with several tensors (a gradient None: none this step);
state is None at first and opaque after; hyper is a dict with lr, beta1, beta2, eps, weight_decay,
decoupled and maximize. It may raise NotImplementedError for what it lacks.

A port whose interface keeps the loop to itself exports a function of the name `run` instead:
`run(x0, gradients, hyper)` gets the gradients of all steps in a list and returns, or yields,
the params after each of them. Words of `--set` become keyword arguments of either function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..protocol import RunRequest
from ..spec import LoadError, Spec
from . import Driver, Observation
from ._lookup import attribute, distribution_version, import_file, import_named

Arrays = list[NDArray[Any]]


@dataclass(frozen=True)
class FunctionDriver:
    """Runs cases on a `step` function, or on a `run` function where that is its name."""

    name: str
    version: str
    function: Callable[..., Any]
    whole_runs: bool
    dtypes: tuple[str, ...] = ("float32", "float64")

    @property
    def features(self) -> tuple[str, ...]:
        """All that hyper and lists of arrays can say; the function refuses what it lacks."""
        per_step = () if self.whole_runs else ("schedule",)
        return ("tensors", *per_step, "weight_decay", "decoupled", "maximize")

    def run(self, request: RunRequest, /) -> Iterator[Observation]:
        """Observed steps; the function may write into every array it is given."""
        dtype, observe = np.dtype(request.dtype), frozenset(request.observe)
        like = [np.array(values, dtype).reshape(shape) for shape, values in request.x0]
        trajectory = self._run(like, request) if self.whole_runs else self._steps(like, request)
        t = 0
        for t, params in enumerate(trajectory, start=1):
            if t in observe:
                yield t, _flat(_as_list(params), like, t)
        if t != request.steps:
            raise ValueError(f"run gave the params of {t} steps for {request.steps} gradients")

    def _steps(self, x0: Arrays, request: RunRequest) -> Iterator[Any]:
        hyper, changes = request.first_hyper(), request.later_hyper()
        params, state = _plain([array.copy() for array in x0]), None
        for t, grads in enumerate(_all_gradients(request, x0), start=1):
            hyper |= changes.get(t, {})
            returned = self.function(params, _plain(grads), state, dict(hyper))
            if not isinstance(returned, tuple) or len(returned) != 2:
                what = type(returned).__name__
                raise TypeError(f"step returned a {what} at t = {t}, expected (params, state)")
            params, state = returned
            yield params

    def _run(self, x0: Arrays, request: RunRequest) -> Iterator[Any]:
        if request.later_hyper():
            raise NotImplementedError("schedule: run is called once, with constants")
        gradients = [_plain(grads) for grads in _all_gradients(request, x0)]
        start = _plain([array.copy() for array in x0])
        yield from self.function(start, gradients, request.first_hyper())


def load(spec: Spec) -> Driver:
    """Driver of a `func:` spec.

    Raises
    ------
    LoadError
        If the file, the module or the function is not there, or it has no such keyword.
    """
    place, _, name = spec.target.rpartition(":")
    in_file = place.endswith(".py")
    module = import_file(spec, Path(place)) if in_file else import_named(spec, place)
    function = attribute(spec, module, name)
    if not callable(function):
        raise LoadError(f"{spec.text}: {name} is a {type(function).__name__}, not a function")
    options, whole_runs = spec.option_values(), name == "run"
    form = "run(x0, gradients, hyper)" if whole_runs else "step(params, grads, state, hyper)"
    try:
        inspect.signature(function).bind(*form.split(", "), **options)
    except (TypeError, ValueError) as error:
        raise LoadError(f"{spec.text}: {name} cannot be called as {form}: {error}") from error
    version = getattr(module, "__version__", None) or distribution_version(module)
    return FunctionDriver(spec.target, str(version), partial(function, **options), whole_runs)


def _all_gradients(request: RunRequest, like: Arrays) -> Iterator[list[NDArray[Any] | None]]:
    cycle = [
        [
            None if values is None else np.array(values, array.dtype).reshape(array.shape)
            for values, array in zip(row, like, strict=True)
        ]
        for row in request.gradients
    ]
    for t in range(request.steps):
        yield [None if grad is None else grad.copy() for grad in cycle[t % len(cycle)]]


def _plain(arrays: Sequence[Any]) -> Any:
    return arrays[0] if len(arrays) == 1 else list(arrays)


def _as_list(params: Any) -> list[Any]:
    return list(params) if isinstance(params, (list, tuple)) else [params]


def _flat(params: Sequence[Any], like: Arrays, t: int) -> list[list[float]]:
    if len(params) != len(like):
        raise ValueError(f"{len(params)} params came back at t = {t}, expected {len(like)}")
    arrays = [np.asarray(param) for param in params]
    for array, start in zip(arrays, like, strict=True):
        if (array.shape, array.dtype) != (start.shape, start.dtype):
            got, want = (f"{a.dtype} of shape {a.shape}" for a in (array, start))
            raise ValueError(f"params came back as {got} at t = {t}, expected {want}")
    return [array.reshape(-1).tolist() for array in arrays]
