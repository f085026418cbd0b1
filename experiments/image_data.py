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
MEAN, DEVIATION = 0.45, 0.25  # roughly those of photographs, after division by 255


class Part(NamedTuple):
    """Labelled images, that are had by their numbers."""

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
        _records(sorted(folder.glob(pattern))) for pattern in ("data_batch_*.bin", "test_batch.bin")
    )
    return Images(train, test, 3, 10, True)


def _records(files: list[Path]) -> Part:
    raw = np.concatenate([np.fromfile(file, np.uint8) for file in files])
    if raw.size % RECORD:
        names = ", ".join(file.name for file in files)
        raise ValueError(f"{names} must be whole records of {RECORD} bytes, got {raw.size} bytes")
    records = raw.reshape(-1, RECORD)
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
    """The centre of a picture whose short side was brought to 8/7 of `size`."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    scale = size * 8 / 7 / min(picture.size)
    picture = picture.resize([max(size, round(side * scale)) for side in picture.size])
    left, top = ((side - size) // 2 for side in picture.size)
    pixels = np.asarray(picture.crop((left, top, left + size, top + size)))
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
