"""Runs what is asked for, skips what was done, and writes results, figures and the page."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from . import (
    e1_variance,
    e2_gradients,
    e3_language,
    e4_images,
    e5_rates,
    e6_warmup,
    e7_faults,
)
from .page import write_page
from .plots import svg
from .runs import Experiment, Place, Run, Scale, result_of

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (
        e1_variance,
        e2_gradients,
        e3_language,
        e4_images,
        e5_rates,
        e6_warmup,
        e7_faults,
    )
}


def kinds_of(data: Path | None) -> dict[str, Path]:
    """The data sets that lie in a folder or in one inside it.

    Raises
    ------
    ValueError
        If there is none.
    """
    found: dict[str, Path] = {}
    if data is None:
        return found
    for folder in (data, *sorted(path for path in data.iterdir() if path.is_dir())):
        if list(folder.glob("data_batch_*.bin")):
            found["CIFAR-10"] = folder
        if (folder / "train").is_dir() and (folder / "val").is_dir():
            found["ImageNet"] = folder
        if (folder / "training-monolingual.tokenized.shuffled").is_dir():
            found["text"] = folder
    if not found:
        raise ValueError(
            f"data must hold data_batch_*.bin (CIFAR-10), train and val (as ImageNet), or "
            f"training-monolingual.tokenized.shuffled (One Billion Word), got {data}"
        )
    return found


def conduct(names: Sequence[str], scale: Scale, data: Path | None, out: Path) -> Path:
    """Run the experiments; returns the page.

    Every run is kept in out/runs as soon as it is done. Experiments that were not asked for but
    whose runs are all there are on the page too.
    """
    torch.set_num_threads(1)  # small networks: more threads only wait for each other
    place = Place(kinds_of(data), "cuda" if torch.cuda.is_available() else "cpu")
    folder = out / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    asked = {name: one.runs(scale, place) for name, one in EXPERIMENTS.items()}
    with _progress() as progress:
        for name in names:
            _run(EXPERIMENTS[name], asked[name], place, folder, progress)
    there = [
        name for name in EXPERIMENTS if all(_is_done(run, folder) for run in asked[name])
    ]  # fmt: skip
    return _publish({name: asked[name] for name in there}, scale, place, out)


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns)


def _is_done(run: Run, folder: Path) -> bool:
    return (folder / f"{run.key()}.json").exists()


def _run(
    experiment: Experiment, runs: list[Run], place: Place, folder: Path, progress: Progress
) -> None:
    bar = progress.add_task(experiment.name, total=len(runs), count=f"0 of {len(runs)}")
    for k, run in enumerate(runs):

        def tick(part: float, before: int = k) -> None:
            progress.update(bar, completed=before + part)

        result_of(run, experiment, place, folder, tick)
        progress.update(bar, completed=k + 1, count=f"{k + 1} of {len(runs)}")


def _publish(asked: dict[str, list[Run]], scale: Scale, place: Place, out: Path) -> Path:
    folder = out / "runs"
    record: dict[str, Any] = {"scale": scale, **surroundings(place), "experiments": {}}
    sections = []
    for name, runs in asked.items():
        experiment = EXPERIMENTS[name]
        done = [(run, result_of(run, experiment, place, folder, lambda part: None)) for run in runs]
        shown = experiment.show(done)
        figures = []
        for k, (caption, figure) in enumerate(shown.figures.items(), 1):
            file = f"{name}-{k}.svg"
            (out / file).write_text(svg(figure))
            figures.append((file, caption, "wide" if figure.get_figwidth() > 8 else ""))
        seeds = sorted({run.seed for run in runs})
        sections.append((experiment, figures, shown, seeds))
        record["experiments"][name] = {
            "findings": shown.findings,
            "runs": [{**run._asdict(), "result": result} for run, result in done],
        }
    (out / "results.json").write_text(json.dumps(record, separators=(",", ":")) + "\n")
    return write_page(out / "index.html", record, sections)


def surroundings(place: Place) -> dict[str, str]:
    """The date, and the machine and the versions as far as results depend on them."""
    device = torch.cuda.get_device_name() if place.device == "cuda" else "one CPU thread"
    return {
        "date": f"{datetime.now(UTC):%d %B %Y}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {device}",
        "versions": f"Python {platform.python_version()}, Torch {torch.__version__}",
    }
