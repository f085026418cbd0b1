"""The formula as C++: a few objects that write down the operators applied to them."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radam_ref import Coefficients, Form, formula

PARAMETERS = {
    False: ("x", "g", "m", "v"),
    True: ("x_re", "x_im", "g_re", "g_im", "m_re", "m_im", "v"),
}


class Symbol:
    """A name in the C++ text; an operator appends one line, and is the name of its result."""

    def __init__(self, text: str, lines: list[str]) -> None:
        self.text, self.lines = text, lines

    def assign(self, expression: str, kind: str = "T") -> Symbol:
        name = f"a{len(self.lines)}"
        self.lines.append(f"const {kind} {name} = {expression};")
        return Symbol(name, self.lines)

    def __add__(self, other: Symbol) -> Symbol:
        return self.assign(f"{self.text} + {other.text}")

    def __sub__(self, other: Symbol) -> Symbol:
        return self.assign(f"{self.text} - {other.text}")

    def __mul__(self, other: Symbol) -> Symbol:
        return self.assign(f"{self.text} * {other.text}")

    def __truediv__(self, other: Symbol) -> Symbol:
        return self.assign(f"{self.text} / {other.text}")

    def __neg__(self) -> Symbol:
        return self.assign(f"-{self.text}")

    def __eq__(self, number: object) -> Symbol:  # type: ignore[override]
        return self.assign(f"{self.text} == {number}", "bool")


def sqrt(x: Symbol) -> Symbol:
    return x.assign(f"std::sqrt({x.text})")


def where(condition: Symbol, x: Symbol, y: Symbol) -> Symbol:
    return x.assign(f"{condition.text} ? {x.text} : {y.text}")


def flatten(results: Sequence[Any]) -> Iterator[Symbol]:
    for result in results:
        yield from flatten(result) if isinstance(result, tuple) else (result,)


def body(form: Form, modulus: bool) -> list[str]:
    """The statements that take element i of the arrays a step further."""
    lines: list[str] = []
    names = PARAMETERS[modulus]
    at_i = [Symbol(f"{name}[i]", lines) for name in names]
    if modulus:
        at_i = [(at_i[0], at_i[1]), (at_i[2], at_i[3]), (at_i[4], at_i[5]), at_i[6]]
    c = Coefficients(*(Symbol(f"c[{k}]", lines) for k in range(len(Coefficients._fields))))
    results = formula(sqrt, where, form)[modulus](*at_i, c)
    outputs = [name for name in names if name[0] != "g"]
    stores = [f"{to}[i] = {got.text};" for to, got in zip(outputs, flatten(results), strict=True)]
    return lines + stores


def function(name: str, form: Form, modulus: bool, kind: str) -> str:
    arrays = ", ".join(f"T* {array}" for array in PARAMETERS[modulus])
    statements = "\n    ".join(body(form, modulus))
    return (
        f'extern "C" void {name}(long n, const {kind}* c, {arrays.replace("T*", kind + "*")}) {{\n'
        f"  using T = {kind};\n  for (long i = 0; i < n; ++i) {{\n    {statements}\n  }}\n}}\n"
    )


def compile_forms(
    forms: Sequence[tuple[Form, bool]], dtype: str, folder: Path
) -> list[Callable[..., None]]:
    """update(c, arrays) for each form, in place; one library built by g++ for all of them."""
    kind = {"float32": "float", "float64": "double"}[dtype]
    text = "#include <cmath>\n" + "".join(
        function(f"update{k}", form, modulus, kind) for k, (form, modulus) in enumerate(forms)
    )
    source, library = folder / "forms.cpp", folder / "forms.so"
    source.write_text(text)
    command = ["g++", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-o", library, source]
    subprocess.run(command, check=True)
    loaded = ctypes.CDLL(str(library))

    def update(k: int) -> Callable[..., None]:
        def run(c: Coefficients, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
            values = np.asarray(c, dtype)
            pointers = [ctypes.c_void_p(a.ctypes.data) for a in (values, *arrays)]
            loaded[f"update{k}"](ctypes.c_long(arrays[0].size), *pointers)

        return run

    return [update(k) for k in range(len(forms))]
