"""What a port may change around itself in a case, put back before the next one."""

from __future__ import annotations

import os
import random
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

_STREAMS = {"stdout": 1, "stderr": 2}


@contextmanager
def preserved() -> Iterator[None]:
    """Put back what all that runs in a process shares.

    Streams, folder, environment, recursion limit, warning filters, random states, NumPy's error
    state, Torch's defaults and JAX's configuration.
    """
    with ExitStack() as stack:
        stack.enter_context(np.errstate())
        stack.enter_context(warnings.catch_warnings())
        for name, descriptor in _STREAMS.items():
            stack.callback(_put_stream, name, descriptor, getattr(sys, name), os.dup(descriptor))
        stack.callback(os.chdir, os.getcwd())
        stack.callback(_put_environment, dict(os.environ))
        stack.callback(sys.setrecursionlimit, sys.getrecursionlimit())
        stack.callback(random.setstate, random.getstate())
        stack.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002
        # A port that has not imported a library cannot have changed it.
        if torch := sys.modules.get("torch"):
            _preserve_torch(stack, torch)
        if jax := sys.modules.get("jax"):
            stack.callback(_put_configuration, jax.config, dict(jax.config.values))
        yield


def _preserve_torch(stack: ExitStack, torch: Any) -> None:
    stack.callback(torch.set_rng_state, torch.get_rng_state())
    stack.callback(torch.set_default_dtype, torch.get_default_dtype())
    stack.callback(torch.set_grad_enabled, torch.is_grad_enabled())
    stack.callback(torch.set_flush_denormal, flushes_subnormals())
    stack.callback(_put_device, torch, torch.get_default_device())


def _put_stream(name: str, descriptor: int, stream: Any, copy: int) -> None:
    os.dup2(copy, descriptor)
    os.close(copy)
    if stream.closed:
        stream = open(
            descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
    setattr(sys, name, stream)


def _put_environment(before: Mapping[str, str]) -> None:
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)


def _put_device(torch: Any, before: Any) -> None:
    # Naming the default device, even the one it is, makes Torch look at every call from then on.
    if torch.get_default_device() != before:
        torch.set_default_device(before)


def _put_configuration(config: Any, before: Mapping[str, Any]) -> None:
    for name, value in before.items():
        if config.values[name] != value:
            config.update(name, value)


def flushes_subnormals() -> bool:
    """Whether arithmetic makes zeros of subnormal numbers, which some libraries switch on."""
    tiny = np.float64(sys.float_info.min)
    return bool(tiny / 2 == 0)
