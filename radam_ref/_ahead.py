"""The terms of consecutive steps, ahead in blocks: those of `_terms`, several times sooner.

beta^t is a whole number of 2^-BITS, and every term a quotient of whole numbers, which Python rounds
once. What is rare or doubtful is asked of `_terms`.
"""

from __future__ import annotations

import math
from decimal import localcontext
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import _terms
from ._config import RAdamConfig
from ._terms import Coefficients, Form
from ._traced import first_rectified

# An error of t*2^-BITS in beta^t has grown by less than 2^110 when it has come to r_t.
BITS, ONE = 256, 1 << 256
ENOUGH = 160  # bits of a difference, once it is taken
LONGEST = 64  # steps of a block
I1, I2, R, EPS, N2, SHRINK, LR = map(
    Coefficients._fields.index, ("i1", "i2", "r", "eps", "n2", "shrink", "lr")
)

Array = np.ndarray[Any, np.dtype[Any]]


class Block(NamedTuple):
    """The terms of the steps from `first` on, of one form; a row has a step's coefficients."""

    first: int
    form: Form
    rows: Array


blocks: dict[tuple[RAdamConfig, str], Block] = {}
latest_power: dict[float, tuple[int, int]] = {}


def power(beta: float, t: int) -> int:
    """beta^t in units of 2^-BITS, by one product where beta^(t-1) came before."""
    latest, value = latest_power.get(beta, (0, ONE))
    if t != latest:
        if len(latest_power) > 256:
            latest_power.clear()
        numerator, denominator = beta.as_integer_ratio()
        if t != latest + 1:
            value = ONE
            for bit in f"{t - 1:b}":
                value = value * value >> BITS
                value = value * numerator // denominator if bit == "1" else value
        value = value * numerator // denominator
        latest_power[beta] = t, value
    return value


