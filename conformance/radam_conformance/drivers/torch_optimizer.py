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

from ..protocol import RunRequest
from ..spec import LoadError, Spec
from . import Driver, Observation, Rejected, refuse_unknown
from ._arguments import ArgumentNames
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
    constructor: Callable[..., Any]
    arguments: ArgumentNames
    compile: bool
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
        own = ("state",) * self.keeps_moments
        return (*ALWAYS, *self.arguments.features(), *own)

    @cached_property
    def keeps_moments(self) -> bool:
        """Whether the state of a parameter has m and v as the paper defines them.

        Some ports keep m_hat and v_hat under the same names: one step with a gradient of 1 tells.
        """
        hyper: dict[str, float] = {"lr": 2.0**-10, "beta1": 0.875, "beta2": 0.75, "eps": 2.0**-20}
        hyper |= dict.fromkeys(("weight_decay", "decoupled", "maximize", "nesterov"), False)
        param = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        param.grad = torch.ones_like(param)
        try:
            optimizer = self.constructor([param], **self.arguments.keywords(hyper))
            optimizer.step()
            shown = {name: float(optimizer.state[param][key]) for name, key in MOMENTS.items()}
        except Exception:  # it has no such state, whatever else is wrong with it
            return False
        return shown == {"m": 0.125, "v": 0.25} and "step" in optimizer.state[param]

    def run(self, request: RunRequest, /) -> Iterator[Observation]:
        """Observed steps; every step sees fresh gradients, so a port may write into them."""
        refuse_unknown(request, self.features)
        before = torch.get_default_dtype()
        try:
            yield from self._run(request)
        finally:
            torch.set_default_dtype(before)  # of the next case, whatever this port did to it

    def _run(self, request: RunRequest) -> Iterator[Observation]:
        changes, observe = _lr_changes(request), frozenset(request.observe)
        dtype: torch.dtype = getattr(torch, request.dtype)
        strided = "strided" in request.needs
        params = [
            torch.nn.Parameter(_tensor(values, shape, dtype, strided))
            for shape, values, _ in request.x0
        ]
        cycle = [_gradients(row, params, strided) for row in request.gradients]
        optimizer = self._construct(params, request)
        if request.start is not None:
            _inject(optimizer, params, request)
        step = self._step(optimizer, request)
        for t in range(1, request.steps + 1):
            for group, lr in changes.get(t, {}).items():
                optimizer.param_groups[group]["lr"] = lr
            for param, gradient in zip(params, cycle[(t - 1) % len(cycle)], strict=True):
                param.grad = None if gradient is None else gradient.clone()
            step()
            if t in observe:
                yield t, self._shown(optimizer, params, dtype)
            if t in request.restore:
                params, optimizer = self._restored(optimizer, params, request)
                step = self._step(optimizer, request)

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
        given = {name for each in keywords for name in each}
        groups: Any = params
        if len(keywords) > 1:
            # A group that does not decay must say so beside one that does.
            off = {name: 0.0 for name in given if not all(name in each for each in keywords)}
            own = [[p for p, x in zip(params, request.x0, strict=True) if x[2] == group]
                   for group in request.groups]  # fmt: skip
            pairs = zip(own, keywords, strict=True)
            groups = [{"params": members, **off, **each} for members, each in pairs]
        try:
            return self.constructor(groups, **keywords[0])
        except Exception as error:  # ports have refusals of their own kinds
            raise Rejected(f"{type(error).__name__}: {error}") from error

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
        copies = [torch.nn.Parameter(param.detach().clone()) for param in params]
        other = self._construct(copies, request)
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
    arguments = ArgumentNames(spec, constructor)
    version = distribution_version(module)
    return TorchDriver(spec.target, version, constructor, arguments, spec.compile)


def _lr_changes(request: RunRequest) -> dict[int, dict[int, float]]:
    """The learning rates that change, by step and group."""
    changes: dict[int, dict[int, float]] = {}
    for group in request.groups:
        for t, changed in request.later_hyper(group).items():
            if set(changed) != {"lr"}:
                raise NotImplementedError("schedule of another hyper-parameter than lr")
            changes.setdefault(t, {})[group] = float(changed["lr"])
    return changes


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


def _gradients(
    row: Sequence[Sequence[float] | None], params: Params, strided: bool
) -> list[torch.Tensor | None]:
    return [
        None if values is None else _tensor(values, param.shape, param.dtype, strided)
        for values, param in zip(row, params, strict=True)
    ]


def _tensor(
    values: Sequence[float], shape: Sequence[int], dtype: torch.dtype, strided: bool = False
) -> torch.Tensor:
    if dtype.is_complex:
        pairs = torch.tensor(values, dtype=dtype.to_real()).reshape(*shape, 2)
        tensor = torch.view_as_complex(pairs)
    else:
        tensor = torch.tensor(values, dtype=dtype).reshape(tuple(shape))
    # Every other element of an array twice as long.
    return torch.stack([tensor, tensor], dim=-1)[..., 0] if strided else tensor


def _flat(tensor: torch.Tensor, dtype: torch.dtype) -> list[float]:
    if tensor.dtype != dtype:
        raise TypeError(f"step changed the dtype of a parameter from {dtype} to {tensor.dtype}")
    tensor = tensor.detach()
    values: list[float]
    values = (torch.view_as_real(tensor) if dtype.is_complex else tensor).reshape(-1).tolist()
    return values
