"""Without what POSIX has alone, the suite lists, exports and verifies, and runs nothing."""

import errno
import os
import signal
import sys
from pathlib import Path

import pytest

from radam_conformance import check, golden_files, streams, verify
from radam_conformance.cases import load_suite
from radam_conformance.drivers import load
from radam_conformance.reports import parse_targets
from radam_conformance.spec import LoadError, parse_spec

from .small_suite import small_suite
from .test_cli import Run, check_complaint
from .test_cli import run as run

SAMPLE = "func:radam_conformance.ports.sample:step"
REFUSED = "implementations can be run on Linux and macOS only"


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the names of os and signal that the judge uses, and Windows lacks."""
    for name in ("fork", "killpg", "register_at_fork", "set_blocking"):
        monkeypatch.delattr(os, name, raising=False)
    for name in ("SIGHUP", "SIGKILL"):
        monkeypatch.delattr(signal, name, raising=False)


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(
    "words",
    [
        ["run", SAMPLE],
        ["run", SAMPLE, "cmd:./harness"],
        ["gallery"],
        ["identify", SAMPLE],
        ["selftest"],
    ],
)
def test_what_runs_an_implementation_is_refused_in_one_sentence(run: Run, words: list[str]) -> None:
    check_complaint(run(*words), 3, REFUSED)


@pytest.mark.usefixtures("windows")
def test_the_sentence_says_what_to_do_instead() -> None:
    with pytest.raises(
        LoadError, match=r"run this command in WSL, or .* `radam-conformance export"
    ):
        check(SAMPLE, level="core")


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--help"], "Usage"),
        (["run", "--help"], "Judge implementations"),
        (["list", "--only", "core/smoke-*"], "core/smoke-01-f64"),
        (["show", "core/smoke-01-f64"], "core/smoke-01-f64"),
        (["export", "vectors", "--format", "c"], f"{len(load_suite('core/*'))} cases in vectors"),
        (["new-harness", "--lang", "c", "mine"], "harness.c"),
    ],
)
def test_the_other_commands_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], shown: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*words)

    assert (done.code, done.err) == (0, "")
    assert shown in done.out


@pytest.mark.usefixtures("windows")
def test_the_suite_is_verified(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = small_suite(tmp_path)
    monkeypatch.setattr(golden_files, "golden", lambda: small)
    monkeypatch.setattr(verify, "golden", lambda: small)

    assert run("verify").code == 0


# Drive letters


@pytest.mark.posix
def test_a_function_in_a_file_on_a_drive_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the drive and its backslashes are the name of a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # which loading would leave behind
    Path(r"C:\ports\mine.py").write_text("def step(x, g, state, hyper): ...", encoding="utf-8")
    spec = parse_spec(r"func:C:\ports\mine.py:step")

    assert load(spec).name == r"C:\ports\mine.py:step"


def test_a_report_goes_to_a_file_on_a_drive() -> None:
    ((kind, path),) = parse_targets([r"json:C:\report.json"])

    assert (kind, str(path)) == ("json", r"C:\report.json")


# Pipes


@pytest.mark.parametrize(
    ("platform", "number", "closed"),
    [
        ("linux", errno.EPIPE, True),
        ("win32", errno.EPIPE, True),
        ("win32", errno.EINVAL, True),
        ("linux", errno.EINVAL, False),
        ("win32", errno.ENOSPC, False),
    ],
)
def test_a_pipe_whose_reader_has_left_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, platform: str, number: int, closed: bool
) -> None:
    """Python reports it on Windows as it does here, or as an invalid argument."""
    monkeypatch.setattr(sys, "platform", platform)

    assert streams.is_closed_pipe(OSError(number, os.strerror(number))) is closed
