"""docs/ci.md and the reusable workflow: what people copy or call runs unchanged."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
import textwrap
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from radam_conformance import reports
from radam_conformance.cases import load_suite
from radam_conformance.reports import badge
from radam_conformance.xfail import load_known

from .sample_ports import FOLDER

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
CALLED = ".github/workflows/conformance.yml"
SCRIPTS = sysconfig.get_path("scripts")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


def read(text: str) -> Any:
    """YAML in which every scalar is a string: `on` is no boolean."""
    return yaml.load(text, yaml.BaseLoader)


CALL, PLAIN = map(read, blocks("yaml"))
WORKFLOW = read((ROOT / CALLED).read_text(encoding="utf-8"))
INPUTS = WORKFLOW["on"]["workflow_call"]["inputs"]


def step(job: str, name: str) -> Any:
    (found,) = [step for step in WORKFLOW["jobs"][job]["steps"] if step.get("name") == name]
    return found


def run(script: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a script as GitHub does where a step names no shell."""
    path = os.pathsep.join([str(folder / "bin"), SCRIPTS, os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": path} | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )


# The call


def test_the_call_names_the_workflow_and_its_inputs() -> None:
    (job,) = CALL["jobs"].values()
    required = {name for name, entry in INPUTS.items() if entry.get("required") == "true"}

    assert job["uses"] == f"radam-ref/radam-ref/{CALLED}@v0"
    assert required <= job["with"].keys() <= INPUTS.keys()
    assert job["permissions"] == {"contents": "write"}
    assert "badge-branch" in job["with"]


def test_the_page_lists_every_input_with_its_default() -> None:
    table = PAGE.partition("| input | default |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `([\w-]+)` \|(?: `(\S+)`)? \|", table, re.M)

    assert len(rows) == len(INPUTS)
    assert dict(rows) == {name: entry.get("default", "") for name, entry in INPUTS.items()}


def test_the_line_of_the_readme_shows_the_file_that_the_call_publishes() -> None:
    (line,) = blocks("markdown")
    image, target = re.findall(r"\((https://[^)]+)\)", line)
    (url,) = parse_qs(urlsplit(image).query)["url"]
    branch, name = CALL["jobs"]["conformance"]["with"]["badge-branch"], INPUTS["name"]["default"]
    (file,) = re.findall(r"`.github/workflows/(radam.yml)`", PAGE)

    assert urlsplit(image).netloc + urlsplit(image).path == "img.shields.io/endpoint"
    assert url == f"https://raw.githubusercontent.com/OWNER/REPOSITORY/{branch}/{name}.json"
    assert target == f"https://github.com/OWNER/REPOSITORY/actions/workflows/{file}"


# The reusable workflow


def test_no_input_is_pasted_into_a_script() -> None:
    scripts = [
        step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step
    ]

    assert len(scripts) == 5
    assert not any("${{" in script for script in scripts)


def test_only_the_job_that_runs_nothing_of_the_caller_can_write() -> None:
    assert WORKFLOW["jobs"]["test"]["permissions"] == {"contents": "read"}
    assert "inputs.install" not in json.dumps(WORKFLOW["jobs"]["badge"])
    assert [list(step) for step in WORKFLOW["jobs"]["badge"]["steps"]] == [["name", "env", "run"]]


@pytest.mark.slow
@pytest.mark.posix
@pytest.mark.parametrize(
    ("specs", "code", "message"),
    [("right", 0, "paper, Core 2/2 of {}"), ("right\nwrong", 1, "1 of 2 pass")],
)
def test_the_workflow_tests_and_reports(
    tmp_path: Path, specs: str, code: int, message: str
) -> None:
    right = (FOLDER / "textbook.py").read_text()
    (tmp_path / "right.py").write_text(right)
    (tmp_path / "wrong.py").write_text(right.replace("m_hat = m / (1 - beta1**t)", "m_hat = m"))
    inputs = {name: entry.get("default", "") for name, entry in INPUTS.items()} | {
        "spec": re.sub(r"(\w+)", r"func:\1.py:step", specs) + "\n",
        "arguments": "--only core/smoke-01-*  --timeout-scale 2",
        "xfail": "known failures.toml",
    }
    (tmp_path / inputs["xfail"]).write_text(blocks("toml")[0])
    test = step("test", "Test the implementation")
    variables = {
        key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], value)
        for key, value in test["env"].items()
    }
    summary, output = tmp_path / "summary", tmp_path / "output"
    runner = {"RUNNER_TEMP": str(tmp_path), "GITHUB_STEP_SUMMARY": str(summary)}
    done = run(test["run"], tmp_path, **runner, **variables)
    run(step("test", "Report")["run"], tmp_path, **runner, GITHUB_OUTPUT=str(output))
    name, equals, text = output.read_text().partition("=")

    assert (done.returncode, done.stderr) == (code, "")
    assert (name, equals) == ("badge", "=")
    assert json.loads(text)["message"] == message.format(len(load_suite("core/*")))
    assert summary.read_text().count("\n### ") == len(specs.splitlines())
    assert {file.name for file in (tmp_path / "radam-conformance").iterdir()} == {
        "radam.md", "radam.html", "radam.xml", "radam.json", "badge.json",
    }  # fmt: skip


