"""What an experiment is, and how its runs are made, stored and read."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from matplotlib.figure import Figure

LARGEST = 2**26  # bytes of a file of results

T = TypeVar("T")

Settings = Mapping[str, Any]
Result = dict[str, Any]


class Scale(StrEnum):
    """The sizes: for tests (seconds), for two cores (minutes), and closer to the paper's."""

    TINY = "tiny"
    SMALL = "small"
    FULL = "full"


class Place(NamedTuple):
    """The data sets at hand, each kind with its folder, and the device."""

    data: Mapping[str, Path]
    device: str


class Run(NamedTuple):
    """One training: everything that its result depends on, except for versions and rounding."""

    task: str
    settings: Settings
    seed: int

    def key(self) -> str:
        """The name of its file, which experiments with the same run share."""
        text = json.dumps([self.task, self.settings, self.seed], sort_keys=True)
        return f"{self.task}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


Done = Sequence[tuple[Run, Result]]
Tick = Callable[[float], None]


class Results(NamedTuple):
    """All runs of an experiment, and when and on what they were made."""

    scale: str
    date: str
    machine: str
    versions: str
    done: Done


class Shown(NamedTuple):
    """Figures by their captions, sentences computed from the numbers, and a table or none."""

    figures: Mapping[str, Figure]
    findings: Sequence[str]
    table: Sequence[Sequence[str]] = ()


class Experiment(NamedTuple):
    """A figure or table of the paper; words.toml has its title and the paper's claim.

    Attributes
    ----------
    name : str
    runs : the runs at a scale, with the data sets at hand
    task : computes the result of one run from its settings and seed, and reports its progress
    show : makes figures and findings from all results
    """

    name: str
    runs: Callable[[Scale, Place], list[Run]]
    task: Callable[[Settings, int, Place, Tick], Result]
    show: Callable[[Done], Shown]


def result_of(run: Run, experiment: Experiment, place: Place, folder: Path, tick: Tick) -> Result:
    """The result of a run, from its file if it has one."""
    path = folder / f"{run.key()}.json"
    if not path.exists():
        result = experiment.task(run.settings, run.seed, place, tick)
        _write(path, _line(run, _finite(result)) + "\n")
    return _read(path, _run_with_result)[1]


def write_results(path: Path, results: Results) -> None:
    """Write the results of an experiment, one line per run: a diff shows which runs changed."""
    head = "".join(
        f"{json.dumps(name)}: {json.dumps(value)},\n"
        for name, value in results._asdict().items()
        if name != "done"
    )
    lines = ",\n".join(_line(run, result) for run, result in results.done)
    _write(path, f'{{\n{head}"runs": [\n{lines}\n]\n}}\n')


def read_results(path: Path) -> Results:
    """Read what `write_results` wrote."""

    def results(content: Any) -> Results:
        done = [_run_with_result(one) for one in content.pop("runs")]
        return Results(**content, done=done)

    return _read(path, results)


def _line(run: Run, result: Result) -> str:
    content = {**run._asdict(), "result": result}
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


def _run_with_result(content: Any) -> tuple[Run, Result]:
    run, result = Run(content["task"], content["settings"], content["seed"]), content["result"]
    if not isinstance(result, dict):
        raise TypeError(f"result must be an object, got {result!r}")
    return run, result


def _write(path: Path, text: str) -> None:
    """Write a whole file or nothing, so that an interrupted run is repeated."""
    beside = path.with_suffix(f".{os.getpid()}")
    beside.write_text(text, encoding="utf-8", newline="\n")
    beside.replace(path)


def _read(path: Path, convert: Callable[[Any], T]) -> T:
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise ValueError(f"it has {size} bytes, more than {LARGEST}")
        return convert(json.loads(path.read_text(encoding="utf-8")))
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a file of results, remove it: {error!r}") from error


def results_with(done: Done, **settings: Any) -> list[Result]:
    """The results of the runs with these settings, ordered by seed."""
    found = [
        (run.seed, result)
        for run, result in done
        if all(run.settings[name] == value for name, value in settings.items())
    ]
    return [result for _, result in sorted(found, key=lambda pair: pair[0])]


def _finite(value: Any) -> Any:
    """Numbers of 6 digits; None if not finite, which JSON cannot express."""
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
