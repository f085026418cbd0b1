"""What phi and psi of several methods are made of."""

from __future__ import annotations

from array_api_compat import array_namespace

from .. import _terms
from .._config import real
from .._step import Array
from ._generic import Running


def zeros(params: Array) -> Array:
    return array_namespace(params).zeros_like(params)


ONE = Running(lambda params: None, lambda t, g, kept: (1.0, kept))  # psi_t = 1
GRADIENT = Running(lambda params: None, lambda t, g, kept: (g, kept))  # phi_t = g_t


def correction(beta: float, t: int) -> float:
    """1/(1 - beta^t), rounded once (S2)."""
    return _terms.rounded(_terms.bias_correction(_terms.power(beta, t)), "float64")


def mean(beta1: float) -> Running:
    """m_t/(1 - beta1^t)."""
    beta1 = real("beta1", beta1, below=1.0)

    def follow(t: int, g: Array, m: Array) -> tuple[Array, Array]:
        m = beta1 * m + (1 - beta1) * g
        return correction(beta1, t) * m, m

    return Running(zeros, follow)


def rate(beta2: float, eps: float, corrected: bool = True) -> Running:
    """1/(sqrt(v_t/(1 - beta2^t)) + eps), or without the correction."""
    beta2, eps = real("beta2", beta2, below=1.0), real("eps", eps)

    def follow(t: int, g: Array, v: Array) -> tuple[Array, Array]:
        v = beta2 * v + (1 - beta2) * (g * g)
        v_hat = correction(beta2, t) * v if corrected else v
        return 1 / (array_namespace(g).sqrt(v_hat) + eps), v

    return Running(zeros, follow)
