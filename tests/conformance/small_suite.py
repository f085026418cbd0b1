"""A whole suite of a few cases, to be damaged."""

import hashlib
import json
from pathlib import Path
from typing import Any

from radam_conformance.golden_files import golden

IDS = ("core/smoke-01-f64", "core/smoke-01-f32", "resume/restore-01-f64", "extreme/near-one-01-f64")


def small_suite(folder: Path) -> Path:
    """The folder of a suite that has these cases, with their notes and the schema."""
    released = golden()
    root = folder / "golden"
    index = json.loads((released / "index.json").read_bytes())
    index["cases"] = [entry for entry in index["cases"] if entry["id"] in IDS]
    records = {e["file"]: json.loads((released / e["file"]).read_bytes()) for e in index["cases"]}
    flags = {flag for record in records.values() for flag in record["flags"]}
    notes = json.loads((released / index["notes"]["file"]).read_bytes())
    schema = index["schema"]["file"]
    contents = records | {
        index["notes"]["file"]: {flag: notes[flag] for flag in flags},
        schema: json.loads((released / schema).read_bytes()),
    }
    for file, content in contents.items():
        write(root, file, content, index)
    return root


def write(root: Path, file: str, content: Any, index: dict[str, Any]) -> None:
    """Write a file of the suite, and the index with its checksum."""
    text = json.dumps(content).encode()
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_bytes(text)
    for entry in (*index["cases"], index["notes"], index["schema"]):
        if entry["file"] == file:
            entry["sha256"] = hashlib.sha256(text).hexdigest()
    (root / "index.json").write_text(json.dumps(index))
