"""The variance of the adaptive learning rate: the paper's theorem, and what r_t is made from.

psi^2 is a scaled inverse chi-squared variable of rho degrees of freedom and scale tau^2. As
printed, the theorem subtracts numbers that agree to all digits where rho is large. Here it stands
on Brouncker's continued fraction (1656), b(s) = s + 1/(2s + 9/(2s + 25/(2s + ...))):

    4 (Gamma(rho/2)/Gamma((rho-1)/2))^2 = b(2 rho - 3)

so that E[psi]^2 = 2 tau^2 rho/b, and with k = b - (2 rho - 3) the difference has no cancellation:

    Var[psi] = tau^2 rho (1 + k)/((rho - 2) b)

All are functions of numbers, within 1e-12 of the exact value for rho to 1e12.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

from ._arguments import decay, step_number
from ._boundary import rectification, rho, rho_inf
from ._config import real
from ._traced import DIGITS

__all__ = [
    "c_var",
    "f",
    "psi_mean",
    "psi_squared_pdf",
    "psi_squared_variance",
    "psi_variance",
    "psi_variance_first_order",
    "rectification_exact",
]


def psi_mean(rho: float, tau: float = 1.0) -> float:
    """E[psi] = tau sqrt(rho/2) Gamma((rho-1)/2)/Gamma(rho/2).

    Its square is the second term of the theorem.

    Parameters
    ----------
    rho : float above 1
        Degrees of freedom; with rho at most 1 the mean is infinite.
    tau : float, at least 0
        1/sigma, the rate that belongs to gradients of standard deviation sigma.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        For an argument outside these.

    Examples
    --------
    >>> round(psi_mean(4.0) ** 2 / math.pi, 15)
    0.5
    """
    rho, tau = _above(1, rho), real("tau", tau, low=0.0)
    if rho < 20:
        return tau * math.sqrt(rho / 2) * math.gamma((rho - 1) / 2) / math.gamma(rho / 2)
    return tau * math.sqrt(2 * rho / (2 * rho - 3 + _excess(rho)))


def psi_variance(rho: float, tau: float = 1.0) -> float:
    """Var[psi], the theorem; it falls as rho grows, towards tau^2/(2 rho).

    Parameters
    ----------
    rho : float above 2
        Degrees of freedom. The paper states the theorem for rho > 4, where Var[psi^2] is finite
        too; it holds above 2, where E[psi^2] is.
    tau : float, at least 0
        1/sigma.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        For an argument outside these.

    Examples
    --------
    >>> round(psi_variance(4.0) / (2 - math.pi / 2), 14)
    1.0
    >>> round(2e12 * psi_variance(1e12), 12)
    1.000000000004
    """
    rho, tau = _above(2, rho), real("tau", tau, low=0.0)
    k = _excess(rho)
    return tau * tau * (rho / (2 * rho - 3 + k)) * ((1 + k) / (rho - 2))


def psi_squared_variance(rho: float, tau: float = 1.0) -> float:
    """Var[psi^2] = 2 tau^4 rho^2/((rho-2)^2 (rho-4)), which is infinite for rho at most 4.

    Parameters
    ----------
    rho : float above 4
    tau : float, at least 0

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        For an argument outside these.

    Examples
    --------
    >>> psi_squared_variance(6.0)
    2.25
    """
    rho, tau = _above(4, rho), real("tau", tau, low=0.0)
    return 2 * tau**4 * (rho / (rho - 2)) ** 2 / (rho - 4)


def psi_squared_pdf(x: float, rho: float, tau: float = 1.0) -> float:
    """Density of psi^2 at x, that of Scale-inv-chi^2(rho, tau^2).

    Parameters
    ----------
    x : float
        It is 0 where x is not positive.
    rho : float above 0
    tau : float above 0

    Returns
    -------
    float
        (tau^2 rho/2)^(rho/2)/Gamma(rho/2) exp(-rho tau^2/(2x))/x^(1+rho/2)

    Raises
    ------
    TypeError, ValueError
        For an argument outside these.

    Examples
    --------
    >>> round(psi_squared_pdf(0.5, 2.0) / (4 * math.exp(-2)), 15)
    1.0
    """
    x, rho, tau = real("x", x, low=-math.inf), _above(0, rho), _above(0, tau, "tau")
    if x <= 0:
        return 0.0
    with localcontext(DIGITS):  # near the mode 1 + log(u) - u cancels to nothing
        u = Decimal(tau) ** 2 / Decimal(x)
        exponent = float(Decimal(rho) / 2 * (1 + u.ln() - u))
    return _stirling(rho / 2) * math.exp(exponent) / x


def psi_variance_first_order(rho: float, tau: float = 1.0) -> float:
    """Var[psi^2]/(4 E[psi^2]) = tau^2 rho/(2 (rho-2)(rho-4)), of which line 11 is made.

    It is what Var[psi] is to first order in psi^2 - E[psi^2]: too large by a factor that is 1 for
    large rho and infinite at rho = 4.

    Parameters
    ----------
    rho : float above 4
    tau : float, at least 0

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        For an argument outside these.

    Examples
    --------
    >>> psi_variance_first_order(6.0)
    0.375
    """
    rho, tau = _above(4, rho), real("tau", tau, low=0.0)
    return tau * tau * (rho / (rho - 2)) / (2 * (rho - 4))


def c_var(beta2: float) -> float:
    """C_var, the least Var[psi] that Adam's average of decay beta2 reaches: that at rho_inf.

    Parameters
    ----------
    beta2 : float in (0.6, 1)
        With beta2 at most 0.6, rho_inf is at most 4.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        For a beta2 outside these.

    Examples
    --------
    >>> c_var(0.75) == psi_variance(7.0)
    True
    """
    if rho_inf(beta2) <= 4:
        raise ValueError(f"beta2 must be above 0.6 and below 1, got {beta2!r}")
    return psi_variance(rho_inf(beta2))


def rectification_exact(t: int, beta2: float) -> float | None:
    """r_t by its definition, sqrt(C_var/Var[psi] at rho_t), without line 11's approximation.

    Parameters
    ----------
    t : int, at least 1
    beta2 : float in [0, 1)

    Returns
    -------
    float or None
        None where `rectification` is None: while rho_t is at most 4.

    Raises
    ------
    TypeError, ValueError
        For an argument outside these.

    Examples
    --------
    >>> round(rectification_exact(5, 0.999), 6), round(rectification(5, 0.999), 6)
    (0.03151, 0.017312)
    """
    if rectification(t, beta2) is None:
        return None
    return math.sqrt(c_var(beta2) / psi_variance(rho(t, beta2)))


def f(t: int, beta2: float) -> float:
    """Length of the simple average whose center of mass is that of the exponential one.

    Solved from the slides' equation term by term, with t work: the sum on the right is
    t + 1 - (f + 1)/2, so f is 1 and twice the mean age of the gradients. Its closed form is
    rho_t (`radam_ref.rho`), its limit for t to infinity rho_inf.

    Parameters
    ----------
    t : int, at least 1
    beta2 : float in [0, 1)

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        For an argument outside these.

    Examples
    --------
    >>> f(2, 0.75), rho(2, 0.75)
    (1.8571428571428572, 1.8571428571428572)
    """
    t, beta2 = step_number(t), decay(beta2)
    weights = [beta2**age for age in range(t)]
    return 1 + 2 * math.fsum(map(math.prod, enumerate(weights))) / math.fsum(weights)


def _above(low: float, value: object, name: str = "rho") -> float:
    number = real(name, value, low=-math.inf)
    if number <= low:
        raise ValueError(f"{name} must be above {low}, got {value!r}")
    return number


def _excess(rho: float) -> float:
    """k = b(2 rho - 3) - (2 rho - 3)."""
    s, k = 2 * rho - 3, 0.0
    if rho < 20:
        ratio = math.gamma(rho / 2) / math.gamma((rho - 1) / 2)
        return 4 * ratio * ratio - s
    for odd in range(31, 0, -2):  # as far as 1e-16 needs from s = 37 on
        k = odd * odd / (2 * s + k)
    return k


def _stirling(z: float) -> float:
    """z^z exp(-z)/Gamma(z): the root of z/(2 pi), with the end of Stirling's series for large z."""
    if z < 32:
        return math.pow(z, z) * math.exp(-z) / math.gamma(z)
    end = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * z * z)) / (z * z)) / (z * z)) / z
    return math.sqrt(z / (2 * math.pi)) * math.exp(-end)
