"""What is timed by step_speed.py: each makes a function that takes one step over some arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Shapes = Sequence[tuple[int, ...]]
Step = Callable[[], Any]


def arrays(shapes: Shapes, dtype: str) -> list[list[Any]]:
    """x, g, m and v of each shape; g of the size that gradients have."""
    rng = np.random.default_rng(0)
    grads = [rng.standard_normal(shape, np.float32).astype(dtype) * 1e-2 for shape in shapes]
    x, m, v = ([0 * g for g in grads] for _ in range(3))
    return [x, grads, m, v]


def finish() -> None:
    """Nothing is left to wait for: every step ends when it returns."""


def limit(shapes: Shapes, dtype: str) -> Step:
    """Read four arrays and write three, as one each, and nothing else; by the threads of ours."""
    import numba

    from radam_adapters._threads import Job, run

    @numba.njit(nogil=True)
    def stream(_: Any, x: Any, g: Any, m: Any, v: Any) -> None:
        for i in range(x.size):
            total = x[i] + g[i] + m[i] + v[i]
            x[i] = total
            m[i] = total
            v[i] = total

    # One array each; written before, as pages that nobody wrote all lie in one place.
    size = sum(int(np.prod(shape)) for shape in shapes)
    columns = [column[0] for column in arrays([(size,)], dtype)]
    block = 2**20 // columns[0].itemsize
    if size <= block:
        return lambda: stream(0, *columns)
    jobs = [Job(stream, 0, columns, [], block, None)]
    return lambda: run(jobs)


def ours_fused(shapes: Shapes, dtype: str) -> Step:
    from radam_adapters.numpy_fused import step_inplace
    from radam_ref import RAdamConfig, RAdamState

    xs, gs, ms, vs = arrays(shapes, dtype)
    one, config = len(shapes) == 1, RAdamConfig()
    given = (xs[0], gs[0]) if one else (xs, gs)
    state = RAdamState(0, ms[0], vs[0]) if one else RAdamState(0, ms, vs)

    def step() -> None:
        nonlocal state
        state = step_inplace(*given, state, config)

    return step


def ours_without_numba(shapes: Shapes, dtype: str) -> Step:
    from radam_adapters import _numba_loops

    fused, has_numba = ours_fused(shapes, dtype), _numba_loops.has_numba

    def step() -> None:
        _numba_loops.has_numba = lambda: False
        fused()
        _numba_loops.has_numba = has_numba  # which the Torch adapter asks too

    return step


def ours_plain(shapes: Shapes, dtype: str) -> Step:
    from radam_ref import RAdamConfig, RAdamState, step_many

    xs, gs, ms, vs = arrays(shapes, dtype)
    state, config = RAdamState(0, ms, vs), RAdamConfig()

    def step() -> None:
        nonlocal xs, state
        xs, state = step_many(xs, gs, state, config)

    return step


def in_torch(
    make: Callable[[list[Any]], Any], device: str = "cpu"
) -> Callable[[Shapes, str], Step]:
    def contender(shapes: Shapes, dtype: str) -> Step:
        import torch

        xs, gs, _, _ = arrays(shapes, dtype)
        params = [torch.from_numpy(x).to(device).requires_grad_() for x in xs]
        for param, g in zip(params, gs, strict=True):
            param.grad = torch.from_numpy(g).to(device)
        step: Step = make(params).step
        return step

    return contender


def _jax(name: str) -> Callable[[Shapes, str], Step]:
    def contender(shapes: Shapes, dtype: str) -> Step:
        import jax
        import optax

        from radam_adapters.jax_transform import radam

        jax.config.update("jax_enable_x64", True)
        optimizer = radam(1e-3) if name == "ours" else optax.radam(1e-3)
        xs, gs, _, _ = (list(map(jax.numpy.asarray, column)) for column in arrays(shapes, dtype))

        def advance(params: Any, state: Any, grads: Any) -> Any:
            updates, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        jitted = jax.jit(advance, donate_argnums=(0, 1))
        run = (xs, optimizer.init(xs))

        def step() -> None:
            nonlocal run
            run = jitted(*run, gs)
            jax.block_until_ready(run)

        return step

    return contender


def ours_torch(**options: Any) -> Callable[[list[Any]], Any]:
    def make(params: list[Any]) -> Any:
        from radam_adapters.torch_optimizer import RAdam

        return RAdam(params, **options)

    return make


def of_torch(name: str, **options: Any) -> Callable[[list[Any]], Any]:
    def make(params: list[Any]) -> Any:
        import torch

        return getattr(torch.optim, name)(params, **options)

    return make


class _Compiled:
    def __init__(self, params: list[Any]) -> None:
        import torch

        optimizer = torch.optim.RAdam(params, lr=torch.tensor(1e-3), foreach=True)
        self.step = torch.compile(optimizer.step)


def optimi(params: list[Any]) -> Any:
    from optimi import RAdam

    return RAdam(params, lr=1e-3)


def _pytorch_optimizer(params: list[Any]) -> Any:
    from pytorch_optimizer import RAdam

    return RAdam(params, lr=1e-3)


LIMIT, FUSED = "limit", "radam-ref, fused"
CONTENDERS: dict[str, Callable[[Shapes, str], Step]] = {
    LIMIT: limit,
    FUSED: ours_fused,
    "radam-ref, no numba": ours_without_numba,
    "radam-ref, plain step": ours_plain,
    "radam-ref, Torch": in_torch(ours_torch()),
    "radam-ref, JAX": _jax("ours"),
    "torch RAdam for-loop": in_torch(of_torch("RAdam", foreach=False)),
    "torch RAdam foreach": in_torch(of_torch("RAdam", foreach=True)),
    "torch RAdam compiled": in_torch(_Compiled),
    "torch Adam fused": in_torch(of_torch("Adam", fused=True)),
    "optax radam jitted": _jax("optax"),
    "optimi RAdam": in_torch(optimi),
    "pytorch_optimizer RAdam": in_torch(_pytorch_optimizer),
}
