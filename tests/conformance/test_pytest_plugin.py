"""The suite as tests of pytest, and the same from a user's own tests."""

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

import radam_conformance
from radam_conformance.cases import load_suite
from radam_conformance.laws import law_ids

from .sample_ports import FOLDER, port

pytestmark = pytest.mark.posix

CORE = [case.id for case in load_suite("core/*")]
SUITE = ["--pyargs", "radam_conformance.suite", "--radam-impl"]


def in_project(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """What pytest says in a project of its own, which knows nothing of ours."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


def collected(done: "subprocess.CompletedProcess[str]") -> list[str]:
    return [line.partition("[")[2].rstrip("]") for line in done.stdout.splitlines() if "[" in line]


def test_the_tests_have_the_ids_of_the_cases(tmp_path: Path) -> None:
    done = in_project(tmp_path, *SUITE, port("textbook").text, "--collect-only", "-q")

    assert done.returncode == 0
    assert collected(done) == CORE


def test_level_all_has_every_case_and_law(tmp_path: Path) -> None:
    words = [port("textbook").text, "--radam-level", "all", "--collect-only", "-q"]

    assert (
        collected(in_project(tmp_path, *SUITE, *words)) == [c.id for c in load_suite()] + law_ids()
    )


def test_a_right_port_passes_on_several_processes(tmp_path: Path) -> None:
    chosen = "smoke or crossing-0"
    done = in_project(tmp_path, *SUITE, port("textbook").text, "-n", "2", "-q", "-k", chosen)
    count = len([id for id in CORE if "smoke" in id or "crossing-0" in id])

    assert done.returncode == 0, done.stdout
    assert f"{count} passed" in done.stdout


def test_the_time_limits_of_the_tests_are_multiplied(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\n\n\ndef step(params, grads, state, hyper):\n    time.sleep(30)\n"
    )
    words = ["func:slow.py:step", "-k", "smoke-01-f64", "--radam-timeout-scale", "0.2"]
    done = in_project(tmp_path, *SUITE, *words)

    assert done.returncode == 1
    assert re.search(r"no answer in time \(2\.\d+ s", done.stdout)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_a_factor_of_time_limits_that_makes_no_sense_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=r"timeout_scale must be in \[0.01, 1000\], got"):
        radam_conformance.parametrize(port("textbook").text, timeout_scale=scale)
    with pytest.raises(ValueError, match=r"timeout_scale must be in \[0.01, 1000\], got"):
        radam_conformance.check(port("textbook").text, timeout_scale=scale)


def test_a_failing_test_shows_the_report_and_no_traceback(tmp_path: Path) -> None:
    words = ["--radam-set", "fault=v uncorrected", "--radam-dialect", "paper", "-k", "smoke-01-f64"]
    done = in_project(tmp_path, *SUITE, port("faulty").text, *words)

    assert done.returncode == 1
    assert "fail  1 of 1 cases: the numbers are out of bounds; first at step 5" in done.stdout
    assert "--dialect paper --only core/smoke-01-f64" in done.stdout
    for ours in ("Traceback", "pytest_plugin.py", "examination.py"):
        assert ours not in done.stdout


def test_what_a_port_does_not_offer_is_skipped_with_the_reason(tmp_path: Path) -> None:
    words = ["--radam-level", "all", "-rs", "-k", "groups/maximize-01-f64 or laws/split-01-f64"]
    done = in_project(tmp_path, *SUITE, port("textbook").text, *words)

    assert done.returncode == 0, done.stdout
    assert "2 skipped" in done.stdout
    assert "it does not offer groups" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (SUITE[:2], "radam_conformance.suite needs --radam-impl SPEC"),
        ([*SUITE, "torhc:x.Y"], "must begin with one of torch:"),
        ([*SUITE, "torch:x.Y", "--radam-dialect", "papr"], "dialect must be auto or one of paper"),
    ],
)
def test_wrong_usage_is_said_in_a_sentence(tmp_path: Path, words: list[str], sentence: str) -> None:
    done = in_project(tmp_path, *words)

    assert done.returncode not in (0, 1)
    assert "UsageError: radam_conformance.suite" in done.stdout
    assert sentence in done.stdout


def test_a_port_that_cannot_be_started_fails_every_test_in_its_words(tmp_path: Path) -> None:
    done = in_project(tmp_path, *SUITE, "func:nowhere.py:step", "-k", "smoke-01")

    assert "2 failed" in done.stdout
    assert "there is no file 'nowhere.py'" in done.stdout


def test_a_users_own_test_is_parametrized(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import radam_conformance\n\n"
        f"@radam_conformance.parametrize('func:{FOLDER / 'faulty.py'}:step',\n"
        "    dialect='paper', options=['fault=not rectified'])\n"
        "def test_mine(case):\n    case.check()\n"
    )
    done = in_project(tmp_path, "-k", "smoke-01-f64 or never-rectified-01-f64", "-rA", "-q")

    assert "PASSED test_mine.py::test_mine[core/never-rectified-01-f64]" in done.stdout
    assert "FAILED test_mine.py::test_mine[core/smoke-01-f64]" in done.stdout


def test_the_plugin_is_inert_unless_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n\n"
        "def test_other():\n"
        "    heavy = {'numpy', 'flint', 'rich', 'typer', 'jinja2', 'radam_conformance.judge'}\n"
        "    assert not heavy & set(sys.modules)\n"
    )
    done = in_project(tmp_path, "-q", "-W", "error")

    assert "1 passed" in done.stdout, done.stdout


def test_check_gives_the_report() -> None:
    mixed = ["scalars=mixed"]
    report = radam_conformance.check(port("textbook").text, level="core", options=mixed)

    assert len(report.results) == len(CORE)
    assert not report.is_met
    assert "precision" in str(report)


def test_check_names_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="level must be core or all, got 'most'"):
        radam_conformance.check("torch:x.Y", level="most")
    with pytest.raises(ValueError, match="dialect must be auto or one of paper"):
        radam_conformance.parametrize("torch:x.Y", dialect="papr")
