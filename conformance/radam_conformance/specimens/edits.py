"""Programs made of the textbook one by edits of its text, and how a case is run on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import takewhile
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radam_ref import Dialect

from ..cases import ARRAYS, Case, Expected, Hyper
from ..comparison import compare
from ..naming import in_case
from ..protocol import Answer, Refusal

Array: TypeAlias = NDArray[Any]

# What the arrays of a case are made of: NumPy has no bfloat16, and `textbook.store` rounds.
HELD_IN = {"float16": "float32", "bfloat16": "float32"}


class Edit(NamedTuple):
    """A piece of the program's text, and what stands there instead."""

    old: str
    new: str


class Program(NamedTuple):
    """An edited program: its text, and what that defines."""

    source: str
    optimizer: Callable[..., Any]
    check: Callable[[Any], None]


@cache
def textbook() -> str:
    """The text of the right program."""
    return (files(__package__) / "textbook.py").read_text(encoding="utf-8")


def edited(edits: Sequence[Edit]) -> str:
    """The text of the textbook program with edits, applied one after the other.

    Raises
    ------
    ValueError
        The old text of an edit does not occur exactly once.
    """
    source = textbook()
    for edit in edits:
        if (count := source.count(edit.old)) != 1:
            raise ValueError(f"edit.old must occur exactly once, {edit.old!r} occurs {count} times")
        source = source.replace(edit.old, edit.new)
    return source


def program(edits: Sequence[Edit] = ()) -> Program:
    """The program that the edited text defines; see `edited`."""
    source = edited(edits)
    defined: dict[str, Any] = {"__name__": __name__}
    # A file of this package with edits that stand in this package: no data comes in.
    exec(compile(source, "textbook.py, edited", "exec"), defined)
    return Program(source, defined["RAdam"], defined["check"])


def play(program: Program, case: Case, dialect: Dialect, longest: int | None = None) -> Answer:
    """Run a case on a program, in this process.

    Parameters
    ----------
    program : Program
    case : Case
    dialect : Dialect
        What the program is to compute; decay and the like are the case's.
    longest : int, optional
        The last step to do; the answer has the observed steps up to it.

    Returns
    -------
    Answer
        The parameters, without moments.

    Raises
    ------
    Refusal
        `rejected`: the program refuses hyper-parameters. `error`: it raised.
    """
    last = case.steps if longest is None else min(case.steps, longest)
    try:
        for hyper in case.hyper:
            program.check(hyper)
    except ValueError as error:
        raise Refusal("rejected", str(error)) from error
    answer = Answer()
    seen: list[list[Array]] = [[] for _ in case.x0]
    observe = [t for t in case.observe if t <= last]
    try:
        with np.errstate(all="ignore"):
            for params in _walk(program, case, in_case(dialect, case), last):
                for rows, x in zip(seen, params, strict=True):
                    rows.append(np.array(x))
            for i, rows in enumerate(seen if observe else []):
                steps = [(t, i) for t in observe]
                answer.x.update(zip(steps, _numbers(rows), strict=True))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise Refusal("error", f"{type(error).__name__}: {error}") from error
    return answer


def over(case: Case, answer: Answer, expected: Expected) -> float:
    """The largest error over the binary64 bound at the steps that the answer has; inf for NaN."""
    candidates = (expected, *expected.alternatives)
    reached = tuple(takewhile(lambda t: (t, 0) in answer.x, case.observe))
    if not reached:
        return 0.0
    if reached != case.observe:
        case = replace(case, observe=reached)
        candidates = tuple(
            e._replace(**{name: getattr(e, name)[: len(reached)] for name in ARRAYS})
            for e in candidates
        )
    return min(compare(case, answer, each).over for each in candidates)


def _walk(program: Program, case: Case, dialect: Dialect, last: int) -> Iterator[list[Array]]:
    """The parameters after each observed step, which the next step may write into."""
    layout = _Layout(
        HELD_IN.get(case.dtype, case.dtype), case.requires, tuple(x.shape for x in case.x0)
    )
    shapes, groups = list(layout.shapes), [x.group for x in case.x0]
    (x0,) = layout.arrays([[x.values for x in case.x0]])
    optimizer = program.optimizer(x0, groups, dialect, case.dtype)
    if case.start:
        m, v = layout.arrays([case.start.m, case.start.v])
        optimizer.load({"t": [case.start.t] * len(shapes), "m": m, "v": v})
    cycle = layout.arrays(case.gradients[:last])
    starts, observe = {hyper.start for hyper in case.hyper}, frozenset(case.observe)
    hypers: list[Hyper] = []
    for t in range(1, last + 1):
        if t in starts:
            hypers = [case.hyper_at(t, group) for group in range(max(groups) + 1)]
        grads = [None if g is None else layout.given(g) for g in cycle[(t - 1) % len(cycle)]]
        optimizer.step(grads, hypers)
        if t in observe:
            if [x.shape for x in optimizer.params] != shapes:
                raise ValueError(f"the parameters change their shapes at step {t}")
            yield optimizer.params
        if t in case.restore:
            saved = deepcopy(optimizer.save())
            optimizer = program.optimizer(optimizer.params, groups, dialect, case.dtype)
            optimizer.load(saved)


class _Layout(NamedTuple):
    """How numbers become the arrays that a program gets."""

    dtype: str
    requires: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    def arrays(self, rows: Sequence[Sequence[Sequence[float] | None]]) -> list[tuple[Any, ...]]:
        """For each row the array of each tensor, None where it has none."""
        columns = zip(zip(*rows, strict=True), self.shapes, strict=True)
        return list(zip(*(self._column(*pair) for pair in columns), strict=True))

    def _column(self, rows: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
        """A tensor's arrays, made together: there are dozens in a case, of few numbers each."""
        given = [row for row in rows if row is not None]
        numbers = np.array(given, np.float64)
        if self.dtype.startswith("complex"):
            numbers = numbers.view(np.complex128)
        together = numbers.astype(self.dtype).reshape(len(given), *shape)
        arrays: Iterator[Array] = (together[k, ...] for k in range(len(given)))  # 0-d ones too
        if "strided" in self.requires:
            arrays = map(np.asfortranarray, arrays)
        return [None if row is None else next(arrays) for row in rows]

    def given(self, gradient: Array) -> Array:
        """A gradient that the program may write into, or may not."""
        copy = gradient.copy(order="K")
        if "readonly" in self.requires:
            copy.flags.writeable = False
        return copy


def _numbers(rows: Sequence[Array]) -> list[tuple[float, ...]]:
    """The elements of a tensor after each observed step, in C order, complex ones as re, im."""
    flat = np.array(rows).reshape(len(rows), -1)
    wide = flat.astype(np.complex128 if np.iscomplexobj(flat) else np.float64)
    return list(map(tuple, wide.view(np.float64).tolist()))
