"""Proximal operators: what is not smooth in an objective, applied to x after each step.

An operator is any callable (x, step) -> x that minimizes penalty(y) + |y - x|^2 / (2*step) in each
element; `step` is an array like x, how far x moves for each unit of the averaged gradient. With
a method `penalty(x) -> array`, elementwise, it is counted in f.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from .._config import real

Array = Any


@dataclass(frozen=True)
class soft_threshold:
    """The operator of weight*|x|, which sets small elements to zero; of the modulus if complex.

    Parameters
    ----------
    weight : float, at least 0
        The factor of the sum of |x| in the objective.

    Examples
    --------
    >>> soft_threshold(0.5)(np.asarray([-2.0, 0.4]), np.asarray([1.0, 1.0]))
    array([-1.5,  0. ])
    """

    weight: float

    def __post_init__(self) -> None:
        real("weight", self.weight)

    def __call__(self, x: Array, step: Array) -> Array:
        """x drawn towards zero by weight*step."""
        xp, size = array_namespace(x), abs(x)
        kept = xp.where(size > self.weight * step, size - self.weight * step, 0 * size)
        return x * (kept / xp.where(size > 0, size, size + 1))

    def penalty(self, x: Array) -> Array:
        """weight*|x|."""
        return self.weight * abs(x)


@dataclass(frozen=True)
class box:
    """The operator of lower <= x <= upper: the nearest point within.

    Parameters
    ----------
    lower, upper : float or array that broadcasts to x

    Examples
    --------
    >>> box(0.0, 1.0)(np.asarray([-2.0, 0.4]), 0.1)
    array([0. , 0.4])
    """

    lower: Any
    upper: Any

    def __call__(self, x: Array, step: Array) -> Array:
        """x moved inside, whatever the step."""
        xp = array_namespace(x)
        x = xp.where(x < self.lower, xp.zeros_like(x) + self.lower, x)
        return xp.where(x > self.upper, xp.zeros_like(x) + self.upper, x)


def non_negative(x: Array, step: Array) -> Array:
    """The operator of x >= 0.

    Parameters
    ----------
    x : array
    step : not looked at

    Returns
    -------
    array
        x, and zero for its negative elements.

    Examples
    --------
    >>> non_negative(np.asarray([-2.0, 0.4]), 0.1)
    array([0. , 0.4])
    """
    xp = array_namespace(x)
    return xp.where(x < 0, xp.zeros_like(x), x)
