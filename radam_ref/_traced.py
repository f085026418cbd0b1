"""The terms of a step whose number t is an array: under jit, on a device, in a captured graph (S3).

rho_t is computed without its cancellation, from x = -log(beta2) and the Langevin function
L(y) = coth(y) - 1/y:

    rho_inf = coth(x/2)                    2*t*beta2^t/(1-beta2^t) = t*(coth(t*x/2) - 1)
    rho_t   = t*(1 - L(t*x/2)) + L(x/2)    every term positive

and the branch is an exact test of integers, t >= t0, because rho_t grows with t.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from decimal import localcontext
from functools import lru_cache
from math import inf
from typing import Any

from array_api_compat import array_namespace, device

from . import _terms
from ._config import RAdamConfig
from ._terms import EXACT, Coefficients, Form, exact, exact_rho, exact_rho_inf

Array = Any


@lru_cache(maxsize=256)
def first_rectified(beta2: float, threshold: float) -> int | None:
    """t0, the first t with rho_t > threshold; None if rho_inf does not exceed it."""
    with localcontext(EXACT):
        if exact_rho_inf(beta2) <= exact(threshold):
            return None
        last = 1
        while exact_rho(last, beta2) <= exact(threshold):
            last *= 2
        return 1 + bisect_right(range(1, last), exact(threshold), key=lambda t: exact_rho(t, beta2))


@lru_cache(maxsize=256)
def negative_log(beta: float) -> float:
    """x = -log(beta), rounded once; infinite for beta = 0."""
    with localcontext(EXACT):
        return float(-exact(beta).ln()) if beta else inf


@lru_cache(maxsize=256)
def offset_and_scale(beta2: float) -> tuple[float, float]:
    """L(x/2) = rho_inf - 2/x, and rho_inf/((rho_inf-4)(rho_inf-2)) of line 11, rounded once."""
    with localcontext(EXACT):
        rho_inf = exact_rho_inf(beta2)
        scale = rho_inf / ((rho_inf - 4) * (rho_inf - 2))
        return float(rho_inf + 2 / exact(beta2).ln()), float(scale)


def bias_correction(t: Array, beta: float, xp: Any) -> Array:
    """1 - beta^t."""
    return -xp.expm1(-t * negative_log(beta))


def langevin_complement(y: Array, xp: Any) -> Array:
    """1 - L(y) within 2 ulp for y > 0: by L's continued fraction up to 1, by exp beyond.

    L(y) = y/(3 + y^2/(5 + y^2/(7 + ...))) (Lambert 1761); 13 terms leave 2^-60 at y = 1.
    """
    small = y < 1
    near = xp.where(small, y, y * 0 + 1)  # each side sees only arguments that it can take
    far = xp.where(small, y * 0 + 1, y)
    fraction = near * 0 + 27
    for odd in range(25, 1, -2):
        fraction = odd + near * near / fraction
    coth_minus_1 = -2 * xp.exp(-2 * far) / xp.expm1(-2 * far)
    return xp.where(small, 1 - near / fraction, 1 / far - coth_minus_1)


def rectifier(t: Array, tractable: Array, beta2: float, xp: Any) -> Array:
    """r_t where tractable; elsewhere a number whose gradient is finite."""
    offset, scale = offset_and_scale(beta2)
    rho_t = t * langevin_complement(t * (negative_log(beta2) / 2), xp) + offset
    above_4 = 4 + 4 * float(xp.finfo(rho_t.dtype).eps)  # where a rho_t beside 4 is rounded to it
    rho_t = xp.where(tractable & (rho_t > 4), rho_t, rho_t * 0 + above_4)
    return xp.sqrt((rho_t - 4) * ((rho_t - 2) / rho_t) * scale)  # line 11


def guarded(terms: Callable[..., Any]) -> Callable[..., Any]:
    """The same terms with a root that is kept from zero, where its derivative is infinite."""

    def with_guard(*arguments: Any) -> tuple[Form, Coefficients]:
        form, c = terms(*arguments)
        return form._replace(guarded=form.rectified is not False and not form.eps_root), c

    return with_guard


def widest_real(t: Array, dtype: str, xp: Any) -> Any:
    """float64 where the device of `t` has it, else float32."""
    try:
        reals = xp.__array_namespace_info__().dtypes(device=device(t), kind="real floating")
    except (AttributeError, RuntimeError):  # a standard before 2023.12 cannot be asked
        return getattr(xp, dtype)
    return reals.get("float64", xp.float32)


def coefficients(t: Array, config: RAdamConfig, lr: float, dtype: str) -> tuple[Form, Coefficients]:
    """As `_terms.coefficients`, with 0-d arrays beside `t` for what depends on it."""
    xp, axes = array_namespace(t), config.axes
    t0 = first_rectified(config.beta2, axes.threshold)
    form, c = _terms.coefficients(t0 or 1, config, lr, dtype)
    steps = xp.astype(t, widest_real(t, dtype, xp))
    correction1, correction2 = (bias_correction(steps, b, xp) for b in (config.beta1, config.beta2))
    now = {"i1": 1 / correction1, "i2": 1 / correction2}
    if axes.nesterov:
        now["i1"] = config.beta1 / bias_correction(steps + 1, config.beta1, xp)
        now["n2"] = c.w1 / correction1
    if axes.eps_placement == "before_correction":
        now["eps"] = config.eps / xp.sqrt(correction2)
    if t0:
        tractable = t >= t0
        now["r"] = rectifier(steps, tractable, config.beta2, xp)
        if axes.unrectified == "hold":
            now["lr"] = xp.where(tractable, steps * 0 + c.lr, steps * 0)
            now["shrink"] = xp.where(tractable, steps * 0 + c.shrink, steps * 0 + 1)
        at_zero = inf if config.eps < _terms.NORMAL[dtype] else 0.0  # eps_t falls towards eps
        c = c._replace(tractable=tractable, at_zero=at_zero)
        form = form._replace(rectified=None, guarded=not form.eps_root)
    return form, c._replace(**{k: xp.astype(x, getattr(xp, dtype)) for k, x in now.items()})
