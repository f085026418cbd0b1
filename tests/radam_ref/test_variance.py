"""The variance theorem against arbitrary precision, and against samples of what it speaks of."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import radam_ref
from radam_ref import variance

WITHIN = 1e-12
DRAWN = random.Random(0)
RHOS = [
    *(2 + 1e-9, 2.5, 3.0, 4.0, 4 + 1e-9, 5.0, 19.999, 20.0, 20.001, 63.999, 64.0, 1999.0, 1e12),
    *(4 * 10 ** DRAWN.uniform(0, 11.39) for _ in range(100)),
]
OF_FOUR = [rho for rho in RHOS if rho > 4]


@pytest.fixture(autouse=True)
def eighty_digits():
    with mpmath.workdps(80):
        yield


def mean(rho: float) -> mpf:
    """E[psi] for tau = 1, from the gamma functions of the distribution of psi^2."""
    z = mpf(rho) / 2
    return mpmath.sqrt(z) * mpmath.exp(mpmath.loggamma(z - 0.5) - mpmath.loggamma(z))


def theorem(rho: float) -> mpf:
    """Var[psi] for tau = 1 as the slides print it, beta function and all."""
    rho = mpf(rho)
    half = (rho - 1) / 2
    log_beta = 2 * mpmath.loggamma(half) - mpmath.loggamma(2 * half)
    second = rho / mpmath.pi * mpmath.exp((2 * rho - 5) * mpmath.log(2) + 2 * log_beta)
    return rho / (rho - 2) - second


def off(value: float, exact: mpf) -> float:
    return float(abs(value / exact - 1))


@pytest.mark.parametrize("tau", [1.0, 0.3])
def test_mean_and_theorem_within_1e12_of_80_digits(tau: float) -> None:
    assert max(off(variance.psi_mean(rho, tau), tau * mean(rho)) for rho in RHOS) < WITHIN
    exact = [(variance.psi_variance(rho, tau), mpf(tau) ** 2 * theorem(rho)) for rho in RHOS]
    assert max(itertools.starmap(off, exact)) < WITHIN


def test_the_printed_formula_in_binary64_has_no_digit_left_at_1e12() -> None:
    rho = 1e12
    printed = rho / (rho - 2) - mean(rho).__float__() ** 2

    assert abs(printed / variance.psi_variance(rho) - 1) > 1e-5


def test_variance_of_the_square_and_first_order_within_1e12() -> None:
    tau = 0.3
    for rho in OF_FOUR:
        exact = 2 * Fraction(tau) ** 4 * Fraction(rho) ** 2
        exact /= (Fraction(rho) - 2) ** 2 * (Fraction(rho) - 4)
        first = exact / (4 * Fraction(tau) ** 2 * Fraction(rho) / (Fraction(rho) - 2))
        assert abs(variance.psi_squared_variance(rho, tau) / exact - 1) < WITHIN
        assert abs(variance.psi_variance_first_order(rho, tau) / first - 1) < WITHIN


def test_the_density_within_1e12_from_tail_to_tail() -> None:
    for rho, tau, at in itertools.product([0.5, *RHOS[::6]], (1.0, 0.3), (-3, -1e-3, 0.5, 4)):
        x = tau**2 * max(0.05, 1 + at * math.sqrt(2 / rho))
        z, scale = mpf(rho) / 2, mpf(tau) ** 2 / mpf(x)
        log = z * mpmath.log(z * scale) - mpmath.loggamma(z) - z * scale
        assert off(variance.psi_squared_pdf(x, rho, tau), mpmath.exp(log) / x) < WITHIN
    assert variance.psi_squared_pdf(0.0, 6.0) == variance.psi_squared_pdf(-1.0, 6.0) == 0


@pytest.mark.parametrize("rho", [3.0, 6.0, 40.0])
def test_the_density_has_the_moments(rho: float) -> None:
    """Integrated over log x; it is that of psi^2, so psi is the root of x."""
    grid = np.linspace(-12, 40, 1_001)
    weight = np.array([variance.psi_squared_pdf(math.exp(y), rho, 0.7) for y in grid])
    weight *= np.exp(grid) * (grid[1] - grid[0])
    moments = [float(np.sum(weight * np.exp(power * grid))) for power in (0, 0.5, 1)]

    assert moments[:2] == pytest.approx([1, variance.psi_mean(rho, 0.7)], rel=1e-8)
    assert moments[2] - moments[1] ** 2 == pytest.approx(variance.psi_variance(rho, 0.7), rel=1e-5)


@pytest.mark.parametrize("rho", [5, 8, 100])
def test_samples_of_simple_averages_agree(rho: int) -> None:
    """Mean and variance of tau sqrt(rho/chi^2) within 5 standard errors: 1 in 3.5e6 fails."""
    chi2 = np.random.default_rng(rho).chisquare(rho, 1_000_000)
    psi = 0.5 * np.sqrt(rho / chi2)
    deviations = (psi - psi.mean()) ** 2
    standard_errors = psi.std() / 1e3, deviations.std() / 1e3

    assert abs(psi.mean() - variance.psi_mean(rho, 0.5)) < 5 * standard_errors[0]
    assert abs(psi.var() - variance.psi_variance(rho, 0.5)) < 5 * standard_errors[1]


def test_the_variance_falls_as_rho_grows() -> None:
    for rhos in (np.geomspace(4 + 1e-9, 1e12, 5_000), np.linspace(19.9, 20.1, 1_001)):
        values = [variance.psi_variance(float(rho)) for rho in rhos]
        assert all(after < before for before, after in itertools.pairwise(values))


def test_first_order_is_too_large_and_right_in_the_limit() -> None:
    ratios = [variance.psi_variance_first_order(r) / variance.psi_variance(r) for r in OF_FOUR]

    assert min(ratios) > 1
    assert ratios[OF_FOUR.index(1e12)] == pytest.approx(1, abs=1e-11)


@pytest.mark.parametrize("beta2", [0.0, 0.5, 0.9, 0.999, 0.99999])
@pytest.mark.parametrize("t", [1, 2, 5, 6, 100, 3000])
def test_f_solves_the_equation_of_the_centers_of_mass(t: int, beta2: float) -> None:
    """Both sides in fractions: f is the length of the sum on the right, linear in its center."""
    b = Fraction(beta2) if t < 200 else mpf(beta2)
    weights = [b ** (t - i) for i in range(1, t + 1)]
    left = (1 - b) * sum(w * i for i, w in enumerate(weights, 1)) / (1 - b**t)
    length = variance.f(t, beta2)

    assert abs(length - (2 * (t + 1 - left) - 1)) < 1e-13 * length
    assert length == pytest.approx(radam_ref.rho(t, beta2), rel=1e-13)


def test_the_right_side_of_that_equation_for_a_whole_length() -> None:
    t, length = 9, 5
    assert sum(t + 1 - i for i in range(1, length + 1)) / length == t + 1 - (length + 1) / 2


def test_f_tends_to_rho_inf() -> None:
    assert variance.f(20_000, 0.99) == pytest.approx(radam_ref.rho_inf(0.99), rel=1e-13)


@pytest.mark.parametrize("beta2", [0.61, 0.9, 0.999, 0.99999])
def test_r_t_by_its_definition(beta2: float) -> None:
    rho_inf = radam_ref.rho_inf(beta2)
    assert off(variance.c_var(beta2), theorem(rho_inf)) < WITHIN
    for t in (5, 6, 50, 5000):
        approximate, r_t = radam_ref.rectification(t, beta2), variance.rectification_exact(t, beta2)
        if approximate is None:
            assert r_t is None
        else:
            exact = mpmath.sqrt(theorem(rho_inf) / theorem(radam_ref.rho(t, beta2)))
            assert off(r_t, exact) < WITHIN
            assert approximate <= r_t <= 1


def test_no_r_t_where_the_variance_is_never_tractable() -> None:
    assert variance.rectification_exact(1000, 0.6) is None
    with pytest.raises(ValueError, match=r"beta2 must be above 0.6 and below 1, got 0.5"):
        variance.c_var(0.5)


@pytest.mark.parametrize(
    ("function", "low"),
    [("psi_mean", 1), ("psi_variance", 2), ("psi_variance_first_order", 4),
     ("psi_squared_variance", 4)],
)  # fmt: skip
def test_what_is_not_finite_is_refused_by_name(function: str, low: int) -> None:
    with pytest.raises(ValueError, match=f"rho must be above {low}, got {low}"):
        getattr(variance, function)(low)
    with pytest.raises(ValueError, match="tau must be"):
        getattr(variance, function)(5.0, -1.0)
    with pytest.raises(TypeError, match="rho must be a real number"):
        getattr(variance, function)("5")
