"""A step over many tensors of a device as one graph of torch.compile, fed with exact terms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from radam_ref import Coefficients, Form, coefficients, formula

from ._torch_steps import (
    COMPUTE,
    Tensors,
    _multi_tensor_radam,
    configuration,
    is_in_numpy,
    is_plain,
    shards,
    write,
)

Kernel = Callable[[list[Tensors], Coefficients], None]


def _fused_radam(tensors: list[Tensors], lr: Any, hyper: dict[str, Any], traced: bool) -> None:
    """Step many in one pass: compiled, or in NumPy on a CPU; what neither takes, as foreach."""
    kinds: dict[Any, list[Tensors]] = defaultdict(list)
    rest = []
    for each in map(shards, tensors):
        param, *_, count = each
        if traced or is_in_numpy(each) or not _can_compile(each, lr):
            rest.append(each)
        else:
            kinds[int(count), param.dtype, param.device].append(each)
    _multi_tensor_radam(rest, lr, hyper, traced)
    for (count, *_), members in kinds.items():
        step_compiled(members, count + 1, float(lr), hyper)


def _can_compile(each: Tensors, lr: Any) -> bool:
    """Whether a graph can have these, and lr is read without waiting."""
    on_device = isinstance(lr, Tensor) and lr.device.type != "cpu"
    return is_plain(each) and not on_device


def step_compiled(members: list[Tensors], t: int, lr: float, hyper: dict[str, Any]) -> None:
    """Take step t on tensors of one dtype and device."""
    param, config = members[0][0], configuration(hyper)
    compute = COMPUTE[param.dtype]
    modulus = param.is_complex() and config.axes.complex == "modulus"
    form, numbers = coefficients(t, config, lr, str(compute).removeprefix("torch."))
    c = Coefficients._make(torch.tensor(numbers, dtype=compute, device=param.device).unbind())
    arrays = [tuple(map(_real, each[:4])) for each in members]
    kernel(form, modulus, compute, tuple(x.shape for x, *_ in arrays))(arrays, c)
    torch._foreach_add_([each[-1] for each in members], 1)


def _real(array: Tensor) -> Tensor:
    return torch.view_as_real(array.detach()) if array.is_complex() else array.detach()


@lru_cache(maxsize=64)
def kernel(form: Form, modulus: bool, compute: torch.dtype, shapes: Any) -> Kernel:
    """The formula on a list of real (params, grads, m, v) in place; complex ones have an axis more.

    Each has code of its own, for other `shapes` too: torch.compile stops after a few variants.
    """
    del shapes  # which tell one from another
    update = formula(torch.sqrt, torch.where, form)[modulus]

    def run(arrays: list[Tensors], c: Coefficients) -> None:
        for x, g, m, v in arrays:
            before = [array.to(compute) for array in (x, g, m)]
            if modulus:
                *pairs, v_new = update(*(array.unbind(-1) for array in before), v, c)
                x_new, m_new = (torch.stack(pair, -1) for pair in pairs)
            else:
                x_new, m_new, v_new = update(*before, v, c)
            write((x, m, v), (x_new, m_new, v_new))

    code, closure = run.__code__.replace(), run.__closure__
    own = FunctionType(code, run.__globals__, run.__name__, None, closure)
    compiled: Kernel = torch.compile(own, fullgraph=True, dynamic=False)
    return compiled
