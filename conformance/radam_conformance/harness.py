"""Supervisor of a port: it starts the process, asks for one case at a time, and outlives faults."""

from __future__ import annotations

import os
import platform
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from .process import ChildProcess, Ended, TimedOut
from .protocol import (
    PROTOCOL,
    Answer,
    Hello,
    ProtocolError,
    Refusal,
    RefusalKind,
    RunRequest,
    write_request,
)
from .protocol_reader import AnswerReader, longest_answer_line, read_hello
from .spec import LoadError, Spec

HELLO_SECONDS = 60.0
CASE_SECONDS = 10.0
STEP_SECONDS = 0.002
COMPILE_SECONDS = 120.0  # the first step under a compiler
SCALES = (0.01, 1000.0)  # factors on the time limits, from and to
_LONGER = "--timeout-scale gives longer"
MOST_RESTARTS = 10

_LONGEST_HELLO = 4096

Kind = Literal["answered", RefusalKind, "crash", "timeout", "protocol-error", "not-run"]


@dataclass(frozen=True)
class Outcome:
    """What became of one case.

    Attributes
    ----------
    kind : str
        "answered", one of the port's refusals ("unsupported", "rejected", "error"), a fault
        ("crash", "timeout", "protocol-error"), or "not-run" after too many faults.
    text : str
        The port's words, or the signal, exit code or line that ended the case.
    answer : Answer or None
        The values, where it answered.
    stderr : str
        What the port wrote to stderr during the case (the last 16 KiB); shown, never judged.
    seconds : float
        Wall time of the case.
    """

    kind: Kind
    text: str = ""
    answer: Answer | None = None
    stderr: str = ""
    seconds: float = 0.0


def check_system() -> None:
    """Refuse to run an implementation on a system without process groups.

    Raises
    ------
    LoadError
        On Windows: in one sentence, what is missing and what to do instead.
    """
    if not hasattr(os, "killpg"):
        raise LoadError(
            f"implementations can be run on Linux and macOS only: {platform.system()} has no POSIX "
            "process groups, by which an implementation is stopped together with the processes "
            "that it started; run this command in WSL, or test against the vectors that "
            "`radam-conformance export DIR` writes"
        )


