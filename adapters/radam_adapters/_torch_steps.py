"""How a group of Torch tensors is stepped: in one pass, compiled, as one, one by one, or traced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import torch
from torch import _C, Tensor

from radam_ref import Dialect, RAdamConfig, RAdamState, compute_dtypes, step_many

from ._overlap import SharedMemory
from ._threads import at_most
from .numpy_fused import step_inplace

AXES = tuple(field.name for field in fields(Dialect))
HYPER = ("betas", "eps", "weight_decay", "decoupled_weight_decay", "maximize", "dialect")
CPU = torch.device("cpu")
PLAIN = (Tensor, torch.nn.Parameter)
COMPUTE = {getattr(torch, name): getattr(torch, real) for name, real in compute_dtypes.items()}
SMALL = 65_536  # elements; so many are sooner copied than stepped on their own
ONE = torch.tensor(1.0, dtype=torch.float64, device="cpu")  # a number would become one for each

Tensors = tuple[Tensor, ...]  # param, grad, exp_avg, exp_avg_sq, step
Way = Callable[[list[Tensors], Any, dict[str, Any]], None]


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
    """Step each tensor, one after the other."""
    for each in map(shards, tensors):
        way = _step_traced if traced else _step_in_numpy if is_in_numpy(each) else _step_by_count
        way([each], lr, hyper)


def _multi_tensor_radam(
    tensors: list[Tensors], lr: Any, hyper: dict[str, Any], traced: bool
) -> None:
    """Step many: at once on a CPU; elsewhere small ones of a kind, laid end to end, are one."""
    ways: dict[tuple[Way, Any], list[Tensors]] = defaultdict(list)
    for each in map(shards, tensors):
        param, *_, count = each
        if traced:
            ways[_step_traced, param.device].append(each)
        elif is_in_numpy(each):
            # what is float32 in between goes one by one, for the memory that it takes
            alike = id(param) if param.dtype is torch.bfloat16 else int(count)
            ways[_step_in_numpy, alike].append(each)
        elif type(param) in PLAIN and param.numel() <= SMALL:
            ways[_step_end_to_end, (int(count), param.dtype, param.device)].append(each)
        else:
            ways[_step_by_count, id(param)].append(each)
    for (way, _), members in ways.items():
        way(members, lr, hyper)


def shards(each: Tensors) -> Tensors:
    """What this process has of tensors that are sharded alike: the update is elementwise."""
    if type(each[0]) in PLAIN or torch.compiler.is_compiling() or torch.is_grad_enabled():
        return each
    *arrays, count = each
    first, *others = (getattr(array, "placements", None) for array in arrays)
    if first is None or any(other != first for other in others) or any(map(_is_partial, first)):
        return each
    return (*(array.to_local() for array in arrays), count)  # type: ignore[attr-defined]


def _is_partial(placement: Any) -> bool:
    return bool(placement.is_partial())  # each process has a term of a sum


def is_in_numpy(each: Tensors) -> bool:
    """Whether NumPy can have the memory of these, and nobody looks on."""
    if each[0].dtype is not each[1].dtype or not is_plain(each):
        return False
    for array in each[:4]:
        if array.device != CPU or array.dtype not in COMPUTE or array.is_conj() or array.is_neg():
            return False
    return True


def is_plain(each: Tensors) -> bool:
    """Whether these are tensors with memory, and neither autograd nor a tracer looks on."""
    if torch.is_grad_enabled() or _C._len_torch_dispatch_stack():
        return False
    for array in each[:4]:
        wrapped = _C._functorch.is_functorch_wrapped_tensor(array)
        if wrapped or type(array) not in PLAIN or array.layout is not torch.strided:
            return False
    return True


def _step_in_numpy(members: list[Tensors], lr: Any, hyper: dict[str, Any]) -> None:
    """One pass over memory shared with NumPy; tensors that share theirs are stepped in turn."""
    threads = at_most.set(torch.get_num_threads())
    try:
        _pass_in_numpy(members, lr, hyper)
    except SharedMemory:
        for each in members:
            _pass_in_numpy([each], lr, hyper)
    finally:
        at_most.reset(threads)


def _pass_in_numpy(members: list[Tensors], lr: Any, hyper: dict[str, Any]) -> None:
    """Step tensors whose count is the same; NumPy has no bfloat16: float32 is in its place."""
    params, grads, *moments, counts = map(list, zip(*members, strict=True))
    half = params[0].dtype is torch.bfloat16  # which comes alone
    x, g = ([params[0].float()], [grads[0].float()]) if half else (params, grads)
    x_np, g_np, m, v = (list(map(as_numpy, column)) for column in (x, g, *moments))
    t, config, lr = int(counts[0]), configuration(hyper), float(lr)
    if len(members) == 1:
        step_inplace(x_np[0], g_np[0], RAdamState(t, m[0], v[0]), config, lr=lr)
    else:
        step_inplace(x_np, g_np, RAdamState(t, m, v), config, lr=lr)
    if half:
        params[0].detach().copy_(x[0])
    written = [t for column in (params, *moments) for t in column if not t.is_inference()]
    torch.autograd.graph.increment_version(written)  # so that a backward pass finds out
    torch._foreach_add_(counts, ONE)


def as_numpy(array: Tensor) -> Any:
    """NumPy's view of its memory."""
    return (array.detach() if array.requires_grad else array).numpy()


