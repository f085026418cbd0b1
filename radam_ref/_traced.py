"""The terms of a step whose t or hyper-parameters are arrays: under jit, on a device (S3).

rho_t is computed without its cancellation, from x = -log(beta2) and the Langevin function
L(y) = coth(y) - 1/y:

    rho_inf = coth(x/2)                    2*t*beta2^t/(1-beta2^t) = t*(coth(t*x/2) - 1)
    rho_t   = t*(1 - L(t*x/2)) + L(x/2)    every term positive

and the branch is an exact test of integers, t >= t0, because rho_t grows with t.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from math import inf
from typing import Any

from array_api_compat import array_namespace

from . import _terms
from ._config import RAdamConfig
from ._dtypes import place
from ._terms import Coefficients, Form

Array = Any

# What is left of 70 digits after a logarithm and a difference is more than a float has.
DIGITS = Context(prec=70, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


@lru_cache(maxsize=256)
def first_rectified(beta2: float, threshold: float) -> int | None:
    """t0, the first t with rho_t > threshold; None if rho_inf does not exceed it."""
    if Fraction(*_terms.rho_inf(beta2)) <= threshold:
        return None

    def tractable(t: int) -> bool:
        return _terms.rectification(t, beta2, threshold) is not None

    last = 1
    while not tractable(last):
        last *= 2
    return 1 + bisect_left(range(1, last), True, key=tractable)


@lru_cache(maxsize=256)
def host_negative_log(beta: float) -> float:
    """x = -log(beta), rounded once; infinite for beta = 0."""
    with localcontext(DIGITS):
        return float(-Decimal(beta).ln()) if beta else inf


@lru_cache(maxsize=256)
def host_offset_and_scale(beta2: float) -> tuple[float, float]:
    """L(x/2) = rho_inf - 2/x, and rho_inf/((rho_inf-4)(rho_inf-2)) of line 11, rounded once."""
    p, q = _terms.rho_inf(beta2)
    with localcontext(DIGITS):
        offset = float(Decimal(p) / q + 2 / Decimal(beta2).ln())
    return offset, _terms.rounded(_terms.r_scale(beta2), "float64")


def negative_log(beta: Any, xp: Any) -> Any:
    """x = -log(beta) of a float or of an array; 1 - beta is exact for beta in [1/2, 1)."""
    return host_negative_log(beta) if isinstance(beta, float) else -xp.log1p(-(1 - beta))


def offset_and_scale(beta2: Any, xp: Any) -> tuple[Any, Any]:
    """As on the host, for a float or an array; finite also where rho_inf <= 4."""
    if isinstance(beta2, float):
        return host_offset_and_scale(beta2)
    rho_inf = (1 + beta2) / (1 - beta2)
    safe = xp.where(rho_inf > 4, rho_inf, rho_inf * 0 + 5)
    offset = 1 - langevin_complement(negative_log(beta2, xp) / 2, xp)
    return offset, safe / ((safe - 4) * (safe - 2))


def bias_correction(t: Array, beta: Any, xp: Any) -> Array:
    """1 - beta^t."""
    return -xp.expm1(-t * negative_log(beta, xp))


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


def rectifier(t: Array, beta2: Any, threshold: Any, xp: Any) -> tuple[Array, Array]:
    """Whether the variance is tractable, and r_t; where it is not, a number of finite gradient."""
    offset, scale = offset_and_scale(beta2, xp)
    rho_t = t * langevin_complement(t * (negative_log(beta2, xp) / 2), xp) + offset
    concrete = isinstance(beta2, float) and isinstance(threshold, float)
    t0 = first_rectified(beta2, threshold) if concrete else None
    tractable = t >= t0 if t0 else rho_t > threshold
    above_4 = 4 + 4 * float(xp.finfo(rho_t.dtype).eps)  # where a rho_t beside 4 is rounded to it
    rho_t = xp.where(tractable & (rho_t > 4), rho_t, rho_t * 0 + above_4)
    return tractable, xp.sqrt((rho_t - 4) * ((rho_t - 2) / rho_t) * scale)  # line 11


def root_at_zero(eps: Any, eps_root: Any, dtype: str, xp: Any) -> Any:
    """The root where v = 0; infinite, so that nothing moves, where nothing keeps it from 0 (S5)."""
    normal = _terms.NORMAL[dtype]
    if isinstance(eps, float) and isinstance(eps_root, float):
        return inf if eps < normal else 0.0
    eps, eps_root = (xp.asarray(x, dtype=getattr(xp, dtype)) for x in (eps, eps_root))
    positive = eps_root >= normal
    root = xp.sqrt(xp.where(positive, eps_root, eps_root * 0 + 1))
    return xp.where(positive, root, xp.where(eps < normal, eps * 0 + inf, eps * 0))


def at_host_count(xp: Any, params: Array) -> Callable[..., Any]:
    """The terms for a t that is an int beside hyper-parameters that are arrays."""

    def with_t_beside_params(t: int, *arguments: Any) -> tuple[Form, Coefficients]:
        return coefficients(xp.asarray(t, device=place(params)), *arguments)

    return with_t_beside_params


def guarded(terms: Callable[..., Any]) -> Callable[..., Any]:
    """The same terms with a root that is kept from zero, where its derivative is infinite."""

    def with_guard(*arguments: Any) -> tuple[Form, Coefficients]:
        form, c = terms(*arguments)
        needed = form.rectified is not False and not form.eps_root
        return form._replace(guarded=form.guarded or needed), c

    return with_guard


def widest_real(t: Array, dtype: str, xp: Any) -> Any:
    """float64 where the device of `t` has it, else float32."""
    try:
        reals = xp.__array_namespace_info__().dtypes(device=place(t), kind="real floating")
    except (AttributeError, RuntimeError):  # a standard before 2023.12 cannot be asked
        return getattr(xp, dtype)
    return reals.get("float64", xp.float32)


def coefficients(t: Array, config: RAdamConfig, lr: float, dtype: str) -> tuple[Form, Coefficients]:
    """As `_terms.coefficients`, with 0-d arrays beside `t` for what depends on an array."""
    xp, axes = array_namespace(t), config.axes
    steps = xp.astype(t, widest_real(t, dtype, xp))
    beta1, beta2, eps, threshold, eps_root = (
        number if isinstance(number, float) else xp.astype(number, steps.dtype)
        for number in (config.beta1, config.beta2, config.eps, axes.threshold, axes.eps_root)
    )
    lowest = threshold if isinstance(threshold, float) else 4.0
    never = isinstance(beta2, float) and first_rectified(beta2, lowest) is None
    form, c = _terms.coefficients(1, _settled(config, never), lr, dtype)
    correction1, correction2 = (bias_correction(steps, beta, xp) for beta in (beta1, beta2))
    now = {"i1": 1 / correction1, "i2": 1 / correction2}
    now |= {} if isinstance(beta1, float) else {"beta1": beta1, "w1": 1 - beta1}
    now |= {} if isinstance(beta2, float) else {"beta2": beta2, "w2": 1 - beta2}
    if axes.nesterov:
        now["i1"] = beta1 / bias_correction(steps + 1, beta1, xp)
        now["n2"] = (1 - beta1) / correction1
    now |= {} if isinstance(eps, float) else {"eps": eps}
    now |= {} if isinstance(eps_root, float) else {"eps_root": eps_root}
    if axes.eps_placement == "before_correction":
        now["eps"] = eps / xp.sqrt(correction2)
    if not never:
        tractable, now["r"] = rectifier(steps, beta2, threshold, xp)
        if axes.unrectified == "hold":
            now["lr"] = xp.where(tractable, steps * 0 + c.lr, steps * 0)
            now["shrink"] = xp.where(tractable, steps * 0 + c.shrink, steps * 0 + 1)
        at_zero = root_at_zero(eps, eps_root, dtype, xp)  # eps_t falls towards eps
        c = c._replace(tractable=tractable, at_zero=at_zero)
        kept_from_0 = form.eps_root and isinstance(eps_root, float)
        guarded = not kept_from_0 and not (isinstance(at_zero, float) and at_zero == 0)
        form = form._replace(rectified=None, guarded=guarded)
    return form, c._replace(**{k: xp.astype(x, getattr(xp, dtype)) for k, x in now.items()})


def _settled(config: RAdamConfig, never: bool) -> RAdamConfig:
    """A config whose coefficients at t = 1 are those of any step, but for what an array gives."""
    axes = config.axes
    beta1, beta2, eps, threshold, eps_root = (
        number if isinstance(number, float) else placeholder
        for number, placeholder in (
            (config.beta1, 0.5), (config.beta2, 0.5), (config.eps, 1.0),
            (axes.threshold, 4.0), (axes.eps_root, 1.0),
        )
    )  # fmt: skip
    dialect = replace(axes, threshold=threshold, eps_root=eps_root)
    dialect = dialect if never else replace(dialect, unrectified="momentum")
    return replace(config, dialect=dialect, beta1=beta1, beta2=beta2, eps=eps)
