"""The training loop that all experiments share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from .runs import Tick

Batches = Iterator[tuple[Tensor, Tensor]]
Watch = Callable[[int, nn.Module], None]


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    steps: int,
    alpha: Callable[[int], float],
    tick: Tick,
    watch: Watch = lambda t, model: None,
) -> list[float]:
    """The cross entropy before each step; it ends early where that is not finite.

    `watch` is shown the step and the model when the gradients are fresh.
    """
    losses = []
    for t, (x, y) in zip(range(1, steps + 1), batches, strict=False):
        optimizer.param_groups[0]["lr"] = alpha(t)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            break
        loss.backward()  # type: ignore[no-untyped-call]
        watch(t, model)
        optimizer.step()
        tick(t / steps)
    return losses


def binned(losses: Sequence[float], steps: int, bins: int = 40) -> list[float]:
    """Means of the losses over equal parts of the training; NaN after a divergence."""
    edges = [round(steps * k / bins) for k in range(bins + 1)]
    parts = [list(losses[a:b]) for a, b in pairwise(edges) if a < b]
    return [sum(part) / len(part) if part else math.nan for part in parts]


def bin_ends(steps: int, points: int) -> list[float]:
    """The steps at the middles of the bins of `binned`."""
    return [steps * (k + 0.5) / points for k in range(points)]
