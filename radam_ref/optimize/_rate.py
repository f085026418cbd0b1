"""The step size, in x's own units: a number, an array, or a function of t."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from array_api_compat import device, is_array_api_obj

from .._config import RAdamConfig, real
from .._traced import first_rectified
from ._leaves import Layout, Leaves

MISSING = (
    "lr must be given (or a config that carries it): it is about the distance that a coordinate "
    "may move in one step, in x's own units; try a hundredth of the distance to travel"
)


def configured(lr: Any, config: RAdamConfig | None) -> RAdamConfig:
    """The config of the run: lr in it if it is a number, `paper-hold` unless asked otherwise."""
    if config is not None and not isinstance(config, RAdamConfig):
        raise TypeError(f"config must be a RAdamConfig, got {config!r}")
    if lr is None and config is None:
        raise TypeError(MISSING)
    config = config or RAdamConfig(lr=1.0, dialect="paper-hold")
    if isinstance(lr, Real) or (lr is not None and not is_many(lr)):
        config = replace(config, lr=real("lr", lr))
    if config.maximize:
        raise ValueError("config.maximize must be False: a minimum is looked for; negate fun")
    if not all(isinstance(beta, float) for beta in (config.beta1, config.beta2)):
        raise TypeError(f"config must have numbers as betas, got {config!r}")
    if config.axes.eps_placement == "floor":
        raise ValueError("eps_placement must be after_correction or before_correction, got 'floor'")
    never = first_rectified(config.beta2, config.axes.threshold) is None
    if never and config.axes.unrectified == "hold":
        raise ValueError(
            f"config.beta2 must be larger: at {config.beta2!r} no step is ever rectified, and its "
            "dialect holds x still till then"
        )
    return config


def free_steps(config: RAdamConfig) -> float:
    """How many steps move by lr times the raw gradient; none where the dialect holds."""
    if config.axes.unrectified == "hold":
        return 0
    first = first_rectified(config.beta2, config.axes.threshold)
    return math.inf if first is None else first - 1


def is_many(lr: Any) -> bool:
    return callable(lr) or isinstance(lr, list | tuple) or is_array_api_obj(lr)


class Rate:
    """lr of step t for each leaf."""

    def __init__(self, lr: Any, config: RAdamConfig, layout: Layout, x: Leaves) -> None:
        self.layout, self.x = layout, x
        self.schedule: Callable[[int], Any] | None = lr if callable(lr) else None
        self.constant = () if callable(lr) else self._leaves(config.lr if lr is None else lr)

    def __call__(self, t: int) -> Leaves:
        """A float or an array for each leaf."""
        return self._leaves(self.schedule(t)) if self.schedule else self.constant

    def _leaves(self, lr: Any) -> Leaves:
        each = lr if self.layout.listed and isinstance(lr, list | tuple) else [lr] * len(self.x)
        if len(each) != len(self.x):
            raise ValueError(f"lr must be a list of {len(self.x)} as x0 is, got {len(each)}")
        return tuple(self._one(value, leaf) for value, leaf in zip(each, self.x, strict=True))

    def _one(self, lr: Any, leaf: Any) -> Any:
        if isinstance(lr, list | tuple | np.ndarray) and np.ndim(lr):
            lr = self.layout.xp.asarray(np.asarray(lr, np.float64).tolist(), device=device(leaf))
        if is_array_api_obj(lr) and lr.ndim:
            if not bool(self.layout.xp.all(lr >= 0)):  # also NaN
                raise ValueError(f"lr must be at least 0 everywhere, got {lr}")
            return lr
        if is_array_api_obj(lr):
            lr = float(lr)
        return lr if type(lr) is float and lr >= 0 else real("lr", lr)