def _step_end_to_end(members: list[Tensors], lr: Any, hyper: dict[str, Any]) -> None:
    """Step tensors whose count is the same as one; the update is elementwise."""
    if len(members) == 1:
        return _step_by_count(members, lr, hyper)
    *columns, counts = map(list, zip(*members, strict=True))
    flat = [torch.cat([array.reshape(-1) for array in column]) for column in columns]
    _step_in_place([[array] for array in flat], int(counts[0]), lr, hyper)
    sizes = [param.numel() for param in columns[0]]
    for k in (0, 2, 3):
        parts = zip(columns[k], torch.split(flat[k], sizes), strict=True)
        torch._foreach_copy_(columns[k], [part.view(place.shape) for place, part in parts])
    torch._foreach_add_(counts, 1)


def _step_by_count(members: list[Tensors], lr: Any, hyper: dict[str, Any]) -> None:
    """Step tensors whose count is the same."""
    *columns, counts = map(list, zip(*members, strict=True))
    _step_in_place(columns, int(counts[0]), lr, hyper)
    torch._foreach_add_(counts, 1)


def _step_traced(members: list[Tensors], lr: Any, hyper: dict[str, Any]) -> None:
    """Step each by its own count, which nobody reads, but all with one set of terms."""
    *columns, counts = map(list, zip(*members, strict=True))
    if torch.compiler.is_compiling() and not isinstance(lr, Tensor):
        lr = torch.ones_like(counts[0]) * lr  # a number would be compiled in, each one anew
    _step_in_place(columns, torch.stack(counts).to(torch.int64), lr, hyper)
    torch._foreach_add_(counts, 1)


def _step_in_place(columns: list[list[Tensor]], t: Any, lr: Any, hyper: dict[str, Any]) -> None:
    before = columns
    if torch.is_grad_enabled():  # differentiable: autograd keeps what is about to change
        before = [[array.clone() for array in column] for column in columns]
    for k, values in zip((0, 2, 3), advance(before, t, lr, hyper), strict=True):
        write(columns[k], values)


def write(places: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Write each value in its place."""
    for place, value in zip(places, values, strict=True):
        # A leaf has no history to write on; what is written to a 0-d float64 of a CPU itself is
        # lost in a compiled graph.
        leaf = place.is_leaf and place.requires_grad
        (place.detach() if leaf or torch.compiler.is_compiling() else place).copy_(value)


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