def root(numerator: int, denominator: int) -> float:
    """sqrt(numerator/denominator), rounded once; no such root lies halfway between two floats."""
    shift = max(0, 66 + (denominator.bit_length() - numerator.bit_length()) // 2)
    whole = math.isqrt((numerator << 2 * shift) // denominator)
    return (whole << 1 | 1) / (2 << shift)  # 1: it goes on behind these 65 bits


@lru_cache(maxsize=256)
def ratios(beta2: float) -> tuple[int, int, int, int]:
    """Numerator and denominator of rho_inf, and of rho_inf/((rho_inf-4)(rho_inf-2)) in line 11."""
    numerator, denominator = beta2.as_integer_ratio()
    a, e = denominator + numerator, denominator - numerator  # line 2
    return a, e, a * e, (a - 4 * e) * (a - 2 * e)


def rectification(t: int, beta2_t: int, beta2: float) -> float:
    """r_t of a step whose variance is tractable, rounded once."""
    a, e, numerator, denominator = ratios(beta2)
    p = a * (ONE - beta2_t) - 2 * t * e * beta2_t  # rho_t = p/q, line 8
    q = e * (ONE - beta2_t)
    shift = max(0, q.bit_length() - ENOUGH)
    p, q = p >> shift, q >> shift
    return root((p - 4 * q) * (p - 2 * q) * numerator, p * q * denominator)  # line 11


def rectifications(steps: range, beta2_ts: list[int], beta2: float, dtype: str) -> Any:
    """r_t of each step; for float32 in float64, within 8 units in the last place."""
    if dtype == "float64":
        return [rectification(t, x, beta2) for t, x in zip(steps, beta2_ts, strict=True)]
    a, e, numerator, denominator = ratios(beta2)
    a, e2 = a - 4 * e, 2 * e  # the difference from 4, before anything is rounded
    above_4 = np.asarray(
        [
            (a * (ONE - x) - t * e2 * x) / (e * (ONE - x))
            for t, x in zip(steps, beta2_ts, strict=True)
        ]
    )
    return np.sqrt(above_4 * (above_4 + 2) / (above_4 + 4) * (numerator / denominator))


def varying(steps: range, config: RAdamConfig, rectified: bool, dtype: str) -> dict[int, Any]:
    """The columns that change from step to step, in float64."""
    beta1, beta2 = ([power(beta, t) for t in steps] for beta in (config.beta1, config.beta2))
    columns = {I1: [ONE / (ONE - x) for x in beta1], I2: [ONE / (ONE - x) for x in beta2]}
    if rectified:
        columns[R] = rectifications(steps, beta2, config.beta2, dtype)
    if config.axes.nesterov:
        n, d = config.beta1.as_integer_ratio()
        columns[N2] = [(d - n << BITS) / (d * (ONE - x)) for x in beta1]
        columns[I1] = [(n << BITS) / ((d << BITS) - n * x) for x in beta1]
    if config.eps and config.axes.eps_placement == "before_correction":
        n, d = config.eps.as_integer_ratio()
        columns[EPS] = [root(n * n << BITS, d * d * (ONE - x)) for x in beta2]
    return columns


def block(t: int, config: RAdamConfig, dtype: str) -> Block:
    """The terms of t and of what came with it: more steps, where one follows another."""
    found, count = blocks.get((config, dtype)), 1
    if found and 0 <= t - found.first <= len(found.rows):
        if t < found.first + len(found.rows):
            return found
        count = min(2 * len(found.rows), LONGEST)
    elif len(blocks) > LONGEST:
        blocks.clear()
    t0, like = first_rectified(config.beta2, config.axes.threshold), 1
    if t0 and t < t0:
        count = min(count, t0 - t)
    elif t0:
        like = t0
    if 0 < config.eps < _terms.NORMAL[dtype]:  # eps_t may pass from the one side to the other
        count, like = 1, t
    if count == 1:
        form, c = _terms.coefficients(t, config, config.lr, dtype)
        new = Block(t, form, np.asarray([c], dtype))
        new.rows.flags.writeable = False
    else:
        new = computed(range(t, t + count), config, dtype, like)
    blocks[config, dtype] = new
    return new


def computed(steps: range, config: RAdamConfig, dtype: str, like: int) -> Block:
    """The terms of steps that have the form of step `like`."""
    form, c = _terms.coefficients(like, config, config.lr, dtype)
    rows = np.tile(np.asarray(c, dtype), (len(steps), 1))
    doubtful = np.zeros(len(steps), bool)
    for k, column in varying(steps, config, form.rectified, dtype).items():
        doubles = np.asarray(column)
        rows[:, k] = doubles
        if dtype == "float32":  # next to the middle of two, of which either may be the nearer one
            doubtful |= abs((doubles.view(np.int64) & 0x1FFFFFFF) - 0x10000000) <= 8
        doubtful |= (doubles > 0) & (doubles < _terms.NORMAL[dtype])
    for at in np.flatnonzero(doubtful):
        rows[at] = _terms.coefficients(steps[at], config, config.lr, dtype)[1]
    rows.flags.writeable = False
    return Block(steps[0], form, rows)


@lru_cache(maxsize=256)
def rates(config: RAdamConfig, lr: float, dtype: str) -> tuple[float, float]:
    """lr, and what params are multiplied by, where they move."""
    decay, shrink = config.axes.weight_decay, 1.0
    if config.weight_decay and decay != "coupled":
        with localcontext(_terms.EXACT):
            rate = _terms.exact(lr if decay == "decoupled" else 1.0)
            shrink = _terms.rounded(1 - rate * _terms.exact(config.weight_decay), dtype)
    return _terms.rounded(lr, dtype), shrink


def coefficients_array(t: int, config: RAdamConfig, lr: float, dtype: str) -> tuple[Form, Array]:
    """The form and the coefficients of step t, an array that is not to be written to."""
    first, form, rows = block(t, config, dtype)
    row = rows[t - first]
    if lr != config.lr and (form.rectified or config.axes.unrectified == "momentum"):
        alpha, shrink = rates(config, lr, dtype)
        row = row.copy()
        row[SHRINK], row[LR] = shrink, alpha
        form = form._replace(shrinks=shrink != 1)
    return form, row


@lru_cache(maxsize=256)
def coefficients(t: int, config: RAdamConfig, lr: float, dtype: str) -> tuple[Form, Coefficients]:
    """The form and the coefficients of step t, floats."""
    form, row = coefficients_array(t, config, lr, dtype)
    return form, Coefficients._make(row.tolist())
