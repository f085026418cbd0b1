"""Laws that hold of any RAdam on any input, tried on fresh random ones: no vector is needed.

A law pairs two runs of the port whose answers must agree, bit for bit where both have arrays of the
same length: for another length a compiler makes other code, which rounds in its own way.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Set
from dataclasses import replace
from typing import TypeAlias

from .cases import Case, Hyper, Tensor
from .harness import Harness
from .protocol import Answer, Hello
from .results import CaseResult, FirstBad
from .schedule import request

STEPS, ELEMENTS = 12, 4
WIDE = 4_099  # a prime number of elements
BITS = {"float64": 53, "float32": 24}
LOOSE = 64.0  # units in the last place of the trajectory, where the lengths differ

Values: TypeAlias = tuple[float, ...]
# What the second run is given, and what the first run's parameters become by the law.
Law: TypeAlias = Callable[[Case], tuple[Case, Callable[[Values], Values]]]


def check(port: Harness, hello: Hello, dtypes: Set[str], seed: int) -> list[CaseResult]:
    """Try every law on fresh inputs.

    Parameters
    ----------
    port : Harness
    hello : Hello
        What the port offers: some laws need more than one tensor, or a state that is saved.
    dtypes : set of str
    seed : int
        The same seed gives the same inputs.

    Returns
    -------
    list of CaseResult
        One for each law and dtype, of a case whose id names the law.
    """
    results = []
    for dtype in sorted(dtypes & set(BITS)):
        for number, (name, (title, features, law)) in enumerate(LAWS.items()):
            if set(features) <= set(hello.features):
                case = _fresh(name, title, dtype, f"{seed} {number} {dtype}")
                results.append(_tried(port, case, law))
    return results


def _fresh(name: str, title: str, dtype: str, seed: str) -> Case:
    """A case of random gradients that starts from 0; its betas and lr are drawn too."""
    source, bits = random.Random(seed), BITS[dtype]

    def draw() -> float:
        return source.getrandbits(bits) / 2.0 ** (bits - 1) - 1.0

    beta2 = source.choice((0.9, 0.99, 0.999)) if name != "scale" else source.choice((0.5, 0.6))
    hyper = Hyper(1, 2.0**-4, source.choice((0.5, 0.9)), beta2, 1e-8, 0.0, True, False, False)
    rows = tuple((tuple(draw() for _ in range(ELEMENTS)),) for _ in range(STEPS))
    return Case(
        id=_id(name, dtype),
        title=title,
        clause="S4",
        paper_line="Algorithm 2",
        purpose=title,
        flags=(),
        requires=(),
        kills=(),
        dtype=dtype,
        hyper=(hyper,),
        x0=(Tensor((ELEMENTS,), (0.0,) * ELEMENTS),),
        steps=STEPS,
        gradients=rows,
        observe=tuple(range(1, STEPS + 1)),
    )


def _again(case: Case) -> tuple[Case, Callable[[Values], Values]]:
    return case, lambda x: x


def _negate(case: Case) -> tuple[Case, Callable[[Values], Values]]:
    rows = tuple(tuple(tuple(-g for g in row or ()) for row in rows) for rows in case.gradients)
    return replace(case, gradients=rows), lambda x: tuple(-value for value in x)


def _scale(case: Case) -> tuple[Case, Callable[[Values], Values]]:
    """(g, lr) -> (2^k g, 2^-k lr) for a beta2 that is never rectified."""
    k = 3
    rows = tuple(tuple(tuple(g * 2**k for g in row or ()) for row in r) for r in case.gradients)
    (hyper,) = case.hyper
    return replace(case, gradients=rows, hyper=(hyper._replace(lr=hyper.lr / 2**k),)), lambda x: x


def _permute(case: Case) -> tuple[Case, Callable[[Values], Values]]:
    def turn(values: Values) -> Values:
        return (*values[1:], values[0])

    rows = tuple(tuple(turn(row or ()) for row in rows) for rows in case.gradients)
    return replace(case, gradients=rows), turn


def _split(case: Case) -> tuple[Case, Callable[[Values], Values]]:
    """One tensor as two halves in the same optimizer."""
    half = ELEMENTS // 2
    halves = (Tensor((half,), (0.0,) * half), Tensor((ELEMENTS - half,), (0.0,) * half))
    rows = tuple((row[:half], row[half:]) for (row,) in case.gradients if row is not None)
    return replace(case, gradients=rows, x0=halves, requires=("tensors",)), lambda x: x


def _tile(case: Case) -> tuple[Case, Callable[[Values], Values]]:
    """One tensor as many copies of itself: more than a vector, a thread or a block holds."""
    copies = WIDE // ELEMENTS + 1

    def tiled(values: Values) -> Values:
        return (values * copies)[:WIDE]

    rows = tuple(tuple(tiled(row or ()) for row in rows) for rows in case.gradients)
    x0 = (Tensor((WIDE,), (0.0,) * WIDE),)
    return replace(case, gradients=rows, x0=x0), tiled


def _resume(case: Case) -> tuple[Case, Callable[[Values], Values]]:
    return replace(case, requires=("restore",), restore=(4, 5, 6)), lambda x: x


def _poison(case: Case) -> tuple[Case, Callable[[Values], Values]]:
    """An infinite gradient in the first step: that element is lost, and no other one (S6)."""
    (first,), *others = case.gradients
    rows = (((math.inf, *(first or ())[1:]),), *others)
    return replace(case, gradients=rows), lambda x: (math.nan, *x[1:])


LAWS: dict[str, tuple[str, tuple[str, ...], Law]] = {
    "repeat": ("Two runs of the same case agree", (), _again),
    "negate": ("From x0 = 0, -g moves the other way", (), _negate),
    "scale": ("Never rectified: (2^k g, 2^-k lr) moves alike", (), _scale),
    "permute": ("Elements do not know of each other", (), _permute),
    "poison": ("A gradient that is not finite spoils its own element alone", (), _poison),
    "tile": ("Many copies of a tensor in one array move like the tensor", (), _tile),
    "split": ("A tensor moves like its halves", ("tensors",), _split),
    "resume": ("A run that is saved and restored goes on", ("restore",), _resume),
}


def law_ids() -> list[str]:
    """The ids of the cases that `check` makes of a port which offers everything."""
    return [_id(name, dtype) for dtype in sorted(BITS) for name in LAWS]


def _id(name: str, dtype: str) -> str:
    return f"laws/{name}-01-f{dtype.removeprefix('float')}"


def _tried(port: Harness, case: Case, law: Law) -> CaseResult:
    changed, becomes = law(case)
    outcomes = [port.run(request(each)) for each in (case, changed)]
    one, other = (outcome.answer for outcome in outcomes)
    if one is None or other is None:
        failed = next(outcome for outcome in outcomes if outcome.answer is None)
        assert failed.kind != "answered"
        return CaseResult(case, failed.kind, failed.text)
    for step, element, want, got in _differences(case, one, other, becomes):
        first = FirstBad(step, element, got, want, float("inf"))
        return CaseResult(case, "fail", f"{case.title}: it does not", first_bad=first)
    return CaseResult(case, "pass")


def _differences(
    case: Case, one: Answer, other: Answer, becomes: Callable[[Values], Values]
) -> Iterator[tuple[int, int, float, float]]:
    lengths = [{len(x) for x in answer.x.values()} for answer in (one, other)]
    largest = max(abs(value) for x in one.x.values() for value in x)
    slack = LOOSE * largest * 2.0 ** -BITS[case.dtype] if lengths[0] != lengths[1] else 0.0
    for t in case.observe:
        wanted = becomes(one.x[t, 0])
        moved = [value for (step, _), x in sorted(other.x.items()) if step == t for value in x]
        for element, (want, got) in enumerate(zip(wanted, moved, strict=True)):
            if math.isnan(want):  # lost for good, at the latest when a step is rectified
                wrong = math.isfinite(got) and t == case.observe[-1]
            else:
                wrong = not abs(want - got) <= slack
            if wrong:
                yield t, element, want, got
