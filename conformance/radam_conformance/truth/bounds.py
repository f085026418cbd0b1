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

from collections.abc import Sequence
from functools import lru_cache

from flint import arb

from ..cases import Hyper
from .bits import FORMATS, HALF, Format, arithmetic
from .coefficients import (
    ONE,
    ZERO,
    AtStep,
    Averages,
    Coefficients,
    Corrections,
    Fixed,
    Scalars,
    Setting,
    corrections,
    exact_scalars,
    fixed,
    power,
    rectification,
    remembered,
)

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


def exact_scalar(hyper: Hyper, setting: Setting) -> AtStep:
    """Coefficients whose balls hold every right program with exact scalar coefficients."""
    form = arithmetic(setting.dtype)
    off, lost = _off(form)
    averages = _widen_averages(exact_scalars(hyper, 1).averages, off)
    always, stored = _widen_fixed(fixed(hyper, setting), hyper, off), ZERO
    if setting.dtype in HALF:  # the parameter is rounded to the format that it is kept in
        kept = FORMATS[setting.dtype]
        once, stored = rounded(1, kept.unit), arb(0, HALF_SLACK * kept.tiny)
        always = always._replace(shrink=always.shrink * once, lr=always.lr * once)

    def at_step(t: int) -> Coefficients:
        exact = corrections(exact_scalars, hyper, t, setting)
        underflow, c = lost * exact[2], _widen_corrections(exact, off)
        return Coefficients._make((t, *averages, *c, *always, underflow, underflow + stored))

    return at_step


def binary64(hyper: Hyper, setting: Setting) -> AtStep:
    """Coefficients whose balls hold every right program with binary64 scalar coefficients.

    They raise UndecidedError at a step where roundings in binary64 decide whether it is rectified.
    """
    form = FORMATS[setting.dtype]
    off, lost = _off(form)
    once = rounded(8, FORMATS["float64"].unit)  # lr*r/(1-beta1^t) and their like, folded
    always = fixed(hyper, setting)
    always = _widen_fixed(always._replace(lr=always.lr * once), hyper, off)
    if setting.dtype in HALF:
        always = always._replace(v_max=arb(form.largest))

    def at_step(t: int) -> Coefficients:
        averages = _widen_averages(_binary64_scalars(hyper, t).averages, off)
        rho, r, i1, n2, i2, eps_root, eps = corrections(_binary64_scalars, hyper, t, setting)
        r, i1 = None if r is None else r * once, i1 * once
        c = _widen_corrections((rho, r, i1, n2, i2 * once, eps_root, eps * once), off)
        underflow = lost * i1
        if setting.dtype in HALF:
            c = _in_half(c, form)
        return Coefficients._make((t, *averages, *c, *always, underflow, underflow))

    return at_step


def _off(form: Format) -> tuple[list[arb], arb]:
    """`rounded(n, form.unit)` for each n that occurs; what is lost where numbers are subnormal."""
    off = [rounded(n, form.unit) for n in range(11)]
    return off, arb(0, 8 * slack(form.unit) * form.tiny)


@remembered
def _binary64_scalars(beta1: float, beta2: float, t: int, precision: int) -> Scalars:
    unit = FORMATS["float64"].unit
    once = rounded(1, unit)
    b1, w1, correction1, _ = _average(beta1, t, unit, precision)
    b2, w2, correction2, power2 = _average(beta2, t, unit, precision)
    rho_inf = (2 / ((ONE - arb(beta2)) * once) * once - ONE) * once  # line 2
    rho = (rho_inf - 2 * t * power2 / correction2 * rounded(3, unit)) * once  # line 8
    r = rectification(rho_inf, rho)
    return Scalars((b1, w1, b2, w2), correction1, correction2, rho, r)


def _average(beta: float, t: int, unit: float, precision: int) -> tuple[arb, arb, arb, arb]:
    """beta and 1 - beta of an average, stored plain or debiased, 1 - beta^t, and beta^t.

    beta^t is computed by `pow`, or as a running product of t factors. A debiased average takes
    (beta^t - beta)/(beta^t - 1) for beta, which is off by a few roundings of beta^t over
    1 - beta^t.
    """
    plain, exact, factors = arb(beta), power(beta, t, precision), max(POW_ROUNDINGS, t - 1)
    once, computed = rounded(1, unit), exact * rounded(factors, unit)
    lost = within(exact, 2 * factors, unit) + within(ONE, 2, unit)
    weight = (ONE - plain) * once + lost
    if t > 1:
        plain = plain + lost / (ONE - power(beta, t - 1, precision))
    return plain, weight, (ONE - computed) * once, computed


# The roundings of every operation, attached to the coefficient that it belongs to.


def _widen_averages(averages: Averages, off: Sequence[arb]) -> Averages:
    beta1, w1, beta2, w2 = averages
    lerp = off[3] - ONE  # m + w1*(g - m) rounds |m|, however small beta1 is
    return beta1 * off[6] + lerp * w1, w1 * off[5], beta2 * off[6] + lerp * w2, w2 * off[6]


def _widen_corrections(corrections: Corrections, off: Sequence[arb]) -> Corrections:
    rho, r, i1, n2, i2, eps_root, eps = corrections
    return (
        rho,
        None if r is None else r * off[4],
        i1 * off[3],
        None if n2 is None else n2 * off[5],
        i2 * off[10],  # under the root, where two roundings are one
        eps_root * off[8],
        eps * off[5],
    )


def _widen_fixed(f: Fixed, hyper: Hyper, off: Sequence[arb]) -> Fixed:
    shrink = f.shrink * off[1]
    if hyper.weight_decay != 0:  # which may be in the sum
        shrink = f.shrink * off[3] + (off[3] - 1) * (f.lr * hyper.weight_decay)
    decay = None if f.decay is None else f.decay * off[3]
    modulus = off[6]  # hypot, squared
    return f._replace(shrink=shrink, lr=f.lr * off[3], decay=decay, modulus=modulus)


def _in_half(corrections: Corrections, form: Format) -> Corrections:
    """What half precision does to small constants."""
    rho, r, i1, n2, i2, eps_root, eps = corrections
    off = arb(0, HALF_SLACK * form.tiny)
    eps_root, eps = (number if number.is_zero() else number + off for number in (eps_root, eps))
    return rho, r, i1, n2, i2, eps_root, eps
