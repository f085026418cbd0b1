"""RAdam's hyper-parameters, and the axes on which published implementations differ."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf
from numbers import Real


def real(name: str, value: object, low: float = 0, below: float = inf, late: bool = False) -> float:
    """`value` as a float; TypeError if it is no real number, ValueError outside [low, below)."""
    allowed = f"{name} must be a real number in [{low:g}, {below:g})"
    if late and not isinstance(value, Real) and getattr(value, "shape", None) == ():
        return value  # type: ignore[return-value]  # whose number may not be known yet
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{allowed}, got {value!r} of type {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:
        number = inf
    if not low <= number < below:
        raise ValueError(f"{allowed}, got {value!r}")
    return number


CHOICES: dict[str, tuple[object, ...]] = {
    "eps_placement": ("after_correction", "before_correction", "floor"),
    "unrectified": ("momentum", "hold"),
    "weight_decay": ("decoupled", "coupled", "absolute"),
    "nesterov": (False, True),
    "complex": ("modulus", "componentwise"),
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One reading of Algorithm 2; the defaults are the paper's, each axis is chosen on its own.

    Parameters
    ----------
    threshold : the variance is tractable when rho_t exceeds it (line 9); at least 4
    eps_placement : sqrt(v/(1-beta2^t)) + eps; or sqrt(v) + eps, before the correction; or "floor",
        max(sqrt(v/(1-beta2^t))/r_t, sqrt(eps)), which the judge knows and `step` refuses
    eps_root : added to v/(1-beta2^t) under the root; at least 0; it or threshold may be a 0-d array
    unrectified : line 14, or nothing moves while the variance is intractable, decay included
    weight_decay : params *= 1 - lr*weight_decay; or grads += weight_decay*params; or without lr
    nesterov : m_hat looks one step ahead, as in Nadam
    complex : g^2 is |g|^2 and v real, or both parts are parameters of their own (S8)
    """

    threshold: float = 4.0
    eps_placement: str = "after_correction"
    eps_root: float = 0.0
    unrectified: str = "momentum"
    weight_decay: str = "decoupled"
    nesterov: bool = False
    complex: str = "modulus"

    def __post_init__(self) -> None:
        for name, low in (("threshold", 4.0), ("eps_root", 0.0)):
            object.__setattr__(self, name, real(name, getattr(self, name), low, late=True))
        for axis, allowed in CHOICES.items():
            value = getattr(self, axis)
            if value not in allowed or isinstance(value, bool) != (axis == "nesterov"):
                raise ValueError(f"{axis} must be one of {allowed}, got {value!r}")


dialects: dict[str, Dialect] = {"paper": Dialect()}  # _dialects.py adds those of the ports


@dataclass(frozen=True, slots=True)
class RAdamConfig:
    """Hyper-parameters of Algorithm 2, exact binary64 values; betas and eps may be 0-d arrays (S1).

    A value outside is a TypeError or ValueError naming it and what is allowed (S7).

    Parameters
    ----------
    lr : step size alpha_t, about what a parameter may move by in a step; at least 0
    beta1, beta2 : decay of the moments, in [0, 1); beta2 <= 0.6 never rectifies (S6)
    eps : keeps the root from zero, at least 0; 0 is the paper to the letter (S5)
    weight_decay : at least 0
    maximize : ascend instead of descend
    dialect : a name out of `dialects` or a Dialect: axes alone, a port's defaults are in `origins`
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    maximize: bool = False
    dialect: str | Dialect = "paper"

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)[:5]):
            below, late = 1 if name.startswith("beta") else inf, name not in ("lr", "weight_decay")
            object.__setattr__(self, name, real(name, getattr(self, name), 0.0, below, late))
        if not isinstance(self.maximize, bool):
            raise TypeError(f"maximize must be True or False, got {self.maximize!r}")
        if not isinstance(self.dialect, str | Dialect):
            raise TypeError(f"dialect must be a name or a Dialect, got {self.dialect!r}")
        if isinstance(self.dialect, str) and self.dialect not in dialects:
            raise ValueError(f"dialect must be one of {sorted(dialects)}, got {self.dialect!r}")

    @property
    def axes(self) -> Dialect:
        """The axes of the dialect."""
        return dialects[self.dialect] if isinstance(self.dialect, str) else self.dialect
