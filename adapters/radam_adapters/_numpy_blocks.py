"""The formula as NumPy's operations, for as many elements at a time as stay in a cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from threading import local
from typing import Any

import numpy as np

from radam_ref import Coefficients, Form

from ._traced_formula import ARRAYS, Program, trace

Kernel = Callable[..., None]

scratch = local()

UFUNCS = {
    "+": "add({0}, {1}, {to})",
    "-": "subtract({0}, {1}, {to})",
    "*": "multiply({0}, {1}, {to})",
    "/": "divide({0}, {1}, {to})",
    "1 -": "subtract(1.0, {0}, {to})",
    "negative": "negative({0}, {to})",
    "== 0": "{to} = {0} == 0",
    "sqrt": "sqrt({0}, {to})",
    "where": "{to} = where({0}, {1}, {2})",
}


@lru_cache(maxsize=256)
def interpreted(form: Form, modulus: bool, rates: bool, decays: bool, dtype: str) -> Kernel:
    """update(c, x, g, m, v[, rate]), one operation of NumPy after the other; c has Python's floats.

    x, g and m are complex beside a real v if `modulus`; rate is that of each element.
    """
    text, count = ufuncs_text(trace(form, modulus, rates, decays))
    namespace = vars(np).copy()
    exec(text, namespace)  # made of our own formula alone: the functions called, without a loop
    update = namespace["update"]

    def kernel(c: Coefficients, x: Any, g: Any, m: Any, v: Any, *rate: Any) -> None:
        parts = [part for z in (x, g, m) for part in (z.real, z.imag)] if modulus else [x, g, m]
        with np.errstate(all="ignore"):
            update(c, buffers(count, v.size, dtype), *parts, v, *rate)

    return kernel


def buffers(count: int, size: int, dtype: str) -> Any:
    """Arrays of this thread, the same in each call."""
    kept: dict[str, Any] = vars(scratch)
    if dtype not in kept or kept[dtype].shape[0] < count or kept[dtype].shape[1] < size:
        kept[dtype] = np.empty((count, size), dtype)
    return kept[dtype][:count, :size]


def ufuncs_text(program: Program) -> tuple[str, int]:
    """A function of NumPy's operations, and how many buffers it wants."""
    at, count = places(program)
    names = ARRAYS["x_re" in program.results]
    lines = [f"{name} = c.{name}" for name in program.reads(Coefficients._fields)]
    lines += [f"b{k} = b[{k}]" for k in range(count)]
    for line in program.lines:
        operands = [at.get(name, name) for name in line.operands]
        lines.append(UFUNCS[line.operator].format(*operands, to=at[line.to]))
    copies = {name: at[result] for name, result in program.results.items() if at[result] != name}
    lines += [f"copyto({name}, {value})" for name, value in copies.items()]
    body = "".join(f"    {line}\n" for line in lines)
    return f"def update(c, b, {', '.join(names)}, rate=None):\n{body}", count


def places(program: Program) -> tuple[dict[str, str], int]:
    """Where the result of each line goes, and the number of buffers b0, b1, ...

    A buffer is written again once nobody reads it any more; the new value of an array goes into the
    array at once, if nobody reads the old one any more.
    """
    last = {operand: k for k, line in enumerate(program.lines) for operand in line.operands}
    array_of = {result: name for name, result in program.results.items()}
    at: dict[str, str] = {}
    free: list[str] = []
    count = 0
    for k, line in enumerate(program.lines):
        ended = [name for name in set(line.operands) if last[name] == k and name not in array_of]
        free += [at[name] for name in ended if at.get(name, "")[:1] == "b"]
        array = array_of.get(line.to)
        if line.operator in ("== 0", "where"):  # NumPy has these only as new arrays
            at[line.to] = line.to
        elif array and last.get(array, 0) <= k:
            at[line.to] = array
        else:
            if not free:
                free, count = [f"b{count}"], count + 1
            at[line.to] = free.pop()
    return at, count
