"""The diagnosis names the fault that a port has, on the cases that have it, or none at all."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from radam_conformance import cli
from radam_conformance.cases import Case, load_suite
from radam_conformance.clues import cover
from radam_conformance.diagnosis import NARROW, SINGLE, TAKEN, diagnose
from radam_conformance.harness import Outcome
from radam_conformance.identify import fit
from radam_conformance.protocol import Answer, Refusal
from radam_conformance.report import Report
from radam_conformance.results import Diagnosis
from radam_conformance.schedule import Run
from radam_conformance.specimens import lines
from radam_conformance.specimens.edits import Edit, play, program
from radam_conformance.specimens.faults import FAULTS
from radam_conformance.verdicts import verdicts
from radam_ref import Dialect, dialects

from ..tiers import mostly_slow
from .unlisted import UNLISTED, Unlisted

pytestmark = pytest.mark.usefixtures("oracle_once")

PAPER = Dialect()
DOCS = Path(__file__).parents[2] / "docs" / "diagnosis.md"
# All probes, and of every part a little: what a fault changes, and what it leaves alone.
CASES = load_suite(
    [
        *(f"core/{name}-01-f64" for name in ("smoke", "unrectified", "crossing", "large-lr")),
        *(f"core/eps-{name}-01-f64" for name in ("dominant", "placement")),
        *("core/crossing-03-f64", "core/never-rectified-03-f64", "core/never-rectified-04-f64"),
        *("schedule/warm-up-01-f64", "nesterov/ahead-01-f64", "maximize/*-f64"),
        *("tensors/late-01-f64", "tensors/gaps-01-f64", "groups/*-f64", "eps0/still-01-f64"),
        *("decay.*/plain-01-f64", "decay.*/still-01-f64", "decay.*/gaps-01-f64"),
    ]
)


def run_of(edits: Sequence[Edit], case: Case, dialect: Dialect) -> Run:
    """What a worker with the edited program would have answered."""
    try:
        return Run(case, Outcome("answered", "", play(program(edits), case, dialect)))
    except Refusal as refusal:
        return Run(case, Outcome(refusal.kind, refusal.text, None))


def diagnosed(
    edits: Sequence[Edit], cases: Sequence[Case] = CASES, dialect: Dialect = PAPER
) -> Diagnosis | None:
    """The diagnosis of a program that is judged by the dialect it seems to have."""
    runs = [run_of(edits, case, dialect) for case in cases]
    answers = [(run.case, run.outcome.answer) for run in runs if run.outcome.answer]
    used = fits[0].dialect if (fits := fit(answers)) else dialect
    return diagnose(runs, verdicts(runs, used, used), used)


@pytest.mark.parametrize(
    "name",
    [
        *("step-counted-twice", "r-inverted", "v-uncorrected", "eps-under-the-root"),
        *("decay-without-lr", "lr-of-the-first-group", "missing-as-zero", "nesterov-power"),
        *("decay-coupled-alone", "coupled-decay-after-v", "v-replaced-by-its-maximum"),
    ],
)
def test_a_known_fault_is_named_on_all_cases_that_it_fails(name: str) -> None:
    found = diagnosed(FAULTS[name].edits)

    assert found is not None
    (cause,) = found.causes
    # The dialect is named where it is another than the nearest.
    assert any(said.startswith(FAULTS[name].sentence) for said in (cause.sentence, *cause.alike))
    assert (len(cause.cases), found.unexplained) == (found.failing, ())


@pytest.mark.parametrize("name", ["step-counted-twice", "m-uncorrected"])
def test_a_fault_is_named_where_binary32_would_make_1_of_beta2(name: str) -> None:
    cases = load_suite("extreme/near-one-0?-f32")
    found = diagnosed(FAULTS[name].edits, cases)

    assert any(np.float32(case.hyper[0].beta2) == 1 for case in cases)
    assert found is not None
    assert [cause.sentence for cause in found.causes] == [FAULTS[name].sentence]
    assert found.unexplained == ()


@pytest.mark.parametrize(
    "name",
    mostly_slow(
        ["v-correction-multiplied", "rho-a-step-late", "rho-in-integers", "rho-without-2"], 1
    ),
)
def test_a_fault_is_named_where_a_wrong_dialect_fits_best(name: str) -> None:
    cases = load_suite("core/*-f64", skip="core/chain-*")
    found = diagnosed(FAULTS[name].edits, cases, dialects["pytorch"])

    assert found is not None
    (cause,) = found.causes
    assert cause.sentence == f"{FAULTS[name].sentence}, in the dialect pytorch"
    assert (len(cause.cases), found.unexplained) == (found.failing, ())


def test_a_factor_near_1_is_told_from_1() -> None:
    found = diagnosed([Edit(lines.APPLY, "return x - (1 + 1e-8) * h.lr * u")])

    assert found is not None
    assert [cause.sentence for cause in found.causes] == [
        "the update is 1 +1.0e-08 times the right one in every step"
    ]


# A search is seconds long if it finds nothing.
@pytest.mark.parametrize("fault", mostly_slow(UNLISTED, 4), ids=[fault.name for fault in UNLISTED])
def test_of_a_fault_in_no_list_nothing_false_is_said(
    fault: Unlisted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cover, "STEPS", 25_000)  # what is found in a third of the time
    found = diagnosed(fault.edits, dialect=fault.dialect)

    assert found is not None
    said = [(cause.sentence, cause.line, *cause.alike) for cause in found.causes]
    assert all(any(true in word for word in words for true in fault.true) for words in said)
    assert sum(len(cause.cases) for cause in found.causes) + len(found.unexplained) == found.failing
    assert bool(found.causes) == fault.is_named


def test_what_would_spoil_a_case_that_passes_is_not_named() -> None:
    coupled, decoupled = (load_suite(f"decay.{k}/plain-01-f64") for k in ("coupled", "decoupled"))
    ignored = FAULTS["decay-ignored"].edits
    runs = [run_of(ignored, *coupled, Dialect()), run_of((), *decoupled, Dialect())]

    found = diagnose(runs, verdicts(runs, Dialect(), Dialect()), Dialect())

    assert found is not None
    assert [cause.sentence for cause in found.causes] == [
        "coupled decay is ignored, decoupled decay is not"
    ]


def test_numbers_that_are_not_finite_are_no_obstacle() -> None:
    def filled(case: Case, value: float) -> Run:
        tensors = enumerate(case.x0)
        x = {(t, i): (value,) * len(each.values) for i, each in tensors for t in case.observe}
        return Run(case, Outcome("answered", "", Answer(x)))

    values = (math.nan, math.inf, -math.inf, 1e308)
    runs = [filled(case, values[i % 4]) for i, case in enumerate(CASES[:12])]

    found = diagnose(runs, verdicts(runs, Dialect(), Dialect()), Dialect())

    assert found is not None
    assert (found.causes, len(found.unexplained)) == ((), 12)


def test_without_numbers_there_is_no_diagnosis() -> None:
    runs = [Run(case, Outcome("crash", "signal 11", None)) for case in CASES]

    assert diagnose(runs, verdicts(runs, Dialect(), Dialect()), Dialect()) is None
    assert diagnosed(()) is None


def test_hyper_parameters_that_must_be_refused_and_are_not() -> None:
    invalid = load_suite("invalid/*")
    taken = [run_of((), case, Dialect()) for case in invalid]
    assert all(run.outcome.kind == "rejected" for run in taken)
    answered = [Run(case, Outcome("answered", "", Answer())) for case in invalid]

    found = diagnose(answered, verdicts(answered, Dialect(), Dialect()), Dialect())

    assert found is not None
    (cause,) = found.causes
    assert (cause.sentence, len(cause.cases)) == (TAKEN.sentence, len(invalid))


# Real ports. What is wrong with each is documented by its source, which was read.


@pytest.fixture(scope="module")
def counted(judged: Callable[..., Report]) -> Callable[..., Mapping[str, int]]:
    """The causes of a real port with their cases, and the first wrong step."""

    @cache
    def causes(spec: str, *only: str) -> Mapping[str, int]:
        report = judged(spec, cases=load_suite(only))
        assert report.diagnosis is not None
        counts = {cause.sentence: len(cause.cases) for cause in report.diagnosis.causes}
        left = len(report.diagnosis.unexplained)
        return {**counts, **({"": left} if left else {})}

    return causes


@pytest.mark.posix
@pytest.mark.thinc
def test_thinc_is_a_step_ahead(counted: Callable[..., Mapping[str, int]]) -> None:
    port = "func:radam_conformance.ports.thinc_radam:step"

    assert counted(port, "core/crossing-0?-f32") == {
        "t is one ahead: it starts at 2, in the dialect pytorch": 7
    }


@pytest.mark.posix
@pytest.mark.jax
def test_optax_in_float32_has_scalars_in_float32(counted: Callable[..., Mapping[str, int]]) -> None:
    found = counted("optax:optax.radam", "core/crossing-0?-f32", "resume/state-03-f32", "eps0/st*")

    assert set(found) == {SINGLE.sentence, FAULTS["zero-by-zero"].sentence}
    assert found[FAULTS["zero-by-zero"].sentence] == 1


@pytest.mark.posix
@pytest.mark.torch
def test_optimi_has_three_faults_at_once(counted: Callable[..., Mapping[str, int]]) -> None:
    found = counted(
        "torch:optimi.RAdam", "tensors/*", "groups/*", "eps0/still-01-*", "core/smoke-01-*"
    )

    assert found == {
        "a tensor without a gradient counts the step all the same, and its moments, which are "
        "kept corrected, get wrong weights": 4,
        "the betas of the first group serve all groups": 6,
        "0/0 makes NaN where eps and v are 0": 2,
    }


@pytest.mark.posix
@pytest.mark.torch
def test_coupled_decay_of_pytorch_optimizer_does_nothing(
    counted: Callable[..., Mapping[str, int]],
) -> None:
    found = counted("torch:pytorch_optimizer.RAdam", "decay.*/plain-01-*", "core/smoke-01-*")

    assert found == {"coupled decay is ignored, decoupled decay is not": 2}


@pytest.mark.posix
@pytest.mark.torch
def test_torch_optimizer_shares_a_cache_and_computes_in_float32(
    counted: Callable[..., Mapping[str, int]],
) -> None:
    found = counted("torch:torch_optimizer.RAdam", "groups/*-f32", "core/crossing-0?-f64")

    assert found == {
        NARROW.sentence: 7,
        "a cached step size, lr included, serves all groups with the same betas": 1,
    }


@pytest.mark.posix
@pytest.mark.thinc
def test_the_transcript_in_the_docs_is_what_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, transcript, _ = DOCS.read_text(encoding="utf-8").split("```")
    words, printed = transcript.removeprefix("text\n$ radam-conformance ").split("\n", 1)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "argv", ["radam-conformance", *words.split()])
    with pytest.raises(SystemExit) as left:
        cli.main()

    assert left.value.code == 1
    assert capsys.readouterr().out.strip() == printed.strip()
