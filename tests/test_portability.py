"""What the sources may ask of a system: Windows and macOS lack names, paths and encodings."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from radam_adapters import _numba_loops


@pytest.mark.parametrize(
    ("folder", "private"),
    [("home/AppData/Local", True), ("elsewhere", False), ("home/../elsewhere", False)],
)
def test_without_owners_of_files_a_folder_is_private_in_the_profile_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, private: bool
) -> None:
    """Windows says by access lists, which Python does not read, who may write into a folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delattr(os, "getuid", raising=False)

    assert _numba_loops.is_private(tmp_path / folder) is private


def test_code_is_put_in_its_place_when_its_file_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows renames no file that is open, and would write another end of a line."""
    opened: list[Any] = []
    make, replace = tempfile.NamedTemporaryFile, os.replace

    def noted(*args: Any, **how: Any) -> Any:
        opened.append(make(*args, **how))
        return opened[-1]

    def refused_while_open(old: str, new: Path) -> None:
        if not all(file.closed for file in opened):
            raise PermissionError(errno.EACCES, "The file is used by another process")
        replace(old, new)

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", noted)
    monkeypatch.setattr(os, "replace", refused_while_open)
    _numba_loops.write_whole(tmp_path / "code.py", "a = 1\nb = 2\n")

    assert "b" in opened[0].mode
    assert (tmp_path / "code.py").read_bytes() == b"a = 1\nb = 2\n"
    assert os.listdir(tmp_path) == ["code.py"]
