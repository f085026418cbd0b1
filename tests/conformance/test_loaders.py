"""The loaders for C, Node and Rust judge as the judge does, case by case."""

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from radam_conformance import export
from radam_conformance.cases import Case, load_suite
from radam_conformance.harness import Harness
from radam_conformance.schedule import run_all
from radam_conformance.verdicts import verdicts
from radam_ref import dialects

from .ports.five_faults import FAULTS
from .sample_ports import port

pytestmark = [pytest.mark.posix, pytest.mark.slow]  # compilers, and Node

PAGE = Path(__file__).parents[2] / "docs" / "vectors.md"
SCRIPTS = sysconfig.get_path("scripts")


class Said(NamedTuple):
    """What a loader said: its exit code, the cases it failed, and how many it judged."""

    code: int
    failing: set[str]
    judged: int


def said(code: int, out: str, failing: str, judged: str) -> Said:
    return Said(code, set(re.findall(failing, out, re.M)), int(*re.findall(judged, out, re.M)))


def output(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def run_c(folder: Path) -> Said:
    code, complaints = output(folder, *"cc -O2 -Wall -Wextra -std=c99 -o judge judge.c -lm".split())
    assert (code, complaints) == (0, "")
    return said(*output(folder, "./judge"), r"^not ok (\S+):", r"^\d+ of (\d+) cases pass")


def run_node(folder: Path) -> Said:
    code, out = output(folder, "node", "--test", "--test-reporter=tap")
    skipped = len(re.findall(r"^ok .* # SKIP", out, re.M))
    whole = said(code, out, r"^not ok \d+ - (\S+)", r"^# tests (\d+)")
    return whole._replace(judged=whole.judged - skipped)


def run_cargo(folder: Path) -> Said:
    code, out = output(folder, *"cargo test --offline --test judge -- --show-output".split())
    return said(code, out, r"^not ok (\S+):", r"^\d+ of (\d+) cases fail")


class Loader(NamedTuple):
    """A loader: its tool, the step to replace, and the edit that makes each fault of it."""

    tool: str
    run: Callable[[Path], Said]
    step: str
    edits: dict[str, tuple[str, str]]


LOADERS = {
    "c": Loader(
        "cc",
        run_c,
        "radam_step.c",
        {
            "not rectified": ("fl(c, r_t) * m_hat", "(r_t > 0) * m_hat"),
            "eps dropped": (" + fl(c, c->eps)", ""),
            "step counted twice": ("double t = step,", "double t = 2 * step,"),
            "threshold 6": ("rho_t > 4 ", "rho_t > 6 "),
            "m uncorrected": (": 1 / (1 - beta1_t)", ": 1"),
        },
    ),
    "json": Loader(
        "node",
        run_node,
        "radam_step.mjs",
        {
            "not rectified": ("fl(r_t) * m_hat", "m_hat"),
            "eps dropped": (" + fl(eps)", ""),
            "step counted twice": ("const t = step,", "const t = 2 * step,"),
            "threshold 6": ("rho_t > 4 ", "rho_t > 6 "),
            "m uncorrected": (": 1 / (1 - beta1_t)", ": 1"),
        },
    ),
    "csv": Loader(
        "cargo",
        run_cargo,
        "src/lib.rs",
        {
            "not rectified": ("fl(r_t.sqrt()) * m_hat", "m_hat"),
            "eps dropped": (" + fl(eps)", ""),
            "step counted twice": ("let t = step as f64;", "let t = 2.0 * step as f64;"),
            "threshold 6": ("rho_t > 4.0 ", "rho_t > 6.0 "),
            "m uncorrected": ("else { 1.0 / (1.0 - beta1_t) }", "else { 1.0 }"),
        },
    ),
}


def short() -> tuple[Case, ...]:
    """Core but for the chains of 10,000 steps, which take a port in Python some seconds."""
    return load_suite("core/*", "core/chain-*")


@cache
def failing_by_the_judge(fault: str) -> set[str]:
    """Core cases that a Python port with the fault does not pass; nobody asks for its diagnosis."""
    paper = dialects["paper"]
    with Harness(port("five_faults", fault=fault)) as worker:
        runs = run_all([worker], short(), lambda done, total, id: None)
    return {result.case.id for result in verdicts(runs, paper, paper) if result.verdict != "pass"}


@pytest.fixture(scope="module", params=LOADERS)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Loader, Path]]:
    """Each loader beside Core, as exported."""
    loader = LOADERS[request.param]
    if shutil.which(loader.tool) is None:
        pytest.skip(f"{loader.tool} is not installed")
    directory = tmp_path_factory.mktemp(request.param)
    export.write(directory, request.param, short())
    return loader, directory / "loaders"


