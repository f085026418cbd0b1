"""Standard streams that a long run survives: full disks, closed pipes, encodings of few signs."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import IO, Any


class Lasting:
    """A text stream that takes everything: what cannot be written is lost, and `fault` says why.

    Characters that its encoding lacks become question marks.

    Attributes
    ----------
    fault : OSError or None
        The first one.
    """

    def __init__(self, stream: IO[str] | None) -> None:
        # None: the stream was closed, and the next file to be opened would get its number.
        self._stream = stream or open(os.devnull, "w", encoding="utf-8")
        self.fault: OSError | None = None
        if isinstance(self._stream, io.TextIOWrapper):
            self._stream.reconfigure(errors="replace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or do nothing once that has failed."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """Write what is kept back."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Send the rest nowhere, or Python would fail at its exit for what is kept back."""
        self.fault = self.fault or error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def is_closed_pipe(fault: OSError) -> bool:
    """Whether a stream could not be written because its reader has closed the pipe."""
    # Windows reports this as EINVAL too (https://bugs.python.org/issue30418).
    invalid = sys.platform == "win32" and fault.errno == errno.EINVAL
    return invalid or isinstance(fault, BrokenPipeError)


@contextmanager
def lasting() -> Iterator[Lasting]:
    """Make both streams lasting, and give the one for output."""
    out = Lasting(sys.stdout)
    with redirect_stdout(out), redirect_stderr(Lasting(sys.stderr)):
        yield out
