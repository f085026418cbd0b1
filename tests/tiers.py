"""What divides tests into tiers: frameworks that only some need, and parameters that are slow.

A framework is imported when a test first uses it. A test that uses one carries its marker, so that
the fast tier runs where none is installed.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

# The modules that tests with the marker import.
FRAMEWORKS = {
    "torch": ("torch",),
    "jax": ("jax", "optax"),
    "keras": ("keras",),
    "thinc": ("thinc",),
    "dask": ("dask",),
    "skimage": ("skimage",),
    "sklearn": ("sklearn",),
    "docs": ("sphinx", "myst_parser", "furo"),
}
# What the specs of ports begin with that import a framework.
SPECS = {
    "torch:": "torch",
    "optax:": "jax",
    "keras:": "keras",
    "func:radam_conformance.ports.thinc_radam:": "thinc",
}
INSTALL = 'pip install -c constraints.txt -e ".[test-frameworks]"'


class Framework:
    """A module that is imported when an attribute is first read.

    Parameters
    ----------
    name : str
        Full name of the module.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, attribute: str) -> Any:
        if self.__name__ not in sys.modules:
            import_module(self.__name__)
            gc.freeze()  # it stays to the end: no garbage collection need look through it
        return getattr(sys.modules[self.__name__], attribute)


torch = Framework("torch")
jax, jnp, optax = Framework("jax"), Framework("jax.numpy"), Framework("optax")
dask_array = Framework("dask.array")


def in_float64(xp: Any) -> AbstractContextManager[Any]:
    """A context in which a namespace keeps float64: JAX has to be asked to."""
    return jax.enable_x64(True) if xp is jnp else nullcontext()


def marked(*params: Any) -> list[Any]:
    """Parameters for `parametrize`; those that are or hold a framework get its marker.

    So do those with the spec of a port that imports one.
    """
    return [pytest.param(*values, marks=_marks(values)) for values in map(_as_tuple, params)]


def mostly_slow(params: Iterable[Any], fast: int = 2) -> list[Any]:
    """Parameters for `parametrize` of which only the first few are in the fast tier."""
    return [
        pytest.param(*values, marks=[pytest.mark.slow] * (place >= fast))
        for place, values in enumerate(map(_as_tuple, params))
    ]


def _as_tuple(param: Any) -> tuple[Any, ...]:
    return param if type(param) is tuple else (param,)


def _marks(values: tuple[Any, ...]) -> list[pytest.MarkDecorator]:
    names = [value.__name__.split(".")[0] for value in values if isinstance(value, Framework)]
    specs = [value for value in values if isinstance(value, str)]
    names += [SPECS[start] for spec in specs for start in SPECS if spec.startswith(start)]
    return [getattr(pytest.mark, name) for name in names]


def missing(marker: str) -> list[str]:
    """The modules of a marker that are not installed."""
    return [name for name in FRAMEWORKS[marker] if find_spec(name) is None]
