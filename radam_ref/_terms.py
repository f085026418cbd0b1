"""The terms that depend on t, beta and the dialect alone, in whole numbers and so without loss.

A quotient (p, q) of whole numbers stands for what is rounded once, at the end; so does a float.
"""

from __future__ import annotations

import math
from collections import namedtuple
from ctypes import c_float
from fractions import Fraction
from functools import lru_cache

from ._config import RAdamConfig

# 2t units of 2^-BITS in beta^t are less than 2^110 in rho_t, for t to 2^53; later beta^t vanishes.
BITS, ONE = 256, 1 << 256
Quotient = tuple[int, int]


@lru_cache(maxsize=256)
def power(beta: float, t: int) -> int:
    """beta^t in units of 2^-BITS, within 2t of them."""
    (n, d), value = beta.as_integer_ratio(), ONE  # d is a power of two
    for bit in f"{t:b}":
        value = value * value >> BITS
        value = value * n >> (d.bit_length() - 1) if bit == "1" else value
    return max(value, int(n > 0))  # never 0, which would hide the side of a tie it is on


def rho_inf(beta2: float) -> Quotient:
    """The maximum length of the approximated SMA, 2/(1 - beta2) - 1."""
    n, d = beta2.as_integer_ratio()
    return d + n, d - n  # line 2


def rho(t: int, beta2_t: int, limit: Quotient) -> Quotient:
    """The length of the approximated SMA, rho_inf - 2*t*beta2^t/(1 - beta2^t)."""
    p, q = limit
    return p * (ONE - beta2_t) - q * 2 * t * beta2_t, q * (ONE - beta2_t)  # line 8


@lru_cache(maxsize=256)
def r_scale(beta2: float) -> Quotient:
    """rho_inf/((rho_inf - 4)*(rho_inf - 2)), of line 11."""
    p, q = rho_inf(beta2)
    return p * q, (p - 4 * q) * (p - 2 * q)


def r_squared(rho_t: Quotient, scale: Quotient) -> Quotient:
    """(rho_t - 4)*(rho_t - 2)/rho_t by the scale."""
    (p, q), (n, d) = rho_t, scale
    return (p - 4 * q) * (p - 2 * q) * n, p * q * d  # line 11


def bias_correction(beta_t: int) -> Quotient:
    """1/(1 - beta^t)."""
    return ONE, ONE - beta_t  # lines 7 and 10


def momentum_corrections(beta1: float, beta1_t: int, nesterov: bool) -> tuple[Quotient, Quotient]:
    """i1 and n2 of m_hat = i1*m + n2*g; Nadam's are beta1/(1 - beta1^(t+1)) and (1 - beta1)*i1."""
    if not nesterov:
        return bias_correction(beta1_t), (0, 1)
    n, d = beta1.as_integer_ratio()
    return (n * ONE, d * ONE - n * beta1_t), ((d - n) * ONE, d * (ONE - beta1_t))


def eps_squared(eps: float, i2: Quotient) -> Quotient:
    """eps_t^2 of an eps that is added before the bias correction."""
    (n, d), (p, q) = eps.as_integer_ratio(), i2
    return n * n * p, d * d * q


def root(p: int, q: int) -> Quotient:
    """sqrt(p/q) in 66 bits, and one more that stands for all that follow."""
    shift = max(0, 66 + (q.bit_length() - p.bit_length()) // 2)
    square = p << 2 * shift
    whole = math.isqrt(square // q)
    return 2 * whole + (whole * whole * q != square), 2 << shift


def rectification(t: int, beta2: float, threshold: float) -> Quotient | None:
    """r_t, or None while the variance is intractable."""
    p, q = rho_t = rho(t, power(beta2, t), rho_inf(beta2))
    n, d = threshold.as_integer_ratio()
    return root(*r_squared(rho_t, r_scale(beta2))) if p * d > n * q else None  # line 9


def rounded(value: Quotient | Fraction | float, dtype: str) -> float:
    """The value rounded once to "float64" or "float32", ties to even."""
    p, q = value if isinstance(value, tuple) else value.as_integer_ratio()
    shift = 40 + q.bit_length() - p.bit_length()  # 40 bits are a double that tells any tie
    try:
        if dtype == "float64":
            return p / q
        whole, rest = divmod(p << max(0, shift), q << max(0, -shift))
        return c_float(math.ldexp(whole | (rest > 0), -shift)).value
    except OverflowError:
        return math.inf if p > 0 else -math.inf


# Which bracketed terms the formula has; rectified None leaves it to c.tractable (S3).
Form = namedtuple("Form", "rectified ascends coupled nesterov eps_root guarded shrinks")
# The formula's scalars, floats or 0-d arrays; at_zero: the root where v = 0, infinite for eps = 0.
Coefficients = namedtuple(
    "Coefficients", "wd beta1 w1 beta2 w2 eps_root i1 i2 r eps at_zero n2 shrink lr tractable"
)
NORMAL = {"float32": 2.0**-126, "float64": 2.0**-1022}  # an eps below may be flushed to 0


@lru_cache(maxsize=256)
def constants(config: RAdamConfig, dtype: str) -> list[float]:
    """The coefficients that no step changes, wd to eps_root."""
    beta1, beta2 = Fraction(config.beta1), Fraction(config.beta2)
    values = (config.weight_decay, beta1, 1 - beta1, beta2, 1 - beta2, config.axes.eps_root)
    return [rounded(value, dtype) for value in values]


@lru_cache(maxsize=256)
def rates(config: RAdamConfig, lr: float, dtype: str) -> tuple[float, float]:
    """shrink and lr where params move: lines 12 and 14."""
    factor = {"decoupled": lr, "absolute": 1.0, "coupled": 0.0}[config.axes.weight_decay]
    decay = Fraction(config.weight_decay) * Fraction(factor) if config.weight_decay else 0
    return rounded(1 - decay, dtype), rounded(lr, dtype)


@lru_cache(maxsize=256)
def coefficients(t: int, config: RAdamConfig, lr: float, dtype: str) -> tuple[Form, Coefficients]:
    """The form and the coefficients of step t >= 1, for "float32" or "float64" arithmetic."""
    axes, eps, beta2_t = config.axes, config.eps.as_integer_ratio(), power(config.beta2, t)
    i1, n2 = momentum_corrections(config.beta1, power(config.beta1, t), axes.nesterov)
    i2 = bias_correction(beta2_t)
    if axes.eps_placement == "before_correction":
        eps = root(*eps_squared(config.eps, i2))
    r_t = rectification(t, config.beta2, axes.threshold)
    held = r_t is None and axes.unrectified == "hold"
    shrink, alpha = (1.0, 0.0) if held else rates(config, lr, dtype)
    *varying, eps_t, n2_t = (rounded(x, dtype) for x in (i1, i2, r_t or (0, 1), eps, n2))
    at_zero = math.inf if eps_t < NORMAL[dtype] else 0.0
    rest = (eps_t, at_zero, n2_t, shrink, alpha, 0.0)
    c = Coefficients._make([*constants(config, dtype), *varying, *rest])
    coupled = bool(c.wd) and axes.weight_decay == "coupled"
    guarded = r_t is not None and max(c.eps, c.eps_root) < NORMAL[dtype]
    terms = (config.maximize, coupled, axes.nesterov, c.eps_root != 0, guarded, shrink != 1)
    return Form(r_t is not None, *terms), c
