"""`func:path/to/file.py:step` and `func:pkg.mod:step`: a function on arrays.

`step(params, grads, state, hyper) -> (params, state)` does one step. params and grads are an
array, or a list of arrays in the cases with several tensors (a gradient None: none this step);
state is None at first and opaque after; hyper is a dict with lr, beta1, beta2, eps, weight_decay,
decoupled, maximize and nesterov. It may raise NotImplementedError for what it lacks; what it never
reads from hyper it lacks too, and complex numbers where its code has no word of them (conj, imag,
...). Moments are shown where the state has them as m and v, or is a tuple (t, m, v). The module may
export `make_state(t, m, v)`, which makes a state of a number of steps and the moments, and
`FEATURES`, the words for what it can be asked; with "groups" among them, hyper is a list in the
cases with groups, a dict for each tensor.

A port whose interface keeps the loop to itself exports a function of the name `run` instead:
`run(x0, gradients, hyper)` gets the gradients of all steps in a list and returns, or yields,
the params after each of them. It cannot be asked for groups, a state or schedules. Words of `--set`
become keyword arguments of either function.
"""

from __future__ import annotations

import inspect
import multiprocessing
import os
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..protocol import RunRequest
from ..spec import LoadError, Spec
from . import Driver, Observation, Rejected, refuse_unknown
from ._arguments import TELLING
from ._arrays import (
    Arrays,
    all_gradients,
    as_list,
    check_arrays,
    namespace,
    plain,
    shown,
    start,
)
from ._hyper import Read, words_of
from ._lookup import attribute, distribution_version, import_file, import_named

ALWAYS = ("tensors", "missing", "weight_decay", "maximize", "nesterov", "shapes")
TRYING, READS_IT = 1.0, 17  # seconds, and an exit code
STEPWISE = ("schedule", "restore")
# What a case uses and a step that never reads it cannot have computed.
READ = ("weight_decay", "maximize", "nesterov")
# Without one of these, g*g is the square of a complex number, and that is no convention.
OF_COMPLEX = frozenset("conj conjugate imag iscomplex iscomplexobj complex64 complex128".split())


