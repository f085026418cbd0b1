"""How everything looks in a terminal, in a file and in a pipe."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table


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
    """The content as text without colours."""
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
