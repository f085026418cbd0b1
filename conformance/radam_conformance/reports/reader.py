"""Reads a JSON report again, and refuses what is none."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..user_files import read_at_most
from .document import FORMAT, KIND, Document

LARGEST = 2**28  # a report of a thousand ports stays below


class ReportError(ValueError):
    """A file is no report, or not a whole one; the message is one sentence."""


def read_report(path: str | Path) -> Document:
    """Read a report that `radam-conformance run --report json:FILE` wrote.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        The document, valid by `schema()`; its counts are those of its footer.

    Raises
    ------
    ReportError
        It cannot be read, is cut off, is no report, one of another format, or has more than
        256 MiB.
    """
    try:
        content = read_at_most(Path(path), LARGEST)
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ReportError(f"{path}: is no report: {error}") from error
    try:
        return parse_report(content)
    except ReportError as error:
        raise ReportError(f"{path}: {error}") from None


def parse_report(content: bytes) -> Document:
    """The same for the content of a file."""
    try:
        document = json.loads(content.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        if content.lstrip()[:1] == b"{" and b'"footer"' not in content[-200:]:
            raise ReportError("is cut off: it has no footer") from error
        raise ReportError(f"is no JSON: {str(error)[:100]}") from error
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise ReportError("is no report of radam-conformance run")
    if document.get("format") != FORMAT:
        found = str(document.get("format"))[:20]
        raise ReportError(f"has format {found}, and this reader knows {FORMAT} alone")
    if fault := next(_validator().iter_errors(document), None):
        where = "/".join(map(str, fault.absolute_path)) or "the document"
        raise ReportError(f"is not valid: {where}: {fault.message[:200]}")
    counted = {
        "ports": len(document["ports"]),
        "cases": sum(len(port["cases"]) for port in document["ports"]),
    }
    if document["footer"] != counted:
        raise ReportError(f"is not whole: it has {counted}, its footer says {document['footer']}")
    return document


def schema() -> Document:
    """The JSON Schema (2020-12) of a report."""
    text = (files(__package__) / "schema" / f"report-{FORMAT}.schema.json").read_text(
        encoding="utf-8"
    )
    loaded: Document = json.loads(text)
    return loaded


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema())


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number in JSON")
