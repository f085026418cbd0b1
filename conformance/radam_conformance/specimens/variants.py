"""Legitimate variants: the algorithm as other people write it, every one within the bounds.

`WRITINGS` has several ways to write each line of the algorithm, and its product are the variants.
The programs of `WHOLES`, which differ in every line, come besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .edits import Edit
from .lines import (
    AFTER,
    APPLY,
    BEFORE,
    BRANCH,
    CLASS,
    DECAY,
    FIRST,
    FLOOR,
    M_HAT,
    NESTEROV,
    POWER,
    RECTIFIED,
    SECOND,
    V_HAT,
    after,
)

Edits = tuple[tuple[str, str], ...]


class Variant(NamedTuple):
    """A right program: its edits, and the features that its state does not allow."""

    edits: tuple[Edit, ...]
    lacks: tuple[str, ...] = ()


_W1 = "(1 - h.beta1)"
_PROPER = "if t > 1 and 0 < beta**t < 1 else beta**t"
_DENOMINATOR = "self.denominator(v, h, k, k.r_t)"
_FACTOR = (DECAY, "x = (1 - shrink.get(dialect.weight_decay, 0.0)) * x")
_ROOT2 = "math.sqrt(k.correction2)"
_LR_FIRST = (BRANCH, f"m_hat = h.lr * m_hat\n        {BRANCH}")
_LR1 = "(h.lr if dialect.nesterov else h.lr / k.correction1)"


@cache
def _running_products(beta: float, most: int) -> NDArray[np.float64]:
    return np.multiply.accumulate(np.full(most, beta))


def running_product(beta: float, t: int) -> float:
    """beta^t as t factors multiplied one after the other; a case may start at step 1,000,000."""
    return float(_running_products(beta, 1 << t.bit_length())[t - 1])


def _second(text: str) -> Edits:
    return ((SECOND, f"self.v[i] = {text}"),)


WRITINGS: Mapping[str, Mapping[str, Edits]] = {
    "power": {
        "libm": (),
        "running product": (
            (CLASS, f"from {__name__} import running_product\n\n\n{CLASS}"),
            (POWER, "return running_product(beta, t)"),
        ),
        "2 ulp above": ((POWER, f"return beta**t + 2 * math.ulp(beta**t) {_PROPER}"),),
        "2 ulp below": ((POWER, f"return beta**t - 2 * math.ulp(beta**t) {_PROPER}"),),
        "exp and log": ((POWER, "return math.exp(t * math.log(beta)) if beta else 0.0"),),
    },
    "line 6": {
        "sum": (),
        "lerp": (
            (
                FIRST,
                f"d = g - self.m[i]\n"
                f"        self.m[i] = self.m[i] + {_W1} * d if h.beta1 > 0.5 else g - h.beta1 * d",
            ),
        ),
        "naive lerp": ((FIRST, f"self.m[i] = self.m[i] + {_W1} * (g - self.m[i])"),),
    },
    "line 5": {
        "w * g^2": (),
        "w * g * g": _second("((1 - h.beta2) * g * g.conj()).real + h.beta2 * self.v[i]"),
    },
    "lines 7 to 14": {
        "optax": (),
        "paper": ((RECTIFIED, f"u = divide(k.r_t * m_hat, {_DENOMINATOR})"),),
        "torch": (
            _LR_FIRST,
            (BEFORE, f"(np.sqrt(v) + h.eps) / {_ROOT2}"),
            (RECTIFIED, f"u = m_hat * divide(1.0, {_DENOMINATOR}) * k.r_t"),
            _FACTOR,
            (APPLY, "return x - u"),
        ),
        "torch foreach": (
            (BRANCH, f"m_hat = -m_hat\n        {BRANCH}"),
            (BEFORE, f"(np.sqrt(v) + h.eps) / {_ROOT2}"),
            (RECTIFIED, f"u = m_hat * divide(1.0, {_DENOMINATOR} / k.r_t)"),
            _FACTOR,
            (APPLY, "return x + u * h.lr"),
        ),
        "folded step size": (
            (M_HAT, "m_hat = m\n"),
            (RECTIFIED, f"u = divide(m_hat, {_DENOMINATOR})"),
            (APPLY, f"return x - {_LR1} * (1.0 if k.r_t is None else k.r_t) * u"),
        ),
        "folded corrections": (
            (V_HAT, "np.sqrt(v)"),
            (FLOOR, f"np.maximum(root, r_t * math.sqrt(h.eps) * {_ROOT2})"),
            (AFTER, f"np.asarray(root + h.eps * {_ROOT2})"),
            (BEFORE, "root + h.eps"),
            (RECTIFIED, f"u = k.r_t * {_ROOT2} * divide(m_hat, {_DENOMINATOR})"),
            _FACTOR,
        ),
        "reciprocals": (
            (M_HAT, "m_hat = m * (1 / k.correction1)\n"),
            (V_HAT, "np.sqrt(v * (1 / k.correction2))"),
            (RECTIFIED, f"u = (m_hat * k.r_t) * divide(1.0, {_DENOMINATOR})"),
            _FACTOR,
            (APPLY, "return x - u * h.lr"),
        ),
        "decay in the sum": (
            (DECAY, "decay = shrink.get(dialect.weight_decay, 0.0) * x"),
            (APPLY, "return x - (h.lr * u + decay)"),
        ),
        "root 1 ulp off": (
            after(V_HAT, "root = np.nextafter(root, np.inf, dtype=root.dtype)", indent=8),
        ),
    },
}  # fmt: skip

# a*x + b*y*z with one rounding at the end, where fma has but one.
_FUSED = """def fused(a: float, x: Array, b: float, y: Array, z: Array | float = 1.0) -> Array:
    wide = np.result_type(x, np.longdouble)
    w = np.asarray(a, x.dtype).astype(wide) * x + (np.asarray(b, y.dtype) * y).astype(wide) * z
    return np.asarray(w.astype(x.dtype))


