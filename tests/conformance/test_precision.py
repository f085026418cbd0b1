"""Scalar terms in binary32 are recognized as such; no other fault is taken for them."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest

from radam_conformance.cases import Case, load_suite
from radam_conformance.comparison import compare
from radam_conformance.identify import expectation, is_probe
from radam_conformance.precision import explains
from radam_conformance.protocol import Answer
from radam_conformance.specimens import edits, lines
from radam_conformance.specimens.edits import Edit
from radam_conformance.specimens.fault import single as single_number
from radam_ref import Dialect, dialects

from .ports import binary32, faulty, textbook
from .ports.faulty import FAULTS
from .sample_ports import Step, play

# beta2 = 0.999 and 0.9999: what binary32 makes of rho_t, and of its first passage of the threshold.
CROSSINGS = load_suite(["core/crossing-06-*", "core/crossing-07-*"])
PROBES = tuple(filter(is_probe, load_suite()))
# No probe has a rho_t between 4 and 4.5.
PROBED = [fault for fault in FAULTS if fault != "threshold 4.5"]


def excused(step: Step, cases: Iterable[Case], dialect: Dialect) -> dict[str, bool]:
    """Of the cases in which the port is out of bounds, which are taken for binary32's."""
    answers = [(case, play(step, case)) for case in cases]
    return {
        case.id: explains(case, dialect, answer)
        for case, answer in answers
        if compare(case, answer, expectation(case, dialect)).verdict == "fail"
    }


@pytest.mark.parametrize("scalars", ["mixed", "closed"])
@pytest.mark.parametrize("threshold", [4.0, 5.0])
def test_both_styles_of_binary32_are_recognised(scalars: str, threshold: float) -> None:
    step = partial(textbook.step, threshold=threshold, scalars=scalars)

    assert excused(step, CROSSINGS, Dialect(threshold=threshold)) == {
        case.id: True for case in CROSSINGS
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_no_other_fault_is_excused_at_large_beta2(fault: str) -> None:
    float64 = [case for case in CROSSINGS if case.dtype == "float64"]

    assert not any(excused(partial(faulty.step, fault=fault), float64, Dialect()).values())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("fault", PROBED)
def test_the_probes_alone_excuse_no_fault(fault: str, dtype: str) -> None:
    probes = [case for case in PROBES if case.dtype == dtype]
    failing = excused(partial(faulty.step, fault=fault), probes, Dialect())

    assert not failing or not all(failing.values())
    assert failing or (fault, dtype) == ("betas in float32", "float32")


@pytest.mark.parametrize("scalars", ["binary64", "mixed", "closed"])
@pytest.mark.parametrize(("threshold", "other"), [(4.0, 5.0), (5.0, 4.0)])
def test_another_threshold_is_not_excused(scalars: str, threshold: float, other: float) -> None:
    # At beta2 = 0.9999 binary32 may pass either threshold at any step.
    cases = load_suite(["core/crossing-01-*", "core/crossing-06-*"])
    step = partial(textbook.step, threshold=threshold, scalars=scalars)

    assert excused(step, cases, Dialect(threshold=other)) == {case.id: False for case in cases}


def test_a_fault_that_shows_late_is_not_excused() -> None:
    step = partial(faulty.step, fault="threshold 4.5")
    cases = load_suite("core/never-rectified-04-*")

    assert excused(step, cases, Dialect()) == {case.id: False for case in cases}


@pytest.mark.parametrize("writing", binary32.WRITINGS)
def test_every_way_to_write_binary32_is_recognised(writing: str) -> None:
    """On every third case; the next writing begins with the next case."""
    cases = load_suite("core/*", skip="core/chain-*")[
        list(binary32.WRITINGS).index(writing) % 3 :: 3
    ]
    failing = excused(partial(binary32.step, writing=writing), cases, Dialect(threshold=5.0))

    assert len(failing) > 12
    assert all(failing.values())


def single(params: Any, grads: Any, state: Any, hyper: Mapping[str, float]) -> Any:
    """A program that has nothing but binary32: the averages too take betas that were rounded."""
    narrow = {name: float(np.float32(hyper[name])) for name in ("beta1", "beta2")}
    return textbook.step(params, grads, state, {**hyper, **narrow}, scalars="closed")


def test_a_program_in_binary32_alone_is_recognised() -> None:
    failing = excused(single, load_suite("core/*-f32", skip="core/chain-*"), Dialect())

    assert failing["core/crossing-07-f32"]
    assert failing["core/never-rectified-02-f32"]  # beta2 = 0.6, where rho_inf is 4
    assert all(failing.values())


def test_betas_in_binary32_are_a_fault_of_a_program_in_binary64() -> None:
    failing = excused(single, load_suite("core/crossing-07-f64"), Dialect())

    assert failing == {"core/crossing-07-f64": False}


@pytest.mark.parametrize("reset", [8, 14, 30])
def test_moments_that_are_lost_are_no_matter_of_precision(reset: int) -> None:
    """Also between observed steps, where single steps cannot be compared."""
    step = partial(binary32.step, writing="running", reset=reset)
    failing = excused(step, load_suite("core/smoke-*"), Dialect(threshold=5.0))

    assert failing
    assert not any(failing.values())


@pytest.mark.parametrize("dialect", [Dialect(), dialects["pytorch"], dialects["proxmin"]])
@pytest.mark.parametrize(
    ("edit", "excuse"),
    [
        (Edit(lines.ROOT, f"r_t = {single_number('math.sqrt(squared)')}"), True),
        (Edit(lines.ROOT, "r_t = (1 + 2**-26) * math.sqrt(squared)"), False),
        (Edit(lines.APPLY, "return x - (1 + 1e-8) * h.lr * u"), False),
    ],
    ids=["r rounded", "r a little off", "lr a little off"],
)
def test_r_t_alone_may_be_rounded_and_that_is_not_any_small_error(
    edit: Edit, excuse: bool, dialect: Dialect
) -> None:
    program, cases = edits.program([edit]), load_suite("core/*-f64", skip="core/chain-*")

    def step(case: Case) -> Answer:
        return edits.play(program, case, dialect)

    failing = [
        (case, answer)
        for case in cases
        if compare(case, answer := step(case), expectation(case, dialect)).verdict == "fail"
    ]

    assert len(failing) > 20
    assert all(explains(case, dialect, answer) for case, answer in failing) == excuse
