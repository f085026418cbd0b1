"""The cases of the suite: one JSON file each, read into frozen records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .golden_files import FORMAT, DamagedError, read_file, read_index
from .protocol import Start, from_words

Floats = NDArray[np.float64]


class Hyper(NamedTuple):
    """Hyper-parameters of a group of tensors from step `start` on, each its binary64 value."""

    start: int
    lr: float
    beta1: float
    beta2: float
    eps: float
    weight_decay: float
    decoupled: bool
    maximize: bool
    nesterov: bool
    group: int = 0


class Tensor(NamedTuple):
    """A tensor by its shape and its elements in C order, complex ones as re, im.

    `group` says which hyper-parameters are its own.
    """

    shape: tuple[int, ...]
    values: tuple[float, ...]
    group: int = 0


class Expected(NamedTuple):
    """Exact parameters and how far from them a right program may be.

    Each array is float64 of shape (observed steps, elements of all tensors).

    Attributes
    ----------
    hi, lo : ndarray
        The exact value is hi + lo, each correctly rounded.
    exact_scalar : ndarray
        Bound of |x - (hi + lo)| where every coefficient is its exact value, rounded once.
    binary64 : ndarray
        Bound where the scalar terms come from the textbook formula in binary64.
    alternatives : tuple of Expected
        What a right program in binary64 may do instead, where rounding decides a branch.
    """

    hi: Floats
    lo: Floats
    exact_scalar: Floats
    binary64: Floats
    alternatives: tuple[Expected, ...] = ()


ARRAYS = Expected._fields[:4]


@dataclass(frozen=True)
class Case:
    """One case: its input, and what is expected of it in each dialect.

    Attributes
    ----------
    id : str
        Immutable name, `suite/name-nn-f64`.
    clause, paper_line : str
        What of the specification and of the paper it tests.
    purpose : str
        The fault it would reveal, and why.
    flags : tuple of str
        Keys of `load_notes()`.
    requires, kills : tuple of str
        Keys of `FEATURES` it needs of an implementation; mutants it was written for.
    dtype : str
        Of the parameters and gradients.
    hyper : tuple of Hyper
        In order of their first steps; the first starts at 1.
    x0 : tuple of Tensor
    steps : int
    gradients : tuple
        The k-th of the cycle has, for each tensor, its elements in C order, or None where the
        tensor gets no gradient: then it stays, and so does its own count of steps.
        Step t uses number ((t-1) mod K) + 1.
    observe : tuple of int
        Steps after which the parameters are compared, ascending.
    expected : mapping of dialect to Expected
    start : Start or None
        State before the first step; None: t = 0, and both moments 0.
    restore : tuple of int
        Steps after which the port saves its state and goes on from the copy.
    refused : str
        The hyper-parameter that must be refused; nothing is expected then.
    """

    id: str
    title: str
    clause: str
    paper_line: str
    purpose: str
    flags: tuple[str, ...]
    requires: tuple[str, ...]
    kills: tuple[str, ...]
    dtype: str
    hyper: tuple[Hyper, ...]
    x0: tuple[Tensor, ...]
    steps: int
    gradients: tuple[tuple[tuple[float, ...] | None, ...], ...]
    observe: tuple[int, ...]
    expected: Mapping[str, Expected] = field(default_factory=dict, compare=False)
    start: Start | None = None
    restore: tuple[int, ...] = ()
    refused: str = ""

    @property
    def profile(self) -> str:
        """The part of the suite it belongs to, a key of `PROFILES`."""
        return self.id.partition("/")[0]

    def hyper_at(self, step: int, group: int = 0) -> Hyper:
        """The hyper-parameters of a step, counted from 1, for the tensors of a group."""
        for hyper in reversed(self.hyper):  # a plain loop: a million steps ask
            if hyper.group == group and hyper.start <= step:
                return hyper
        raise RuntimeError(f"{self.id}: group {group} has no hyper-parameters at step {step}")

    def gradients_at(self, step: int) -> tuple[tuple[float, ...] | None, ...]:
        """The gradients of a step, counted from 1: one of each tensor."""
        return self.gradients[(step - 1) % len(self.gradients)]


@cache
def load_index() -> dict[str, Any]:
    """The index of the suite: its format, and every file with its sha256.

    Raises
    ------
    DamagedError
        There is none, or it is of another format.
    """
    return read_index()


@cache
def load_notes() -> dict[str, dict[str, Any]]:
    """The notes by flag: `bug_type`, `description`, `links`."""
    notes: dict[str, dict[str, Any]] = json.loads(read_file("notes.json"))
    return notes


def load_suite(only: str | Iterable[str] = "*", skip: str | Iterable[str] = ()) -> tuple[Case, ...]:
    """Cases by glob patterns of their ids, in the order of the index.

    Parameters
    ----------
    only, skip : str or iterable of str
        A case is taken if a pattern of `only` matches its id and none of `skip` does.

    Returns
    -------
    tuple of Case

    Raises
    ------
    KeyError
        A pattern matches no case at all.
    """
    ids = [entry["id"] for entry in load_index()["cases"]]
    taken = set(_match(ids, only)) - set(_match(ids, skip))
    return tuple(load_case(id) for id in ids if id in taken)


def _match(ids: list[str], patterns: str | Iterable[str]) -> Iterator[str]:
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        matched = [id for id in ids if fnmatchcase(id, pattern)]
        if not matched:
            raise KeyError(f"no case matches {pattern!r}")
        yield from matched


@cache
def load_case(id: str) -> Case:
    """The case of an id.

    Raises
    ------
    KeyError
        There is no such case.
    DamagedError
        Its file is not the one that was released.
    """
    for entry in load_index()["cases"]:
        if entry["id"] == id:
            return decode(read_file(entry["file"], entry["sha256"]))
    raise KeyError(f"no case is called {id!r}")


def decode(text: str | bytes) -> Case:
    """A case from the text of its file.

    Raises
    ------
    DamagedError
        It is not one of this format.
    """
    record = json.loads(text)
    found = record.get("format") if isinstance(record, dict) else None
    if isinstance(found, int) and found != FORMAT:
        raise DamagedError(f"a case has format {found}, and this release reads {FORMAT} alone")
    try:
        return _decode(record)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        id = record.get("id") if isinstance(record, dict) else None
        raise DamagedError(f"{id}: is no case of format {FORMAT}: {error!r}") from error


def _decode(record: dict[str, Any]) -> Case:
    dtype = record["dtype"]
    return Case(
        id=record["id"],
        title=record["title"],
        clause=record["spec"]["clause"],
        paper_line=record["spec"]["paper"],
        purpose=record["purpose"],
        flags=tuple(record["flags"]),
        requires=tuple(record["requires"]),
        kills=tuple(record["kills"]),
        dtype=dtype,
        hyper=tuple(_decode_hyper(entry) for entry in record["hyper"]),
        x0=tuple(
            Tensor(tuple(entry["shape"]), from_words(entry["bits"], dtype), entry.get("group", 0))
            for entry in record["x0"]
        ),
        steps=record["steps"],
        gradients=tuple(
            tuple(None if bits is None else from_words(bits, dtype) for bits in row)
            for row in record["gradients"]
        ),
        observe=tuple(record["observe"]),
        expected={name: _decode_expected(entry) for name, entry in record["expected"].items()},
        start=_decode_state(record["state"], dtype) if "state" in record else None,
        restore=tuple(record.get("restore", ())),
        refused=record.get("refused", ""),
    )


def _decode_hyper(entry: dict[str, Any]) -> Hyper:
    words = [entry[name] for name in ("lr", "beta1", "beta2", "eps", "weight_decay")]
    lr, beta1, beta2, eps, weight_decay = from_words(words, "float64")
    return Hyper(
        start=entry["from"],
        lr=lr,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        weight_decay=weight_decay,
        decoupled=entry.get("decoupled", True),
        maximize=entry["maximize"],
        nesterov=entry.get("nesterov", False),
        group=entry.get("group", 0),
    )


def _decode_state(entry: dict[str, Any], dtype: str) -> Start:
    m, v = (tuple(from_words(bits, dtype) for bits in entry[name]) for name in "mv")
    return Start(entry["t"], m, v)


def _decode_expected(entry: dict[str, Any]) -> Expected:
    arrays = []
    for name in ARRAYS:
        rows = ["".join(bits for tensor in row for bits in tensor) for row in entry[name]]
        width = len(rows[0]) // 16  # digits of a binary64
        array = np.frombuffer(bytes.fromhex("".join(rows)), dtype=">f8").astype(np.float64)
        arrays.append(array.reshape(len(rows), width))
    others = tuple(_decode_expected(other) for other in entry.get("alternatives", ()))
    hi, lo, exact_scalar, binary64 = arrays
    return Expected(hi, lo, exact_scalar, binary64, others)
