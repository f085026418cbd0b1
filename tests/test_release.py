"""What is released agrees with what the files say, and each tool has one version."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def problems(tag: str, root: Path) -> list[str]:
    """By the script that the release workflow runs, which is in no package."""
    found = importlib.util.spec_from_file_location("release", ROOT / ".github/check_release.py")
    assert found is not None
    assert found.loader is not None
    script = importlib.util.module_from_spec(found)
    found.loader.exec_module(script)
    told: list[str] = script.problems(tag, root)
    return told


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (tmp_path / "docs/CHANGELOG.md").write_text("## 1.2.0 (2027-01-31)\n\n## 1.1.0 (2026-01-31)\n")
    (tmp_path / "CITATION.cff").write_text("version: 1.2.0\ndate-released: 2027-01-31\n")
    return tmp_path


def test_a_tag_that_agrees_with_the_files_may_be_released(checkout: Path) -> None:
    assert problems("v1.2.0", checkout) == []


def test_a_tag_of_another_version_is_refused(checkout: Path) -> None:
    (problem,) = problems("v1.2", checkout)

    assert "the tag must be v1.2.0, not v1.2" in problem


@pytest.mark.parametrize("heading", ["1.2.0 (unreleased)", "1.1.0 (2027-01-31)", "1.2.0"])
def test_a_changelog_without_the_entry_is_refused(checkout: Path, heading: str) -> None:
    (checkout / "docs/CHANGELOG.md").write_text(f"# Changelog\n\n## {heading}\n")

    (problem,) = problems("v1.2.0", checkout)

    assert f"not {heading!r}" in problem


def test_a_citation_of_another_version_or_date_is_refused(checkout: Path) -> None:
    (checkout / "CITATION.cff").write_text("version: 1.1.0\ndate-released: 2026-01-31\n")

    assert [re.findall("'(.*)'", problem) for problem in problems("v1.2.0", checkout)] == [
        ["version: 1.2.0"],
        ["date-released: 2027-01-31"],
    ]


def test_a_commit_is_formatted_by_the_ruff_that_the_gate_has() -> None:
    """One version in .pre-commit-config.yaml and constraints.txt, or each undoes the other."""
    files = (ROOT / name for name in (".pre-commit-config.yaml", "constraints.txt"))
    first, second = (re.findall(r"\bruff==([\d.]+)", file.read_text("utf-8")) for file in files)

    assert first == second
    assert len(first) == 1
