"""Text protocol 1 between the judge and a port: lines of words, numbers as IEEE-754 bit patterns.

    hello 1                                 hello 1 name=... version=... dtypes=float64 features=...
    run <id> <dtype> <steps>                x <t> <i> <bits...>     per observed step and tensor
    need <feature>...                       m <t> <i> <bits...>     optional, as is v
    hyper <t> <group> <name> <bits|0|1>     end
    x <i> <group> <shape> <bits...>
    state <t>                               or instead of all of that one of
    m <i> <bits...>                         unsupported <feature>
    v <i> <bits...>                         rejected <text>
    g <k> <i> <bits...|none>                error <text>
    restore <t>...
    observe <t>...
    end

Steps t and gradients k count from 1 as in the paper, tensors i and groups from 0; step t uses
gradient ((t-1) mod K)+1 of the K given. A shape is `4`, `2x3`, or `-` for a 0-d array; an element
of a complex array is two words. `need`, `state` with its moments, and `restore` stand in the cases
that have them. docs/protocol.md has all of it.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

PROTOCOL = 1
HYPER_DEFAULTS: Mapping[str, float | bool] = {
    "weight_decay": 0.0,
    "decoupled": True,
    "maximize": False,
    "nesterov": False,
}
HYPER_NAMES = ("lr", "beta1", "beta2", "eps", *HYPER_DEFAULTS)
FLAGS = ("decoupled", "maximize", "nesterov")
QUANTITIES = ("x", "m", "v")

# The struct code of a real part, bytes of a word, and words of an element. A word of bfloat16 is
# the upper half of a float32.
_FORMATS = {
    "float64": ("d", 8, 1),
    "float32": ("f", 4, 1),
    "float16": ("e", 2, 1),
    "bfloat16": ("f", 2, 1),
    "complex128": ("d", 8, 2),
    "complex64": ("f", 4, 2),
}
DTYPES = tuple(_FORMATS)
_QUOTED = 120
_ESCAPES = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")

Shape = tuple[int, ...]
Gradient = Sequence[float] | None
RefusalKind = Literal["unsupported", "rejected", "error"]


class ProtocolError(ValueError):
    """A line that the protocol does not allow; the message quotes its beginning."""


class Start(NamedTuple):
    """State before the first step: the steps done, and the flat moments of each tensor."""

    t: int
    m: tuple[tuple[float, ...], ...]
    v: tuple[tuple[float, ...], ...]


def words_in(shape: Shape, dtype: str) -> int:
    """Numbers that an array of this shape has: one an element, two where it is complex."""
    return math.prod(shape) * _format(dtype)[2]


@dataclass(frozen=True)
class RunRequest:
    """One case as a port gets to see it: start, gradients and hyper-parameters, no expectations.

    Attributes
    ----------
    id : str
        Name of the case, one word.
    dtype : str
        One of `DTYPES`.
    steps : int
        Number of steps, at least 1.
    hyper : sequence of (int, int, str, float or bool)
        Value of a hyper-parameter (one of `HYPER_NAMES`) from step t on, for a group.
    x0 : sequence of (shape, flat values, group)
        The tensors to optimize.
    gradients : sequence of sequences
        Per k of the cycle and tensor the flat values, None where the tensor gets no gradient.
    observe : sequence of int
        Steps whose parameters are wanted, ascending, each in 1..steps.
    needs : sequence of str
        What is asked beyond Core, keys of `FEATURES`.
    start : Start or None
        State before the first step.
    restore : sequence of int
        Steps after which to save the state and go on from the copy.

    Raises
    ------
    ValueError
        If a name, count, index or size is not what the others ask for.
    """

    id: str
    dtype: str
    steps: int
    hyper: Sequence[tuple[int, int, str, float | bool]]
    x0: Sequence[tuple[Shape, Sequence[float], int]]
    gradients: Sequence[Sequence[Gradient]]
    observe: Sequence[int]
    needs: Sequence[str] = ()
    start: Start | None = None
    restore: Sequence[int] = ()

    def __post_init__(self) -> None:
        if len(self.id.split()) != 1:
            raise ValueError(f"id must be one word, got {self.id!r}")
        _format(self.dtype)
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if list(self.observe) != sorted({t for t in self.observe if 1 <= t <= self.steps}):
            raise ValueError(f"observe must ascend within 1..{self.steps}, got {self.observe}")
        if list(self.restore) != sorted({t for t in self.restore if 1 <= t < self.steps}):
            raise ValueError(f"restore must ascend within 1..{self.steps - 1}, got {self.restore}")
        self._check_hyper()
        self._check_tensors()

    def _check_hyper(self) -> None:
        for t, group, name, _ in self.hyper:
            if name not in HYPER_NAMES or not 1 <= t <= self.steps:
                raise ValueError(f"hyper has {name!r} from step {t}, not a known name and step")
            if group not in self.groups:
                raise ValueError(f"hyper has a group {group}, no tensor is in it")
        for group in self.groups:
            given = {name for t, g, name, _ in self.hyper if (t, g) == (1, group)}
            if missing := {"lr", "beta1", "beta2", "eps"} - given:
                lacks = ", ".join(sorted(missing))
                raise ValueError(f"hyper has no value at step 1 of group {group} for {lacks}")

    def _check_tensors(self) -> None:
        if not self.x0 or not self.gradients:
            raise ValueError("a case needs at least one tensor and one gradient")
        sizes = [words_in(shape, self.dtype) for shape, _, _ in self.x0]
        for i, (shape, values, _) in enumerate(self.x0):
            if len(values) != sizes[i]:
                raise ValueError(f"x {i} has {len(values)} values for the shape {shape}")
        for k, row in enumerate(self.gradients, start=1):
            if len(row) != len(sizes):
                raise ValueError(f"gradient {k} has {len(row)} tensors, x has {len(sizes)}")
            for i, gradient in enumerate(row):
                if gradient is not None and len(gradient) != sizes[i]:
                    raise ValueError(f"g {k} {i} has {len(gradient)} values, x has {sizes[i]}")
        for moments in self.start[1:] if self.start else ():
            if [len(values) for values in moments] != sizes:
                raise ValueError(f"state has not the sizes of x, {sizes}")

    @property
    def groups(self) -> range:
        """The groups of the tensors, from 0."""
        return range(1 + max((group for _, _, group in self.x0), default=0))

    def first_hyper(self, group: int = 0) -> dict[str, float | bool]:
        """Every hyper-parameter of a group at step 1, those not given at `HYPER_DEFAULTS`."""
        given = {name: value for t, g, name, value in self.hyper if (t, g) == (1, group)}
        return {**HYPER_DEFAULTS, **given}

    def later_hyper(self, group: int = 0) -> dict[int, dict[str, float | bool]]:
        """Hyper-parameters of a group that change, by the step that first sees them."""
        current, changes = self.first_hyper(group), dict[int, dict[str, float | bool]]()
        for t, g, name, value in sorted(self.hyper, key=lambda entry: entry[0]):
            if g != group:
                continue
            if current[name] != value:
                changes.setdefault(t, {})[name] = value
            current[name] = value
        return changes


@dataclass(frozen=True)
class Hello:
    """What a port says of itself.

    Attributes
    ----------
    protocol : int
        Protocol it will speak.
    name, version, language, dialect : str
        Free words, empty where it does not say.
    dtypes, features : tuple of str
        What it offers; keys of later protocols are ignored.
    """

    protocol: int
    name: str = ""
    version: str = ""
    language: str = ""
    dialect: str = ""
    dtypes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()


class Refusal(Exception):
    """An answer without values: `kind` says which, `text` is the port's own words."""

    def __init__(self, kind: RefusalKind, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


@dataclass
class Answer:
    """Values of a case by (t, i), flat: `x` at every observed step, `m` and `v` where shown."""

    x: dict[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)
    m: dict[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)
    v: dict[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)


def quote(line: str | bytes) -> str:
    """The line in ASCII and quotation marks, cut to about 120 characters."""
    text = line.decode("ascii", "backslashreplace") if isinstance(line, bytes) else line
    shown = ascii(text[:_QUOTED].rstrip("\r\n"))
    return f"{shown}... ({len(text)} characters)" if len(text) > _QUOTED else shown


def one_line(text: str, limit: int = 500) -> str:
    """The text as one line of printable ASCII of at most `limit` characters."""
    return " ".join(text.split()).encode("ascii", "backslashreplace").decode("ascii")[:limit]


def printable(text: str) -> str:
    """The text without colors, and with a blank for what else a terminal would obey."""
    if text.isprintable():
        return text
    plain = _ESCAPES.sub("", text)
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in plain)


