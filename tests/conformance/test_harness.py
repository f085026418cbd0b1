"""The supervisor gives the exact outcome of every fault, and leaves no process behind."""

import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from radam_conformance.harness import MOST_RESTARTS, Harness, Outcome
from radam_conformance.protocol import RunRequest
from radam_conformance.spec import LoadError, Spec, parse_spec

pytestmark = pytest.mark.posix

REQUEST = RunRequest(
    id="core/smoke-01-f64",
    dtype="float64",
    steps=1,
    hyper=[(1, 0, name, 0.5) for name in ("lr", "beta1", "beta2", "eps")],
    x0=[((1,), [1.0], 0)],
    gradients=[[[0.5]]],
    observe=[1],
)
ONE = "3ff0000000000000"
LOOP = """\
import os, signal, sys, time
def say(text):
    print(text, flush=True)
for line in sys.stdin:
    if line.startswith("hello"):
        {hello}
    elif line.strip() == "end":
        {case}
    elif line.strip() == "quit":
        break
"""
HELLO = "say('hello 1 name=sample')"
GOOD = f"say('x 1 0 {ONE}'); say('end')"

MakeSpec = Callable[..., Spec]


@pytest.fixture
def make_spec(tmp_path: Path) -> MakeSpec:
    """Spec of a small harness that does these statements at hello and at a case."""

    def make(case: str = GOOD, hello: str = HELLO) -> Spec:
        script = tmp_path / "harness.py"
        script.write_text(LOOP.format(hello=hello, case=case))
        return parse_spec(f"cmd:{shlex.join([sys.executable, '-I', str(script)])}")

    return make


def outcome_of(spec: Spec, timeout_scale: float = 1.0) -> Outcome:
    with Harness(spec, timeout_scale=timeout_scale) as port:
        return port.run(REQUEST)


def test_a_good_harness_answers_every_case(make_spec: MakeSpec) -> None:
    with Harness(make_spec()) as port:
        outcomes = [port.run(REQUEST) for _ in range(3)]

    assert port.hello.name == "sample"
    assert [outcome.kind for outcome in outcomes] == ["answered"] * 3
    assert all(outcome.answer and outcome.answer.x == {(1, 0): (1.0,)} for outcome in outcomes)


def test_nan_is_an_answer_and_not_a_fault(make_spec: MakeSpec) -> None:
    outcome = outcome_of(make_spec("say('x 1 0 7ff8000000000000'); say('end')"))

    assert outcome.kind == "answered"


@pytest.mark.parametrize(
    ("case", "kind", "text"),
    [
        ("say('unsupported float64')", "unsupported", "float64"),
        ("say('rejected eps is 0')", "rejected", "eps is 0"),
        ("say('error ZeroDivisionError')", "error", "ZeroDivisionError"),
        ("say('computing'); " + GOOD, "protocol-error", "'computing' is no answer to a case"),
        ("say('end')", "protocol-error", "'end' came before x 1 0"),
        ("say('x' * 10**8)", "protocol-error", "begins a line of more than 4113 bytes"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crash", "signal SIGSEGV"),
        ("sys.exit(0)", "crash", "exit code 0"),
        ("say('x 1 0 3ff'); sys.exit(7)", "protocol-error", "16 hex digits"),
        (
            "print('x 1 0 3ff', end='', flush=True); sys.exit(7)",
            "crash",
            "exit code 7 after the unfinished line 'x 1 0 3ff'",
        ),
        ("os.close(1); time.sleep(60)", "crash", "closed its standard output"),
    ],
)
def test_a_fault_has_its_own_outcome(make_spec: MakeSpec, case: str, kind: str, text: str) -> None:
    outcome = outcome_of(make_spec(case))

    assert outcome.kind == kind
    assert text in outcome.text
    assert outcome.answer is None


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("time.sleep(60)", "no answer in time (0.5001 s; --timeout-scale gives longer)"),
        (
            "print('x 1 0 3ff', end='', flush=True); time.sleep(60)",
            "no answer in time after the unfinished line 'x 1 0 3ff' "
            "(0.5001 s; --timeout-scale gives longer)",
        ),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)", "no answer in time"),
        ("while True: sys.stderr.write('noise' * 1000)", "no answer in time"),
    ],
)
def test_a_hang_is_a_timeout(make_spec: MakeSpec, case: str, text: str) -> None:
    started = time.monotonic()
    outcome = outcome_of(make_spec(case), timeout_scale=0.05)

    assert outcome.kind == "timeout"
    assert text in outcome.text
    assert time.monotonic() - started < 5.0


def test_stderr_is_kept_and_never_judged(make_spec: MakeSpec) -> None:
    last = r"'\x1b[31mlast\x1b[0m words\x1b]0;title'"
    flood = f"sys.stderr.write('flood ' * 10**6 + {last}); sys.stderr.flush(); "
    outcome = outcome_of(make_spec(flood + GOOD))

    assert outcome.kind == "answered"
    assert outcome.stderr.endswith("flood last words ]0;title")
    assert len(outcome.stderr) <= 1 << 14


