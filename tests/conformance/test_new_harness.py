"""`new-harness` writes programs that build without a warning and are judged right, unedited."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from string import Template

import pytest

from radam_conformance import cli, new_harness
from radam_conformance.cases import load_case, load_suite
from radam_conformance.harness import Harness
from radam_conformance.judge import judge
from radam_conformance.new_harness import LANGUAGES, HarnessError
from radam_conformance.protocol import write_request
from radam_conformance.report import exit_code
from radam_conformance.results import MET
from radam_conformance.schedule import request
from radam_conformance.spec import LoadError, Spec, parse_spec

pytestmark = pytest.mark.usefixtures("oracle_once")

TOOLS = {"c": "cc", "js": "node", "rust": "rustc"}
STRICT = {"cc": "cc -std=c11 -Wall -Wextra -Wpedantic -Werror", "rustc": "rustc -D warnings"}
OFFERED = {
    *("tensors", "missing", "schedule", "groups", "state", "shapes", "long"),
    *("weight_decay", "coupled", "decoupled", "maximize", "nesterov", "invalid"),
}


def built(folder: Path, language: str, name: str) -> Spec:
    """The harness of that name, built without a warning."""
    made = LANGUAGES[language]
    build = Template(made.build).substitute(name=name)
    for tool, strict in STRICT.items():
        build = build.replace(f"{tool} ", f"{strict} ")
    if build:
        done = subprocess.run(
            build.split(), cwd=folder, capture_output=True, text=True, timeout=120
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return parse_spec(Template(made.spec.replace("./", "")).substitute(name=folder / name))


@pytest.fixture(
    scope="module", params=[pytest.param(each, marks=pytest.mark.slow) for each in TOOLS]
)
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A language and the folder with its files."""
    language: str = request.param
    if shutil.which(TOOLS[language]) is None:
        pytest.skip(f"{TOOLS[language]} is not installed")
    folder = tmp_path_factory.mktemp(language)
    new_harness.write(folder, language)
    return language, folder


@pytest.fixture(scope="module")
def finished(written: tuple[str, Path]) -> Spec:
    language, folder = written
    return built(folder, language, "finished")


@pytest.mark.posix
def test_the_finished_harness_passes_all_that_it_offers(finished: Spec) -> None:
    report = judge(finished, load_suite(), seed=1)

    assert set(report.hello.features) == OFFERED
    assert (report.hello.dialect, set(report.hello.dtypes)) == ("paper", {"float64", "float32"})
    assert exit_code([report]) == 0
    judged = [result.case for result in report.results]
    assert {case.id for case in load_suite("core/*")} < {case.id for case in judged}
    assert {result.verdict for result in report.results} <= set(MET)


@pytest.mark.posix
def test_the_empty_harness_builds_and_says_that_its_step_is_not_written(
    written: tuple[str, Path],
) -> None:
    language, folder = written
    spec = built(folder, language, "harness")

    with pytest.raises(LoadError, match=r"radam_?[sS]tep is not written yet"):
        judge(spec, load_suite("core/*"))
    with Harness(spec) as port:
        outcomes = [port.run(request(load_case(id))) for id in ONE_OF_EACH]
    assert [outcome.kind for outcome in outcomes] == ["error"] * len(ONE_OF_EACH)
    assert port.restarts == 0


ONE_OF_EACH = (
    "core/smoke-01-f64",
    "core/smoke-01-f32",
    "tensors/late-01-f32",
    "resume/state-01-f64",
)


@pytest.mark.posix
def test_what_is_not_offered_is_declined_by_name_and_the_next_case_is_answered(
    finished: Spec,
) -> None:
    with Harness(finished) as port:
        outcomes = [port.run(request(load_case(id))) for id in DECLINED]
        last = port.run(request(load_case("core/smoke-01-f64")))

    assert [(said.kind, said.text) for said in outcomes] == [
        ("unsupported", feature) for feature in DECLINED.values()
    ]
    assert last.kind == "answered"
    assert port.restarts == 0


DECLINED = {
    "resume/restore-01-f64": "restore",
    "complex.modulus/noise-01-c128": "complex128",
    "compiled/crossing-01-f64": "compiled",
}


@pytest.mark.posix
def test_a_word_that_is_part_of_an_offered_one_is_not_offered(written: tuple[str, Path]) -> None:
    language, folder = written
    (file,) = folder.glob("finished.[cmr]*")
    text = file.read_text()
    assert "decoupled" in text
    less = re.sub(r"\bcoupled\b,|\"coupled\", ", "", text)
    narrow = folder / f"narrow{file.suffix}"
    narrow.write_text(less.replace("finished", "narrow"))

    with Harness(built(folder, language, "narrow")) as port:
        outcome = port.run(request(load_case("decay.coupled/plain-01-f64")))

    assert (outcome.kind, outcome.text) == ("unsupported", "coupled")


def test_all_languages_share_the_step_of_the_loaders_and_need_no_second_protocol(
    tmp_path: Path,
) -> None:
    for language, made in LANGUAGES.items():
        protocol, harness, finished = new_harness.write(tmp_path / language, language)
        step = (Path(new_harness.__file__).parent / made.finished).read_text()
        assert step.rstrip() in finished.read_text()
        assert harness.read_text() != finished.read_text()
        assert protocol.stem in finished.read_text()
        assert "$" not in harness.read_text() + finished.read_text()
        assert len(finished.read_text().splitlines()) < 80


def test_the_julia_files_say_that_no_interpreter_has_run_them(tmp_path: Path) -> None:
    protocol, *_ = new_harness.write(tmp_path, "julia")

    assert "no interpreter was at hand" in protocol.read_text()


# The command


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["radam-conformance", "new-harness", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert isinstance(caught.value.code, int)
        return caught.value.code, *capsys.readouterr()

    return call


def test_the_command_says_what_it_wrote_and_how_to_judge_it(run: Run, tmp_path: Path) -> None:
    code, out, err = run("--lang", "rust", tmp_path / "mine")

    assert (code, err) == (0, "")
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {
        "radam_protocol.rs",
        "harness.rs",
        "finished.rs",
    }
    assert all(path.name in out for path in (tmp_path / "mine").iterdir())
    assert "  rustc -O -o harness harness.rs\n  radam-conformance run cmd:./harness\n" in out


def test_a_file_that_is_there_is_left_as_it_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "harness.c").write_text("mine")

    code, out, err = run("--lang", "c", tmp_path)

    assert (code, out) == (2, "")
    assert "DIR must have no harness.c, got" in err
    assert len(err.splitlines()) == 1
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_an_unknown_language_is_one_sentence(run: Run, tmp_path: Path) -> None:
    code, out, err = run("--lang", "go", tmp_path / "new")

    assert (code, out) == (2, "")
    assert "--lang must be one of c, js, rust, julia, got 'go'" in err
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(HarnessError, match="cannot be written: "):
        new_harness.write(tmp_path / "file", "c")


def test_every_request_of_the_suite_fits_the_room_of_the_c_harness() -> None:
    room, tensors = 1 << 20, 1000
    text = Path(new_harness.__file__).with_name("harness_templates") / "c" / "radam_protocol.h"
    assert f"ROOM = 1 << {room.bit_length() - 1}, TENSORS = {tensors}" in text.read_text()

    for case in load_suite():
        asked = request(case)
        words = sum(len(line.split()) for line in write_request(asked).splitlines())
        assert words < room
        assert len(asked.x0) <= tensors
