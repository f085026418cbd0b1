"""The lines of Algorithm 2 in words, as a dialect has them."""

from __future__ import annotations

from radam_ref import Dialect

from ..cases import Case, Hyper

_SUM = "sqrt(v_t/(1-beta2^t))"
_DENOMINATORS = {
    "after_correction": f"d = {_SUM} + eps",
    "before_correction": "d = (sqrt(v_t) + eps)/sqrt(1-beta2^t)",
    "floor": f"d = max({_SUM},\n        r_t sqrt(eps))",
}
_NESTEROV = "m_hat = beta1 m_t/(1-beta1^(t+1))\n        + (1-beta1) g_t/(1-beta1^t)"
_R = "r_t = sqrt((rho_t-4)(rho_t-2) rho_inf /\n      ((rho_inf-4)(rho_inf-2) rho_t))"


def formula(
    quantity: str, case: Case, hyper: Hyper, dialect: Dialect, rectified: bool
) -> tuple[str, str]:
    """The number of a line, and what stands there.

    Parameters
    ----------
    quantity : str
        g, v, m, m_hat, rho, branch, denominator, r, u or x.
    case : Case
    hyper : Hyper
        Of the step.
    dialect : Dialect
        The one that counts in the case.
    rectified : bool
        Whether the step is.

    Returns
    -------
    number, text : str
    """
    modulus = "complex" in case.dtype and dialect.complex == "modulus"
    square = "|g_t|^2" if modulus else "g_t^2"
    last = "12" if rectified else "14"
    resting = "u = m_hat" if dialect.unrectified == "momentum" else "u = 0: nothing moves"
    lines = {
        "g": ("4", _gradient(hyper, dialect)),
        "v": ("5", f"v_t = beta2 v_(t-1) + (1-beta2) {square}"),
        "m": ("6", "m_t = beta1 m_(t-1) + (1-beta1) g_t"),
        "m_hat": ("7", _NESTEROV if dialect.nesterov else "m_hat = m_t/(1-beta1^t)"),
        "rho": ("8", "rho_t = rho_inf - 2t beta2^t/(1-beta2^t)"),
        "branch": ("9", f"rho_t > {dialect.threshold:g}: is the step rectified?"),
        "denominator": ("10", _DENOMINATORS[dialect.eps_placement]),
        "r": ("11", _R),
        "u": (last, "u = r_t m_hat/d" if rectified else resting),
        "x": (last, f"theta_t = {_shrunk(hyper, dialect)} - lr u"),
    }
    return lines[quantity]


def _gradient(hyper: Hyper, dialect: Dialect) -> str:
    gradient = "-gradient" if hyper.maximize else "gradient"
    coupled = hyper.weight_decay and dialect.weight_decay == "coupled"
    return f"g_t = {gradient}{' + weight_decay theta_(t-1)' if coupled else ''}"


def _shrunk(hyper: Hyper, dialect: Dialect) -> str:
    if not hyper.weight_decay or dialect.weight_decay == "coupled":
        return "theta_(t-1)"
    factor = "lr wd" if dialect.weight_decay == "decoupled" else "wd"
    return f"(1 - {factor}) theta_(t-1)"
