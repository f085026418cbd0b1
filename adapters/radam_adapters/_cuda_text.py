"""The formula as the body of a CUDA kernel, in C++, for one element of one array or of many."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from radam_ref import Coefficients, Form

from ._traced_formula import ARRAYS, INFIX, Program, trace

C_TYPES = {"float16": "float16", "float32": "float", "float64": "double"}

CPP = {operator: f"const {{T}} {line};" for operator, line in INFIX.items()} | {
    "1 -": "const {T} {to} = {T}(1) - {0};",
    "negative": "const {T} {to} = -{0};",
    "== 0": "const bool {to} = {0} == 0;",
    "sqrt": "const {T} {to} = sqrt({0});",
    "where": "const {T} {to} = {0} ? {1} : {2};",
}

# Array k of the list that element i is in, and its place there: ends has the sums of the sizes.
SEARCH = """
int k = 0;
for (int last = count - 1; k < last;) {
  const int middle = (k + last) / 2;
  if (i < ends[middle]) last = middle; else k = middle + 1;
}
const long long at = i - (k ? ends[k - 1] : 0);
""".strip()


POINTERS = ("in_x", "in_g", "in_m", "in_v", "out_x", "out_m", "out_v")


class Kernel(NamedTuple):
    """What `cupy.ElementwiseKernel` is made of; `terms` are the coefficients it wants, in order."""

    inputs: str
    outputs: str
    body: str
    terms: tuple[str, ...]


@lru_cache(maxsize=256)
def one_array(
    form: Form, modulus: bool, rates: bool, decays: bool, dtype: str, compute: str
) -> Kernel:
    """Arrays in, and arrays out, which may be the same."""
    program = trace(form, modulus, rates, decays)
    names, (terms, scalars) = ARRAYS[modulus], scalars_of(program, compute)
    types = {name: dtype if name[0] in "xg" else compute for name in names} | {"rate": compute}
    read = [*names, *(["rate"] if rates else [])]
    inputs = [f"{types[name]} in_{name}" for name in read] + scalars
    outputs = [f"{types[name]} out_{name}" for name in program.results]
    loads = {name: f"in_{name}" for name in read}
    stores = {name: f"out_{name}" for name in program.results}
    return Kernel(
        ", ".join(inputs), ", ".join(outputs), body_of(program, compute, loads, stores), terms
    )


@lru_cache(maxsize=256)
def many_arrays(form: Form, dtype: str, compute: str) -> Kernel:
    """Contiguous arrays: `table` has the addresses of x, g, m, v and of the new x, m, v of each."""
    program = trace(form, False)
    terms, scalars = scalars_of(program, compute)
    text = [SEARCH]
    for column, name in enumerate(POINTERS):
        c_type = C_TYPES[dtype if name[-1] in "xg" else compute]
        text.append(f"{c_type}* {name} = ({c_type}*)table[{len(POINTERS)} * k + {column}] + at;")
    loads = {name: f"*in_{name}" for name in ARRAYS[False]}
    stores = {name: f"*out_{name}" for name in program.results}
    text.append(body_of(program, compute, loads, stores))
    inputs = ", ".join(["raw int64 ends", "int32 count", *scalars])
    return Kernel(inputs, "raw uint64 table", "\n".join(text), terms)


def scalars_of(program: Program, compute: str) -> tuple[tuple[str, ...], list[str]]:
    """The coefficients that are read, and their declarations in the type computed in."""
    terms = tuple(program.reads(Coefficients._fields))
    return terms, [f"{compute} {name}" for name in terms]


def body_of(program: Program, compute: str, loads: dict[str, str], stores: dict[str, str]) -> str:
    """The statements for one element."""
    c_type = C_TYPES[compute]
    lines = [f"const {c_type} {name} = {loads[name]};" for name in program.reads(list(loads))]
    lines += program.text({key: line.replace("{T}", c_type) for key, line in CPP.items()})
    lines += [f"{stores[name]} = {result};" for name, result in program.results.items()]
    return "\n".join(lines)
