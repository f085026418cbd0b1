"""Programs that let a port in another language talk to the judge, with one function to replace.

Each language has the protocol in a file of its own, which two harnesses share: `harness` with an
empty step, and `finished` with the step of RAdam that the loaders of an export have too.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import NamedTuple

EMPTY = "A port of RAdam, for radam-conformance to judge: put yours into the step below."
FINISHED = "RAdam in the dialect of the paper, for radam-conformance to judge."


class HarnessError(Exception):
    """The language is unknown, or the folder has such files already or cannot be written."""


class Language(NamedTuple):
    """What a harness in a language is made of.

    Attributes
    ----------
    suffix, protocol : str
        Suffix of a harness, and the file that has its protocol.
    step, finished : str
        Files of the empty step and of RAdam's, in this package.
    build, spec : str
        The command that builds a harness called `$name`, empty where none is needed, and its spec.
    """

    suffix: str
    protocol: str
    step: str
    finished: str
    build: str
    spec: str


LANGUAGES = {
    "c": Language(
        ".c",
        "radam_protocol.h",
        "harness_templates/c/radam_step.c",
        "export_loaders/c/loaders/radam_step.c",
        "cc -O2 -o $name $name.c -lm",
        "cmd:./$name",
    ),
    "js": Language(
        ".mjs",
        "radam_protocol.mjs",
        "harness_templates/js/radam_step.mjs",
        "export_loaders/json/loaders/radam_step.mjs",
        "",
        "cmd:node $name.mjs",
    ),
    "rust": Language(
        ".rs",
        "radam_protocol.rs",
        "harness_templates/rust/radam_step.rs",
        "export_loaders/csv/loaders/src/lib.rs",
        "rustc -O -o $name $name.rs",
        "cmd:./$name",
    ),
    "julia": Language(
        ".jl",
        "radam_protocol.jl",
        "harness_templates/julia/radam_step.jl",
        "harness_templates/julia/radam.jl",
        "",
        "cmd:julia --startup-file=no $name.jl",
    ),
}


def write(directory: Path, language: str) -> list[Path]:
    """Write the protocol, an empty harness and a finished one; nothing is ever overwritten.

    Parameters
    ----------
    directory : Path
        Made if it is not there.
    language : str
        A key of `LANGUAGES`.

    Returns
    -------
    list of Path
        The protocol, the empty harness, the finished one.

    Raises
    ------
    HarnessError
        In one sentence.
    """
    if language not in LANGUAGES:
        raise HarnessError(f"--lang must be one of {', '.join(LANGUAGES)}, got {language!r}")
    contents = {directory / name: text for name, text in _files(language)}
    if there := [path.name for path in contents if path.exists()]:
        raise HarnessError(
            f"DIR must have no {', '.join(there)}, got {str(directory)!r}, and nothing was written"
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, text in contents.items():
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        raise HarnessError(f"{directory} cannot be written: {error.strerror}") from error
    return list(contents)


def describe(directory: Path, language: str) -> Iterator[str]:
    """What was written and the commands that build and judge it, a line each."""
    made = LANGUAGES[language]
    harness, finished = f"harness{made.suffix}", f"finished{made.suffix}"
    width = max(map(len, (made.protocol, finished)))
    yield f"{harness:{width}}  yours: one function to replace"
    yield f"{finished:{width}}  the same with RAdam in it, in the dialect of the paper"
    yield f"{made.protocol:{width}}  the protocol, nothing to change"
    yield f"In {directory}:"
    build, spec = (Template(line).substitute(name="harness") for line in (made.build, made.spec))
    for line in (build, f"radam-conformance run {shlex.quote(spec)}"):
        if line:
            yield f"  {line}"


def _files(language: str) -> Iterator[tuple[str, str]]:
    """Names and texts of the files."""
    made, folder = LANGUAGES[language], f"harness_templates/{language}"
    yield made.protocol, _text(f"{folder}/{made.protocol}")
    harness = Template(_text(f"{folder}/harness{made.suffix}"))
    for name, title, dialect, step in (
        ("harness", EMPTY, "", made.step),
        ("finished", FINISHED, "paper", made.finished),
    ):
        words = {"name": name, "title": title, "dialect": dialect, "step": _text(step).rstrip()}
        yield f"{name}{made.suffix}", harness.substitute(words)


def _text(path: str) -> str:
    return files(__package__).joinpath(*path.split("/")).read_text(encoding="utf-8")
