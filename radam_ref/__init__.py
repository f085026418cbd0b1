"""RAdam (Rectified Adam) as an executable specification.

Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", arXiv 1908.03265,
Algorithm 2: one pure step over the arrays of any array-API namespace, its scalar terms exact.
"""

from ._ahead import coefficients, coefficients_array
from ._boundary import init, rectification, rho, rho_inf, step
from ._config import Dialect, RAdamConfig
from ._dialects import Origin, dialects, origins
from ._many import step_many
from ._state_file import load_state, save_state
from ._step import RAdamState, formula, with_rates
from ._terms import Coefficients, Form
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
    "coefficients_array",
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
    "with_rates",
]
