"""The formula as loops over elements: compiled by numba, or NumPy's, on buffers in a cache."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Timer, local
from types import ModuleType
from typing import Any

import numpy as np

from radam_ref import Coefficients, Form

from ._traced_formula import ARRAYS, Program, trace

Kernel = Callable[..., None]
"""update(c, x, g, m, v[, rate]) on 1-d arrays, in place; x, g and m are complex beside a real v."""

log = logging.getLogger("radam_adapters")
scratch = local()

INFIX = {sign: f"{{to}} = {{0}} {sign} {{1}}" for sign in "+-*/"}
NUMBA = INFIX | {
    "1 -": "{to} = one - {0}",
    "negative": "{to} = -{0}",
    "== 0": "{to} = {0} == 0",
    "sqrt": "{to} = sqrt({0})",
    "where": "{to} = {1} if {0} else {2}",
}
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


@lru_cache(maxsize=1)
def has_numba() -> bool:
    """Whether loops can be compiled."""
    if importlib.util.find_spec("numba") is None:
        return False
    try:
        import numba  # noqa: F401
    except ImportError as error:  # it is there, and does not suit NumPy
        log.warning("numba cannot be used: %s", error)
        return False
    return True


@lru_cache(maxsize=256)
def compiled(form: Form, modulus: bool, rates: bool, decays: bool, dtype: str) -> Kernel:
    """One pass over memory, compiled once for all; the arrays are contiguous, c is an array too."""
    with saying(f"compiling the step for {dtype}"):
        import numba

        function, kept = function_from(loop_text(trace(form, modulus, rates, decays), dtype))
        real = numba.from_dtype(np.dtype(dtype))
        number = getattr(numba.types, f"complex{2 * real.bitwidth}") if modulus else real

        def array(of: Any, readonly: bool = False) -> Any:
            return numba.types.Array(of, 1, "C", readonly=readonly)

        arrays = [array(number), array(number, readonly=True), array(number), array(real)]
        rate = [array(real, readonly=True)] if rates else []
        signature = numba.types.void(array(real), *arrays, *rate)
        kernel: Kernel = numba.njit(signature, nogil=True, cache=kept, error_model="numpy")(
            function
        )
        return kernel


@lru_cache(maxsize=256)
def interpreted(form: Form, modulus: bool, rates: bool, decays: bool, dtype: str) -> Kernel:
    """One operation of NumPy after the other, for as much as stays in a cache; c is a tuple."""
    text, count = ufuncs_text(trace(form, modulus, rates, decays))
    namespace = vars(np).copy()
    exec(text, namespace)
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


@contextmanager
def saying(what: str) -> Iterator[None]:
    """Say what is being done where it has not been done in a second."""
    timer = Timer(1.0, log.warning, [f"{what}, once: the code is kept in {cache_folder()}"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def loop_text(program: Program, dtype: str) -> str:
    """A function with a loop over the elements, in what numba reads."""
    places = {
        "x": "X[i]", "x_re": "X[i, 0]", "x_im": "X[i, 1]",
        "g": "G[i]", "g_re": "G[i, 0]", "g_im": "G[i, 1]",
        "m": "M[i]", "m_re": "M[i, 0]", "m_im": "M[i, 1]",
        "v": "V[i]", "rate": "RATE[i]",
    }  # fmt: skip
    lines = ["one = C.dtype.type(1)"]
    fields = Coefficients._fields
    lines += [f"{name} = C[{fields.index(name)}]" for name in program.reads(fields)]
    if "x_re" in program.results:
        lines += [f"{name} = {name}.view({dtype}).reshape(-1, 2)" for name in "XGM"]
    body = [f"{name} = {places[name]}" for name in program.reads(list(places))]
    body += program.text(NUMBA)
    body += [f"{places[name]} = {result}" for name, result in program.results.items()]
    lines += ["for i in range(V.size):", *(f"    {line}" for line in body)]
    rate = ", RATE" if "rate" in program.reads(["rate"]) else ""
    head = f"from numpy import {dtype}, sqrt\n\n\ndef update(C, X, G, M, V{rate}):\n"
    return head + "".join(f"    {line}\n" for line in lines)


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


def cache_folder() -> Path:
    """Where numba keeps its code, or the user's own folder for such things."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen) / "radam_adapters"
    if sys.platform == "win32":
        caches = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "radam_adapters"


def function_from(text: str) -> tuple[Callable[..., None], bool]:
    """The function that the text defines, and whether numba can keep its code.

    It does where the function comes from a file; the file has the name of what it says.
    """
    name = f"update_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    file = cache_folder() / f"{name}.py"
    try:
        if not file.exists() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as new:
                new.write(text)
            os.replace(new.name, file)  # whole, also where two processes write it
        kept = True
    except OSError:
        kept = False
    module = sys.modules[f"radam_adapters.{name}"] = ModuleType(f"radam_adapters.{name}")
    module.__file__ = str(file)
    exec(compile(text, file, "exec"), vars(module))
    function: Callable[..., None] = module.update
    return function, kept
