"""RAdam with the face of torch.optim.RAdam, over the plain step of radam_ref."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, ParamsT, _use_grad_for_differentiable

from radam_ref import Dialect, init

from ._torch_fused import _fused_radam
from ._torch_steps import AXES, HYPER, _multi_tensor_radam, _single_tensor_radam, configuration

FLAGS = ("foreach", "capturable", "differentiable", "fused")
TORCH_SAYS = {  # how the messages of torch.optim.RAdam begin
    "lr": "Invalid learning rate",
    "beta1": "Invalid beta parameter at index 0",
    "beta2": "Invalid beta parameter at index 1",
    "eps": "Invalid epsilon value",
    "weight_decay": "Invalid weight_decay value",
}


class RAdam(torch.optim.RAdam):
    """RAdam in place of torch.optim.RAdam: the same arguments, state and dialect, exact terms.

    Parameters
    ----------
    params : iterable of tensors, of (name, tensor) or of parameter groups
    lr : float or tensor of one element
    betas : (beta1, beta2), each in [0, 1)
    eps : float, at least 0
    weight_decay : float, at least 0
        Applied as the dialect does: in "pytorch" it joins the gradient (L2).
    decoupled_weight_decay : bool
        Multiply the parameters by 1 - lr*weight_decay instead, whatever the dialect.
    foreach : bool, optional
        False steps one tensor after the other; otherwise many are stepped together.
    maximize : bool
        Ascend instead of descend.
    capturable : bool
        Keep the step number on the device and read nothing back, for CUDA graphs (S3).
    differentiable : bool
        Let gradients through the step, for parameters that are no leaves.
    fused : bool, optional
        True compiles the step on a GPU, by torch.compile. On a CPU every step of plain tensors is
        one pass over memory: `radam_adapters.numpy_fused`, which is fastest with numba.
    dialect : str or radam_ref.Dialect
        A name keeps the state_dict loadable with weights_only=True.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        For a hyper-parameter out of range or flags that exclude each other; the message names
        them and what is allowed.

    Notes
    -----
    The state of a parameter has torch's names: `step`, `exp_avg`, `exp_avg_sq`. `step` is float64,
    which counts on where torch's float32 stops, at 2^24; the moments of half precision parameters
    are float32 (S9). A state_dict loads from and into torch.optim.RAdam. A first step with lr = 0
    whose gradients are all zero lays out the state and is not counted: so the helpers of
    torch.distributed.checkpoint ask for it.

    Examples
    --------
    >>> x = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = RAdam([x], lr=0.25)
    >>> x.grad = 2 * x.detach()
    >>> optimizer.step()
    >>> x.data
    tensor([ 0.5000, -1.0000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        dialect: str | Dialect = "pytorch",
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
            "fused": fused,
            "dialect": dialect,
        }
        check(defaults)
        Optimizer.__init__(self, params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group; its hyper-parameters are checked like the constructor's."""
        if isinstance(param_group, dict):
            check({**self.defaults, **param_group})
        super().add_param_group(param_group)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state, ours or torch.optim.RAdam's, into groups alike.

        What torch would round to the dtype of the parameters, or the step number to float32, is
        kept as it was saved.
        """
        saved: dict[str, Any] = {}
        hooks = (
            self.register_load_state_dict_pre_hook(lambda _, state: saved.update(state)),
            self.register_load_state_dict_post_hook(lambda _: self._unround(saved), prepend=True),
        )
        try:
            super().load_state_dict(state_dict)
        finally:
            for hook in hooks:
                hook.remove()

    def _unround(self, saved: dict[str, Any]) -> None:
        numbers = chain.from_iterable(group["params"] for group in saved["param_groups"])
        owners = [(param, group) for group in self.param_groups for param in group["params"]]
        for number, (param, group) in zip(numbers, owners, strict=True):
            before = saved["state"].get(number)
            if before:
                self.state[param].update(_suited(before, param, group))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        for group in self.param_groups:
            group.setdefault("dialect", self.defaults["dialect"])
            group.setdefault("fused", None)
            for param in group["params"]:
                kept = self.state.get(param)
                if kept:
                    kept.update(_suited(kept, param, group))

    def _init_group(
        self,
        group: dict[str, Any],
        params: list[Tensor],
        grads: list[Tensor],
        exp_avgs: list[Tensor],
        exp_avg_sqs: list[Tensor],
        state_steps: list[Tensor],
    ) -> None:
        """Fill the lists; torch.compile knows a method of this name and calls it untraced."""
        for param in group["params"]:
            if param.grad is None:
                continue
            if param.grad.is_sparse:
                raise RuntimeError("RAdam does not support sparse gradients")
            kept = self.state[param]
            if not kept:
                step, exp_avg, exp_avg_sq = init(param)
                if configuration(group).axes.complex == "componentwise":
                    exp_avg_sq = torch.zeros_like(exp_avg)
                kept.update(step=step, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq)
                kept.update(_suited(kept, param, group))
            params.append(param)
            grads.append(param.grad)
            exp_avgs.append(kept["exp_avg"])
            exp_avg_sqs.append(kept["exp_avg_sq"])
            state_steps.append(kept["step"])

    @_use_grad_for_differentiable
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step with the gradients at hand; returns what `closure` returned, or None."""
        self._accelerator_graph_capture_health_check()
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        asked_for_state = not torch.compiler.is_compiling() and self._is_asked_for_its_state()
        for group in self.param_groups:
            tensors: tuple[list[Tensor], ...] = ([], [], [], [], [])
            self._init_group(group, *tensors)
            if not asked_for_state:
                _radam(list(zip(*tensors, strict=True)), group)
        return loss

    def _is_asked_for_its_state(self) -> bool:
        """Whether this is a checkpoint helper's first step, of zeros with lr = 0 (pytorch#164929).

        It wants the state laid out; a step would count, and decay would enter the moments.
        """
        if self.state or any(group["lr"] != 0 for group in self.param_groups):
            return False
        grads = [p.grad for group in self.param_groups for p in group["params"]]
        shown = [grad for grad in grads if grad is not None and not grad.is_sparse]
        # Every process must come to the same answer, whatever its shard holds.
        whole = (grad.full_tensor() if hasattr(grad, "full_tensor") else grad for grad in shown)
        return not any(bool(grad.any()) for grad in whole)


def _radam(tensors: list[tuple[Tensor, ...]], group: dict[str, Any]) -> None:
    """Step (param, grad, exp_avg, exp_avg_sq, step) of each tensor of a group, in place."""
    hyper, dialect = {name: group[name] for name in HYPER}, group["dialect"]
    if isinstance(dialect, Dialect):  # torch.compile passes no objects on
        hyper["dialect"] = tuple(getattr(dialect, axis) for axis in AXES)
    compiling = torch.compiler.is_compiling()
    one_by_one = group["differentiable"] or (group["foreach"] is False and not compiling)
    together = _fused_radam if group["fused"] else _multi_tensor_radam
    step = _single_tensor_radam if one_by_one else together
    step(tensors, group["lr"], hyper, compiling or group["capturable"])


def _suited(kept: dict[str, Any], param: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
    """What of a state is not in the dtype of `param`: the step number, the moments of a half."""
    place = param.device if group["capturable"] else None
    own = {"step": torch.as_tensor(kept["step"], dtype=torch.float64, device=place)}
    if param.dtype in (torch.float16, torch.bfloat16):
        for name in ("exp_avg", "exp_avg_sq"):
            own[name] = kept[name].to(param.device, torch.float32)
    return own


def check(group: dict[str, Any]) -> None:
    """Refuse hyper-parameters out of range, in torch's words and ours."""
    lr = group["lr"]
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError(f"Tensor lr must be 1-element, got {lr!r}")
    if isinstance(lr, Tensor) and not lr.dtype.is_floating_point:
        raise TypeError(f"lr must be a float or one floating number in a tensor, got {lr!r}")
    try:
        replace(configuration(group), lr=lr.item() if isinstance(lr, Tensor) else lr)
    except ValueError as error:
        name = str(error).partition(" ")[0]
        if name not in TORCH_SAYS:
            raise
        value = str(error).rpartition("got ")[2]
        raise ValueError(f"{TORCH_SAYS[name]}: {value}; {error}") from None
    for flag in FLAGS:
        allowed = (True, False, None) if flag in ("foreach", "fused") else (True, False)
        if not any(group[flag] is choice for choice in allowed):
            raise TypeError(f"{flag} must be one of {allowed}, got {group[flag]!r}")
    if group["fused"] and group["foreach"]:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    if group["fused"] and group["differentiable"]:
        raise RuntimeError("`fused` does not support `differentiable`")
