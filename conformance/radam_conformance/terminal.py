"""How everything looks in a terminal, in a file and in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table


class Interrupted(Exception):
    """Ctrl-C, where nothing that could be kept had been found out: exit code 130."""


def console(*, stderr: bool = False) -> Console:
    """A console, 100 columns wide where there is no terminal to ask."""
    plain = Console(stderr=stderr, highlight=False, emoji=False)
    if not plain.is_terminal:
        plain.width = 100
    return plain


def show(content: RenderableType) -> None:
    """Print to stdout; into a file or a pipe without the blanks that pad lines of a table."""
    out = console()
    if out.is_terminal:
        out.print(content, crop=False)
        return
    print(plain(content, out))


def plain(content: RenderableType, out: Console | None = None) -> str:
    """The content as text without colors."""
    out = out or Console(file=StringIO(), width=100, highlight=False, emoji=False)
    with out.capture() as captured:
        out.print(content, crop=False)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def table(*columns: str) -> Table:
    """A table without lines."""
    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        rows.add_column(column)
    return rows


def indented(content: RenderableType, columns: int = 2) -> Padding:
    """The content behind a margin, no wider than it is."""
    return Padding(content, (0, 0, 0, columns), expand=False)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on a terminal's stderr; nothing elsewhere.

    Raises
    ------
    Interrupted
        After Ctrl-C.
    """
    where = console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=where, transient=True, disable=not where.is_terminal) as bar:
        task = bar.add_task(f"{what}: starting", total=None)

        def update(done: int, total: int, id: str) -> None:
            bar.update(task, completed=done, total=total, description=f"{what} {id}")

        try:
            yield update
        except KeyboardInterrupt:  # which the command line's own library would take for itself
            raise Interrupted from None


def complain(sentence: str) -> None:
    """Say on stderr, in one line, what went wrong."""
    console(stderr=True).print(f"radam-conformance: {sentence}", markup=False, soft_wrap=True)
