"""The specification meets every vector, and the vectors take every branch of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import radam_ref
from radam_conformance.cases import Case, Hyper, load_suite
from radam_conformance.protocol import Refusal
from radam_conformance.specimens import textbook
from radam_conformance.specimens.edits import Program, over, play
from radam_ref import Dialect, RAdamConfig, RAdamState, dialects

LONGEST = 50  # steps of a case that are walked here
NUMPY = {"bfloat16": ml_dtypes.bfloat16}


def config(h: Hyper, dialect: Dialect) -> RAdamConfig:
    return RAdamConfig(
        lr=h.lr,
        beta1=h.beta1,
        beta2=h.beta2,
        eps=h.eps,
        weight_decay=h.weight_decay,
        maximize=h.maximize,
        dialect=dialect,
    )


class Reference:
    """`radam_ref.step` with the face of the textbook program."""

    def __init__(
        self, params: Sequence[Any], groups: Sequence[int], dialect: Dialect, dtype: str
    ) -> None:
        self.params = [x.astype(NUMPY.get(dtype, dtype)) for x in params]
        self.groups, self.dialect = groups, dialect
        self.states = [radam_ref.init(x) for x in self.params]

    def save(self) -> dict[str, Any]:
        return {"states": list(self.states)}

    def load(self, saved: dict[str, Any]) -> None:
        if "states" in saved:
            self.states = saved["states"]
            return
        rows = zip(self.states, saved["t"], saved["m"], saved["v"], strict=True)
        self.states = [
            RAdamState(t, m.astype(old.m.dtype), v.real.astype(old.v.dtype))
            for old, t, m, v in rows
        ]

    def step(self, grads: Sequence[Any], hypers: Sequence[Hyper]) -> None:
        for i, g in enumerate(grads):
            if g is not None:
                own = config(hypers[self.groups[i]], self.dialect)
                x = self.params[i]
                g = g.astype(x.dtype)
                self.params[i], self.states[i] = radam_ref.step(
                    x, g, self.states[i], own, lr=self.rate(own.lr)
                )

    def rate(self, lr: float) -> Any:
        return lr


class ByArray(Reference):
    """The same with a learning rate that is an array, whose value is not looked at."""

    def rate(self, lr: float) -> Any:
        return np.asarray(lr)


REFERENCE = Program("", Reference, lambda h: config(h, Dialect()) and None)
BY_ARRAY = REFERENCE._replace(optimizer=ByArray)
TEXTBOOK = Program("", textbook.RAdam, textbook.check)


def ways(case: Case) -> Iterator[str]:
    """The dialects in which the reference can be asked for a case."""
    for name, dialect in dialects.items():
        if name in case.expected and dialect.eps_placement != "floor":
            yield name


@pytest.mark.parametrize("profile", sorted({case.profile for case in load_suite()}))
def test_the_reference_is_within_half_of_the_bound_of_exact_scalar_terms(profile: str) -> None:
    for case in load_suite(f"{profile}/*"):
        for name in ways(case):
            expected = case.expected[name]
            exact = expected._replace(binary64=expected.exact_scalar, alternatives=())
            answer = play(REFERENCE, case, dialects[name], LONGEST)
            assert over(case, answer, exact) <= 0.5, (case.id, name)


@pytest.mark.parametrize("program", [REFERENCE, TEXTBOOK], ids=["reference", "textbook"])
def test_what_must_be_refused_is_refused(program: Program) -> None:
    for case in load_suite("invalid/*"):
        with pytest.raises(Refusal, match=case.refused):
            play(program, case, dialects["paper"])


def drive() -> None:
    """Every first design by the textbook program and the reference, in all dialects it stores."""
    for case in (c for c in load_suite("*-01-*") if c.dtype != "float64" or c.refused):
        programs = [TEXTBOOK, REFERENCE, *[BY_ARRAY] * ("schedule" in case.requires)]
        for program in programs:
            for name in case.expected or ["paper"]:
                if program is TEXTBOOK or name in [*ways(case), "paper"]:
                    _walk(program, case, name)
        if "compiled" in case.requires and case.dtype == "float32":
            _trace(case)


def _walk(program: Program, case: Case, name: str) -> None:
    try:
        play(program, case, dialects[name], 12)
    except Refusal:
        if not case.refused:
            raise


def _trace(case: Case) -> None:
    import jax

    own = config(case.hyper[0], Dialect())
    step = jax.jit(lambda *arrays: radam_ref.step(*arrays, own))
    x = jax.numpy.asarray(case.x0[0].values, case.dtype)
    state = radam_ref.init(x)
    for t in range(1, case.steps + 1):
        x, state = step(x, jax.numpy.asarray(case.gradients_at(t)[0], x.dtype), state)


MEASURE = """\
import coverage
measured = coverage.Coverage(
    branch=True,
    include=["*/textbook.py", "*/radam_ref/_step.py"],
    data_file=None,
    config_file=False,
)
measured.start()
import test_reference_on_vectors
test_reference_on_vectors.drive()
measured.stop()
measured.report(show_missing=True)
"""


@pytest.mark.jax
@pytest.mark.slow
def test_the_vectors_take_every_branch_of_the_reference() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [line for line in done.stdout.splitlines() if "/" in line]
    assert len(rows) == 2, done.stderr
    assert all("100%" in row for row in rows), done.stdout
