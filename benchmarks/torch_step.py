"""What a step over the 62 tensors of a ResNet-18 costs beside one of torch.optim.RAdam, on a CPU.

Run from the checkout, `python benchmarks/torch_step.py`. The two take turns, and the ratio is the
median over the turns. Torch refuses capturable on a CPU, although its arithmetic runs there; its
check is lifted for that line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

import torch
from shapes import resnet18

from radam_adapters.torch_optimizer import RAdam

STEPS, TURNS = 3, 11
WAYS: list[dict[str, Any]] = [
    {"foreach": False},
    {"foreach": True},
    {"foreach": True, "capturable": True},
]


def turns_of(optimizer_class: Any, options: dict[str, Any]) -> Callable[[], float]:
    """A function that takes STEPS steps and returns the seconds a step."""
    torch.manual_seed(0)
    params = [torch.randn(shape) for shape in resnet18()]
    for param in params:
        param.grad = torch.randn_like(param)
    optimizer = optimizer_class(params, **options)
    for _ in range(6):  # to the first rectified step
        optimizer.step()

    def turn() -> float:
        start = perf_counter()
        for _ in range(STEPS):
            optimizer.step()
        return (perf_counter() - start) / STEPS

    return turn


def main() -> None:
    module = sys.modules[torch.optim.RAdam.__module__]
    with patch.object(module, "_get_capturable_supported_devices", lambda **_: ["cpu"]):
        for options in WAYS:
            ours, theirs = turns_of(RAdam, options), turns_of(torch.optim.RAdam, options)
            pairs = [(ours(), theirs()) for _ in range(TURNS)]
            ratio = median(mine / other for mine, other in pairs)
            mine, other = (1e3 * median(column) for column in zip(*pairs, strict=True))
            said = ", ".join(f"{name}={value}" for name, value in options.items())
            print(f"{said:<30} {mine:6.1f} ms, torch {other:6.1f} ms, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
