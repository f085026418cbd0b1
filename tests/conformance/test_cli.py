"""The command line: every foreseeable fault is one sentence and an exit code, never a traceback."""

import os
import re
import shlex
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pytest

from radam_conformance import cases, cli, golden_files, verify
from radam_conformance.cases import load_case, load_suite
from radam_conformance.report import Report
from radam_conformance.spec import LoadError, Spec

from .sample_ports import FOLDER, port
from .small_suite import small_suite

pytestmark = pytest.mark.usefixtures("oracle_once")

SCRIPT = str(Path(sysconfig.get_path("scripts")) / "radam-conformance")
TEXTBOOK = port("textbook").text
FLOAT32_ALONE = f"cmd:{shlex.join([sys.executable, str(FOLDER / 'float32_alone.py')])}"


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def shell(*words: str) -> Done:
    """The installed command in a process of its own."""
    done = subprocess.run([SCRIPT, *words], capture_output=True, text=True, timeout=60)
    return Done(done.returncode, done.stdout, done.stderr)


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """What the installed command calls, called here: no imports to wait for."""

    def call(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["radam-conformance", *words])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert isinstance(caught.value.code, int)
        return Done(caught.value.code, *capsys.readouterr())

    return call


def unwrapped(text: str) -> str:
    """The words in one line, without the lines of a box around them."""
    return " ".join(text.replace("│", " ").split())


def check_complaint(done: Done, code: int, sentence: str) -> None:
    assert (done.code, done.out) == (code, "")
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1


# Bad input


@pytest.mark.posix
@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        pytest.param(
            ["torch:torch.nn.Linear"],
            3,
            "Linear is no optimizer: it has no step method",
            marks=pytest.mark.torch,
        ),
        pytest.param(
            ["torch:nowhere.RAdam"],
            3,
            "torch:nowhere.RAdam: there is no module 'nowhere' here",
            marks=pytest.mark.torch,
        ),
        (
            ["func:nowhere.port:step"],
            3,
            "there is no module 'nowhere' here",
        ),
        (["func:nowhere/port.py:step"], 3, "there is no file 'nowhere/port.py'"),
        ([f"func:{FOLDER / 'textbook.py'}:stpe"], 3, "did you mean 'step'?"),
        ([TEXTBOOK, "--set", "fault=1"], 3, "got an unexpected keyword argument 'fault'"),
        (["cmd:./nowhere"], 3, "cmd:./nowhere: cannot be started: No such file or directory"),
        (["torch.optim.RAdam"], 2, "must begin with one of torch:, optax:, func:, cmd:"),
        (["troch:torch.optim.RAdam"], 2, "did you mean torch:?"),
        ([TEXTBOOK, "--dialect", "papr"], 2, "--dialect must be auto or one of paper, "),
        ([TEXTBOOK, "--only", "core/none-*"], 2, "no case matches 'core/none-*'"),
        ([TEXTBOOK, "--skip", "none"], 2, "no case matches 'none'"),
        (
            [TEXTBOOK, "--dtype", "f32"],
            2,
            "complex64, float16, float32, float64, got 'f32'",
        ),
        ([TEXTBOOK, "--grade", "32"], 2, "--grade must be binary64 or binary32, got '32'"),
        ([TEXTBOOK, "--map", "lr=alpha"], 2, "--map does not apply"),
    ],
)
def test_bad_input_to_run_gets_one_sentence(
    run: Run, words: list[str], code: int, sentence: str
) -> None:
    check_complaint(run("run", *words), code, sentence)


@pytest.mark.posix
@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["run", "torch.optim.RAdam"], 2, "must begin with one of torch:, optax:, func:, cmd:"),
        (["run", "func:nowhere.py:step"], 3, "there is no file 'nowhere.py'"),
    ],
)
def test_the_installed_command_exits_likewise(words: list[str], code: int, sentence: str) -> None:
    check_complaint(shell(*words), code, sentence)


@pytest.mark.posix
@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["show", "core/none-01-f64"], 2, "no case is called 'core/none-01-f64'"),
        (["list", "--only", "none"], 2, "no case matches 'none'"),
        (["identify", "RAdam"], 2, "must begin with one of"),
        (["identify", "optax:a.b", "--compile"], 2, "--compile applies to torch: alone"),
        (["identify", "func:math:sqrt"], 3, "sqrt cannot be called as step("),
    ],
)
def test_bad_input_to_the_others_gets_one_sentence(
    run: Run, words: list[str], code: int, sentence: str
) -> None:
    check_complaint(run(*words), code, sentence)


