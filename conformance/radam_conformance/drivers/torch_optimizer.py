"""`torch:pkg.mod.Class`: an optimizer class for Torch parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..protocol import RunRequest
from ..spec import LoadError, Spec
from . import Driver, Observation, Rejected
from ._arguments import ArgumentNames
from ._lookup import attribute, distribution_version, import_named


@dataclass(frozen=True)
class TorchDriver:
    """Runs cases on `constructor(params, **hyper)` and its `step()`."""

    name: str
    version: str
    constructor: Callable[..., Any]
    arguments: ArgumentNames
    dtypes: tuple[str, ...] = ("float32", "float64")

    @property
    def features(self) -> tuple[str, ...]:
        """Several tensors and a changing lr always; decay and maximize by the signature."""
        return ("tensors", "schedule", *self.arguments.features())

    def run(self, request: RunRequest, /) -> Iterator[Observation]:
        """Observed steps; every step sees fresh gradients, so a port may write into them."""
        changes, observe = _lr_changes(request), frozenset(request.observe)
        dtype: torch.dtype = getattr(torch, request.dtype)
        params = [
            torch.nn.Parameter(torch.tensor(values, dtype=dtype).reshape(shape))
            for shape, values in request.x0
        ]
        cycle = [_gradients(row, params) for row in request.gradients]
        optimizer = self._construct(params, request.first_hyper())
        for t in range(1, request.steps + 1):
            if t in changes:
                for group in optimizer.param_groups:
                    group["lr"] = changes[t]
            for param, gradient in zip(params, cycle[(t - 1) % len(cycle)], strict=True):
                param.grad = None if gradient is None else gradient.clone()
            optimizer.step()
            if t in observe:
                yield t, [_flat(param, dtype) for param in params]

    def _construct(self, params: list[torch.nn.Parameter], hyper: Mapping[str, object]) -> Any:
        keywords = self.arguments.keywords(hyper)
        try:
            return self.constructor(params, **keywords)
        except (TypeError, ValueError) as error:
            raise Rejected(str(error)) from error


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
    return TorchDriver(spec.target, distribution_version(module), constructor, arguments)


def _lr_changes(request: RunRequest) -> dict[int, float]:
    changes = request.later_hyper()
    for name in {name for change in changes.values() for name in change} - {"lr"}:
        raise NotImplementedError(f"schedule of {name}: a torch spec is given another lr only")
    return {t: float(change["lr"]) for t, change in changes.items()}


def _gradients(
    row: Sequence[Sequence[float] | None], params: Sequence[torch.nn.Parameter]
) -> list[torch.Tensor | None]:
    return [
        None if values is None else torch.tensor(values, dtype=param.dtype).reshape(param.shape)
        for values, param in zip(row, params, strict=True)
    ]


def _flat(param: torch.nn.Parameter, dtype: torch.dtype) -> list[float]:
    if param.dtype != dtype:
        raise TypeError(f"step changed the dtype of a parameter from {dtype} to {param.dtype}")
    values: list[float] = param.detach().reshape(-1).tolist()
    return values
