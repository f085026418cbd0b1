"""The vectors as files for those without Python, each format with a loader that judges by them.

An export is a folder with a manifest, `export.json`: by it a later export into the same folder
tells its own files from those that a user edited.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from radam_ref import dialects

from . import export_tables, naming
from .cases import Case, load_index
from .golden_files import read_file
from .user_files import read_at_most, write_whole

FORMATS = ("json", "csv", "c")
MANIFEST = "export.json"
LARGEST = 2**24  # bytes of a manifest
# What a step needs no more for than the hyper-parameters and the number of the step.
PLAIN = frozenset({"weight_decay", "coupled", "decoupled", "maximize", "nesterov", "long"})


class ExportError(Exception):
    """What was asked for cannot be exported, or not there."""


class Export(NamedTuple):
    """What was exported.

    Attributes
    ----------
    files : list of Path
        What was written.
    cases : list of str
        Ids of the cases in them.
    left_out : dict
        Ids of the others, and why a plain comparison cannot decide them.
    kept : list of Path
        Loaders that were edited since an earlier export, and left as they are.
    """

    files: list[Path]
    cases: list[str]
    left_out: dict[str, str]
    kept: list[Path]


def write(directory: Path, format: str, cases: Sequence[Case], dialect: str = "paper") -> Export:
    """Write cases into a folder, with a README and a loader.

    Parameters
    ----------
    directory : Path
        New, empty, or holding an earlier export.
    format : str
        json has the released files; csv and c have what a plain comparison can decide.
    cases : sequence of Case
    dialect : str
        What is expected, for csv and c; json has all dialects.

    Returns
    -------
    Export

    Raises
    ------
    ExportError
        The folder holds other files or cannot be written, or no case is left.
    """
    if format not in FORMATS:
        raise ExportError(f"--format must be one of {', '.join(FORMATS)}, got {format!r}")
    known = list(dict.fromkeys(name for case in cases for name in case.expected))
    if format != "json" and known and dialect not in known:
        raise ExportError(f"--dialect must be one of {', '.join(known)}, got {dialect!r}")
    left_out = {} if format == "json" else select(cases, dialect)
    taken = [case for case in cases if case.id not in left_out]
    if not taken:
        raise ExportError(f"no case is left for {format}: {'; '.join(_by_reason(left_out))}")
    readme = _words(taken, left_out, dialect)
    try:
        earlier = _earlier(directory)
        contents = _vectors(format, taken, dialect) | dict(_shipped(format, readme))
        kept = _install(directory, contents, earlier)
    except OSError as error:
        raise ExportError(f"{directory} cannot be written: {error.strerror}") from error
    written = [directory / name for name in (*contents, MANIFEST) if name not in kept]
    return Export(written, [c.id for c in taken], left_out, [directory / name for name in kept])


def select(cases: Sequence[Case], dialect: str) -> dict[str, str]:
    """Ids of the cases that a plain comparison of one tensor cannot decide, and the reasons."""
    reasons = {case.id: _obstacle(case, dialect) for case in cases}
    return {id: reason for id, reason in reasons.items() if reason}


def describe(directory: Path, export: Export) -> Iterator[str]:
    """What was done, a line each."""
    yield f"{len(export.cases)} cases in {directory}, which README.txt explains"
    for path in export.kept:
        yield f"{path} was edited, so it was kept"
    for reason, ids in _by_reason(export.left_out).items():
        yield f"left out: {len(ids)} cases: {reason}"


def _by_reason(left_out: Mapping[str, str]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for id, reason in left_out.items():
        ids.setdefault(reason, []).append(id)
    return ids


def _obstacle(case: Case, dialect: str) -> str:
    if beyond := [word for word in case.requires if word not in PLAIN]:
        return f"needs {', '.join(beyond)}"
    if case.dtype not in ("float32", "float64"):
        return f"is in {case.dtype}"
    if dialect not in case.expected:
        return f"has no vectors of dialect {dialect}, only of {', '.join(case.expected)}"
    # Near beta2 = 1 the judge also accepts what binary64 makes of the textbook formula.
    if case.expected[dialect].alternatives or case.profile == "extreme":
        return "accepts more than one result"
    return ""


def _vectors(format: str, cases: Sequence[Case], dialect: str) -> dict[str, bytes]:
    if format == "json":
        return dict(_released({case.id for case in cases}))
    if format == "csv":
        return export_tables.tables(cases, dialect)
    return {"radam_vectors.h": export_tables.header(cases, dialect)}


def _released(ids: set[str]) -> Iterator[tuple[str, bytes]]:
    """The files of the suite byte for byte; the index of a part names that part alone."""
    index = load_index()
    entries = [entry for entry in index["cases"] if entry["id"] in ids]
    whole = len(entries) == len(index["cases"])
    part = json.dumps({**index, "cases": entries}, indent=1).encode() + b"\n"
    yield "index.json", read_file("index.json") if whole else part
    for entry in (index["schema"], index["notes"], *entries):
        yield entry["file"], read_file(entry["file"], entry["sha256"])


def _words(cases: Sequence[Case], left_out: Mapping[str, str], dialect: str) -> dict[str, Any]:
    """What the README says of this export."""
    groups = _by_reason(left_out).items()
    lines = [
        line for reason, ids in groups for line in (f"- {reason}:", *(f"  {id}" for id in ids))
    ]
    heading = (
        ["", "A plain comparison cannot decide these cases, so they were left out:"]
        if lines
        else []
    )
    return {
        "cases": len(cases),
        "dialect": dialect,
        "axes": ", ".join(naming.axes(dialects[dialect])),
        "version": version("radam-ref"),
        "left_out": "\n".join([*heading, *lines]),
    }


def _shipped(format: str, words: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """The README and the loader of a format."""
    for name, file in _walk(files(__package__) / "export_loaders" / format):
        text = file.read_text(encoding="utf-8")
        filled = Template(text).substitute(words) if name == "README.txt" else text
        yield name, filled.encode()


def _walk(folder: Traversable, above: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _walk(entry, f"{above}{entry.name}/")
        else:
            yield above + entry.name, entry


def _install(
    directory: Path, contents: Mapping[str, bytes], earlier: Mapping[str, str]
) -> list[str]:
    """Write the files over those of an earlier export; returns what was edited and kept."""
    _check_inside(directory, {*earlier, *contents})
    hashes = {name: _digest(content) for name, content in contents.items()}
    manifest = json.dumps({"suite": "radam", "files": hashes}, indent=1).encode() + b"\n"
    ours = {
        name: _digest((directory / name).read_bytes()) in (earlier.get(name), hashes.get(name))
        for name in {*earlier, *contents}
        if (directory / name).is_file()
    }
    kept = [name for name in sorted(ours) if not ours[name] and name.startswith("loaders/")]
    if not earlier:  # so that one that is cut off can be repeated
        directory.mkdir(parents=True, exist_ok=True)
        write_whole(directory / MANIFEST, manifest)
    for name, content in contents.items():
        if name not in kept:
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(directory / name, content)
    for name in ours.keys() - contents.keys() - set(kept):
        (directory / name).unlink()
    write_whole(directory / MANIFEST, manifest)
    return kept


def _check_inside(directory: Path, names: Iterable[str]) -> None:
    """No name, and no link that lies there, leads out: by these names files are deleted."""
    for folder in {(directory / name).parent for name in names}:
        try:
            leads_out = not folder.resolve().is_relative_to(directory.resolve())
        except (RuntimeError, ValueError):  # links in a circle, a name that cannot be
            leads_out = True
        if leads_out:
            raise _not_ours(directory)


def _earlier(directory: Path) -> dict[str, str]:
    """sha256 by name of the files that an earlier export wrote there."""
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return {}
    try:
        manifest = json.loads(read_at_most(directory / MANIFEST, LARGEST))
        if manifest["suite"] == "radam":
            return dict(manifest["files"].items())
    except (AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError):
        pass
    raise _not_ours(directory)


def _not_ours(directory: Path) -> ExportError:
    return ExportError(
        f"DIR must be new, empty or hold an earlier export, got {str(directory)!r}, which does not"
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
