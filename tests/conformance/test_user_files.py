"""Files of the user: read up to a size, written whole or not at all, beside nobody's links."""

import os
from pathlib import Path

import pytest

from radam_conformance import reports
from radam_conformance.user_files import read_at_most, write_whole


def test_a_file_is_read_up_to_a_size(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")

    assert read_at_most(tmp_path / "file", 5) == b"12345"
    with pytest.raises(ValueError, match="has more than 4 bytes"):
        read_at_most(tmp_path / "file", 4)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no such file here")
def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(ValueError, match="has more than 1000 bytes"):
        read_at_most(Path("/dev/zero"), 1000)


@pytest.mark.posix
def test_a_report_of_64_gib_is_none(tmp_path: Path) -> None:
    with (tmp_path / "report").open("wb") as file:
        file.truncate(2**36)

    with pytest.raises(reports.ReportError, match="is no report: has more than 268435456 bytes"):
        reports.read_report(tmp_path / "report")


def test_a_file_is_replaced_with_the_rights_of_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    (tmp_path / "file").write_bytes(b"old")
    write_whole(tmp_path / "file", b"whole")

    assert (tmp_path / "file").read_bytes() == b"whole"
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "new").stat().st_mode
    assert sorted(os.listdir(tmp_path)) == ["file", "new"]


@pytest.mark.posix
def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    (tmp_path / "file").symlink_to(tmp_path / "theirs")
    (tmp_path / "file.new").symlink_to(tmp_path / "theirs")  # what an earlier release wrote to
    write_whole(tmp_path / "file", b"ours")

    assert (tmp_path / "theirs").read_bytes() == b"theirs"
    assert (tmp_path / "file").read_bytes() == b"ours"


def test_what_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder" / "full").mkdir(parents=True)

    with pytest.raises(OSError, match="folder"):
        write_whole(tmp_path / "folder", b"content")
    assert os.listdir(tmp_path) == ["folder"]
