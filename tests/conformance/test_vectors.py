"""The stored vectors are whole, well formed, and what the designs give."""

from __future__ import annotations

import copy
import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radam_conformance import cases, golden_files, verify
from radam_conformance.authoring import regenerate
from radam_conformance.authoring.blueprint import Blueprint
from radam_conformance.authoring.combined import BLUEPRINTS
from radam_conformance.authoring.design import REAL
from radam_conformance.authoring.kills import choose, kills_of
from radam_conformance.authoring.record import PROBLEMS, record
from radam_conformance.authoring.recorded import recordings
from radam_conformance.authoring.regenerate import DESIGNS
from radam_conformance.naming import in_case
from radam_conformance.selftest import BEYOND, largest_over
from radam_conformance.specimens.edits import program
from radam_conformance.specimens.faults import FAULTS
from radam_conformance.truth import balls, witness
from radam_conformance.truth.bits import FORMATS
from radam_ref import dialects, origins

SHORT = [design for design in DESIGNS if design.steps <= 40]


def copy_of_golden(folder: Path, *ids: str) -> Path:
    """A copy of the stored suite with these cases alone."""
    index = json.loads((regenerate.GOLDEN / "index.json").read_bytes())
    index["cases"] = [entry for entry in index["cases"] if entry["id"] in ids]
    for entry in (index["notes"], index["schema"], *index["cases"]):
        (folder / entry["file"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(regenerate.GOLDEN / entry["file"], folder / entry["file"])
    (folder / "index.json").write_bytes(regenerate.render(index))
    return folder


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    text = (regenerate.GOLDEN / "core/smoke-01-f32.json").read_bytes()
    record: dict[str, Any] = json.loads(text)
    return record


def test_suite_is_whole() -> None:
    assert verify.verify() == []


def test_suite_is_small_and_complete() -> None:
    suite = cases.load_suite()
    core = [case for case in suite if case.profile == "core"]
    assert len(core) == 2 * len(DESIGNS)
    assert len(suite) - len(core) == sum(len(blueprint.dtypes) for blueprint in BLUEPRINTS)
    assert len(suite) >= 150


def test_the_wheel_stays_under_five_mebibytes() -> None:
    package = regenerate.GOLDEN.parent
    files = [path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    compressed = sum(len(zlib.compress(path.read_bytes())) for path in files)
    assert compressed < 4_500_000  # and half a mebibyte for the other rooms


PROFILED = [  # a million steps take a minute
    blueprint
    for blueprint in BLUEPRINTS
    if blueprint.name.endswith("01") and blueprint.profile != "long"
]


# `verify --regenerate`, which the gate runs, has every case.
@pytest.mark.parametrize("blueprint", PROFILED[::4], ids=lambda each: f"{each.profile}/{each.name}")
def test_stored_profiles_are_what_the_blueprints_give(blueprint: Blueprint) -> None:
    record = regenerate.build(blueprint.case(blueprint.dtypes[-1]))
    old = json.loads((regenerate.GOLDEN / f"{record['id']}.json").read_bytes())
    del record["provenance"], old["provenance"]
    assert old == record


def test_a_case_reads_back_as_it_was_designed() -> None:
    for blueprint in BLUEPRINTS:
        for dtype in blueprint.dtypes:
            case = blueprint.case(dtype)
            assert cases.load_case(case.id) == case


@pytest.mark.parametrize("design", SHORT[::4], ids=lambda design: str(design.name))
def test_stored_cases_are_what_the_designs_give(design: Blueprint) -> None:
    record = regenerate.build(design.case("float32"))
    old = json.loads((regenerate.GOLDEN / f"{record['id']}.json").read_bytes())
    del record["provenance"], old["provenance"]
    assert old == record


def test_gradients_use_all_bits_of_their_dtype_and_no_more() -> None:
    for design in DESIGNS:
        for dtype in REAL:
            rows = [row for (row,) in design.gradients(dtype)]
            assert {len(row) for row in rows if row} == {len(design.x0[0].values)}
            assert np.array_equal(np.array(rows, dtype).astype(np.float64), np.array(rows))
            assert np.max(np.abs(rows)) < FORMATS[dtype].largest


def test_written_bytes_are_those_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regenerate, "GOLDEN", copy_of_golden(tmp_path / "golden"))
    monkeypatch.setattr(regenerate, "DESIGNS", SHORT[:1])
    monkeypatch.setattr(regenerate, "BLUEPRINTS", ())
    monkeypatch.setattr(regenerate, "PROCESSES", 1)
    seen: list[tuple[int, int, str]] = []
    assert regenerate.regenerate(progress=lambda *report: seen.append(report)) == []
    assert seen == [(1, 2, "core/smoke-01-f64"), (2, 2, "core/smoke-01-f32")]
    for name in ("core/smoke-01-f64.json", "core/smoke-01-f32.json"):
        rendered = regenerate.render(json.loads((tmp_path / "golden" / name).read_bytes()))
        assert (tmp_path / "golden" / name).read_bytes() == rendered
    index = json.loads((tmp_path / "golden/index.json").read_bytes())
    assert [entry["id"] for entry in index["cases"]] == ["core/smoke-01-f64", "core/smoke-01-f32"]


def test_check_names_what_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = copy_of_golden(tmp_path / "golden", "core/smoke-01-f32", "core/smoke-02-f32")
    changed = golden / "core/smoke-01-f32.json"
    changed.write_text(changed.read_text().replace('"steps": 40', '"steps": 41'))
    monkeypatch.setattr(regenerate, "GOLDEN", golden)
    monkeypatch.setattr(regenerate, "DESIGNS", SHORT[:1])
    monkeypatch.setattr(regenerate, "BLUEPRINTS", ())
    monkeypatch.setattr(regenerate, "PROCESSES", 1)
    assert regenerate.regenerate(check=True) == [
        "core/smoke-01-f64.json: is missing",
        "core/smoke-01-f32.json: steps is not what the design gives",
        "core/smoke-02-f32.json: has no design",
    ]


def test_disagreeing_oracles_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "pairs", lambda case, dialect, branches: [])
    with pytest.raises(ArithmeticError, match="the oracles disagree in dialect paper"):
        regenerate.build(DESIGNS[0].case("float32"))


def test_verify_finds_a_changed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = copy_of_golden(tmp_path / "golden", "core/smoke-01-f32")
    for module in (golden_files, verify):
        monkeypatch.setattr(module, "golden", lambda: golden)
    path = golden / "core/smoke-01-f32.json"
    path.write_text(path.read_text().replace('"purpose": "', '"because": "'))
    (golden / "core/stray.json").write_text("{}")
    problems = verify.verify()
    assert "core/smoke-01-f32.json: sha256 is not the one in index.json" in problems
    assert "core/smoke-01-f32.json: 'purpose' is a required property" in problems
    assert "core/stray.json: is not in index.json" in problems


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"id": "core/other-01-f32"}, "is not that of the file"),
        ({"dtype": "float64"}, "does not end in the dtype"),
        ({"flags": ["unheard-of"]}, "flag 'unheard-of' is not in notes.json"),
        ({"kills": [], "purpose": " "}, "it kills no fault and says no purpose"),
        ({"kills": ["unheard-of"]}, "there is no fault 'unheard-of' to kill"),
        ({"requires": ["telepathy"]}, "no port has 'telepathy'"),
        ({"expected": {}}, "it must either expect values or have a hyper-parameter refused"),
        ({"observe": [2, 1]}, "observe must ascend"),
        ({"steps": 39}, "observe must ascend and end by step 39"),
        ({"gradients": [[["00000000"]]]}, "gradients must have"),
    ],
)
def test_lint_finds(stored: dict[str, Any], change: dict[str, Any], problem: str) -> None:
    entry = {"id": stored["id"], "file": f"{stored['id']}.json"}
    notes = cases.load_notes()
    assert list(verify.lint(stored, entry, notes)) == []
    assert any(problem in found for found in verify.lint(stored | change, entry, notes))


