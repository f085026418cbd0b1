"""Identification fits each axis on its own, and names what has no name."""

import io
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from rich.console import Console

from radam_conformance import identify, listing, naming
from radam_conformance.cases import Case, Expected, load_suite
from radam_conformance.identify import (
    AXES,
    COMBINATIONS,
    DECAYING,
    by_axis,
    decays,
    expectation,
    fit,
    is_probe,
)
from radam_conformance.judge import judge
from radam_conformance.protocol import Answer
from radam_conformance.report import Report
from radam_conformance.specimens import edits as specimens
from radam_conformance.specimens.faults import FAULTS
from radam_ref import Dialect, dialects

from .ports import faulty, specification
from .sample_ports import Step, play, port

pytestmark = pytest.mark.usefixtures("oracle_once")

PROBES = tuple(case for case in load_suite("*-f64") if is_probe(case))
# `radam_ref.step` has no floor; proxmin itself is identified in test_judge.
COMPUTABLE = [dialect for dialect in COMBINATIONS if dialect.eps_placement != "floor"]


def answers(step: Step) -> list[tuple[Case, Answer]]:
    return [(case, play(step, case)) for case in PROBES]


def in_dialect(dialect: Dialect) -> Step:
    axes = {axis: getattr(dialect, axis) for axis in AXES}
    return partial(specification.step, **axes)


@pytest.mark.parametrize("dialect", COMPUTABLE, ids=naming.name)
def test_every_combination_is_recognised_and_no_other_is_near(dialect: Dialect) -> None:
    best, second, *_ = fit(answers(in_dialect(dialect)))

    assert (best.dialect, best.misfit) == (dialect, 0.0)
    assert second.misfit > 10.0


@pytest.mark.parametrize("dialect", [Dialect(), dialects["authors"]], ids=naming.name)
def test_each_axis_tells_for_itself(dialect: Dialect) -> None:
    choices = by_axis(fit(answers(in_dialect(dialect))))

    assert set(choices) == set(AXES)
    for axis, ((value, misfit), *others) in choices.items():
        assert (value, misfit) == (getattr(dialect, axis), 0.0)
        assert all(worse > 10.0 for _, worse in others)


@pytest.mark.parametrize("fault", ["t counts twice", "r inverted", "v uncorrected"])
def test_a_wrong_port_fits_nothing(fault: str) -> None:
    assert fit(answers(partial(faulty.step, fault=fault)))[0].misfit > 10.0


def test_where_nothing_fits_the_declared_or_a_known_dialect_goes_before_an_unnamed_one() -> None:
    edits = [*FAULTS["rho-without-2"].edits, *FAULTS["v-uncorrected"].edits]
    wrong = specimens.program(edits)
    given = [(case, specimens.play(wrong, case, dialects["pytorch"])) for case in PROBES]
    nearest = min(fit(given), key=lambda each: each.misfit)

    assert naming.name(nearest.dialect).startswith("paper + ")
    assert naming.name(fit(given)[0].dialect) in ("paper", "pytorch", "optax")
    assert naming.name(fit(given, declared="lamp")[0].dialect) == "lamp"
    assert naming.name(fit(given, declared="authors")[0].dialect) != "authors"  # far from it


def test_without_an_answer_to_a_probe_nothing_is_claimed() -> None:
    (case,) = load_suite("core/chain-01-f64")

    assert fit([]) == []
    assert fit([(case, Answer())]) == []


def test_stored_vectors_are_used_where_there_are_some() -> None:
    case = PROBES[0]

    assert expectation(case, dialects["timm-legacy"]) is case.expected["pytorch"]
    assert expectation(case, dialects["kozistr"]) is case.expected["authors"]
    unstored = replace(dialects["lamp"], threshold=4.5)
    assert not any(expectation(case, unstored) is e for e in case.expected.values())


@pytest.mark.parametrize(
    ("dialect", "name"),
    [
        (Dialect(), "paper"),
        (dialects["kozistr"], "authors"),
        (dialects["optimi"], "optax"),
        (dialects["pylocron"], "paper"),
        (Dialect(eps_placement="floor"), "proxmin"),
        (Dialect(threshold=4.5), "paper + threshold 4.5"),
        (Dialect(nesterov=True, eps_root=1e-8), "paper + eps_root 1e-08 + Nesterov's look ahead"),
        (
            Dialect(threshold=5.0, unrectified="hold"),
            "paper + threshold 5 + unrectified steps hold",
        ),
    ],
)
def test_a_dialect_is_named_as_far_as_core_sees_it(dialect: Dialect, name: str) -> None:
    assert naming.name(dialect) == name


def text_of(report: Report) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(listing.render_identity(report))
    return " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]


MakeReport = Callable[..., Report]


@pytest.fixture
def identified() -> MakeReport:
    return lambda name, **options: judge(port(name, **options), PROBES, every_dialect=True)


@pytest.mark.posix
@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        (
            "specification",
            {"dialect": "authors"},
            "It computes authors; Core cannot tell it from kozistr.",
        ),
        (
            "textbook",
            {"threshold": 5, "scalars": "mixed"},
            "It computes optax, with scalar terms in binary32; Core cannot tell it from",
        ),
        ("faulty", {"fault": "t counts twice"}, "No dialect fits wholly; closest is paper"),
    ],
)
def test_the_answer_is_a_sentence(
    identified: MakeReport, name: str, options: dict[str, object], sentence: str
) -> None:
    text = text_of(identified(name, **options))

    assert sentence in text
    assert "axis it computes misfit other choices and their misfit" in text


@pytest.mark.parametrize(
    ("asked", "fault", "computed"),
    [
        ("coupled", "", "coupled"),
        ("decoupled", "", "decoupled"),
        ("decoupled", "decay-without-lr", "absolute"),
        ("decoupled", "decay-of-another-kind", "coupled"),
        ("coupled", "decay-of-another-kind", "decoupled"),
        ("coupled", "decay-ignored", "none"),
    ],
)
def test_the_kind_of_weight_decay_is_told_from_what_was_asked(
    asked: str, fault: str, computed: str
) -> None:
    edits = FAULTS[fault].edits if fault else ()
    cases = load_suite(f"decay.{asked}/{DECAYING}-f64")
    answered = [(case, specimens.play(specimens.program(edits), case, Dialect())) for case in cases]

    kinds = decays(answered, Dialect())[asked]

    (best, misfit), (_, second), *_ = kinds.items()
    assert (best, misfit) == (computed, 0.0)
    assert second > 5.0


def test_a_dialect_that_the_oracle_cannot_decide_fits_worst(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def undecided(case: Case, dialect: Dialect) -> Expected:
        raise ArithmeticError("rho_t is too near the threshold")

    answered = answers(in_dialect(Dialect()))
    monkeypatch.setattr(identify, "expectation", undecided)

    assert {each.misfit for each in fit(answered)} == {len(answered) * identify.WORST}
