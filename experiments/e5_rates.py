"""Experiment 5: robustness to the learning rate; SGD, Adam, RAdam."""

from __future__ import annotations

from .images import run, task
from .intervals import Interval, interval
from .plots import COLORS, curves, over_rates, panels
from .runs import Done, Experiment, Place, Run, Scale, Shown, results_with

METHODS = ("SGD", "Adam", "RAdam")
RATES = (0.1, 0.03, 0.01, 0.003)
SETTINGS = {
    Scale.TINY: {"model": "ResNet-8", "steps": 2, "batch": 4, "decay": False},
    Scale.SMALL: {"model": "ResNet-8", "steps": 220, "batch": 32, "decay": False},
    Scale.FULL: {"model": "ResNet-20", "steps": 64_000, "batch": 128, "decay": True},
}
SEEDS = {Scale.TINY: 1, Scale.SMALL: 4, Scale.FULL: 3}
SHADES = dict(zip(map(str, RATES), ("#440154", "#31688e", "#35b779", "#d9a404"), strict=True))


def runs(scale: Scale, place: Place) -> list[Run]:
    """Each method at each rate."""
    data = "CIFAR-10" if "CIFAR-10" in place.data else "digits"
    return [
        run(method, lr, seed, data=data, **SETTINGS[scale])
        for method in METHODS
        for lr in RATES
        for seed in range(SEEDS[scale])
    ]


def spread(done: Done, **which: object) -> Interval:
    """The best accuracy minus the worst over the rates, paired by seed."""
    accuracies = [[r["accuracy"] for r in results_with(done, lr=lr, **which)] for lr in RATES]
    return interval([max(column) - min(column) for column in zip(*accuracies, strict=True)])


def show(done: Done) -> Shown:
    """The losses at each rate, and the final accuracies over the rates."""
    figure, axes = panels(len(METHODS) + 1, 2.8)
    steps = done[0][0].settings["steps"]
    table = [["method", *(f"{lr:g}" for lr in RATES), "best − worst"]]
    for method, panel in zip(METHODS, axes[:-1], strict=True):
        tests = {
            str(lr): [r["tests"] for r in results_with(done, method=method, lr=lr)] for lr in RATES
        }
        lengths = {len(test) for of_rate in tests.values() for test in of_rate}
        (count,) = {max(lengths)}
        whole = {lr: [t + [None] * (count - len(t)) for t in of] for lr, of in tests.items()}
        curves(panel, [steps * (k + 1) / count for k in range(count)], whole, SHADES)
        panel.set(title=method, xlabel="step", ylim=(0, 101))
        finals = [
            interval([r["accuracy"] for r in results_with(done, method=method, lr=lr)])
            for lr in RATES
        ]
        over_rates(axes[-1], RATES, finals, label=method, color=COLORS[method])
        row = [f"{final.mean:.1f} ± {final.half:.1f}" for final in finals]
        table.append([method, *row, spread(done, method=method).text(1)])
    axes[0].set_ylabel("test accuracy, %")
    axes[0].legend(title="rate")
    axes[-1].set(title="at the end")
    axes[-1].set_ylim(top=101)
    axes[-1].legend()
    caption = "Test accuracy during training at each rate, and at the end against the rate."
    return Shown({caption: figure}, _findings(done), table)


def _findings(done: Done) -> list[str]:
    spreads = {name: spread(done, method=name) for name in METHODS}
    told = ", ".join(f"{name} {one.text(1)}" for name, one in spreads.items())
    narrower = {
        name: spreads["RAdam"].mean + spreads["RAdam"].half < one.mean - one.half
        for name, one in spreads.items()
        if name != "RAdam"
    }
    verdicts = [
        f"{'Reproduced' if shown else 'Not reproduced'}: RAdam is less sensitive to the rate than "
        f"{name}."
        for name, shown in narrower.items()
    ]
    return [f"Best minus worst final accuracy over the four rates, in points: {told}.", *verdicts]


EXPERIMENT = Experiment("rates", runs, task, show)
