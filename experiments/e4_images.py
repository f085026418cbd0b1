"""Experiment 4: image classification with ResNet-20 and ResNet-18; SGD, Adam, RAdam."""

from __future__ import annotations

import numpy as np

from .images import run, task
from .intervals import interval
from .plots import curves, grid
from .runs import Done, Experiment, Place, Run, Scale, Shown, results_with
from .training import bin_ends

RATES = {"SGD": 0.1, "Adam": 0.003, "RAdam": 0.003}
CHECK = "torch.optim.Adam"
STEPS = {Scale.TINY: 2, Scale.SMALL: 132, Scale.FULL: 64_000}
BATCH = {Scale.TINY: 4, Scale.SMALL: 64, Scale.FULL: 128}
SEEDS = {Scale.TINY: 1, Scale.SMALL: 3, Scale.FULL: 3}


def runs(scale: Scale, place: Place) -> list[Run]:
    """Two networks by three methods, and Torch's own Adam on the first."""
    small = scale is not Scale.FULL
    data = "CIFAR-10" if "CIFAR-10" in place.data else "digits"
    wide = "ImageNet" if "ImageNet" in place.data else data
    networks = {"ResNet-20": data, "ResNet-18, width 16" if small else "ResNet-18": wide}
    settings = {"steps": STEPS[scale], "batch": BATCH[scale], "decay": not small}
    asked = [
        run(method, lr, seed, model=model, data=of, **settings)
        for model, of in networks.items()
        for method, lr in RATES.items()
        for seed in range(SEEDS[scale])
    ]
    return [*asked, run(CHECK, RATES["Adam"], 0, model="ResNet-20", data=data, **settings)]


def show(done: Done) -> Shown:
    """Curves of loss and accuracy, and the table of final accuracies."""
    models = list(dict.fromkeys(run.settings["model"] for run, _ in done))
    steps = done[0][0].settings["steps"]
    figure, axes = grid(2, len(models))
    table = [["network", *RATES]]
    for column, model in enumerate(models):
        by_method = {name: results_with(done, model=model, method=name) for name in RATES}
        losses = {name: [r["losses"] for r in results] for name, results in by_method.items()}
        tests = {name: [r["tests"] for r in results] for name, results in by_method.items()}
        above, below = axes[0][column], axes[1][column]
        curves(above, bin_ends(steps, len(losses["Adam"][0])), losses)
        count = len(tests["Adam"][0])
        curves(below, [steps * (k + 1) / count for k in range(count)], tests)
        above.set(title=model, ylabel="training loss", ylim=(0, None))
        below.set(xlabel="step", ylabel="test accuracy, %", ylim=(0, 101))
        below.legend()
        finals = (interval([r["accuracy"] for r in by_method[name]]) for name in RATES)
        table.append([model, *(final.text(2) for final in finals)])
    caption = "Training loss and test accuracy, means over seeds with 95 % intervals."
    findings = [_order(done, model) for model in models]
    return Shown({caption: figure}, [*findings, _check(done)], table)


def _order(done: Done, model: str) -> str:
    ours, adam, sgd = (
        [r["accuracy"] for r in results_with(done, model=model, method=name)]
        for name in ("RAdam", "Adam", "SGD")
    )
    against = {
        name: interval(list(np.subtract(ours, other))) for name, other in
        (("Adam", adam), ("SGD", sgd))
    }  # fmt: skip
    told = "; ".join(f"than {name}'s by {gap.text(2)}" for name, gap in against.items())
    shown = against["Adam"].mean - against["Adam"].half > 0
    return (
        f"{model}: RAdam's final accuracy is higher {told} points, paired by seed. "
        f"{'Reproduced' if shown else 'Not reproduced'}: RAdam outperforms Adam."
    )


def _check(done: Done) -> str:
    (theirs,) = results_with(done, method=CHECK)
    ours = results_with(done, model="ResNet-20", method="Adam")[0]
    first = len(ours["first"])
    gap = np.abs(np.subtract(theirs["first"], ours["first"])).max()
    later = np.array(theirs["losses"], float) / np.array(ours["losses"], float) - 1
    middles = bin_ends(done[0][0].settings["steps"], len(later))
    apart = [f"{t:.0f}" for t, off in zip(middles, later, strict=True) if abs(off) > 0.01]
    when = f"by more than 1 % from about step {apart[0]} on" if apart else "by less than 1 %"
    return (
        f"As a check, torch.optim.Adam was trained from the same initial values: its losses differ "
        f"from those of our Adam by at most {gap:.0g} in the first {first} steps; then rounding "
        f"errors grow, as in any training, and they differ {when}. It ends at "
        f"{theirs['accuracy']:.2f} %, ours at {ours['accuracy']:.2f} %, each with one seed."
    )


EXPERIMENT = Experiment("images", runs, task, show)
