"""What `export` writes is what the suite holds, and it destroys nothing that is not its own."""

import csv
import hashlib
import json
import re
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from radam_conformance import cli, export
from radam_conformance.cases import Case, load_case, load_suite
from radam_conformance.export import ExportError
from radam_conformance.export_tables import COLUMNS, STRUCT
from radam_conformance.golden_files import golden

STORED = ("paper", "pytorch", "optax", "authors", "paper-hold", "lamp", "proxmin")
LARGEST_HEADER = 2_000_000  # bytes
FORMATS = ("json", "csv", "c")
Row = dict[str, str]


@pytest.fixture(scope="module")
def core() -> tuple[Case, ...]:
    return load_suite("core/*")


@pytest.fixture(scope="module")
def folder(core: tuple[Case, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Core in all formats, in a folder each."""
    above = tmp_path_factory.mktemp("exports")
    for format in FORMATS:
        export.write(above / format, format, core)
    return above


def tree(directory: Path) -> dict[str, bytes]:
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


# JSON


def test_json_of_the_whole_suite_is_the_released_files(tmp_path: Path) -> None:
    done = export.write(tmp_path, "json", load_suite())

    released = tree(Path(str(golden())))
    assert released.items() <= tree(tmp_path).items()
    assert len(released) > 190
    assert done.left_out == {}


def test_json_of_a_part_has_an_index_of_that_part(tmp_path: Path) -> None:
    export.write(tmp_path, "json", load_suite("eps0/*"))

    released = json.loads((golden() / "index.json").read_bytes())
    index = json.loads((tmp_path / "index.json").read_bytes())
    part = [entry for entry in released["cases"] if entry["id"].startswith("eps0/")]
    assert index == {**released, "cases": part}
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {
        "eps0",
        "loaders",
        "schema",
    }


# CSV


def rows(file: Path) -> list[Row]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def unpacked(bits: str) -> float:
    """The number of a bit pattern, not by the code under test."""
    (value,) = struct.unpack(">d" if len(bits) == 16 else ">f", bytes.fromhex(bits))
    return float(value)


def test_bits_and_decimals_of_the_tables_are_the_same_numbers(folder: Path) -> None:
    pairs = [
        (row[name], row[name.removesuffix("_bits") if name != "bits" else "value"])
        for table in ("hyper", "x0", "gradients", "expected")
        for row in rows(folder / "csv" / f"{table}.csv")
        for name in row
        if name.endswith("bits")
    ]

    assert len(pairs) > 15_000
    assert [pair for pair in pairs if repr(unpacked(pair[0])) != pair[1]] == []


def test_the_tables_hold_the_case_files(core: tuple[Case, ...], folder: Path) -> None:
    tables = {name: rows(folder / "csv" / f"{name}.csv") for name in TABLES}

    assert [row["id"] for row in tables["cases"]] == [case.id for case in core]
    for case in core:
        record = json.loads((golden() / f"{case.id}.json").read_bytes())
        own = {name: [r for r in table if r["id"] == case.id] for name, table in tables.items()}
        check_input(record, own)
        check_expected(record, own["expected"])


TABLES = ("cases", "hyper", "x0", "gradients", "expected")
BOUNDS = ("hi", "lo", "binary64", "exact_scalar")


def check_input(record: dict[str, object], own: dict[str, list[Row]]) -> None:
    ((about,), hyper) = own["cases"], {row["name"]: row["bits"] for row in own["hyper"]}
    gradients = [bits for (bits,) in record["gradients"]]  # type: ignore[attr-defined]
    ((x0,), (first,)) = record["x0"], record["hyper"]  # type: ignore[misc]
    assert [row["bits"] for row in own["x0"]] == x0["bits"]
    assert [row["bits"] for row in own["gradients"]] == [word for row in gradients for word in row]
    assert [int(row["number"]) for row in own["gradients"]][:: len(x0["bits"])] == [
        *range(1, len(gradients) + 1)
    ]
    assert about["dtype"] == record["dtype"]
    assert (int(about["steps"]), int(about["cycle"])) == (record["steps"], len(gradients))
    for name in ("lr", "beta1", "beta2", "eps", "weight_decay"):
        assert hyper[name] == first[name]
    for name in ("decoupled", "maximize", "nesterov"):
        assert unpacked(hyper[name]) == first[name]


def check_expected(record: dict[str, object], own: list[Row]) -> None:
    paper = record["expected"]["paper"]  # type: ignore[index]
    observe = record["observe"]
    assert isinstance(observe, list)
    size = len(own) // len(observe)
    assert [(int(r["step"]), int(r["element"])) for r in own] == [
        (step, j) for step in observe for j in range(size)
    ]
    for name in BOUNDS:
        flat = [word for (tensor,) in paper[name] for word in tensor]
        assert [row[f"{name}_bits"] for row in own] == flat


# The C header


def arrays(header: str) -> Iterator[tuple[str, str, list[str]]]:
    """Every array of the header: the number of its case, its name, its words."""
    found = re.findall(r"^static const \w+ radam_(\d+)_(\w+)\[\] = \{([^}]*)\};", header, re.M)
    for number, name, words in found:
        yield number, name, [word.strip() for word in words.split(",")]


def test_the_header_holds_the_case_files(core: tuple[Case, ...], folder: Path) -> None:
    header = (folder / "c" / "radam_vectors.h").read_text()
    found = {(int(k), name): words for k, name, words in arrays(header)}

    assert len(found) == 6 * len(core)
    for k, case in enumerate(core):
        paper = case.expected["paper"]
        numbers = {name: list(map(float.fromhex, found[k, name])) for name in NUMBERS}
        assert numbers["x0"] == list(case.x0[0].values)
        assert numbers["gradients"] == [x for (row,) in case.gradients for x in row or ()]
        assert numbers["hi"] == paper.hi.ravel().tolist()
        assert numbers["lo"] == paper.lo.ravel().tolist()
        assert numbers["bound"] == paper.binary64.ravel().tolist()
        assert list(map(int, found[k, "observe"])) == list(case.observe)


NUMBERS = ("x0", "gradients", "hi", "lo", "bound")


@pytest.mark.parametrize("dialect", STORED)
def test_the_header_of_core_stays_small(
    core: tuple[Case, ...], tmp_path: Path, dialect: str
) -> None:
    done = export.write(tmp_path, "c", core, dialect)

    assert (len(done.cases), done.left_out) == (len(core), {})
    assert (tmp_path / "radam_vectors.h").stat().st_size < LARGEST_HEADER
    assert f'#define RADAM_DIALECT "{dialect}"' in (tmp_path / "radam_vectors.h").read_text()


def test_a_long_chain_stays_a_cycle_and_a_count(folder: Path) -> None:
    header = (folder / "c" / "radam_vectors.h").read_text()

    (chain,) = re.findall(r'\{"core/chain-01-f64".*?\}', header)
    assert ", 2, 10000, 8, 19, " in chain  # size, steps, cycle, observed


# What a plain comparison can decide


def test_what_is_left_has_one_tensor_and_the_same_hyper_parameters_at_every_step() -> None:
    left_out = export.select(load_suite(), "paper")
    plain = [case for case in load_suite() if case.id not in left_out]

    assert len(plain) > 100
    for case in plain:
        assert (len(case.x0), len(case.hyper), case.start) == (1, 1, None)
        assert (case.restore, case.refused) == ((), "")
        assert len(case.x0[0].shape) == 1
        assert all(row[0] is not None for row in case.gradients)


@pytest.mark.parametrize(
    ("id", "reason"),
    [
        ("invalid/eps-01-f64", "needs invalid"),
        ("tensors/late-01-f32", "needs tensors, missing"),
        ("complex.modulus/noise-01-c128", "needs complex"),
        ("compiled/crossing-01-f64", "needs compiled"),
    ],
)
def test_what_is_left_out_has_a_reason(id: str, reason: str) -> None:
    assert export.select([load_case(id)], "paper") == {id: reason}


def test_a_case_with_two_right_results_is_left_out() -> None:
    case = load_case("core/smoke-01-f64")
    paper, other = case.expected["paper"], case.expected["pytorch"]
    both = replace(case, expected={"paper": paper._replace(alternatives=(other,))})

    assert export.select([both], "paper") == {case.id: "accepts more than one result"}
    assert export.select([case], "paper") == {}


def test_half_precision_is_left_out() -> None:
    case = replace(load_case("core/smoke-01-f64"), dtype="bfloat16")

    assert export.select([case], "paper") == {case.id: "is in bfloat16"}


@pytest.mark.parametrize("format", ["csv", "c"])
def test_the_readme_names_what_was_left_out_and_what_was_not(tmp_path: Path, format: str) -> None:
    cases = [*load_suite("schedule/*"), load_case("eps0/plain-01-f64")]
    done = export.write(tmp_path, format, cases)

    readme = (tmp_path / "README.txt").read_text()
    assert done.cases == ["eps0/plain-01-f64"]
    assert set(done.left_out) == {case.id for case in cases[:-1]}
    assert all(id in readme for id in done.left_out)
    assert "1 cases, dialect paper (threshold 4, eps after correction)" in readme


# Into a folder


@pytest.mark.parametrize("format", FORMATS)
def test_it_says_which_files_it_wrote(core: tuple[Case, ...], tmp_path: Path, format: str) -> None:
    done = export.write(tmp_path, format, core[:4])

    assert {str(path.relative_to(tmp_path)) for path in done.files} == set(tree(tmp_path))
    shipped = Path(str(files("radam_conformance"))) / "export_loaders" / format / "loaders"
    assert tree(shipped) == tree(tmp_path / "loaders")


def test_a_later_export_keeps_edited_loaders_and_replaces_the_rest(
    core: tuple[Case, ...], tmp_path: Path
) -> None:
    export.write(tmp_path, "json", core[:4])
    mine, judge = tmp_path / "loaders/radam_step.mjs", tmp_path / "loaders/judge.test.mjs"
    original = judge.read_bytes()
    mine.write_text("// mine")
    (tmp_path / f"{core[0].id}.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("my own")

    for _ in range(2):
        done = export.write(tmp_path, "json", core[:2])
        assert done.kept == [mine]
        assert mine not in done.files

    assert mine.read_text() == "// mine"
    assert judge.read_bytes() == original
    assert (tmp_path / "notes.txt").read_text() == "my own"
    assert {f"core/{path.name}" for path in (tmp_path / "core").iterdir()} == {
        f"{case.id}.json" for case in core[:2]
    }
    assert load_case(core[0].id).id in (tmp_path / f"{core[0].id}.json").read_text()


def test_a_later_export_in_another_format_leaves_nothing_of_the_first(
    core: tuple[Case, ...], tmp_path: Path, folder: Path
) -> None:
    export.write(tmp_path, "csv", core)
    export.write(tmp_path, "c", core)

    assert tree(tmp_path) == tree(folder / "c")


@pytest.mark.parametrize(
    "manifest",
    [
        None,
        "",
        "[]",
        '{"suite": "other", "files": {}}',
        '{"suite": "radam", "files": {"../../mine": "0"}}',
        '{"suite": "radam", "files": {"/mine": "0"}}',
        '{"suite": "radam", "files": {"a\\u0000/mine": "0"}}',
        '{"suite": "radam", "files": ["core/smoke-01-f64.json"]}',
        "[" * 100_000,
        '{"suite": "radam", "files": {}}' + " " * 2**24,
    ],
    ids=["none", "empty", "list", "other", "above", "root", "nul", "names", "nest", "large"],
)
def test_a_folder_with_other_content_is_refused_and_left_as_it_is(
    core: tuple[Case, ...], tmp_path: Path, manifest: str | None
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    if manifest is not None:
        (tmp_path / "export.json").write_text(manifest)
    before = tree(tmp_path)

    with pytest.raises(ExportError, match="DIR must be new, empty or hold an earlier export, got"):
        export.write(tmp_path, "c", core)

    assert tree(tmp_path) == before


@pytest.mark.posix
@pytest.mark.parametrize("link", ["core", "loaders"])
def test_a_link_that_leads_out_is_not_followed(
    core: tuple[Case, ...], tmp_path: Path, link: str
) -> None:
    """By the names of a manifest, which anybody can write, files are deleted."""
    theirs, directory = tmp_path / "theirs", tmp_path / "export"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("mine")
    digest = hashlib.sha256(b"mine").hexdigest()
    directory.mkdir()
    (directory / link).symlink_to(theirs)
    (directory / "export.json").write_text(
        json.dumps({"suite": "radam", "files": {f"{link}/thesis.txt": digest}})
    )

    with pytest.raises(ExportError, match="DIR must be new, empty or hold an earlier export, got"):
        export.write(directory, "csv", core[:2])

    assert tree(theirs) == {"thesis.txt": b"mine"}


def test_an_export_that_is_cut_off_leaves_whole_files_and_can_be_repeated(
    core: tuple[Case, ...], tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def full_disk(self: Path, target: Path) -> Path:
        if target.name == "gradients.csv":
            self.write_bytes(self.read_bytes()[:100])
            raise OSError(28, "No space left on device")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full_disk)
        with pytest.raises(ExportError, match="cannot be written: No space left on device"):
            export.write(tmp_path, "csv", core)

    whole = tree(folder / "csv")
    assert {"cases.csv", "export.json"} < tree(tmp_path).keys() < whole.keys()
    assert tree(tmp_path).items() <= whole.items()
    export.write(tmp_path, "csv", core)
    assert tree(tmp_path) == whole


# The command


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["radam-conformance", "export", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert isinstance(caught.value.code, int)
        out, err = capsys.readouterr()
        return caught.value.code, " ".join(out.split()), err

    return call


def test_the_command_exports_core_in_c_and_everything_in_json(run: Run, tmp_path: Path) -> None:
    assert run(tmp_path / "c", "--format", "c")[:2] == (
        0,
        f"{len(load_suite('core/*'))} cases in {tmp_path / 'c'}, which README.txt explains",
    )
    code, out, _ = run(tmp_path / "json", "--format", "json")

    assert code == 0
    assert out.startswith(f"{len(load_suite())} cases in")


def test_the_command_says_what_it_left_out_and_what_it_kept(run: Run, tmp_path: Path) -> None:
    words = (tmp_path / "v", "--format", "csv", "--only", "decay.*", "--only", "resume/*")
    run(*words)
    (tmp_path / "v/loaders/src/lib.rs").write_text("// mine")

    code, out, _ = run(*words)

    cases = [c for c in load_suite() if c.profile.startswith("decay.") or c.profile == "resume"]
    left_out = export.select(cases, "paper")
    assert code == 0
    assert out.startswith(f"{len(cases) - len(left_out)} cases in {tmp_path / 'v'}")
    assert "lib.rs was edited, so it was kept" in out
    assert {"needs state", "needs restore"} < set(left_out.values())
    for reason, number in Counter(left_out.values()).items():
        assert f"left out: {number} cases: {reason}" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--format", "xml"), "--format must be one of json, csv, c, got 'xml'"),
        (("--format", "c", "--dialect", "papr"), "--dialect must be one of paper, pytorch, "),
        (("--dialect", "paper"), "--dialect does not apply to json"),
        (("--only", "none/*"), "no case matches 'none/*'"),
        (
            ("--format", "c", "--only", "invalid/lr-*"),
            "no case is left for c: needs invalid",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    run: Run, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    code, out, err = run(tmp_path / "new", *words)

    assert (code, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_a_file_in_place_of_the_folder_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    code, _, err = run(tmp_path / "file", "--format", "c")

    assert code == 2
    assert "DIR must be new, empty or hold an earlier export" in err
    assert (tmp_path / "file").read_text() == "mine"


# The page


def test_the_page_names_every_field_of_a_case_and_every_column() -> None:
    page = (Path(__file__).parents[2] / "docs" / "vectors.md").read_text()
    schema = json.loads((golden() / "schema" / "case.schema.json").read_bytes())
    named = set(re.findall(r"`(\w+)`", page))

    assert properties(schema) - named == set()
    assert {column for names in COLUMNS.values() for column in names.split()} - named == set()
    assert struct_fields(STRUCT) - named == set()


def struct_fields(text: str) -> set[str]:
    """Names of the fields of a C struct."""
    return set(re.findall(r"(\w+)[,;]", re.sub(r"/\*.*?\*/", "", text)))


def properties(schema: object) -> set[str]:
    """Names of all properties in a JSON Schema, at any depth."""
    if isinstance(schema, list):
        return set().union(*map(properties, schema))
    if not isinstance(schema, dict):
        return set()
    own = schema.get("properties", {})
    return set(own).union(*map(properties, (*own.values(), *schema.values())))
