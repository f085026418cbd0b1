"""The gate: README's commands in fresh clones, every test, lint, the suite's own checks, the wheel.

Lanes of stages run side by side, since installing waits for the network while testing needs the
processor. A stage prints what its command said when it ends; a table at the end has the
seconds of each, and what was skipped and why.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

TREE = Path(__file__).parents[1]
# A test may be skipped for these reasons; for any other, such as a missing package, the gate fails.
MAY_BE_SKIPPED = ("no usable CUDA device", "no Chromium is installed")
# What a wheel can get wrong: missing files, entry points, paths that point into a checkout.
OF_THE_WHEEL = (
    "tests/radam_ref/test_package.py",
    "tests/conformance/test_export.py",
    "tests/conformance/test_gallery.py",
    "tests/conformance/test_new_harness.py",
    "tests/conformance/test_reports.py",
    "tests/conformance/test_xfail.py",
    "tests/conformance/test_cli.py::test_verify_says_how_much_it_checked",
    "tests/conformance/test_pytest_plugin.py::test_the_tests_have_the_ids_of_the_cases",
)
NO_FRAMEWORK = "not (torch or jax or keras or thinc or dask or skimage or sklearn or docs)"
DEV = ".venv-dev/bin"
PIP = "pip install -q -c constraints.txt"
PARALLEL = "-n auto --dist loadfile"
COLLECT = "python -m pytest --collect-only -q"
SHOWN = 60  # lines of what a stage said that passed


class Failed(Exception):
    """A stage did not pass; the message says which, and why."""


class Gate:
    """The stages that ran, and the processes that are running.

    Parameters
    ----------
    work : Path
        A folder for clones, virtual environments and logs.
    """

    def __init__(self, work: Path) -> None:
        self.work = work
        self.rows: list[tuple[str, float, str]] = []
        self.skipped: list[str] = []
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, stage: str, command: str, folder: Path) -> str:
        """Run the command of a stage in bash, and return what it printed.

        Raises
        ------
        Failed
            The command failed, or a test was skipped that may not be.
        """
        start = time.monotonic()
        log = self.work / f"{stage.replace('/', ' ')}.log"
        with log.open("wb") as out, self._lock:
            if self._stopped:
                raise Failed(f"{stage}: not started, since another stage failed")
            print(f"--- {stage} starts", flush=True)
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process)
        code = process.wait()
        seconds = time.monotonic() - start
        text = log.read_text(encoding="utf-8", errors="replace")
        with self._lock:
            self._running.discard(process)
            self.rows.append((stage, seconds, "failed" if code else "passed"))
            lines = text.splitlines()
            left_out = 0 if code else max(0, len(lines) - SHOWN)
            print(f"\n=== {stage} ({seconds:.0f} s)\n$ {command}")
            if left_out:
                print(f"[{left_out} lines]")
            print("\n".join(lines[left_out:]), flush=True)
        if code:
            raise Failed(f"{stage}: exit code {code}")
        self._look_at_skips(stage, text)
        return text

    def _look_at_skips(self, stage: str, text: str) -> None:
        for where, reason in re.findall(r"^SKIPPED (\[\d+\] \S+): (.*)", text, re.M):
            self.skipped.append(f"{stage}: {where}: {reason}")
            if not reason.startswith(MAY_BE_SKIPPED):
                raise Failed(f"{stage}: a test was skipped: {where}: {reason}")

    def stop(self) -> None:
        """End everything that runs, with all that it started."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                with suppress(ProcessLookupError, PermissionError):  # it has just ended
                    os.killpg(process.pid, signal.SIGKILL)


def install_browser() -> None:
    """Install Chromium, in which some tests open pages, where it can be had without asking."""
    if not shutil.which("chromium") and shutil.which("apt-get") and os.getuid() == 0:
        command = "apt-get update && apt-get install -y --no-install-recommends chromium"
        done = subprocess.run(["bash", "-c", command], capture_output=True)
        print("Chromium was installed" if not done.returncode else "Chromium cannot be installed")


def command_of_readme(number: int) -> str:
    """The line of README.md that begins with `python3 -m venv` for the first or second time."""
    lines = (TREE / "README.md").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("python3 -m venv")][number - 1]


def clone(folder: Path) -> Path:
    """A fresh clone of what is committed."""
    subprocess.run(["git", "clone", "-q", TREE, folder], check=True)
    return folder


def tests(gate: Gate, here: Path, dev: Future[None], every: Future[set[str]]) -> None:
    """README's second command, and then the tests that it leaves out: all tests, each once."""
    gate.run("README command 2", command_of_readme(2), here)
    fast = ids(gate.run("ids of the fast tier", f".venv/bin/{COLLECT}", here))
    dev.result()
    command = f"{DEV}/python -m pytest -v -m 'not fast' {PARALLEL}"
    ran = gate.run("the rest of the tests", command, here)
    rest = set(re.findall(r"^\[gw\d+\] \[ *\d+%\] [A-Z]+ (.*?) *$", ran, re.M))
    if fast & rest or fast | rest != every.result():
        odd = sorted(fast & rest | (fast | rest) ^ every.result())[:5]
        raise Failed(f"the tiers are not all tests, each once; for example {odd}")


