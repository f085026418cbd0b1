"""What step_speed.py --gpu times: as contenders.py, with all arrays on one GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contenders import FUSED, LIMIT, Shapes, Step, arrays

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


def _torch(make: Callable[[list[Any]], Any]) -> Callable[[Shapes, str], Step]:
    def contender(shapes: Shapes, dtype: str) -> Step:
        import torch

        xs, gs, _, _ = arrays(shapes, dtype)
        params = [torch.from_numpy(x).to(DEVICE).requires_grad_() for x in xs]
        for param, g in zip(params, gs, strict=True):
            param.grad = torch.from_numpy(g).to(DEVICE)
        step: Step = make(params).step
        return step

    return contender


def _ours(**options: Any) -> Callable[[list[Any]], Any]:
    def make(params: list[Any]) -> Any:
        from radam_adapters.torch_optimizer import RAdam

        return RAdam(params, **options)

    return make


def _of_torch(name: str, **options: Any) -> Callable[[list[Any]], Any]:
    def make(params: list[Any]) -> Any:
        import torch

        return getattr(torch.optim, name)(params, **options)

    return make


def _optimi(params: list[Any]) -> Any:
    from optimi import RAdam

    return RAdam(params, lr=1e-3)  # by Triton on a GPU


CONTENDERS: dict[str, Callable[[Shapes, str], Step]] = {
    LIMIT: limit,
    FUSED: _torch(_ours(fused=True)),
    "radam-ref, CuPy": ours_cupy,
    "radam-ref, Torch": _torch(_ours()),
    "torch RAdam foreach": _torch(_of_torch("RAdam", foreach=True)),
    "torch Adam fused": _torch(_of_torch("Adam", fused=True)),
    "optimi RAdam": _torch(_optimi),
}
