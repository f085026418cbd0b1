"""`func:radam_conformance.ports.fastai_radam:step --arrays torch`: RAdam as fastai computes it.

`fastai.optimizer.RAdam` is a function that makes an optimizer; its betas are mom and sqr_mom.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch
from fastai.optimizer import RAdam

__version__ = version("fastai")
FEATURES = ("tensors", "missing", "schedule", "weight_decay", "coupled", "decoupled", "shapes")


def step(params: Any, grads: Any, state: Any, hyper: Mapping[str, Any]) -> tuple[Any, Any]:
    """One step of its optimizer, which is the state and holds the tensors."""
    several = isinstance(params, list)
    pairs = list(zip(*((params, grads) if several else ([params], [grads])), strict=True))
    optimizer, tensors = state or _begin([x for x, _ in pairs], hyper)
    optimizer.set_hypers(lr=hyper["lr"])
    for tensor, (_, grad) in zip(tensors, pairs, strict=True):
        tensor.grad = grad
    optimizer.step()
    moved = [tensor.detach().clone() for tensor in tensors]
    return moved if several else moved[0], (optimizer, tensors)


def _begin(params: list[Any], hyper: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    tensors = [torch.nn.Parameter(x.clone()) for x in params]
    optimizer = RAdam(
        tensors,
        lr=hyper["lr"],
        mom=hyper["beta1"],
        sqr_mom=hyper["beta2"],
        eps=hyper["eps"],
        wd=hyper["weight_decay"],
        decouple_wd=hyper["decoupled"],
    )
    return optimizer, tensors
