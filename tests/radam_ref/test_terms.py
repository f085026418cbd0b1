"""S1, S2 and S6: the scalar terms against balls, on 100,000 pairs of t and beta2."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
from flint import arb, ctx

from radam_ref import (
    Dialect,
    RAdamConfig,
    _ahead,
    coefficients,
    rectification,
    rho,
    rho_inf,
)

from . import exact

ABOVE_0_6 = math.nextafter(0.6, 1.0)
CORNERS = (0.0, 5e-324, 2.0**-53, 0.25, 0.5, 0.6, ABOVE_0_6, 0.75, 0.9, 0.99, 0.999, 1 - 2.0**-53)


def random_pairs(count: int, seed: int) -> Iterator[tuple[int, float, float]]:
    """t to 1e9, beta1 and beta2 up to 1 - 2^-53, the distances from 1 log-uniform."""
    rng = np.random.default_rng(seed)
    steps = np.exp(rng.uniform(0, math.log(1e9), count)).astype(np.int64)
    for t, (a, b) in zip(steps, 1 - 2.0 ** rng.uniform(-53, 0, (count, 2)), strict=True):
        yield int(t), float(a), float(b)


def random_order() -> Iterator[tuple[int, float, float]]:
    return islice(random_pairs(80_000, seed=1), 8_000)


def more_in_random_order() -> Iterator[tuple[int, float, float]]:
    return islice(random_pairs(80_000, seed=1), 8_000, None)


def consecutive_order() -> Iterator[tuple[int, float, float]]:
    """Runs of steps, where beta^t is continued from beta^(t-1); two runs take turns."""
    starts = list(random_pairs(200, seed=2))
    for (t, a, b), (other_t, _, other_b) in zip(starts[::2], starts[1::2], strict=True):
        for ahead in range(100):
            yield t + ahead, a, b
            yield other_t + ahead, a, other_b


def first_steps() -> Iterator[tuple[int, float, float]]:
    rng = np.random.default_rng(3)
    for b in (*CORNERS, *(1 - 2.0 ** rng.uniform(-53, 0, 300))):
        for t in (*range(1, 13), 10**9):
            yield t, 0.9, float(b)


def within_one_ulp(got: float, value: arb) -> bool:
    with ctx.workprec(300):
        return abs(arb(got) - value) <= math.ulp(got)


@pytest.mark.parametrize(
    "pairs",
    [
        *(random_order, pytest.param(more_in_random_order, marks=pytest.mark.slow)),
        *(consecutive_order, first_steps),
    ],
)
def test_scalar_terms_are_within_one_ulp(pairs) -> None:
    """S2; where the exact r_t does not exist, no approximation of it may either."""
    for at in pairs():
        t, beta1, beta2 = at
        form, c = coefficients(t, RAdamConfig(beta1=beta1, beta2=beta2), 1e-3, "float64")
        true = exact.terms(t, beta1, beta2)
        assert within_one_ulp(c.i1, true.i1), at
        assert within_one_ulp(c.i2, true.i2), at
        assert within_one_ulp(rho(t, beta2), true.rho_t), at
        assert form.rectified == (true.r_t is not None), at
        assert true.r_t is None or within_one_ulp(c.r, true.r_t), at


def expected_coefficients(t: int, config: RAdamConfig, lr: float) -> dict[str, object]:
    """Every coefficient as a function that gives its ball."""
    axes, beta1, beta2 = config.axes, config.beta1, config.beta2
    eps, decay = config.eps, config.weight_decay

    def now() -> exact.Terms:
        return exact.terms(t, beta1, beta2, axes.threshold)

    moves = now().r_t is not None or axes.unrectified == "momentum"
    shrink = {
        "decoupled": lambda: 1 - arb(lr) * arb(decay),
        "absolute": lambda: 1 - arb(decay),
        "coupled": lambda: arb(1),
    }
    return {
        "wd": lambda: arb(decay),
        "beta1": lambda: arb(beta1),
        "w1": lambda: 1 - arb(beta1),
        "beta2": lambda: arb(beta2),
        "w2": lambda: 1 - arb(beta2),
        "eps_root": lambda: arb(axes.eps_root),
        "i1": lambda: arb(beta1) / (1 - arb(beta1) ** (t + 1)) if axes.nesterov else now().i1,
        "n2": lambda: (1 - arb(beta1)) * now().i1 if axes.nesterov else arb(0),
        "i2": lambda: now().i2,
        "eps": lambda: (
            arb(eps) if axes.eps_placement == "after_correction" else arb(eps) * now().i2.sqrt()
        ),
        "r": lambda: now().r_t or arb(0),
        "shrink": lambda: shrink[axes.weight_decay]() if moves and decay else arb(1),
        "lr": lambda: arb(lr) if moves else arb(0),
    }


def random_configs(count: int) -> Iterator[tuple[int, RAdamConfig]]:
    rng = np.random.default_rng(4)
    axes = [
        Dialect(),
        Dialect(threshold=5.0, eps_placement="before_correction", weight_decay="coupled"),
        Dialect(nesterov=True, eps_root=1e-5, weight_decay="absolute"),
        Dialect(unrectified="hold"),
    ]
    for t, beta1, beta2 in random_pairs(count, seed=5):
        lr, eps, decay = (float(x) for x in 10.0 ** rng.uniform((-5, -46, -6), (0, 0, 0)))
        dialect = axes[rng.integers(4)]
        few = t if rng.random() < 0.5 else 1 + t % 12
        yield few, RAdamConfig(lr, beta1, beta2, eps, decay, dialect=dialect)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_coefficients_are_the_exact_values_rounded_once(dtype: str) -> None:
    """S1."""
    for t, config in random_configs(1500):
        _, c = coefficients(t, config, config.lr, dtype)
        for name, ball in expected_coefficients(t, config, config.lr).items():
            assert getattr(c, name) == exact.rounded(ball, dtype), (name, t, config)


@pytest.mark.parametrize("odd", [1, 3, 1001, 2**20 + 1])
def test_float32_coefficients_are_not_rounded_twice(odd: int) -> None:
    """1 - beta lies beside the middle of two float32; binary64 would round it onto the middle."""
    tie = odd * 2.0**-25
    for beta in (math.nextafter(tie, 0.0), tie, math.nextafter(tie, 1.0)):
        _, c = coefficients(1, RAdamConfig(beta1=beta, beta2=beta), 1.0, "float32")
        w = exact.nearest(1 - Fraction(beta), "float32")
        assert (c.w1, c.w2) == (w, w)
        assert c.i1 == exact.nearest(1 / (1 - Fraction(beta)), "float32")


def test_the_double_rounding_trap_is_real() -> None:
    """Rounding through binary64 would give 1, half an ulp of float32 too far."""
    beta = math.nextafter(2.0**-25, 1.0)
    assert np.float32(1.0 - beta) == 1.0
    _, c = coefficients(1, RAdamConfig(beta1=beta), 1.0, "float32")
    assert c.w1 == 1 - 2.0**-24


@pytest.mark.parametrize("eps", [1e-38, 1.1754944e-38, 3e-45, 1.4e-45, 7.1e-46, 7e-46, 1e-60])
def test_float32_eps_may_be_subnormal(eps: float) -> None:
    config = RAdamConfig(eps=eps, dialect="pytorch")
    _, c = coefficients(7, config, 1.0, "float32")
    true = exact.rounded(lambda: arb(eps) * exact.terms(7, 0.9, 0.999).i2.sqrt(), "float32")
    assert c.eps == true


def test_rho_inf_and_rectification_are_rounded_once() -> None:
    for t, beta1, beta2 in random_pairs(3000, seed=6):
        assert rho_inf(beta2) == exact.rounded(
            lambda b=beta2: exact.terms(1, b, b).rho_inf, "float64"
        )
        for threshold in (4.0, 5.0, 7.5):
            true = exact.terms(t, beta1, beta2, threshold).r_t
            got = rectification(t, beta2, threshold)
            assert (got is None) == (true is None)
            assert got is None or within_one_ulp(got, true)


@pytest.mark.parametrize("beta2", [0.0, 5e-324, 0.1, 0.5, 0.6])
def test_never_rectified_up_to_0_6(beta2: float) -> None:
    """S6; 0.6 in binary64 lies below 3/5, where rho_inf is 4."""
    assert rho_inf(beta2) <= 4
    assert all(rectification(t, beta2) is None for t in (*range(1, 200), 10**9))


def test_rectified_just_above_0_6() -> None:
    """S6: rho_inf exceeds 4 by 1e-15, so the variance becomes tractable, late."""
    first = next(t for t in range(1, 1000) if rectification(t, ABOVE_0_6) is not None)
    before, after = (exact.terms(t, 0.9, ABOVE_0_6).rho_t for t in (first - 1, first))
    assert before < 4 < after
    assert 0 < rectification(first, ABOVE_0_6) <= rectification(10**9, ABOVE_0_6) <= 1


def test_a_step_is_computed_alike_in_any_order() -> None:
    """Terms that came in blocks, and those of a step on its own."""
    config = RAdamConfig(beta2=0.9999)
    forward = [coefficients(t, config, 1.0, "float64") for t in range(1, 300)]
    _ahead.kept_terms.cache_clear()
    backward = [coefficients(t, config, 1.0, "float64") for t in range(299, 0, -1)]
    assert forward == backward[::-1]
    assert coefficients(7, replace(config, lr=1), 1.0, "float64") == forward[6]
