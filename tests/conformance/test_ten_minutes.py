"""docs/ten-minutes.md, followed to the letter in a fresh folder."""

import os
import re
import shutil
import subprocess
import sysconfig
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from radam_conformance import new_harness

pytestmark = pytest.mark.posix

PAGE = (Path(__file__).parents[2] / "docs" / "ten-minutes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.M | re.S)
NAMED = re.compile(r"(?:#|/\*) (\S+\.\w+)")


class Step(NamedTuple):
    """Commands of the page, and what they print."""

    commands: str
    printed: str


def steps() -> list[Step]:
    shown = [(block, after) for block, after in pairwise(BLOCKS) if block[0] == "sh"]
    return [Step(commands, printed) for (_, commands), (_, printed) in shown]


def script() -> str:
    """The whole page for a shell: files are written, commands run, a line @@ and the exit code."""
    lines = ["exec 2>&1"]
    for language, text in BLOCKS:
        if language == "sh":
            lines += [text, 'echo "@@ $?"']
        elif language:
            (name,) = NAMED.findall(text.splitlines()[0])
            lines += [f"cat > {name} <<'END OF BLOCK'", f"{text}END OF BLOCK"]
    return "\n".join(lines)


def collapsed(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def contains(out: str, shown: str) -> bool:
    """Whether the shown lines were printed in this order; `...` stands for anything."""
    at, lines = 0, collapsed(out).splitlines()
    for line in collapsed(shown).splitlines():
        wanted = re.compile(re.escape(line).replace(r"\.\.\.", ".*"))
        rest = [k for k in range(at, len(lines)) if wanted.fullmatch(lines[k])]
        if line == "...":
            continue
        if not rest:
            return False
        at = rest[0] + 1
    return True


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="cc is not installed")
def test_every_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-c", script()],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    printed = re.split(r"^@@ \d+\n", done.stdout, flags=re.M)[:-1]

    assert [int(code) for code in re.findall(r"^@@ (\d+)$", done.stdout, re.M)] == CODES
    for step, out in zip(steps(), printed, strict=True):
        assert contains(out, step.printed), f"{step.commands}\nprinted\n{out}"


# In Python a port with a fault, without, and one with lists.
# The harness as it comes, with a fault and without.
CODES = [1, 0, 0, 3, 1, 0]


def test_what_was_not_printed_is_found_out() -> None:
    out = "a  1\nb 2\nc 3\n"

    assert contains(out, "a 1\n...\nc ...\n")
    assert not contains(out, "b 2\na 1\n")
    assert not contains(out, "b 3\n")


def test_the_numbers_of_lines_on_the_page_are_those_of_the_files(tmp_path: Path) -> None:
    names = {"c": "C", "js": "JavaScript", "rust": "Rust", "julia": "Julia"}
    for language, name in names.items():
        protocol, _, finished = new_harness.write(tmp_path / language, language)
        lengths = [len(path.read_text().splitlines()) for path in (protocol, finished)]
        assert re.findall(rf"^\| {name} \| (\d+)\D+(\d+)", PAGE, re.M) == [
            (str(lengths[0]), str(lengths[1]))
        ]
