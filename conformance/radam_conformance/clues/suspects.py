"""What a port may have done wrong, each as something that can be played: known and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np

from radam_ref import Dialect, dialects

from .. import naming
from ..cases import Case, Floats
from ..comparison import observed
from ..protocol import Refusal
from ..results import Cause
from ..specimens.edits import Program, play, program
from ..specimens.faults import FAULTS

# Those that are distinct in Core; the first of their kind have names in the headline.
WELL_KNOWN = ("paper", "pytorch", "optax", "authors", "paper-hold", "lamp", "proxmin")


@dataclass(frozen=True)
class Suspect:
    """Something that may be wrong with a port; two are one if they say the same of a dialect.

    Attributes
    ----------
    sentence : str
    line : str
        Line of Algorithm 2, or the part of the specification that it breaks.
    dialect : Dialect
    play : callable
        What the parameters would be at the observed steps of a case; None: that cannot be told.
    links : tuple of str
    fault : str
        Key of `FAULTS`.
    beside : callable, optional
        What the program without this fault would do, if it has another one.
    """

    sentence: str
    line: str
    dialect: Dialect
    play: Callable[[Case], Floats | None] = field(compare=False)
    links: tuple[str, ...] = ()
    fault: str = ""
    beside: Callable[[Case], Floats | None] | None = field(default=None, compare=False)


def known(dialect: Dialect, beside: Cause | None = None) -> Iterator[Suspect]:
    """Every known fault in a program of this dialect, alone or beside another known one."""
    other = (beside.fault,) if beside else ()
    before = "besides, " if beside else ""
    for name, fault in FAULTS.items():
        if fault.equivalent or name in other or not _fit_together(*other, name):
            continue
        links = (fault.source,) if fault.source else ()
        played = partial(_play, (*other, name), dialect)
        sentence = f"{before}{fault.sentence}"
        without = partial(_play, other, dialect) if beside else None
        own = "" if beside else name
        yield Suspect(sentence, fault.line, dialect, played, links, own, without)


def without_fault(dialect: Dialect) -> Suspect:
    """The right program of a dialect."""
    sentence = f"it computes the dialect {naming.name(dialect)}"
    return Suspect(sentence, "dialect", dialect, partial(_play, (), dialect))


def others(dialect: Dialect) -> list[Dialect]:
    """The other well-known dialects."""
    named = (dialects[name] for name in WELL_KNOWN)
    return [other for other in named if naming.core(other) != naming.core(dialect)]


def elsewhere(dialect: Dialect) -> Iterator[Suspect]:
    """The other well-known dialects, each without a fault and with every one."""
    yield from map(without_fault, others(dialect))
    for other in others(dialect):
        yield from (in_its_dialect(suspect) for suspect in known(other))


def elsewhere_too(fault: str, dialect: Dialect) -> Iterator[Suspect]:
    """A known fault in programs of other dialects."""
    for other in others(dialect):
        suspects = (suspect for suspect in known(other) if suspect.fault == fault)
        yield from map(in_its_dialect, suspects)


def in_its_dialect(suspect: Suspect) -> Suspect:
    """The same, said of its dialect by name."""
    name = naming.name(suspect.dialect)
    return replace(suspect, sentence=f"{suspect.sentence}, in the dialect {name}")


def _fit_together(*faults: str) -> bool:
    """Whether one program can have these faults: each changes another place of it."""
    try:
        _program(*faults)
    except ValueError:
        return False
    return True


@cache
def _program(*faults: str) -> Program:
    return program([edit for name in faults for edit in FAULTS[name].edits])


def _play(faults: tuple[str, ...], dialect: Dialect, case: Case) -> Floats:
    try:
        answer = play(_program(*faults), case, dialect)
    except Refusal:  # no answer has only infinities
        return np.full((len(case.observe), sum(len(x.values) for x in case.x0)), np.inf)
    return observed(case, answer)
