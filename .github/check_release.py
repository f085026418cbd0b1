"""Refuse a release tag that does not agree with the files: `check_release.py v0.1.0`.

The version must be that of pyproject.toml and CITATION.cff, and the changelog must begin with its
entry and a date, which CITATION.cff repeats.
"""

import re
import sys
import tomllib
from pathlib import Path


def problems(tag: str, root: Path) -> list[str]:
    """What must be changed before the checkout in `root` can be released as `tag`."""
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    found = []
    if tag != f"v{version}":
        found.append(f"pyproject.toml has version {version}: the tag must be v{version}, not {tag}")
    changelog = (root / "docs/CHANGELOG.md").read_text("utf-8")
    entry = re.search(r"^## (.*)$", changelog, re.MULTILINE)
    heading = entry[1] if entry else "no entry"
    dated = re.fullmatch(re.escape(version) + r" \((\d{4}-\d\d-\d\d)\)", heading)
    if not dated:
        wanted = f"## {version} (YYYY-MM-DD)"
        found.append(f"docs/CHANGELOG.md must begin with the entry {wanted!r}, not {heading!r}")
    citation = (root / "CITATION.cff").read_text("utf-8")
    lines = [f"version: {version}", *([f"date-released: {dated[1]}"] if dated else [])]
    missing = [line for line in lines if line not in citation.splitlines()]
    return found + [f"CITATION.cff must have the line {line!r}" for line in missing]


if __name__ == "__main__":
    found = problems(sys.argv[1], Path(__file__).parents[1])
    print("\n".join(found) or f"{sys.argv[1]} agrees with the files")
    sys.exit(bool(found))
