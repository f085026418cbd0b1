"""Dialects in words."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from typing import Any

from radam_ref import Dialect, dialects

from .cases import Case

# Core has neither decay nor complex numbers.
UNSEEN = ("weight_decay", "complex")
# The names that come first where several compute the same.
FOREMOST = ("paper", "pytorch", "optax", "authors", "paper-hold")

_PLACES = {
    "after_correction": "eps after correction",
    "before_correction": "eps before correction",
    "floor": "eps a floor of the denominator",
}
_UNRECTIFIED = {"momentum": "unrectified steps by momentum", "hold": "unrectified steps hold"}


def in_case(dialect: Dialect, case: Case) -> Dialect:
    """The dialect that counts in a case: decay, complex and Nesterov are what the case asks for."""
    first, decays = case.hyper[0], any(hyper.weight_decay for hyper in case.hyper)
    decay = "decoupled" if first.decoupled else "coupled"
    if first.decoupled and dialect.weight_decay == "absolute":
        decay = "absolute"
    convention = case.profile.removeprefix("complex.")
    return _changed(
        dialect,
        weight_decay=decay if decays else "decoupled",
        complex=convention if case.profile.startswith("complex.") else "modulus",
        nesterov=dialect.nesterov or first.nesterov,
    )


def core(dialect: Dialect) -> Dialect:
    """The dialect as far as Core sees it."""
    return _changed(dialect, weight_decay="decoupled", complex="modulus")


@cache  # a diagnosis asks the same some hundred thousand times
def _changed(dialect: Dialect, **axes: Any) -> Dialect:
    return replace(dialect, **axes)


@cache
def names(dialect: Dialect) -> tuple[str, ...]:
    """The named dialects that Core cannot tell from this one, the best known first."""
    alike = [name for name, other in dialects.items() if core(other) == core(dialect)]
    return tuple(sorted(alike, key=lambda name: (name not in FOREMOST, alike.index(name))))


def name(dialect: Dialect) -> str:
    """The name of a dialect, or, for a combination that has none, its difference to the paper."""
    if known := names(dialect):
        return known[0]
    return " + ".join(["paper", *(ours for _, ours in differences(dialect, Dialect()))])


def axes(dialect: Dialect) -> list[str]:
    """What Core sees of a dialect: a phrase for each axis that does not go without saying."""
    phrases = [f"threshold {dialect.threshold:g}", _PLACES[dialect.eps_placement]]
    if dialect.eps_root:
        phrases.append(f"eps_root {dialect.eps_root:g}")
    if dialect.unrectified == "hold":
        phrases.append(_UNRECTIFIED["hold"])
    return phrases + ["Nesterov's look ahead"] * dialect.nesterov


def differences(dialect: Dialect, other: Dialect) -> list[tuple[str, str]]:
    """The axes in which two dialects differ in Core: the axis, and the first one's phrase."""
    changed = []
    for field in fields(Dialect):
        value = getattr(dialect, field.name)
        if field.name in UNSEEN or value == getattr(other, field.name):
            continue
        phrase = {
            "threshold": f"threshold {dialect.threshold:g}",
            "eps_placement": _PLACES[dialect.eps_placement],
            "unrectified": _UNRECTIFIED[dialect.unrectified],
            "eps_root": f"eps_root {dialect.eps_root:g}",
            "nesterov": "Nesterov's look ahead" if dialect.nesterov else "no look ahead",
        }[field.name]
        changed.append((field.name, phrase))
    return changed
