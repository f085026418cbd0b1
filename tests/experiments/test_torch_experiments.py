"""The experiments at a tiny size: every result, figure and sentence is made, and runs resume."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, UnidentifiedImageError
from scipy import stats
from typer.testing import CliRunner

if not (Path(__file__).parents[2] / "experiments").is_dir():
    pytest.skip("the experiments are run from the checkout alone", allow_module_level=True)

from experiments import conduct as conducting
from experiments.__main__ import app
from experiments.conduct import EXPERIMENTS, conduct, kinds_of
from experiments.image_data import RECORD, cifar10, image_folder
from experiments.intervals import interval
from experiments.models import small_net
from experiments.optimizers import optimizer
from experiments.runs import Place, Run, Scale, read_results, result_of, write_results
from experiments.text_data import billion_words
from radam_ref import RAdamConfig, init, step


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All experiments, tiny."""
    return conduct(list(EXPERIMENTS), Scale.TINY, None, tmp_path_factory.mktemp("all")).parent


PICTURE = re.compile(r'<img src="([^"]+)" width="(\d+)" height="(\d+)"')


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_each_has_figures_findings_and_runs_with_their_settings(name: str, done: Path) -> None:
    page = (done / "index.html").read_text(encoding="utf-8")
    section = page.partition(f'<section id="{name}">')[2].partition("</section>")[0]

    assert "<li" in section
    pictures = PICTURE.findall(section)
    assert sorted(file for file, *_ in pictures) == sorted(
        path.name for path in done.glob(f"{name}-*.png")
    )
    for file, width, height in pictures:
        with Image.open(done / file) as picture:
            assert np.allclose(picture.size, [2 * int(width), 2 * int(height)], atol=2)
    for run, result in read_results(done / f"{name}.json").done:
        assert run.settings
        assert isinstance(run.seed, int)
        assert result


def test_a_page_without_runs_is_drawn_from_the_stored_results(tmp_path: Path, done: Path) -> None:
    shutil.copy(done / "language.json", tmp_path)

    page = conduct([], Scale.TINY, None, tmp_path)

    assert page.read_text(encoding="utf-8").count("<section") == 1
    (figure,) = tmp_path.glob("*.png")
    assert figure.read_bytes() == (done / figure.name).read_bytes()
    assert not (tmp_path / "runs").exists()


def test_the_committed_page_shows_the_committed_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawing takes seconds, so the figures are checked by their names and sizes only."""
    committed = Path(conducting.__file__).parent / "results" / "small"
    for path in committed.glob("*.json"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(conducting, "write_png", lambda figure, path: path.touch())

    page = conduct([], Scale.SMALL, None, tmp_path).read_text(encoding="utf-8")

    assert page == (committed / "index.html").read_text(encoding="utf-8")
    drawn = {path.name for path in tmp_path.glob("*.png")}
    assert drawn == {path.name for path in committed.glob("*.png")}
    for file, width, height in PICTURE.findall(page):
        with Image.open(committed / file) as picture:
            assert np.allclose(picture.size, [2 * int(width), 2 * int(height)], atol=2)


KILLED = """
import sys, time
from pathlib import Path
from experiments import conduct
from experiments.runs import Scale
one, count = conduct.EXPERIMENTS["variance"], []
def task(*how):
    count.append(how)
    if len(count) == 3:
        print("in the third", flush=True)
        time.sleep(600)
    return one.task(*how)