class Harness:
    """A running port, as a context manager that leaves no process behind.

    Parameters
    ----------
    spec : Spec
        The port, from `parse_spec`.
    timeout_scale : float, default 1.0
        Factor on every time limit: hello 60 s, a case 10 s and 2 ms a step, 120 s to compile.
    later : bool, default False
        Do not wait for its hello before the first case, so that several load at the same time; one
        that then cannot be loaded has given up.

    Attributes
    ----------
    hello : Hello
        What the port said of itself at its first start.

    Raises
    ------
    LoadError
        In one sentence: why the port could not be loaded or started, or why none can be here.
    """

    hello: Hello

    def __init__(self, spec: Spec, *, timeout_scale: float = 1.0, later: bool = False) -> None:
        check_system()
        self._spec = spec
        self._scale = timeout_scale
        self._gave_up = ""
        self._starts = 0
        self._greeted = False
        self._child: ChildProcess | None = self._spawn()
        if not later:
            self._start()

    @property
    def restarts(self) -> int:
        """Starts after the first, at most ten."""
        return max(0, self._starts - 1)

    @property
    def gave_up(self) -> str:
        """Why no further case is run, empty while cases are run."""
        return self._gave_up

    def run(self, request: RunRequest) -> Outcome:
        """Outcome of one case; a fault ends the process, and the next case starts another."""
        child = self._ready()
        if child is None:
            return Outcome("not-run", self._gave_up)
        started = time.monotonic()
        try:
            kind, text, answer = self._ask(child, request)
            stderr = child.stderr()
        except BaseException:
            self._stop()
            raise
        if kind in ("crash", "timeout", "protocol-error"):
            self._stop()
        return Outcome(kind, text, answer, stderr, time.monotonic() - started)

    def _ask(self, child: ChildProcess, request: RunRequest) -> tuple[Kind, str, Answer | None]:
        message = write_request(request).encode("ascii")
        compiles = self._spec.compile or "compiled" in request.needs
        limit = CASE_SECONDS + STEP_SECONDS * request.steps + COMPILE_SECONDS * compiles
        seconds = self._scale * limit
        feed, longest = AnswerReader(request).feed, longest_answer_line(request)
        try:
            answer = child.converse(message, feed, seconds=seconds, longest=longest)
        except Refusal as refusal:
            return refusal.kind, refusal.text, None
        except Ended as ending:
            return "crash", str(ending), None
        except TimedOut as timeout:
            return "timeout", f"{timeout} ({seconds:g} s; {_LONGER})", None
        except ProtocolError as error:
            return "protocol-error", str(error), None
        return "answered", "", answer

    def _ready(self) -> ChildProcess | None:
        """A process that has said hello, another one after a fault, or None: it has given up."""
        if not self._greeted and not self._gave_up:
            if self.restarts == MOST_RESTARTS:
                self._gave_up = f"given up after {MOST_RESTARTS} restarts"
                return None
            try:
                self._start()
            except LoadError as error:
                again = " again" * (self._starts > 1)
                self._gave_up = f"could not be started{again}: {error}"
        return self._child

    def _start(self) -> None:
        self._starts += 1
        try:
            self._child = self._child or self._spawn()
            hello = self._greet(self._child)
        except BaseException:
            self._stop()
            raise
        self._greeted = True
        if self._starts == 1:
            self.hello = hello

    def _spawn(self) -> ChildProcess:
        try:
            return ChildProcess(self._spec.command(), _environment(self._spec))
        except OSError as error:
            raise LoadError(f"{self._spec.text}: cannot be started: {error.strerror}") from error

    def _greet(self, child: ChildProcess) -> Hello:
        name, seconds = self._spec.text, self._scale * HELLO_SECONDS
        message = f"hello {PROTOCOL}\n".encode("ascii")
        try:
            hello = child.converse(message, read_hello, seconds=seconds, longest=_LONGEST_HELLO)
        except Refusal as refusal:
            # A worker names its spec itself, another program need not.
            prefix = "" if refusal.text.startswith(name) else f"{name}: "
            raise LoadError(f"{prefix}{refusal.text}") from refusal
        except Ended as ending:
            said = child.stderr().strip().splitlines()
            last = f"; its last words: {said[-1]}" if said else ""
            raise LoadError(f"{name}: ended before it answered hello: {ending}{last}") from ending
        except TimedOut as timeout:
            slow = f"did not answer hello within {seconds:g} s; {_LONGER}"
            raise LoadError(f"{name}: {slow}") from timeout
        except ProtocolError as error:
            raise LoadError(f"{name}: {error}") from error
        if hello.protocol > PROTOCOL:
            raise LoadError(f"{name}: wants protocol {hello.protocol}, offered was {PROTOCOL}")
        return hello

    def close(self) -> None:
        """End the port, politely first."""
        self._stop(b"quit\n")

    def kill(self) -> None:
        """End the process from another thread: the case that runs there is a crash at once."""
        if self._child is not None:
            self._child.kill()

    def _stop(self, quit_message: bytes = b"") -> None:
        child, self._child, self._greeted = self._child, None, False
        if child is not None:
            child.stop(quit_message=quit_message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close() if kind is None else self._stop()


def _environment(spec: Spec) -> dict[str, str]:
    """The judge's own, what the spec adds, and where a worker finds this package in a checkout."""
    environment = {**os.environ, **spec.environment}
    root = str(Path(__file__).resolve().parents[1])
    if root != sysconfig.get_path("purelib"):
        paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
        environment["PYTHONPATH"] = os.pathsep.join([*paths, root])
    return environment
