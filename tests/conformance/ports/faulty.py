"""`func:faulty.py:step`: Algorithm 2 in the paper's dialect, with one of the faults in `FAULTS`."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
State = tuple[int, Array, Array]

FAULTS = (
    "t counts twice",
    "t starts at 2",
    "not rectified",
    "r inverted",
    "v uncorrected",
    "m uncorrected",
    "eps under the root",
    "lr twice",
    "betas exchanged",
    "betas in float32",
    "threshold 4.5",
)


def step(
    params: Array, grads: Array, state: State | None, hyper: Mapping[str, float], *, fault: str
) -> tuple[Array, State]:
    """One step with the fault."""
    lr, beta1, beta2, eps = (hyper[name] for name in ("lr", "beta1", "beta2", "eps"))
    if fault == "betas exchanged":
        beta1, beta2 = beta2, beta1
    if fault == "betas in float32":
        beta1, beta2 = float(np.float32(beta1)), float(np.float32(beta2))
    t, m, v = state or (int(fault == "t starts at 2"), 0 * params, 0 * params)
    t += 2 if fault == "t counts twice" else 1
    m = beta1 * m + (1 - beta1) * grads
    v = beta2 * v + (1 - beta2) * grads * grads
    m_hat = m if fault == "m uncorrected" else m / (1 - beta1**t)
    rho_inf = 2 / (1 - beta2) - 1
    rho_t = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    if rho_t <= (4.5 if fault == "threshold 4.5" else 4.0):
        return params - lr * m_hat, (t, m, v)
    r_t = math.sqrt((rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t))
    r_t = {"not rectified": 1.0, "r inverted": 1 / r_t}.get(fault, r_t)
    v_hat = v if fault == "v uncorrected" else v / (1 - beta2**t)
    root = np.sqrt(v_hat + eps) if fault == "eps under the root" else np.sqrt(v_hat) + eps
    alpha = lr * lr if fault == "lr twice" else lr
    return params - alpha * r_t * m_hat / root, (t, m, v)
