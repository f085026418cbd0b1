"""Algorithm 2 in python-flint's balls: the truth of these tests, which shares no arithmetic.

Written from the paper's lines, term by term and in their order, with every beta the exact value of
its binary64 number. A ball holds the real number that it stands for, whatever the rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from flint import arb, ctx

from radam_ref import RAdamConfig

BITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}
LOWEST = {"float64": -1074, "float32": -149, "float16": -24, "bfloat16": -133}


class Terms(NamedTuple):
    """The scalar terms of step t; r_t is None while rho_t <= threshold."""

    i1: arb  # 1/(1 - beta1^t)
    i2: arb  # 1/(1 - beta2^t)
    rho_inf: arb
    rho_t: arb
    r_t: arb | None


def terms(t: int, beta1: float, beta2: float, threshold: float = 4.0) -> Terms:
    """Lines 2, 7, 8, 9 and 11, to 300 bits."""
    with ctx.workprec(300):
        power = arb(beta2) ** t
        rho_inf = 2 / (1 - arb(beta2)) - 1
        rho_t = rho_inf - 2 * t * power / (1 - power)
        r_t = None
        if rho_t > threshold:
            numerator = (rho_t - 4) * (rho_t - 2) * rho_inf
            r_t = (numerator / ((rho_inf - 4) * (rho_inf - 2) * rho_t)).sqrt()
        elif not rho_t < threshold:
            raise ArithmeticError(
                f"rho_{t} at beta2={beta2!r} is too near {threshold} for its ball"
            )
        return Terms(1 / (1 - arb(beta1) ** t), 1 / (1 - power), rho_inf, rho_t, r_t)


def nearest(value: Fraction, dtype: str) -> float:
    """`value` rounded once to the dtype, ties to even."""
    if value == 0:
        return 0.0
    magnitude = abs(value).numerator.bit_length() - value.denominator.bit_length()
    if abs(value) < Fraction(2) ** magnitude:
        magnitude -= 1
    quantum = Fraction(2) ** max(magnitude + 1 - BITS[dtype], LOWEST[dtype])
    return float(round(value / quantum) * quantum)


def rounded(value: Callable[[], arb], dtype: str) -> float:
    """The real number in the ball, rounded once to the dtype."""
    for precision in (200, 800, 3200):
        with ctx.workprec(precision):
            ball = value()
            ends = {nearest(fraction(end), dtype) for end in (ball.lower(), ball.upper())}
        if len(ends) == 1:
            return ends.pop()
    raise ArithmeticError("the value is too near the middle of two neighbors")


def fraction(point: arb) -> Fraction:
    """The value of a ball of radius 0."""
    mantissa, exponent = point.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


class Element(NamedTuple):
    """One parameter after a step; reach sums the absolute values of all that x was summed from."""

    x: arb
    m: arb
    v: arb
    m_reach: arb
    reach: arb


def trajectory(
    x0: Sequence[float], gradients: Sequence[Sequence[float]], config: RAdamConfig
) -> Iterator[list[Element]]:
    """The parameters after each step, to 200 bits."""
    with ctx.workprec(200):
        elements = [Element(arb(x), arb(0), arb(0), arb(0), abs(arb(x))) for x in x0]
    for t, gradient in enumerate(gradients, 1):
        now = terms(t, config.beta1, config.beta2, config.axes.threshold)
        pairs = zip(elements, gradient, strict=True)
        elements = [advance(element, g, t, now, config) for element, g in pairs]
        yield elements


def advance(element: Element, gradient: float, t: int, now: Terms, config: RAdamConfig) -> Element:
    """Step t of one element, to 200 bits."""
    with ctx.workprec(200):
        return _advance(element, arb(gradient), t, now, config)


def _advance(element: Element, g: arb, t: int, now: Terms, config: RAdamConfig) -> Element:
    x, m, v, m_reach, reach = element
    axes, beta1, beta2 = config.axes, arb(config.beta1), arb(config.beta2)
    decay = arb(config.weight_decay)
    g = -g if config.maximize else g
    g_reach = abs(g)
    if axes.weight_decay == "coupled":
        g, g_reach = g + decay * x, g_reach + decay * reach
    m, m_reach = beta1 * m + (1 - beta1) * g, beta1 * m_reach + (1 - beta1) * g_reach
    v = beta2 * v + (1 - beta2) * g * g

    def m_hat(m: arb, g: arb) -> arb:
        if axes.nesterov:
            return beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g * now.i1
        return m * now.i1

    gain = arb(1)
    if now.r_t is not None:
        gain = _adaptive_rate(v, now, config)
    elif axes.unrectified == "hold":
        return Element(x, m, v, m_reach, reach)
    shrink = {"decoupled": 1 - arb(config.lr) * decay, "absolute": 1 - decay, "coupled": arb(1)}
    x, reach = (shrink[axes.weight_decay] * was for was in (x, reach))
    rate = arb(config.lr) * gain
    return Element(x - rate * m_hat(m, g), m, v, m_reach, reach + rate * m_hat(m_reach, g_reach))


def _adaptive_rate(v: arb, now: Terms, config: RAdamConfig) -> arb:
    """What the update multiplies m_hat by, lr aside."""
    eps = arb(config.eps)
    if config.axes.eps_placement == "after_correction":
        root = (v * now.i2 + arb(config.axes.eps_root)).sqrt() + eps
        return now.r_t / root if root != 0 else arb(0)
    root = v.sqrt() + eps
    return now.r_t / (root * now.i2.sqrt()) if root != 0 else arb(0)
