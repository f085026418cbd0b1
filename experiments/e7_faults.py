"""Experiment 7: does it matter? The correct step against each fault of published code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from radam_conformance.ports import sample
from radam_conformance.specimens.faults import FAULTS
from radam_ref import schedules

from .image_data import batches, digits
from .intervals import Interval, interval
from .models import small_net
from .optimizers import optimizer
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
from .training import train

BETAS = (0.9, 0.99, 0.999, 0.9999)
RIGHT, TEXTBOOK = "right", "the textbook program"
STEPS = {Scale.TINY: 7, Scale.SMALL: 200, Scale.FULL: 4000}
SEEDS = {Scale.TINY: 2, Scale.SMALL: 5, Scale.FULL: 10}
LR, LEAST, VAGUE = 0.01, 1e-4, 0.01
TICKS = (-1, -0.01, 0, 0.01, 1)
# Faults of Algorithm 2's own lines, with a thread or a port where each was seen.
SEEN = [name for name, one in FAULTS.items() if one.source and one.line.startswith("line")]


def runs(scale: Scale, place: Place) -> list[Run]:
    """Each beta2; a run trains with the right step and with every fault, from one start."""
    faults = SEEN[::5] if scale is Scale.TINY else SEEN
    settings = {"steps": STEPS[scale], "lr": LR, "faults": faults}
    return [
        Run("faults", {**settings, "beta2": beta2}, seed)
        for beta2 in BETAS
        for seed in range(SEEDS[scale])
    ]


class Port(torch.optim.Optimizer):
    """The judge's sample port, a program in NumPy with a fault or none, as Torch calls it."""

    def __init__(self, model: torch.nn.Module, lr: float, beta2: float, fault: str) -> None:
        super().__init__(model.parameters(), {"lr": lr})
        self._how: dict[str, Any] = {"fault": fault}
        numbers = {"lr": lr, "beta1": 0.9, "beta2": beta2, "eps": 1e-8, "weight_decay": 0.0}
        self._hyper = {**numbers, "decoupled": True, "maximize": False, "nesterov": False}
        self._kept: dict[str, Any] | None = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step."""
        params = self.param_groups[0]["params"]
        x = parameters_to_vector(params).numpy()
        grads = parameters_to_vector([param.grad for param in params]).numpy()
        x, self._kept = sample.step(x, grads, self._kept, self._hyper, **self._how)
        vector_to_parameters(torch.from_numpy(x), params)


def task(settings: Settings, seed: int, place: Place, tick: Tick) -> Result:
    """The mean loss over the last tenth, for the right step and each fault."""
    names = [RIGHT, TEXTBOOK, *settings["faults"]]
    found = {}
    for k, name in enumerate(names):
        found[name] = _final(settings, seed, name)
        tick((k + 1) / len(names))
    return {"loss": found}


def _final(settings: Settings, seed: int, name: str) -> float:
    torch.manual_seed(seed)
    images, steps = digits(), settings["steps"]
    model, lr, beta2 = small_net(64, 10), settings["lr"], settings["beta2"]
    fault = "" if name == TEXTBOOK else name
    chosen = (
        optimizer("RAdam", model, lr, beta2=beta2)
        if name == RIGHT
        else Port(model, lr, beta2, fault)
    )
    feed = batches(images, 64, seed, "cpu")
    try:
        losses = train(model, chosen, feed, steps, schedules.constant(lr), lambda done: None)
    except ValueError:  # the root of a negative number, which is the fault's
        return math.nan
    return float(np.mean(losses[-max(1, steps // 10) :])) if len(losses) == steps else math.nan


def differences(done: Done, beta2: float) -> dict[str, Interval]:
    """Each fault's loss minus the correct step's, paired by seed; all share the level."""
    results = [result["loss"] for result in results_with(done, beta2=beta2)]
    names = [name for name in results[0] if name != RIGHT]
    level = 1 - 0.05 / len(names)

    def gap(name: str) -> list[float | None]:
        pairs = ((losses[name], losses[RIGHT]) for losses in results)
        return [a - b if a is not None and b is not None else None for a, b in pairs]

    return {name: interval(gap(name), level) for name in names}


def show(done: Done) -> Shown:
    """The differences of all faults at each beta2."""
    found = {beta2: differences(done, beta2) for beta2 in BETAS}
    names = sorted(
        found[BETAS[0]], key=lambda name: np.nan_to_num(found[0.999][name].mean, nan=9e9)
    )
    figure, axes = panels(len(BETAS), 2.8, 0.19 * len(names) + 1, sharey=True)
    for beta2, panel in zip(BETAS, axes, strict=True):
        _draw(panel, [found[beta2][name] for name in names])
        panel.axvline(0, color="#c0392b", lw=0.8)
        panel.set_xscale("symlog", linthresh=1e-3)
        panel.set(title=f"β₂ = {beta2:g}", xlabel="difference of loss", xlim=(-30, 30))
        panel.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes[0].set_yticks(range(len(names)), [name.replace("-", " ") for name in names], fontsize=9)
    axes[0].set_ylim(-0.7, len(names) - 0.3)
    caption = (
        "Final training loss minus that of the correct step, by fault: black if the interval "
        "excludes 0 and the difference is at least 1e-4, otherwise gray; a cross if the training "
        "diverged or stopped. The intervals are simultaneous for all faults of a panel (95 %)."
    )
    return Shown({caption: figure}, _findings(found), _table(found, names))


def _draw(panel: Any, gaps: list[Interval]) -> None:
    rows = range(len(gaps))
    lost = [row for row in rows if not np.isfinite(gaps[row].mean)]
    panel.plot([15] * len(lost), lost, "x", color="#c0392b", ms=5)
    for seen, color in ((True, "black"), (False, "#a5adb5")):
        part = [row for row in rows if row not in lost and _is_seen(gaps[row]) is seen]
        mean, half = [gaps[row].mean for row in part], [gaps[row].half for row in part]
        panel.errorbar(mean, part, xerr=half, fmt="o", ms=3, lw=0.9, color=color)


def _is_seen(gap: Interval) -> bool:
    """Whether it diverged, or differs significantly and by at least `LEAST`."""
    return not np.isfinite(gap.mean) or (gap.excludes() and abs(gap.mean) >= LEAST)


def _table(found: dict[float, dict[str, Interval]], names: list[str]) -> list[list[str]]:
    rows = [["fault", *(f"β₂ = {beta2:g}" for beta2 in BETAS)]]
    for name in names:
        if name == TEXTBOOK or any(_is_seen(gaps[name]) for gaps in found.values()):
            cells = (gaps[name] for gaps in found.values())
            rows.append([name.replace("-", " "), *map(_cell, cells)])
    return rows


def _cell(gap: Interval) -> str:
    tiny = abs(gap.mean) + gap.half < LEAST / 2
    return "less than 0.0001" if tiny else gap.text(4)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(name.replace("-", " ") for name in sorted(names))


def _findings(found: dict[float, dict[str, Interval]]) -> list[str]:
    faults = [name for name in found[BETAS[0]] if name != TEXTBOOK]
    told = []
    for beta2, gaps in found.items():
        worse = [name for name in faults if _is_seen(gaps[name]) and not gaps[name].mean < 0]
        better = [name for name in faults if _is_seen(gaps[name]) and gaps[name].mean < 0]
        told.append(
            f"β₂ = {beta2:g}: of {len(faults)} faults {len(worse)} end with a higher loss than the "
            f"correct step and {len(better)} with a lower one; "
            f"{len(faults) - len(worse) - len(better)} are indistinguishable from it."
        )
    never = [name for name in faults if not any(_is_seen(gaps[name]) for gaps in found.values())]
    wide = [name for name in never if any(gaps[name].half > VAGUE for gaps in found.values())]
    return [
        *told,
        f"{len(never)} of the {len(faults)} are indistinguishable from the correct step at every "
        f"beta2, though each was found in published code: {_listed(set(never) - set(wide))}."
        + (f" For {_listed(wide)} the seeds vary too much to decide." if wide else ""),
        "So the loss of a training does not reveal most faults, which is why they survive for "
        "years. They matter all the same: a fault without effect on these digits can have one at "
        "another beta2, dtype or number of steps; results of implementations that compute the same "
        "can be compared, resumed and reproduced; and an exact reference can be tested to the last "
        "digit, a loss only judged by eye.",
    ]


EXPERIMENT = Experiment("faults", runs, task, show)
