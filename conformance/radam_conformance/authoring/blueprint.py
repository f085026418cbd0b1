"""What a case is made of, before the oracles say what it expects."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..cases import Case, Hyper, Tensor
from ..protocol import Start
from .design import REAL, SPARSE, Gradients, Row
from .kills import kills_of

Rows: TypeAlias = Callable[[str], tuple[tuple[Row | None, ...], ...]]  # by dtype

DYADIC = Hyper(1, 2.0**-4, 0.875, 1 - 2.0**-10, 2.0**-26, 0.0, True, False, False)
LITERAL = Hyper(1, 1e-3, 0.9, 0.999, 1e-8, 0.0, True, False, False)
CORE = DYADIC._replace(lr=2.0**-10)
DENSE = tuple(range(1, 13))
SUFFIX = {
    "float64": "f64",
    "float32": "f32",
    "float16": "f16",
    "bfloat16": "bf16",
    "complex128": "c128",
    "complex64": "c64",
}
LINE = "Algorithm 2"
PART = {"complex128": "float64", "complex64": "float32"}


@dataclass(frozen=True)
class Blueprint:
    """A case in each of its dtypes; the fields are those of `Case`."""

    profile: str
    name: str
    title: str
    clause: str
    paper_line: str
    purpose: str
    flags: tuple[str, ...]
    requires: tuple[str, ...]
    gradients: Rows
    hyper: tuple[Hyper, ...] = (DYADIC,)
    x0: tuple[Tensor, ...] = (Tensor((3,), (0.5, -1.25, 3.0)),)
    steps: int = 12
    observe: tuple[int, ...] = DENSE
    dtypes: tuple[str, ...] = REAL
    start: Start | None = None
    restore: tuple[int, ...] = ()
    refused: str = ""

    def case(self, dtype: str) -> Case:
        """The case in a dtype, without what is expected of it."""
        observe = tuple(t for t in self.observe if t <= self.steps)
        return Case(
            id=f"{self.profile}/{self.name}-{SUFFIX[dtype]}",
            title=self.title,
            clause=self.clause,
            paper_line=self.paper_line,
            purpose=self.purpose,
            flags=self.flags,
            requires=self.requires,
            kills=kills_of(f"{self.profile}/{self.name}"),
            dtype=dtype,
            hyper=self.hyper,
            x0=self.x0,
            steps=self.steps,
            gradients=self.gradients(PART.get(dtype, dtype)),
            observe=observe,
            start=self.start,
            restore=self.restore,
            refused=self.refused,
        )


def in_core(
    *,
    name: str,
    title: str,
    clause: str,
    paper_line: str,
    purpose: str,
    flags: tuple[str, ...],
    gradients: Gradients,
    hyper: Hyper = CORE,
    x0: Row = (0.5, -1.25, 3.0),
    steps: int = 40,
    observe: tuple[int, ...] = SPARSE,
) -> Blueprint:
    """A case of Core: one real tensor, and lr, beta1, beta2 and eps alone."""
    return Blueprint(
        profile="core",
        name=name,
        title=title,
        clause=clause,
        paper_line=paper_line,
        purpose=purpose,
        flags=flags,
        requires=(),
        gradients=lambda dtype: one(gradients)(dtype)[:steps],
        hyper=(hyper,),
        x0=(Tensor((len(x0),), x0),),
        steps=steps,
        observe=observe,
    )


def one(gradients: Gradients) -> Rows:
    """The gradients of the only tensor."""
    return lambda dtype: tuple((row,) for row in gradients(dtype))


def dealt(
    gradients: Gradients,
    tensors: Sequence[Tensor],
    has: Callable[[int, int], bool] = lambda step, i: True,
) -> Rows:
    """Rows of all elements, dealt to the tensors; `has` says which gets one in a step."""
    sizes = [len(tensor.values) for tensor in tensors]
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]

    def rows(dtype: str) -> tuple[tuple[Row | None, ...], ...]:
        return tuple(
            tuple(
                row[end - size : end] if has(step, i) else None
                for i, (end, size) in enumerate(zip(ends, sizes, strict=True))
            )
            for step, row in enumerate(gradients(dtype), start=1)
        )

    return rows


def tensor(*shape: int, group: int = 0, origin: float = 0.5) -> Tensor:
    """A tensor of dyadic elements, each different."""
    values = tuple(origin * (-1) ** k * (k + 1) for k in range(math.prod(shape)))
    return Tensor(shape, values, group)
