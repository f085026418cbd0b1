"""Algorithm 2, once: the array formula, and the pure step that feeds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ._config import RAdamConfig
from ._terms import Coefficients, Form, coefficients

Array = Any


class RAdamState(NamedTuple):
    """t: steps done, an int (a 0-d integer array where traced); m, v: the moments (line 1).

    m has the dtype of params and v its real one (m's if `componentwise`); float32 for a half (S9).
    """

    t: Any
    m: Array
    v: Array


def formula(sqrt: Any, where: Any, form: Form, compiled: Callable[..., Any] = lambda f: f) -> Any:
    """Algorithm 2's arithmetic as update(params, grads, m, v, c) -> (params, m, v), twice.

    The second is for complex numbers with |g|^2 in a real v: params, grads, m are (re, im) pairs.
    Both run on arrays, scalars or symbols; `compiled` wraps each function for its compiler.
    """
    rectified, ascends, coupled, nesterov, eps_root, guarded, shrinks = form

    @compiled
    def gradient(params, grads, c):
        g = -grads if ascends else grads  # line 4
        return g + c.wd * params if coupled else g

    @compiled
    def adaptive(m_hat, v, c):
        v_hat = c.i2 * v + c.eps_root if eps_root else c.i2 * v
        # guarded: keeps the root from 0, where it has no derivative, and eps = 0 from 0/0
        argument = where(v == 0, v + c.i2, v_hat) if guarded else v_hat
        root = where(v == 0, v + c.at_zero, sqrt(argument)) if guarded else sqrt(argument)
        return c.r * m_hat / (root + c.eps)  # lines 10 to 12

    @compiled
    def descend(params, g, g2, m, v, c):
        v = c.beta2 * v + c.w2 * g2  # line 5
        m = c.beta1 * m + c.w1 * g  # line 6
        m_hat = c.i1 * m + c.n2 * g if nesterov else c.i1 * m  # line 7
        if rectified is None:
            u = where(c.tractable, adaptive(m_hat, v, c), m_hat)  # line 9
        else:
            u = adaptive(m_hat, v, c) if rectified else m_hat
        return (c.shrink * params if shrinks else params) - c.lr * u, m, v  # lines 12 and 14

    @compiled
    def update(params, grads, m, v, c):
        g = gradient(params, grads, c)
        return descend(params, g, g * g, m, v, c)

    @compiled
    def update_modulus(params, grads, m, v, c):
        re, im = gradient(params[0], grads[0], c), gradient(params[1], grads[1], c)
        g2 = re * re + im * im  # S8
        x_re, m_re, v_new = descend(params[0], re, g2, m[0], v, c)
        x_im, m_im, v_new = descend(params[1], im, g2, m[1], v, c)
        return (x_re, x_im), (m_re, m_im), v_new

    return update, update_modulus


def with_rates(form: Form, c: Coefficients, config: RAdamConfig, lr: Any) -> tuple[Form, Any]:
    """The terms for an array lr, from those for 1, whose lr is 0 while the dialect holds."""
    if config.weight_decay and config.axes.weight_decay == "decoupled":
        form, c = form._replace(shrinks=True), c._replace(shrink=1 - c.lr * lr * c.wd)
    return form, c._replace(lr=c.lr * lr)


def step(
    params: Array, grads: Array, state: RAdamState, config: RAdamConfig, lr: Any, xp: Any,
    dtype: str, terms: Callable[..., Any] = coefficients,
) -> tuple[Array, RAdamState]:  # fmt: skip
    """Lines 4 to 14 on real arrays, or (re, im) pairs of them, that fit each other.

    lr is a float or an array like params; `terms` fetches the coefficients of t for `dtype`.
    """
    t, number = state.t + 1, isinstance(lr, float)
    form, c = terms(t, config, lr if number else 1.0, dtype)
    if not number:
        form, c = with_rates(form, c, config, lr)
    update, update_modulus = formula(xp.sqrt, xp.where, form)
    advance = update_modulus if isinstance(params, tuple) else update
    params, m, v = advance(params, grads, state.m, state.v, c)
    return params, RAdamState(t, m, v)
