"""The first wrong step is found, and the line that diverges in it is the one that is wrong."""

import io
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from radam_conformance import explain_text
from radam_conformance.cases import Case, load_case
from radam_conformance.clues.wrong_step import Ask
from radam_conformance.explain import Explanation, explanation
from radam_conformance.protocol import Answer
from radam_conformance.results import Cause
from radam_conformance.specimens import lines
from radam_conformance.specimens.edits import Edit, play, program
from radam_conformance.specimens.faults import FAULTS
from radam_ref import Dialect

pytestmark = pytest.mark.usefixtures("oracle_once")

CROSSING = "core/crossing-01-f64"


def asked(edits: Sequence[Edit]) -> Ask:
    """A port that runs the edited program."""
    edited = program(edits)

    def ask(case: Case) -> Answer | None:
        return play(edited, case, Dialect())

    return ask


def explained(edits: Sequence[Edit], id: str = CROSSING) -> Explanation:
    """The page on a case that the edited program fails."""
    page = explanation(load_case(id), Dialect(), asked(edits))
    assert page is not None
    return page


def printed(page: Explanation) -> list[str]:
    console = Console(file=io.StringIO(), width=100)
    console.print(explain_text.render(page, "radam-conformance run port --explain"))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("fault", "quantity", "step", "words"),
    [
        ("t-starts-at-2", "m_hat", 1, "as if t were 2 in the correction of m"),
        ("m-uncorrected", "m_hat", 1, "m is not corrected for its bias"),
        ("r-inverted", "r", 5, "the update is divided by r_t"),
        ("no-rectification", "r", 5, "r_t is left out"),
        ("v-uncorrected", "denominator", 5, "v is not corrected for its bias"),
        ("never-rectified", "branch", 5, "takes the step for one that is not to be rectified"),
        ("always-rectified", "branch", 1, "it rectifies this step"),
        ("ascent", "u", 1, "the sign of the update is wrong"),
    ],
)
def test_the_line_that_diverges_is_that_of_the_fault(
    fault: str, quantity: str, step: int, words: str
) -> None:
    page = explained(FAULTS[fault].edits)

    assert (page.step, page.first_wrong) == (step, quantity)
    assert words in page.reason.sentence


def test_a_step_between_observed_ones_is_found() -> None:
    chain = load_case("core/chain-01-f64")
    assert 333 not in chain.observe
    ends = "return Terms(correction1, correction1_next, correction2 if t < 333 else 1, r_t)"

    page = explained([Edit(lines.RESULT, ends)], chain.id)

    assert page.step == 333


def test_moments_that_are_shown_are_judged() -> None:
    edits = FAULTS["m-weight-missing"].edits

    def ask(case: Case) -> Answer | None:
        answer, gradient = play(program(edits), case, Dialect()), [0.0] * 3
        for t in range(1, case.steps + 1):
            beta1 = case.hyper_at(t).beta1
            (now,) = case.gradients_at(t)
            assert now is not None
            gradient = [beta1 * m + g for m, g in zip(gradient, now, strict=False)]
            answer.m[t, 0] = tuple(gradient)
        return answer

    case = load_case("core/smoke-01-f64")
    assert len(case.x0[0].values) == 3
    page = explanation(case, Dialect(), ask)

    assert page is not None
    m = next(line for line in page.lines if line.quantity == "m")
    assert (page.first_wrong, m.source, m.right) == ("m", "shown", False)


def test_without_a_wrong_answer_there_is_nothing_to_explain() -> None:
    case = load_case(CROSSING)

    assert explanation(case, Dialect(), asked(())) is None
    assert explanation(case, Dialect(), lambda case: None) is None


@pytest.mark.parametrize("fault", ["decay-grows", "coupled-decay-by-lr", "eps-under-the-root"])
@pytest.mark.parametrize("id", ["decay.coupled/plain-01-f64", "decay.decoupled/plain-01-f32"])
def test_the_page_fits_in_100_columns(fault: str, id: str) -> None:
    page = explanation(load_case(id), Dialect(), asked(FAULTS[fault].edits))

    if page is not None:  # decay of the other kind is right
        cause = Cause(FAULTS[fault].sentence, "S5", (id,), page.step, Dialect(), ("https://x.y",))
        text = printed(replace(page, cause=cause))
        assert max(map(len, text)) <= 100
        assert sum("✗ ←" in line for line in text) == 1
        assert any(FAULTS[fault].sentence in line for line in text)


def test_exact_and_theirs_stand_side_by_side() -> None:
    page = explained([Edit(lines.APPLY, "return x - 2 * h.lr * u")])
    (u,) = (line for line in page.lines if line.quantity == "u")
    text = next(line for line in printed(page) if line.lstrip().startswith("14    u ="))

    assert u.theirs == pytest.approx(2 * float(u.exact or 0), rel=1e-9)
    assert all(part in text for part in (f"{u.exact:.11g}", f"≈ {u.theirs:.11g}", "× 2"))
