"""Algorithm 1: the generic method, of a momentum and an adaptive rate that follow the gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .._arguments import check_params, require
from .._config import real
from .._dtypes import name as dtype_name
from .._step import Array


class Running(NamedTuple):
    """A value that depends on g_1 to g_t, as phi_t, psi_t and their product do.

    start: from the parameters to what is kept before g_1.
    follow: from (t, g_t, kept) to the value at t and what is kept after it.
    """

    start: Callable[[Array], Any]
    follow: Callable[[int, Array, Any], tuple[Any, Any]]


class State(NamedTuple):
    """t: steps done; kept: what the method keeps of the gradients up to g_t."""

    t: int
    kept: Any


def product(phi: Running, psi: Running) -> Running:
    """The method of momentum phi and adaptive rate psi: m_t l_t.

    Parameters
    ----------
    phi, psi : Running

    Returns
    -------
    Running

    Examples
    --------
    >>> gradient = Running(lambda params: None, lambda t, g, kept: (g, kept))
    >>> sign = Running(lambda params: None, lambda t, g, kept: (1 / abs(g), kept))
    >>> method = product(gradient, sign)
    >>> x = np.asarray([1.0, -4.0])
    >>> step(x, 2 * x, init(x, method), method, 0.5)[0]
    array([ 0.5, -3.5])
    """

    def follow(t: int, g: Array, kept: tuple[Any, Any]) -> tuple[Array, tuple[Any, Any]]:
        m_t, of_phi = phi.follow(t, g, kept[0])  # line 3
        l_t, of_psi = psi.follow(t, g, kept[1])  # line 4
        return m_t * l_t, (of_phi, of_psi)

    return Running(lambda params: (phi.start(params), psi.start(params)), follow)


def init(params: Array, method: Running) -> State:
    """The state before the first step.

    Parameters
    ----------
    params : array of float32 or float64
    method : Running
        One of this module's, or a `product`.

    Returns
    -------
    State

    Raises
    ------
    TypeError
        If params is no such array.

    Examples
    --------
    >>> import radam_ref
    >>> init(np.ones(2), radam_ref.algorithm1.momentum())
    State(t=0, kept=(array([0., 0.]), None))
    """
    _check(params)
    return State(0, method.start(params))


def step(
    params: Array,
    grads: Array,
    state: State,
    method: Running,
    alpha: float | Callable[[int], float],
) -> tuple[Array, State]:
    """One round of Algorithm 1's loop; pure: the arguments are left as they are.

    Parameters
    ----------
    params : array of float32 or float64, any shape
    grads : array of the same dtype and shape, in the same place
        g_t, the gradient at params.
    state : State
        What `init` or the last step returned.
    method : Running
        As for `init`.
    alpha : number, or function of t
        The step size; `radam_ref.schedules` has functions.

    Returns
    -------
    (array, State)

    Raises
    ------
    TypeError, ValueError
        For an array that does not fit; the message names it and what is allowed.

    Examples
    --------
    >>> import radam_ref
    >>> x, method = np.asarray([1.0, -2.0]), radam_ref.algorithm1.sgd()
    >>> step(x, 2 * x, init(x, method), method, 0.25)[0]
    array([ 0.5, -1. ])
    """
    require("grads", grads, params, _check(params), params.dtype)
    t = state.t + 1
    ml, kept = method.follow(t, grads, state.kept)
    alpha_t = real("alpha", alpha(t) if callable(alpha) else alpha)
    return params - alpha_t * ml, State(t, kept)  # line 5


def _check(params: Array) -> Any:
    xp, *_ = check_params(params)
    if dtype_name(params.dtype) not in ("float32", "float64"):
        raise TypeError(f"params must have the dtype float32 or float64, got {params.dtype}")
    return xp