conduct.EXPERIMENTS["variance"] = one._replace(task=task)
conduct.conduct(["variance"], Scale.TINY, None, Path(sys.argv[1]))
"""


def refuse(*how: Any) -> Any:
    raise AssertionError("this run was done before")


@pytest.mark.posix
def test_a_run_that_was_killed_goes_on_and_is_not_done_twice(
    tmp_path: Path, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("in the third" in line for line in process.stdout)
        os.kill(process.pid, signal.SIGKILL)
    left = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").iterdir()}
    assert len(left) == 2

    conduct(["variance"], Scale.TINY, None, tmp_path)

    assert {path: path.stat().st_mtime_ns for path in left} == left
    path = tmp_path / "variance.json"
    found = read_results(path)
    assert found.done == read_results(done / "variance.json").done
    write_results(path, found._replace(date="1 May 2020"))
    again = {name: one._replace(task=refuse) for name, one in EXPERIMENTS.items()}
    monkeypatch.setattr(conducting, "EXPERIMENTS", again)
    conduct(["variance"], Scale.TINY, None, tmp_path)
    assert read_results(path).date == "1 May 2020"  # the same runs


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "got 'nothing'"),
        (["images", "--data", "."], "data_batch_*.bin"),
        (["images", "--page-only"], "takes no names, got images"),
        (["--page-only"], "must hold results of an experiment"),
    ],
    ids=["unknown", "no data", "names and page", "no results"],
)
def test_the_command_refuses_wrong_arguments(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    refused = CliRunner().invoke(app, [*arguments, "--out", "."], env={"COLUMNS": "300"})

    assert refused.exit_code == 2
    assert said in refused.output


def test_results_of_two_scales_are_not_mixed(tmp_path: Path, done: Path) -> None:
    shutil.copy(done / "language.json", tmp_path)

    with pytest.raises(ValueError, match=r"of scale small, got tiny: choose another folder"):
        conduct(["variance"], Scale.SMALL, None, tmp_path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes in all three formats."""
    rng = np.random.default_rng(0)
    for name in ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"):
        records = rng.integers(0, 256, (4, RECORD), np.uint8)
        records[:, 0] = [0, 9, 3, 9]
        folder = tmp_path / "cifar-10-batches-bin"
        folder.mkdir(exist_ok=True)
        records.tofile(folder / name)
    for part in ("train", "val"):
        for label, color in (("n01", (255, 0, 0)), ("n02", (0, 0, 255))):
            folder = tmp_path / "imagenet" / part / label
            folder.mkdir(parents=True)
            for k in range(2):
                Image.new("RGB", (300, 260), color).save(folder / f"{k}.JPEG")
    text = {"training": "the cat sat\nthe dog sat\n" * 5, "heldout": "the cat ran\n" * 5}
    for part, lines in text.items():
        folder = tmp_path / "text" / f"{part}-monolingual.tokenized.shuffled"
        folder.mkdir(parents=True)
        (folder / "news.en-00001-of-00100").write_text(lines)
    return tmp_path


def test_cifar10s_binary_files(data: Path) -> None:
    images = cifar10(data / "cifar-10-batches-bin")
    raw = (data / "cifar-10-batches-bin" / "data_batch_1.bin").read_bytes()
    x, y = images.train.batch(np.array([0, 1]), "cpu")

    assert images.train.labels.tolist() == [0, 9, 3, 9] * 2
    assert y.tolist() == [0, 9]
    assert x.shape == (2, 3, 32, 32)
    green = raw[RECORD + 1 + 1024 + 32 * 5 + 7]  # of the second image, row 5, column 7
    assert x[1, 1, 5, 7].item() * 0.25 + 0.45 == pytest.approx(green / 255, abs=1e-6)
    (data / "cifar-10-batches-bin" / "test_batch.bin").write_bytes(b"short")


def sparse(file: Path) -> None:
    """64 GiB, of which nothing is on the disk."""
    with file.open("wb") as opened:
        opened.truncate(2**36)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.write_bytes(b"short"), "whole records of 3073 bytes, .* got 5 bytes"),
        (lambda file: file.write_bytes(b""), "whole records of 3073 bytes"),
        (lambda file: file.write_bytes(bytes([10] * RECORD)), "labels below 10, got 10"),
        (sparse, "whole records of 3073 bytes, at most 10000, got 68719476736"),
        (Path.unlink, "data must hold test_batch.bin beside"),
    ],
    ids=["short", "empty", "label", "large", "gone"],
)
def test_files_that_are_not_cifar10s_are_refused(data: Path, spoil: Any, said: str) -> None:
    spoil(data / "cifar-10-batches-bin" / "test_batch.bin")

    with pytest.raises(ValueError, match=said):
        cifar10(data / "cifar-10-batches-bin")


def test_a_folder_as_imagenets(data: Path) -> None:
    images = image_folder(data / "imagenet")
    x, y = images.test.batch(np.array([0, 3]), "cpu")

    assert (images.classes, y.tolist()) == (2, [0, 1])
    assert x.shape == (2, 3, 224, 224)
    means = x.mean((2, 3)) * 0.25 + 0.45
    torch.testing.assert_close(means, torch.tensor([[1.0, 0, 0], [0, 0, 1]]), atol=0.02, rtol=0)


