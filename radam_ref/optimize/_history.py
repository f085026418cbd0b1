"""Entries of a run that never grow beyond a bound."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple, Protocol

from ._record import Record


class Entry(NamedTuple):
    """One step of a history; arrays of lanes with batch=True."""

    t: int
    f: Any
    gradient: Any
    update_norm: Any


class History(Protocol):
    """What keeps entries: `entries` are those kept, in order."""

    entries: Any

    def add(self, record: Record) -> None:
        """Take or leave the record of one more step."""


class spread:
    """At most `size` entries over the whole run: when full, every other one is dropped.

    Examples
    --------
    >>> spread(1000).entries
    []
    """

    def __init__(self, size: int) -> None:
        self.size, self.stride = _size(size), 1
        self.entries: list[Entry] = []

    def add(self, record: Record) -> None:
        """Keep it if its step is a multiple of the stride."""
        if record.t % self.stride:
            return
        if len(self.entries) == self.size:
            self.stride *= 2
            self.entries = [entry for entry in self.entries if entry.t % self.stride == 0]
        if record.t % self.stride == 0:
            self.entries.append(_entry(record))


class last:
    """The last `size` entries.

    Examples
    --------
    >>> list(last(10).entries)
    []
    """

    def __init__(self, size: int) -> None:
        self.entries: deque[Entry] = deque(maxlen=_size(size))

    def add(self, record: Record) -> None:
        """Keep it, and drop the oldest of too many."""
        self.entries.append(_entry(record))


def history_of(history: int | History | None) -> History | None:
    """What `minimize` was given: an int is the size of a spread."""
    if history is None:
        return None
    if hasattr(history, "add") and hasattr(history, "entries"):
        return history
    if isinstance(history, bool) or not isinstance(history, int):
        raise TypeError(f"history must be an int, spread(n) or last(n), got {history!r}")
    return spread(history)


def _size(size: int) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size < 2:
        raise ValueError(f"the size of a history must be an int of at least 2, got {size!r}")
    return size


def _entry(record: Record) -> Entry:
    return Entry(record.t, record.f, record.gradient, record.update_norm)
