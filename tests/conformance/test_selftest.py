"""The conformance suite's self-test: mutants are killed, and correct variants stay in the bounds.

`radam-conformance selftest`, which the gate runs, tries every fault and every variant on all test
cases. Here a fault meets those that claim to kill it first, and a variant a few.
"""

import functools
import io
import math
import operator
from pathlib import Path

import pytest
from rich.console import Console

from radam_conformance import selftest, selftest_page, selftest_text
from radam_conformance.cases import load_suite
from radam_conformance.selftest import BEYOND, WITHIN, Result, Spread, Trial
from radam_conformance.specimens import lines
from radam_conformance.specimens.edits import Edit, edited, play, program, textbook
from radam_conformance.specimens.faults import FAULTS
from radam_conformance.specimens.styles import STYLES, noticed
from radam_conformance.specimens.variants import VARIANTS, running_product
from radam_ref import dialects

REAL = {name: fault for name, fault in FAULTS.items() if not fault.equivalent}
EQUIVALENT = [name for name in FAULTS if name not in REAL]
EVERY = 24  # a variant meets one of so many test cases here, and the next variant the next one


def test_there_are_many_faults_and_many_of_them_were_seen_in_real_ports() -> None:
    assert len(REAL) >= 60
    assert sum(bool(fault.source) for fault in REAL.values()) >= 60
    assert all(fault.sentence and fault.line for fault in FAULTS.values())
    assert len({fault.sentence for fault in FAULTS.values()}) == len(FAULTS)


def test_every_specimen_is_a_program_of_its_own() -> None:
    faulty = {edited(fault.edits) for fault in FAULTS.values()}
    right = {edited(variant.edits) for variant in VARIANTS.values()}

    assert len(faulty) == len(FAULTS)
    assert len(right) == len(VARIANTS) >= 200
    assert not faulty & right


@pytest.mark.parametrize("name", REAL)
def test_a_fault_is_far_beyond_the_bound_of_some_case(name: str) -> None:
    faulty = program(FAULTS[name].edits)
    claiming_it_first = sorted(selftest.cases(), key=lambda case: name not in case.kills)

    assert any(selftest.largest_over(faulty, case, "paper") > BEYOND for case in claiming_it_first)


@pytest.mark.parametrize("name", EQUIVALENT)
def test_an_equivalent_fault_gives_the_same_bits(name: str) -> None:
    faulty, right = program(FAULTS[name].edits), program()

    for case in load_suite(["core/crossing*", "core/sparse*", "core/overflow*", "eps0/*"]):
        for dialect in (dialects["paper"], dialects["pytorch"]):
            one, other = (play(each, case, dialect, 40).x for each in (faulty, right))
            assert one == other, case.id


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_within_half_of_the_bounds(name: str) -> None:
    spread = selftest.spread_of(name, EVERY)

    assert spread.over <= WITHIN, spread


def test_the_right_program_gets_through_every_style_of_others_and_so_does_a_dropped_eps() -> None:
    assert noticed(program()) == ()
    assert noticed(program(FAULTS["eps-dropped"].edits)) == ()


def test_each_style_notices_a_fault_of_its_kind() -> None:
    seen = {style for name in ("no-rectification", "ascent", "m-uncorrected", "state-shared")
            for style in noticed(program(FAULTS[name].edits))}  # fmt: skip

    assert seen == set(STYLES)


def test_an_edit_that_fits_nowhere_or_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="occurs 0 times"):
        program([Edit("no such line", "")])
    with pytest.raises(ValueError, match="must occur exactly once"):
        program([Edit("self", "that")])


def test_every_piece_that_edits_replace_stands_once_in_the_program() -> None:
    pieces = [value for name, value in vars(lines).items() if name.isupper()]
    single = [piece for piece in pieces if isinstance(piece, str)]

    assert all(textbook().count(piece) == 1 for piece in single)


@pytest.mark.parametrize("t", [1, 2, 1000, 40_003])
def test_a_running_product_multiplies_one_factor_after_the_other(t: int) -> None:
    assert running_product(0.999, t) == functools.reduce(operator.mul, [0.999] * t)


def shown(result: Result) -> str:
    file = io.StringIO()
    Console(file=file, width=100).print(selftest_text.render(result))
    return file.getvalue()


def test_a_small_run_prints_its_matrix_and_its_margins() -> None:
    names = list(VARIANTS)[:2]
    result = selftest.run(faults=["eps-dropped", "threshold-reached"], variants=names, jobs=1)

    assert result.is_proved
    text = shown(result)
    assert "1 of 1 faults killed" in text
    assert "1 more proved to be none" in text
    assert "2 legitimate variants within 0." in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_a_survivor_and_an_accused_variant_are_reported() -> None:
    alive = Trial("eps-dropped", {}, 0.3, 0, ())
    near = Trial("lr-missing", {"core": 1}, 9.0, 0, ())
    told = Trial("threshold-reached", {"core": 1}, 50.0, 0, (), ("core/smoke-02-f64",))
    wide = Spread("somebody's", 0.6, "core/smoke-01-f64", "paper")
    result = Result((alive, near, told), (wide,), {"core": 78})

    assert not result.is_proved
    assert [trial.name for trial in result.survivors] == ["eps-dropped", "lr-missing"]
    assert [spread.name for spread in result.accused] == ["somebody's", "threshold-reached"]
    text = shown(result)
    assert "SURVIVES  eps-dropped: eps is dropped" in text
    assert "MISSED  threshold-reached: core/smoke-02-f64 says that it kills it" in text
    assert "ACCUSED  somebody's: 0.6 of the bound in core/smoke-01-f64" in text


def test_a_fault_that_is_not_killed_where_a_case_says_so_is_no_proof() -> None:
    missed = Trial("eps-dropped", {"core": 1}, 50.0, 0, (), ("core/smoke-02-f64",))

    assert not Result((missed,), (), {"core": 78}).is_proved
    assert Result((missed._replace(missed=()),), (), {"core": 78}).is_proved


def test_a_program_that_takes_nonsense_or_changes_shapes_is_killed() -> None:
    (invalid,) = load_suite("invalid/lr-01-*")
    (smoke,) = load_suite("core/smoke-01-f64")
    growing = program([Edit(lines.APPLY, "return np.append(x, 1.0)")])

    assert selftest.largest_over(program(), invalid, "paper") == 0
    taken = program(FAULTS["negative-lr-taken"].edits)
    assert math.isinf(selftest.largest_over(taken, invalid, "paper"))
    assert math.isinf(selftest.largest_over(growing, smoke, "paper"))


PAGE = Path(__file__).parents[2] / "docs" / "proof.md"


def test_the_page_has_every_variant_and_every_fault() -> None:
    text = PAGE.read_text(encoding="utf-8")

    for row in selftest_page.table_of_variants():
        assert row in text
    for row in selftest_page.table_of_faults().values():
        assert row in text
