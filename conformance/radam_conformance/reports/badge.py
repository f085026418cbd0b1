"""A report as a badge: the JSON that the endpoint badge of shields.io reads."""

from __future__ import annotations

import json

from ..cases import load_index
from .document import Document

LABEL = "RAdam conformance"
COLORS = ("brightgreen", "yellow", "orange", "lightgrey", "red")  # the worst last
ACCEPTED = ("brightgreen", "yellow")  # `run` exits with 0


def render(document: Document) -> str:
    """The whole file, on one line, so that it also fits into a step output of a GitHub workflow."""
    claims = [_claim(port, document["grade"]) for port in document["ports"]]
    claims += [("could not start", "lightgrey")] * len(document["not_started"])
    if not document["complete"]:
        message, color = "incomplete", "lightgrey"
    elif len(claims) < 2:
        message, color = claims[0] if claims else ("nothing ran", "lightgrey")
    else:
        colors = [color for _, color in claims]
        message = f"{sum(color in ACCEPTED for color in colors)} of {len(claims)} pass"
        color = max(colors, key=COLORS.index)
    badge = {
        "schemaVersion": 1,
        "label": LABEL,
        "message": message,
        "color": color,
        # shields.io ignores a `color` in the URL of a badge with this flag.
        "isError": color not in ACCEPTED,
    }
    return json.dumps(badge) + "\n"


def _claim(port: Document, grade: str) -> tuple[str, str]:
    """Message and color of one implementation."""
    failing = {group["verdict"]: group["cases"] for group in port["verdicts"]}
    known, imprecise = failing.pop("xfail", 0), failing.pop("precision", 0)
    score, whole = _score(port)
    if port["gave_up"]:
        return f"given up: {score}", "red"
    if port["conclusion"] == "INCOMPLETE":
        return "incomplete", "lightgrey"
    if port["conclusion"] == "NOTHING RAN":
        return "nothing ran", "lightgrey"
    if failing:
        return f"fails: {score}", "red"
    if imprecise and grade == "binary64":
        return f"single-precision coefficients: {score}", "orange"
    dialect = port["dialect"]
    named = [dialect["name"]] if dialect["fits"] or not dialect["found_out"] else []
    notes = [f"{known} known to fail"] if known else []
    notes += [f"{imprecise} with single-precision coefficients"] if imprecise else []
    color = "brightgreen" if whole and not notes else "yellow"
    return ", ".join([*named, score, *notes]), color


def _score(port: Document) -> tuple[str, bool]:
    """How many of the cases that count pass, and whether all of Core is among them."""
    size = sum(entry["id"].startswith("core/") for entry in load_index()["cases"])
    core = next((part for part in port["parts"] if part["name"] == "core"), None)
    if core is None:
        return f"profiles {port['passed']}/{port['wanted']}", False
    whole = core["cases"] == size
    score = f"Core {core['passed']}/{core['cases']}" + ("" if whole else f" of {size}")
    if others := port["wanted"] - core["cases"]:
        score += f", profiles {port['passed'] - core['passed']}/{others}"
    return score, whole
