"""Two pure functions make a run: `told` takes f and g at x, `advance` steps from there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._boundary import init, rectification, step
from .._config import RAdamConfig
from .._dtypes import COMPUTE, name
from .._state_file import to_host
from .._step import RAdamState, formula
from .._terms import coefficients
from ._leaves import Array, Layout, Leaves, largest
from ._limits import Limits
from ._objective import real_value
from ._rate import Rate
from ._state import Lanes, Noise, Pace, Peak, State, Window

WINDOW = 100  # steps over which small changes, and noisy gradients, are judged


@dataclass(frozen=True, slots=True)
class Problem:
    """All that does not change from step to step."""

    layout: Layout
    config: RAdamConfig
    rate: Rate
    limits: Limits
    proxes: tuple[Any, ...]
    noisy: bool
    check_every: int

    @property
    def has_prox(self) -> bool:
        """Whether any leaf has a proximal operator."""
        return any(self.proxes)


def begun(problem: Problem, x: Leaves) -> State:
    """The state at x0, not evaluated yet."""
    moments, path = tuple(map(init, x)), tuple(0.0 for _ in x)
    state = State(x, moments, x, x, path, listed=problem.layout.listed)
    if problem.layout.batch:
        xp, n = problem.layout.xp, x[0].shape[0]
        active = xp.ones_like(x[0][(slice(None), *(0,) * (x[0].ndim - 1))], dtype=xp.bool)
        return state._replace(lanes=Lanes(active, np.zeros(n, np.int64), np.full(n, -1)))
    return state


def advance(problem: Problem, state: State) -> State:
    """One step of RAdam from an evaluated x to the next, which is not."""
    lr = problem.rate(state.t + 1)
    x, moments = [], []
    for leaf, g, moment, rate, prox in zip(
        state.x, state.inward or (), state.moments, lr, problem.proxes, strict=True
    ):
        y, moment = step(leaf, g, moment, problem.config, lr=rate)
        if prox is not None:
            y = prox(y, reach(y, moment, problem.config, rate, problem.layout.xp))
        x.append(y)
        moments.append(moment)
    new = problem.limits.project(tuple(x)) if problem.limits.present else tuple(x)
    if state.lanes is not None:
        new = chosen(problem.layout, state.lanes.active, new, state.x)
    path = tuple(past + rate for past, rate in zip(state.path, lr, strict=True))
    return state._replace(
        x=new, moments=tuple(moments), x_before=state.x, path=path, f=None, g=None, inward=None
    )


def reach(x: Array, state: RAdamState, config: RAdamConfig, lr: Any, xp: Any) -> Array:
    """How far the last step moved x for each unit of m_hat: the formula, run on m_hat = 1."""
    number = isinstance(lr, float)
    form, c = coefficients(state.t, config, lr if number else 1.0, COMPUTE[name(x.dtype)])
    form = form._replace(coupled=False, nesterov=False, shrinks=False)
    c = c._replace(beta1=1.0, w1=0.0, beta2=1.0, w2=0.0, i1=1.0, lr=c.lr if number else c.lr * lr)
    update, _ = formula(xp.sqrt, xp.where, form)
    zero = xp.zeros_like(state.v)
    moved, _, _ = update(zero, zero, zero + 1, state.v, c)
    real_dtype = x.dtype if x.dtype == state.m.dtype and not _is_complex(x, xp) else state.v.dtype
    return xp.astype(-moved, real_dtype, copy=False)


def _is_complex(x: Array, xp: Any) -> bool:
    return bool(xp.isdtype(x.dtype, "complex floating"))


def told(problem: Problem, state: State, f: Any, g: Any) -> State:
    """The state with f and its gradient at x, the best so far, and at times a look at them."""
    layout, x = problem.layout, state.x
    f = real_value(f, layout, () if state.lanes is None else (x[0].shape[0],))
    g = layout.pack("the gradient", g, x)
    if problem.has_prox:
        f = f + layout.total(_penalties(problem.proxes, x))
        f = float(f) if isinstance(f, np.generic) else f
    inward = problem.limits.inward(g, x) if problem.limits.present else g
    x_best, f_best, g_best = _best(layout, state, f, g)
    state = state._replace(
        f=f, g=g, inward=inward, x_best=x_best, f_best=f_best, g_best=g_best,
        evaluations=state.evaluations + 1,
    )  # fmt: skip
    if problem.noisy:
        state = state._replace(noise=_more_noise(layout, state))
    return _read(problem, state) if state.t % problem.check_every == 0 else state


def _penalties(proxes: tuple[Any, ...], x: Leaves) -> Leaves:
    return tuple(
        prox.penalty(leaf) if hasattr(prox, "penalty") else 0 * abs(leaf)
        for prox, leaf in zip(proxes, x, strict=True)
    )


def _best(layout: Layout, state: State, f: Any, g: Leaves) -> tuple[Leaves, Any, Leaves]:
    """The best x, f and g, chosen where the arrays are; f that is not finite is never the best."""
    x_best, f_best, g_best = state.x_best, state.f_best, state.g_best or g
    if isinstance(f, float):
        f_best = math.inf if f_best is None else f_best
        return (state.x, f, g) if -math.inf < f < f_best else (x_best, f_best, g_best)
    f_best = layout.xp.full_like(f, math.inf) if f_best is None else f_best
    better = (f < f_best) & (f > -math.inf)
    x_best, g_best = (chosen(layout, better, *pair) for pair in ((state.x, x_best), (g, g_best)))
    return x_best, layout.xp.where(better, f, f_best), g_best


def chosen(layout: Layout, mask: Array, these: Leaves, those: Leaves) -> Leaves:
    return tuple(
        layout.xp.where(layout.over_lanes(mask, this), this, that)
        for this, that in zip(these, those, strict=True)
    )


def _more_noise(layout: Layout, state: State) -> Noise:
    noise, g = state.noise, state.g or ()
    squares = tuple(abs(part) ** 2 for part in g)
    if noise is None or noise.n == WINDOW:
        before = None if noise is None else noise._replace(before=None)
        return Noise(1, state.f, g, squares, before)
    sums = tuple(a + b for a, b in zip(noise.g, g, strict=True))
    squared = tuple(a + b for a, b in zip(noise.g2, squares, strict=True))
    return Noise(noise.n + 1, noise.f + state.f, sums, squared, noise.before)


def _read(problem: Problem, state: State) -> State:
    """Bring to the host what the rules look at; the only wait for a device."""
    t = state.t
    gradient, finite, f, peak = _norms(problem, state)
    window, pace = state.window, state.pace
    if window is None or t - window.t >= WINDOW:
        if window is not None:
            pace = _pace(problem, state, window)
        window = Window(t, state.x, state.f_best, state.path)
    start = (on_host(f), gradient) if state.start is None else state.start
    return state._replace(
        f=f, gradient=gradient, finite=finite, peak=peak, window=window, pace=pace, start=start
    )


def _norms(problem: Problem, state: State) -> tuple[Any, Any, Any, Peak | None]:
    """The projected gradient's largest modulus, finiteness, f read, and the gradient's peak."""
    layout, inward, peak = problem.layout, state.inward or (), state.peak
    if state.lanes is not None:
        gradient = layout.largest(_residual(problem, state))
        f = to_host(state.f)
        return gradient, np.isfinite(f) & np.isfinite(layout.largest(inward)), state.f, None
    size, leaf, element = largest(inward, layout.xp)
    if peak is None or size > peak.value:
        peak = Peak(size, state.t, leaf, element)
    gradient = layout.largest(_residual(problem, state)) if problem.has_prox else size
    number = float(state.f)
    return gradient, math.isfinite(number) and math.isfinite(size), number, peak


def _residual(problem: Problem, state: State) -> Leaves:
    """The projected gradient: zero exactly where x can be a minimum.

    With a proximal operator it is x - prox(x - g, 1), the residual that proximal methods stop by.
    """
    g = state.inward or ()
    return tuple(
        part if prox is None else leaf - prox(leaf - part, 1 + 0 * abs(leaf))
        for part, leaf, prox in zip(g, state.x, problem.proxes, strict=True)
    )


def _pace(problem: Problem, state: State, window: Window) -> Pace | None:
    """How much of what lr*r_t allowed x used in a window; None while no step was rectified."""
    layout, config = problem.layout, problem.config
    r_t = rectification(window.t or 1, config.beta2, config.axes.threshold)
    if r_t is None:
        return None
    shares = []
    for now, then, end, begin in zip(state.x, window.x, state.path, window.path, strict=True):
        allowed = (end - begin) * r_t
        if isinstance(allowed, float):
            allowed = allowed or 1.0
        else:
            allowed = layout.xp.where(allowed > 0, allowed, allowed + 1)
        shares.append((now - then) / allowed)
    gain = on_host(window.f_best) - on_host(state.f_best)
    return Pace(state.t, layout.largest(tuple(shares)), gain)


def on_host(f: Any) -> Any:
    """A number as a float, an array with a value for each lane as NumPy's."""
    return f if isinstance(f, float) else float(f) if f.ndim == 0 else to_host(f)
