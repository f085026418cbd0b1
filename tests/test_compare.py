"""The comparison with an older commit: its statistics, its table, and that each tree is itself."""

from __future__ import annotations

import importlib
import io
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import radam_ref

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("compare")


@pytest.fixture
def repository(compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout with one commit, whose `radam_ref` has been edited since."""
    package = tmp_path / "checkout" / "radam_ref" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text("'committed'\n")
    checkout = package.parents[1]
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "Commit"]):
        subprocess.run(["git", "-C", checkout, *words], check=True)
    package.write_text("'edited'\n")
    monkeypatch.setattr(compare, "ROOT", checkout)


def test_a_row_has_medians_and_the_interval_of_the_sign_test(compare: Any) -> None:
    """Ranks 2 and 9 of 10, as tables of the sign test have it: P = 0.979."""
    ratios = [1.0, 9.0, 3.0, 10.0, 5.0, 6.0, 7.0, 8.0, 2.0, 4.0]
    pairs = [[0.5, 0.5 * ratio] for ratio in ratios]

    row = compare.summary("step", pairs)

    assert row == ("step", 0.5, 2.75, 5.5, 2.0, 9.0)


def test_the_ratio_is_of_pairs_so_that_a_drift_of_both_cancels(compare: Any) -> None:
    pairs = [[2.0**k, 1.25 * 2.0**k] for k in range(10)]

    row = compare.summary("step", pairs)

    assert (row.ratio, row.low, row.high) == (1.25, 1.25, 1.25)


def test_of_the_fewest_rounds_the_interval_has_all_ratios(compare: Any) -> None:
    pairs = [[1.0, float(ratio)] for ratio in range(1, compare.FEWEST_ROUNDS + 1)]

    row = compare.summary("step", pairs)

    assert (row.low, row.high) == (1.0, 6.0)


def test_the_table_fits_a_terminal_with_every_measurement(compare: Any) -> None:
    names = list(compare.TURNS)
    rows = [compare.Row(name, 0.1, 0.9, 9.0, 8.0, 10.0) for name in names]
    absent = [compare.CannotRun("BASE", name, "it was not there") for name in names]
    out = io.StringIO()

    Console(width=compare.WIDTH, file=out).print(compare.table(rows, absent))

    lines = [line for line in out.getvalue().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip(" |").split("|")] for line in lines[2:]]
    assert max(map(len, lines)) <= 80
    assert [row[0] for row in cells] == 2 * names
    assert cells[0] == [names[0], "100.00 ms", "900.00 ms", "9.000", "8.000 - 10.000"]
    assert cells[-1][-1] == "not in BASE"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(12.345, "12.35 s"), (0.04, "40.00 ms"), (2.5e-6, "2.50 us")]
)
def test_a_duration_has_a_unit_that_suits(compare: Any, seconds: float, shown: str) -> None:
    assert compare.duration(seconds) == shown


@pytest.mark.usefixtures("repository")
def test_an_unknown_revision_is_refused(compare: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        compare.main(["no-such-branch"])

    assert left.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "BASE must be a commit that this checkout has, got 'no-such-branch'" in said
    assert "`git log --oneline` lists them" in said


def test_without_a_checkout_there_is_no_base(
    compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "ROOT", tmp_path)

    with pytest.raises(compare.UnusableBase, match="is not a git checkout: clone the repository"):
        compare.commit_of("HEAD")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rounds", "5"], "--rounds must be at least 6, got 5"),
        (["--threads", "0"], "--threads must be at least 1, got 0"),
        (["--only", "stop"], "--only must match one of: step, 10 float64; "),
        (["--json", "no/folder/x.json"], "--json: there is no folder "),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused_before_anything_runs(
    compare: Any, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        compare.parse(["HEAD", *arguments])

    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("repository")
def test_a_pattern_is_a_part_of_a_name_or_a_glob(compare: Any) -> None:
    options = compare.parse(["HEAD", "--only", "import", "--only", "step,*float64"])

    assert options.names == ["step, 10 float64", "step, 1e6 float64", "import radam_ref"]


@pytest.mark.usefixtures("repository")
def test_base_is_what_was_committed_and_is_gone_after_an_interrupt(compare: Any) -> None:
    with suppress(KeyboardInterrupt), compare.exported(compare.commit_of("HEAD")) as folder:
        assert (folder / "base" / "radam_ref" / "__init__.py").read_text() == "'committed'\n"
        raise KeyboardInterrupt

    assert not folder.exists()


def test_a_child_runs_the_tree_it_is_given(compare: Any, tmp_path: Path) -> None:
    """Not the installed package: this one says so in its last line, and fails."""
    package = tmp_path / "radam_ref" / "__init__.py"
    package.parent.mkdir()
    package.write_text("raise ImportError(f'this is {__file__}')\n")
    tree = compare.Tree("BASE", tmp_path, tmp_path, "wall", 1)

    with pytest.raises(compare.CannotRun, match=f"exit code 1; ImportError: this is {package}"):
        tree.run("import radam_ref")


@pytest.mark.usefixtures("compare")
def test_a_package_from_elsewhere_is_an_error(tmp_path: Path) -> None:
    child: Any = importlib.import_module("compare_child")

    with pytest.raises(ImportError, match=r"radam_ref was imported from .*, outside the tree"):
        child.check_imports(tmp_path)
    child.check_imports(Path(radam_ref.__file__).parents[1])


def test_what_an_old_commit_lacks_is_said_and_the_server_goes_on(
    compare: Any, tmp_path: Path
) -> None:
    package = tmp_path / "radam_ref" / "__init__.py"
    package.parent.mkdir()
    package.write_text("def minimize(*_, **__): pass\n")
    tree = compare.Tree("BASE", tmp_path, tmp_path, "cpu", 1)

    with tree.server() as server:
        with pytest.raises(compare.CannotRun, match=r"AttributeError: .* no attribute 'init'"):
            tree.ask(server, "step, 10 float64")
        assert tree.ask(server, "minimize, 2 parameters") > 0
