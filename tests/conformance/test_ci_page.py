"""docs/ci.md: the job that people copy runs as it stands."""

import os
import re
import shutil
import subprocess
import sysconfig
import textwrap
from pathlib import Path

from radam_conformance import reports
from radam_conformance.cases import load_suite
from radam_conformance.xfail import load_known

from .sample_ports import FOLDER

PAGE = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
    return str(text)


def commands() -> list[str]:
    """What the job runs, but for the installation: each `run`, folded lines joined."""
    found = re.findall(r"^ *(?:- )?run: (>-\n(?: {10}.*\n)+|.*\n)", block("yaml"), re.M)
    joined = [" ".join(text.removeprefix(">-").split()) for text in found]
    return [text for text in joined if not text.startswith("pip install")]


def test_the_commands_of_the_job_judge_a_port_and_leave_the_reports(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "textbook.py", tmp_path / "port.py")
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    summary = tmp_path / "summary.md"
    done = subprocess.run(
        ["sh", "-ec", "\n".join(commands())],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "GITHUB_STEP_SUMMARY": str(summary)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    content = reports.read_report(tmp_path / "reports" / "radam.json")

    assert len(commands()) == 3
    assert (done.returncode, done.stderr) == (0, "")
    assert content["footer"] == {"ports": 1, "cases": len(load_suite("core/*"))}
    assert "**PASS**" in summary.read_text(encoding="utf-8")
    assert {file.suffix for file in (tmp_path / "reports").iterdir()} == {
        ".html", ".json", ".md", ".xml",
    }  # fmt: skip


def test_the_file_of_known_failures_is_one(tmp_path: Path) -> None:
    (tmp_path / "known.toml").write_text(block("toml"))

    assert [failure.id for failure in load_known(tmp_path / "known.toml")] == ["core/eps-*"]


def test_the_test_of_ones_own_is_collected(tmp_path: Path) -> None:
    names: dict[str, object] = {}
    exec(textwrap.dedent(block("python")), names)

    (mark,) = names["test_port"].pytestmark  # type: ignore[attr-defined]
    assert mark.kwargs["ids"] == [case.id for case in load_suite("core/*")]
