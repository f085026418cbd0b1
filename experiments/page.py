"""The page that compares the results with the paper's claims."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .runs import Results, Shown

HERE = Path(__file__).parent


class Picture(NamedTuple):
    """The file of a figure, and its size in CSS pixels."""

    file: str
    caption: str
    width: int
    height: int


class Section(NamedTuple):
    """What the page shows of an experiment."""

    name: str
    results: Results
    shown: Shown
    pictures: Sequence[Picture]

    @property
    def seeds(self) -> str:
        """The seeds of its runs."""
        seeds = {run.seed for run, _ in self.results.done}
        return f"Seeds {min(seeds)} to {max(seeds)}"


def write_page(path: Path, sections: Sequence[Section]) -> Path:
    """Write the page beside its pictures; returns its path."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html.jinja")
    words = tomllib.loads((HERE / "words.toml").read_text(encoding="utf-8"))
    text = template.render(sections=sections, words=words, scale=sections[0].results.scale)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
    return path
