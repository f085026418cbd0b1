"""Where the number of steps is a tensor, compiled or capturable, the terms stay exact (S3)."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from radam_adapters.torch_optimizer import RAdam
from radam_ref import Dialect, rectification

# What Torch's own modules do while the compiler is imported.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning"),
]


def random_parameter(dtype: torch.dtype) -> torch.nn.Parameter:
    generator = torch.Generator().manual_seed(3)
    return torch.nn.Parameter(torch.randn((2, 3), generator=generator, dtype=dtype))


BETA2 = (0.5, 0.999, 0.9999, 0.99999, 1 - 2.0**-20)


def first_steps(
    optimizer_class: Any, betas2: Sequence[float], *, backend: str = "", **options: Any
) -> list[list[float]]:
    """What steps of lr = 1 move parameters by, r_t of each, the gradients being all 1.

    Each has a beta2 of its own, in the given order.
    """
    xs = [torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in betas2]
    groups = [{"params": [x], "betas": (0.0, beta2)} for x, beta2 in zip(xs, betas2, strict=True)]
    optimizer = optimizer_class(groups, lr=1.0, eps=1e-30, **options)
    torch.compiler.reset()
    step = torch.compile(optimizer.step, backend=backend) if backend else optimizer.step
    moved = []
    for _ in range(9):
        for x in xs:
            x.data.zero_()
            x.grad = torch.ones_like(x)
        step()
        moved.append([-x.item() for x in xs])
    return moved


@pytest.mark.parametrize(
    ("betas2", "options"),
    [(BETA2, {"capturable": True}), (BETA2[::2], {"backend": "aot_eager"})],
    ids=["capturable", "compiled"],
)
def test_traced_steps_have_the_exact_terms(
    betas2: Sequence[float], options: dict[str, Any]
) -> None:
    """The compiler takes more than a second for each group, all of which have the same code."""
    exact = [[rectification(t, beta2, 5.0) or 1.0 for beta2 in betas2] for t in range(1, 10)]

    for moved, r in zip(first_steps(RAdam, betas2, **options), exact, strict=True):
        assert moved == pytest.approx(r, rel=1e-13)


def test_torch_itself_is_wrong_there() -> None:
    """Its compiled RAdam rectifies from step 2 instead of 6, and r_6 is half as large again."""
    moved = [x for (x,) in first_steps(torch.optim.RAdam, [0.9999], backend="aot_eager")]

    assert moved[1] < 0.1
    assert moved[5] == pytest.approx(1.5 * rectification(6, 0.9999, 5.0), rel=0.1)  # type: ignore[operator]


def test_the_compiler_gives_the_numbers_of_the_loop() -> None:
    """Two groups, one with an lr on the device, and a tensor that joins late."""
    dialect = Dialect(threshold=5.0, unrectified="hold")
    ended = []
    for compiled in (False, True):
        torch.compiler.reset()
        params = [random_parameter(dtype) for dtype in (torch.complex128, torch.bfloat16)]
        groups = [{"params": params[:1]}, {"params": params[1:], "lr": torch.tensor(0.01)}]
        optimizer = RAdam(groups, weight_decay=0.125, dialect=dialect)
        step = torch.compile(optimizer.step, backend="aot_eager") if compiled else optimizer.step
        for t in range(8):
            generator = torch.Generator().manual_seed(t)
            for param in params[: 1 if t < 2 else 2]:
                param.grad = torch.randn(param.shape, generator=generator, dtype=param.dtype)
            step()
        ended.append(params)

    torch.testing.assert_close(*ended)


@pytest.mark.posix
def test_compiled_code_has_the_numbers_of_the_loop() -> None:
    ended = []
    for compiled in (False, True):
        torch.compiler.reset()
        param = random_parameter(torch.float32)
        optimizer = RAdam([param], betas=(0.9, 0.9999))
        step = torch.compile(optimizer.step) if compiled else optimizer.step
        for t in range(8):
            param.grad = torch.full_like(param, t - 3.5)
            step()
        ended.append((param, optimizer.state[param]))

    torch.testing.assert_close(*ended, rtol=1e-6, atol=0)
    assert ended[1][1]["step"] == 8


def test_an_lr_that_a_scheduler_changes_is_compiled_no_more_after_two_steps() -> None:
    """Torch's compiler takes a number for a constant at first, and the next one for a variable."""
    graphs, compiled = [], []

    def counting(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return torch._dynamo.lookup_backend("aot_eager")(graph, inputs)

    x = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = RAdam([x], betas=(0.0, 0.999), eps=1e-30)
    torch.compiler.reset()
    step = torch.compile(optimizer.step, backend=counting)
    for t in range(1, 13):
        optimizer.param_groups[0]["lr"] = lr = 0.9**t
        x.data.zero_()
        x.grad = torch.ones_like(x)
        step()
        assert -x.item() == pytest.approx(lr * (rectification(t, 0.999, 5.0) or 1.0), rel=1e-13)
        compiled.append(len(graphs))

    assert compiled[1:] == [compiled[1]] * 11


def test_the_whole_step_is_one_graph() -> None:
    x = torch.nn.Parameter(torch.ones(3))
    optimizer = RAdam([x], lr=torch.tensor(0.1))
    torch.compiler.reset()
    step = torch.compile(RAdam.step.__wrapped__.__wrapped__, backend="aot_eager", fullgraph=True)
    for _ in range(8):
        x.grad = torch.ones_like(x)
        with torch.no_grad():
            step(optimizer)

    assert optimizer.state[x]["step"] == 8
