"""RAdam as people write it in NumPy: the program that the judge practices on.

Faults and legitimate variants are edits of this text, so whatever it does stands on a line of its
own. It is no specification, and shares nothing with one. float16 and bfloat16 parameters are held
in arrays of float32 and rounded when they are stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radam_conformance.cases import Hyper
from radam_ref import Dialect

Array: TypeAlias = NDArray[Any]


class Terms(NamedTuple):
    """The scalars of a step; r_t is None where the step is not rectified."""

    correction1: float
    correction1_next: float
    correction2: float
    r_t: float | None


def check(h: Hyper) -> None:
    """Refuse hyper-parameters that make no sense."""
    if not h.lr >= 0:
        raise ValueError(f"lr must be at least 0, got {h.lr}")
    if not 0 <= h.beta1 < 1:
        raise ValueError(f"beta1 must be in [0, 1), got {h.beta1}")
    if not 0 <= h.beta2 < 1:
        raise ValueError(f"beta2 must be in [0, 1), got {h.beta2}")
    if not h.eps >= 0:
        raise ValueError(f"eps must be at least 0, got {h.eps}")
    if not h.weight_decay >= 0:
        raise ValueError(f"weight_decay must be at least 0, got {h.weight_decay}")


def power(beta: float, t: int) -> float:
    """beta^t."""
    return beta**t


def terms(t: int, h: Hyper, threshold: float) -> Terms:
    """Lines 2, 7, 8, 10 and 11, as far as they depend on t and the betas alone."""
    beta1, beta2 = h.beta1, h.beta2
    power1, power2 = power(beta1, t), power(beta2, t)
    correction1 = 1 - power1
    correction1_next = 1 - power(beta1, t + 1)
    correction2 = 1 - power2
    rho_inf = 2 / (1 - beta2) - 1
    rho_t = rho_inf - 2 * t * power2 / correction2
    r_t = None
    if rho_t > threshold:
        squared = (rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t)
        r_t = math.sqrt(squared)
    return Terms(correction1, correction1_next, correction2, r_t)


def square(g: Array) -> Array:
    """|g|^2."""
    return np.asarray(g.real * g.real + g.imag * g.imag if np.iscomplexobj(g) else g * g)


def divide(a: Array | float, b: Array) -> Array:
    """a / b, and 0 where b is 0: without eps and any gradient nothing is to be done."""
    return np.where(b == 0, 0, a / b)


def store(x: Array, dtype: str) -> Array:
    """The array with the numbers that its dtype has, rounded once."""
    if dtype == "float16":
        return x.astype(np.float16).astype(np.float32)
    if dtype == "bfloat16":
        bits = np.atleast_1d(x).view(np.uint32)
        upper = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
        return upper.astype(np.uint32).view(np.float32).reshape(x.shape)
    return np.asarray(x, dtype)


def parts(z: Array, dialect: Dialect) -> Array:
    """Both parts of complex numbers side by side, where each counts on its own."""
    if dialect.complex == "componentwise" and np.iscomplexobj(z):
        return np.stack([z.real, z.imag], axis=-1)
    return z


def join(x: Array, dtype: str) -> Array:
    """The other way round."""
    return x[..., 0] + 1j * x[..., 1] if "complex" in dtype and not np.iscomplexobj(x) else x


class RAdam:
    """Several arrays, each with hyper-parameters of its group and a state of its own."""

    def __init__(
        self, params: Sequence[Array], groups: Sequence[int], dialect: Dialect, dtype: str
    ) -> None:
        self.params, self.groups = list(params), list(groups)
        self.dialect, self.dtype = dialect, dtype
        self.t = [0 for _ in params]
        self.m = [np.zeros_like(parts(x, dialect)) for x in params]
        self.v = [np.zeros_like(m.real) for m in self.m]

    def save(self) -> dict[str, list[Any]]:
        """The state of every array."""
        return {"t": list(self.t), "m": list(self.m), "v": list(self.v)}

    def load(self, saved: dict[str, list[Any]]) -> None:
        """Go on from a saved state."""
        self.t = list(saved["t"])
        self.m = list(saved["m"])
        self.v = list(saved["v"])

    def step(self, grads: Sequence[Array | None], hypers: Sequence[Hyper]) -> None:
        """One step of every array that has a gradient."""
        for i, g in enumerate(grads):
            if g is None:
                continue
            h = hypers[self.groups[i]]
            self.t[i] += 1
            x = parts(self.params[i], self.dialect)
            moved = self.move(i, x, parts(g, self.dialect), h)
            self.params[i] = store(join(moved, self.dtype), self.dtype)

    def move(self, i: int, x: Array, g: Array, h: Hyper) -> Array:
        """Algorithm 2 for one array: where its elements move."""
        t, dialect = self.t[i], self.dialect
        k = terms(t, h, dialect.threshold)
        if h.maximize:
            g = -g
        if dialect.weight_decay == "coupled":
            g = g + h.weight_decay * x
        self.m[i] = h.beta1 * self.m[i] + (1 - h.beta1) * g
        self.v[i] = h.beta2 * self.v[i] + (1 - h.beta2) * square(g)
        m, v = self.m[i], self.v[i]
        m_hat = m / k.correction1
        if dialect.nesterov:
            m_hat = h.beta1 * m / k.correction1_next + (1 - h.beta1) * g / k.correction1
        if k.r_t is not None:
            u = k.r_t * divide(m_hat, self.denominator(v, h, k, k.r_t))
        elif dialect.unrectified == "momentum":
            u = m_hat / max(1, math.sqrt(h.eps)) if dialect.eps_placement == "floor" else m_hat
        else:
            return x
        shrink = {"absolute": h.weight_decay, "decoupled": h.lr * h.weight_decay}
        x = x - shrink.get(dialect.weight_decay, 0.0) * x
        return x - h.lr * u

    def denominator(self, v: Array, h: Hyper, k: Terms, r_t: float) -> Array:
        """sqrt(v_hat) and eps, where the dialect has it (line 10)."""
        root = np.sqrt(v / k.correction2 + self.dialect.eps_root)
        if self.dialect.eps_placement == "floor":
            return np.asarray(np.maximum(root, r_t * math.sqrt(h.eps)))
        if self.dialect.eps_placement == "before_correction":
            return np.asarray(root + h.eps / math.sqrt(k.correction2))
        return np.asarray(root + h.eps)
