"""Why a run is not there: what its state says of its last steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._state_file import to_host
from ._leaves import largest
from ._seen import WINDOW

if TYPE_CHECKING:
    from ._stepper import Stepper


def not_moving_freely(run: Stepper) -> str:
    """What most kept x from a minimum, in a sentence or two."""
    state, pace = run.now, run.now.seen.pace
    if frozen := held_back(run):
        return frozen
    if run.problem.noisy:
        return mean_gradient(run)
    if pace is not None and np.max(pace.moved) > 0.5:
        share = 100 * float(np.max(pace.moved))
        return (
            f"not there yet. In the last {WINDOW} steps x still moved {share:.0f} % of the way "
            "that lr allows, in one direction: a larger lr, or more steps."
        )
    gradient = np.max(state.seen.gradient)
    return (
        f"the largest projected gradient is {gradient:.3g}. If f falls no more, a smaller lr or "
        "one that decreases with t, else more steps."
    )


def held_back(run: Stepper) -> str | None:
    """The one gradient that fills v, so that all others since are divided by it; None if none."""
    state, beta2 = run.now, run.problem.config.beta2
    peak = state.seen.peak
    if peak is None or peak.t >= state.t or not math.isfinite(peak.value):
        return None
    v = _element(state.moments[peak.leaf].v, peak.element)
    now = _element((state.inward or ())[peak.leaf], peak.element)
    share = (1 - beta2) * beta2 ** (state.t - peak.t - 1) * peak.value**2 / v if v else 0.0
    if share < 0.5 or now > 1e-3 * peak.value:
        return None
    fades = math.ceil(2 * math.log(math.sqrt(v) / max(now, 1e-300)) / -math.log(beta2))
    where = f"element {peak.element}" + (f" of x0[{peak.leaf}]" if state.listed else "")
    return (
        f"One gradient of {peak.value:.3g}, at step {peak.t} in {where}, froze it: it still makes "
        f"up {100 * share:.0f} % of v there, while the gradient is {now:.3g}; about {fades} steps "
        "more would be lost. Start again from x_best, and clip or drop such a gradient."
    )


def mean_gradient(run: Stepper) -> str:
    """The mean gradient of the last window, beside its standard error."""
    n, mean, error = window_mean(run)
    if n < 2:
        return "too few evaluations for a mean gradient."
    layout = run.problem.layout
    if layout.batch:
        return f"gradients are noisy; see mean_gradient and standard_error, over {n} evaluations."
    size, leaf, index = largest(mean, layout.xp)
    spread = _element(error[leaf], index)
    verdict = "no larger than chance makes it" if size <= 2 * spread else "not zero yet"
    return (
        f"gradients are noisy. Their mean over the last {n} is at most {size:.3g}, with a standard "
        f"error of {spread:.3g}: {verdict}."
    )


def window_mean(run: Stepper) -> tuple[int, tuple[Any, ...], tuple[Any, ...]]:
    """Evaluations in the last one or two windows, their mean gradient and its standard error."""
    noise, xp = run.now.noise, run.problem.layout.xp
    if noise is None:
        return 0, (), ()
    n, g, g2 = noise.n, noise.g, noise.g2
    if noise.before is not None:
        n += noise.before.n
        g = tuple(a + b for a, b in zip(g, noise.before.g, strict=True))
        g2 = tuple(a + b for a, b in zip(g2, noise.before.g2, strict=True))
    mean = tuple(part / n for part in g)
    variance = (s / n - abs(part) ** 2 for s, part in zip(g2, mean, strict=True))
    error = tuple(xp.sqrt(xp.where(s > 0, s, 0 * s) / max(n - 1, 1)) for s in variance)
    return n, mean, error


def at(run: Stepper) -> str:
    """The element of the gradient that is not finite."""
    state = run.now
    value, leaf, index = largest(state.inward or (), run.problem.layout.xp)
    where = f"element {index}" + (f" of x0[{leaf}]" if state.listed else "")
    return f"the gradient is {value:g} in {where}"


def _element(array: Any, index: int) -> float:
    return float(abs(to_host(array).reshape(-1)[index]))