@pytest.mark.posix
@pytest.mark.parametrize("command", ["run", "identify"])
@pytest.mark.parametrize(
    "words",
    [
        ["torch:torch.optim.RAdam", "--compile", "--device=cpu"],
        [TEXTBOOK, "--arrays=torch", "--device=cpu"],
    ],
)
def test_run_and_identify_ask_a_port_in_the_same_ways(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, words: list[str]
) -> None:
    def asked(spec: Spec, *_: object, **__: object) -> Report:
        raise LoadError(shlex.join(spec.words()))

    monkeypatch.setattr(cli, "judge", asked)
    check_complaint(run(command, *words), 3, f"radam-conformance: {shlex.join(words)}")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run"], "Missing argument 'SPEC...'"),
        (["judge"], "No such command 'judge'"),
        (["run", TEXTBOOK, "--timeout-scale", "0"], "greater than or equal to 0.01"),
        (["run", TEXTBOOK, "--explode"], "No such option: --explode"),
    ],
)
def test_wrong_usage_is_said_in_a_box(run: Run, words: list[str], sentence: str) -> None:
    done = run(*words)

    assert (done.code, done.out) == (2, "")
    assert sentence in unwrapped(done.err)


def test_no_arguments_show_the_commands_and_the_exit_codes(run: Run) -> None:
    done = run()

    assert done.code == 2
    for command in ("run", "identify", "list", "show", "verify", "selftest"):
        assert re.search(rf"\b{command}\b", done.out + done.err)
    assert "5 nothing ran, 130 interrupted" in unwrapped(done.out + done.err)


@pytest.mark.posix
def test_a_bad_port_does_not_keep_the_next_from_its_report(run: Run) -> None:
    done = run("run", "func:nowhere.py:step", TEXTBOOK, "--only", "core/smoke-01-f64")

    assert done.code == 3
    assert "there is no file 'nowhere.py'" in done.err
    assert "PASS" in done.out


# Reports


@pytest.mark.posix
def test_a_dtype_that_is_not_offered_leaves_nothing_to_run() -> None:
    done = shell("run", FLOAT32_ALONE, "--only", "core/*-f64")

    assert (done.code, done.err) == (5, "")
    assert "NOTHING RAN No case was attempted." in unwrapped(done.out)
    assert "not offered: float64" in done.out


@pytest.mark.posix
def test_a_right_port_exits_0() -> None:
    done = shell("run", TEXTBOOK, "--level", "core", "--skip", "core/chain-*", "--dtype", "float64")

    assert (done.code, done.err) == (0, "")
    count = len(load_suite("core/*-f64", skip="core/chain-*"))
    assert f"Core[binary64] {count}/{count} · dialect paper (threshold 4," in done.out
    assert "how it differs" not in done.out


@pytest.mark.posix
@pytest.mark.parametrize(("grade", "code"), [("binary64", 1), ("binary32", 0)])
def test_the_grade_decides_about_scalars_in_binary32(run: Run, grade: str, code: int) -> None:
    options = ["--set", "scalars=mixed", "--only", "core/crossing-06-*", "--grade", grade]
    done = run("run", TEXTBOOK, *options)

    assert done.code == code
    assert "precision 2 of 2 cases" in unwrapped(done.out)


@pytest.mark.posix
def test_the_report_has_a_command_that_reproduces_the_verdict(run: Run) -> None:
    fault = ["--set", "fault=t counts twice", "--dialect", "paper"]
    done = run("run", port("faulty").text, *fault, "--only", "core/crossing-06-*")
    (line,) = [line for line in done.out.splitlines() if "reproduce: " in line]
    command = shlex.split(line.partition("reproduce: ")[2])
    again = run(*command[1:])

    assert command[0] == "radam-conformance"
    assert (done.code, again.code) == (1, 1)
    assert "fail 2 of 2 cases" in unwrapped(done.out)
    assert "fail 1 of 1 cases" in unwrapped(again.out)


@pytest.mark.posix
def test_identify_says_which_dialect(run: Run) -> None:
    done = run("identify", TEXTBOOK, "--set", "threshold=5")

    assert (done.code, done.err) == (0, "")
    assert "It computes optax; Core cannot tell it from" in done.out


# The suite in a terminal


