"""Worker process of an in-process port: `python -m radam_conformance.worker SPEC`.

It speaks the protocol over private copies of stdin and stdout. File descriptor 1 is stderr from
the start, so a port that prints, even from C, harms nothing; descriptor 0 is the null device.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import TextIO

from .drivers import Driver, Rejected, load
from .drivers._surroundings import preserved
from .protocol import PROTOCOL, one_line, to_words
from .protocol_reader import read_request
from .spec import LoadError, Spec, SpecError, parse_spec

LOAD_FAILED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer requests until `quit` or the end of the input.

    Returns
    -------
    int
        Exit code: 0, or 3 if the spec could not be loaded, which the answer to `hello` says.
    """
    requests, answers = _private_pipes()
    parser = argparse.ArgumentParser(prog="radam_conformance.worker", description=__doc__)
    parser.add_argument("spec")
    parser.add_argument("--map", action="append", default=[], metavar="HYPER=ARGUMENT")
    parser.add_argument("--set", action="append", default=[], metavar="ARGUMENT=VALUE")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--arrays", default="numpy")
    parser.add_argument("--device", default="")
    given = parser.parse_args(arguments)
    try:
        driver = load(_spec(given))
    except (LoadError, SpecError) as error:
        traceback.print_exc()
        next(requests, None)
        _send(answers, [f"error {one_line(str(error))}"])
        return LOAD_FAILED
    _serve(driver, requests, answers)
    # A framework's last garbage collection would take longer than the judging did.
    gc.freeze()
    return 0


def _spec(given: argparse.Namespace) -> Spec:
    modes = {"arrays": given.arrays, "device": given.device}
    return parse_spec(given.spec, given.map, given.set, compile=given.compile, **modes)


def _private_pipes() -> tuple[TextIO, TextIO]:
    requests = os.fdopen(os.dup(0), encoding="ascii", errors="backslashreplace")
    answers = os.fdopen(os.dup(1), "w", encoding="ascii", newline="\n")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    os.register_at_fork(after_in_child=lambda: _silence(requests, answers))
    return requests, answers


def _silence(*pipes: TextIO) -> None:
    """Take the judge away from a child of the port, which would answer a second time."""
    null = os.open(os.devnull, os.O_RDWR)
    for pipe in pipes:
        os.dup2(null, pipe.fileno())
    os.close(null)


def _serve(driver: Driver, requests: Iterator[str], answers: TextIO) -> None:
    own = os.getpid()
    for line in requests:
        match line.split():
            case ["hello", offered] if offered.isdecimal() and int(offered) >= 1:
                _send(answers, [_hello(driver, min(int(offered), PROTOCOL))])
            case ["hello", *_]:
                text = f"hello needs a protocol from 1 on, got {one_line(line)}"
                _send(answers, [f"error {text}"])
            case ["run", *_]:
                rest = itertools.takewhile(lambda line: line.split() != ["end"], requests)
                answer = _answer(driver, [line, *rest])
                if os.getpid() != own:  # a child that the port forked in C, and let go on
                    os._exit(0)
                _send(answers, answer)
            case ["quit"]:
                return
            case _:
                _send(answers, [f"error {one_line(line)} is no request"])


def _hello(driver: Driver, protocol: int) -> str:
    keys = {
        "name": driver.name,
        "version": driver.version,
        "language": f"python-{sys.version_info.major}.{sys.version_info.minor}",
        "dtypes": ",".join(driver.dtypes),
        "features": ",".join(driver.features),
    }
    words = [f"{key}={'_'.join(one_line(value).split())}" for key, value in keys.items() if value]
    return " ".join(["hello", str(protocol), *words])


def _answer(driver: Driver, lines: Sequence[str]) -> list[str]:
    """Whole answer to a case: nothing is sent before its last step is known."""
    try:
        request = read_request(lines)
        if request.dtype not in driver.dtypes:
            return [f"unsupported {request.dtype}"]
        with preserved():
            answer = [
                f"{name} {t} {i} {to_words(values, request.dtype)}".rstrip()
                for t, shown in driver.run(request)
                for name, tensors in shown.items()
                for i, values in enumerate(tensors)
            ]
    except NotImplementedError as error:
        return [f"unsupported {one_line(str(error))}"]
    except Rejected as error:
        return [f"rejected {one_line(str(error))}"]
    except BaseException as error:  # sys.exit in a port ends its case alone
        traceback.print_exc()
        return [f"error {one_line(f'{type(error).__name__}: {error}')}"]
    return [*answer, "end"]


def _send(answers: TextIO, lines: Sequence[str]) -> None:
    # The port's own output goes first, so that whoever reads this answer has it already.
    sys.stdout.flush()
    sys.stderr.flush()
    answers.write("\n".join([*lines, ""]))
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
