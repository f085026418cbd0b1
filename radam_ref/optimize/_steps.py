"""Two pure functions make a run: `told` takes f and g at x, `advance` steps from there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import device

from .. import _dtypes
from .._ahead import coefficients
from .._boundary import init, step
from .._config import RAdamConfig
from .._dtypes import compute_dtypes, name
from .._step import RAdamState, formula
from ._leaves import Array, Layout, Leaves
from ._objective import real_value
from ._problem import Problem
from ._seen import look, more_noise
from ._state import Lanes, Point, State


def begun(problem: Problem, x: Leaves) -> State:
    """The state at x0, not evaluated yet."""
    state = State(x, tuple(map(init, x)), x, (0.0,) * len(x), listed=problem.layout.listed)
    if problem.layout.batch:
        xp, n = problem.layout.xp, x[0].shape[0]
        active = xp.ones_like(x[0][(slice(None), *(0,) * (x[0].ndim - 1))], dtype=xp.bool)
        return state._replace(lanes=Lanes(active, np.zeros(n, np.int64), np.full(n, -1)))
    return state


def advance(problem: Problem, state: State) -> State:
    """One step of RAdam from an evaluated x to the next, which is not."""
    lr, path, inward = problem.rate(state.t + 1), state.path, state.inward or ()
    config, xp, leaves, moments = problem.config, problem.layout.xp, [], []
    for i, prox in enumerate(problem.proxes):
        x, moment = _stepped(state.x[i], inward[i], state.moments[i], config, lr[i], xp)
        if prox is not None:
            x = prox(x, reach(x, moment, config, lr[i], xp))
        leaves.append(x)
        moments.append(moment)
    new = tuple(leaves)
    if problem.limits.present:
        new = problem.limits.project(new)
    if state.lanes is not None:
        new = chosen(problem.layout, state.lanes.active, new, state.x)
    if problem.rate.schedule is not None:
        path = tuple(past + rate for past, rate in zip(path, lr, strict=True))
    return state.moved(new, tuple(moments), path)


def _stepped(
    x: Array, g: Array, state: RAdamState, config: RAdamConfig, lr: Any, xp: Any
) -> tuple[Array, RAdamState]:
    """`radam_ref.step`; where `told` and `Rate` have checked all that it would, without that."""
    if type(x) is np.ndarray and x.ndim and type(lr) is float:
        return _dtypes.step(x, g, state, config, lr, xp, coefficients)
    return step(x, g, state, config, lr=lr)


def reach(x: Array, state: RAdamState, config: RAdamConfig, lr: Any, xp: Any) -> Array:
    """How far the last step moved x for each unit of m_hat: the formula, run on m_hat = 1."""
    number = isinstance(lr, float)
    form, c = coefficients(state.t, config, lr if number else 1.0, compute_dtypes[name(x.dtype)])
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
    best = _best(layout, state, f, g)
    noise = more_noise(state.noise, f, g) if problem.noisy else None
    seen = state.seen
    if state.t % problem.check_every == 0:
        f = f if state.lanes is not None else float(f)
        seen = look(problem, state, f, inward, best.f)
        if seen.finite is not True and state.best is not None and not np.all(seen.finite):
            best = _without(layout, state, best, seen.finite)
    return state.evaluated(f, g, inward, best, seen, noise)


def _penalties(proxes: tuple[Any, ...], x: Leaves) -> Leaves:
    return tuple(
        prox.penalty(leaf) if hasattr(prox, "penalty") else 0 * abs(leaf)
        for prox, leaf in zip(proxes, x, strict=True)
    )


def _best(layout: Layout, state: State, f: Any, g: Leaves) -> Point:
    """The best point, chosen where the arrays are; one whose f is not finite never is."""
    best = state.best
    if isinstance(f, float):
        f_best = math.inf if best is None else best.f
        if -math.inf < f < f_best:
            return Point(state.x, f, g)
        return best or Point(state.x, math.inf, g)
    best = best or Point(state.x, layout.xp.full_like(f, math.inf), g)
    better = (f < best.f) & (f > -math.inf)
    x, g = chosen(layout, better, state.x, best.x), chosen(layout, better, g, best.g)
    return Point(x, layout.xp.where(better, f, best.f), g)


def _without(layout: Layout, state: State, best: Point, finite: Any) -> Point:
    """The best point, but the one before where the gradient has turned out not to be finite."""
    if state.lanes is None:
        return state.best  # type: ignore[no-any-return]
    mask = layout.xp.asarray(finite, device=device(state.lanes.active))
    pairs = ((best.x, state.best.x), ((best.f,), (state.best.f,)), (best.g, state.best.g))
    x, (f,), g = (chosen(layout, mask, *pair) for pair in pairs)
    return Point(x, f, g)


def chosen(layout: Layout, mask: Array, these: Leaves, those: Leaves) -> Leaves:
    """`these` where the mask of lanes is true, `those` elsewhere."""
    if type(mask) is np.ndarray and mask.all():
        return these
    if type(mask) is np.ndarray and not mask.any():
        return those
    return tuple(
        layout.xp.where(layout.over_lanes(mask, this), this, that)
        for this, that in zip(these, those, strict=True)
    )
