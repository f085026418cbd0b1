"""The suite's own integrity: its files are whole, well formed, and say what they are for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from typing import Any

from .authoring.blueprint import SUFFIX
from .authoring.regenerate import regenerate
from .cases import ARRAYS
from .features import FEATURES, PROFILES
from .golden_files import DamagedError, golden, read_file, read_index
from .known_ports import load_known_ports
from .specimens.faults import FAULTS

__all__ = ["regenerate", "verify"]


def verify() -> list[str]:
    """Check every stored file against the index, the schema and the rules of the suite.

    Returns
    -------
    list of str
        What is wrong, each with the file it is about; empty if nothing is.
    """
    try:
        index = read_index()
    except DamagedError as error:
        return [str(error)]
    entries = [index["notes"], index["schema"], *index["cases"]]
    if damaged := [problem for entry in entries for problem in _damaged(entry["file"])]:
        return damaged
    changed = [problem for e in entries for problem in _damaged(e["file"], e["sha256"])]
    return changed + list(_problems(golden(), index)) + _table()


def _table() -> list[str]:
    try:
        load_known_ports()
    except DamagedError as error:
        return [str(error)]
    return []


def _damaged(file: str, sha256: str = "") -> list[str]:
    try:
        read_file(file, sha256)
    except DamagedError as error:
        return [str(error)]
    return []


def _problems(root: Traversable, index: dict[str, Any]) -> Iterator[str]:
    ids = [entry["id"] for entry in index["cases"]]
    repeated = sorted({id for id in ids if ids.count(id) > 1})
    yield from (f"index.json: {id} stands there twice" for id in repeated)
    stored = {
        f"{folder.name}/{file.name}"
        for folder in root.iterdir()
        if folder.name in PROFILES
        for file in folder.iterdir()
    }
    listed = {entry["file"] for entry in index["cases"]}
    yield from (f"{name}: is not in index.json" for name in sorted(stored - listed))
    notes = json.loads((root / index["notes"]["file"]).read_bytes())
    schema = json.loads((root / index["schema"]["file"]).read_bytes())
    validator = _validator(schema)
    used: set[str] = set()
    for entry in index["cases"]:
        name = entry["file"]
        record = json.loads((root / name).read_bytes())
        faults = [error.message[:200] for error in validator.iter_errors(record)]
        yield from (f"{name}: {fault}" for fault in faults or lint(record, entry, notes))
        used.update(record.get("flags", ()))
    yield from (f"notes.json: no case has the flag {flag}" for flag in sorted(set(notes) - used))


def _validator(schema: dict[str, Any]) -> Any:
    """jsonschema's, which looks at a whole array of numbers in hexadecimal at once.

    There are 300,000 of them, and one by one they take most of the time.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    one_by_one = Draft202012Validator.VALIDATORS["items"]

    def items(validator: Any, each: dict[str, Any], instance: Any, schema: Any) -> Iterator[Any]:
        if not (isinstance(instance, list) and all(_are_numbers(each, item) for item in instance)):
            yield from one_by_one(validator, each, instance, schema)

    return extend(Draft202012Validator, {"items": items})(schema)


def _are_numbers(schema: Any, value: Any) -> bool:
    """Whether a schema says no more than that a string, or arrays of it, has a pattern; and it has.

    False where jsonschema must look, or say what is wrong.
    """
    match schema:
        case {"type": "string", "pattern": pattern, **others} if not others:
            return isinstance(value, str) and re.search(pattern, value) is not None
        case {"type": "array", "items": each, **others} if not others:
            return isinstance(value, list) and all(_are_numbers(each, item) for item in value)
    return False


def lint(record: dict[str, Any], entry: dict[str, str], notes: dict[str, Any]) -> Iterator[str]:
    """What a well-formed case still gets wrong.

    Parameters
    ----------
    record : dict
        A case as its file has it, valid by the schema.
    entry : dict
        Its entry in the index.
    notes : dict
        The known flags.

    Yields
    ------
    str
    """
    if not record["id"] == entry["id"] == entry["file"].removesuffix(".json"):
        yield f"id {record['id']!r} is not that of the file and of index.json"
    if not record["id"].endswith(f"-{SUFFIX[record['dtype']]}"):
        yield f"id {record['id']!r} does not end in the dtype {record['dtype']}"
    if record["id"].partition("/")[0] not in PROFILES:
        yield f"id {record['id']!r} is of no profile"
    yield from (f"no port has {word!r}" for word in record["requires"] if word not in FEATURES)
    if not record["kills"] and not record["purpose"].strip():
        yield "it kills no fault and says no purpose"
    unknown = [fault for fault in record["kills"] if fault not in FAULTS]
    yield from (f"there is no fault {fault!r} to kill" for fault in unknown)
    if bool(record["expected"]) == ("refused" in record):
        yield "it must either expect values or have a hyper-parameter refused"
    unknown = [flag for flag in record["flags"] if flag not in notes]
    yield from (f"flag {flag!r} is not in notes.json" for flag in unknown)
    observe = record["observe"]
    if observe != sorted(observe) or observe[-1] > record["steps"]:
        yield f"observe must ascend and end by step {record['steps']}, got {observe}"
    for group in {tensor.get("group", 0) for tensor in record["x0"]}:
        own = [hyper["from"] for hyper in record["hyper"] if hyper.get("group", 0) == group]
        if own != sorted(set(own)) or own[:1] != [1]:
            yield f"hyper of group {group} must start at 1 and ascend, got {own}"
    shape = [len(tensor["bits"]) for tensor in record["x0"]]
    for row in record["gradients"]:
        if [n if g is None else len(g) for g, n in zip(row, shape, strict=False)] != shape:
            yield f"gradients must have {shape} elements in each row, got {row}"
    for dialect, expected in record["expected"].items():
        for result in (expected, *expected.get("alternatives", ())):
            for field in ARRAYS:
                if [[len(bits) for bits in row] for row in result[field]] != [shape] * len(observe):
                    yield f"{field} of {dialect} has not one value for each observed element"
