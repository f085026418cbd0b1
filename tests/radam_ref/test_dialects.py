"""One formula serves every dialect: runs of each against the paper's lines in balls."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from flint import arb

from radam_ref import Dialect, RAdamConfig, dialects, init, origins, step

from . import exact

STEPS, SIZE = 50, 6
BETA2 = (0.9, 0.99, 0.999)
HALF_ULP = {"float32": 2.0**-24, "float64": 2.0**-53}
UNNAMED = {
    "nesterov": Dialect(nesterov=True),
    "nesterov, coupled": Dialect(nesterov=True, weight_decay="coupled", threshold=6.5),
    "eps_root": Dialect(eps_root=1e-3),
    "absolute, hold": Dialect(weight_decay="absolute", unrectified="hold"),
    "nesterov, before_correction": Dialect(nesterov=True, eps_placement="before_correction"),
}
ALL = {name: axes for name, axes in dialects.items() if name != "proxmin"} | UNNAMED


def problem() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """x0 and gradients that both dtypes hold; the gradients of the last element are near eps."""
    rng = np.random.default_rng(11)
    gradients = rng.standard_normal((STEPS, SIZE)) * [1, 1, 30, 30, 0.1, 1e-3]
    gradients[::7, 1] = 0
    return rng.standard_normal(SIZE).astype("float32"), gradients.astype("float32")


def config_of(axes: Dialect, beta2: float) -> RAdamConfig:
    """eps and the decay are large, so that their places show."""
    return RAdamConfig(0.1, 0.9, beta2, eps=1e-3, weight_decay=0.05, dialect=axes)


@lru_cache
def truth(config: RAdamConfig) -> list[list[exact.Element]]:
    x0, gradients = problem()
    return list(exact.trajectory(x0.tolist(), gradients.tolist(), config))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("beta2", BETA2)
@pytest.mark.parametrize("name", ALL)
def test_every_dialect_follows_the_exact_run(name: str, beta2: float, dtype: str) -> None:
    """Each step adds at most a few roundings of all that was summed up so far."""
    config = config_of(ALL[name], beta2)
    x0, gradients = problem()
    x, state = x0.astype(dtype), init(x0.astype(dtype))
    for t, (g, row) in enumerate(zip(gradients.astype(dtype), truth(config), strict=True), 1):
        x, state = step(x, g, state, config)
        bound = (8 + t) * HALF_ULP[dtype]
        for i, true in enumerate(row):
            assert abs(arb(float(x[i])) - true.x) <= bound * true.reach, (t, i)
            assert abs(arb(float(state.m[i])) - true.m) <= bound * true.m_reach, (t, i)
            assert abs(arb(float(state.v[i])) - true.v) <= bound * true.v, (t, i)


def test_maximize_climbs_what_the_default_descends() -> None:
    """Without decay, maximize is descent along -g."""
    x0, gradients = problem()
    for name in ("paper", "pytorch", "optax"):
        down = up = x0
        low = high = init(x0)
        for g in gradients:
            down, low = step(down, -g, low, RAdamConfig(dialect=name))
            up, high = step(up, g, high, RAdamConfig(dialect=name, maximize=True))
        assert np.array_equal(up, down)


def test_the_named_dialects_differ_in_truth() -> None:
    """Guards the test above against runs in which an axis does not show."""
    ends: dict[tuple[float, ...], Dialect] = {}
    for axes in {replace(axes, complex="modulus") for axes in ALL.values()}:
        end = tuple(float(element.x) for element in truth(config_of(axes, 0.99))[-1])
        assert ends.setdefault(end, axes) == axes
    assert len(ends) >= 12


def test_every_named_dialect_has_an_origin() -> None:
    assert set(origins) == set(dialects)
    assert dialects["paper"] == Dialect()
    assert dialects["paper-hold"] == Dialect(unrectified="hold")
    assert (dialects["pytorch"].threshold, dialects["pytorch"].weight_decay) == (5.0, "coupled")
