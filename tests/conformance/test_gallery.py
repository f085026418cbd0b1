"""`radam-conformance gallery`: the known ports that are installed, side by side."""

import ast
import json
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from radam_conformance import cli, gallery_text, known_ports
from radam_conformance.cases import load_suite
from radam_conformance.golden_files import DamagedError
from radam_conformance.harness import Harness
from radam_conformance.judge import judge
from radam_conformance.known_ports import load_known_ports, matching, read_known_ports
from radam_conformance.report import Report
from radam_conformance.spec import parse_spec
from radam_ref import dialects

from .sample_ports import FOLDER
from .test_cli import Done, check_complaint, unwrapped
from .test_cli import run as run

pytestmark = pytest.mark.posix

PORTS = {port.name: port for port in load_known_ports()}
ALWAYS = ["radam_ref.step", "sample, right", "sample, wrong"]
FEW = ("core/smoke-0*", "core/crossing-0[67]-*")
PACKAGE = Path(known_ports.__file__).parent

Run = Callable[..., Done]

ENTRY = """
[[port]]
name = "a port"
spec = "func:somewhere.py:step"
dialect = "paper"
source = "https://example.org"
"""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Core cut to a few cases, beside those by which a dialect is found out."""
    monkeypatch.setattr(cli, "chosen_cases", lambda *_, **__: load_suite(FEW))


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no port is installed."""

    def distribution(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(known_ports, "distribution", distribution)


def know(monkeypatch: pytest.MonkeyPatch, *texts: str) -> None:
    """Know the ports of these entries alone."""
    table = read_known_ports("".join(texts))
    monkeypatch.setattr(known_ports, "load_known_ports", lambda: table)


# The table


def test_the_table_has_the_ports_that_people_use() -> None:
    installs = {port.install for port in PORTS.values()}

    assert list(PORTS)[:3] == ALWAYS
    assert installs == {
        "", "torch", "optax", "pytorch_optimizer", "torch-optimizer", "torch-optimi", "timm",
        "fastai", "catalyst", "labml-nn", "proxmin", "thinc", "pytorch-ranger", "braintools",
        "keras-rectified-adam", "tensorflow-addons", "paddlepaddle", "mindspore",
    }  # fmt: skip


def test_every_port_is_driven_in_another_way() -> None:
    words = [tuple(port.spec.words()) for port in PORTS.values()]

    assert len(set(words)) == len(words)


@pytest.mark.parametrize(
    "name", [n for n, p in PORTS.items() if "conformance.ports" in p.spec.text]
)
def test_every_plug_that_an_entry_names_is_there(name: str) -> None:
    _, *names = re.split(r"[:.]", PORTS[name].spec.text)
    *folders, module, attribute = names
    tree = ast.parse(PACKAGE.parent.joinpath(*folders, f"{module}.py").read_text())
    names = [n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    for node in (n for n in tree.body if isinstance(n, ast.Assign)):
        names += [target.id for target in node.targets if isinstance(target, ast.Name)]

    assert attribute in names


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[port]", "known_ports.toml: is no TOML: "),
        ("[[port]]", "port number 1, 'which has no name': has no name"),
        (ENTRY.replace('spec = "func:', 'spec = "fun:'), "'a port': spec 'fun:somewhere.py:step'"),
        (ENTRY.replace('"paper"', '"papr"'), "'a port': there is no dialect 'papr'"),
        (ENTRY.replace("https:", "ftp:"), "source must begin with https://, got 'ftp://example"),
        (ENTRY + "color = 'red'", "'a port': must not have color = 'red'"),
        (ENTRY + "set = 'a=1'", "'a port': must not have set = 'a=1'"),
        (ENTRY + "set = ['a']", "'a port': --set 'a' must have the form name=value"),
        (ENTRY + "slow = 1", "'a port': must not have slow = 1"),
        (ENTRY + "compile = true", "'a port': --compile applies to torch: alone"),
        (ENTRY + "env = ['1=2']", "'a port': --env '1=2' must have the form name=value"),
        (ENTRY + ENTRY, "known_ports.toml: 'a port' stands there twice"),
    ],
)
def test_a_bad_entry_is_named_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(DamagedError, match=re.escape(sentence)):
        read_known_ports(text)


def test_an_option_reaches_the_spec() -> None:
    (port,) = read_known_ports(ENTRY + "set = ['a=1']\nenv = ['B=2']\narrays = 'torch'")

    assert port.spec == parse_spec(
        "func:somewhere.py:step", options=["a=1"], environment=["B=2"], arrays="torch"
    )


def test_globs_choose_names_in_any_case() -> None:
    chosen = matching(list(PORTS.values()), ["TORCH.optim.*", "sample*"])

    assert [port.name for port in chosen] == [
        "sample, right",
        "sample, wrong",
        "torch.optim.RAdam",
        "torch.optim.RAdam, foreach",
        "torch.optim.RAdam, compiled",
    ]


# What it says


def test_a_port_is_what_the_table_says() -> None:
    port = PORTS["proxmin.adaprox"]
    report = judge(port.spec, load_suite(FEW))

    assert (report.computed, report.scalars) == (dialects[port.dialect], "binary64")
    assert gallery_text.fault(report) == ""


def test_the_environment_of_an_entry_is_that_of_its_worker(tmp_path: Path) -> None:
    port = tmp_path / "port.py"
    port.write_text("import os\n__version__ = os.environ['OF_THE_PORT']\ndef step(*given): pass\n")
    spec = parse_spec(f"func:{port}:step", environment=["OF_THE_PORT=1.5"])

    with Harness(spec) as harness:
        assert harness.hello.version == "1.5"
    assert spec.words()[-1] == "--env=OF_THE_PORT=1.5"


