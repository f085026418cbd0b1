"""The gate: README's commands in fresh clones, every test, lint, the suite's own checks, the wheel.

Lanes of stages run side by side, since installing waits for the network while testing needs the
processor. A stage prints what its command said when it ends; a table at the end has the
seconds of each, and what was skipped and why.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

TREE = Path(__file__).parents[1]
# A test may be skipped for want of these; for want of anything else it fails the gate.
MAY_BE_MISSING = ("cupy", "CUDA device")
MISSING = re.compile(r"not installed|No module named|could not import|no usable", re.I)
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
PIP = ".venv/bin/pip install -q -c constraints.txt"
PYTEST = ".venv/bin/python -m pytest -q -n auto --dist loadfile"


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
            The command failed, or a test was skipped for want of a package.
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
            print(f"\n=== {stage} ({seconds:.0f} s)\n$ {command}\n{text}", flush=True)
        if code:
            raise Failed(f"{stage}: exit code {code}")
        self._look_at_skips(stage, text)
        return text

    def _look_at_skips(self, stage: str, text: str) -> None:
        skips = re.findall(r"^SKIPPED (\[\d+\] .*)", text, re.M)
        self.skipped += [f"{stage}: {skip}" for skip in skips]
        for skip in skips:
            if MISSING.search(skip) and not any(name in skip for name in MAY_BE_MISSING):
                raise Failed(f"{stage}: a test was skipped for want of a package: {skip}")

    def stop(self) -> None:
        """End everything that runs, with all that it started."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                os.killpg(process.pid, signal.SIGKILL)


def command_of_readme(number: int) -> str:
    """The line of README.md that begins with `python3 -m venv` for the first or second time."""
    lines = (TREE / "README.md").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("python3 -m venv")][number - 1]


def clone(gate: Gate, name: str) -> Path:
    """A fresh clone of what is committed."""
    folder = gate.work / name
    subprocess.run(["git", "clone", "-q", TREE, folder], check=True)
    return folder


def tests(gate: Gate, wheel: Future[Path]) -> None:
    """README's second command, the tests that it leaves out, and lint, in one clone; the wheel."""
    here = clone(gate, "tests")
    collect = ".venv/bin/python -m pytest --collect-only -q"
    gate.run("README command 2", command_of_readme(2), here)
    fast = ids(gate.run("ids of the fast tier", collect, here))
    gate.run("install dev", f"{PIP} -e '.[dev]'", here)
    rest = ids(gate.run("ids of the rest", f"{collect} -m 'not fast'", here))
    every = ids(gate.run("ids of all tests", f"{collect} -m ''", here))
    if len(fast) + len(rest) != len(every) or fast | rest != every:
        odd = sorted(fast ^ rest ^ every)[:5]
        raise Failed(f"the tiers are not all tests, each once; for example {odd}")
    gate.run("the rest of the tests", f"{PYTEST} -m 'not fast'", here)
    gate.run("lint", "PATH=$PWD/.venv/bin:$PATH nox -s lint --no-venv --no-install", here)

    gate.run("install the wheel", f"{PIP} --force-reinstall --no-deps {wheel.result()}", here)
    outside = gate.work / "outside"
    outside.mkdir()
    for name in ("tests", "docs", "examples"):
        shutil.copytree(here / name, outside / name)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(here / name, outside)
    python = here / ".venv/bin/python"
    test = "import radam_ref as r, sys; sys.exit('site-packages' not in r.__file__)"
    files = " ".join(OF_THE_WHEEL)
    command = f'{python} -c "{test}" && {python} -m pytest -q -n auto --dist loadfile {files}'
    gate.run("the wheel, outside the tree", command, outside)


def ids(listing: str) -> set[str]:
    """The ids of tests in what `pytest --collect-only -q` prints."""
    return {line for line in listing.splitlines() if "::" in line}


def suite(gate: Gate) -> None:
    """README's first command; then, in the same clone, the suite's own checks."""
    here = clone(gate, "suite")
    gate.run("README command 1", command_of_readme(1), here)
    gate.run("install gmpy2", f"{PIP} gmpy2", here)
    gate.run("regenerate", ".venv/bin/radam-conformance verify --regenerate", here)
    gate.run("selftest", ".venv/bin/radam-conformance selftest", here)


def build(gate: Gate) -> Path:
    """The wheel, made from the sdist; both hold what git keeps and nothing else."""
    here = clone(gate, "wheel")
    gate.run(
        "a wheel",
        f"python3 -m venv .venv && {PIP} build && .venv/bin/python -m build . >build.log\n"
        ".venv/bin/python .ci/contents dist",
        here,
    )
    (wheel,) = (here / "dist").glob("*.whl")
    return wheel


def packaging(gate: Gate, wheel: Future[Path]) -> None:
    """The wheel on newer Pythons, and with the oldest libraries."""
    gate.run("packaging", f"{TREE}/.ci/packaging {wheel.result()}", gate.work)


def main() -> int:
    """Run all lanes; the exit code is 0 if every stage passed."""
    os.environ |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_PROGRESS_BAR": "off"}
    start = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        gate = Gate(Path(work))
        with ThreadPoolExecutor(4) as pool:
            wheel = pool.submit(build, gate)
            lanes = [
                wheel,
                pool.submit(packaging, gate, wheel),
                pool.submit(tests, gate, wheel),
                pool.submit(suite, gate),
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
    sys.exit(main())
