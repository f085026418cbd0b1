"""What an experiment is, and how its runs are made, kept and found again."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

LARGEST = 2**26  # bytes of the file of a run

Settings = Mapping[str, Any]
Result = dict[str, Any]


class Scale(StrEnum):
    """How much is run: what a test waits for, what two cores do in minutes, or much more."""

    TINY = "tiny"
    SMALL = "small"
    FULL = "full"


class Place(NamedTuple):
    """Where a run finds its data (a folder for each kind) and its device."""

    data: Mapping[str, Path]
    device: str


class Run(NamedTuple):
    """One training: everything its result depends on, but for versions and rounding."""

    task: str
    settings: Settings
    seed: int

    def key(self) -> str:
        """The name of its file: experiments that ask for the same run share it."""
        text = json.dumps([self.task, self.settings, self.seed], sort_keys=True)
        return f"{self.task}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


Done = Sequence[tuple[Run, Result]]
Tick = Callable[[float], None]


class Shown(NamedTuple):
    """What came out: figures by their captions, and sentences computed from the numbers."""

    figures: Mapping[str, Figure]
    findings: Sequence[str]
    table: Sequence[Sequence[str]] = ()


class Experiment(NamedTuple):
    """A figure or table of the slides; words.toml has its title and what the slides say.

    Attributes
    ----------
    name : str
    runs : what is run at a scale, with the kinds of data at hand
    task : one run's result, from its settings and seed; it tells how far it is
    show : figures and findings from all results
    """

    name: str
    runs: Callable[[Scale, Place], list[Run]]
    task: Callable[[Settings, int, Place, Tick], Result]
    show: Callable[[Done], Shown]


def result_of(run: Run, experiment: Experiment, place: Place, folder: Path, tick: Tick) -> Result:
    """The result of a run, from its file if it was done before.

    The file appears whole or not at all, so that a run that was interrupted is done again.
    """
    path = folder / f"{run.key()}.json"
    if not path.exists():
        result = experiment.task(run.settings, run.seed, place, tick)
        whole = {**run._asdict(), "result": _finite(result)}
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(whole, allow_nan=False))
        beside.replace(path)
    return _read(path)


def _read(path: Path) -> Result:
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise ValueError(f"it has {size} bytes")
        result = json.loads(path.read_text())["result"]
        if not isinstance(result, dict):
            raise TypeError("its result is none")
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no result of a run, remove it: {error}") from error
    return result


def results_with(done: Done, **settings: Any) -> list[Result]:
    """The results of the runs that have these settings, by seed."""
    found = [
        (run.seed, result)
        for run, result in done
        if all(run.settings[name] == value for name, value in settings.items())
    ]
    return [result for _, result in sorted(found, key=lambda pair: pair[0])]


def _finite(value: Any) -> Any:
    """Numbers of 6 digits; null for what is not finite, which JSON cannot say."""
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
