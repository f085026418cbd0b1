"""`func:five_faults.py:step`: the steps of the loaders, with one of the faults in `FAULTS`."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
State = tuple[int, Array, Array]

FAULTS = (
    "not rectified",
    "eps dropped",
    "step counted twice",
    "threshold 6",
    "m uncorrected",
)


def step(
    params: Array,
    grads: Array,
    state: State | None,
    hyper: Mapping[str, float],
    *,
    fault: str = "none",
) -> tuple[Array, State]:
    """One step in the dialect of the paper, but for the fault."""
    lr, beta1, beta2, eps = (hyper[name] for name in ("lr", "beta1", "beta2", "eps"))
    count, m, v = state or (0, 0 * params, 0 * params)
    count += 1
    t = 2 * count if fault == "step counted twice" else count
    m = beta1 * m + (1 - beta1) * grads
    v = beta2 * v + (1 - beta2) * (grads * grads)
    m_hat = m if fault == "m uncorrected" else m / (1 - beta1**t)
    rho_inf = 2 / (1 - beta2) - 1
    rho_t = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    if rho_t <= (6 if fault == "threshold 6" else 4):
        return params - lr * m_hat, (count, m, v)
    r_t = math.sqrt((rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t))
    root = np.sqrt(v / (1 - beta2**t)) + (0 if fault == "eps dropped" else eps)
    adaptive = np.divide(m_hat, root, out=np.zeros_like(m_hat), where=root > 0)
    update = adaptive if fault == "not rectified" else r_t * adaptive
    return params - lr * update, (count, m, v)
