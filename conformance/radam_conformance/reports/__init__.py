"""Reports in files: `--report KIND:FILE`, where `KINDS` has every kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..user_files import write_whole
from . import badge, html, junit, markdown
from .document import Document, NotStarted, document
from .reader import ReportError, parse_report, read_report, schema

__all__ = [
    "KINDS",
    "Document",
    "NotStarted",
    "ReportError",
    "Target",
    "TargetError",
    "document",
    "parse_report",
    "parse_targets",
    "read_report",
    "schema",
    "write",
]


def _json(content: Document) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


KINDS: Mapping[str, Callable[[Document], str]] = {
    "json": _json,
    "junit": junit.render,
    "html": html.render,
    "md": markdown.render,
    "badge": badge.render,
}


class TargetError(ValueError):
    """A `--report` that is malformed, or whose file cannot be written: exit code 2."""


class Target(NamedTuple):
    """A kind of report and its file."""

    kind: str
    path: Path


def parse_targets(words: Sequence[str]) -> list[Target]:
    """What `--report` asks for, looked at before a long run rather than after it.

    Raises
    ------
    TargetError
        In one sentence: a word is no KIND:FILE, or the file has no folder to be in.
    """
    targets = []
    for word in words:
        kind, colon, name = word.partition(":")
        if not colon or kind not in KINDS or not name:
            forms = ", ".join(f"{kind}:FILE" for kind in KINDS)
            raise TargetError(f"--report must be one of {forms}, got {word!r}")
        path = Path(name)
        if fault := _fault(name):
            raise TargetError(f"--report {word}: cannot be written: {fault}")
        targets.append(Target(kind, path))
    paths = [target.path for target in targets]
    if twice := next((path for path in paths if paths.count(path) > 1), None):
        raise TargetError(f"--report names the file {str(twice)!r} twice")
    return targets


def _fault(name: str) -> str:
    """Why no file can have this name; empty where it can."""
    if name == "-":
        return "a report goes to a file, not to stdout"
    path = Path(name)
    try:
        if path.is_dir():
            return "is a folder"
        if path.is_symlink() or (path.exists() and not path.is_file()):
            return "is a link or a device, and only ordinary files are replaced"
        return "" if path.parent.is_dir() else f"there is no folder {str(path.parent)!r}"
    except OSError as error:
        return str(error.strerror)


def write(targets: Iterable[Target], content: Document) -> None:
    """Write a document as every kind that was asked for, each file whole or not at all.

    Raises
    ------
    TargetError
        A file cannot be written; the others are.
    """
    faults = []
    for kind, path in targets:
        try:
            text = KINDS[kind](content)
            write_whole(path, text.encode("utf-8", errors="backslashreplace"))
        except OSError as error:
            faults.append(f"--report {kind}:{path}: cannot be written: {error.strerror}")
    if faults:
        raise TargetError("; ".join(faults))
