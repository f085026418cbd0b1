"""Writes the stored vectors from the designs, or checks that they are what the designs give."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from itertools import accumulate, pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

from radam_ref import dialects

from ..cases import ARRAYS, Case, Expected, Hyper
from ..features import PROFILES
from ..golden_files import FORMAT
from ..truth import balls, witness
from ..truth.bits import to_bits
from ..user_files import write_whole
from . import recorded
from .combined import BLUEPRINTS
from .core import DESIGNS as MADE_UP

Record: TypeAlias = dict[str, Any]
Pairs: TypeAlias = list[list[tuple[float, float]]]  # hi and lo by observed step and element

GOLDEN = Path(__file__).parents[1] / "golden"
# Those that real ports have and Core tells apart; eps as a floor is proxmin's, which has no more
# than Core.
DIALECTS = ("paper", "pytorch", "optax", "authors", "paper-hold", "lamp")
CORE_DIALECTS = (*DIALECTS, "proxmin")
DESIGNS = (*MADE_UP, *recorded.RECORDED)
LONG_DIALECTS = ("paper",)  # minutes of both oracles
SINCE = "0.1.0"
PROCESSES = 2


def regenerate(
    *, check: bool = False, progress: Callable[[int, int, str], None] | None = None
) -> list[str]:
    """Recompute every case by both oracles, and write it or compare it with the stored one.

    Parameters
    ----------
    check : bool
        Compare and write nothing; provenance, which names versions, is not compared.
    progress : callable, optional
        Called after each case with the number of cases done, their total, and the id.

    Returns
    -------
    list of str
        What differs; empty after writing.

    Raises
    ------
    ArithmeticError
        The oracles disagree, or a bound is infinite.
    """
    cases = [each.case(dtype) for each in (*DESIGNS, *BLUEPRINTS) for dtype in each.dtypes]
    records = _records(cases, progress or (lambda done, total, id: None))
    return list(_differences(records)) if check else _write(records)


def _records(cases: list[Case], progress: Callable[[int, int, str], None]) -> list[Record]:
    """The records of the cases, in their order; the longest are computed first."""
    longest_first = sorted(cases, key=lambda case: -case.steps)
    records: dict[str, Record] = {}
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        # A task for each oracle: the million steps of one case would keep one process alone.
        tasks = {
            case.id: {
                name: [pool.submit(oracle, case, name) for oracle in (_proved, _witnessed)]
                for name in stored_dialects(case)
            }
            for case in longest_first
        }
        try:
            for done, case in enumerate(longest_first, start=1):
                found = {name: [t.result() for t in pair] for name, pair in tasks[case.id].items()}
                records[case.id] = _record(case, found)
                progress(done, len(cases), case.id)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return [records[case.id] for case in cases]


def stored_dialects(case: Case) -> tuple[str, ...]:
    """The dialects in which a case is stored; the judge computes it in others when it must."""
    if case.refused:
        return ()
    return {"core": CORE_DIALECTS, "long": LONG_DIALECTS}.get(case.profile, DIALECTS)


def build(case: Case) -> Record:
    """The record of a case as its file has it, expectations included, from both oracles.

    Raises
    ------
    ArithmeticError
        The oracles disagree, or a bound is infinite.
    """
    names = stored_dialects(case)
    return _record(case, {name: [_proved(case, name), _witnessed(case, name)] for name in names})


def _proved(case: Case, name: str) -> Expected:
    return balls.expected(case, dialects[name])


def _witnessed(case: Case, name: str) -> list[Pairs]:
    """What the witness says of each way to take the steps that roundings decide."""
    ways = balls.choices(case, dialects[name]) or [{}]
    return [witness.pairs(case, dialects[name], branches) for branches in ways]


def _record(case: Case, found: Mapping[str, Sequence[Any]]) -> Record:
    """The record of a case from what both oracles say in each dialect."""
    record: Record = {
        "format": FORMAT,
        "id": case.id,
        "since": SINCE,
        "title": case.title,
        "spec": {"clause": case.clause, "paper": case.paper_line},
        "purpose": case.purpose,
        "flags": list(case.flags),
        "requires": list(case.requires),
        "kills": list(case.kills),
        "dtype": case.dtype,
        "hyper": [_hyper_record(hyper) for hyper in case.hyper],
        "x0": [
            {"shape": list(t.shape), "group": t.group, "bits": to_bits(t.values, case.dtype)}
            for t in case.x0
        ],
        "steps": case.steps,
        "gradients": [
            [None if values is None else to_bits(values, case.dtype) for values in row]
            for row in case.gradients
        ],
        "observe": list(case.observe),
        "expected": {name: _expected_record(case, name, *both) for name, both in found.items()},
        "provenance": {
            "generator": "radam_conformance.authoring",
            "oracles": [f"{name} {version(name)}" for name in ("python-flint", witness.LIBRARY)],
        },
    }
    if source := recorded.source_of(case.id):
        record["provenance"]["recorded"] = source
    return record | _optional(case)


def _optional(case: Case) -> Record:
    """What only some cases have."""
    fields: Record = {}
    if case.start is not None:
        moments = {
            name: [to_bits(values, case.dtype) for values in getattr(case.start, name)]
            for name in ("m", "v")
        }
        fields["state"] = {"t": case.start.t, **moments}
    if case.restore:
        fields["restore"] = list(case.restore)
    if case.refused:
        fields["refused"] = case.refused
    return fields


def _hyper_record(hyper: Hyper) -> Record:
    names = Hyper._fields[1:6]
    bits = zip(names, to_bits(hyper[1:6]), strict=True)
    flags = {name: getattr(hyper, name) for name in ("decoupled", "maximize", "nesterov", "group")}
    return {"from": hyper.start, **dict(bits), **flags}


def _expected_record(case: Case, name: str, expected: Expected, seen: list[Pairs]) -> Record:
    results = (expected, *expected.alternatives)
    if [_pairs(result) for result in results] != seen:
        raise ArithmeticError(f"{case.id}: the oracles disagree in dialect {name}")
    if not all(bound.max() < float("inf") for result in results for bound in result[2:4]):
        raise ArithmeticError(f"{case.id}: a bound is infinite in dialect {name}")
    record, *others = ({f: _tensors(case, result, f) for f in ARRAYS} for result in results)
    return {**record, "alternatives": others} if others else dict(record)


def _pairs(expected: Expected) -> Pairs:
    return [list(zip(*row, strict=True)) for row in zip(expected.hi, expected.lo, strict=True)]


def _tensors(case: Case, expected: Expected, field: str) -> list[list[list[str]]]:
    sizes = [len(tensor.values) for tensor in case.x0]
    spans = list(pairwise(accumulate(sizes, initial=0)))
    rows = getattr(expected, field).tolist()
    return [[to_bits(row[start:end]) for start, end in spans] for row in rows]


def _write(records: list[Record]) -> list[str]:
    entries = []
    for record in records:
        name, text = f"{record['id']}.json", render(record)
        (GOLDEN / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(GOLDEN / name, text)
        entries.append({"id": record["id"], "file": name, "sha256": digest(text)})
    index: Record = {"format": FORMAT, "suite": "radam", "cases": entries}
    for key, name in (("notes", "notes.json"), ("schema", "schema/case.schema.json")):
        index[key] = {"file": name, "sha256": digest((GOLDEN / name).read_bytes())}
    write_whole(GOLDEN / "index.json", render(index))
    return []


def _differences(records: list[Record]) -> Iterator[str]:
    stored_names = stored_files()
    for record in records:
        name = f"{record['id']}.json"
        if name not in stored_names:
            yield f"{name}: is missing"
            continue
        stored = json.loads((GOLDEN / name).read_bytes())
        for key in sorted({*record, *stored} - {"provenance"}):
            if record.get(key) != stored.get(key):
                yield f"{name}: {key} is not what the design gives"
    yield from (
        f"{name}: has no design"
        for name in sorted(stored_names - {f"{record['id']}.json" for record in records})
    )


def stored_files() -> set[str]:
    """Every case that lies in the folders of the profiles, by profile and file name."""
    folders = (GOLDEN / profile for profile in PROFILES)
    return {f"{path.parent.name}/{path.name}" for each in folders for path in each.glob("*.json")}


def digest(text: bytes) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(text).hexdigest()


def render(value: object) -> bytes:
    """JSON with a line for each short value: the same bytes on every machine."""
    return (_render(value, "") + "\n").encode()


def _render(value: object, indent: str) -> str:
    flat = json.dumps(value)
    if len(indent) + len(flat) <= 100 or not isinstance(value, dict | list):
        return flat
    deeper = indent + " "
    if isinstance(value, list):
        return "[\n" + ",\n".join(deeper + _render(v, deeper) for v in value) + f"\n{indent}]"
    items = (f"{deeper}{json.dumps(key)}: {_render(v, deeper)}" for key, v in value.items())
    return "{\n" + ",\n".join(items) + f"\n{indent}}}"
