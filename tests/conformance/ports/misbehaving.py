"""`func:misbehaving.py:step`: a right port that does one of `DEEDS`, always or for one lr alone."""

import os
import random
import signal
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import textbook
from numpy.typing import NDArray

Array = NDArray[Any]


def _raise(params: Array, grads: Array) -> Array:
    raise ZeroDivisionError("no second moment")


def _lack(params: Array, grads: Array) -> Array:
    raise NotImplementedError("large lr")


def _exit(params: Array, grads: Array) -> Array:
    os._exit(3)


def _kill(params: Array, grads: Array) -> Array:
    os.kill(os.getpid(), signal.SIGKILL)
    return params


def _sleep(params: Array, grads: Array) -> Array:
    time.sleep(600)
    return params


def _print(params: Array, grads: Array) -> Array:
    print("x 1 0 3ff0000000000000\nend", flush=True)
    return params


def _overwrite(params: Array, grads: Array) -> Array:
    grads[:] = 1e3
    return params


def _unsettle(params: Array, grads: Array) -> Array:
    np.seterr(all="raise")
    warnings.simplefilter("error")
    os.environ.clear()
    os.chdir("/")
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    return params


def _fork(params: Array, grads: Array) -> Array:
    """Leave a child that goes on with the case as if it were the port; once, or it would be 2^t."""
    if not CHILDREN:
        CHILDREN.append(os.fork())
    return params


def _view(params: Array, grads: Array) -> Array:
    return np.broadcast_to(params, (2, *params.shape))[1]


def _remember(params: Array, grads: Array) -> Array:
    """Keep the gradients of every step, and insist that nobody else ever writes into them."""
    KEPT.append((grads, grads.copy()))
    if any((kept != copy).any() for kept, copy in KEPT):
        raise RuntimeError("a gradient of an earlier step was overwritten")
    return params


CHILDREN: list[int] = []
KEPT: list[tuple[Array, Array]] = []
DEEDS: Mapping[str, Callable[[Array, Array], Array]] = {
    "nan": lambda params, grads: params * np.nan,
    "shape": lambda params, grads: params[:2],
    "raise": _raise,
    "lack": _lack,
    "exit": _exit,
    "kill": _kill,
    "sleep": _sleep,
    "print": _print,
    "overwrite": _overwrite,
    "unsettle": _unsettle,
    "fork": _fork,
    "view": _view,
    "remember": _remember,
}


def step(
    params: Array,
    grads: Array,
    state: textbook.State | None,
    hyper: Mapping[str, float],
    *,
    deed: str,
    at_lr: float | None = None,
) -> tuple[Array, textbook.State]:
    """One step of Algorithm 2, and the deed."""
    params, state = textbook.step(params, grads, state, hyper)
    if at_lr in (None, hyper["lr"]):
        params = DEEDS[deed](params, grads)
    return params, state
