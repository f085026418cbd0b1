"""`func:path/to/file.py:step` and `func:pkg.mod:step`: a function on arrays.

`step(params, grads, state, hyper) -> (params, state)` does one step. params and grads are an
array, or a list of arrays in the cases with several tensors (a gradient None: none this step);
state is None at first and opaque after; hyper is a dict with lr, beta1, beta2, eps, weight_decay,
decoupled, maximize and nesterov. It may raise NotImplementedError for what it lacks; what it never
reads from hyper it lacks too, and complex numbers where its code has no word of them (conj, abs,
...). Moments are shown where the state has them as m and v, or is a tuple (t, m, v). The module may
export `make_state(t, m, v)`, which makes a state of a number of steps and the moments, and
`FEATURES`, the words for what it can be asked; with "groups" among them, hyper is a list in the
cases with groups, a dict for each tensor.

A port whose interface keeps the loop to itself exports a function of the name `run` instead:
`run(x0, gradients, hyper)` gets the gradients of all steps in a list and returns, or yields,
the params after each of them. Words of `--set` become keyword arguments of either function.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from ..protocol import RunRequest
from ..spec import LoadError, Spec
from . import Driver, Observation, Rejected, refuse_unknown
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
from ._lookup import attribute, distribution_version, import_file, import_named

ALWAYS = ("tensors", "missing", "weight_decay", "maximize", "nesterov", "shapes")
STEPWISE = ("schedule", "restore")
# What a case uses and a step that never reads it cannot have computed.
READ = ("weight_decay", "maximize", "nesterov")
# Without one of these, g*g is the square of a complex number, and that is no convention.
OF_COMPLEX = frozenset(
    "conj conjugate abs absolute real imag iscomplex iscomplexobj complex64 complex128".split()
)


def _reads_all(method: Callable[..., Any]) -> Any:
    """A method of a dict after which any of its values may have been read."""

    def reading(self: Read, *others: Any) -> Any:
        self._seen.update(dict.keys(self))
        return method(self, *others)

    return reading


class Read(dict[str, Any]):
    """A dict that remembers the keys that were read, all of them if it was taken as a whole."""

    # Without an __iter__ of its own, `f(**hyper)` and `dict(hyper)` would ask none of the others.
    __iter__ = _reads_all(dict.__iter__)
    keys = _reads_all(dict.keys)
    values = _reads_all(dict.values)
    items = _reads_all(dict.items)
    copy = _reads_all(dict.copy)
    __or__ = _reads_all(dict.__or__)
    __ror__ = _reads_all(dict.__ror__)

    def __init__(self, values: Mapping[str, Any], seen: set[str]) -> None:
        super().__init__(values)
        self._seen = seen

    def __getitem__(self, key: str) -> Any:
        self._seen.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """As of a dict."""
        self._seen.add(key)
        return super().get(key, default)


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

    @property
    def features(self) -> tuple[str, ...]:
        """What the module declares, or all that hyper and lists of arrays can say."""
        if self.declared is not None:
            return self.declared
        own = ("coupled", "decoupled") * ("decoupled" in self.words)
        own += ("complex",) * bool(OF_COMPLEX & self.words)
        own += ("state",) * (self.make_state is not None)
        numpy = ("strided", "readonly") * (self.arrays == "numpy")
        return (*ALWAYS, *STEPWISE * (not self.whole_runs), *own, *numpy)

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
            if t == 1 and isinstance(error, ValueError) and _makes_no_sense(hyper):
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
        words=_words(module),
        arrays=spec.arrays,
        device=spec.device,
        declared=_declared(module),
        make_state=getattr(module, "make_state", None),
    )


def _declared(module: ModuleType) -> tuple[str, ...] | None:
    words = getattr(module, "FEATURES", None)
    return None if words is None else tuple(map(str, words))


def _words(module: ModuleType) -> frozenset[object]:
    """The names and constants in the module's functions: what it can ask of hyper and arrays."""
    codes = [f.__code__ for f in vars(module).values() if inspect.isfunction(f)]
    return frozenset(word for code in codes for word in (*code.co_consts, *code.co_names))


def _restored(params: Any, state: Any) -> Any:
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
