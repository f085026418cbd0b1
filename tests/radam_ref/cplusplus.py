"""The formula as C++: the text that CuPy compiles, compiled by g++."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radam_adapters._cuda_text import body_of
from radam_adapters._traced_formula import ARRAYS, trace
from radam_ref import Coefficients, Form


def function(name: str, form: Form, modulus: bool, dtype: str) -> str:
    """update in place, c an array of all coefficients."""
    kind = {"float32": "float", "float64": "double"}[dtype]
    program, places = trace(form, modulus), {array: f"p_{array}[i]" for array in ARRAYS[modulus]}
    arrays = ", ".join(f"{kind}* p_{array}" for array in ARRAYS[modulus])
    fields = Coefficients._fields
    terms = [f"const {kind} {k} = c[{fields.index(k)}];" for k in program.reads(fields)]
    statements = "\n".join([*terms, body_of(program, dtype, places, places)])
    return (
        f'extern "C" void {name}(long n, const {kind}* c, {arrays}) {{\n'
        f"for (long i = 0; i < n; ++i) {{\n{statements}\n}}\n}}\n"
    )


def compile_forms(
    forms: Sequence[tuple[Form, bool]], dtype: str, folder: Path
) -> list[Callable[..., None]]:
    """update(c, arrays) for each form, in place; one library built by g++ for all of them."""
    text = "#include <cmath>\nusing std::sqrt;\n" + "".join(
        function(f"update{k}", form, modulus, dtype) for k, (form, modulus) in enumerate(forms)
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