@dataclass(frozen=True)
class FunctionDriver:
    """Runs cases on a `step` function, or on a `run` function where that is its name."""

    name: str
    version: str
    function: Callable[..., Any]
    whole_runs: bool
    words: frozenset[object]
    arrays: str = "numpy"
    device: str = ""
    declared: tuple[str, ...] | None = None
    make_state: Callable[..., Any] | None = None

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes of the namespace."""
        return namespace(self.arrays).dtypes

    @cached_property
    def features(self) -> tuple[str, ...]:
        """What the module declares, or all that hyper and lists of arrays can say."""
        if self.declared is not None:
            return self.declared
        own = ("coupled", "decoupled") * ("decoupled" in self.words or self._reads_decoupled())
        own += ("complex",) * bool(OF_COMPLEX & self.words)
        own += ("state",) * (self.make_state is not None and not self.whole_runs)
        numpy = ("strided", "readonly") * (self.arrays == "numpy")
        return (*ALWAYS, *STEPWISE * (not self.whole_runs), *own, *numpy)

    def _reads_decoupled(self) -> bool:
        """Whether a step with decay looks at the switch: its code may lie where no words are seen.

        A copy of this process tries it, which the port may leave, change or keep busy as it likes.
        """
        if self.arrays != "numpy" or "fork" not in multiprocessing.get_all_start_methods():
            return False
        copy = multiprocessing.get_context("fork").Process(target=self._tell_reading, daemon=True)
        with warnings.catch_warnings(action="ignore"):  # JAX has threads: then it may hang
            copy.start()
        copy.join(TRYING)
        copy.kill()
        copy.join()
        return copy.exitcode == READS_IT

    def _tell_reading(self) -> None:
        seen, x, g = set[str](), np.ones(1), np.ones(1)
        hyper = Read({**TELLING, "weight_decay": 0.125}, seen)
        with suppress(BaseException):
            self.function(*((x, [g]) if self.whole_runs else (x, g, None)), hyper)
        # A port that takes hyper as a whole, as keywords, has shown nothing by that.
        os._exit(READS_IT if "decoupled" in seen and seen != set(hyper) else 0)

    def run(self, request: RunRequest, /) -> Iterator[Observation]:
        """Observed steps; the function may write into every array it is given."""
        refuse_unknown(request, self.features)
        observe, seen = frozenset(request.observe), set[str]()
        like = start(request, self.arrays, self.device)
        trajectory = (self._run if self.whole_runs else self._steps)(like, request, seen)
        observations, t = [], 0
        for t, (params, state) in enumerate(trajectory, start=1):
            if t in observe:
                observations.append((t, shown(as_list(params), state, like, t)))
        if t != request.steps:
            raise ValueError(f"run gave the params of {t} steps for {request.steps} gradients")
        _check_read(request, seen)
        yield from observations

    def _steps(self, x0: Arrays, request: RunRequest, seen: set[str]) -> Iterator[tuple[Any, Any]]:
        hypers = [request.first_hyper(group) for group in request.groups]
        changes = [request.later_hyper(group) for group in request.groups]
        params: Any = plain([array.copy() for array in x0.arrays])
        state = self._state(x0, request)
        for t, grads in enumerate(all_gradients(request, x0), start=1):
            for hyper, change in zip(hypers, changes, strict=True):
                hyper |= change.get(t, {})
            given: Any = Read(hypers[0], seen)
            if "groups" in request.needs:
                given = [dict(hypers[group]) for _, _, group in request.x0]
            params, state = self._step(x0, params, grads, state, given, t)
            yield params, state
            if t in request.restore:
                params, state = _restored(params, state)

    def _step(
        self, x0: Arrays, params: Any, grads: list[Any], state: Any, hyper: Any, t: int
    ) -> tuple[Any, Any]:
        given = x0.hand_out(params), x0.hand_out(plain(grads), gradients=True)
        try:
            returned = self.function(*given, state, hyper)
        except (TypeError, AttributeError, ValueError) as error:
            if t == 1 and isinstance(params, list) and self.declared is None:
                raise NotImplementedError(f"tensors: {error}") from error
            hypers = hyper if isinstance(hyper, list) else [hyper]
            if t == 1 and isinstance(error, ValueError) and any(map(_makes_no_sense, hypers)):
                raise Rejected(str(error)) from error
            raise
        if not isinstance(returned, tuple) or len(returned) != 2:
            what = type(returned).__name__
            raise TypeError(f"step returned a {what} at t = {t}, expected (params, state)")
        return returned

    def _state(self, x0: Arrays, request: RunRequest) -> Any:
        if request.start is None:
            return None
        if self.make_state is None:
            raise NotImplementedError("state")
        moments = (x0.like(values) for values in request.start[1:])
        m, v = (x0.hand_out(plain(arrays)) for arrays in moments)
        return self.make_state(request.start.t, m, v)

    def _run(self, x0: Arrays, request: RunRequest, seen: set[str]) -> Iterator[tuple[Any, Any]]:
        if request.later_hyper():
            raise NotImplementedError("schedule: run is called once, with constants")
        if "groups" in request.needs:
            raise NotImplementedError("groups: run is called with the hyper-parameters of one")
        if request.start is not None:
            raise NotImplementedError("state: run starts from none")
        gradients = [plain(grads) for grads in all_gradients(request, x0)]
        first = plain([array.copy() for array in x0.arrays])
        hyper = Read(request.first_hyper(), seen)
        yield from ((params, None) for params in self.function(first, gradients, hyper))


def load(spec: Spec) -> Driver:
    """Driver of a `func:` spec.

    Raises
    ------
    LoadError
        If the file, the module, the function or its keywords are not there, or the arrays that it
        is to get cannot be made here.
    """
    place, _, name = spec.target.rpartition(":")
    in_file = place.endswith(".py")
    module = import_file(spec, Path(place)) if in_file else import_named(spec, place)
    function = attribute(spec, module, name)
    if not callable(function):
        raise LoadError(f"{spec.text}: {name} is a {type(function).__name__}, not a function")
    check_arrays(spec)
    options, whole_runs = spec.option_values(), name == "run"
    form = "run(x0, gradients, hyper)" if whole_runs else "step(params, grads, state, hyper)"
    try:
        inspect.signature(function).bind(*form.split(", "), **options)
    except (TypeError, ValueError) as error:
        raise LoadError(f"{spec.text}: {name} cannot be called as {form}: {error}") from error
    return FunctionDriver(
        name=spec.target,
        version=distribution_version(module),
        function=partial(function, **options),
        whole_runs=whole_runs,
        words=words_of(module),
        arrays=spec.arrays,
        device=spec.device,
        declared=_declared(module),
        make_state=getattr(module, "make_state", None),
    )


def _declared(module: ModuleType) -> tuple[str, ...] | None:
    words = getattr(module, "FEATURES", None)
    return None if words is None else tuple(map(str, words))


def _restored(params: Any, state: Any) -> Any:
    """What a checkpoint gives back; a copy would keep what does not survive one.

    The bytes are this process's own: no pickle comes from a file.
    """
    try:
        saved = pickle.dumps((params, state))
    except Exception as error:  # objects refuse in many ways
        raise NotImplementedError(f"restore: {error}") from error
    return pickle.loads(saved)


def _check_read(request: RunRequest, seen: set[str]) -> None:
    """Say what a case uses and the function never looked at: it does not have it."""
    for name in READ:
        used = any(value for _, _, key, value in request.hyper if key == name)
        if used and name not in seen and "groups" not in request.needs:
            raise NotImplementedError(f"{name}: the function never reads it")


def _makes_no_sense(hyper: Mapping[str, float]) -> bool:
    betas = (hyper["beta1"], hyper["beta2"])
    others: Sequence[float] = (hyper["lr"], hyper["eps"], hyper["weight_decay"])
    return not (all(0 <= beta < 1 for beta in betas) and all(value >= 0 for value in others))
