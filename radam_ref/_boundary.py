"""The public functions: what their arguments come to is handed to the specification."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import is_torch_array

from . import _ahead, _dtypes, _terms, _traced
from ._arguments import (
    check_params,
    check_run,
    decay,
    has_host_terms,
    require,
    step_number,
    step_size,
    term_arguments,
)
from ._config import RAdamConfig, real
from ._step import Array, RAdamState


def rho_inf(beta2: float) -> float:
    """Maximum length of the approximated SMA, 2/(1-beta2) - 1 (line 2).

    Parameters
    ----------
    beta2 : float in [0, 1)

    Returns
    -------
    float
        The exact value, rounded once.

    Raises
    ------
    TypeError, ValueError
        If beta2 is no number in [0, 1).

    Examples
    --------
    >>> rho_inf(0.5)
    3.0
    """
    return _terms.rounded(_terms.rho_inf(decay(beta2)), "float64")


def rho(t: int, beta2: float) -> float:
    """Length of the approximated SMA at step t (line 8).

    Parameters
    ----------
    t : int, at least 1
    beta2 : float in [0, 1)

    Returns
    -------
    float
        rho_inf - 2*t*beta2^t/(1-beta2^t), rounded once: 1 at t = 1, growing towards rho_inf.

    Raises
    ------
    TypeError, ValueError
        For an argument outside these.

    Examples
    --------
    >>> rho(1, 0.75), rho(2, 0.75)
    (1.0, 1.8571428571428572)
    """
    t, beta2 = step_number(t), decay(beta2)
    length = _terms.rho(t, _terms.power(beta2, t), _terms.rho_inf(beta2))
    return _terms.rounded(length, "float64")


def rectification(t: int, beta2: float, threshold: float = 4.0) -> float | None:
    """The variance rectification term r_t (line 11), or None while rho_t <= threshold (line 9).

    Parameters
    ----------
    t : int, at least 1
    beta2 : float in [0, 1)
    threshold : float, at least 4
        Below 4 the root of line 11 is not real.

    Returns
    -------
    float or None
        r_t rounded once, in (0, 1].

    Raises
    ------
    TypeError, ValueError
        For an argument outside these.

    Examples
    --------
    >>> rectification(4, 0.999) is None
    True
    >>> round(rectification(5, 0.999), 6)
    0.017312
    """
    t, beta2 = step_number(t), decay(beta2)
    r_t = _terms.rectification(t, beta2, real("threshold", threshold, low=4.0))
    return None if r_t is None else _terms.rounded(r_t, "float64")


def init(params: Array) -> RAdamState:
    """The state before the first step (line 1).

    Parameters
    ----------
    params : array of a dtype that `step` takes, any shape

    Returns
    -------
    RAdamState
        t = 0; m and v zero, in the namespace, on the device and in the shape of params.

    Raises
    ------
    TypeError
        If params is no such array.

    Examples
    --------
    >>> init(np.ones(2))
    RAdamState(t=0, m=array([0., 0.]), v=array([0., 0.]))
    """
    xp, m_dtype, v_dtype = check_params(params)
    real_part = xp.real(params) if m_dtype != v_dtype else params
    m, v = xp.zeros_like(params, dtype=m_dtype), xp.zeros_like(real_part, dtype=v_dtype)
    return RAdamState(0, m, v)


def step(
    params: Array,
    grads: Array,
    state: RAdamState,
    config: RAdamConfig = RAdamConfig(),
    *,
    lr: Any = None,
) -> tuple[Array, RAdamState]:
    """One step of Algorithm 2, lines 4 to 14; pure: the arguments are left as they are.

    Parameters
    ----------
    params : array of float16, bfloat16, float32, float64, complex64 or complex128, any shape
        Arithmetic runs in their dtype (S4), for half precision in float32 (S9).
    grads : array of the same dtype and shape, in the same place
        The gradient at params. For complex params the direction of steepest ascent,
        df/dRe + i df/dIm (S8):

        ===========  ==============================
        Torch        gives it
        JAX          gives its conjugate
        Wirtinger    df/dz-bar is half of it
        ===========  ==============================
    state : RAdamState
        What `init` or the last step returned.
    config : RAdamConfig
    lr : number or array, optional
        In place of config.lr; an array is real and broadcasts to params, its values are not looked
        at.

    Returns
    -------
    (array, RAdamState)
        The new params, like the old ones, and the state with t counted up.

    Raises
    ------
    TypeError, ValueError
        For an argument that does not fit; the message names it and what is allowed (S7).

    Notes
    -----
    Under jit, state.t becomes an array, whose terms are those of S3; config is closed over.
    Gradients go through the step, so a loop over Torch tensors that require them wants
    `torch.no_grad()` unless it is to be differentiated.

    Examples
    --------
    >>> x = np.asarray([1.0, -2.0])
    >>> x, state = step(x, 2 * x, init(x), lr=0.25)
    >>> x, state.t
    (array([ 0.5, -1. ]), 1)
    """
    return step_by(params, grads, state, config, lr, lambda terms: terms)


def step_by(
    params: Array, grads: Array, state: RAdamState, config: RAdamConfig, lr: Any, fetching: Any
) -> tuple[Array, RAdamState]:
    """One step, whose terms are fetched by what `fetching` makes of the function that would."""
    xp, v_dtype = check_run(params, state, config)
    if config.axes.eps_placement == "floor":
        raise ValueError("eps_placement must be after_correction or before_correction, got 'floor'")
    require("grads", grads, params, xp, params.dtype)
    lr = config.lr if lr is None else step_size(lr, params, xp, v_dtype)
    if isinstance(state.t, np.integer):
        state = state._replace(t=int(state.t))
    terms: Any = _traced.coefficients
    if isinstance(state.t, int):
        host = has_host_terms(config)
        terms = _ahead.coefficients if host else _traced.at_host_count(xp, params)
    terms = fetching(terms)
    if is_torch_array(params) and _is_differentiable(params, grads, state, config):
        terms = _traced.guarded(terms)
    params, state = _dtypes.step(params, grads, state, config, lr, xp, terms)
    if isinstance(state.v, np.generic):  # what NumPy makes of 0-d arrays
        params, state = np.asarray(params), RAdamState(state.t, *map(np.asarray, state[1:]))
    if isinstance(state.t, np.generic):
        state = state._replace(t=np.asarray(state.t))
    return params, state


def _is_differentiable(params: Array, grads: Array, state: RAdamState, config: RAdamConfig) -> bool:
    """Whether Torch may be asked for a derivative through this step; JAX may always."""
    import torch

    # Forward mode is there without grad too, and what torch.func wraps tells not all it requires.
    try:
        forward = torch.autograd.forward_ad._current_level >= 0
        wrapped = torch._C._functorch.maybe_current_level() is not None
    except AttributeError:  # a Torch that has other names for them: the guard is never wrong
        return True
    if forward or wrapped:
        return True
    if not torch.is_grad_enabled():
        return False
    arrays = (params, grads, state.m, state.v, *term_arguments(config))
    return any(getattr(array, "requires_grad", False) for array in arrays)