def test_output_after_the_end_spoils_the_next_case_only(make_spec: MakeSpec) -> None:
    with Harness(make_spec(GOOD + "; say('done')")) as port:
        outcomes = [port.run(REQUEST) for _ in range(3)]

    assert [outcome.kind for outcome in outcomes] == ["answered", "protocol-error", "answered"]
    assert "'done" in outcomes[1].text


def test_a_fault_costs_a_restart_and_the_next_case_runs(
    make_spec: MakeSpec, tmp_path: Path
) -> None:
    marker = str(tmp_path / "seen")
    first_time = f"os.path.exists({marker!r}) or (open({marker!r}, 'w').close(), os.abort()); "
    with Harness(make_spec(first_time + GOOD)) as port:
        outcomes = [port.run(REQUEST) for _ in range(2)]

    assert [outcome.kind for outcome in outcomes] == ["crash", "answered"]
    assert outcomes[0].text == "signal SIGABRT"
    assert port.restarts == 1


def test_ten_restarts_end_the_run(make_spec: MakeSpec) -> None:
    with Harness(make_spec("os._exit(1)")) as port:
        kinds = [port.run(REQUEST).kind for _ in range(MOST_RESTARTS + 3)]

    assert kinds == ["crash"] * (MOST_RESTARTS + 1) + ["not-run"] * 2
    assert port.gave_up == "given up after 10 restarts"


def test_a_process_that_is_greeted_later_is_a_process_like_another(make_spec: MakeSpec) -> None:
    with Harness(make_spec(), later=True) as port:
        outcomes = [port.run(REQUEST) for _ in range(2)]

    assert [outcome.kind for outcome in outcomes] == ["answered"] * 2
    assert (port.hello.name, port.restarts) == ("sample", 0)


def test_a_process_that_is_greeted_later_in_vain_has_given_up(make_spec: MakeSpec) -> None:
    with Harness(make_spec(hello="say('error no luck')"), later=True) as port:
        outcome = port.run(REQUEST)

    assert outcome.kind == "not-run"
    assert outcome.text == port.gave_up
    assert port.gave_up.startswith("could not be started: cmd:")
    assert port.gave_up.endswith("no luck")


def test_a_port_that_does_not_come_back_is_given_up(make_spec: MakeSpec, tmp_path: Path) -> None:
    removal = f"os.remove({str(tmp_path / 'harness.py')!r}); os._exit(1)"
    with Harness(make_spec(removal)) as port:
        kinds = [port.run(REQUEST).kind for _ in range(3)]

    assert kinds == ["crash", "not-run", "not-run"]
    assert "could not be started again" in port.gave_up


@pytest.mark.parametrize(
    ("hello", "text"),
    [
        ("say('Loading...')", "'Loading...' does not answer hello"),
        ("say('hello 2')", "wants protocol 2, offered was 1"),
        ("say('error no GPU here')", "no GPU here"),
        ("sys.exit('no license')", "exit code 1; its last words: no license"),
        ("time.sleep(60)", "did not answer hello within 0.6 s; --timeout-scale gives longer"),
    ],
)
def test_a_port_that_does_not_greet_is_a_load_error(
    make_spec: MakeSpec, hello: str, text: str
) -> None:
    spec = make_spec(hello=hello)

    with pytest.raises(LoadError) as caught:
        Harness(spec, timeout_scale=0.01)

    assert str(caught.value).startswith(spec.text)
    assert text in str(caught.value)


def test_a_slow_hello_is_waited_for(make_spec: MakeSpec) -> None:
    assert outcome_of(make_spec(hello=f"time.sleep(0.5); {HELLO}")).kind == "answered"


def test_a_command_that_is_not_there_is_a_load_error() -> None:
    with pytest.raises(LoadError, match=r"cmd:\./nowhere: cannot be started: No such file"):
        Harness(parse_spec("cmd:./nowhere"))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("interrupt", [None, KeyboardInterrupt])
def test_no_process_of_the_group_outlives_the_harness(
    make_spec: MakeSpec, interrupt: type[BaseException] | None
) -> None:
    child = "import subprocess; c = subprocess.Popen(['sleep', '60']); "
    tell = "sys.stderr.write(f'{os.getpid()} {c.pid}'); sys.stderr.flush(); "
    stderr = ""
    try:
        with Harness(make_spec(child + tell + GOOD)) as port:
            stderr = port.run(REQUEST).stderr
            if interrupt:
                raise interrupt
    except KeyboardInterrupt:
        pass
    pids = [int(word) for word in stderr.split()]
    deadline = time.monotonic() + 5.0
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert [is_alive(pid) for pid in pids] == [False, False]


def test_a_request_larger_than_the_pipes_does_not_deadlock(make_spec: MakeSpec) -> None:
    size = 10**5
    request = RunRequest(
        REQUEST.id, "float64", 1, REQUEST.hyper, [((size,), [1.0] * size, 0)], [[[0.5] * size]], [1]
    )
    echo = f"say('x 1 0' + ' {ONE}' * {size}); say('end')"
    with Harness(make_spec(echo)) as port:
        outcome = port.run(request)

    assert outcome.answer is not None
    assert outcome.answer.x[1, 0] == (1.0,) * size
