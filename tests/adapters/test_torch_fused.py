"""Torch tensors stepped in one pass: in NumPy on a CPU, by torch.compile where fused=True."""

import subprocess
import sys
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import Parameter

import radam_ref
from radam_adapters import _torch_fused
from radam_adapters.torch_optimizer import RAdam
from radam_ref import RAdamConfig

SHAPES = ((3, 4), (), (0,), (70_001,))
DTYPES = [
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    *(torch.complex64, torch.complex128),
]


def tensors(dtype: torch.dtype, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator).to(dtype) for shape in SHAPES]


def run(dtype: torch.dtype, steps: int = 7, place: Any = "cpu", **options: Any) -> list[Parameter]:
    params = [Parameter(x.to(place)) for x in tensors(dtype)]
    optimizer = RAdam(params, lr=1.0, weight_decay=0.125, **options)
    for t in range(1, steps + 1):
        for param, grad in zip(params, tensors(dtype, t), strict=True):
            param.grad = grad.to(place)
        optimizer.step()
    return params


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64, torch.complex128])
@pytest.mark.parametrize("options", [{}, {"foreach": False}, {"fused": True}, {"dialect": "paper"}])
def test_on_a_cpu_a_step_has_the_bits_of_the_specification(
    dtype: torch.dtype, options: dict[str, Any]
) -> None:
    name = options.get("dialect", "pytorch")
    config = RAdamConfig(lr=1.0, weight_decay=0.125, dialect=name)
    for k, got in enumerate(run(dtype, **options)):
        x = tensors(dtype)[k].numpy()
        state = radam_ref.init(x)
        for t in range(1, 8):
            x, state = radam_ref.step(x, tensors(dtype, t)[k].numpy(), state, config)

        assert np.array_equal(got.detach().numpy(), x)


def test_bfloat16_is_rounded_once_a_step() -> None:
    half = run(torch.bfloat16, steps=1)
    wide = [x.float() for x in tensors(torch.bfloat16)]
    grads = [g.float() for g in tensors(torch.bfloat16, 1)]
    config = RAdamConfig(lr=1.0, weight_decay=0.125, dialect="pytorch")
    for got, x, g in zip(half, wide, grads, strict=True):
        exact, _ = radam_ref.step(x.numpy(), g.numpy(), radam_ref.init(x.numpy()), config)
        assert torch.equal(got.detach(), torch.from_numpy(exact).bfloat16())


@pytest.mark.posix
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")  # in inductor itself
@pytest.mark.parametrize(
    ("dtype", "dialect", "steps"),
    [
        (torch.float32, "pytorch", 7),
        (torch.bfloat16, "pytorch", 2),
        (torch.complex64, "pytorch", 2),
        (torch.complex64, "paper", 5),
    ],
)
def test_the_compiled_step_has_the_bits_of_that_in_numpy(
    dtype: torch.dtype, dialect: str, steps: int
) -> None:
    """On a GPU `fused=True` compiles; here the compiler makes code for a CPU."""
    with patch.object(_torch_fused, "is_in_numpy", lambda _: False):
        compiled = run(dtype, steps, fused=True, dialect=dialect)

    for ours, theirs in zip(compiled, run(dtype, steps, dialect=dialect), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no usable CUDA device")
@pytest.mark.parametrize("fused", [True, None])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_step_on_a_gpu_is_that_on_a_cpu(dtype: torch.dtype, fused: bool | None) -> None:
    places = (torch.device("cuda"), torch.device("cpu"))
    on_gpu, on_cpu = (run(dtype, fused=fused, place=place) for place in places)
    for ours, theirs in zip(on_gpu, on_cpu, strict=True):
        torch.testing.assert_close(ours.cpu(), theirs)


def test_what_the_compiled_step_cannot_do_is_done_otherwise() -> None:
    """A learning rate on a device would have to be waited for."""
    with patch.object(_torch_fused, "_can_compile", lambda *_: False):
        fallen_back = run(torch.float32, fused=True)

    for ours, theirs in zip(fallen_back, run(torch.float32), strict=True):
        assert torch.equal(ours, theirs)


def test_strides_conjugates_and_expanded_gradients_are_right() -> None:
    grad = torch.randn(4, 3, dtype=torch.complex64)
    results = []
    for given in (grad.mT, grad.mT.contiguous(), grad.mH.conj(), grad.mH.resolve_conj().conj()):
        param = Parameter(torch.ones(4, 3, dtype=torch.complex64).mT)
        optimizer = RAdam([param], lr=1.0)
        param.grad = given
        optimizer.step()
        results.append(param.detach())
    assert all(torch.equal(results[0], other) for other in results[1:])

    flat = Parameter(torch.zeros(5))
    flat.grad = torch.ones(1).expand(5)
    RAdam([flat], lr=1.0).step()
    assert flat.tolist() == [-1.0] * 5


def test_a_step_is_seen_by_autograd() -> None:
    """What a backward pass has kept of a parameter must not be changed unseen."""
    x = Parameter(torch.ones(3))
    loss = (x * x).sum()
    x.grad = torch.ones(3)
    RAdam([x], lr=1.0).step()

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()  # type: ignore[no-untyped-call]


@pytest.mark.slow
def test_a_scalar_parameter_moves_under_the_compiler() -> None:
    """torch.optim.RAdam, compiled, leaves a 0-d float64 on a CPU where it is."""
    ended = []
    for compiled in (False, True):
        torch.compiler.reset()
        x = Parameter(torch.tensor(1.5, dtype=torch.float64))
        optimizer = RAdam([x], lr=0.125)
        step = torch.compile(optimizer.step, backend="aot_eager") if compiled else optimizer.step
        for _ in range(7):
            x.grad = torch.ones_like(x)
            step()
        ended.append([x.detach(), *optimizer.state[x].values()])

    torch.testing.assert_close(*ended, rtol=1e-12, atol=0)


def step_of(x: Tensor) -> Tensor:
    param = x.clone()
    optimizer = RAdam([param], lr=0.125)
    param.grad = 2 * param
    optimizer.step()
    return param


def test_tracers_and_transforms_see_the_step() -> None:
    """NumPy would step beside what they look at."""
    from torch.fx.experimental.proxy_tensor import make_fx

    x = torch.arange(12, dtype=torch.float64).reshape(3, 4)
    expected = step_of(x)

    torch.testing.assert_close(torch.func.functionalize(step_of)(x), expected)
    torch.testing.assert_close(torch.vmap(step_of)(x), expected)
    with torch.no_grad():
        traced = make_fx(step_of)(torch.ones(3, 4, dtype=torch.float64))
    torch.testing.assert_close(traced(x), expected)


@pytest.mark.slow
def test_a_step_goes_on_after_the_main_thread_has_ended() -> None:
    code = """
import threading, torch
from radam_adapters.torch_optimizer import RAdam
def train():
    threading.main_thread().join()
    x = torch.nn.Parameter(torch.zeros(600_000))
    optimizer = RAdam([x], lr=1.0)
    for _ in range(3):
        x.grad = torch.ones_like(x)
        optimizer.step()
    print(x.min().item(), x.max().item(), flush=True)
threading.Thread(target=train).start()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "-3.0 -3.0\n", done.stderr
    assert "Traceback" not in done.stderr  # a slow machine may say that it compiles
