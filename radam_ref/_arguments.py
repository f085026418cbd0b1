"""Arguments are checked here, once: what does not fit is refused by name (S7)."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj

from . import _dtypes
from ._config import RAdamConfig, real
from ._step import Array, RAdamState


def check_params(params: Array) -> tuple[Any, Any, Any]:
    """The namespace of `params`, and the dtypes of m and of v beside it (the one computed in)."""
    try:
        xp = array_namespace(params)
    except TypeError:
        kind = type(params).__name__
        raise TypeError(f"params must be an array, got {params!r} of type {kind}") from None
    name = _dtypes.name(params.dtype)
    if name not in _dtypes.compute_dtypes:
        allowed = ", ".join(_dtypes.compute_dtypes)
        raise TypeError(f"params must have one of the dtypes {allowed}, got {name}")
    v_dtype = getattr(xp, _dtypes.compute_dtypes[name])
    return xp, params.dtype if name.startswith("complex") else v_dtype, v_dtype


def check_run(params: Array, state: RAdamState, config: RAdamConfig) -> tuple[Any, Any]:
    """The namespace and the dtype of v, of a run whose parts fit each other (S7).

    Raises
    ------
    TypeError, ValueError
        They do not; the message names the argument, what it was and what is allowed.
    """
    xp, m_dtype, v_dtype = check_params(params)
    if not isinstance(state, RAdamState):
        raise TypeError(f"state must be a RAdamState, got {state!r}")
    if not isinstance(config, RAdamConfig):
        raise TypeError(f"config must be a RAdamConfig, got {config!r}")
    if not has_host_terms(config):
        for name, value in zip(TERMS, term_arguments(config), strict=True):
            _require_number(f"config.{name}", value, params, xp)
    v_dtypes = (v_dtype, m_dtype) if config.axes.complex == "componentwise" else (v_dtype,)
    _require_count(state.t, params, xp)
    require("state.m", state.m, params, xp, m_dtype)
    require("state.v", state.v, params, xp, *v_dtypes)
    return xp, v_dtype


TERMS = ("beta1", "beta2", "eps", "dialect.threshold", "dialect.eps_root")


def term_arguments(config: RAdamConfig) -> tuple[Any, ...]:
    """The hyper-parameters of TERMS."""
    axes = config.axes
    return config.beta1, config.beta2, config.eps, axes.threshold, axes.eps_root


def has_host_terms(config: RAdamConfig) -> bool:
    """Whether the hyper-parameters are numbers, whose terms the host computes exactly (S2).

    Parameters
    ----------
    config : RAdamConfig

    Returns
    -------
    bool
        False where one is an array, whose value is not looked at.

    Examples
    --------
    >>> has_host_terms(RAdamConfig())
    True
    """
    return {*map(type, term_arguments(config))} == {float}


def decay(beta2: object) -> float:
    """`beta2` as a float in [0, 1)."""
    return real("beta2", beta2, below=1.0)


def step_number(t: object, name: str = "t") -> int:
    """`t` as an int of at least 1."""
    allowed = f"{name} must be an int of at least 1"
    if isinstance(t, bool) or not isinstance(t, Integral):
        raise TypeError(f"{allowed}, got {t!r} of type {type(t).__name__}")
    if t < 1:
        raise ValueError(f"{allowed}, got {t!r}")
    return int(t)


def require(name: str, array: Array, params: Array, xp: Any, *dtypes: Any) -> None:
    """Refuse an array that does not lie beside `params` in everything but its dtype."""
    if type(array) is not type(params) and not _shares_namespace(array, xp):
        kind = f"{type(array).__module__}.{type(array).__qualname__}"
        raise TypeError(f"{name} must be an array of {xp.__name__}, as params is, got {kind}")
    if array.shape != params.shape:
        raise ValueError(f"{name} must have the shape of params, {params.shape}, got {array.shape}")
    if array.dtype not in dtypes:
        allowed = " or ".join(map(str, dtypes))
        raise TypeError(f"{name} must have the dtype {allowed}, got {array.dtype}")
    if type(array) is not np.ndarray:  # NumPy has one device
        _require_device(name, array, params)


def _require_count(t: Any, params: Array, xp: Any) -> None:
    """Refuse a number of steps that is neither an int nor a 0-d integer array beside params."""
    if isinstance(t, int) and not isinstance(t, bool):
        if t < 0:
            raise ValueError(f"state.t must be at least 0, got {t!r}")
        return
    allowed = f"state.t must be an int or a 0-d integer array of {xp.__name__}, 32 bits or 64"
    if not _shares_namespace(t, xp):
        raise TypeError(f"{allowed}, got {t!r} of type {type(t).__name__}")
    if t.shape != () or _dtypes.name(t.dtype) not in ("int32", "int64", "uint32", "uint64"):
        raise TypeError(f"{allowed}, got shape {tuple(t.shape)} and dtype {t.dtype}")
    _require_device("state.t", t, params)


def _require_number(name: str, value: Any, params: Array, xp: Any) -> None:
    """Refuse what is neither a float nor a 0-d real array beside params."""
    if isinstance(value, float):
        return
    allowed = f"{name} must be a number or a 0-d real floating array of {xp.__name__}"
    if not _shares_namespace(value, xp) or not xp.isdtype(value.dtype, "real floating"):
        raise TypeError(f"{allowed}, got {value!r}")
    _require_device(name, value, params)


def _require_device(name: str, array: Array, params: Array) -> None:
    place, wanted = _dtypes.place(array), _dtypes.place(params)
    if place != wanted and None not in (place, wanted):
        raise ValueError(f"{name} must be on the device of params, {wanted}, got {place}")


def _shares_namespace(array: object, xp: Any) -> bool:
    return is_array_api_obj(array) and array_namespace(array) is xp


def step_size(lr: Any, params: Array, xp: Any, dtype: Any) -> Any:
    """lr as a float, or as an array of `dtype`."""
    if isinstance(lr, Real) or not is_array_api_obj(lr):
        return real("lr", lr)
    if not _shares_namespace(lr, xp) or not xp.isdtype(lr.dtype, "real floating"):
        raise TypeError(
            f"lr must be a number or a real floating array of {xp.__name__}, "
            f"got {type(lr).__module__}.{type(lr).__qualname__} of {lr.dtype}"
        )
    _require_device("lr", lr, params)
    try:
        broadcast = np.broadcast_shapes(lr.shape, params.shape)
    except ValueError:
        broadcast = None
    if broadcast != tuple(params.shape):
        shapes = f"{tuple(params.shape)}, got {tuple(lr.shape)}"
        raise ValueError(f"lr must broadcast to the shape of params, {shapes}")
    return xp.astype(lr, dtype, copy=False)
