"""The files of the suite, each whole or refused by name."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

FORMAT = 1
_WORD = "[a-z0-9]+([.-][a-z0-9]+)*"
FILE = f"({_WORD}/)?{_WORD}"  # nothing that leads out of the suite's folder


class DamagedError(RuntimeError):
    """A file of the suite is missing, cut off or not the one that was released."""


def golden() -> Traversable:
    """The folder of the stored vectors."""
    return files(__package__) / "golden"


def read_index() -> dict[str, Any]:
    """The index of the suite: its format, and every file with its sha256.

    Raises
    ------
    DamagedError
        There is none, or it is of another format.
    """
    index: Any = json.loads(read_file("index.json"))
    found = index.get("format") if isinstance(index, dict) else None
    if isinstance(found, int) and found != FORMAT:
        raise DamagedError(f"index.json: has format {found}, and this release reads {FORMAT} alone")
    match index:
        case {"format": int(), "cases": [_, *_] as entries, "notes": notes, "schema": schema}:
            if all(map(_is_entry, (*entries, notes, schema))) and all(map(_has_id, entries)):
                return dict(index)
    raise DamagedError(f"index.json: is no index of format {FORMAT}")


def _is_entry(entry: object) -> bool:
    """Whether it names a file inside the suite, and its checksum."""
    match entry:
        case {"file": str(file), "sha256": str()}:
            return bool(re.fullmatch(FILE, file))
    return False


def _has_id(entry: dict[str, object]) -> bool:
    return isinstance(entry.get("id"), str)


def read_file(file: str, sha256: str = "") -> bytes:
    """The bytes of a file of the suite.

    Raises
    ------
    DamagedError
        It is missing, no JSON, or has not the checksum.
    """
    try:
        content = (golden() / file).read_bytes()
        json.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedError(f"{file}: cannot be read: {error}") from error
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedError(f"{file}: sha256 is not the one in index.json")
    return content
