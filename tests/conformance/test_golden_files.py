"""No content of the suite's files breaks what reads them: it is whole, or refused by name."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from radam_conformance import cases, golden_files, verify
from radam_conformance.golden_files import DamagedError

from .small_suite import IDS, small_suite, write

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children),
    max_leaves=4,
)
REMOVED = object()


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = small_suite(tmp_path_factory.mktemp("suite"))
    with pytest.MonkeyPatch.context() as patch:
        for module in (golden_files, verify):
            patch.setattr(module, "golden", lambda: root)
        yield root
    forget()


def forget() -> None:
    for load in (cases.load_index, cases.load_case, cases.load_notes):
        load.cache_clear()


def read(root: Path, file: str) -> Any:
    return json.loads((root / file).read_bytes())


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside, containers included."""
    keys = range(len(content)) if isinstance(content, list) else content
    for key in keys if isinstance(content, dict | list) else ():
        yield (*path, key)
        yield from places(content[key], (*path, key))


def changed(data: st.DataObject, content: Any) -> Any:
    """The content with one value replaced or removed."""
    *way, last = data.draw(st.sampled_from(list(places(content))))
    new = data.draw(st.just(REMOVED) | JSON)
    inner = content
    for key in way:
        inner = inner[key]
    if new is REMOVED:
        del inner[last]
    else:
        inner[last] = new
    return content


def is_read_or_refused(load: Callable[[], object]) -> None:
    forget()
    with suppress(DamagedError):
        load()


def test_the_small_suite_is_whole(suite: Path) -> None:
    forget()

    assert verify.verify() == []
    assert [case.id for case in cases.load_suite()] == list(IDS)


@given(data=st.data())
@settings(max_examples=50)
def test_no_change_of_a_case_breaks_its_readers(suite: Path, data: st.DataObject) -> None:
    index = read(suite, "index.json")
    file = f"{data.draw(st.sampled_from(IDS))}.json"
    before = read(suite, file)
    try:
        write(suite, file, changed(data, read(suite, file)), index)
        problems = verify.verify()
        is_read_or_refused(cases.load_suite)
        assert all(isinstance(problem, str) for problem in problems)
        if not problems:
            assert len(cases.load_suite()) == len(IDS)
    finally:
        write(suite, file, before, index)


@given(data=st.data())
@settings(max_examples=50)
def test_no_change_of_the_index_breaks_its_readers(suite: Path, data: st.DataObject) -> None:
    before = (suite / "index.json").read_bytes()
    try:
        after = changed(data, json.loads(before))
        (suite / "index.json").write_text(json.dumps(after))
        assert all(isinstance(problem, str) for problem in verify.verify())
        is_read_or_refused(cases.load_suite)
    finally:
        (suite / "index.json").write_bytes(before)


@given(content=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_content_breaks_the_loader(suite: Path, content: bytes) -> None:
    before = (suite / "index.json").read_bytes()
    try:
        (suite / "index.json").write_bytes(content)
        assert verify.verify() != []
        with pytest.raises(DamagedError):
            golden_files.read_index()
    finally:
        (suite / "index.json").write_bytes(before)


@pytest.mark.parametrize(
    "file", ["../secret.json", "/etc/hostname", "core/../../x.json", ".hidden"]
)
def test_no_entry_leads_out_of_the_suite(suite: Path, file: str) -> None:
    before = (suite / "index.json").read_bytes()
    index = json.loads(before)
    index["cases"][0]["file"] = file
    try:
        (suite / "index.json").write_text(json.dumps(index))
        assert verify.verify() == ["index.json: is no index of format 1"]
    finally:
        (suite / "index.json").write_bytes(before)


def test_another_format_is_named_beside_the_one_that_is_known(suite: Path) -> None:
    before = (suite / "index.json").read_bytes()
    try:
        (suite / "index.json").write_text('{"format": 2, "parts": []}')
        said = "index.json: has format 2, and this release reads 1 alone"
        assert verify.verify() == [said]
        with pytest.raises(DamagedError, match=said):
            golden_files.read_index()
    finally:
        (suite / "index.json").write_bytes(before)
    with pytest.raises(DamagedError, match="has format 3, and this release reads 1 alone"):
        cases.decode('{"format": 3}')


def test_a_deep_nest_is_no_index(suite: Path) -> None:
    before = (suite / "index.json").read_bytes()
    try:
        (suite / "index.json").write_text("[" * 100_000 + "]" * 100_000)
        with pytest.raises(DamagedError, match=r"index\.json: cannot be read"):
            golden_files.read_index()
    finally:
        (suite / "index.json").write_bytes(before)


@pytest.mark.parametrize("wrong", ["3ff000000000000g", "3ff", "", 1, None, ["3ff0000000000000"]])
@pytest.mark.parametrize("place", ["x0", "hi"])
def test_a_number_that_is_none_is_refused_as_by_jsonschema(place: str, wrong: object) -> None:
    """Whole arrays of numbers are looked at at once, and one by one where anything is wrong."""
    root = golden_files.golden()
    schema = json.loads((root / "schema/case.schema.json").read_bytes())
    record = json.loads((root / "core/smoke-01-f64.json").read_bytes())
    numbers = record["x0"][0]["bits"] if place == "x0" else record["expected"]["paper"]["hi"][3][0]
    assert not list(verify._validator(schema).iter_errors(record))
    numbers[-1] = wrong
    expected = [error.message for error in Draft202012Validator(schema).iter_errors(record)]
    assert expected
    assert [error.message for error in verify._validator(schema).iter_errors(record)] == expected
