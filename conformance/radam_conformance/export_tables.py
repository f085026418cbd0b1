"""Cases of one tensor as CSV tables and as a C header."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from textwrap import fill

from .cases import Case
from .protocol import HYPER_NAMES, to_words

COLUMNS = {
    "cases": "id dtype size steps cycle observed clause title",
    "hyper": "id name bits value",
    "x0": "id element bits value",
    "gradients": "id number element bits value",
    "expected": "id step element hi_bits lo_bits binary64_bits exact_scalar_bits "
    "hi lo binary64 exact_scalar",
}
STRUCT = """\
typedef struct {
    const char *id;
    int is_float32; /* x0 and gradients are in binary32, else in binary64 */
    double lr, beta1, beta2, eps, weight_decay;
    int decoupled, maximize, nesterov;
    long size, steps, cycle, observed;
    const double *x0;              /* size */
    const double *gradients;       /* cycle * size: step t uses row (t - 1) % cycle */
    const long *observe;           /* steps after which x is compared, ascending */
    const double *hi, *lo, *bound; /* observed * size: x is right if |x - (hi + lo)| <= bound */
} radam_case;
"""


def tables(cases: Sequence[Case], dialect: str) -> dict[str, bytes]:
    """The tables by file name: a row for each number, in bits and in decimal."""
    rows: dict[str, list[list[object]]] = {
        "cases": [_about(case) for case in cases],
        "hyper": [  # flags are 0 and 1
            [c.id, name, *_both([getattr(c.hyper[0], name)])] for c in cases for name in HYPER_NAMES
        ],
        "x0": [
            row for case in cases for row in _elements([case.id], case.x0[0].values, case.dtype)
        ],
        "gradients": [row for case in cases for row in _gradients(case)],
        "expected": [row for case in cases for row in _expected(case, dialect)],
    }
    return {f"{name}.csv": _table(COLUMNS[name].split(), rows[name]) for name in rows}


def _about(case: Case) -> list[object]:
    numbers = (len(case.x0[0].values), case.steps, len(case.gradients), len(case.observe))
    return [case.id, case.dtype, *numbers, case.clause, case.title]


def _gradients(case: Case) -> Iterator[list[object]]:
    for k, (values,) in enumerate(case.gradients, start=1):
        yield from _elements([case.id, k], values or (), case.dtype)


def _elements(key: list[object], values: Sequence[float], dtype: str) -> Iterator[list[object]]:
    for j, (bits, value) in enumerate(zip(to_words(values, dtype).split(), values, strict=True)):
        yield [*key, j, bits, repr(value)]


def _expected(case: Case, dialect: str) -> Iterator[list[object]]:
    expected = case.expected[dialect]
    arrays = (expected.hi, expected.lo, expected.binary64, expected.exact_scalar)
    for row, step in enumerate(case.observe):
        for j, numbers in enumerate(zip(*(array[row].tolist() for array in arrays), strict=True)):
            yield [case.id, step, j, *_both(numbers)]


def _both(values: Sequence[float]) -> list[str]:
    """The numbers as bit patterns of binary64, then in decimal."""
    return [*to_words(values, "float64").split(), *(repr(float(value)) for value in values)]


def _table(columns: list[str], rows: Iterable[list[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *rows])
    return text.getvalue().encode()


def header(cases: Sequence[Case], dialect: str) -> bytes:
    """A C99 header with an array of all cases."""
    largest = max(len(case.x0[0].values) for case in cases)
    parts = [
        f"/* RAdam conformance vectors of radam-ref {version('radam-ref')}, MIT license. */",
        "#ifndef RADAM_VECTORS_H\n#define RADAM_VECTORS_H\n",
        f'#define RADAM_DIALECT "{dialect}"',
        f"#define RADAM_CASES {len(cases)}",
        f"#define RADAM_LARGEST {largest} /* elements of the largest case */\n",
        STRUCT,
    ]
    parts += [line for k, case in enumerate(cases) for line in _arrays(f"radam_{k}", case, dialect)]
    structs = ",\n".join(_struct(f"radam_{k}", case) for k, case in enumerate(cases))
    parts += [
        f"\nstatic const radam_case radam_cases[RADAM_CASES] = {{\n{structs}\n}};",
        "\n#endif\n",
    ]
    return "\n".join(parts).encode()


def _arrays(name: str, case: Case, dialect: str) -> Iterator[str]:
    expected = case.expected[dialect]
    numbers = {
        "x0": case.x0[0].values,
        "gradients": [x for (values,) in case.gradients for x in values or ()],
        "hi": expected.hi.ravel().tolist(),
        "lo": expected.lo.ravel().tolist(),
        "bound": expected.binary64.ravel().tolist(),
    }
    yield f"/* {case.id} */"
    yield _array("long", f"{name}_observe", map(str, case.observe))
    for what, values in numbers.items():
        yield _array("double", f"{name}_{what}", map(_hexfloat, values))


def _array(kind: str, name: str, words: Iterable[str]) -> str:
    return f"static const {kind} {name}[] = {{\n{fill(', '.join(words), 100)}\n}};"


def _struct(name: str, case: Case) -> str:
    first = case.hyper[0]
    numbers = [_hexfloat(x) for x in first[1:6]]
    flags = [int(first.decoupled), int(first.maximize), int(first.nesterov)]
    counts = [len(case.x0[0].values), case.steps, len(case.gradients), len(case.observe)]
    arrays = [f"{name}_{what}" for what in ("x0", "gradients", "observe", "hi", "lo", "bound")]
    words = [f'"{case.id}"', int(case.dtype == "float32"), *numbers, *flags, *counts, *arrays]
    return f"    {{{', '.join(map(str, words))}}}"


def _hexfloat(value: float) -> str:
    """C99's notation, without the zeros that `float.hex` ends in."""
    return re.sub(r"\.?0*p", "p", value.hex())
