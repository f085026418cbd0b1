"""Compare the speed of the working tree with that of an older commit: steps, the judge, imports.

Run from the checkout, with the extra dev: `python benchmarks/compare.py BASE`, where BASE is any
revision that git knows. BASE is exported into a temporary folder, and both trees are measured in
turns by the code of the working tree, each in processes of its own: a round starts new ones, and
takes the median of a few turns of each measurement. The ratio of a measurement is the median, over
the rounds, of the working tree's time divided by BASE's. The interval is that of the sign test for
this median, which assumes nothing of the distribution.

No process is pinned to a processor; under `taskset -c 0` all are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from compare_child import TASKS
from rich import box
from rich.console import Console
from rich.table import Table
from scipy.stats import quantile_test

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (".", "adapters", "conformance")  # where the packages are, in any commit
CLI = "radam_conformance.cli:main"
SAMPLE = "func:radam_conformance.ports.sample:step"
CORE = "radam-conformance run, Core"
COMMANDS = {
    "import radam_ref": ["radam_ref"],
    "radam-conformance --version": [CLI, "--version"],
    CORE: [CLI, "run", SAMPLE, "--level", "core"],
}
TURNS = dict.fromkeys(TASKS, 5) | {"import radam_ref": 3, "radam-conformance --version": 1, CORE: 1}
ROUNDS, QUICK_ROUNDS = 10, 6
FEWEST_ROUNDS = 6  # with fewer, even the least and the greatest ratio make no 95 % interval
WIDTH = 80


class UnusableBase(Exception):
    """BASE cannot be exported; the message says why, and what to do."""


class CannotRun(Exception):
    """A tree cannot run a measurement."""

    def __init__(self, tree: str, name: str, reason: str) -> None:
        super().__init__(f"{tree} cannot run {name!r}: {reason}")
        self.tree, self.name, self.reason = tree, name, reason


class Row(NamedTuple):
    """The result of a measurement."""

    name: str
    base: float
    work: float
    ratio: float
    low: float
    high: float


class Tree:
    """A source tree, and how its code is run and timed.

    Parameters
    ----------
    name : str
        As it is called in the table.
    folder : Path
        Where it is.
    scratch : Path
        A folder for the kernels that numba keeps: a kernel of the other tree must not be found.
    clock : str
        "wall" or "cpu".
    threads : int
        The most that a step, numba or a BLAS may use.
    """

    def __init__(self, name: str, folder: Path, scratch: Path, clock: str, threads: int) -> None:
        self.name, self.folder, self.clock = name, folder, clock
        libraries = ("OMP", "NUMBA", "OPENBLAS", "MKL")
        path = [*(str(folder / part) for part in FOLDERS), os.environ.get("PYTHONPATH", "")]
        self.environment = os.environ | {
            **{f"{library}_NUM_THREADS": str(threads) for library in libraries},
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "NUMBA_CACHE_DIR": str(scratch / f"numba of {name}"),
        }

    def command(self, *words: str) -> list[str]:
        """The command line of a child process."""
        child = Path(__file__).with_name("compare_child.py")
        return [sys.executable, str(child), str(self.folder), *words]

    def run(self, name: str) -> float:
        """Time one of COMMANDS, from the start of its process to the end."""
        start = seconds_of_children() if self.clock == "cpu" else perf_counter()
        done = subprocess.run(
            self.command(*COMMANDS[name]),
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        end = seconds_of_children() if self.clock == "cpu" else perf_counter()
        if done.returncode:
            lines = [line.strip("│ ") for line in (done.stdout + done.stderr).splitlines()]
            said = [line for line in lines if any(map(str.isalnum, line))]
            reason = "; ".join([f"exit code {done.returncode}", *said[-1:]])
            raise CannotRun(self.name, name, reason)
        return end - start

    @contextmanager
    def server(self) -> Iterator[subprocess.Popen[str]]:
        """A child process that runs turns of TASKS until the end of the context."""
        with subprocess.Popen(
            self.command("serve", self.clock),
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C is for the parent, which ends it
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def ask(self, server: subprocess.Popen[str], name: str) -> float:
        """Let the server run a turn: seconds of one call."""
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            print(name, file=server.stdin, flush=True)
            line = server.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line or '{"error": "its process ended"}')
        if "error" in answer:
            raise CannotRun(self.name, name, answer["error"])
        return float(answer["seconds"])


def seconds_of_children() -> float:
    """CPU time of all child processes that have ended, and of theirs."""
    from resource import RUSAGE_CHILDREN, getrusage  # POSIX only

    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def git(*words: str) -> str:
    """What a git command about this checkout prints."""
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit_of(base: str) -> str:
    """The hash of a revision; UnusableBase if there is none."""
    if shutil.which("git") is None:
        raise UnusableBase("git is needed to read BASE, and is not installed")
    if not (ROOT / ".git").exists():
        raise UnusableBase(
            f"BASE is read from git, and {ROOT} is not a git checkout: clone the repository and "
            "run benchmarks/compare.py in the clone"
        )
    try:
        return git("rev-parse", "--verify", "--end-of-options", f"{base}^{{commit}}")
    except subprocess.CalledProcessError as error:
        raise UnusableBase(
            f"BASE must be a commit that this checkout has, got {base!r} (git says: "
            f"{error.stderr.strip()}); `git log --oneline` lists them, and in a shallow clone "
            "`git fetch --unshallow` gets the rest"
        ) from None


@contextmanager
def exported(commit: str) -> Iterator[Path]:
    """A temporary folder that has the files of a commit in `base`; removed in any case."""
    with tempfile.TemporaryDirectory(prefix="radam-compare-") as name:
        folder = Path(name).resolve()
        git("archive", "--format=zip", "--output", str(folder / "base.zip"), commit)
        shutil.unpack_archive(folder / "base.zip", folder / "base")
        yield folder


def one_round(
    number: int, names: Sequence[str], trees: Sequence[Tree]
) -> dict[str, list[float] | CannotRun]:
    """Time each measurement in all trees, by turns; the one that begins changes each time."""
    found: dict[str, list[float] | CannotRun] = {}
    base, work = trees
    with base.server() as of_base, work.server() as of_work:
        servers = {base: of_base, work: of_work}
        for name in names:
            times: dict[Tree, list[float]] = {tree: [] for tree in trees}
            try:
                for turn in range(TURNS[name]):
                    for tree in trees if (number + turn) % 2 else reversed(trees):
                        timed = tree.ask(servers[tree], name) if name in TASKS else tree.run(name)
                        times[tree].append(timed)
            except CannotRun as error:
                found[name] = error
            else:
                found[name] = [median(times[tree]) for tree in trees]
    return found


def measured(
    trees: Sequence[Tree], names: Sequence[str], rounds: int
) -> tuple[dict[str, list[list[float]]], list[CannotRun]]:
    """The times of each round, and what cannot be measured; progress goes to stderr."""
    began = perf_counter()
    absent: list[CannotRun] = []
    times: dict[str, list[list[float]]] = {name: [] for name in names}
    for number in range(rounds + 1):
        label = f"round {number} of {rounds}" if number else "warming up both trees"
        print(f"{label} ({perf_counter() - began:.0f} s)", file=sys.stderr, flush=True)
        for name, pair in one_round(number, list(times), trees).items():
            if isinstance(pair, CannotRun):
                absent.append(pair)
                del times[name]
            elif number:  # the first round compiles bytecode and kernels
                times[name].append(pair)
    return times, absent


def summary(name: str, pairs: Sequence[Sequence[float]]) -> Row:
    """Medians of the rounds' times and of their ratios, with the sign test's 95 % interval."""
    ratios = [work / base for base, work in pairs]
    low, high = quantile_test(ratios, p=0.5).confidence_interval(0.95)
    base, work = (median(column) for column in zip(*pairs, strict=True))
    return Row(name, base, work, median(ratios), float(low), float(high))


def table(rows: Sequence[Row], absent: Sequence[CannotRun]) -> Table:
    """Aligned in a terminal, and a table in Markdown too."""
    shown = Table(box=box.MARKDOWN)
    for column in ("", "BASE", "work tree", "ratio", "95 % interval"):
        shown.add_column(column, justify="right" if column else "left", no_wrap=True)
    for row in rows:
        interval = f"{row.low:.3f} - {row.high:.3f}"
        shown.add_row(
            row.name, duration(row.base), duration(row.work), f"{row.ratio:.3f}", interval
        )
    for error in absent:
        shown.add_row(error.name, "", "", "", f"not in {error.tree}")
    return shown


def duration(seconds: float) -> str:
    """Three digits or more, in a unit that suits."""
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.2f} {unit}"
    return f"{seconds * 1e6:.2f} us"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; `names` are the measurements that it chooses, `commit` is BASE's hash."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("base", metavar="BASE", help="a commit: hash, tag, branch, HEAD~3")
    parser.add_argument(
        "--only",
        action="append",
        metavar="PATTERN",
        help="just the measurements with this part of a name, or glob; may be repeated",
    )
    parser.add_argument("--rounds", type=int, help=f"default {ROUNDS}, at least {FEWEST_ROUNDS}")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK_ROUNDS} rounds, Core only if --only names it",
    )
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu for a machine with other work: it does not see what waits (default: wall)",
    )
    parser.add_argument("--threads", type=int, default=2, help="of a step (default: 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the times of each round")
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = QUICK_ROUNDS if options.quick else ROUNDS
    if options.rounds < FEWEST_ROUNDS:
        parser.error(f"--rounds must be at least {FEWEST_ROUNDS}, got {options.rounds}")
    if options.threads < 1:
        parser.error(f"--threads must be at least 1, got {options.threads}")
    if options.clock == "cpu" and find_spec("resource") is None:
        parser.error("--clock cpu needs a POSIX system: leave it out")
    if options.json and not options.json.absolute().parent.is_dir():
        parser.error(f"--json: there is no folder {options.json.absolute().parent}")
    options.names = [
        name
        for name in (*TASKS, *COMMANDS)
        if any(fnmatchcase(name, f"*{part}*") for part in options.only or ["*"])
        and not (options.quick and not options.only and name == CORE)
    ]
    if not options.names:
        parser.error(f"--only must match one of: {'; '.join((*TASKS, *COMMANDS))}")
    try:
        options.commit = commit_of(options.base)
    except UnusableBase as error:
        parser.error(str(error))
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 1 if the working tree cannot run a measurement."""
    options = parse(arguments)
    about: dict[str, Any] = {
        "base": git("describe", "--always", "--exclude=*", options.commit),
        "work": git("describe", "--always", "--exclude=*", "--dirty"),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "platform": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "clock": {"wall": "wall", "cpu": "CPU"}[options.clock],
        "threads": options.threads,
        "rounds": options.rounds,
    }
    with exported(options.commit) as folder:
        trees = [
            Tree(name, place, folder, options.clock, options.threads)
            for name, place in (("BASE", folder / "base"), ("work tree", ROOT))
        ]
        times, absent = measured(trees, options.names, options.rounds)
    rows = [summary(name, pairs) for name, pairs in times.items()]
    print("BASE {base}, work tree {work}".format(**about))
    print("Python {python}, NumPy {numpy}, {platform}, {processors} processors".format(**about))
    print("{clock} time, {threads} threads, {rounds} rounds".format(**about))
    console = Console(width=WIDTH, highlight=False, markup=False)
    console.print(table(rows, absent), *map(str, absent), sep="\n")
    if options.json:
        results = [row._asdict() | {"rounds": times[row.name]} for row in rows]
        missing = [vars(error) for error in absent]
        text = json.dumps(about | {"results": results, "absent": missing}, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8", newline="\n")
    return int(any(error.tree != "BASE" for error in absent))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # and clean up
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