def test_no_picture_is_enlarged_beyond_what_is_looked_at(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line of 60,000 pixels would take 12 GB if its short side were brought to 256."""
    made = []
    resize = Image.Image.resize

    def watched(self: Image.Image, size: tuple[int, int], **how: Any) -> Image.Image:
        made.append(size)
        return resize(self, size, **how)

    monkeypatch.setattr(Image.Image, "resize", watched)
    path = data / "imagenet" / "val" / "n01" / "0.JPEG"
    Image.new("RGB", (60_000, 1), (0, 255, 0)).save(path)

    x, _ = image_folder(data / "imagenet").test.batch(np.array([0]), "cpu")

    assert x.shape == (1, 3, 224, 224)
    assert made == [(224, 224)]


@pytest.mark.parametrize("format", ["EPS", "BMP"])
def test_what_is_called_jpeg_and_is_none_is_not_opened(data: Path, format: str) -> None:
    """For an EPS Pillow would start Ghostscript."""
    path = data / "imagenet" / "val" / "n01" / "0.JPEG"
    Image.new("RGB", (300, 260)).save(path, format)

    with pytest.raises(UnidentifiedImageError):
        image_folder(data / "imagenet").test.batch(np.array([0]), "cpu")


def test_a_text_without_lines_is_not_read_to_its_end(data: Path) -> None:
    folder = data / "text" / "training-monolingual.tokenized.shuffled"
    (folder / "news.en-00001-of-00100").write_text("word " * 200_001)

    with pytest.raises(ValueError, match=r"news.en-00001-of-00100 must have a sentence a line"):
        billion_words(data / "text", vocabulary=6, most=10_000)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"result": 3}', "[" * 100_000, '{"result": {"loss"'], ids=len
)
def test_a_malformed_file_of_results_is_named(tmp_path: Path, content: str) -> None:
    run = Run("task", {}, 0)
    for name in (f"{run.key()}.json", "variance.json"):
        (tmp_path / name).write_text(content)

    with pytest.raises(ValueError, match=r"variance.json is not a file of results, remove it"):
        conduct([], Scale.TINY, None, tmp_path)
    with pytest.raises(ValueError, match=f"{run.key()}.json is not a file of results, remove it"):
        result_of(run, EXPERIMENTS["variance"], Place({}, "cpu"), tmp_path, lambda part: None)


def test_one_billion_words_files(data: Path) -> None:
    corpus = billion_words(data / "text", vocabulary=6, most=10_000)

    # By frequency: <unk> 0, </s> 1, the 2, sat 3, cat 4, dog 5; "ran" was never seen.
    assert corpus.train[:8].tolist() == [2, 4, 3, 1, 2, 5, 3, 1]
    assert corpus.held_out[:4].tolist() == [2, 4, 0, 1]
    assert len(billion_words(data / "text", 6, most=9).train) == 12


def test_experiments_train_on_the_data_that_is_there(data: Path, tmp_path: Path) -> None:
    assert set(kinds_of(data)) == {"CIFAR-10", "ImageNet", "text"}

    out = conduct(["language", "images"], Scale.TINY, data, tmp_path / "out").parent

    images, language = (read_results(out / f"{name}.json").done for name in ("images", "language"))
    assert {run.settings["data"] for run, _ in images} == {"CIFAR-10", "ImageNet"}
    assert {run.settings["text"] for run, _ in language} == {"one billion word"}


@pytest.mark.parametrize("name", ["Adam", "RAdam"])
def test_the_optimizers_are_those_of_the_project(name: str) -> None:
    """Adam steps as Torch's, RAdam as `radam_ref.step` in the paper's dialect."""
    torch.manual_seed(0)
    net, x = small_net(4, 3), torch.randn(5, 4)
    params = [p.detach().clone().requires_grad_() for p in net.parameters()]
    ours, theirs = optimizer(name, net, 0.01), torch.optim.Adam(params, 0.01)
    states = [init(p) for p in params]
    for _ in range(12):
        ours.zero_grad()
        net(x).square().sum().backward()
        grads = [p.grad.clone() for p in net.parameters()]
        ours.step()
        for k, grad in enumerate(grads):
            params[k].grad = grad
            if name == "RAdam":
                with torch.no_grad():
                    moved = step(params[k], grad, states[k], RAdamConfig(lr=0.01))
                    params[k].data, states[k] = moved
        if name == "Adam":
            theirs.step()

    for found, expected in zip(net.parameters(), params, strict=True):
        torch.testing.assert_close(found.data, expected.data, rtol=1e-5, atol=1e-7)


def test_the_interval_is_students() -> None:
    values = [1.0, 2.0, 4.0]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    found = interval(values)

    assert found.mean - found.half == pytest.approx(low)
    assert found.mean + found.half == pytest.approx(high)
    assert found.excludes(9)
    assert not found.excludes(0)
    assert interval([1.0, None]).text() == "diverged"