def test_lint_finds_late_hyper_parameters_and_missing_values(stored: dict[str, Any]) -> None:
    entry = {"id": stored["id"], "file": f"{stored['id']}.json"}
    broken = copy.deepcopy(stored)
    broken["hyper"][0]["from"] = 2
    broken["expected"]["paper"]["lo"].pop()
    assert [found.split(",")[0] for found in verify.lint(broken, entry, cases.load_notes())] == [
        "hyper of group 0 must start at 1 and ascend",
        "lo of paper has not one value for each observed element",
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"spec": {"paper": "Algorithm 2"}}, "'clause' is a required property"),
        ({"spec": {"clause": "S10", "paper": "Algorithm 2"}}, "'S10' does not match"),
        ({"spec": {"clause": "S4", "paper": ""}}, "'' should be non-empty"),
        ({"purpose": ""}, "'' should be non-empty"),
        ({"comment": "none"}, "'comment' was unexpected"),
        ({"expected": {"paper": {"hi": []}}}, "'lo' is a required property"),
    ],
)
def test_the_schema_refuses(stored: dict[str, Any], change: dict[str, Any], problem: str) -> None:
    from jsonschema import Draft202012Validator

    schema = json.loads((regenerate.GOLDEN / "schema/case.schema.json").read_bytes())
    validator = Draft202012Validator(schema)
    assert not list(validator.iter_errors(stored))
    assert any(problem in error.message for error in validator.iter_errors(stored | change))


