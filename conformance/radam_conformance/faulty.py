"""A harness with a fault of its own: `python -m radam_conformance.faulty FAULT`.

It answers every case with the stored values, so that nothing but the fault can be wrong, and does
its deed at one case alone.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from .cases import Case, load_case
from .protocol import to_words
from .results import Verdict

TARGET = "core/sparse-01-f64"
FOREVER = 600.0
Lines = list[str]


def _say(line: str) -> None:
    print(line, flush=True)


def _noisy(lines: Lines) -> Lines:
    return ["step 1 of 40 ...", *lines]


def _hang(lines: Lines) -> Lines:
    time.sleep(FOREVER)
    return lines


def _never_read(lines: Lines) -> Lines:
    _say(lines[0])
    return _hang(lines)


def _crash(lines: Lines) -> Lines:
    os.kill(os.getpid(), signal.SIGSEGV)
    return lines


def _leave(lines: Lines) -> Lines:
    _say(lines[0])
    os._exit(0)


def _killed(lines: Lines) -> Lines:
    _say(lines[0])
    os.kill(os.getpid(), signal.SIGKILL)
    return lines


def _fork_and_exit(lines: Lines) -> Lines:
    if os.fork():
        os._exit(0)
    return _hang(lines)


def _half_a_line(lines: Lines) -> Lines:
    sys.stdout.write(lines[0][:20])
    sys.stdout.flush()
    os._exit(1)


def _wrong_id(lines: Lines) -> Lines:
    return [lines[0].replace("x 1 0", "x 1 7"), *lines[1:]]


def _nan(lines: Lines) -> Lines:
    return [" ".join([*line.split()[:3], *["7ff8000000000000"] * 3]) for line in lines[:-1]] + [
        "end"
    ]


def _flood(lines: Lines) -> Lines:
    for _ in range(200):
        sys.stderr.write("warning " * 8192)
    return lines


def _huge(lines: Lines) -> Lines:
    for _ in range(100):
        sys.stdout.write("0" * 2**20)
    return lines


def _no_text(lines: Lines) -> Lines:
    sys.stdout.flush()
    os.write(1, b"x 1 0 \xff\xfe\n")
    return lines


def _out_of_order(lines: Lines) -> Lines:
    return [*reversed(lines[:-1]), lines[-1]]


def _twice(lines: Lines) -> Lines:
    return [*lines[:-1], *lines]


def _early(lines: Lines) -> Lines:
    return [*lines[:1], "end"]


class Fault(NamedTuple):
    """What a harness does wrong, the verdict it must get, and the exit code of the run."""

    sentence: str
    deed: Callable[[Lines], Lines]
    verdict: Verdict | None
    exit_code: int


FAULTS: Mapping[str, Fault] = {
    "noisy-stdout": Fault("prints progress to stdout", _noisy, "protocol-error", 1),
    "hang": Fault("never answers", _hang, "timeout", 1),
    "crash": Fault("dies of a signal", _crash, "crash", 1),
    "killed": Fault("is killed in the middle of an answer", _killed, "crash", 1),
    "early-exit": Fault("leaves with exit code 0 in the middle", _leave, "crash", 1),
    "fork-and-exit": Fault("leaves a child behind and exits", _fork_and_exit, "timeout", 1),
    "half-a-line": Fault("ends in the middle of a line", _half_a_line, "crash", 1),
    "wrong-id": Fault("answers for a tensor that is not there", _wrong_id, "protocol-error", 1),
    "out-of-order": Fault("answers the last step first", _out_of_order, "pass", 0),
    "twice": Fault("says everything twice", _twice, "protocol-error", 1),
    "early-end": Fault("says end too early", _early, "protocol-error", 1),
    "nan": Fault("answers NaN", _nan, "error", 1),
    "no-text": Fault("writes bytes that are no ASCII", _no_text, "protocol-error", 1),
    "stderr-flood": Fault("writes 13 MB to stderr", _flood, "pass", 0),
    "100-mb": Fault("answers with 100 MB on one line", _huge, "protocol-error", 1),
    "never-reads": Fault("says hello and never reads again", _never_read, None, 3),
    "slow-hello": Fault("never says hello", _hang, None, 3),
}
AT_HELLO = ("never-reads", "slow-hello")  # the others do their deed at one case


def _answer(case: Case) -> Lines:
    """The stored values of the paper's dialect, rounded to the case's dtype."""
    rows = case.expected["paper"].hi.astype(case.dtype).astype(np.float64).tolist()
    lines = [
        f"x {t} 0 {to_words(row, case.dtype)}" for t, row in zip(case.observe, rows, strict=True)
    ]
    return [*lines, "end"]


def main(name: str) -> None:
    """Serve the protocol with the fault of that name."""
    for line in sys.stdin:
        words = line.split()
        if words[0] == "hello":
            lines = ["hello 1 name=faulty dtypes=float64,float32"]
            lines = FAULTS[name].deed(lines) if name in AT_HELLO else lines
        elif words[0] == "run":
            lines = _answer(load_case(words[1]))
            lines = FAULTS[name].deed(lines) if words[1] == TARGET else lines
        elif words[0] == "quit":
            return
        else:
            continue
        _say("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1])
