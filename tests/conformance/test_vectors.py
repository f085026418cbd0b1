"""The stored vectors are whole, well formed, and what the designs give."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radam_conformance import cases, verify
from radam_conformance.authoring import regenerate
from radam_conformance.authoring.blueprint import Blueprint
from radam_conformance.authoring.combined import BLUEPRINTS
from radam_conformance.authoring.core import DESIGNS
from radam_conformance.authoring.design import SIGNIFICAND, Design
from radam_conformance.truth import witness
from radam_conformance.truth.bits import FORMATS

SHORT = [design for design in DESIGNS if design.steps <= 40]


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
    assert sum(path.stat().st_size for path in regenerate.GOLDEN.rglob("*.json")) < 6_000_000


PROFILED = [blueprint for blueprint in BLUEPRINTS if blueprint.name.endswith("01")]


@pytest.mark.parametrize("blueprint", PROFILED, ids=lambda each: f"{each.profile}/{each.name}")
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


@pytest.mark.parametrize("design", SHORT, ids=lambda design: str(design.name))
def test_stored_cases_are_what_the_designs_give(design: Design) -> None:
    record = regenerate.build(regenerate.make_case(design, "float32"))
    old = json.loads((regenerate.GOLDEN / f"{record['id']}.json").read_bytes())
    del record["provenance"], old["provenance"]
    assert old == record


def test_gradients_use_all_bits_of_their_dtype_and_no_more() -> None:
    for design in DESIGNS:
        for dtype, form in FORMATS.items():
            if dtype in SIGNIFICAND:
                rows = design.gradients(dtype)
                assert len({len(row) for row in rows} | {len(design.x0)}) == 1
                assert np.array_equal(np.array(rows, dtype).astype(np.float64), np.array(rows))
                assert np.max(np.abs(rows)) < form.largest


def test_written_bytes_are_those_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(regenerate.GOLDEN, tmp_path / "golden")
    monkeypatch.setattr(regenerate, "GOLDEN", tmp_path / "golden")
    monkeypatch.setattr(regenerate, "DESIGNS", SHORT[:1])
    monkeypatch.setattr(regenerate, "BLUEPRINTS", ())
    seen: list[tuple[int, int, str]] = []
    assert regenerate.regenerate(progress=lambda *report: seen.append(report)) == []
    assert seen == [(1, 2, "core/smoke-01-f64"), (2, 2, "core/smoke-01-f32")]
    for name in ("core/smoke-01-f64.json", "core/smoke-01-f32.json"):
        rendered = regenerate.render(json.loads((tmp_path / "golden" / name).read_bytes()))
        assert (tmp_path / "golden" / name).read_bytes() == rendered
    index = json.loads((tmp_path / "golden/index.json").read_bytes())
    assert [entry["id"] for entry in index["cases"]] == ["core/smoke-01-f64", "core/smoke-01-f32"]


def test_check_names_what_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(regenerate.GOLDEN, tmp_path / "golden")
    for path in (tmp_path / "golden/core").iterdir():
        if path.name not in ("smoke-01-f32.json", "smoke-02-f32.json"):
            path.unlink()
    for folder in {blueprint.profile for blueprint in BLUEPRINTS}:
        shutil.rmtree(tmp_path / "golden" / folder)
    changed = tmp_path / "golden/core/smoke-01-f32.json"
    changed.write_text(changed.read_text().replace('"steps": 40', '"steps": 41'))
    monkeypatch.setattr(regenerate, "GOLDEN", tmp_path / "golden")
    monkeypatch.setattr(regenerate, "DESIGNS", SHORT[:1])
    monkeypatch.setattr(regenerate, "BLUEPRINTS", ())
    assert regenerate.regenerate(check=True) == [
        "core/smoke-01-f64.json: is missing",
        "core/smoke-01-f32.json: steps is not what the design gives",
        "core/smoke-02-f32.json: has no design",
    ]


def test_disagreeing_oracles_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "pairs", lambda case, dialect: [])
    with pytest.raises(ArithmeticError, match="the oracles disagree in dialect paper"):
        regenerate.build(regenerate.make_case(DESIGNS[0], "float32"))


def test_verify_finds_a_changed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(regenerate.GOLDEN, tmp_path / "golden")
    for module in (cases, verify):
        monkeypatch.setattr(module, "golden", lambda: tmp_path / "golden")
    path = tmp_path / "golden/core/smoke-01-f32.json"
    path.write_text(path.read_text().replace('"purpose": "', '"because": "'))
    (tmp_path / "golden/core/stray.json").write_text("{}")
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
