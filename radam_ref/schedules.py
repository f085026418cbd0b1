"""Step sizes alpha_t of Algorithm 1: constant, and the two forms of warm-up on the slides.

Each returns a function of t, which is 1 for the first step.
"""

from __future__ import annotations

from collections.abc import Callable

from ._arguments import step_number
from ._config import real

__all__ = ["constant", "ramp", "warmup"]

Schedule = Callable[[int], float]


def constant(alpha: float) -> Schedule:
    """alpha_t = alpha.

    Parameters
    ----------
    alpha : float, at least 0

    Returns
    -------
    function of t

    Raises
    ------
    TypeError, ValueError
        If alpha is none.

    Examples
    --------
    >>> constant(0.1)(5)
    0.1
    """
    alpha = real("alpha", alpha)
    return lambda t: alpha


def warmup(alpha: float, T_w: int) -> Schedule:
    """alpha_t = alpha min(t, T_w)/T_w, the form that the slides set beside r_t.

    Parameters
    ----------
    alpha : float, at least 0
        Reached at step T_w and kept.
    T_w : int, at least 1

    Returns
    -------
    function of t

    Raises
    ------
    TypeError, ValueError
        For an argument outside these.

    Examples
    --------
    >>> [warmup(0.5, 4)(t) for t in (1, 2, 4, 100)]
    [0.125, 0.25, 0.5, 0.5]
    """
    alpha, T_w = real("alpha", alpha), step_number(T_w, "T_w")
    return lambda t: alpha * (min(t, T_w) / T_w)


def ramp(alpha_0: float, T_w: int) -> Schedule:
    """alpha_t = t alpha_0 while t < T_w, the slides' first form: `warmup` by its slope.

    The slides do not say what follows; as in `warmup` the value reached is kept.

    Parameters
    ----------
    alpha_0 : float, at least 0
        The first step size, and what each step adds.
    T_w : int, at least 1

    Returns
    -------
    function of t

    Raises
    ------
    TypeError, ValueError
        For an argument outside these.

    Examples
    --------
    >>> [ramp(0.125, 4)(t) for t in (1, 2, 4, 100)]
    [0.125, 0.25, 0.5, 0.5]
    """
    alpha_0, T_w = real("alpha_0", alpha_0), step_number(T_w, "T_w")
    return lambda t: min(t, T_w) * alpha_0