def test_lint_counts_the_values_of_alternatives_too() -> None:
    id = "extreme/near-one-01-f64"
    record = json.loads((regenerate.GOLDEN / f"{id}.json").read_bytes())
    entry = {"id": id, "file": f"{id}.json"}
    assert list(verify.lint(record, entry, cases.load_notes())) == []
    record["expected"]["paper"]["alternatives"][0]["hi"].pop()
    assert list(verify.lint(record, entry, cases.load_notes())) == [
        "hi of paper has not one value for each observed element"
    ]


def test_alternatives_are_those_of_the_oracle() -> None:
    (case,) = cases.load_suite("extreme/near-one-01-f64")
    (stored,) = case.expected["pytorch"].alternatives
    (computed,) = balls.expected(case, dialects["pytorch"]).alternatives
    for field in cases.ARRAYS:
        assert np.array_equal(getattr(stored, field), getattr(computed, field))


# By what a named dialect is covered in Core, which has neither decay nor complex numbers.
COVERED_BY = {
    "paper": ("paper", "pylocron", "optimisers.jl"),
    "paper-hold": ("paper-hold",),
    "authors": ("authors", "kozistr"),
    "pytorch": ("authors-sgd", "pytorch", "timm-legacy", "jettify", "catalyst", "pytorch-ranger",
                "thinc", "labml", "paddle", "mindspore", "candle-optimisers", "torchopt-r",
                "swift-apis"),
    "optax": ("optax", "braintools", "tfa", "keras-rectified-adam", "optimi", "fastai"),
    "proxmin": ("proxmin",),
    "lamp": ("lamp",),
}  # fmt: skip


def test_every_named_dialect_is_covered_by_one_stored_name_in_the_dtypes_it_computes_in() -> None:
    assert sorted(name for alike in COVERED_BY.values() for name in alike) == sorted(dialects)
    for case in cases.load_suite("core/*"):
        assert set(case.expected) == set(COVERED_BY)
        for stored, alike in COVERED_BY.items():
            counts = {in_case(dialects[name], case) for name in alike}
            assert counts == {in_case(dialects[stored], case)}
    dtypes = {case.dtype for case in cases.load_suite("core/*")}
    assert all(set(origin.computes_in) <= dtypes for origin in origins.values())


