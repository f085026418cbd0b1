"""Experiment 6: Adam with warm-ups of several lengths against RAdam, over the same rates."""

from __future__ import annotations

from . import e5_rates
from .e5_rates import RATES, SETTINGS, spread
from .images import run, task
from .intervals import interval
from .plots import over_rates, panels
from .runs import Done, Experiment, Place, Run, Scale, Shown, results_with

LENGTHS = {
    Scale.TINY: (1, 2, 3, 4),
    Scale.SMALL: (10, 20, 50, 100),
    Scale.FULL: (100, 200, 500, 1000),
}
SHADES = ("#c9b3e6", "#a98bd0", "#8e5bb5", "#5b2d82")


def runs(scale: Scale, place: Place) -> list[Run]:
    """Adam at each length and rate, beside experiment 5's runs of RAdam."""
    data = "CIFAR-10" if "CIFAR-10" in place.data else "digits"
    radam = [run for run in e5_rates.runs(scale, place) if run.settings["method"] == "RAdam"]
    return radam + [
        run("Adam", lr, seed, data=data, **{**SETTINGS[scale], "warmup": length})
        for length in LENGTHS[scale]
        for lr in RATES
        for seed in range(e5_rates.SEEDS[scale])
    ]


def show(done: Done) -> Shown:
    """The final accuracies against the rate."""
    lengths = sorted({run.settings["warmup"] for run, _ in done} - {0})
    kinds = {f"Adam, warm-up {n}": {"method": "Adam", "warmup": n} for n in lengths}
    kinds["RAdam"] = {"method": "RAdam", "warmup": 0}
    figure, (left,) = panels(1)
    table = [["method", *(f"{lr:g}" for lr in RATES), "best − worst"]]
    for color, (name, kind) in zip([*SHADES, "#c0392b"], kinds.items(), strict=True):
        finals = [
            interval([r["accuracy"] for r in results_with(done, lr=lr, **kind)]) for lr in RATES
        ]
        over_rates(left, RATES, finals, label=name, color=color)
        row = [f"{final.mean:.1f} ± {final.half:.1f}" for final in finals]
        table.append([name, *row, spread(done, **kind).text(1)])
    left.set_ylabel("final test accuracy, %")
    left.set_ylim(top=101)
    left.legend(loc="lower left")
    caption = "Final test accuracy against the learning rate, with 95 % intervals over seeds."
    return Shown({caption: figure}, _findings(done, kinds), table)


def _findings(done: Done, kinds: dict[str, dict[str, object]]) -> list[str]:
    best = {}
    for name, kind in kinds.items():
        finals = [
            interval([r["accuracy"] for r in results_with(done, lr=lr, **kind)]) for lr in RATES
        ]
        best[name] = max(finals, key=lambda final: final.mean)
    spreads = {name: spread(done, **kind) for name, kind in kinds.items()}
    radam = spreads.pop("RAdam")
    wider = [name for name, one in spreads.items() if one.mean - one.half > radam.mean + radam.half]
    told = "; ".join(f"{name}: {one.text(1)} %" for name, one in best.items())
    return [
        f"At the best rate of each, {told}.",
        f"{'Reproduced' if len(wider) == len(spreads) else 'Not reproduced'}: Adam is more "
        "sensitive to the rate than RAdam, whatever the length of its warm-up. The intervals are "
        f"disjoint for {len(wider)} of {len(spreads)} lengths"
        + (f" ({', '.join(wider)})." if wider else "."),
    ]


EXPERIMENT = Experiment("warmup", runs, task, show)
