"""How a group of Torch tensors is stepped: one by one, small ones as one, or traced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from radam_ref import Dialect, RAdamConfig, RAdamState, step

AXES = tuple(field.name for field in fields(Dialect))
HYPER = ("betas", "eps", "weight_decay", "decoupled_weight_decay", "maximize", "dialect")
SMALL = 65_536  # elements; a larger tensor fills the machine by itself

Tensors = tuple[Tensor, ...]


def configuration(group: dict[str, Any]) -> RAdamConfig:
    """The hyper-parameters of a group but lr, which may live on a device."""
    betas = group["betas"]
    if not isinstance(betas, Sequence) or len(betas) != 2:
        raise ValueError(f"betas must be a pair (beta1, beta2), got {betas!r}")
    return _configuration(*betas, *(group[name] for name in HYPER[1:]))


@lru_cache(maxsize=256, typed=True)
def _configuration(
    beta1: float, beta2: float, eps: float, weight_decay: float, decoupled: bool,
    maximize: bool, dialect: str | Dialect | tuple[Any, ...],
) -> RAdamConfig:  # fmt: skip
    named = Dialect(*dialect) if isinstance(dialect, tuple) else dialect
    config = RAdamConfig(0.0, beta1, beta2, eps, weight_decay, maximize, named)
    if config.axes.eps_placement == "floor":
        raise ValueError("eps_placement must be after_correction or before_correction, got 'floor'")
    if decoupled:
        config = replace(config, dialect=replace(config.axes, weight_decay="decoupled"))
    return config


def radam(tensors: list[Tensors], group: dict[str, Any]) -> None:
    """Step (param, grad, exp_avg, exp_avg_sq, step) of each tensor of a group, in place."""
    hyper, lr, dialect = {name: group[name] for name in HYPER}, group["lr"], group["dialect"]
    if isinstance(dialect, Dialect):  # torch.compile passes no objects on
        hyper["dialect"] = tuple(getattr(dialect, axis) for axis in AXES)
    traced = group["capturable"] or torch.compiler.is_compiling()
    if traced or group["differentiable"] or group["foreach"] is False:
        _single_tensor_radam(tensors, lr, hyper, traced)
    else:
        _multi_tensor_radam(tensors, lr, hyper)


def _single_tensor_radam(
    tensors: list[Tensors], lr: Any, hyper: dict[str, Any], traced: bool = False
) -> None:
    for *arrays, count in tensors:
        before = arrays
        if torch.is_grad_enabled():  # differentiable: autograd keeps what is about to change
            before = [array.clone() for array in arrays]
        after, t = advance(before, count.to(torch.int64) if traced else int(count), lr, hyper)
        param, _, *moments = arrays
        for place, value in zip((param, *moments), after, strict=True):
            leaf = place.is_leaf and place.requires_grad  # it has no history to write on
            (place.detach() if leaf else place).copy_(value)
        _count([count], t)


def _multi_tensor_radam(tensors: list[Tensors], lr: Any, hyper: dict[str, Any]) -> None:
    """Small tensors of a kind, laid end to end, are one tensor: the update is elementwise."""
    kinds: dict[Any, list[Tensors]] = defaultdict(list)
    for each in tensors:
        param, *_, count = each
        small = type(param) in (Tensor, torch.nn.Parameter) and param.numel() <= SMALL
        kinds[(int(count), param.dtype, param.device) if small else id(param)].append(each)
    for members in kinds.values():
        if len(members) == 1:
            _single_tensor_radam(members, lr, hyper)
            continue
        params, grads, exp_avgs, exp_avg_sqs, counts = map(list, zip(*members, strict=True))
        columns = (params, grads, exp_avgs, exp_avg_sqs)
        flat = [torch.cat([array.reshape(-1) for array in column]) for column in columns]
        after, t = advance(flat, int(counts[0]), lr, hyper)
        sizes = [param.numel() for param in params]
        for column, array in zip((params, exp_avgs, exp_avg_sqs), after, strict=True):
            parts = zip(column, torch.split(array, sizes), strict=True)
            torch._foreach_copy_(column, [part.view(place.shape) for place, part in parts])
        _count(counts, t)


def _count(counts: list[Tensor], t: Any) -> None:
    """Write t; torch.compile loses what copy_ writes into a 0-d float64 tensor (2.13, CPU)."""
    t = torch.as_tensor(t)
    torch._foreach_copy_(counts, [t for _ in counts])


@torch._dynamo.nonstrict_trace
def advance(
    arrays: list[Tensor], t: Any, lr: Any, hyper: dict[str, Any]
) -> tuple[tuple[Tensor, ...], Any]:
    """One step; the compiler does not look inside, and traces the operations on tensors alone."""
    param, grad, exp_avg, exp_avg_sq = arrays
    if isinstance(lr, Tensor):
        lr = lr.to(param.device).reshape(())
    state = RAdamState(t, exp_avg, exp_avg_sq)
    value, (t, m, v) = step(param, grad, state, configuration(hyper), lr=lr)
    return (value, m, v), t
