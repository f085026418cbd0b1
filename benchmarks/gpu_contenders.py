"""What step_speed.py --gpu times: as contenders.py, with all arrays on one GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contenders import FUSED, LIMIT, Shapes, Step, arrays, in_torch, of_torch, optimi, ours_torch

DEVICE = "cuda"


def finish() -> None:
    """Wait for what was launched; the clock stops then."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def device_name() -> str:
    """What the results are of."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else DEVICE


def limit(shapes: Shapes, dtype: str) -> Step:
    """The traffic of a step, seven arrays, as copies from device to device, which move two each."""
    import torch

    size = sum(torch.Size(shape).numel() for shape in shapes)
    source = torch.zeros(size, dtype=getattr(torch, dtype), device=DEVICE)
    to = torch.empty_like(source)
    half = size // 2

    def step() -> None:
        for _ in range(3):
            to.copy_(source)
        to[:half].copy_(source[:half])

    return step


def ours_cupy(shapes: Shapes, dtype: str) -> Step:
    import cupy

    from radam_adapters.cupy_arrays import step_inplace
    from radam_ref import RAdamConfig, RAdamState

    xs, gs, ms, vs = (list(map(cupy.asarray, column)) for column in arrays(shapes, dtype))
    state, config = RAdamState(0, ms, vs), RAdamConfig()

    def step() -> None:
        nonlocal state
        state = step_inplace(xs, gs, state, config)

    return step


def on_gpu(make: Callable[[list[Any]], Any]) -> Callable[[Shapes, str], Step]:
    return in_torch(make, DEVICE)


CONTENDERS: dict[str, Callable[[Shapes, str], Step]] = {
    LIMIT: limit,
    FUSED: on_gpu(ours_torch(fused=True)),
    "radam-ref, CuPy": ours_cupy,
    "radam-ref, Torch": on_gpu(ours_torch()),
    "torch RAdam foreach": on_gpu(of_torch("RAdam", foreach=True)),
    "torch Adam fused": on_gpu(of_torch("Adam", fused=True)),
    "optimi RAdam": on_gpu(optimi),  # by Triton
}
