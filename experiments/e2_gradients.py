"""Experiment 2: histograms of absolute gradients of a post-norm Transformer, and its training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from radam_ref import schedules

from .intervals import interval
from .models import Transformer
from .optimizers import optimizer
from .plots import curves, panels
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
from .text_data import characters_of_docstrings, windows
from .training import bin_ends, binned, train

METHODS = ("Adam", "Adam-2k", "Adam-eps", "Adam + warm-up", "RAdam")
EDGES = np.linspace(-10, 0, 31)  # of log10 |g|
SIZES = {  # width, heads, layers, length, batch; steps, warm-up, additional steps of Adam-2k
    Scale.TINY: (8, 2, 1, 6, 2, 4, 2, 2),
    Scale.SMALL: (32, 2, 6, 16, 8, 400, 200, 200),
    Scale.FULL: (256, 4, 12, 64, 64, 20_000, 4000, 2000),
}
NAMES = ("width", "heads", "layers", "length", "batch", "steps", "warmup", "additional")
SEEDS = {Scale.TINY: 1, Scale.SMALL: 5, Scale.FULL: 5}
LR = {Scale.TINY: 0.003, Scale.SMALL: 0.01, Scale.FULL: 0.0003}


def runs(scale: Scale, place: Place) -> list[Run]:
    """Each method."""
    sizes = {**dict(zip(NAMES, SIZES[scale], strict=True)), "lr": LR[scale]}
    return [
        Run("gradients", {**sizes, "method": method}, seed)
        for method in METHODS
        for seed in range(SEEDS[scale])
    ]


def task(settings: Settings, seed: int, place: Place, tick: Tick) -> Result:
    """Histograms of log10 |g| at steps apart by equal factors, and the losses."""
    torch.manual_seed(seed)
    corpus = characters_of_docstrings()
    length, method = settings["length"], settings["method"]
    shape = (settings["width"], settings["heads"], settings["layers"])
    model = Transformer(corpus.words, length, *shape).to(place.device)
    held = settings["additional"] if method == "Adam-2k" else 0
    hyper = {"steps": held} if held else {}
    chosen = optimizer(method.partition(" +")[0], model, settings["lr"], **hyper)
    alpha = schedules.constant(settings["lr"])
    if method == "Adam + warm-up":
        alpha = schedules.warmup(settings["lr"], settings["warmup"])
    histograms, at = [], set(observed(settings["steps"]))

    def watch(t: int, model: nn.Module) -> None:
        if t - held in at:
            histograms.append(histogram(model))

    steps = settings["steps"] + held
    batches = windows(corpus.train, length, settings["batch"], seed, place.device)
    losses = train(model, chosen, batches, steps, alpha, tick, watch)[held:]
    return {"losses": binned(losses, settings["steps"]), "histograms": histograms}


def observed(steps: int) -> list[int]:
    """Steps at equal distances in log t."""
    return sorted({round(t) for t in np.geomspace(1, steps, 24)})


def histogram(model: nn.Module) -> list[int]:
    """How many gradients have each log10 |g|; the end bins include all beyond them."""
    grads = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    logs = torch.log10(grads.abs().double().clamp(min=1e-300)).cpu().numpy()
    counts, _ = np.histogram(np.clip(logs, EDGES[0], EDGES[-1]), EDGES)
    return [int(count) for count in counts]


def median(counts: list[int]) -> float:
    """The median of log10 |g|, from its histogram."""
    share = np.cumsum(counts) / np.sum(counts)
    return float(np.interp(0.5, share, EDGES[1:]))


def show(done: Done) -> Shown:
    """A histogram over time for each method (the first seed), medians and training curves."""
    steps = done[0][0].settings["steps"]
    by_method = {method: results_with(done, method=method) for method in METHODS}
    figure, axes = panels(len(METHODS), 2.25, 2.6, sharey=True)
    for method, panel in zip(METHODS, axes, strict=True):
        _draw_shares(panel, by_method[method][0]["histograms"], steps)
        panel.set_title(method)
    axes[0].set_ylabel("log₁₀ |g|")
    trained, (left,) = panels(1)
    losses = {name: [r["losses"] for r in results] for name, results in by_method.items()}
    points = len(losses["Adam"][0])
    curves(left, bin_ends(steps, points), losses)
    left.set(xlabel="step (after the additional ones of Adam-2k)", ylabel="training loss")
    left.legend()
    return Shown(
        {
            "The share of gradients by size, over the steps (seed 0); darker is more. The lowest "
            "row includes all smaller values and zeros.": figure,
            "Training loss, mean over seeds with its 95 % interval.": trained,
        },
        _findings(by_method),
    )


def _draw_shares(panel: Any, histograms: list[list[int]], steps: int) -> None:
    counts = np.array(histograms, float).T
    shares = counts / counts.sum(0)
    times, sizes = observed(steps)[: shares.shape[1]], (EDGES[1:] + EDGES[:-1]) / 2
    panel.pcolormesh(times, sizes, shares, cmap="magma_r", vmax=0.2, rasterized=True)
    panel.set(xlabel="step", xscale="log")
    panel.grid(False)


def _findings(by_method: dict[str, list[Result]]) -> list[str]:
    def final(name: str) -> list[float | None]:
        return [result["losses"][-1] for result in by_method[name]]

    told = []
    for name in METHODS:
        moved = interval(
            [median(r["histograms"][-1]) - median(r["histograms"][0]) for r in by_method[name]]
        )
        told.append(
            f"{name}: final loss {interval(final(name)).text()}; the median of log₁₀ |g| moved by "
            f"{moved.text(2)}."
        )
    gains = {}
    for name in METHODS[1:]:
        pairs = zip(final("Adam"), final(name), strict=True)
        gains[name] = interval([None if a is None or b is None else a - b for a, b in pairs])
        better = gains[name].mean > gains[name].half
        told.append(
            f"{'Reproduced' if better else 'Not reproduced'}: {name} ends with a lower loss than "
            f"Adam; the difference is {gains[name].text()}, paired by seed."
        )
    if gains["Adam-2k"].mean < gains["Adam-2k"].half < gains["Adam + warm-up"].mean:
        told.append(
            "So in this setting it is small first steps that help, not the lower variance of the "
            "adaptive rate alone: Adam-2k has that, with full steps, and fails like Adam."
        )
    return told


EXPERIMENT = Experiment("gradients", runs, task, show)
