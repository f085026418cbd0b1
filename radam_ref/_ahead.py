"""The terms of consecutive steps, ahead in blocks: those of `_terms`, several times sooner.

Each power of beta is one product away from the last. What is rare or doubtful is asked of `_terms`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import _terms
from ._arguments import has_host_terms
from ._config import RAdamConfig
from ._terms import Coefficients, Form, Quotient
from ._traced import first_rectified

ENOUGH = 160  # bits of rho_t, once the difference is taken
LONGEST = 256  # steps of a block
OTHERS = 7  # blocks that are kept for runs that take turns
I1, I2, R, EPS, N2, SHRINK, LR = map(
    Coefficients._fields.index, ("i1", "i2", "r", "eps", "n2", "shrink", "lr")
)

Array = np.ndarray[Any, np.dtype[Any]]


class Block(NamedTuple):
    """The terms of the steps from `first` on, of one form and lr; a row has a step's."""

    first: int
    form: Form
    rows: Array
    lr: float


NONE = Block(0, Form(*[False] * len(Form._fields)), np.empty((0, 0)), 0.0)


def powers(beta: float, steps: range) -> list[int]:
    """beta^t of each step, in the units of `_terms.power`, and one more of them away a step."""
    n, d = beta.as_integer_ratio()
    beta_t, shift, least = _terms.power(beta, steps[0]), d.bit_length() - 1, int(n > 0)
    return [beta_t, *(beta_t := max(beta_t * n >> shift, least) for _ in steps[1:])]


def quotients(values: list[Quotient]) -> list[float]:
    """Each rounded once to float64."""
    return [p / q for p, q in values]


def roots(values: list[Quotient], dtype: str) -> Any:
    """The root of each, rounded once to float64; for float32 within 8 units in its last place."""
    if dtype == "float32":
        return np.sqrt(quotients(values))
    return quotients([_terms.root(p, q) for p, q in values])


def varying(steps: range, config: RAdamConfig, rectified: bool, dtype: str) -> dict[int, Any]:
    """The columns that change from step to step, in float64."""
    axes, beta2s = config.axes, powers(config.beta2, steps)
    i1_n2 = [
        _terms.momentum_corrections(config.beta1, beta1_t, axes.nesterov)
        for beta1_t in powers(config.beta1, steps)
    ]
    i2 = [_terms.bias_correction(beta2_t) for beta2_t in beta2s]
    columns = {I1: quotients([i1 for i1, _ in i1_n2]), I2: quotients(i2)}
    if axes.nesterov:
        columns[N2] = quotients([n2 for _, n2 in i1_n2])
    if config.eps and axes.eps_placement == "before_correction":
        columns[EPS] = roots([_terms.eps_squared(config.eps, x) for x in i2], dtype)
    if rectified:
        limit, scale = _terms.rho_inf(config.beta2), _terms.r_scale(config.beta2)
        rho = [_terms.rho(t, beta2_t, limit) for t, beta2_t in zip(steps, beta2s, strict=True)]
        spare = max(0, rho[0][1].bit_length() - ENOUGH)
        cut = [(p >> spare, q >> spare) for p, q in rho]
        columns[R] = roots([_terms.r_squared(rho_t, scale) for rho_t in cut], dtype)
    return columns


def computed(steps: range, config: RAdamConfig, dtype: str, like: int) -> Block:
    """The terms of steps that have the form of step `like`."""
    form, c = _terms.coefficients(like, config, config.lr, dtype)
    rows = np.tile(np.asarray(c, dtype), (len(steps), 1))
    columns = varying(steps, config, form.rectified, dtype)
    doubles = np.asarray([*columns.values()])
    rows[:, [*columns]] = doubles.T
    doubtful = (doubles > 0) & (doubles < _terms.NORMAL[dtype])
    if dtype == "float32":  # next to the middle of two, of which either may be the nearer one
        doubtful |= abs((doubles.view(np.int64) & 0x1FFFFFFF) - 0x10000000) <= 8
    for at in np.flatnonzero(doubtful.any(axis=0)):
        rows[at] = _terms.coefficients(steps[at], config, config.lr, dtype)[1]
    rows.flags.writeable = False
    return Block(steps[0], form, rows, config.lr)


