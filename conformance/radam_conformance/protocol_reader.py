"""Readers of protocol 1: every count, index and size is checked, every error quotes its line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from .protocol import (
    FLAGS,
    QUANTITIES,
    Answer,
    Gradient,
    Hello,
    ProtocolError,
    Refusal,
    RunRequest,
    Shape,
    Start,
    from_words,
    printable,
    quote,
    words_in,
)

_LARGEST_COUNT = 10**9
_LARGEST_TENSOR = 10**7
_LONGEST_TEXT = 4096
_LISTS = ("dtypes", "features")


def longest_answer_line(request: RunRequest) -> int:
    """Characters no line of an answer to the request needs to exceed."""
    return _LONGEST_TEXT + 17 * max(words_in(shape, request.dtype) for shape, _, _ in request.x0)


def read_hello(line: bytes) -> Hello:
    """What a port says of itself in its answer to `hello`.

    Raises
    ------
    Refusal
        If the answer is one.
    ProtocolError
        If the line is neither a greeting nor a refusal.
    """
    words = _words(line)
    _check_refusal(words)
    if len(words) < 2 or words[0] != "hello" or not all("=" in word for word in words[2:]):
        raise ProtocolError(f"{quote(line)} does not answer hello: hello <protocol> key=value ...")
    try:
        protocol = _count(words[1], 1, _LARGEST_COUNT)
    except ValueError as error:
        raise ProtocolError(f"{quote(line)}: {error}") from error
    keys = dict(word.split("=", 1) for word in words[2:])
    texts = {key: keys.get(key, "") for key in ("name", "version", "language", "dialect")}
    lists = {key: tuple(filter(None, keys.get(key, "").split(","))) for key in _LISTS}
    return Hello(protocol, **texts, dtypes=lists["dtypes"], features=lists["features"])


class AnswerReader:
    """Incremental reader of the answer to one case."""

    def __init__(self, request: RunRequest) -> None:
        self._dtype = request.dtype
        self._sizes = [words_in(shape, request.dtype) for shape, _, _ in request.x0]
        self._observe = frozenset(request.observe)
        self._answer = Answer()

    def feed(self, line: bytes) -> Answer | None:
        """The whole answer once the line completes it, None before.

        Raises
        ------
        Refusal
            If the line is one.
        ProtocolError
            If the line is no answer, does not fit the request, repeats another or ends too early.
        """
        words = _words(line)
        _check_refusal(words)
        if words == ["end"]:
            return self._complete(line)
        if len(words) < 3 or words[0] not in QUANTITIES:
            raise ProtocolError(f"{quote(line)} is no answer to a case")
        try:
            self._take(words)
        except ValueError as error:
            raise ProtocolError(f"{quote(line)}: {error}") from error
        return None

    def _take(self, words: Sequence[str]) -> None:
        t, i = _count(words[1], 1, _LARGEST_COUNT), _count(words[2], 0, len(self._sizes) - 1)
        if t not in self._observe:
            raise ValueError(f"step {t} is not observed")
        shown = getattr(self._answer, words[0])
        if (t, i) in shown:
            raise ValueError(f"{words[0]} {t} {i} was given before")
        if len(words) - 3 != self._sizes[i]:
            raise ValueError(f"{len(words) - 3} values for a tensor of {self._sizes[i]}")
        shown[t, i] = from_words(words[3:], self._dtype)

    def _complete(self, line: bytes) -> Answer:
        for t in sorted(self._observe):
            for i in range(len(self._sizes)):
                if (t, i) not in self._answer.x:
                    raise ProtocolError(f"{quote(line)} came before x {t} {i}")
        return self._answer


def read_request(lines: Iterable[str]) -> RunRequest:
    """Request of the lines from `run` up to `end`, which itself is left out.

    Raises
    ------
    ProtocolError
        If a line is malformed, or the lines together are no case.
    """
    block = _RequestBlock()
    for line in lines:
        try:
            block.take(line.split())
        except ValueError as error:
            raise ProtocolError(f"{quote(line)}: {error}") from error
    try:
        return block.request()
    except ValueError as error:
        raise ProtocolError(f"the case is not consistent: {error}") from error


class _RequestBlock:
    """Lines of one request, collected until they make a case."""

    def __init__(self) -> None:
        self._head: tuple[str, str, int] | None = None
        self._needs: tuple[str, ...] = ()
        self._hyper: list[tuple[int, int, str, float | bool]] = []
        self._x0: list[tuple[Shape, Sequence[float], int]] = []
        self._t: int | None = None
        self._moments: dict[str, list[tuple[float, ...]]] = {"m": [], "v": []}
        self._gradients: list[list[Gradient]] = []
        self._restore: tuple[int, ...] = ()
        self._observe: tuple[int, ...] = ()

    def take(self, words: Sequence[str]) -> None:
        """Add one line of the request."""
        match words:
            case ["run", name, dtype, steps] if self._head is None:
                self._head = (name, dtype, _count(steps, 1, _LARGEST_COUNT))
            case ["need", *features]:
                self._needs = tuple(features)
            case ["hyper", t, group, name, word]:
                when, where = _count(t, 1, _LARGEST_COUNT), _count(group, 0, _LARGEST_COUNT)
                self._hyper.append((when, where, name, _hyper_value(name, word)))
            case ["x", i, group, shape, *bits]:
                _count(i, len(self._x0), len(self._x0))
                where = _count(group, 0, _LARGEST_COUNT)
                self._x0.append((_shape(shape), from_words(bits, self._dtype), where))
            case ["state", t] if self._t is None:
                self._t = _count(t, 0, _LARGEST_COUNT)
            case ["m" | "v" as name, i, *bits] if self._t is not None:
                given = self._moments[name]
                _count(i, len(given), len(given))
                given.append(from_words(bits, self._dtype))
            case ["restore", *steps]:
                self._restore = tuple(_count(step, 1, _LARGEST_COUNT) for step in steps)
            case ["g", k, i, *bits]:
                self._take_gradient(k, i, bits)
            case ["observe", *steps]:
                self._observe = tuple(_count(step, 1, _LARGEST_COUNT) for step in steps)
            case _:
                raise ValueError("not a line of a case")

    @property
    def _dtype(self) -> str:
        if self._head is None:
            raise ValueError("run must come first")
        return self._head[1]

    def _take_gradient(self, k: str, i: str, bits: Sequence[str]) -> None:
        if _count(k, 1, len(self._gradients) + 1) > len(self._gradients):
            self._gradients.append([])
        row = self._gradients[int(k) - 1]
        _count(i, len(row), len(row))
        row.append(None if list(bits) == ["none"] else from_words(bits, self._dtype))

    def request(self) -> RunRequest:
        """The case of all lines."""
        if self._head is None:
            raise ValueError("no run line")
        start = None
        if self._t is not None:
            start = Start(self._t, tuple(self._moments["m"]), tuple(self._moments["v"]))
        return RunRequest(
            *self._head,
            self._hyper,
            self._x0,
            self._gradients,
            self._observe,
            self._needs,
            start,
            self._restore,
        )


def _words(line: bytes) -> list[str]:
    try:
        return printable(line.decode("ascii")).split()
    except UnicodeDecodeError as error:
        raise ProtocolError(f"{quote(line)} is not ASCII") from error


def _check_refusal(words: Sequence[str]) -> None:
    match words:
        case ["unsupported" | "rejected" | "error" as kind, *text]:
            raise Refusal(kind, " ".join(text))


def _count(word: str, low: int, high: int) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 10 and low <= int(word) <= high):
        allowed = str(low) if low == high else f"{low}..{high}"
        raise ValueError(f"{quote(word)} where a count of {allowed} belongs")
    return int(word)


def _hyper_value(name: str, word: str) -> float | bool:
    return bool(_count(word, 0, 1)) if name in FLAGS else from_words([word], "float64")[0]


def _shape(word: str) -> Shape:
    if word == "-":
        return ()
    shape = tuple(_count(extent, 0, _LARGEST_TENSOR) for extent in word.split("x"))
    if math.prod(shape) > _LARGEST_TENSOR:
        raise ValueError(f"shape {quote(word)} has more than {_LARGEST_TENSOR} elements")
    return shape
