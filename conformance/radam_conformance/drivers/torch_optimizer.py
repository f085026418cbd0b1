"""`torch:pkg.mod.Class`: an optimizer class for Torch parameters."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

# A pool of compilers would outlive the case that needs one.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

import torch

from ..protocol import RunRequest, one_line
from ..spec import LoadError, Spec
from . import Driver, Observation, Rejected, refuse_unknown
from ._arguments import MOMENTS_OF_ONE, TELLING, ArgumentNames
from ._lookup import attribute, distribution_version, import_named

Params = list[torch.nn.Parameter]

ALWAYS = (
    "tensors",
    "missing",
    "schedule",
    "groups",
    "restore",
    "shapes",
    "strided",
    "compiled",
    "complex",
    "invalid",
)
MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}


@dataclass(frozen=True)
class TorchDriver:
    """Runs cases on `constructor(params, **hyper)` and its `step()`."""

    name: str
    version: str
    constructor: Any
    arguments: ArgumentNames
    compile: bool
    device: str
    dtypes: tuple[str, ...] = (
        "float32",
        "float64",
        "float16",
        "bfloat16",
        "complex64",
        "complex128",
    )

    @cached_property
    def features(self) -> tuple[str, ...]:
        """What any optimizer takes, what the signature has, and state where it can be seen."""
        own = ("state",) * (self.keeps_moments and self.keeps_no_more)
        return (*ALWAYS, *self.arguments.features(), *own)

    @cached_property
    def keeps_moments(self) -> bool:
        """Whether a parameter's state has the paper's m and v: one gradient of 1 tells."""
        try:
            state = self._state_after(1)
            shown = tuple(float(state[key]) for key in MOMENTS.values())
        except Exception:  # it has no such state, whatever else is wrong with it
            return False
        return shown == MOMENTS_OF_ONE and "step" in state

    @cached_property
    def keeps_no_more(self) -> bool:
        """Whether the count, m and v are all that changes in a parameter's state.

        Running products of the betas, say, would be those of another step beside an injected state.
        """
        once, twice = self._state_after(1), self._state_after(2)
        others = set(once) - {"step", *MOMENTS.values()}
        return all(str(once[key]) == str(twice.get(key)) for key in others)

    def _state_after(self, steps: int) -> Mapping[str, Any]:
        """The state of a parameter after gradients of 1."""
        param = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64, device=self.device))
        optimizer = self.constructor([param], **self.arguments.keywords(TELLING))
        for _ in range(steps):
            param.grad = torch.ones_like(param)
            optimizer.step()
        state: Mapping[str, Any] = optimizer.state[param]
        return state

    def run(self, request: RunRequest, /) -> Iterator[Observation]:
        """Observed steps; every step sees fresh gradients, so a port may write into them."""
        refuse_unknown(request, self.features)
        changes, observe = self._changes(request), frozenset(request.observe)
        dtype: torch.dtype = getattr(torch, request.dtype)
        strided = "strided" in request.needs
        params = [
            torch.nn.Parameter(_copy(_tensor(values, shape, dtype).to(self.device), strided))
            for shape, values, _ in request.x0
        ]
        cycle = [_gradients(row, params) for row in request.gradients]
        optimizer = self._construct(params, request)
        if request.start is not None:
            _inject(optimizer, params, request)
        step = self._step(optimizer, request)
        for t in range(1, request.steps + 1):
            for number, values in changes.get(t, ()):
                self._write(optimizer.param_groups[number], values)
            for param, gradient in zip(params, cycle[(t - 1) % len(cycle)], strict=True):
                param.grad = None if gradient is None else _copy(gradient, strided)
            step()
            if t in observe:
                yield t, self._shown(optimizer, params, dtype)
            if t in request.restore:
                params, optimizer = self._restored(optimizer, params, request)
                step = self._step(optimizer, request)

    def _changes(self, request: RunRequest) -> dict[int, list[tuple[int, dict[str, object]]]]:
        """The entries that change, by step: the number of the group and its new values."""
        changes: dict[int, list[tuple[int, dict[str, object]]]] = {}
        for number in request.groups:
            hyper = request.first_hyper(number)
            for t, changed in sorted(request.later_hyper(number).items()):
                before = self.arguments.keywords(hyper)
                hyper |= changed
                now = self.arguments.keywords(hyper)
                values = {name: now[name] for name in now if before.get(name) != now[name]}
                changes.setdefault(t, []).append((number, values))
        return changes

    def _write(self, group: dict[str, object], values: Mapping[str, object]) -> None:
        """Change what a group has by the name of an argument, or by the usual one of Torch."""
        for name, value in values.items():
            entries = {name, self.arguments.hyper_of(name)} & set(group)
            if not entries:
                raise NotImplementedError(f"schedule: a group has no entry {name!r}")
            group.update(dict.fromkeys(entries, value))

    def _step(self, optimizer: Any, request: RunRequest) -> Callable[[], Any]:
        step: Callable[[], Any] = optimizer.step
        if self.compile or "compiled" in request.needs:
            # Code that was compiled for the betas of another case is used again, with those betas.
            torch.compiler.reset()
            step = torch.compile(step)
        return step

    def _construct(self, params: Params, request: RunRequest) -> Any:
        hypers = [request.first_hyper(group) for group in request.groups]
        keywords = [self.arguments.keywords(hyper) for hyper in hypers]
        groups: Any = params if len(keywords) == 1 else self._groups(params, request, keywords)
        try:
            return self.constructor(groups, **keywords[0])
        except Exception as error:  # ports have refusals of their own kinds
            raise Rejected(f"{type(error).__name__}: {error}") from error

    def _groups(
        self, params: Params, request: RunRequest, keywords: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        given = {name: value for own in keywords for name, value in own.items()}
        # A group that does not decay, or ascend, must say so beside one that does.
        off = {n: type(v)(0) for n, v in given.items() if any(n not in own for own in keywords)}
        members: dict[int, Params] = {group: [] for group in request.groups}
        for param, (_, _, group) in zip(params, request.x0, strict=True):
            members[group].append(param)
        groups = []
        for own, words in zip(members.values(), keywords, strict=True):
            entries = {**off, **words}
            usual = {self.arguments.hyper_of(name): value for name, value in entries.items()}
            groups.append({"params": own, **usual, **entries})
        return groups

    def _shown(
        self, optimizer: Any, params: Params, dtype: torch.dtype
    ) -> Mapping[str, list[list[float]]]:
        shown = {"x": [_flat(param, dtype) for param in params]}
        states = [optimizer.state.get(param, {}) for param in params]
        for name, key in MOMENTS.items():
            moments = [state.get(key) for state in states]
            alike = all(m is not None and m.dtype == dtype for m in moments)
            if self.keeps_moments and alike:
                shown[name] = [_flat(moment, dtype) for moment in moments]
        return shown

    def _restored(self, optimizer: Any, params: Params, request: RunRequest) -> tuple[Params, Any]:
        """Another optimizer on copies of the parameters, from what was saved of this one."""
        file = io.BytesIO()
        torch.save(optimizer.state_dict(), file)
        file.seek(0)
        strided = "strided" in request.needs
        copies = [torch.nn.Parameter(_copy(param.detach(), strided)) for param in params]
        other = self._construct(copies, request)
        # What this process has just saved, of a class of any kind: nothing comes from a file.
        other.load_state_dict(torch.load(file, weights_only=False))
        return copies, other


def load(spec: Spec) -> Driver:
    """Driver of a `torch:` spec.

    Raises
    ------
    LoadError
        If the class is not there, or is no optimizer.
    """
    module_name, _, class_name = spec.target.rpartition(".")
    module = import_named(spec, module_name)
    constructor = attribute(spec, module, class_name)
    if not isinstance(constructor, type):
        raise LoadError(f"{spec.text}: {class_name} is a {type(constructor).__name__}, no class")
    if not callable(getattr(constructor, "step", None)):
        raise LoadError(f"{spec.text}: {class_name} is no optimizer: it has no step method")
    arguments, device = ArgumentNames(spec, constructor), spec.device or "cpu"
    try:
        torch.zeros(1, device=device)
    except Exception as error:  # each backend has errors of its own
        reason = one_line(f"{type(error).__name__}: {error}")
        raise LoadError(f"{spec.text}: --device {device} cannot be used here: {reason}") from error
    version = distribution_version(module)
    return TorchDriver(spec.target, version, constructor, arguments, spec.compile, device)


def _inject(optimizer: Any, params: Params, request: RunRequest) -> None:
    """Overwrite the state that a first step has laid out."""
    assert request.start is not None
    before = [param.detach().clone() for param in params]
    for param in params:
        param.grad = torch.zeros_like(param)
    optimizer.step()
    with torch.no_grad():
        for i, (param, values) in enumerate(zip(params, before, strict=True)):
            param.copy_(values)
            state = optimizer.state[param]
            for name, key in MOMENTS.items():
                moment = getattr(request.start, name)[i]
                state[key].copy_(_tensor(moment, param.shape, state[key].dtype))
            if isinstance(state["step"], torch.Tensor):
                state["step"].fill_(request.start.t)
            else:
                state["step"] = request.start.t


def _gradients(row: Sequence[Sequence[float] | None], params: Params) -> list[torch.Tensor | None]:
    return [
        None if values is None else _tensor(values, param.shape, param.dtype).to(param.device)
        for values, param in zip(row, params, strict=True)
    ]


def _tensor(values: Sequence[float], shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    if dtype.is_complex:
        pairs = torch.tensor(values, dtype=dtype.to_real()).reshape(*shape, 2)
        return torch.view_as_complex(pairs)
    return torch.tensor(values, dtype=dtype).reshape(tuple(shape))


def _copy(tensor: torch.Tensor, strided: bool) -> torch.Tensor:
    """Numbers of its own; strided, every other one of an array twice as long."""
    return torch.stack([tensor, tensor], dim=-1)[..., 0] if strided else tensor.clone()


def _flat(tensor: torch.Tensor, dtype: torch.dtype) -> list[float]:
    if tensor.dtype != dtype:
        raise TypeError(f"step changed the dtype of a parameter from {dtype} to {tensor.dtype}")
    tensor = tensor.detach()
    values: list[float]
    values = (torch.view_as_real(tensor) if dtype.is_complex else tensor).reshape(-1).tolist()
    return values
