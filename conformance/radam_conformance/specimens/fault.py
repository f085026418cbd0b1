"""What a fault is, and where faults come from."""

from __future__ import annotations

from typing import NamedTuple

from .edits import Edit
from .lines import GROUP, after

GITHUB = "https://github.com/"


class Fault(NamedTuple):
    """A mistake that a port can make, as an edit of the textbook program.

    Attributes
    ----------
    name : str
        A slug, its key in `FAULTS`.
    sentence : str
        What a diagnosis says.
    line : str
        Line of Algorithm 2, or the part of the specification that it breaks.
    edits : tuple of Edit
    source : str
        Thread or port where it was seen; empty where it was thought of for completeness.
    equivalent : str
        Why no case can ever tell it from the right program; empty for a real fault.
    """

    name: str
    sentence: str
    line: str
    edits: tuple[Edit, ...]
    source: str = ""
    equivalent: str = ""


def fault(name: str, sentence: str, line: str, *edits: tuple[str, str], source: str = "") -> Fault:
    """A fault of edits that are given as pairs of old and new text."""
    return Fault(name, sentence, line, tuple(Edit(*edit) for edit in edits), source)


def github(thread: str) -> str:
    """The address of `owner/repository/...` there."""
    return f"{GITHUB}{thread}"


def gradient(*statements: str) -> tuple[str, str]:
    """The edit that does something with g, or h, before anything else is done."""
    return after(GROUP, *statements)


def hyper(change: str) -> tuple[str, str]:
    """The edit that changes hyper-parameters before anything else is done."""
    return gradient(f"h = h._replace({change})")


def single(number: str) -> str:
    """The text of a number that is rounded to binary32."""
    return f"float(np.float32({number}))"