def to_words(values: Sequence[float], dtype: str) -> str:
    """Bit patterns of the values, big-endian hex words of 16, 8 or 4 digits, one blank between."""
    code, size, _ = _format(dtype)
    packed = struct.pack(f">{len(values)}{code}", *values)
    if dtype == "bfloat16":
        packed = b"".join(packed[i : i + 2] for i in range(0, len(packed), 4))
    return packed.hex(" ", size)


def from_words(words: Sequence[str], dtype: str) -> tuple[float, ...]:
    """Values of the bit patterns.

    Raises
    ------
    ValueError
        If a word does not have exactly the dtype's number of hex digits, or there is no such dtype.
    """
    code, size, _ = _format(dtype)
    if any(len(word) != 2 * size for word in words):
        raise ValueError(f"a {dtype} has {2 * size} hex digits")
    padding = "0000" if dtype == "bfloat16" else ""
    packed = bytes.fromhex("".join(word + padding for word in words))
    return struct.unpack(f">{len(words)}{code}", packed)


def _format(dtype: str) -> tuple[str, int, int]:
    if dtype not in _FORMATS:
        raise ValueError(f"dtype must be one of {', '.join(_FORMATS)}, got {dtype!r}")
    return _FORMATS[dtype]


def write_request(request: RunRequest) -> str:
    """Lines of the request, from `run` to `end`, each with its newline."""
    lines = [f"run {request.id} {request.dtype} {request.steps}"]
    lines += [" ".join(["need", *request.needs])] * bool(request.needs)
    for t, group, name, value in request.hyper:
        word = str(int(value)) if name in FLAGS else to_words([float(value)], "float64")
        lines.append(f"hyper {t} {group} {name} {word}")
    for i, (shape, values, group) in enumerate(request.x0):
        extent = "x".join(map(str, shape)) or "-"
        lines.append(f"x {i} {group} {extent} {to_words(values, request.dtype)}".rstrip())
    lines += _state_lines(request)
    for k, row in enumerate(request.gradients, start=1):
        for i, gradient in enumerate(row):
            words = "none" if gradient is None else to_words(gradient, request.dtype)
            lines.append(f"g {k} {i} {words}".rstrip())
    lines += [" ".join(["restore", *map(str, request.restore)])] * bool(request.restore)
    lines.append(" ".join(["observe", *map(str, request.observe)]))
    return "\n".join([*lines, "end", ""])


def _state_lines(request: RunRequest) -> Iterator[str]:
    if request.start is None:
        return
    yield f"state {request.start.t}"
    for name, moments in (("m", request.start.m), ("v", request.start.v)):
        for i, values in enumerate(moments):
            yield f"{name} {i} {to_words(values, request.dtype)}".rstrip()