def test_the_step_as_it_comes_passes_every_case(exported: tuple[Loader, Path]) -> None:
    loader, folder = exported

    assert loader.run(folder) == (0, set(), len(short()))
    assert failing_by_the_judge("none") == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_the_cases_that_the_judge_fails(
    exported: tuple[Loader, Path], fault: str
) -> None:
    loader, folder = exported
    right = (folder / loader.step).read_text()
    old, new = loader.edits[fault]
    assert right.count(old) == 1
    try:
        (folder / loader.step).write_text(right.replace(old, new))
        told = loader.run(folder)
    finally:
        (folder / loader.step).write_text(right)

    assert told.code != 0
    assert told.judged == len(short())
    assert told.failing == failing_by_the_judge(fault)
    assert told.failing != set()


NAN = {
    "c": ("x[j] = fl(c, x[j] - ", "x[j] = NAN * fl(c, x[j] - "),
    "json": ("x[j] -= ", "x[j] -= NaN * "),
    "csv": ("x[j] = fl(x[j] - ", "x[j] = f64::NAN * fl(x[j] - "),
}


def test_nan_is_never_right(exported: tuple[Loader, Path]) -> None:
    loader, folder = exported
    (format,) = (name for name, other in LOADERS.items() if other is loader)
    right = (folder / loader.step).read_text()
    assert right.count(NAN[format][0]) == 1
    try:
        (folder / loader.step).write_text(right.replace(*NAN[format]))
        told = loader.run(folder)
    finally:
        (folder / loader.step).write_text(right)

    assert told.failing == {case.id for case in short()}


@pytest.mark.skipif(shutil.which("c++") is None, reason="c++ is not installed")
def test_the_header_is_cplusplus_as_well(tmp_path: Path) -> None:
    export.write(tmp_path, "c", load_suite("core/*"))
    (tmp_path / "use.cpp").write_text('#include "radam_vectors.h"\nauto first = radam_cases[0];\n')

    words = "c++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only use.cpp"
    assert output(tmp_path, *words.split()) == (0, "")


@pytest.mark.parametrize("format", LOADERS)
def test_decay_ascent_and_look_ahead_pass_as_well(format: str, tmp_path: Path) -> None:
    loader, cases = LOADERS[format], load_suite()
    if shutil.which(loader.tool) is None:
        pytest.skip(f"{loader.tool} is not installed")
    export.write(tmp_path, format, cases)

    told = loader.run(tmp_path / "loaders")

    plain = {case.id for case in cases} - set(export.select(cases, "paper"))
    assert {id.partition("/")[0] for id in plain} > {"core", "maximize", "nesterov", "eps0"}
    assert told == (0, set(), len(plain))


def test_the_commands_on_the_page_do_what_it_says(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    missing = [loader.tool for loader in LOADERS.values() if shutil.which(loader.tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    path = os.pathsep.join([SCRIPTS, os.environ["PATH"]])
    done = [
        subprocess.run(
            ["sh", "-ec", block],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "CARGO_NET_OFFLINE": "true"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        for block in blocks
    ]

    assert len(blocks) >= 3
    assert [(block.returncode, block.stderr) for block in done if block.returncode] == []
    core = len(load_suite("core/*"))
    assert f"{core} of {core} cases pass, dialect paper" in "".join(block.stdout for block in done)
