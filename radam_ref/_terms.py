"""The terms that depend on t, beta and the dialect alone. What is a Decimal is under EXACT."""

from __future__ import annotations

import math
from collections import namedtuple
from ctypes import c_float
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from functools import lru_cache

from ._config import RAdamConfig

# 70 digits leave 30 after the worst cancellation of rho_t; the exponents hold any beta^t.
EXACT = Context(prec=70, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])
ROOT = Context(prec=40, traps=[])  # nothing cancels after the root
exact = lru_cache(maxsize=256)(Decimal)


@lru_cache(maxsize=256)
def power(beta: float, t: int) -> Decimal:
    """beta^t within 1e-69 of itself."""
    return exact(beta) ** t


@lru_cache(maxsize=256)
def exact_rho_inf(beta2: float) -> Decimal:
    """The maximum length of the approximated SMA."""
    return 2 / (1 - exact(beta2)) - 1  # line 2


def exact_rho(t: int, beta2: float) -> Decimal:
    """The length of the approximated SMA."""
    return exact_rho_inf(beta2) - 2 * t * power(beta2, t) / (1 - power(beta2, t))  # line 8


def exact_rectification(t: int, beta2: float, threshold: float) -> Decimal | None:
    """r_t, or None while the variance is intractable."""
    rho_inf, rho_t = exact_rho_inf(beta2), exact_rho(t, beta2)
    if rho_t <= exact(threshold):  # line 9
        return None
    r_t_squared = (rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t)
    return r_t_squared.sqrt(ROOT)  # line 11


def rounded(value: Decimal | float, dtype: str) -> float:
    """`value` rounded once to "float64" or "float32", ties to even."""
    number = float(value)
    if dtype == "float32" and isinstance(value, Decimal) and number:
        scale = Decimal(2) ** min(24 - math.frexp(number)[1], 149)  # 2^-149 is the last subnormal
        number = float(round(value * scale) / scale)
    return number if dtype == "float64" else c_float(number).value


# Which bracketed terms the formula has; rectified None leaves it to c.tractable (S3).
Form = namedtuple("Form", "rectified ascends coupled nesterov eps_root guarded shrinks")
# The formula's scalars, floats or 0-d arrays; at_zero: the root where v = 0, infinite for eps = 0.
Coefficients = namedtuple(
    "Coefficients", "wd beta1 w1 beta2 w2 eps_root i1 i2 r eps at_zero n2 shrink lr tractable"
)
NORMAL = {"float32": 2.0**-126, "float64": 2.0**-1022}  # an eps below may be flushed to 0


@lru_cache(maxsize=256)
def constants(config: RAdamConfig, dtype: str) -> tuple[float, ...]:
    """The coefficients that no step changes, wd to eps_root."""
    with localcontext(EXACT):
        wd, beta1, beta2 = map(exact, (config.weight_decay, config.beta1, config.beta2))
        values = (wd, beta1, 1 - beta1, beta2, 1 - beta2, config.axes.eps_root)
        return tuple(rounded(value, dtype) for value in values)


@lru_cache(maxsize=256)
def coefficients(t: int, config: RAdamConfig, lr: float, dtype: str) -> tuple[Form, Coefficients]:
    """The form and the coefficients of step t >= 1, for "float32" or "float64" arithmetic."""
    axes, alpha, n2, shrink = config.axes, rounded(lr, dtype), 0.0, 1.0
    with localcontext(EXACT):
        beta1, beta1_t, eps = exact(config.beta1), power(config.beta1, t), exact(config.eps)
        i1, i2 = 1 / (1 - beta1_t), 1 / (1 - power(config.beta2, t))
        if axes.nesterov:
            n2, i1 = rounded((1 - beta1) * i1, dtype), beta1 / (1 - beta1_t * beta1)
        if axes.eps_placement == "before_correction":
            eps = eps * i2.sqrt()
        r_t = exact_rectification(t, config.beta2, axes.threshold)
        if r_t is None and axes.unrectified == "hold":
            alpha = 0.0
        elif config.weight_decay and axes.weight_decay != "coupled":
            rate = exact(lr) if axes.weight_decay == "decoupled" else 1
            shrink = rounded(1 - rate * exact(config.weight_decay), dtype)
        varying = [rounded(x, dtype) for x in (i1, i2, r_t or 0.0, eps)]
    at_zero = math.inf if varying[-1] < NORMAL[dtype] else 0.0
    c = Coefficients._make([*constants(config, dtype), *varying, at_zero, n2, shrink, alpha, 0.0])
    coupled = bool(c.wd) and axes.weight_decay == "coupled"
    guarded = r_t is not None and max(c.eps, c.eps_root) < NORMAL[dtype]
    terms = (config.maximize, coupled, axes.nesterov, c.eps_root != 0, guarded, shrink != 1)
    return Form(r_t is not None, *terms), c
