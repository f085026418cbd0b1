"""RAdam with the face of a Torch optimizer, over the plain step of radam_ref."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, ParamsT

from radam_ref import Dialect, RAdamConfig, RAdamState, init, step


class RAdam(Optimizer):
    """RAdam for Torch parameters, exact where torch.optim.RAdam loses digits.

    Parameters
    ----------
    params : iterable of tensors or of parameter groups
    lr : float or 0-d tensor
    betas : (beta1, beta2), each in [0, 1)
    eps : float, at least 0
    weight_decay : float, at least 0
        Applied as the dialect does: in "pytorch" it joins the gradient (L2).
    decoupled_weight_decay : bool
        Multiply the parameters by 1 - lr*weight_decay instead, whatever the dialect.
    maximize : bool
        Ascend instead of descend.
    dialect : str or radam_ref.Dialect
        A name keeps the state_dict loadable with weights_only=True.

    Raises
    ------
    TypeError, ValueError
        For a hyper-parameter out of range; the message names it and what is allowed.

    Notes
    -----
    The state of a parameter has torch's names: `step` (an int), `exp_avg`, `exp_avg_sq`. Of torch's
    arguments foreach, capturable and differentiable are not taken yet.

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
        maximize: bool = False,
        dialect: str | Dialect = "pytorch",
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "dialect": dialect,
        }
        _config(defaults)
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group; its hyper-parameters are checked like the constructor's."""
        group = {**self.defaults, **param_group}
        replace(_config(group), lr=float(group["lr"]))  # the one time that a tensor lr is looked at
        super().add_param_group(param_group)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state, ours or torch.optim.RAdam's, into groups alike.

        Moments of half precision parameters are float32, where torch would make them half.
        """
        super().load_state_dict(state_dict)
        saved = chain.from_iterable(group["params"] for group in state_dict["param_groups"])
        params = chain.from_iterable(group["params"] for group in self.param_groups)
        for number, param in zip(saved, params, strict=True):
            kept = state_dict["state"].get(number)
            if kept and param.dtype in (torch.float16, torch.bfloat16):
                for name in ("exp_avg", "exp_avg_sq"):
                    self.state[param][name] = kept[name].to(param.device, torch.float32)
        for group in self.param_groups:
            group.setdefault("dialect", self.defaults["dialect"])

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step with the gradients at hand; returns what `closure` returned, or None."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            config = _config(group)
            for param in group["params"]:
                if param.grad is not None:
                    self._step_param(param, config, group["lr"])
        return loss

    def _step_param(self, param: Tensor, config: RAdamConfig, lr: float | Tensor) -> None:
        if param.grad.is_sparse:  # type: ignore[union-attr]
            raise RuntimeError("RAdam does not support sparse gradients")
        kept = self.state[param]
        before = (
            RAdamState(int(kept["step"]), kept["exp_avg"], kept["exp_avg_sq"])
            if kept
            else init(param)
        )
        if isinstance(lr, Tensor):
            lr = lr.to(param.device).reshape(())
        value, (t, m, v) = step(param, param.grad, before, config, lr=lr)
        param.copy_(value)
        kept.update(step=t, exp_avg=m, exp_avg_sq=v)


def _config(group: dict[str, Any]) -> RAdamConfig:
    """The hyper-parameters of a group; a tensor lr, which may live on a device, stays out."""
    lr, betas = group["lr"], group["betas"]
    if not isinstance(betas, Sequence) or len(betas) != 2:
        raise ValueError(f"betas must be a pair (beta1, beta2), got {betas!r}")
    if isinstance(lr, Tensor) and not (lr.dtype.is_floating_point and lr.numel() == 1):
        raise TypeError(f"lr must be a float or one floating number in a tensor, got {lr!r}")
    config = RAdamConfig(
        lr=0.0 if isinstance(lr, Tensor) else lr,
        beta1=betas[0],
        beta2=betas[1],
        eps=group["eps"],
        weight_decay=group["weight_decay"],
        maximize=group["maximize"],
        dialect=group["dialect"],
    )
    if config.axes.eps_placement == "floor":
        raise ValueError("eps_placement must be after_correction or before_correction, got 'floor'")
    if group["decoupled_weight_decay"]:
        config = replace(config, dialect=replace(config.axes, weight_decay="decoupled"))
    return config
