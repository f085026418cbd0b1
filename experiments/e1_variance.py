"""Experiment 1: the variance of the adaptive rate over t, and r_t against linear warm-up."""

from __future__ import annotations

import numpy as np

from radam_ref import rectification, rho, schedules, variance

from .intervals import band, interval
from .plots import panels
from .runs import (
    Done,
    Experiment,
    Place,
    Result,
    Run,
    Scale,
    Settings,
    Shown,
    Tick,
    results_with,
)

BETA2 = 0.999
MEANS = (0.0, 0.1, 1.0)
SAMPLES = {Scale.TINY: 200, Scale.SMALL: 20_000, Scale.FULL: 200_000}
LAST = {Scale.TINY: 30, Scale.SMALL: 1000, Scale.FULL: 5000}
SEEDS = {Scale.TINY: 2, Scale.SMALL: 5, Scale.FULL: 10}


def runs(scale: Scale, place: Place) -> list[Run]:
    """Each mean of the gradients."""
    settings = {"beta2": BETA2, "samples": SAMPLES[scale], "last": LAST[scale]}
    return [
        Run("variance", {**settings, "mean": mean}, seed)
        for mean in MEANS
        for seed in range(SEEDS[scale])
    ]


def observed(last: int) -> list[int]:
    """Steps at equal distances in log t."""
    return sorted({round(t) for t in np.geomspace(1, last, 40)})


def task(settings: Settings, seed: int, place: Place, tick: Tick) -> Result:
    """Var[psi_t] over many averages of squared Gaussian gradients of deviation 1."""
    rng, beta2, last = np.random.default_rng(seed), settings["beta2"], settings["last"]
    v, found, at = np.zeros(settings["samples"]), [], set(observed(last))
    for t in range(1, last + 1):
        g = rng.standard_normal(v.size) + settings["mean"]
        v = beta2 * v + (1 - beta2) * g * g
        if t in at:
            found.append(float(np.var(np.sqrt((1 - beta2**t) / v))))
            tick(t / last)
    return {"variance": found}


def show(done: Done) -> Shown:
    """Simulated, exact and first-order; r_t and the warm-up that is nearest to it."""
    last = done[0][0].settings["last"]
    by_mean = {mean: [r["variance"] for r in results_with(done, mean=mean)] for mean in MEANS}
    rhos = {t: rho(t, BETA2) for t in observed(last)}
    figure, (left, right) = panels(2, 5.2, 3.8)
    _draw_variances(left, by_mean, rhos)
    t_w, misfit = nearest_warmup(20_000)
    _draw_rates(right, t_w)
    return Shown(
        {
            "Left: the variance of the adaptive rate at step t, β₂ = 0.999, σ = 1; bars are 95 % "
            "intervals over seeds. Right: r_t, its value from the exact variance, and the nearest "
            "linear warm-up, from the first rectified step on.": figure
        },
        [*_findings(by_mean[0.0], rhos), _of_warmup(t_w, misfit)],
    )


def nearest_warmup(last: int) -> tuple[int, float]:
    """The T_w whose warm-up has the smallest maximum distance from r_t, and that distance."""
    steps = np.unique(np.geomspace(1, last, 400).astype(int))
    r = np.array([rectification(int(t), BETA2) or 0.0 for t in steps])
    lengths = range(500, 4000, 10)
    misfits = [np.abs(np.minimum(steps / length, 1) - r).max() for length in lengths]
    best = int(np.argmin(misfits))
    return lengths[best], float(misfits[best])


def _draw_variances(axes, by_mean, rhos: dict[int, float]) -> None:  # type: ignore[no-untyped-def]
    steps = list(rhos)
    for mean, marker in zip(MEANS, "os^", strict=True):
        middle, half = band(by_mean[mean])
        label = f"simulated, mean {mean:g}"
        axes.errorbar(steps, middle, half, fmt=marker, ms=3, lw=0.8, label=label)
    above = {t: rho for t, rho in rhos.items() if rho > 4}
    exact = [variance.psi_variance(rho) for rho in above.values()]
    axes.plot(list(above), exact, "k-", label="theorem")
    first = [variance.psi_variance_first_order(rho) for rho in above.values()]
    axes.plot(list(above), first, "k:", label="first order")
    axes.set(xscale="log", yscale="log", xlabel="t", ylabel="Var[ψ]")
    axes.set(xlim=(1.7, steps[-1] * 1.2), ylim=(1e-4, 30))
    axes.legend()


def _draw_rates(axes, t_w: int) -> None:  # type: ignore[no-untyped-def]
    steps = [int(t) for t in np.unique(np.geomspace(5, 20_000, 150).astype(int))]
    warm = schedules.warmup(1.0, t_w)
    axes.plot(steps, [rectification(t, BETA2) for t in steps], color="#c0392b", label="r_t")
    exact = [variance.rectification_exact(t, BETA2) for t in steps]
    axes.plot(steps, exact, color="black", ls=":", label="r_t from the theorem")
    axes.plot(steps, [warm(t) for t in steps], color="#8e5bb5", label=f"min(t, {t_w})/{t_w}")
    axes.set(xscale="log", yscale="log", xlabel="t", ylabel="factor of the step size")
    axes.legend()


def _findings(simulated: list[list[float]], rhos: dict[int, float]) -> list[str]:
    steps = list(rhos)
    columns = dict(zip(steps, zip(*simulated, strict=True), strict=True))
    told = []
    for t in (steps[len(steps) // 3], steps[2 * len(steps) // 3], steps[-1]):
        if rhos[t] > 4:
            found = interval(columns[t])
            exact = variance.psi_variance(rhos[t])
            first = variance.psi_variance_first_order(rhos[t])
            told.append(
                f"t = {t}: simulated {found.mean:.3g} ± {found.half:.1g}, theorem {exact:.3g} "
                f"(ratio {found.mean / exact:.3f}), first order {first:.3g}."
            )
    at_5 = rho(5, BETA2)
    factor = variance.psi_variance_first_order(at_5) / variance.psi_variance(at_5)
    told.append(
        "Reproduced: the variance falls with t, and the theorem agrees with the simulation of "
        "gradients of mean 0, best while the weights of the average are nearly equal, as the paper "
        "assumes. At the first steps the variance is infinite, and the simulated value depends on "
        f"the number of samples. The first-order formula is {factor:.1f} times the exact variance "
        "at t = 5, so the first rectified steps are smaller than the exact variance requires."
    )
    return told


def _of_warmup(t_w: int, misfit: float) -> str:
    at_10 = rectification(10, BETA2) or 0.0
    return (
        "Partly reproduced: like a linear warm-up, r_t grows from near 0 to 1. But it grows like "
        f"the square root of t, and is larger at first: {at_10:.3f} at t = 10, where the nearest "
        f"warm-up, T_w = {t_w}, has {10 / t_w:.3f}; they differ by up to {misfit:.2f}. r_t first "
        f"reaches 0.5 at t = {_first(0.5)}, and 0.9 at t = {_first(0.9)}."
    )


def _first(value: float) -> int:
    return next(t for t in range(5, 10**6) if (rectification(t, BETA2) or 0) >= value)


EXPERIMENT = Experiment("variance", runs, task, show)
