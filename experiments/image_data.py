"""Images: scikit-learn's digits, CIFAR-10's binary files, and a folder as ImageNet's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

RECORD = 1 + 3 * 32 * 32  # a label, then 1,024 bytes of red, of green, of blue
MOST_RECORDS, CLASSES = 10_000, 10  # in a file of CIFAR-10
FORMATS = ("JPEG", "PNG")
MEAN, DEVIATION = 0.45, 0.25  # roughly those of photographs, after division by 255


class Part(NamedTuple):
    """Labeled images, that are had by their numbers."""

    labels: np.ndarray
    images: Callable[[np.ndarray], np.ndarray]

    def batch(self, which: np.ndarray, device: str) -> tuple[Tensor, Tensor]:
        """The images and labels of some numbers."""
        x = torch.from_numpy(np.ascontiguousarray(self.images(which), dtype=np.float32))
        return x.to(device), torch.from_numpy(self.labels[which].astype(np.int64)).to(device)


class Images(NamedTuple):
    """A data set; `shifts` says whether mirror images and shifts of an image are as good."""

    train: Part
    test: Part
    channels: int
    classes: int
    shifts: bool


@lru_cache
def digits() -> Images:
    """1,797 digits of 8x8, a fifth of them for the test."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    x, y = found.images[order, None].astype(np.float32) / 8 - 1, found.target[order]
    cut = len(y) * 4 // 5
    train, test = (Part(y[part], x[part].__getitem__) for part in (slice(cut), slice(cut, None)))
    return Images(train, test, 1, 10, False)


def cifar10(folder: Path) -> Images:
    """The binary version: data_batch_*.bin and test_batch.bin."""
    train, test = (
        np.concatenate([_records(file) for file in files])
        for files in (sorted(folder.glob("data_batch_*.bin")), [folder / "test_batch.bin"])
    )
    return Images(_cifar_part(train), _cifar_part(test), 3, CLASSES, True)


def _records(file: Path) -> np.ndarray:
    if not file.is_file():
        raise ValueError(f"data must hold {file.name} beside data_batch_*.bin, got {file.parent}")
    size = file.stat().st_size
    if size % RECORD or not 0 < size <= MOST_RECORDS * RECORD:
        raise ValueError(
            f"{file.name} must be whole records of {RECORD} bytes, at most {MOST_RECORDS}, "
            f"got {size} bytes"
        )
    records = np.fromfile(file, np.uint8).reshape(-1, RECORD)
    if (largest := records[:, 0].max()) >= CLASSES:
        raise ValueError(f"{file.name} must have labels below {CLASSES}, got {largest}")
    return records


def _cifar_part(records: np.ndarray) -> Part:
    pixels = records[:, 1:].reshape(-1, 3, 32, 32)
    return Part(records[:, 0], lambda which: (pixels[which] / 255 - MEAN) / DEVIATION)


def image_folder(folder: Path, size: int = 224) -> Images:
    """train/CLASS/*.JPEG and val/CLASS/*.JPEG, read when they are needed."""
    classes = sorted(path.name for path in (folder / "train").iterdir() if path.is_dir())
    train, test = (_folder(folder / part, classes, size) for part in ("train", "val"))
    return Images(train, test, 3, len(classes), True)


def _folder(folder: Path, classes: list[str], size: int) -> Part:
    endings = (".jpeg", ".jpg", ".png")
    pairs = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((folder / name).iterdir())
        if path.suffix.lower() in endings
    ]
    labels = np.array([label for _, label in pairs])
    return Part(labels, lambda which: np.stack([_picture(pairs[k][0], size) for k in which]))


def _picture(path: Path, size: int) -> np.ndarray:
    """The square in the center whose side is 7/8 of the picture's short one.

    Whatever a file is called, no other format is opened: for some, Pillow starts programs.
    """
    with Image.open(path, formats=FORMATS) as opened:
        picture = opened.convert("RGB")
    side = min(picture.size) * 7 / 8
    left, top = ((length - side) / 2 for length in picture.size)
    box = (left, top, left + side, top + side)
    pixels = np.asarray(picture.resize((size, size), box=box))
    return (pixels.transpose(2, 0, 1) / 255 - MEAN) / DEVIATION


def batches(images: Images, size: int, seed: int, device: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Minibatches for ever, each epoch in an order of its own that `seed` decides."""
    rng = np.random.default_rng(seed)
    count = len(images.train.labels)
    while True:
        order = rng.permutation(count)
        for start in range(0, count - min(size, count) + 1, size):
            x, y = images.train.batch(order[start : start + size], device)
            yield (_moved(x, rng) if images.shifts else x), y


def _moved(x: Tensor, rng: np.random.Generator) -> Tensor:
    """The batch mirrored half of the time, and shifted by up to an eighth."""
    if rng.random() < 0.5:
        x = x.flip(3)
    reach = x.shape[2] // 8
    padded = torch.nn.functional.pad(x, [reach] * 4)
    top, left = rng.integers(0, 2 * reach + 1, 2)
    return padded[:, :, top : top + x.shape[2], left : left + x.shape[3]]


@torch.no_grad()
def accuracy(model: torch.nn.Module, part: Part, device: str, size: int = 250) -> float:
    """The share of images whose class is found, in per cent."""
    model.eval()
    right, count = 0, len(part.labels)
    for start in range(0, count, size):
        x, y = part.batch(np.arange(start, min(start + size, count)), device)
        right += int((model(x).argmax(1) == y).sum())
    model.train()
    return 100 * right / count
