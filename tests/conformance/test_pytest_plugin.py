"""The suite as tests of pytest, and the same from a user's own tests."""

import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

import radam_conformance
from radam_conformance import examination
from radam_conformance.cases import Case, load_suite
from radam_conformance.laws import law_ids
from radam_conformance.spec import Spec

from .sample_ports import FOLDER, port

pytestmark = pytest.mark.posix

ALL = [case.id for case in load_suite()]
CORE = [case.id for case in load_suite("core/*")]
SUITE = ["--pyargs", "radam_conformance.suite", "--radam-impl"]


class Done(NamedTuple):
    """How a run of pytest ended, and what it printed."""

    code: int
    out: str


Run = Callable[..., Done]


@pytest.fixture
def in_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """What pytest says in a project of its own, which knows nothing of ours."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])

    def call(*words: str) -> Done:
        code = pytest.main(["-p", "no:cacheprovider", "-p", "no:faulthandler", *words])
        return Done(code, "".join(capsys.readouterr()))

    yield call
    examination.examination.cache_clear()
    for name in ("test_mine", *(n for n in sys.modules if n.startswith("radam_conformance.suite"))):
        monkeypatch.delitem(sys.modules, name, raising=False)


def in_a_process(folder: Path, *words: str) -> Done:
    """The same where nothing is imported yet."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    return Done(done.returncode, done.stdout)


def collected(done: Done) -> list[str]:
    return [line.partition("[")[2].rstrip("]") for line in done.out.splitlines() if "[" in line]


def test_the_tests_have_the_ids_of_the_cases(in_project: Run) -> None:
    done = in_project(*SUITE, port("textbook").text, "--collect-only", "-q")

    assert done.code == 0
    assert collected(done) == CORE


def test_level_all_has_every_case_and_law(in_project: Run) -> None:
    words = [port("textbook").text, "--radam-level", "all", "--collect-only", "-q"]

    assert collected(in_project(*SUITE, *words)) == ALL + law_ids()


@pytest.mark.slow
def test_a_right_port_passes_on_several_processes(tmp_path: Path) -> None:
    chosen = "smoke or crossing-0"
    done = in_a_process(tmp_path, *SUITE, port("textbook").text, "-n", "2", "-q", "-k", chosen)
    count = len([id for id in CORE if "smoke" in id or "crossing-0" in id])

    assert done.code == 0, done.out
    assert f"{count} passed" in done.out


@pytest.mark.slow
def test_the_time_limits_of_the_tests_are_multiplied(in_project: Run, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\n\n\ndef step(params, grads, state, hyper):\n"
        "    if params.dtype != 'float64':\n        raise NotImplementedError\n"
        "    time.sleep(30)\n"
    )
    words = ["func:slow.py:step", "-k", "smoke-01-f64", "--radam-timeout-scale", "0.1"]
    done = in_project(*SUITE, *words)

    assert done.code == 1
    assert re.search(r"no answer in time \(1\.\d+ s", done.out)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_a_factor_of_time_limits_that_makes_no_sense_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=r"timeout_scale must be in \[0.01, 1000\], got"):
        radam_conformance.parametrize(port("textbook").text, timeout_scale=scale)
    with pytest.raises(ValueError, match=r"timeout_scale must be in \[0.01, 1000\], got"):
        radam_conformance.check(port("textbook").text, timeout_scale=scale)


def test_a_failing_test_shows_the_report_and_no_traceback(in_project: Run) -> None:
    words = ["--radam-set", "fault=v uncorrected", "--radam-dialect", "paper", "-k", "smoke-01-f64"]
    done = in_project(*SUITE, port("faulty").text, *words)

    assert done.code == 1
    assert "fail  1 of 1 cases: the numbers are out of bounds; first at step 5" in done.out
    assert "--dialect paper --only core/smoke-01-f64" in done.out
    for ours in ("Traceback", "pytest_plugin.py", "examination.py"):
        assert ours not in done.out


def test_what_a_port_does_not_offer_is_skipped_with_the_reason(in_project: Run) -> None:
    words = ["--radam-level", "all", "-rs", "-k", "groups/maximize-01-f64 or laws/split-01-f64"]
    done = in_project(*SUITE, port("textbook").text, *words)

    assert done.code == 0, done.out
    assert "2 skipped" in done.out
    assert "it does not offer groups" in done.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (SUITE[:2], "radam_conformance.suite needs --radam-impl SPEC"),
        ([*SUITE, "torhc:x.Y"], "must begin with one of torch:"),
        ([*SUITE, "torch:x.Y", "--radam-dialect", "papr"], "dialect must be auto or one of paper"),
    ],
)
def test_wrong_usage_is_said_in_a_sentence(
    in_project: Run, words: list[str], sentence: str
) -> None:
    done = in_project(*words)

    assert done.code not in (0, 1)
    assert "UsageError: radam_conformance.suite" in done.out
    assert sentence in done.out


def test_a_port_that_cannot_be_started_fails_every_test_in_its_words(in_project: Run) -> None:
    done = in_project(*SUITE, "func:nowhere.py:step", "-k", "smoke-01")

    assert "2 failed" in done.out
    assert "there is no file 'nowhere.py'" in done.out


def test_a_users_own_test_is_parametrized(in_project: Run, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import radam_conformance\n\n"
        f"@radam_conformance.parametrize('func:{FOLDER / 'faulty.py'}:step',\n"
        "    dialect='paper', options=['fault=not rectified'])\n"
        "def test_mine(case):\n    case.check()\n"
    )
    done = in_project("-k", "smoke-01-f64 or never-rectified-01-f64", "-rA", "-q")

    assert "PASSED test_mine.py::test_mine[core/never-rectified-01-f64]" in done.out
    assert "FAILED test_mine.py::test_mine[core/smoke-01-f64]" in done.out


def test_the_plugin_is_inert_unless_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n\n"
        "def test_other():\n"
        "    heavy = {'numpy', 'flint', 'rich', 'typer', 'jinja2', 'radam_conformance.judge'}\n"
        "    assert not heavy & set(sys.modules)\n"
    )
    done = in_a_process(tmp_path, "-q", "-W", "error")

    assert "1 passed" in done.out, done.out


@pytest.mark.parametrize(("level", "ids"), [("core", CORE), ("all", [*ALL, *law_ids()])])
def test_check_asks_for_every_case_of_a_level(
    monkeypatch: pytest.MonkeyPatch, level: str, ids: list[str]
) -> None:
    def asked(spec: Spec, cases: Sequence[Case], *, seed: int | None, **_: object) -> list[str]:
        return [case.id for case in cases] + law_ids() * (seed is not None)

    monkeypatch.setattr("radam_conformance.judge.judge", asked)

    assert radam_conformance.check(port("textbook").text, level=level) == ids


def test_check_gives_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    few = ["core/crossing-06-f32", "core/crossing-06-f64", "core/smoke-01-f64"]
    monkeypatch.setattr("radam_conformance.examination.ids", lambda level: few)
    mixed = ["scalars=mixed"]
    report = radam_conformance.check(port("textbook").text, level="core", options=mixed)

    assert {result.case.id for result in report.results} == set(few)
    assert not report.is_met
    assert "precision" in str(report)


def test_check_names_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="level must be core or all, got 'most'"):
        radam_conformance.check("torch:x.Y", level="most")
    with pytest.raises(ValueError, match="dialect must be auto or one of paper"):
        radam_conformance.parametrize("torch:x.Y", dialect="papr")
