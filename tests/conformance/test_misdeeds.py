"""Whatever a port does to itself or to its process, its verdict is right and no other case suffers.

Every port here computes RAdam rightly, and does its deed in the first case alone.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from radam_conformance.harness import Harness
from radam_conformance.protocol import Answer, RunRequest
from radam_conformance.spec import LoadError, parse_spec

from ..tiers import mostly_slow
from .sample_ports import port

pytestmark = pytest.mark.posix

FIRST = RunRequest(
    id="first",
    dtype="float64",
    steps=6,
    hyper=[(1, 0, "lr", 0.5), (1, 0, "beta1", 0.9), (1, 0, "beta2", 0.99), (1, 0, "eps", 1e-8)],
    x0=[((3,), [0.0, 0.0, 0.0], 0)],
    gradients=[[[1.0, 2.0, 4.0]], [[-2.0, 0.0, 8.0]]],
    observe=range(1, 7),
)
# It underflows, for which NumPy may have been told to raise an error.
SECOND = replace(
    FIRST, hyper=[(1, 0, "lr", 0.125), *FIRST.hyper[1:]], gradients=[[[1e-200, 1.0, -1e-200]]]
)


@pytest.fixture(scope="module")
def right() -> Sequence[Answer | None]:
    """What the same port answers that does no deed."""
    with Harness(port("textbook")) as harness:
        return [harness.run(case).answer for case in (FIRST, SECOND)]


@pytest.mark.parametrize(
    "deed",
    mostly_slow(
        [
            "print",
            "print from C",
            "close stdout",
            "redirect",
            "start a thread",
            "overwrite",
            "unsettle",
            "fork",
            "fork in C",
            "view",
            "remember",
        ],
        fast=5,
    ),
)
def test_a_right_port_passes_whatever_else_it_does(
    right: Sequence[Answer | None], deed: str
) -> None:
    with Harness(port("misbehaving", deed=deed, at_lr=0.5)) as harness:
        assert [harness.run(case).answer for case in (FIRST, SECOND)] == right
        assert harness.restarts == 0


@pytest.mark.parametrize(
    ("deed", "kind", "text"),
    mostly_slow(
        [
            ("nan", "answered", ""),  # and the comparison calls it an error
            ("raise", "error", "ZeroDivisionError: no second moment"),
            ("shape", "error", "ValueError: params came back as float64 of shape (2,) at t = 1"),
            ("lack", "unsupported", "large lr"),
            ("sys.exit", "error", "SystemExit: 3"),
            ("stop", "error", "Stop: enough"),
            ("recurse", "error", "RecursionError: maximum recursion depth exceeded"),
            ("devour", "error", "MemoryError: Unable to allocate 256. PiB"),
            ("overflow", "crash", "signal SIGSEGV"),
            ("exit", "crash", "exit code 3"),
            ("kill", "crash", "signal SIGKILL"),
        ],
        fast=5,
    ),
)
def test_a_port_that_fails_in_one_case_is_judged_by_the_next_all_the_same(
    right: Sequence[Answer | None], deed: str, kind: str, text: str
) -> None:
    with Harness(port("misbehaving", deed=deed, at_lr=0.5)) as harness:
        first, second = (harness.run(case) for case in (FIRST, SECOND))

    assert first.kind == kind
    assert first.text.startswith(text)
    assert first.answer != right[0]
    assert second.answer == right[1]
    assert harness.restarts == (kind == "crash")


UNSETTLING = """\
import os, random, sys, warnings
import jax
import numpy as np
import torch

def surroundings():
    return (np.geterr(), warnings.filters[:], os.getcwd(), dict(os.environ), sys.stdout,
            sys.getrecursionlimit(), random.random(), np.random.random(),
            dict(jax.config.values),
            torch.rand(1).item(),
            torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled(),
            torch.tensor(1e-310, dtype=torch.float64).div(2).item(),
            )

BEFORE = None

def step(params, grads, state, hyper):
    global BEFORE
    found = surroundings() if state is None else BEFORE
    BEFORE = BEFORE or found
    assert found == BEFORE
    np.seterr(all="raise")
    warnings.simplefilter("error")
    os.chdir("/")
    os.environ["UNSETTLED"] = "1"
    sys.stdout = None
    sys.setrecursionlimit(500)
    torch.set_default_dtype(torch.bfloat16)
    torch.set_default_device("meta")
    torch.set_grad_enabled(False)
    torch.set_flush_denormal(True)
    jax.config.update("jax_enable_x64", not jax.config.jax_enable_x64)
    return params - grads, True
"""


def in_file(folder: Path, source: str) -> str:
    path = folder / "port.py"
    path.write_text(source)
    return f"func:{path}:step"


OF_NUMPY = re.sub(r".*\b(torch|jax)\b.*\n", "", UNSETTLING)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(OF_NUMPY, id="numpy"),
        pytest.param(UNSETTLING, id="torch and jax", marks=[pytest.mark.torch, pytest.mark.jax]),
    ],
)
def test_every_case_finds_the_surroundings_of_the_first(tmp_path: Path, source: str) -> None:
    with Harness(parse_spec(in_file(tmp_path, source))) as harness:
        outcomes = [harness.run(FIRST) for _ in range(3)]

    assert [outcome.text for outcome in outcomes] == [""] * 3
    assert [outcome.kind for outcome in outcomes] == ["answered"] * 3


def test_a_script_that_exits_when_it_is_imported_gives_one_sentence(tmp_path: Path) -> None:
    spec = in_file(
        tmp_path, "import sys\ndef step(params, grads, state, hyper): ...\nsys.exit(0)\n"
    )
    with pytest.raises(LoadError) as caught:
        Harness(parse_spec(spec))

    assert str(caught.value).endswith("port.py' failed with SystemExit: 0")


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="Linux alone has this")
def test_when_memory_runs_out_the_kernel_ends_the_port_and_not_the_judge(tmp_path: Path) -> None:
    source = """\
def step(params, grads, state, hyper):
    return params + float(open("/proc/self/oom_score_adj").read()), state
"""
    with Harness(parse_spec(in_file(tmp_path, source))) as harness:
        answer = harness.run(FIRST).answer

    assert answer is not None
    assert answer.x[1, 0] == (1000.0,) * 3
