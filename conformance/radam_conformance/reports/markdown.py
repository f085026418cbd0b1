"""A report as Markdown, for the comment on a pull request or the summary of a job."""

from __future__ import annotations

import re

from .document import Document
from .templates import environment
from .words import because, figure, short

ROWS = 120  # failing cases in all: GitHub takes no comment of more than 65,536 characters
WORDS = 160  # characters of what a port says


def render(document: Document) -> str:
    """The whole file."""
    template = environment(autoescape=False).get_template("report.md.jinja")
    filters = {"code": code, "block": block, "plain": plain, "because": because, "short": short}
    rows = max(1, ROWS // max(1, len(document["ports"])))
    return template.render(run=document, rows=rows, figure=figure, **filters) + "\n"


def code(text: str, most: int = 1000) -> str:
    """A code span, also in a table: nothing in it is markup, and nobody is notified."""
    line = " ".join(text.split()) or " "
    line = line if len(line) <= most else f"{line[:most]}..."
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    blank = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{blank}{line}{blank}{fence}".replace("|", "\\|")


def block(text: str, language: str = "sh") -> str:
    """Lines of a shell or of plain text, in a fence that none of them closes."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def plain(text: str) -> str:
    """Text in which nothing is markup."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))