def test_core_stores_no_dialect_twice() -> None:
    for case in cases.load_suite("core/*"):
        assert len({in_case(dialects[name], case) for name in case.expected}) == len(COVERED_BY)


def test_profiles_store_every_dialect_that_a_port_with_their_features_has() -> None:
    """eps as a floor is proxmin's, which has no more than Core."""
    for case in cases.load_suite():
        if case.profile in ("core", "long", "invalid"):
            continue
        stored = {in_case(dialects[name], case) for name in case.expected}
        own = (d for d in dialects.values() if d.eps_placement != "floor")
        assert {in_case(dialect, case) for dialect in own} <= stored


def test_faults_are_listed_where_few_cases_kill_them() -> None:
    matrix = {
        "common": {"core/a-01-f64": 99.0, "core/a-01-f32": 11.0, "core/b-01-f64": 20.0},
        "rare": {"core/a-01-f64": 12.0, "core/a-01-f32": 12.0, "core/b-01-f64": 1.0},
        "half-killed": {"core/a-01-f64": 99.0, "core/a-01-f32": 2.0, "core/b-01-f64": 0.0},
    }
    assert choose(matrix, 10.0) == {"core/a-01": ["rare", "common"], "core/b-01": ["common"]}


def test_every_case_kills_something_or_is_judged_by_no_bound() -> None:
    for case in cases.load_suite():
        assert case.kills == kills_of(case.id.rpartition("-")[0])
        assert case.kills or case.profile == "extreme", case.id


@pytest.mark.parametrize("case", cases.load_suite()[::8], ids=lambda case: str(case.id))
def test_a_case_kills_what_it_says(case: cases.Case) -> None:
    for name in case.kills:
        assert largest_over(program(FAULTS[name].edits), case, "paper") > BEYOND, name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("logistic", marks=pytest.mark.sklearn),
        pytest.param("network", marks=pytest.mark.torch),
        "inverse",
    ],
)
def test_recorded_gradients_are_those_of_the_problem(name: str) -> None:
    stored, again = recordings()[name], record(PROBLEMS[name]())
    assert stored["x0"] == again["x0"]
    assert stored["lr"] == again["lr"]
    rows, others = (
        [[float.fromhex(g) for g in row.split()] for row in each["gradients"]]
        for each in (stored, again)
    )
    np.testing.assert_allclose(rows, others, rtol=1e-6, atol=1e-9)


def test_a_recorded_case_says_where_it_is_from() -> None:
    for name in PROBLEMS:
        path = regenerate.GOLDEN / f"core/recorded-{name}-01-f32.json"
        provenance = json.loads(path.read_bytes())["provenance"]
        assert provenance["recorded"] == recordings()[name]["source"]


def test_cases_are_chosen_by_glob() -> None:
    crossing = cases.load_suite("core/crossing-*", skip=["*-f32"])
    assert [case.id for case in crossing] == [f"core/crossing-{n:02}-f64" for n in range(1, 8)]
    with pytest.raises(KeyError, match="no case matches 'croossing"):
        cases.load_suite(["core/smoke-*", "croossing*"])
    with pytest.raises(KeyError, match="no case is called 'core/none'"):
        cases.load_case("core/none")


def test_decoded_case_has_the_numbers_of_its_design() -> None:
    case = cases.load_case("core/smoke-02-f64")
    assert case.hyper == (cases.Hyper(1, 1e-3, 0.9, 0.999, 1e-8, 0.0, True, False, False),)
    assert case.x0 == (cases.Tensor((3,), (0.5, -1.25, 3.0)),)
    assert case.gradients_at(1) == case.gradients_at(41)
    assert case.expected["paper"].hi.shape == (len(case.observe), 3)
    assert case.expected["paper"].hi.dtype == np.float64
    assert set(case.flags) <= set(cases.load_notes())
