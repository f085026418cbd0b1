"""A function on NumPy arrays is driven as documented, and each of its faults has a name."""

from dataclasses import replace
from pathlib import Path

import pytest

from radam_conformance.harness import Harness
from radam_conformance.protocol import RunRequest
from radam_conformance.spec import LoadError, parse_spec

REQUEST = RunRequest(
    id="sample",
    dtype="float64",
    steps=4,
    hyper=[
        (1, 0, "lr", 0.5),
        (1, 0, "beta1", 0.9),
        (1, 0, "beta2", 0.99),
        (1, 0, "eps", 1e-8),
        (3, 0, "lr", 0.25),
    ],
    x0=[((3,), [0.0, 0.0, 0.0], 0)],
    gradients=[[[1.0, 2.0, 4.0]], [[-2.0, 0.0, 8.0]]],
    observe=[1, 2, 3, 4],
)

SGD = """\
def step(params, grads, state, hyper, *, scale=1.0):
    return params - scale * hyper["lr"] * grads, state
"""


def in_file(tmp_path: Path, source: str, name: str = "step") -> str:
    path = tmp_path / "port.py"
    path.write_text(source)
    return f"func:{path}:{name}"


def test_a_function_in_a_file_is_run_with_its_options(tmp_path: Path) -> None:
    with Harness(parse_spec(in_file(tmp_path, SGD), options=["scale=2"])) as port:
        outcome = port.run(REQUEST)

    assert outcome.answer is not None
    assert outcome.answer.x == {
        (1, 0): (-1.0, -2.0, -4.0),
        (2, 0): (1.0, -2.0, -12.0),
        (3, 0): (0.5, -3.0, -14.0),
        (4, 0): (1.5, -3.0, -18.0),
    }


NOISY = """\
import os, sys
print("imported")
def step(params, grads, state, hyper):
    os.write(1, b"x 1 0 from C\\n")
    print("end")
    assert sys.stdin.read() == ""
    return params - grads, state
"""


def test_a_port_that_prints_and_reads_harms_nothing(tmp_path: Path) -> None:
    with Harness(parse_spec(in_file(tmp_path, NOISY))) as port:
        outcome = port.run(REQUEST)

    assert outcome.kind == "answered"
    assert "x 1 0 from C" in outcome.stderr


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("raise NotImplementedError('eps')", "unsupported", "eps"),
        ("return 1 / 0", "error", "ZeroDivisionError: division by zero"),
        ("return params", "error", "step returned a ndarray at t = 1, expected (params, state)"),
        ("return params[:2], None", "error", "float64 of shape (2,) at t = 1, expected"),
        ("return params.astype('f4'), None", "error", "came back as float32 of shape (3,)"),
        ("return [params, params], None", "error", "2 params came back at t = 1, expected 1"),
        ("import os; os._exit(5)", "crash", "exit code 5"),
        ("return params * float('nan'), None", "answered", ""),
        ("params[:] = 1; grads[:] = 1; return params, None", "answered", ""),
    ],
)
def test_a_faulty_function_has_its_own_outcome(
    tmp_path: Path, body: str, kind: str, text: str
) -> None:
    source = f"def step(params, grads, state, hyper):\n    {body}\n"
    with Harness(parse_spec(in_file(tmp_path, source))) as port:
        outcome = port.run(REQUEST)

    assert outcome.kind == kind
    assert text in outcome.text
    assert ("Traceback" in outcome.stderr) == (kind == "error")


def test_a_run_function_must_return_every_step(tmp_path: Path) -> None:
    source = "def run(x0, gradients, hyper):\n    return [x0] * (len(gradients) - 1)\n"
    constant = replace(REQUEST, hyper=REQUEST.hyper[:4])
    with Harness(parse_spec(in_file(tmp_path, source, "run"))) as port:
        outcome = port.run(constant)

    assert outcome.kind == "error"
    assert "run gave the params of 3 steps for 4 gradients" in outcome.text


def test_a_run_function_cannot_be_given_a_schedule(tmp_path: Path) -> None:
    source = "def run(x0, gradients, hyper):\n    return []\n"
    with Harness(parse_spec(in_file(tmp_path, source, "run"))) as port:
        outcome = port.run(REQUEST)

    assert (outcome.kind, outcome.text.split(":")[0]) == ("unsupported", "schedule")
    assert "schedule" not in port.hello.features


def test_a_worker_whose_spec_does_not_load_says_so(tmp_path: Path) -> None:
    spec = parse_spec(in_file(tmp_path, SGD, "stpe"))

    with pytest.raises(LoadError) as caught:
        Harness(spec)

    sentence = "port has no attribute 'stpe'; did you mean 'step'?"
    assert str(caught.value) == f"{spec.text}: {sentence}"
