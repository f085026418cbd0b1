"""Text protocol 1 between the judge and a port: lines of words, numbers as IEEE-754 bit patterns.

    hello 1                                 hello 1 name=... version=... dtypes=float64 features=...
    run <id> <dtype> <steps>                x <t> <i> <bits...>     per observed step and tensor
    hyper <t> <name> <bits|0|1>             m <t> <i> <bits...>     optional, as is v
    x <i> <shape> <bits...>                 end
    g <k> <i> <bits...|none>                or instead of all of that one of
    observe <t...>                          unsupported <feature>, rejected <text>, error <text>
    end

Steps t and gradients k count from 1 as in the paper, tensors i from 0; step t uses gradient
((t-1) mod K)+1 of the K given. A shape is `4`, `2x3`, or `-` for a 0-d array.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

PROTOCOL = 1
HYPER_DEFAULTS: Mapping[str, float | bool] = {
    "weight_decay": 0.0,
    "decoupled": True,
    "maximize": False,
}
HYPER_NAMES = ("lr", "beta1", "beta2", "eps", *HYPER_DEFAULTS)
FLAGS = ("decoupled", "maximize")
QUANTITIES = ("x", "m", "v")

_FORMAT_CODES = {"float64": "d", "float32": "f", "float16": "e"}
_QUOTED = 120

Shape = tuple[int, ...]
Gradient = Sequence[float] | None
RefusalKind = Literal["unsupported", "rejected", "error"]


class ProtocolError(ValueError):
    """A line that the protocol does not allow; the message quotes its beginning."""


@dataclass(frozen=True)
class RunRequest:
    """One case as a port gets to see it: start, gradients and hyper-parameters, no expectations.

    Attributes
    ----------
    id : str
        Name of the case, one word.
    dtype : str
        "float64", "float32" or "float16".
    steps : int
        Number of steps, at least 1.
    hyper : sequence of (int, str, float or bool)
        Value of a hyper-parameter (one of `HYPER_NAMES`) from step t on.
    x0 : sequence of (shape, flat values)
        The tensors to optimise.
    gradients : sequence of sequences
        Per k of the cycle and tensor the flat values, None where the tensor gets no gradient.
    observe : sequence of int
        Steps whose parameters are wanted, ascending, each in 1..steps.

    Raises
    ------
    ValueError
        If a name, count, index or size is not what the others ask for.
    """

    id: str
    dtype: str
    steps: int
    hyper: Sequence[tuple[int, str, float | bool]]
    x0: Sequence[tuple[Shape, Sequence[float]]]
    gradients: Sequence[Sequence[Gradient]]
    observe: Sequence[int]

    def __post_init__(self) -> None:
        if len(self.id.split()) != 1:
            raise ValueError(f"id must be one word, got {self.id!r}")
        _format_code(self.dtype)
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if list(self.observe) != sorted({t for t in self.observe if 1 <= t <= self.steps}):
            raise ValueError(f"observe must ascend within 1..{self.steps}, got {self.observe}")
        self._check_hyper()
        self._check_tensors()

    def _check_hyper(self) -> None:
        for t, name, _ in self.hyper:
            if name not in HYPER_NAMES or not 1 <= t <= self.steps:
                raise ValueError(f"hyper has {name!r} from step {t}, not a known name and step")
        missing = {"lr", "beta1", "beta2", "eps"} - {name for t, name, _ in self.hyper if t == 1}
        if missing:
            raise ValueError(f"hyper has no value at step 1 for {', '.join(sorted(missing))}")

    def _check_tensors(self) -> None:
        if not self.x0 or not self.gradients:
            raise ValueError("a case needs at least one tensor and one gradient")
        sizes = [math.prod(shape) for shape, _ in self.x0]
        for i, (shape, values) in enumerate(self.x0):
            if len(values) != sizes[i]:
                raise ValueError(f"x {i} has {len(values)} values for the shape {shape}")
        for k, row in enumerate(self.gradients, start=1):
            if len(row) != len(sizes):
                raise ValueError(f"gradient {k} has {len(row)} tensors, x has {len(sizes)}")
            for i, gradient in enumerate(row):
                if gradient is not None and len(gradient) != sizes[i]:
                    raise ValueError(f"g {k} {i} has {len(gradient)} values, x has {sizes[i]}")

    def first_hyper(self) -> dict[str, float | bool]:
        """Every hyper-parameter at step 1, those not given at `HYPER_DEFAULTS`."""
        return {**HYPER_DEFAULTS, **{name: value for t, name, value in self.hyper if t == 1}}

    def later_hyper(self) -> dict[int, dict[str, float | bool]]:
        """Hyper-parameters that change after step 1, by the step that first sees them."""
        current, changes = self.first_hyper(), dict[int, dict[str, float | bool]]()
        for t, name, value in sorted(self.hyper, key=lambda entry: entry[0]):
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


def to_words(values: Sequence[float], dtype: str) -> str:
    """Bit patterns of the values, big-endian hex words of 16, 8 or 4 digits, one blank between."""
    code = _format_code(dtype)
    return struct.pack(f">{len(values)}{code}", *values).hex(" ", struct.calcsize(code))


def from_words(words: Sequence[str], dtype: str) -> tuple[float, ...]:
    """Values of the bit patterns.

    Raises
    ------
    ValueError
        If a word does not have exactly the dtype's number of hex digits, or there is no such dtype.
    """
    code = _format_code(dtype)
    digits = 2 * struct.calcsize(code)
    if any(len(word) != digits for word in words):
        raise ValueError(f"a {dtype} has {digits} hex digits")
    return struct.unpack(f">{len(words)}{code}", bytes.fromhex("".join(words)))


def _format_code(dtype: str) -> str:
    if dtype not in _FORMAT_CODES:
        raise ValueError(f"dtype must be one of {', '.join(_FORMAT_CODES)}, got {dtype!r}")
    return _FORMAT_CODES[dtype]


def write_request(request: RunRequest) -> str:
    """Lines of the request, from `run` to `end`, each with its newline."""
    lines = [f"run {request.id} {request.dtype} {request.steps}"]
    for t, name, value in request.hyper:
        word = str(int(value)) if name in FLAGS else to_words([float(value)], "float64")
        lines.append(f"hyper {t} {name} {word}")
    for i, (shape, values) in enumerate(request.x0):
        extent = "x".join(map(str, shape)) or "-"
        lines.append(f"x {i} {extent} {to_words(values, request.dtype)}".rstrip())
    for k, row in enumerate(request.gradients, start=1):
        for i, gradient in enumerate(row):
            words = "none" if gradient is None else to_words(gradient, request.dtype)
            lines.append(f"g {k} {i} {words}".rstrip())
    lines.append(" ".join(["observe", *map(str, request.observe)]))
    return "\n".join([*lines, "end", ""])
