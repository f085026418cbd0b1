"""A child process in a group of its own, spoken to line by line under a deadline (POSIX)."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeVar

from .protocol import ProtocolError, printable, quote

_CHUNK = 1 << 16
_STDERR_TAIL = 1 << 14
_STDERR_READS = 16
_EXIT_SECONDS = 1.0
_KILL_SECONDS = 5.0

Complete = TypeVar("Complete")


class Ended(Exception):
    """The process ended, or closed its output, before it had answered; the message says how."""


class TimedOut(Exception):
    """The deadline passed before the process had answered."""


class ChildProcess:
    """One running command: `converse` with it, then `stop` it, its whole group included.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    environment : Mapping[str, str] or None
        Its environment, None for this process's own.

    Raises
    ------
    OSError
        If the command cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None) -> None:
        self._process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        _offer_to_the_kernel(self._process.pid)
        self._stdin, self._stdout, self._stderr = self._pipes()
        self._selector = selectors.DefaultSelector()
        for pipe in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(pipe.fileno(), False)
        for pipe in (self._stdout, self._stderr):
            self._selector.register(pipe, selectors.EVENT_READ)
        self._unsent = memoryview(b"")
        self._received = bytearray()
        self._stderr_tail = bytearray()
        self._closed = False

    def _pipes(self) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
        process = self._process
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise RuntimeError("subprocess opened no pipes")
        return process.stdin, process.stdout, process.stderr

    def converse(
        self,
        message: bytes,
        feed: Callable[[bytes], Complete | None],
        *,
        seconds: float,
        longest: int,
    ) -> Complete:
        """Send the message, and hand the lines of the answer to `feed` until it makes something.

        stderr is drained all the while, so a flood of it cannot block the process.

        Returns
        -------
        Complete
            What `feed` returned that is not None; whatever it raises passes through.

        Raises
        ------
        ProtocolError
            If output came before the message, or a line is longer than `longest` bytes.
        Ended, TimedOut
            If the answer stays incomplete.
        """
        self._stderr_tail.clear()
        self._pump(0.0)
        if self._received:
            raise ProtocolError(f"{quote(bytes(self._received))} came without a request")
        self._unsent = memoryview(message)
        self._selector.register(self._stdin, selectors.EVENT_WRITE)
        deadline = time.monotonic() + seconds
        try:
            return self._feed_lines(feed, deadline, longest)
        finally:
            with suppress(KeyError):
                self._selector.unregister(self._stdin)

    def _feed_lines(
        self, feed: Callable[[bytes], Complete | None], deadline: float, longest: int
    ) -> Complete:
        while True:
            line = self._next_line(longest)
            if line is not None:
                if (complete := feed(line)) is not None:
                    return complete
            elif self._closed:
                raise Ended(self._ending())
            elif (left := deadline - time.monotonic()) <= 0.0:
                raise TimedOut(f"no answer in time{self._unfinished()}{self._left()}")
            else:
                self._pump(left)

    def _next_line(self, longest: int) -> bytes | None:
        end = self._received.find(b"\n")
        if (len(self._received) if end < 0 else end) > longest:
            start = quote(bytes(self._received[:200]))
            raise ProtocolError(f"{start} begins a line of more than {longest} bytes")
        if end < 0:
            return None
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def _pump(self, seconds: float) -> None:
        """Move whatever can be moved through the three pipes, waiting at most `seconds`."""
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._stdin:
                self._send()
            elif not (chunk := os.read(key.fd, _CHUNK)):
                self._selector.unregister(key.fileobj)
                self._closed |= key.fileobj is self._stdout
            elif key.fileobj is self._stdout:
                self._received += chunk
            else:
                self._keep_stderr(chunk)

    def _send(self) -> None:
        # A broken pipe is told by the end of stdout, which also tells the exit code.
        try:
            self._unsent = self._unsent[os.write(self._stdin.fileno(), self._unsent[:_CHUNK]) :]
        except BrokenPipeError:
            self._unsent = memoryview(b"")
        if not self._unsent:
            self._selector.unregister(self._stdin)

    def _keep_stderr(self, chunk: bytes) -> None:
        self._stderr_tail += chunk
        del self._stderr_tail[:-_STDERR_TAIL]

    def stderr(self) -> str:
        """Last 16 KiB of what was written to stderr since the last message was sent, printable."""
        with suppress(BlockingIOError):
            for _ in range(_STDERR_READS):
                self._keep_stderr(os.read(self._stderr.fileno(), _CHUNK))
        return printable(self._stderr_tail.decode("utf-8", "replace"))

    def _ending(self) -> str:
        try:
            code = self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return f"closed its standard output{self._unfinished()}"
        return f"{_how(code)}{self._unfinished()}"

    def _unfinished(self) -> str:
        rest = bytes(self._received)
        return f" after the unfinished line {quote(rest)}" if rest else ""

    def _left(self) -> str:
        """Said of a process that is gone, while a child of it holds the output open."""
        code = self._process.poll()
        return "" if code is None else f"; it has left with {_how(code)}, and a child has not"

    def stop(self, *, quit_message: bytes = b"") -> None:
        """End the process group: the quit message if there is one, TERM, KILL; no zombie stays."""
        if quit_message:
            with suppress(OSError):
                os.write(self._stdin.fileno(), quit_message)
            self._stdin.close()
            self._wait(_EXIT_SECONDS)
        self._signal(signal.SIGTERM)
        self._wait(_EXIT_SECONDS)
        self._signal(signal.SIGKILL)
        self._wait(_KILL_SECONDS)
        self._selector.close()
        for pipe in (self._stdin, self._stdout, self._stderr):
            pipe.close()

    def kill(self) -> None:
        """End the process group at once; whoever converses with it sees it end."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # Also after the leader has gone: its children share the group.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _wait(self, seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)


def _how(code: int) -> str:
    """How a process ended."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _offer_to_the_kernel(pid: int) -> None:
    """Where memory runs out, Linux ends this process first, and not the judge."""
    with suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_bytes(b"1000")
