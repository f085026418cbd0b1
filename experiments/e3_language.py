"""Experiment 3: language modeling with an LSTM, Adam against RAdam."""

from __future__ import annotations

import math
from typing import Any

import torch

from radam_ref import rectification, schedules

from .intervals import interval
from .models import LanguageLSTM
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
from .text_data import billion_words, held_out_loss, windows, words_of_docstrings
from .training import bin_ends, binned, train

METHODS = ("Adam", "RAdam")
SIZES = {  # vocabulary, width, layers, length, batch, steps
    Scale.TINY: (50, 8, 1, 5, 2, 3),
    Scale.SMALL: (1000, 64, 1, 16, 16, 600),
    Scale.FULL: (50_000, 512, 2, 20, 128, 100_000),
}
NAMES = ("vocabulary", "width", "layers", "length", "batch", "steps")
SEEDS = {Scale.TINY: 1, Scale.SMALL: 5, Scale.FULL: 3}
LR, MOST_WORDS = 0.001, 20_000_000


def runs(scale: Scale, place: Place) -> list[Run]:
    """Each method."""
    text = "one billion word" if "text" in place.data else "docstrings"
    sizes = {**dict(zip(NAMES, SIZES[scale], strict=True)), "lr": LR, "text": text}
    return [
        Run("language", {**sizes, "method": method}, seed)
        for method in METHODS
        for seed in range(SEEDS[scale])
    ]


def task(settings: Settings, seed: int, place: Place, tick: Tick) -> Result:
    """The losses, and that over held-out text at the end."""
    torch.manual_seed(seed)
    vocabulary, length = settings["vocabulary"], settings["length"]
    if settings["text"] == "docstrings":
        corpus = words_of_docstrings(vocabulary)
    else:
        corpus = billion_words(place.data["text"], vocabulary, MOST_WORDS)
    model = LanguageLSTM(corpus.words, settings["width"], settings["layers"]).to(place.device)
    batches = windows(corpus.train, length, settings["batch"], seed, place.device)
    chosen = optimizer(settings["method"], model, settings["lr"])
    alpha = schedules.constant(settings["lr"])
    losses = train(model, chosen, batches, settings["steps"], alpha, tick)
    return {
        "losses": binned(losses, settings["steps"]),
        "held_out": held_out_loss(model, corpus.held_out, length, place.device),
    }


def show(done: Done) -> Shown:
    """Training curves, and the perplexity of held-out text."""
    losses = _by_method(done, "losses")
    figure, (left,) = panels(1)
    points = len(losses["Adam"][0])
    steps = done[0][0].settings["steps"]
    curves(left, bin_ends(steps, points), losses)
    left.set(xlabel="step", ylabel="training loss (nats per word)")
    left.legend()
    caption = "Training loss, mean over seeds with its 95 % interval."
    return Shown({caption: figure}, _findings(done, losses))


def _by_method(done: Done, what: str) -> dict[str, list[Any]]:
    return {method: [r[what] for r in results_with(done, method=method)] for method in METHODS}


def _findings(done: Done, losses: dict[str, list[list[float]]]) -> list[str]:
    held = _by_method(done, "held_out")
    told = [
        f"{method}: held-out loss {interval(held[method]).text()} nats, perplexity "
        f"{math.exp(interval(held[method]).mean):.1f}, over {len(held[method])} seeds."
        for method in METHODS
    ]
    early, late = (
        interval([a[k] - r[k] for a, r in zip(losses["Adam"], losses["RAdam"], strict=True)])
        for k in (len(losses["Adam"][0]) // 8, -1)
    )
    end = interval([a - r for a, r in zip(held["Adam"], held["RAdam"], strict=True)])
    told.append(
        f"Adam's loss minus RAdam's, paired by seed: {early.text()} after an eighth of the "
        f"training, {late.text()} at its end, {end.text()} on held-out text."
    )
    if early.mean + early.half < 0:
        told.append("Reproduced: r_t makes RAdam slower than Adam at first.")
    better, last = end.mean - end.half > 0, done[0][0].settings["steps"]
    told.append(
        f"{'Reproduced' if better else 'Not reproduced'}: RAdam ends with a lower loss than Adam. "
        f"At the last step, {last}, r_t is {rectification(last, 0.999) or 0:.2f}."
    )
    return told


EXPERIMENT = Experiment("language", runs, task, show)
