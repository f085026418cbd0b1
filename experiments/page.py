"""The page that sets ours beside the slides' statements."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .runs import Experiment, Shown

Section = tuple[Experiment, list[tuple[str, str, str]], Shown, list[int]]


def write_page(path: Path, record: dict[str, Any], sections: Sequence[Section]) -> Path:
    """Write it; the figures lie beside it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html.jinja")
    words = tomllib.loads((Path(__file__).parent / "words.toml").read_text())
    path.write_text(template.render(record=record, sections=sections, words=words))
    return path
