"""How a group of Torch tensors is stepped: one by one, small ones as one, or traced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from radam_ref import Dialect, RAdamConfig, RAdamState, step_many

AXES = tuple(field.name for field in fields(Dialect))
HYPER = ("betas", "eps", "weight_decay", "decoupled_weight_decay", "maximize", "dialect")
PLAIN = (Tensor, torch.nn.Parameter)
BLOCK = 65_536  # elements; of so many all arrays stay in a cache
FEW = 32  # blocks that share traced terms; of more the results would fill the memory

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


def _single_tensor_radam(
    tensors: list[Tensors], lr: Any, hyper: dict[str, Any], traced: bool
) -> None:
    """Step (param, grad, exp_avg, exp_avg_sq, step) of each tensor, one after the other."""
    for each in tensors:
        _step_in_place([each], lr, hyper, traced)


def _multi_tensor_radam(
    tensors: list[Tensors], lr: Any, hyper: dict[str, Any], traced: bool
) -> None:
    """Step many: small tensors of a kind, laid end to end, are one; the update is elementwise."""
    kinds: dict[Any, list[Tensors]] = defaultdict(list)
    for each in tensors:
        param, *_, count = each
        if traced:  # each by its own count, which nobody reads, but all with one set of terms
            kinds[param.device].append(each)
        else:
            small = type(param) in PLAIN and param.numel() <= BLOCK
            kinds[(int(count), param.dtype, param.device) if small else id(param)].append(each)
    for members in kinds.values():
        if traced or len(members) == 1:
            _step_in_place(members, lr, hyper, traced)
        else:
            _step_end_to_end(members, lr, hyper)


def _step_end_to_end(members: list[Tensors], lr: Any, hyper: dict[str, Any]) -> None:
    *columns, counts = map(list, zip(*members, strict=True))
    flat = [torch.cat([array.reshape(-1) for array in column]) for column in columns]
    _step_in_place([(*flat, counts[0])], lr, hyper, False)
    sizes = [param.numel() for param in columns[0]]
    for k in (0, 2, 3):
        parts = zip(columns[k], torch.split(flat[k], sizes), strict=True)
        torch._foreach_copy_(columns[k], [part.view(place.shape) for place, part in parts])
    torch._foreach_add_(counts[1:], 1)


def _step_in_place(members: list[Tensors], lr: Any, hyper: dict[str, Any], traced: bool) -> None:
    """Step tensors whose count is the same, or is an array."""
    blocks = [block for each in members for block in _blocks(*each)]
    at_once = 1 if not traced else len(blocks) if len(blocks) == len(members) else FEW
    while blocks:
        now, blocks = blocks[:at_once], blocks[at_once:]
        *columns, counts = map(list, zip(*now, strict=True))
        t = torch.stack(counts).to(torch.int64) if traced else int(counts[0])
        before = columns
        if torch.is_grad_enabled():  # differentiable: autograd keeps what is about to change
            before = [[array.clone() for array in column] for column in columns]
        for k, values in zip((0, 2, 3), advance(before, t, lr, hyper), strict=True):
            for place, value in zip(columns[k], values, strict=True):
                leaf = place.is_leaf and place.requires_grad  # it has no history to write on
                (place.detach() if leaf else place).copy_(value)
    torch._foreach_add_([count for *_, count in members], 1)


def _blocks(*each: Tensor) -> list[Tensors]:
    """Views of a large tensor, of each as much as stays in a cache while a step is computed."""
    *arrays, count = each
    param = arrays[0]
    if (
        torch.compiler.is_compiling()  # which has better ways
        or torch.is_grad_enabled()
        or param.device.type != "cpu"
        or type(param) not in PLAIN
        or param.numel() <= BLOCK
        or not all(array.is_contiguous() for array in arrays)
    ):
        return [each]
    # detached: a view of a leaf is refused as soon as another view of it was written to
    columns = [torch.split(array.detach().view(-1), BLOCK) for array in arrays]
    return [(*block, count) for block in zip(*columns, strict=True)]


@torch._dynamo.nonstrict_trace
def advance(
    columns: list[list[Tensor]], t: Any, lr: Any, hyper: dict[str, Any]
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """One step; the compiler does not look inside, and traces the operations on tensors alone."""
    params, grads, exp_avgs, exp_avg_sqs = columns
    if isinstance(lr, Tensor):
        lr = lr.to(params[0].device).reshape(())
    state = RAdamState(t, exp_avgs, exp_avg_sqs)
    values, (_, m, v) = step_many(params, grads, state, configuration(hyper), lr=lr)
    return values, m, v
