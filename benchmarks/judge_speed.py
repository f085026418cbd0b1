"""What the judge costs: seconds and memory, on `torch.optim.RAdam` or the spec that is given.

Run from the checkout on Linux with two cores, `python benchmarks/judge_speed.py`; the exit status
is 1 above a bar. Memory is the peak of the judge and of its workers together, less what each worker
takes to import Torch alone; compilers that Torch starts are its own. On a machine with other work,
look at the CPU seconds.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

SPEC = "torch:torch.optim.RAdam"
JOBS = "2"
SECONDS_BARS = {"core": 10.0, "all": 60.0}
MEGABYTES_BAR = 500.0
SAMPLE_SECONDS = 0.05
STATUS = Path("/proc/self/status")
IMPORT = f"import torch\nprint(open({str(STATUS)!r}, encoding='utf-8').read())"


class Cost(NamedTuple):
    """Wall and CPU seconds of a command and all below it, and the peak memory of each process."""

    wall: float
    cpu: float
    megabytes: list[float]  # the judge first, then its workers


def cost(command: list[str]) -> Cost:
    """Run the command and watch it."""
    before, started = cpu_seconds(), time.perf_counter()
    peaks: dict[int, float] = {}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for pid in family(process.pid):
                peaks[pid] = max(peaks.get(pid, 0.0), peak_megabytes(pid))
            time.sleep(SAMPLE_SECONDS)
    if process.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return Cost(time.perf_counter() - started, cpu_seconds() - before, list(peaks.values()))


def cpu_seconds() -> float:
    """Of all children that have ended, and of theirs."""
    used = os.times()
    return used.children_user + used.children_system


def family(pid: int) -> list[int]:
    """The process and its children."""
    try:
        lists = [
            path.read_text(encoding="ascii")
            for path in Path(f"/proc/{pid}/task").glob("*/children")
        ]
    except OSError:  # it has ended
        lists = []
    return [pid, *(int(child) for children in lists for child in children.split())]


def peak_megabytes(pid: int) -> float:
    """Of a process that may have ended, 0."""
    try:
        return megabytes(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    except OSError:
        return 0.0


def megabytes(status: str) -> float:
    """Peak resident memory in the text of /proc/PID/status."""
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def main(spec: str = SPEC) -> int:
    """Measure Core and all that the port offers."""
    if not STATUS.exists():
        sys.exit(f"judge_speed.py needs Linux: it reads the memory of a process from {STATUS}")
    own = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    torch = megabytes(own.stdout)
    print(f"{spec}, {JOBS} processes; importing Torch alone takes {torch:.0f} MB\n")
    print("level  wall s  bar s  CPU s  judge MB  workers MB  beyond Torch MB  bar MB")
    above = False
    for level, bar in SECONDS_BARS.items():
        judge = Path(sys.executable).with_name("radam-conformance")
        wall, cpu, (first, *workers) = cost(
            [str(judge), "run", spec, "--level", level, "--jobs", JOBS]
        )
        beyond = first + sum(max(0.0, worker - torch) for worker in workers)
        each = "+".join(f"{worker:.0f}" for worker in workers)
        print(
            f"{level:5}  {wall:6.1f}  {bar:5.0f}  {cpu:5.1f}  {first:8.0f}  {each:>10}"
            f"  {beyond:15.0f}  {MEGABYTES_BAR:6.0f}"
        )
        above |= wall > bar or beyond > MEGABYTES_BAR
    return int(above)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
