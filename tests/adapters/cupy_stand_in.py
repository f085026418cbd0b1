"""As much of CuPy as the adapter calls, on the host: its kernels are compiled by g++.

It shows that their text is C++ with the bits of NumPy, and that each gets its arguments. Whether
CuPy's own compiler takes the text, strides and streams are for a GPU to show.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

C_TYPES = {
    "float16": "_Float16", "float32": "float", "float64": "double",
    "int32": "int", "int64": "long long", "uint64": "unsigned long long",
}  # fmt: skip
launches: list[str] = []


class ndarray(np.ndarray[Any, Any]):
    """A NumPy array with an address and a device."""

    @property
    def device(self) -> Any:
        return DEVICE

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self.ctypes.data)


DEVICE: Any = nullcontext()


def asarray(array: Any) -> Any:
    return np.asarray(array).view(ndarray)


empty_like, may_share_memory = np.empty_like, np.may_share_memory


class ElementwiseKernel:
    def __init__(self, inputs: str, outputs: str, body: str, name: str, options: Any) -> None:
        assert options == ("--fmad=false",)
        self.params = [param.split() for param in f"{inputs}, {outputs}".split(", ")]
        self.outputs, self.body = len(outputs.split(", ")), body
        self.function: Any = None

    def compiled(self, is_array: list[bool]) -> Any:
        arguments, lines = [], []
        for (*raw, kind, name), array in zip(self.params, is_array, strict=True):
            c_type = C_TYPES[kind]
            if not array or raw:
                arguments.append(f"{c_type}{'*' * len(raw)} {name}")
            else:
                constant = "const " if name.startswith("in_") else ""
                arguments.append(f"{c_type}* _raw_{name}")
                lines.append(f"{constant}{c_type}& {name} = _raw_{name}[i];")
        text = (
            "#include <cmath>\nusing std::sqrt; using float16 = _Float16;\n"
            f'extern "C" void run(long long n, {", ".join(arguments)}) {{\n'
            "for (long long i = 0; i < n; ++i) {\n" + "\n".join([*lines, self.body]) + "}}\n"
        )
        folder = Path(tempfile.mkdtemp())
        (folder / "kernel.cpp").write_text(text)
        command = [
            "g++",
            "-O1",
            "-ffp-contract=off",
            "-shared",
            "-fPIC",
            "-o",
            folder / "kernel.so",
        ]
        subprocess.run([*command, folder / "kernel.cpp"], check=True)
        return ctypes.CDLL(str(folder / "kernel.so")).run

    def __call__(self, *args: Any, size: int | None = None) -> None:
        launches.append(self.body)
        is_array = [isinstance(arg, np.ndarray) for arg in args]
        self.function = self.function or self.compiled(is_array)
        shape = np.broadcast_shapes(
            *(arg.shape for arg, array in zip(args, is_array, strict=True) if array and not size)
        )
        values, kept, back = [], [], []
        for k, ((*raw, kind, _), arg) in enumerate(zip(self.params, args, strict=True)):
            if isinstance(arg, np.ndarray):
                assert arg.dtype == kind
                flat = arg if raw else np.array(np.broadcast_to(arg, shape), order="C")
                kept.append(flat)
                values.append(ctypes.c_void_p(flat.ctypes.data))
                back += [(arg, flat)] if k >= len(args) - self.outputs and not raw else []
            else:
                c_type = {"float32": ctypes.c_float, "float64": ctypes.c_double}
                values.append(c_type.get(kind, ctypes.c_int)(arg))
        self.function(ctypes.c_longlong(int(np.prod(shape)) if size is None else size), *values)
        for to, value in back:
            to[...] = value