def test_list_has_every_case_that_was_asked_for(run: Run) -> None:
    done = run("list", "--dtype", "float32", "--skip", "core/crossing-*")
    listed = [line.split()[0] for line in done.out.splitlines() if re.match(r"[\w.]+/", line)]

    assert done.code == 0
    assert listed == [case.id for case in load_suite("*-f32", skip="core/crossing-*")]


def test_show_prints_the_numbers_of_a_case(run: Run) -> None:
    case = load_case("core/crossing-06-f64")
    done = run("show", case.id)
    rows = [line.split() for line in done.out.splitlines() if line[:1].isdigit()]
    shown = [[float(word) for word in row[1:4]] for row in rows]
    tables = list(case.expected.values())
    wanted = [row for e in tables for row in e.hi.tolist()]

    assert done.code == 0
    assert "from step 1: lr 1.0 · beta1 0.9 · beta2 0.999 · eps 1e-08" in done.out
    assert [int(row[0]) for row in rows] == [*case.observe] * len(case.expected)
    assert shown == [pytest.approx(row, rel=1e-9) for row in wanted]


# The suite's own integrity

Damage = Callable[[Path], object]
SMOKE = "core/smoke-01-f64.json"


def flip_a_bit(golden: Path) -> None:
    text = (golden / SMOKE).read_text()
    (golden / SMOKE).write_text(text.replace("3f", "3e", 1))


def test_verify_says_how_much_it_checked(run: Run) -> None:
    done = run("verify")

    assert done == (0, f"OK  {len(load_suite())} cases, files as released\n", "")


def test_version_says_which_suite_it_is(run: Run) -> None:
    count = len(list(golden_files.golden().glob("*/*-[fbc]*.json")))

    done = run("--version")

    said = f"radam-conformance {version('radam-ref')}, {count} cases, protocol 1\n"
    assert done == (0, said, "")


@pytest.mark.parametrize(
    ("damage", "file"),
    [
        (flip_a_bit, SMOKE),
        (lambda golden: os.truncate(golden / SMOKE, 1000), SMOKE),
        (lambda golden: (golden / SMOKE).unlink(), SMOKE),
        (lambda golden: os.truncate(golden / "index.json", 1000), "index.json"),
        (lambda golden: (golden / "index.json").unlink(), "index.json"),
    ],
    ids=["flipped", "cut off", "removed", "index cut off", "index removed"],
)
def test_a_damaged_suite_exits_4_and_names_the_file(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: Damage, file: str
) -> None:
    copy = small_suite(tmp_path)
    damage(copy)
    for module in (golden_files, verify):
        monkeypatch.setattr(module, "golden", lambda: copy)
    done = run("verify")

    assert done.code == 4
    assert f"{file}: " in done.out
    assert "DAMAGED  1 problem\n" in done.out


def test_oracles_that_disagree_are_damage(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = small_suite(tmp_path)
    for module in (golden_files, verify):
        monkeypatch.setattr(module, "golden", lambda: copy)

    def disagree(**how: object) -> list[str]:
        raise ArithmeticError("core/smoke-01-f64: the oracles disagree in dialect paper")

    monkeypatch.setattr(verify, "regenerate", disagree)
    done = run("verify", "--regenerate")

    assert done.code == 4
    assert "the oracles disagree in dialect paper" in done.out


@pytest.mark.parametrize("command", [["list"], ["show", "core/smoke-01-f64"]])
def test_no_case_of_a_damaged_suite_is_used(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    copy = small_suite(tmp_path)
    flip_a_bit(copy)
    monkeypatch.setattr(golden_files, "golden", lambda: copy)
    cases.load_case.cache_clear()
    done = run(*command)

    assert done.code == 4
    assert f"the suite is damaged: {SMOKE}: sha256" in done.err


# Interruption


def children(pid: int) -> list[int]:
    """Processes whose parent is `pid`."""
    listed = subprocess.run(["ps", "-Ao", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [line.split() for line in listed.stdout.splitlines()]
    return [int(child) for child, parent in pairs if int(parent) == pid]


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.posix
def test_an_interrupt_ends_the_worker_too() -> None:
    judge = subprocess.Popen(
        [SCRIPT, "run", port("misbehaving").text, "--set", "deed=sleep"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert wait_for(lambda: children(judge.pid))
    (worker,) = children(judge.pid)
    time.sleep(0.5)
    judge.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, stderr = judge.communicate(timeout=20)

    assert judge.returncode == 130
    assert time.monotonic() - started < 5.0
    assert "Traceback" not in stderr
    assert wait_for(lambda: not is_alive(worker), 2.0)
