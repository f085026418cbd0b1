"""`func:textbook.py:step`: Algorithm 2 as people write it, its scalar terms in a chosen precision.

scalars="mixed": beta^t, rho_t and r_t in binary32 beside a rho_inf in binary64, as under a jit;
"closed": rho_inf in binary32 as well.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
State = tuple[int, Array, Array]


def step(
    params: Array,
    grads: Array,
    state: State | None,
    hyper: Mapping[str, float],
    *,
    threshold: float = 4.0,
    scalars: str = "binary64",
) -> tuple[Array, State]:
    """One step in the dialect of the paper, but for the threshold."""
    number = np.float64 if scalars == "binary64" else np.float32
    beta1, beta2 = hyper["beta1"], hyper["beta2"]
    t, m, v = state or (0, 0 * params, 0 * params)
    t = t + 1
    m = beta1 * m + (1 - beta1) * grads
    v = beta2 * v + (1 - beta2) * grads * grads
    m_hat = m / (1 - beta1**t)
    rho_inf = number(2 / (1 - beta2) - 1)
    if scalars == "closed":
        rho_inf = number(2) / (number(1) - number(beta2)) - number(1)
    power = number(beta2) ** number(t)
    correction2 = number(1) - power
    rho_t = rho_inf - number(2 * t) * power / correction2
    if rho_t > threshold:
        squared = (rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t)
        m_hat = float(np.sqrt(squared)) * m_hat / (np.sqrt(v / float(correction2)) + hyper["eps"])
    return params - hyper["lr"] * m_hat, (t, m, v)
