"""What goes on beside a run: checkpoints that survive anything, bounded history, the bar."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radam_ref import minimize
from radam_ref.optimize import Checkpoint, CheckpointError, last, load, spread, stop

from .problems import ROSENBROCK_START, rosenbrock

FULL_DISK = """
import resource, sys
import numpy as np
from radam_ref import minimize
from radam_ref.optimize import Checkpoint, CheckpointError, load
path = sys.argv[1]
fun = lambda x: (float(x @ x), 2 * x)
def fill(record):
    if record.t == 20:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
try:
    saver = Checkpoint(path, steps=10)
    minimize(fun, np.ones(50), lr=0.1, jac=True, callback=fill, checkpoint=saver)
except CheckpointError as error:
    print(error)
    print(error.state.t, load(path)[0].t)
"""


def of_rosenbrock(**how: Any) -> Any:
    return minimize(rosenbrock, ROSENBROCK_START, **{"lr": 0.01, "jac": True, **how})


def script(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout


@pytest.mark.parametrize("times", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_killed_many_times_it_ends_as_if_never(tmp_path: Path, times: int) -> None:
    output = script(str(Path(__file__).parent / "killed.py"), str(tmp_path), str(times))

    assert output == "True True True\n['run']\n"


@pytest.mark.posix
def test_a_full_disk_stops_with_the_state_in_memory(tmp_path: Path) -> None:
    """A limit on the size of files stands for it; what was saved before is still there."""
    message, steps = script("-c", FULL_DISK, str(tmp_path / "run")).splitlines()

    assert "the checkpoint of step 30 could not be written to" in message
    assert "The run is in the `state` of this error." in message
    assert steps == "30 20"
    assert os.listdir(tmp_path) == ["run"]


def test_a_folder_that_takes_no_files_stops_with_the_state_in_memory(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(CheckpointError, match="checkpoint of step 25 could not") as caught:
        of_rosenbrock(checkpoint=Checkpoint(tmp_path / "folder" / "run", steps=25))

    more = minimize(rosenbrock, caught.value.state, lr=0.01, jac=True, maxiter=60)
    assert np.array_equal(more.x, of_rosenbrock(maxiter=60).x)


@pytest.mark.posix
def test_a_folder_without_permission_stops_with_the_state_in_memory() -> None:
    root = os.getuid() == 0  # whom permissions do not bind

    def take_permission(record: Any) -> None:
        if record.t == 30:
            folder.chmod(0o555)
            os.seteuid(65534 if root else os.getuid())

    with tempfile.TemporaryDirectory() as name:  # which others can reach, unlike tmp_path
        folder = Path(name)
        saver = Checkpoint(folder / "run", steps=25)
        try:
            with pytest.raises(CheckpointError, match=r"step 50 .* Permission denied") as caught:
                of_rosenbrock(checkpoint=saver, callback=take_permission)
        finally:
            os.seteuid(os.getuid())
            folder.chmod(0o755)
        saved, files = load(folder / "run")[0], os.listdir(folder)

    assert saved.t == 25
    assert files == ["run"]
    more = minimize(rosenbrock, caught.value.state, jac=True, maxiter=60)
    assert np.array_equal(more.x, of_rosenbrock(maxiter=60).x)


def test_checkpoints_come_every_so_many_steps_and_at_the_end(tmp_path: Path) -> None:
    seen: list[int] = []

    def look(record: Any) -> None:
        if (tmp_path / "run").exists():
            seen.append(load(tmp_path / "run")[0].t)

    of_rosenbrock(maxiter=25, checkpoint=Checkpoint(tmp_path / "run", steps=10), callback=look)
    assert seen == [10] * 10 + [20] * 6
    assert load(tmp_path / "run")[0].t == 25


@pytest.mark.posix
@pytest.mark.parametrize("name", ["run", "run[1]", "*"])
def test_what_a_killed_run_had_begun_to_write_is_removed_and_nothing_else(
    tmp_path: Path, name: str
) -> None:
    """`run.1` may be written by another process at this moment."""
    ours = tmp_path / f".{name}.0123456789abcdef.part"
    others = [f".{name}.1.0123456789abcdef.part", ".run1.0123456789abcdef.part", f".{name}.a.part"]
    for file in (ours, *(tmp_path / other for other in others)):
        file.touch()
    (tmp_path / "link").symlink_to(tmp_path / name)
    of_rosenbrock(maxiter=2, checkpoint=Checkpoint(tmp_path / "link", steps=1))

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "link", name])


def test_checkpoints_come_every_so_many_seconds(tmp_path: Path, monkeypatch: Any) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    saver = Checkpoint(tmp_path / "run", seconds=30)
    saved: list[int] = []

    def look(record: Any) -> None:
        now[0] += 1
        if (tmp_path / "run").exists():
            saved.append(load(tmp_path / "run")[0].t)

    of_rosenbrock(maxiter=70, checkpoint=saver, callback=look)
    assert sorted(set(saved)) == [31, 61]


def test_a_history_spreads_over_a_run_of_any_length() -> None:
    for steps in (5, 50, 500):
        entries = of_rosenbrock(maxiter=steps, history=20).history
        times = [entry.t for entry in entries]
        assert len(entries) <= 20
        assert times == list(range(0, times[-1] + 1, times[1]))
        assert times[-1] > 0.5 * steps
    assert entries[0].f == pytest.approx(24.2)


def test_a_ring_keeps_the_last_entries() -> None:
    result = of_rosenbrock(maxiter=100, history=last(7))

    assert [entry.t for entry in result.history] == list(range(94, 101))
    assert result.history[-1].f == result.fun
    assert result.history[-1].gradient == abs(result.jac).max()


def test_a_history_says_what_the_records_did() -> None:
    records: list[Any] = []
    result = of_rosenbrock(maxiter=30, history=spread(100), callback=records.append)

    assert [entry[1:] for entry in result.history[1:]] == [
        (record.f, record.gradient, record.update_norm) for record in records
    ]


@pytest.mark.parametrize("rich", [True, False])
def test_the_bar_shows_how_it_goes(rich: bool, monkeypatch: Any, capsys: Any) -> None:
    if not rich:
        monkeypatch.setitem(sys.modules, "rich.console", None)
        monkeypatch.setitem(sys.modules, "rich.progress", None)
    monkeypatch.setenv("COLUMNS", "80")
    result = of_rosenbrock(maxiter=40, progress=True)
    shown = capsys.readouterr()

    assert shown.out == ""
    line = rf"f {result.fun:.5g} +best {result.fun_best:.5g} +update \d\.\de-\d\d +\d+ steps/s"
    assert re.search(f"step 40{'/40' if rich else ''} {line}", shown.err)
    of_rosenbrock(maxiter=None, stop=stop.steps(40), progress=True)
    assert re.search(f"^step 40 {line}", capsys.readouterr().err)


@pytest.mark.parametrize("how", [{"steps": 0}, {"seconds": 0}, {"steps": 1.5}])
def test_a_checkpoint_that_cannot_be_is_refused(how: Any) -> None:
    with pytest.raises(ValueError, match="checkpoint's"):
        Checkpoint("run", **how)
