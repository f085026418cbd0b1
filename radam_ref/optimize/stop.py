"""When to stop: small rules, each of which ends a run; they combine by `|` (or a list) and `&`.

A rule is asked about the Stepper each time that f and the gradient are read; of a batch it answers
for each problem. Only `gtol` and `target` end a run with success.

>>> rules = seconds(60) | gtol(1e-8) | (steps(500) & target(0.1))
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from .._config import real
from ._diagnosis import at, not_moving_freely
from ._rule import Rule, all_of, any_of
from ._seen import WINDOW, on_host

if TYPE_CHECKING:
    from ._stepper import Stepper

__all__ = [
    "Rule",
    "all_of",
    "any_of",
    "blow_up",
    "gtol",
    "non_finite",
    "seconds",
    "stall",
    "steps",
    "target",
]

SUCCESS = "Optimization terminated successfully"


@dataclass(frozen=True)
class steps(Rule):
    """After so many steps, those before a resume included; `maxiter` is this. No success."""

    limit: int
    status = 1

    def __post_init__(self) -> None:
        if isinstance(self.limit, bool) or not isinstance(self.limit, Integral) or self.limit < 0:
            raise ValueError(f"the limit of steps must be an int of at least 0, got {self.limit!r}")

    def met(self, run: Stepper) -> bool:
        """Whether t has come to the limit."""
        return run.now.t >= self.limit

    def because(self, run: Stepper) -> str:
        """The limit, and what kept x from a minimum."""
        over = f"Maximum number of iterations ({self.limit}) has been exceeded"
        return f"{over}: {not_moving_freely(run)}"


@dataclass(frozen=True)
class seconds(Rule):
    """After so many seconds on the wall since the Stepper was made. No success."""

    limit: float
    status = 2

    def __post_init__(self) -> None:
        real("the limit of seconds", self.limit)

    def met(self, run: Stepper) -> bool:
        """Whether they are over."""
        return time.monotonic() - run.began >= self.limit

    def because(self, run: Stepper) -> str:
        """The limit, and what kept x from a minimum."""
        return f"The time limit of {self.limit:g} s is over: {not_moving_freely(run)}"


@dataclass(frozen=True)
class gtol(Rule):
    """When no element of the projected gradient exceeds `tol`, or `relative` times that at x0.

    A success, and the gradient is one evaluated at the returned x. Gradients of one batch of many
    are never small for sure, so a noisy run does not end by this.
    """

    tol: float = 0.0
    relative: float = 0.0

    def __post_init__(self) -> None:
        real("gtol's tol", self.tol)
        real("gtol's relative", self.relative)

    def met(self, run: Stepper) -> Any:
        """Whether it is met."""
        return False if run.problem.noisy else run.now.seen.gradient <= self._limit(run)

    def because(self, run: Stepper) -> str:
        """The gradient and its limit."""
        gradient, limit = run.now.seen.gradient, self._limit(run)
        size = f"the largest projected gradient, {gradient:.3g}, is at most {limit:.3g}"
        return f"{SUCCESS}: {size}."

    def _limit(self, run: Stepper) -> Any:
        relative = self.relative * run.now.seen.start[1] if self.relative else 0.0
        return (
            np.maximum(self.tol, relative) if run.problem.layout.batch else max(self.tol, relative)
        )


@dataclass(frozen=True)
class target(Rule):
    """When f is at most a value; of a noisy f, its mean over at least a window. A success."""

    value: float

    def __post_init__(self) -> None:
        real("target", self.value, low=-np.inf)

    def met(self, run: Stepper) -> Any:
        """Whether it is met."""
        return self._f(run) <= self.value

    def because(self, run: Stepper) -> str:
        """f and the target."""
        mean = "the mean of f" if run.problem.noisy else "f"
        return f"{SUCCESS}: {mean}, {self._f(run):.6g}, is at most the target, {self.value:g}."

    def _f(self, run: Stepper) -> Any:
        noise = run.now.noise
        if noise is None:
            return run.f
        if noise.before is None and noise.n < WINDOW:
            return run.f * 0 + np.inf
        before = noise.before or noise._replace(n=0, f=0.0)
        return on_host((before.f + noise.f) / (before.n + noise.n))


@dataclass(frozen=True)
class stall(Rule):
    """When in a window of 100 steps x moved, net, by at most `xtol` of what lr*r_t allowed, and
    the best f fell by at most `ftol` times itself. No success.

    It is judged once a window and never before r_t > 0.5: RAdam's first steps are short by design.
    """

    xtol: float = 1e-7
    ftol: float = 1e-10
    status = 4

    def __post_init__(self) -> None:
        real("stall's xtol", self.xtol)
        real("stall's ftol", self.ftol)

    def met(self, run: Stepper) -> Any:
        """Whether it is met."""
        state, pace = run.now, run.now.seen.pace
        if pace is None or pace.t != state.t or pace.r_t <= 0.5:
            return False
        return (pace.moved <= self.xtol) & (pace.gain <= self.ftol * abs(on_host(state.best.f)))

    def because(self, run: Stepper) -> str:
        """How little x moved, and why."""
        state = run.now
        moved = 0.0 if state.seen.pace is None else state.seen.pace.moved
        return (
            f"The run has stalled: in {WINDOW} steps x moved by {moved:.1g} of what lr allows: "
            f"{not_moving_freely(run)}"
        )


@dataclass(frozen=True)
class non_finite(Rule):
    """When f or its gradient is not finite; the best point before is returned. Always asked."""

    status = 3

    def met(self, run: Stepper) -> Any:
        """Whether something is not finite."""
        finite = run.now.seen.finite
        return not finite if isinstance(finite, bool) else ~finite

    def because(self, run: Stepper) -> str:
        """What was not finite, and where."""
        state = run.now
        what = f"f is {state.f:g}" if abs(state.f) == np.inf or state.f != state.f else at(run)
        advice = (
            UNRECTIFIED if _is_unrectified(run) else "A smaller lr, or bounds, may keep it off."
        )
        if state.t == 0:
            return f"NaN result encountered: {what} at x0."
        return (
            f"NaN result encountered: {what} after step {state.t}. x is the best before. {advice}"
        )


UNRECTIFIED = (
    "The step was not rectified: it is lr times the averaged gradient, whatever its size. "
    "Take the dialect 'paper-hold', a far smaller lr, or other units for f."
)


@dataclass(frozen=True)
class blow_up(Rule):
    """When steps that are not rectified have raised |f| a thousandfold; the best point before is
    returned. Always asked; dialects that hold do not take such steps.
    """

    status = 5

    def met(self, run: Stepper) -> Any:
        """Whether f is that large."""
        if not _is_unrectified(run):
            return False
        first = abs(run.now.seen.start[0])
        return (run.f > 1000 * first) & (first > 0)

    def because(self, run: Stepper) -> str:
        """f before and after, and what to do."""
        state = run.now
        raised = f"{state.t} steps raised f from {state.seen.start[0]:.3g} to {run.f:.3g}"
        return f"The run has blown up: {raised}. x is the best point. {UNRECTIFIED}"


def _is_unrectified(run: Stepper) -> bool:
    return 0 < run.now.t <= run.problem.free_steps
