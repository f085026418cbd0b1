"""`func:binary32.py:step`: a right RAdam with its scalar terms in binary32, in several writings.

"running" products of beta; "narrowed": 1-beta2 formed in binary64; "plus" for (1+b)/(1-b); "expm1"
for 1-beta^t; "ratios" for r_t; "length": rho_t and r_t alone in binary32. With `reset` the moments
are lost at that step: a fault of its own beside the precision.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
F32 = np.float32
ONE, TWO, FOUR = F32(1), F32(2), F32(4)
WRITINGS = ("running", "narrowed", "plus", "expm1", "ratios", "length")


def corrections(beta: float, t: int, product: Any, writing: str) -> tuple[Any, Any]:
    """beta^t and 1 - beta^t."""
    narrow = F32(beta)
    if writing == "expm1":
        y = F32(t) * np.log(narrow) if beta else F32(-np.inf)
        return np.exp(y), -np.expm1(y)
    power = product if writing == "running" else F32(float(narrow) ** t)
    return power, ONE - power


def step(
    params: Array,
    grads: Array,
    state: Any,
    hyper: Mapping[str, float],
    *,
    writing: str,
    reset: int = 0,
) -> tuple[Array, Any]:
    """One step in the dialect of optax."""
    beta1, beta2 = hyper["beta1"], hyper["beta2"]
    t, m, v, product1, product2 = state or (0, 0 * params, 0 * params, ONE, ONE)
    t, product1, product2 = t + 1, product1 * F32(beta1), product2 * F32(beta2)
    if t == reset:
        m, v = 0 * m, 0 * v
    m = beta1 * m + (1 - beta1) * grads
    v = beta2 * v + (1 - beta2) * grads * grads
    _, correction1 = corrections(beta1, t, product1, writing)
    power, correction2 = corrections(beta2, t, product2, writing)
    rest = F32(1 - beta2) if writing == "narrowed" else ONE - F32(beta2)
    rho_inf = (ONE + F32(beta2)) / rest if writing == "plus" else TWO / rest - ONE
    rho_t = rho_inf - TWO * F32(t) * power / correction2
    if writing == "length":
        correction1, correction2 = 1 - beta1**t, 1 - beta2**t
    u = m / params.dtype.type(correction1)
    if rho_t > 5:
        if writing == "ratios":
            r2 = (rho_t - FOUR) / (rho_inf - FOUR) * (rho_t - TWO) / (rho_inf - TWO)
            r = np.sqrt(r2 * rho_inf / rho_t)
        else:
            top = (rho_t - FOUR) * (rho_t - TWO) * rho_inf
            r = np.sqrt(top / ((rho_inf - FOUR) * (rho_inf - TWO) * rho_t))
        u = params.dtype.type(r) * u
        u = u / (np.sqrt(v / params.dtype.type(correction2)) + params.dtype.type(hyper["eps"]))
    moved = params - params.dtype.type(hyper["lr"]) * u
    return moved, (t, m, v, product1, product2)
