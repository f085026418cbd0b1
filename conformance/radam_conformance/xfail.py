"""Failures that are known: a file of them, and what becomes of a report by it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from .cases import load_index
from .laws import law_ids
from .report import Report
from .results import MET, CaseResult, Known
from .user_files import read_at_most

LARGEST = 2**20
KEYS = ("id", "reason", "link")
UNTOUCHED = ("unsupported", "not-run")  # nothing was seen to fail or to pass


class XfailError(ValueError):
    """The file of known failures is no such file: a usage error, exit code 2."""


class KnownFailure(NamedTuple):
    """Cases that are known to fail, by a glob of their ids, and why."""

    id: str
    reason: str
    link: str = ""


def load_known(path: Path) -> tuple[KnownFailure, ...]:
    """Read a file of known failures.

    Parameters
    ----------
    path : Path
        TOML with a table `[[xfail]]` for each, which has `id` (a glob), `reason` and, if there is
        one, `link`.

    Returns
    -------
    tuple of KnownFailure

    Raises
    ------
    XfailError
        In one sentence: it cannot be read, says no reason, or matches no case of the suite.
    """
    try:
        document = tomllib.loads(read_at_most(path, LARGEST).decode("utf-8"))
    except OSError as error:
        raise XfailError(f"--xfail {path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or too much of it
        raise XfailError(f"--xfail {path}: is no TOML: {error}") from error
    entries = document.get("xfail")
    if set(document) != {"xfail"} or not isinstance(entries, list):
        raise XfailError(f"--xfail {path}: must have tables [[xfail]] and nothing else")
    known = tuple(_read(path, n, entry) for n, entry in enumerate(entries, start=1))
    for failure in known:
        if not any(fnmatchcase(id, failure.id) for id in _ids()):
            raise XfailError(f"--xfail {path}: no case matches {failure.id!r}")
    return known


def _read(path: Path, number: int, entry: Any) -> KnownFailure:
    where = f"--xfail {path}: [[xfail]] number {number}"
    if not isinstance(entry, dict) or not all(isinstance(text, str) for text in entry.values()):
        raise XfailError(f"{where} must have strings for {', '.join(KEYS)}")
    if unknown := [key for key in entry if key not in KEYS]:
        raise XfailError(f"{where} must have no other keys than {', '.join(KEYS)}, got {unknown}")
    for key in ("id", "reason"):
        if not entry.get(key, "").strip():
            raise XfailError(f"{where} has no {key}")
    if not entry.get("link", "https://").startswith(("https://", "http://")):
        raise XfailError(f"{where} must have a link that begins with https://")
    return KnownFailure(**entry)


def _ids() -> Iterator[str]:
    yield from (entry["id"] for entry in load_index()["cases"])
    yield from law_ids()


def apply(known: Sequence[KnownFailure], report: Report) -> Report:
    """The report in which known failures are `xfail`, and `xpass` where they do not fail."""
    return replace(report, results=tuple(_judged(known, result) for result in report.results))


def _judged(known: Sequence[KnownFailure], result: CaseResult) -> CaseResult:
    if result.verdict in UNTOUCHED:
        return result
    for failure in known:
        if fnmatchcase(result.case.id, failure.id):
            why = Known(result.verdict, failure.reason, failure.link)
            return replace(result, verdict="xpass" if result.verdict in MET else "xfail", known=why)
    return result
