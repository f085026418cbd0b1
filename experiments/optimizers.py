"""The project's optimizers as Torch calls them: the adapter for RAdam, Algorithm 1 for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from radam_adapters.torch_optimizer import RAdam
from radam_ref import algorithm1


class Algorithm1(torch.optim.Optimizer):
    """A method of `radam_ref.algorithm1` over all parameters, laid end to end; alpha_t is `lr`."""

    def __init__(self, params: Iterable[Tensor], method: algorithm1.Running, lr: float) -> None:
        super().__init__(params, {"lr": lr})
        self._method = method
        self._kept: algorithm1.State | None = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step; all parameters must have gradients."""
        (group,) = self.param_groups
        params = group["params"]
        x = parameters_to_vector(params)
        grads = parameters_to_vector([param.grad for param in params])
        kept = self._kept or algorithm1.init(x, self._method)
        x, self._kept = algorithm1.step(x, grads, kept, self._method, group["lr"])
        vector_to_parameters(x, params)


METHODS: dict[str, Callable[..., algorithm1.Running]] = {
    "SGD": algorithm1.momentum,  # 0.9, as in the paper's experiments
    "Adam": algorithm1.adam,
    "Adam-2k": algorithm1.adam_2k,
    "Adam-eps": algorithm1.adam_eps,
}


def optimizer(name: str, model: torch.nn.Module, lr: float, **hyper: Any) -> torch.optim.Optimizer:
    """The optimizer of a name; "torch.optim.Adam" is Torch's own, to check ours against."""
    params = list(model.parameters())
    if name == "RAdam":
        beta2 = hyper.get("beta2", 0.999)
        return RAdam(params, lr, (0.9, beta2), dialect="paper")
    if name == "torch.optim.Adam":
        return torch.optim.Adam(params, lr)
    return Algorithm1(params, METHODS[name](**hyper), lr)
