"""How far a right program may be from the exact trajectory: a running bound in ball arithmetic.

Every rounding is a ball 1 +- u and every coefficient carries the balls of all operations it takes
part in, so `algorithm`'s own text encloses the parameters of every right program. The counts cover
the sum and the `lerp` form of line 6, line 5 as w2*g*g in any order, moments that are stored
debiased (m_hat, v_hat), correction by division or by a rounded reciprocal, a step size folded into
the scalars or multiplied in anywhere, a division by way of a reciprocal, a square root that is
2 units off, decay inside or outside the sum, and fma, which only saves roundings. Underflow is
gradual: a product or a quotient may be off by the smallest number besides.

Every unit roundoff counts `SLACK` times: a program within the counts is within 1/SLACK of the bound
whatever its roundings, and second-order terms have room. Those of half precision are so large that
they count `HALF_SLACK` times. A complex number times a real one takes no more roundings than the
two products of its parts; |g|^2 may come from a rounded absolute value.

Two models. `exact_scalar`: each coefficient is its exact value, rounded once to the dtype.
`binary64`: the scalar terms come from the textbook formula in binary64, with a `pow` that is 2 ulp
off or a running product, and are then rounded to the dtype.

In half precision the first computes and keeps the moments in float32 and rounds the parameter once
when it is stored (S9); the second admits programs that have nothing but half precision too.
"""

from __future__ import annotations

from functools import lru_cache

from flint import arb

from ..cases import Hyper
from .bits import FORMATS, HALF, Format, arithmetic
from .coefficients import ZERO, Coefficients, Scalars, Setting, combine, exact_scalars, remembered

SLACK = 4
HALF_SLACK = 2
POW_ROUNDINGS = 4  # 2 ulp


def slack(unit: float) -> int:
    """How many times a unit roundoff counts."""
    return HALF_SLACK if unit >= FORMATS["float16"].unit else SLACK


@lru_cache(maxsize=64)
def rounded(roundings: int, unit: float) -> arb:
    """The factor by which a number may be off after some roundings, as a ball around 1."""
    return arb(1, slack(unit) * roundings * unit)


def within(size: arb, roundings: int, unit: float) -> arb:
    """What some roundings of numbers of a size may add, as a ball around 0."""
    return (rounded(roundings, unit) - 1) * size


def exact_scalar(hyper: Hyper, t: int, setting: Setting) -> Coefficients:
    """Coefficients of step t whose balls hold every right program with exact scalar terms."""
    c = combine(exact_scalars(hyper, t), hyper, t, setting)
    c = _widen(c, hyper, arithmetic(setting.dtype))
    return _stored(c, FORMATS[setting.dtype]) if setting.dtype in HALF else c


def binary64(hyper: Hyper, t: int, setting: Setting) -> Coefficients:
    """Coefficients of step t whose balls hold every right program with binary64 scalar terms.

    Raises
    ------
    UndecidedError
        Roundings in binary64 decide whether step t is rectified.
    """
    form = FORMATS[setting.dtype]
    c = combine(_binary64_scalars(hyper, t), hyper, t, setting)
    once = rounded(8, FORMATS["float64"].unit)  # lr*r/(1-beta1^t) and their like, folded
    c = c._replace(i1=c.i1 * once, i2=c.i2 * once, eps=c.eps * once, lr=c.lr * once)
    c = _widen(c if c.r is None else c._replace(r=c.r * once), hyper, form)
    return _in_half(c, form) if setting.dtype in HALF else c


@remembered
def _binary64_scalars(beta1: arb, beta2: arb, t: int) -> Scalars:
    unit = FORMATS["float64"].unit
    once = rounded(1, unit)
    average1, average2 = _average(beta1, t, unit), _average(beta2, t, unit)
    power2, (*_, correction2) = _power(beta2, t, unit), average2
    correction1_next = (1 - _power(beta1, t + 1, unit)) * once
    rho_inf = (2 / ((1 - beta2) * once) * once - 1) * once  # line 2
    rho = (rho_inf - 2 * t * power2 / correction2 * rounded(3, unit)) * once  # line 8
    return Scalars(*average1, correction1_next, *average2, rho_inf, rho)


def _power(beta: arb, t: int, unit: float) -> arb:
    """beta^t by `pow`, or as a running product of t factors."""
    return beta**t * rounded(max(POW_ROUNDINGS, t - 1), unit)


def _average(beta: arb, t: int, unit: float) -> tuple[arb, arb, arb]:
    """beta, 1 - beta and 1 - beta^t of an average, stored plain or debiased.

    A debiased average takes (beta^t - beta)/(beta^t - 1) for beta, which is off by a few
    roundings of beta^t over 1 - beta^t.
    """
    correction = (1 - _power(beta, t, unit)) * rounded(1, unit)
    lost = within(beta**t, 2 * max(POW_ROUNDINGS, t - 1), unit) + within(arb(1), 2, unit)
    before = 1 - beta ** (t - 1)
    weight = (1 - beta) * rounded(1, unit) + lost
    return beta + (lost / before if t > 1 else ZERO), weight, correction


def _widen(c: Coefficients, hyper: Hyper, form: Format) -> Coefficients:
    """Attach the roundings of every operation to the coefficient it belongs to."""

    def off(coefficient: arb, roundings: int) -> arb:
        return coefficient * rounded(roundings, form.unit)

    # m + w1*(g - m) rounds |m|, however small beta1 is.
    lerp1, lerp2 = within(c.w1, 3, form.unit), within(c.w2, 3, form.unit)
    decayed = hyper.weight_decay != 0
    decay_in_sum = within(c.lr * hyper.weight_decay, 3, form.unit)
    underflow = arb(0, 8 * slack(form.unit) * form.tiny) * c.i1
    return c._replace(
        beta1=off(c.beta1, 6) + lerp1,
        w1=off(c.w1, 5),
        beta2=off(c.beta2, 6) + lerp2,
        w2=off(c.w2, 6),
        i1=off(c.i1, 3),
        n2=None if c.n2 is None else off(c.n2, 5),
        i2=off(c.i2, 10),  # under the root, where two roundings are one
        eps_root=off(c.eps_root, 8),
        eps=off(c.eps, 5),
        r=None if c.r is None else off(c.r, 4),
        lr=off(c.lr, 3),
        decay=None if c.decay is None else off(c.decay, 3),
        shrink=off(c.shrink, 3) + decay_in_sum if decayed else off(c.shrink, 1),
        modulus=rounded(6, form.unit),  # hypot, squared
        underflow=underflow,
        stored=underflow,
    )


def _stored(c: Coefficients, form: Format) -> Coefficients:
    """Attach the rounding of the parameter to the format that it is kept in."""
    once = rounded(1, form.unit)
    off = arb(0, HALF_SLACK * form.tiny)
    return c._replace(shrink=c.shrink * once, lr=c.lr * once, stored=c.stored + off)


def _in_half(c: Coefficients, form: Format) -> Coefficients:
    """Attach what half precision does to small constants and to large moments."""
    off = arb(0, HALF_SLACK * form.tiny)
    eps_root = c.eps_root if c.eps_root.is_zero() else c.eps_root + off
    eps = c.eps if c.eps.is_zero() else c.eps + off
    return c._replace(eps_root=eps_root, eps=eps, v_max=arb(form.largest))
