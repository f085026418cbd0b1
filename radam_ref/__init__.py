"""RAdam (Rectified Adam) as an executable specification.

Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", arXiv 1908.03265,
Algorithm 2: one pure step over the arrays of any array-API namespace, its scalar terms exact.
"""

import typing

from ._boundary import init, rectification, rho, rho_inf, step
from ._config import Dialect, RAdamConfig
from ._dialects import Origin, dialects, origins
from ._many import step_many
from ._state_file import load_state, save_state
from ._step import RAdamState, formula
from ._terms import Coefficients, Form, coefficients

if typing.TYPE_CHECKING:
    from .optimize import Stepper, minimize

__all__ = [
    "Coefficients",
    "Dialect",
    "Form",
    "Origin",
    "RAdamConfig",
    "RAdamState",
    "Stepper",
    "coefficients",
    "dialects",
    "formula",
    "init",
    "load_state",
    "minimize",
    "origins",
    "rectification",
    "rho",
    "rho_inf",
    "save_state",
    "step",
    "step_many",
]


def __getattr__(name: str) -> typing.Any:
    """`optimize` is loaded by the first who asks for it; it takes as long as all the rest."""
    from importlib import import_module

    if name not in ("Stepper", "minimize", "optimize"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    optimize = import_module(".optimize", __name__)
    return optimize if name == "optimize" else getattr(optimize, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "optimize"])
