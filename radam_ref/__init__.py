"""RAdam (Rectified Adam) as an executable specification.

Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", arXiv 1908.03265,
Algorithm 2: one pure step over the arrays of any array-API namespace, its scalar terms exact.
"""

import typing
from importlib import import_module

from ._ahead import coefficients, consecutive_terms
from ._arguments import has_host_terms
from ._boundary import init, rectification, rho, rho_inf, step
from ._config import Dialect, RAdamConfig
from ._dialects import Origin, dialects, origins
from ._dtypes import compute_dtypes
from ._many import step_many
from ._state_file import load_state, save_state
from ._step import RAdamState, formula, with_rates
from ._terms import Coefficients, Form

if typing.TYPE_CHECKING:
    from . import algorithm1 as algorithm1
    from . import schedules as schedules
    from . import variance as variance
    from .optimize import Stepper, minimize

__all__ = [
    "Coefficients",
    "Dialect",
    "Form",
    "Origin",
    "RAdamConfig",
    "RAdamState",
    "Stepper",
    "algorithm1",
    "coefficients",
    "compute_dtypes",
    "consecutive_terms",
    "dialects",
    "formula",
    "has_host_terms",
    "init",
    "load_state",
    "minimize",
    "origins",
    "rectification",
    "rho",
    "rho_inf",
    "save_state",
    "schedules",
    "step",
    "step_many",
    "variance",
    "with_rates",
]

_LATER = ("algorithm1", "optimize", "schedules", "variance")


def __getattr__(name: str) -> typing.Any:
    """What is loaded by the first who asks for it: `optimize` takes as long as all of the above."""
    if name in ("Stepper", "minimize"):
        return getattr(import_module(".optimize", __name__), name)
    if name in _LATER:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, *_LATER])
