"""The training that experiments 4, 5 and 6 share: a residual network on images."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from radam_ref import schedules

from .image_data import Images, accuracy, batches, cifar10, digits, image_folder
from .models import resnet
from .optimizers import optimizer
from .runs import Place, Result, Run, Settings, Tick
from .training import binned, train

MODELS: dict[str, dict[str, Any]] = {
    "ResNet-8": {"blocks": 1, "stages": 3, "width": 8},
    "ResNet-20": {"blocks": 3, "stages": 3, "width": 16},
    "ResNet-18, width 16": {"blocks": 2, "stages": 4, "width": 16},
    "ResNet-18": {"blocks": 2, "stages": 4, "width": 64},
}
TESTS = 8  # of the accuracy during a training


@lru_cache
def images_of(kind: str, folder: Path | None) -> Images:
    """The data set of a kind."""
    if folder is None:
        return digits()
    return cifar10(folder) if kind == "CIFAR-10" else image_folder(folder)


def run(method: str, lr: float, seed: int, **settings: Any) -> Run:
    """A training; `warmup` is 0 for none, `decay` tenths the rate at half and three quarters."""
    return Run("images", {"method": method, "lr": lr, "warmup": 0, **settings}, seed)


def schedule(settings: Settings) -> Callable[[int], float]:
    """alpha_t."""
    lr, steps = settings["lr"], settings["steps"]
    warm = (
        schedules.warmup(lr, settings["warmup"]) if settings["warmup"] else schedules.constant(lr)
    )
    if not settings["decay"]:
        return warm
    return lambda t: warm(t) * 0.1 ** ((t > steps / 2) + (t > 3 * steps / 4))


def task(settings: Settings, seed: int, place: Place, tick: Tick) -> Result:
    """The losses, and the accuracies at equal distances up to the end."""
    torch.manual_seed(seed)
    data, steps = settings["data"], settings["steps"]
    images = images_of(data, place.data.get(data))
    large = images.train.images(images.train.labels[:1] * 0).shape[-1] > 100
    shape = {**MODELS[settings["model"]], "channels": images.channels, "classes": images.classes}
    model = resnet(**shape, large=large).to(place.device)
    tests, at = [], {round(steps * (k + 1) / TESTS) for k in range(TESTS)}

    def noted(done: float) -> None:
        tick(done)
        if round(done * steps) in at:
            tests.append(accuracy(model, images.test, place.device))

    feed = batches(images, settings["batch"], seed, place.device)
    chosen = optimizer(settings["method"], model, settings["lr"])
    losses = train(model, chosen, feed, steps, schedule(settings), noted)
    whole = len(losses) == steps
    return {
        "first": losses[:20],
        "losses": binned(losses, steps),
        "tests": tests,
        "accuracy": tests[-1] if whole else 100 / images.classes,
    }
