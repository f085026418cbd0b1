"""`func:misbehaving.py:step`: a right port that does one of `DEEDS`, always or for one lr alone."""

import ctypes
import io
import os
import random
import signal
import sys
import threading
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


def _sys_exit(params: Array, grads: Array) -> Array:
    sys.exit(3)


class Stop(BaseException):
    """Not an Exception, so that few catch it."""


def _stop(params: Array, grads: Array) -> Array:
    raise Stop("enough")


def _recurse(params: Array, grads: Array) -> Array:
    return _recurse(params, grads)


def _overflow(params: Array, grads: Array) -> Array:
    """Recurse through C without an end, until the stack has none left."""
    sys.setrecursionlimit(10**9)

    def deeper(_: int) -> int:
        return max([0], key=deeper)

    return params + deeper(0)


def _devour(params: Array, grads: Array) -> Array:
    return np.ones(2**55)


def _kill(params: Array, grads: Array) -> Array:
    os.kill(os.getpid(), signal.SIGKILL)
    return params


def _sleep(params: Array, grads: Array) -> Array:
    time.sleep(600)
    return params


def _print(params: Array, grads: Array) -> Array:
    print("x 1 0 3ff0000000000000\nend", flush=True)
    return params


def _print_from_c(params: Array, grads: Array) -> Array:
    libc = ctypes.CDLL(None)
    libc.puts(b"x 1 0 3ff0000000000000\nend")
    libc.fflush(None)
    return params


def _close_stdout(params: Array, grads: Array) -> Array:
    sys.stdout.close()
    return params


def _redirect(params: Array, grads: Array) -> Array:
    """Send both streams elsewhere, as Python knows them and as C does."""
    sys.stdout = sys.stderr = io.StringIO()
    os.closerange(1, 3)
    return params


def _start_thread(params: Array, grads: Array) -> Array:
    """Leave a thread that prints for ever, and keeps the interpreter from ending."""

    def talk() -> None:
        while True:
            print("x 1 0 3ff0000000000000\nend", file=sys.__stdout__, flush=True)
            time.sleep(0.01)

    if not THREADS:
        THREADS.append(threading.Thread(target=talk))
        THREADS[0].start()
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


def _fork_in_c(params: Array, grads: Array) -> Array:
    if not CHILDREN:
        CHILDREN.append(ctypes.CDLL(None).fork())
    return params


def _view(params: Array, grads: Array) -> Array:
    """Return the right numbers in the memory of the gradient."""
    grads[...] = params
    return grads[:]


def _remember(params: Array, grads: Array) -> Array:
    """Keep the gradients of every step, and insist that nobody else ever writes into them."""
    KEPT.append((grads, grads.copy()))
    if any((kept != copy).any() for kept, copy in KEPT):
        raise RuntimeError("a gradient of an earlier step was overwritten")
    return params


CHILDREN: list[int] = []
THREADS: list[threading.Thread] = []
KEPT: list[tuple[Array, Array]] = []
DEEDS: Mapping[str, Callable[[Array, Array], Array]] = {
    "nan": lambda params, grads: params * np.nan,
    "shape": lambda params, grads: params[:2],
    "raise": _raise,
    "lack": _lack,
    "exit": _exit,
    "sys.exit": _sys_exit,
    "stop": _stop,
    "recurse": _recurse,
    "overflow": _overflow,
    "devour": _devour,
    "kill": _kill,
    "sleep": _sleep,
    "print": _print,
    "print from C": _print_from_c,
    "close stdout": _close_stdout,
    "redirect": _redirect,
    "start a thread": _start_thread,
    "overwrite": _overwrite,
    "unsettle": _unsettle,
    "fork": _fork,
    "fork in C": _fork_in_c,
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
