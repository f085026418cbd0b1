"""The bar: f, the best f, the update norm and steps a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ._record import Record
from ._seen import on_host

INTERVAL = 0.1  # seconds between two looks at a record, which may wait for a device


@contextmanager
def bar(progress: bool, total: int | None) -> Iterator[Callable[[Record], None] | None]:
    """A function that shows records, or None; rich's bar on stderr, plain lines without rich."""
    if not progress:
        yield None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
    except ImportError:
        lines = _Throttled(lambda t, text: print(f"step {t}", text, file=sys.stderr), 5.0)
        yield lines
        lines.flush()
        return
    counted = BarColumn(bar_width=10), TextColumn("step {task.completed}/{task.total}")
    before = (TextColumn("step {task.completed}"),) if total is None else counted
    with Progress(*before, TextColumn("{task.description}"), console=Console(stderr=True)) as shown:
        task = shown.add_task("", total=total)
        throttled = _Throttled(
            lambda t, text: shown.update(task, completed=t, description=text), INTERVAL
        )
        try:
            yield throttled
        finally:
            throttled.flush()


class _Throttled:
    """Shows a record of now and then, and at last the newest."""

    def __init__(self, show: Callable[[int, str], Any], interval: float) -> None:
        self.show, self.interval = show, interval
        self.began = self.shown = time.monotonic()
        self.steps = 0
        self.newest: Record | None = None

    def __call__(self, record: Record) -> None:
        self.steps, self.newest = self.steps + 1, record
        if time.monotonic() - self.shown >= self.interval:
            self.flush()

    def flush(self) -> None:
        """Show the newest record."""
        self.shown = time.monotonic()
        if self.newest is not None:
            rate = self.steps / max(self.shown - self.began, 1e-9)
            self.show(self.newest.t, _text(self.newest, rate))


def _text(record: Record, rate: float) -> str:
    """One line of a width that stays; of a batch the medians."""
    values = map(on_host, (record.f, record.f_best, record.update_norm))
    f, best, update = (float(np.median(value)) for value in values)
    of = "median f" if record.problem.layout.batch else "f"
    return f"{of} {f:<11.5g} best {best:<11.5g} update {update:.1e} {rate:6.0f} steps/s"