def all_ids(gate: Gate, here: Path, dev: Future[None]) -> set[str]:
    """The ids of all tests, where every framework is installed."""
    dev.result()
    return ids(gate.run("ids of all tests", f"{DEV}/{COLLECT} -m ''", here))


def install_dev(gate: Gate, here: Path) -> None:
    """All that the rest of the tests need, into an environment of its own."""
    gate.run("install dev", f"python3 -m venv .venv-dev && {DEV}/{PIP} -e '.[dev]'", here)


def lint(gate: Gate, here: Path, dev: Future[None]) -> None:
    """Style, types, layers, spelling, workflows."""
    dev.result()
    gate.run("lint", f"PATH=$PWD/{DEV}:$PATH nox -s lint --no-venv --no-install", here)


def ids(listing: str) -> set[str]:
    """The ids of tests in what `pytest --collect-only -q` prints."""
    return {line for line in listing.splitlines() if "::" in line}


def suite(gate: Gate, here: Path, wheel: Future[Path]) -> None:
    """README's first command, the suite's own checks, and the wheel outside the tree."""
    gate.run("README command 1", command_of_readme(1), here)
    gate.run("install gmpy2", f".venv/bin/{PIP} gmpy2", here)
    gate.run("regenerate", ".venv/bin/radam-conformance verify --regenerate", here)
    gate.run("selftest", ".venv/bin/radam-conformance selftest", here)

    # The first command has installed the same version from the checkout.
    install = f".venv/bin/pip uninstall -q -y radam-ref && .venv/bin/{PIP}"
    gate.run("install the wheel", f"{install} 'radam-ref[test] @ file://{wheel.result()}'", here)
    outside = gate.work / "outside"
    outside.mkdir()
    for name in ("tests", "docs", "examples"):
        shutil.copytree(here / name, outside / name)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(here / name, outside)
    python = here / ".venv/bin/python"
    test = "import radam_ref as r, sys; sys.exit('site-packages' not in r.__file__)"
    command = f"{python} -m pytest -m '{NO_FRAMEWORK}' {PARALLEL} {' '.join(OF_THE_WHEEL)}"
    gate.run("the wheel, outside the tree", f'{python} -c "{test}" && {command}', outside)


def build(gate: Gate, here: Path) -> Path:
    """The wheel, made from the sdist; both hold what git keeps and nothing else."""
    gate.run(
        "a wheel",
        f"python3 -m venv .venv && .venv/bin/{PIP} build && .venv/bin/python -m build >build.log\n"
        ".venv/bin/python .ci/contents dist",
        here,
    )
    (wheel,) = (here / "dist").glob("*.whl")
    return wheel


def packaging(gate: Gate, here: Path, wheel: Future[Path]) -> None:
    """The wheel on newer Pythons, and with the oldest libraries."""
    gate.run("packaging", f".ci/packaging {shlex.quote(str(wheel.result()))}", here)


def main() -> int:
    """Run all lanes; the exit code is 0 if every stage passed."""
    os.environ |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_PROGRESS_BAR": "off"}
    start = time.monotonic()
    install_browser()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        gate = Gate(Path(work))
        with ThreadPoolExecutor(7) as pool:
            main, other, third = (clone(gate.work / name) for name in ("tests", "suite", "wheel"))
            dev = pool.submit(install_dev, gate, main)
            wheel = pool.submit(build, gate, third)
            every = pool.submit(all_ids, gate, main, dev)
            lanes = [
                dev,
                wheel,
                every,
                pool.submit(tests, gate, main, dev, every),
                pool.submit(suite, gate, other, wheel),
                pool.submit(lint, gate, main, dev),
                pool.submit(packaging, gate, third, wheel),
            ]
            try:
                wait(lanes, return_when=FIRST_EXCEPTION)
            finally:
                if not all(lane.done() and not lane.exception() for lane in lanes):
                    gate.stop()
        errors = [error for lane in lanes if (error := lane.exception())]
    print("\n=== skipped\n" + ("\n".join(gate.skipped) or "nothing"))
    print("\n=== stages")
    for stage, seconds, outcome in sorted(gate.rows, key=lambda row: -row[1]):
        print(f"{seconds:6.0f} s  {outcome}  {stage}")
    print(f"{time.monotonic() - start:6.0f} s  in all")
    for error in errors:
        print(f"FAILED  {error}")
    return 1 if errors else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # as Ctrl-C does
    sys.exit(main())