class ConsecutiveTerms:
    """The coefficients of each step of a config, sooner where one step follows another."""

    def __init__(self, config: RAdamConfig, dtype: str) -> None:
        if not isinstance(config, RAdamConfig) or not has_host_terms(config):
            raise TypeError(f"config must be a RAdamConfig of numbers, got {config!r}")
        if dtype not in _terms.NORMAL:
            raise ValueError(f"dtype must be one of {', '.join(_terms.NORMAL)}, got {dtype!r}")
        self.config, self.dtype = config, dtype
        self.latest: Any = None, None, None  # t and lr, and what `as_floats` gave for them
        self.asked = config.lr
        self.block = NONE
        self.others: tuple[Block, ...] = ()  # of runs of this config that are at another t

    def __call__(self, t: int, lr: float) -> tuple[Form, Array]:
        """The form and the coefficients of step t, an array that is not to be written to."""
        first, form, rows, rate = self.block
        if not first <= t < first + len(rows):
            first, form, rows, rate = self.turned_to(t)
        row = rows[t - first]
        if lr == rate:
            return form, row
        if lr != self.asked:  # a schedule has another lr for each step
            self.asked = lr
            _, form, (row,), _ = self.at_rate(Block(t, form, row[None], rate), lr)
        else:
            _, form, rows, _ = self.block = self.at_rate(Block(first, form, rows, rate), lr)
            row = rows[t - first]
        return form, row

    def turned_to(self, t: int) -> Block:
        """The block of another run that has t, or the next of the one that has come to t."""
        blocks = (self.block, *self.others)
        found = next((b for b in blocks if b.first <= t < b.first + len(b.rows)), None)
        last = found or next((b for b in blocks if b.first + len(b.rows) == t), NONE)
        block = found or self.block_from(t, last.first, len(last.rows))
        self.others = tuple(b for b in blocks if b is not last)[:OTHERS]
        self.block = block
        return block  # another thread may have turned to its own

    def as_floats(self, t: int, lr: float) -> tuple[Form, Coefficients]:
        """The same as floats, once for all arrays of a step."""
        asked, form, c = self.latest
        if asked != (t, lr):
            form, row = self(t, lr)
            c = Coefficients._make(row.tolist())
            self.latest = (t, lr), form, c
        return form, c

    def at_rate(self, block: Block, lr: float) -> Block:
        """The same block, where params move at another rate."""
        if not block.form.rectified and self.config.axes.unrectified == "hold":
            return block._replace(lr=lr)
        rows, (shrink, alpha) = block.rows.copy(), _terms.rates(self.config, lr, self.dtype)
        rows[:, SHRINK], rows[:, LR] = shrink, alpha
        rows.flags.writeable = False
        return Block(block.first, block.form._replace(shrinks=shrink != 1), rows, lr)

    def block_from(self, t: int, first: int, many: int) -> Block:
        """The terms of t, and of more steps than the last time, if those have been used up."""
        config, dtype = self.config, self.dtype
        count = min(2 * many, LONGEST) if many and t == first + many else 1
        t0, like = first_rectified(config.beta2, config.axes.threshold), 1
        if t0 and t < t0:
            count = min(count, t0 - t)
        elif t0:
            like = t0
        least = _terms.NORMAL[dtype]
        # Else eps_t, which falls towards eps, may pass the least or the largest number.
        ordinary = config.eps == 0 or least <= config.eps <= 2.0**64
        if count > 1 and ordinary:
            return computed(range(t, t + count), config, dtype, like)
        form, c = _terms.coefficients(t, config, config.lr, dtype)
        rows = np.asarray([c], dtype)
        rows.flags.writeable = False
        return Block(t, form, rows, config.lr)


def consecutive_terms(config: RAdamConfig, dtype: str) -> ConsecutiveTerms:
    """The coefficients of the steps of a config, for compiled kernels; any order, soonest in turn.

    Parameters
    ----------
    config : RAdamConfig
        Of numbers alone.
    dtype : "float32" or "float64"
        In which arrays are computed.

    Returns
    -------
    callable
        terms(t, lr) -> (Form, array): those of step t >= 1 in the order of `Coefficients`, of
        `dtype`, shape (15,), not to be written to; lr is a float and takes the place of config.lr.

    Raises
    ------
    TypeError, ValueError
        A hyper-parameter of config is an array, whose value is known when it is looked at; another
        dtype.

    Examples
    --------
    >>> form, c = consecutive_terms(RAdamConfig(), "float64")(1, 0.5)
    >>> form.rectified, float(c[Coefficients._fields.index("lr")])
    (False, 0.5)
    """
    try:
        return kept_terms(config, dtype)
    except TypeError:  # an array has no hash: what is wrong with it is said here
        return ConsecutiveTerms(config, dtype)


kept_terms = lru_cache(maxsize=256)(ConsecutiveTerms)


def coefficients(t: int, config: RAdamConfig, lr: float, dtype: str) -> tuple[Form, Coefficients]:
    """The form and the coefficients of step t, floats."""
    return consecutive_terms(config, dtype).as_floats(t, lr)