"""
_FLUSH = """def flush(x: Array) -> Array:
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, x.dtype.type(0), x)


"""

# beta of an average that is kept debiased, from beta^t.
_DEBIASED = (
    "p1, p2 = 1 - k.correction1, 1 - k.correction2\n"
    "        b1, b2 = (p1 - h.beta1) / (p1 - 1), (p2 - h.beta2) / (p2 - 1)\n"
    "        "
)

WHOLES: Mapping[str, tuple[Edits, tuple[str, ...]]] = {
    "optimi, debiased averages": (
        (
            (FIRST, f"{_DEBIASED}self.m[i] = self.m[i] + (1 - b1) * (g - self.m[i])"),
            (SECOND, "self.v[i] = b2 * self.v[i] + (1 - b2) * square(g)"),
            (M_HAT, "m_hat = m\n"),
            (NESTEROV, NESTEROV.replace("* m /", "* (m * k.correction1) /")),
            (V_HAT, "np.sqrt(v)"),
        ),
        ("state",),
    ),
    "fma": (
        (
            (CLASS, _FUSED + CLASS),
            (FIRST, f"self.m[i] = fused(h.beta1, self.m[i], {_W1}, g)"),
            (SECOND, "self.v[i] = fused(h.beta2, self.v[i], 1 - h.beta2, square(g))"),
            (APPLY, "return fused(1.0, x, -h.lr, u)"),
        ),
        (),
    ),
    "flush to zero": (
        (
            (CLASS, _FLUSH + CLASS),
            (FIRST, f"g = flush(g)\n        self.m[i] = flush(h.beta1 * self.m[i] + {_W1} * g)"),
            (SECOND, "self.v[i] = flush(h.beta2 * self.v[i] + (1 - h.beta2) * flush(square(g)))"),
            (APPLY, "return flush(x - h.lr * u)"),
        ),
        (),
    ),
    "proxmin": (
        ((FLOOR, "r_t * np.maximum(root / r_t, math.sqrt(h.eps))"),),
        (),
    ),
}  # fmt: skip


def _variants() -> Iterator[tuple[str, Variant]]:
    for writings in product(*(named.items() for named in WRITINGS.values())):
        edits = [edit for _, edits in writings for edit in edits]
        yield ", ".join(name for name, _ in writings), Variant(_as_edits(edits))
    for (power, powers), (name, (whole, lacks)) in product(
        WRITINGS["power"].items(), WHOLES.items()
    ):
        yield f"{power}, {name}", Variant(_as_edits([*powers, *whole]), lacks)


def _as_edits(pairs: list[tuple[str, str]]) -> tuple[Edit, ...]:
    return tuple(Edit(*pair) for pair in pairs)


VARIANTS: Mapping[str, Variant] = dict(_variants())
