"""What a run looks like from the host: all that the rules and the messages ask about."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._boundary import rectification
from .._state_file import to_host
from ._leaves import Leaves, largest
from ._problem import Problem
from ._state import Noise, Pace, Peak, Seen, State, Window

WINDOW = 100  # steps over which small changes, and noisy gradients, are judged


def look(problem: Problem, state: State, f: Any, inward: Leaves, f_best: Any) -> Seen:
    """Bring f and the gradient's size to the host; the only wait for a device."""
    layout, seen, t, peak = problem.layout, state.seen, state.t, None
    if state.lanes is None:
        size, leaf, element = largest(inward, layout.xp)
        finite: Any = math.isfinite(f) and math.isfinite(size)
        peak = None if seen is None else seen.peak
        if peak is None or size > peak.value:
            peak = Peak(size, t, leaf, element)
    else:
        size = layout.largest(inward)
        finite = np.isfinite(to_host(f)) & np.isfinite(size)
    if problem.has_prox:
        size = layout.largest(_residual(problem, state.x, inward))
    if seen is None:
        window = _window(problem, state, f_best)
        return Seen(size, finite, (on_host(f), size), peak, window, None)
    window, pace = seen.window, seen.pace
    if t - window.t >= WINDOW:
        pace = _pace(problem, state, window, f_best)
        window = _window(problem, state, f_best)
    return Seen(size, finite, seen.start, peak, window, pace)


def more_noise(noise: Noise | None, f: Any, g: Leaves) -> Noise:
    """The sums with one more evaluation; begun anew when a window is full."""
    squares = tuple(abs(part) ** 2 for part in g)
    if noise is None or noise.n == WINDOW:
        return Noise(1, f, g, squares, None if noise is None else noise._replace(before=None))
    sums = tuple(a + b for a, b in zip(noise.g, g, strict=True))
    squared = tuple(a + b for a, b in zip(noise.g2, squares, strict=True))
    return Noise(noise.n + 1, noise.f + f, sums, squared, noise.before)


def on_host(f: Any) -> Any:
    """A number as a float, an array with a value for each lane as NumPy's."""
    return f if isinstance(f, float) else float(f) if f.ndim == 0 else to_host(f)


def _residual(problem: Problem, x: Leaves, inward: Leaves) -> Leaves:
    """x - prox(x - g, 1): zero exactly where x can be a minimum, as proximal methods have it."""
    return tuple(
        part if prox is None else leaf - prox(leaf - part, 1 + 0 * abs(leaf))
        for part, leaf, prox in zip(inward, x, problem.proxes, strict=True)
    )


def _window(problem: Problem, state: State, f_best: Any) -> Window:
    config, t = problem.config, state.t
    r_t = rectification(t, config.beta2, config.axes.threshold) if t else None
    return Window(t, state.x, f_best, state.path, r_t)


def _pace(problem: Problem, state: State, window: Window, f_best: Any) -> Pace | None:
    """How much of what lr*r_t allowed x used in a window; None while no step was rectified."""
    layout, steps = problem.layout, state.t - window.t
    if window.r_t is None:
        return None
    lengths = tuple(steps * lr for lr in problem.rate.constant)
    if problem.rate.schedule is not None:
        lengths = tuple(a - b for a, b in zip(state.path, window.path, strict=True))
    shares = []
    for now, then, length in zip(state.x, window.x, lengths, strict=True):
        allowed = length * window.r_t
        if isinstance(allowed, float):
            allowed = allowed or 1.0
        else:
            allowed = layout.xp.where(allowed > 0, allowed, allowed + 1)
        shares.append((now - then) / allowed)
    gain = on_host(window.f_best) - on_host(f_best)
    return Pace(state.t, layout.largest(tuple(shares)), gain, window.r_t)
