"""Runs the experiments, skips finished runs, and writes results, figures and the page."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

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
from .page import Picture, Section, write_page
from .plots import write_png
from .runs import (
    Done,
    Experiment,
    Place,
    Results,
    Run,
    Scale,
    read_results,
    result_of,
    write_results,
)

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
    """The data sets in a folder or in one of its subfolders.

    Raises
    ------
    ValueError
        If there are none.
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
    """Run the named experiments and write the page of all that have results; returns the page.

    Each finished run is stored in out/runs, from where an interrupted experiment resumes, and all
    runs of an experiment in out/NAME.json. Without names nothing is run: the page and its figures
    are made from the stored results.

    Raises
    ------
    ValueError
        If `out` holds results of another scale, or none and no names are given.
    """
    torch.set_num_threads(1)  # small networks: more threads only wait for each other
    place = Place(kinds_of(data), "cuda" if torch.cuda.is_available() else "cpu")
    _stored(out, scale)
    folder = out / "runs"
    if names:
        folder.mkdir(parents=True, exist_ok=True)
    with _progress() as progress:
        for name in names:
            experiment, path = EXPERIMENTS[name], out / f"{name}.json"
            done = _run(experiment, experiment.runs(scale, place), place, folder, progress)
            # The same runs again, as from out/runs, do not get a new date.
            if not path.exists() or read_results(path).done != done:
                write_results(path, Results(scale, *surroundings(place), done))
    if not (stored := _stored(out, scale)):
        raise ValueError(f"{out} must hold results of an experiment, such as variance.json")
    return _publish(stored, out)


def _stored(out: Path, scale: Scale) -> dict[str, Results]:
    """The results in a folder, which must be of this scale."""
    paths = {name: out / f"{name}.json" for name in EXPERIMENTS}
    stored = {name: read_results(path) for name, path in paths.items() if path.exists()}
    for name, results in stored.items():
        if results.scale != scale:
            raise ValueError(
                f"{paths[name]} must hold results of scale {scale}, got {results.scale}: "
                "choose another folder with --out"
            )
    return stored


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns)


def _run(
    experiment: Experiment, runs: list[Run], place: Place, folder: Path, progress: Progress
) -> Done:
    bar = progress.add_task(experiment.name, total=len(runs), count=f"0 of {len(runs)}")
    done = []
    for k, run in enumerate(runs):

        def tick(part: float, before: int = k) -> None:
            progress.update(bar, completed=before + part)

        done.append((run, result_of(run, experiment, place, folder, tick)))
        progress.update(bar, completed=k + 1, count=f"{k + 1} of {len(runs)}")
    return done


def _publish(stored: dict[str, Results], out: Path) -> Path:
    sections = []
    for name, results in stored.items():
        shown = EXPERIMENTS[name].show(results.done)
        pictures = []
        for k, (caption, figure) in enumerate(shown.figures.items(), 1):
            path = out / f"{name}-{k}.png"
            write_png(figure, path)
            width, height = (round(96 * inches) for inches in figure.get_size_inches())
            pictures.append(Picture(path.name, caption, width, height))
        sections.append(Section(name, results, shown, pictures))
    return write_page(out / "index.html", sections)


def surroundings(place: Place) -> tuple[str, str, str]:
    """The date, the machine and the versions, as far as results depend on them."""
    device = torch.cuda.get_device_name() if place.device == "cuda" else "one CPU thread"
    return (
        f"{datetime.now(UTC):%d %B %Y}",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {device}",
        f"Python {platform.python_version()}, Torch {torch.__version__}",
    )