@pytest.mark.posix
def test_a_run_without_a_report_has_no_badge(tmp_path: Path) -> None:
    output, report = tmp_path / "output", step("test", "Report")["run"]
    done = run(report, tmp_path, RUNNER_TEMP=str(tmp_path), GITHUB_OUTPUT=str(output))

    assert (done.returncode, done.stderr) == (0, "")
    assert not output.exists()


class Publisher:
    """Runs the step that publishes, on a repository in a folder instead of one on GitHub."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        for name in ("gh", "sleep"):
            (folder / "bin" / name).write_text("#!/bin/sh\n")
            (folder / "bin" / name).chmod(0o755)
        self.git("init", "--quiet", "--bare", str(folder / "owner" / "port"))

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=True)
        return done.stdout

    def publish(self, badge: str, name: str = "radam", port: str = "owner/port") -> int:
        shutil.rmtree(self.folder / "badges", ignore_errors=True)
        return run(
            step("badge", "Publish the badge")["run"],
            self.folder,
            BADGE=badge,
            BRANCH="badges",
            NAME=name,
            GITHUB_SERVER_URL=self.folder.as_uri(),
            GITHUB_REPOSITORY=port,
            GITHUB_SHA="0123456789",
        ).returncode

    def published(self, name: str = "radam") -> Any:
        port = str(self.folder / "owner" / "port")
        return json.loads(self.git("-C", port, "show", f"badges:{name}.json"))

    def subjects(self) -> list[str]:
        port = str(self.folder / "owner" / "port")
        return self.git("-C", port, "log", "--format=%s", "badges").splitlines()


@pytest.mark.posix
def test_a_badge_is_published_beside_the_others(tmp_path: Path) -> None:
    (text,) = blocks("json")
    publisher = Publisher(tmp_path)

    assert publisher.publish(text) == 0
    assert publisher.published() == json.loads(text)
    assert publisher.publish("", name="other") == 0  # no report
    assert publisher.published("other") == {
        "schemaVersion": 1,
        "label": badge.LABEL,
        "message": "no report",
        "color": "lightgrey",
        "isError": True,
    }
    assert publisher.publish(text) == 0  # as it is already
    assert publisher.published() == json.loads(text)
    assert publisher.subjects() == [
        "Update other.json for 0123456", "Update radam.json for 0123456",
    ]  # fmt: skip


@pytest.mark.posix
def test_a_badge_that_cannot_be_published_fails_the_job(tmp_path: Path) -> None:
    assert Publisher(tmp_path).publish(blocks("json")[0], port="owner/none") == 1


# The plain workflow, and the rest of the page


@pytest.mark.slow
@pytest.mark.posix
def test_the_plain_workflow_judges_a_port_and_leaves_the_reports(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "textbook.py", tmp_path / "port.py")
    steps = PLAIN["jobs"]["conformance"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    summary = tmp_path / "summary.md"
    assert commands[0].startswith("pip install")
    done = run("\n".join(commands[1:]), tmp_path, GITHUB_STEP_SUMMARY=str(summary))
    content = reports.read_report(tmp_path / "reports" / "radam.json")

    assert len(commands) == 4
    assert (done.returncode, done.stderr) == (0, "")
    assert content["footer"] == {"ports": 1, "cases": len(load_suite("core/*"))}
    assert "**PASS**" in summary.read_text(encoding="utf-8")
    assert {file.suffix for file in (tmp_path / "reports").iterdir()} == {
        ".html", ".json", ".md", ".xml",
    }  # fmt: skip
    assert reports.KINDS["badge"](content) == blocks("json")[0]


def test_the_page_lists_every_kind_of_report() -> None:
    _, _, section = PAGE.partition("## The reports")

    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.M)) == sorted(reports.KINDS)


def test_the_examples_of_badges_have_the_size_of_core() -> None:
    counts = re.findall(r"Core \d+/(\d+)(?: of (\d+))?", PAGE)

    assert len(counts) > 5
    assert {int(whole or cases) for cases, whole in counts} == {len(load_suite("core/*"))}


def test_the_file_of_known_failures_is_one(tmp_path: Path) -> None:
    (tmp_path / "known.toml").write_text(blocks("toml")[0])

    assert [failure.id for failure in load_known(tmp_path / "known.toml")] == ["core/eps-*"]


def test_the_test_of_ones_own_is_collected(tmp_path: Path) -> None:
    names: dict[str, object] = {}
    exec(textwrap.dedent(blocks("python")[0]), names)

    (mark,) = names["test_port"].pytestmark  # type: ignore[attr-defined]
    assert mark.kwargs["ids"] == [case.id for case in load_suite("core/*")]
