"""The step on CuPy arrays, on their device and the caller's stream."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from array_api_compat import is_cupy_array

import radam_ref
from radam_ref import RAdamConfig, RAdamState

Array = Any


def init(params: Array) -> RAdamState:
    """`radam_ref.init` on the device of `params`, whichever is current.

    Parameters
    ----------
    params : CuPy array

    Returns
    -------
    RAdamState
        t = 0 and zero moments beside params.

    Raises
    ------
    TypeError
        As `radam_ref.init`.
    """
    with _current_device(params):
        return radam_ref.init(params)


def step(
    params: Array,
    grads: Array,
    state: RAdamState,
    config: RAdamConfig = RAdamConfig(),
    *,
    lr: Any = None,
) -> tuple[Array, RAdamState]:
    """`radam_ref.step` with the device of `params` made current; nothing is read back to the host.

    Parameters
    ----------
    params, grads, state, config, lr
        As `radam_ref.step` takes them, with CuPy arrays that share a device; state comes from
        `init` or from the last step.

    Returns
    -------
    (array, RAdamState)
        New arrays on that device.

    Raises
    ------
    TypeError, ValueError
        As `radam_ref.step`.
    """
    with _current_device(params):
        return radam_ref.step(params, grads, state, config, lr=lr)


def _current_device(array: Array) -> AbstractContextManager[Any]:
    """CuPy allocates and launches on the current device, wherever its operands are."""
    return array.device if is_cupy_array(array) else nullcontext()