@pytest.mark.usefixtures("few", "bare")
def test_a_bare_machine_has_something_to_look_at(run: Run, tmp_path: Path) -> None:
    done = run("gallery", "--report", f"json:{tmp_path / 'report.json'}")
    rows = [line for line in done.out.splitlines() if line.startswith(tuple(ALWAYS))]
    content = json.loads((tmp_path / "report.json").read_text())
    count = len(load_suite(FEW))

    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 110  # a command to copy is never wrapped
    assert rows[0].split()[2:] == ["paper", f"{count}/{count}", "exact"]
    assert rows[1].split()[3:] == ["paper", f"{count}/{count}", "binary64"]
    assert f" 0/{count} " in rows[2]
    assert rows[2].endswith("the step is counted twice")
    assert f"the step is counted twice: {count} of {count} failing cases" in done.out
    assert "not installed here: torch, optax, proxmin," in unwrapped(done.out)
    assert done.err.splitlines()[0] == f"[1/3] radam_ref.step: Core {count}/{count}, no fault"
    assert [port["conclusion"] for port in content["ports"]] == ["PASS", "PASS", "FAIL"]
    assert (content["exit_code"], content["complete"]) == (0, True)


@pytest.mark.usefixtures("few")
def test_a_port_that_cannot_be_started_keeps_none_back(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ENTRY.replace("a port", "right").replace("somewhere.py", str(FOLDER / "textbook.py"))
    know(monkeypatch, ENTRY, right)
    done = run("gallery")

    assert done.code == 3
    assert "there is no file 'somewhere.py'" in done.err
    assert re.search(r"^a port +not judged, see below$", done.out, re.M)
    assert re.search(r"^right .* paper +\d+/\d+ +binary64$", done.out, re.M)


def test_a_name_that_nobody_has_is_an_error_that_lists_them(run: Run) -> None:
    check_complaint(run("gallery", "--only", "caffe*"), 2, "no known port is called 'caffe*'")


@pytest.mark.usefixtures("bare")
def test_where_nothing_is_installed_nothing_runs(run: Run) -> None:
    done = run("gallery", "--only", "torch.optim.*")

    assert done.code == 5
    assert done.out.strip() == "Known too, and not installed here: torch."


@pytest.mark.usefixtures("few")
def test_what_takes_minutes_is_judged_where_it_is_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = ENTRY.replace("somewhere.py", str(FOLDER / "textbook.py"))
    know(monkeypatch, entry + "slow = true\n")

    assert "Left out, for they take minutes: a port." in run("gallery").out
    assert re.search(r"^a port .* paper ", run("gallery", "--only", "a port").out, re.M)


@pytest.mark.usefixtures("few")
def test_another_dialect_than_the_known_one_is_pointed_out(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = ENTRY.replace("somewhere.py", str(FOLDER / "textbook.py"))
    know(monkeypatch, entry.replace('"paper"', '"pytorch"'))

    assert "paper, was pytorch" in unwrapped(run("gallery").out)


def test_the_profiles_that_a_port_fails_are_counted_and_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = ENTRY.replace("somewhere.py", "radam_conformance.ports.sample")
    know(monkeypatch, entry + 'set = ["fault=maximize-ignored"]\n')
    few = load_suite(("core/smoke-0*", "maximize/ascent-01-*", "schedule/zero-01-*"))
    monkeypatch.setattr(cli, "chosen_cases", lambda *_, **__: few)
    monkeypatch.setattr(cli, "judge", without_laws)
    done = run("gallery", "--level", "all")
    (row,) = [line for line in done.out.splitlines() if line.startswith("a port  ")]

    assert done.code == 0
    assert " 1/2 " in row
    assert "beyond Core: maximize 0/2" in done.out
    assert "maximize is ignored: 2 of 2 failing cases" in done.out


def without_laws(*given: object, seed: int, **how: object) -> Report:
    """The judge, told of no laws: they have no case that could be left out."""
    return judge(*given, **how)  # type: ignore[arg-type]


SCRIPT = """
import sys
from radam_conformance import cases, cli, known_ports
table = known_ports.read_known_ports(sys.argv.pop())
known_ports.load_known_ports = lambda: table
cli.chosen_cases = lambda *_, **__: cases.load_suite("core/smoke-01-*")
cli.main()
"""


def test_after_an_interrupt_the_matrix_has_what_was_done(tmp_path: Path) -> None:
    right = ENTRY.replace("a port", "right").replace("somewhere.py", str(FOLDER / "textbook.py"))
    slow = ENTRY.replace("a port", "slow").replace("somewhere.py", str(FOLDER / "misbehaving.py"))
    table = right + slow + "set = ['deed=sleep']\n"
    report = tmp_path / "report.json"
    words = ["gallery", "--report", f"json:{report}", table]
    judge = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert judge.stderr is not None
    assert judge.stderr.readline().startswith("[1/2] right: Core ")
    judge.send_signal(signal.SIGINT)
    out, err = judge.communicate(timeout=90)  # a busy machine
    content = json.loads(report.read_text())

    assert judge.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert re.search(r"^right .* paper ", out, re.M)
    assert (content["exit_code"], content["complete"]) == (130, False)


def test_a_damaged_table_exits_4(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_ports, "TABLE", "features.py")

    check_complaint(run("gallery"), 4, "the suite is damaged: features.py: is no TOML")
