"""`func:radam_conformance.ports.thinc_radam:step`: RAdam as `thinc.optimizers.RAdam` computes it.

It counts a step in `Optimizer.__call__` and again in `_radam`, so t begins at 2 (the code's thread:
https://github.com/explosion/thinc/pull/452). Clipping and averages, which are on by default, are
off here: they are no part of RAdam.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

from numpy.typing import NDArray
from thinc.optimizers import RAdam
from thinc.schedules import constant

__version__ = version("thinc")
FEATURES = ("tensors", "missing", "schedule", "weight_decay", "coupled", "decoupled")

Array = NDArray[Any]
KEY = "x"  # thinc knows a parameter by a number and a name


class State(NamedTuple):
    """The optimizer, and the moments that it shows of the tensors seen so far."""

    optimizer: Any
    m: list[Array]
    v: list[Array]


def step(params: Any, grads: Any, state: State | None, hyper: Mapping[str, Any]) -> Any:
    """One step of the optimizer for each tensor that has a gradient.

    Parameters
    ----------
    params, grads : array or list of arrays
        At least one-dimensional, real; both are overwritten.
    state : State or None
        What the step before returned.
    hyper : Mapping
        lr, beta1, beta2, eps, weight_decay and decoupled; no maximize.

    Returns
    -------
    tuple
        The parameters after the step, and the state.
    """
    optimizer = _optimizer(hyper) if state is None else state.optimizer
    optimizer.learn_rate = constant(hyper["lr"])
    several = isinstance(params, list)
    pairs = zip(params, grads, strict=True) if several else [(params, grads)]
    moved = [
        param if grad is None else optimizer((i, KEY), param, grad)[0]
        for i, (param, grad) in enumerate(pairs)
    ]
    m, v = (
        [moments[i, KEY].reshape(x.shape) for i, x in enumerate(moved) if (i, KEY) in moments]
        for moments in (optimizer.mom1, optimizer.mom2)
    )
    return moved if several else moved[0], State(optimizer, m, v)


def _optimizer(hyper: Mapping[str, Any]) -> Any:
    return RAdam(
        hyper["lr"],
        beta1=hyper["beta1"],
        beta2=hyper["beta2"],
        eps=hyper["eps"],
        L2=hyper["weight_decay"],
        L2_is_weight_decay=hyper["decoupled"],
        grad_clip=0.0,
        use_averages=False,
    )
