"""The Torch optimizer steps like torch.optim.RAdam, keeps its state, and computes nothing."""

import ast
import copy
import inspect
import io
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import radam_adapters
from radam_adapters.torch_optimizer import RAdam
from radam_ref import Dialect, rectification

STEPS = 60
Parameters = Sequence[torch.nn.Parameter]
MakeOptimizer = Callable[[Any], torch.optim.Optimizer]


def parameters(dtype: torch.dtype = torch.float64) -> Parameters:
    generator = torch.Generator().manual_seed(3)
    starts = [torch.randn(shape, generator=generator, dtype=dtype) for shape in [(4,), (2, 3), ()]]
    return [torch.nn.Parameter(start) for start in starts]


def descend(
    optimizer: torch.optim.Optimizer,
    params: Parameters,
    steps: range = range(STEPS),
    *,
    first: Sequence[int] = (0, 0, 0),
) -> None:
    """Steps with random gradients; that of each parameter is None before its first step."""
    for t in steps:
        generator = torch.Generator().manual_seed(t)
        for param, start in zip(params, first, strict=True):
            gradient = torch.randn(param.shape, generator=generator, dtype=param.dtype)
            param.grad = gradient if t >= start else None
        optimizer.step()


def assert_same_descent(ours: MakeOptimizer, theirs: MakeOptimizer, **how: Any) -> None:
    dtype, group = how.pop("dtype", torch.float64), how.pop("group", lambda params: params)
    ended = []
    for make in (ours, theirs):
        params = parameters(dtype)
        descend(make(group(params)), params, **how)
        ended.append(params)
    for x, y in zip(*ended, strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=1e-12)


# Beside torch.optim.RAdam


@pytest.mark.parametrize("foreach", [None, False])
def test_a_weight_of_many_blocks_is_stepped_as_the_small_ones(foreach: bool | None) -> None:
    """Its blocks are views of a leaf, which autograd guards; a linear layer makes the gradients."""
    ended = []
    for make in (lambda p: RAdam(p, foreach=foreach), torch.optim.RAdam):
        torch.manual_seed(0)
        layer = torch.nn.Linear(400, 500, dtype=torch.float64)
        optimizer = make(layer.parameters())
        for _ in range(8):
            optimizer.zero_grad()
            layer(torch.ones(2, 400, dtype=torch.float64)).square().sum().backward()
            optimizer.step()
        ended.append(layer.weight)

    torch.testing.assert_close(*ended, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.1, "betas": (0.8, 0.99), "eps": 1e-3},
        {"weight_decay": 0.125},
        {"weight_decay": 0.125, "decoupled_weight_decay": True},
        {"maximize": True, "weight_decay": 0.125},
        {"betas": (0.0, 0.5)},
    ],
)
def test_it_steps_like_torch(options: dict[str, Any]) -> None:
    assert_same_descent(
        lambda params: RAdam(params, **options),
        lambda params: torch.optim.RAdam(params, **options),
    )


def test_groups_have_hyper_parameters_of_their_own() -> None:
    def groups(params: Parameters) -> list[dict[str, Any]]:
        own = {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.25, "decoupled_weight_decay": True}
        return [{"params": params[:1]}, {"params": params[1:], **own}]

    assert_same_descent(RAdam, torch.optim.RAdam, group=groups)


def test_a_parameter_that_joins_late_counts_its_own_steps() -> None:
    assert_same_descent(RAdam, torch.optim.RAdam, first=(0, 11, 3))


def test_a_tensor_lr_is_a_number_on_the_device() -> None:
    options = {"weight_decay": 0.125, "decoupled_weight_decay": True}

    assert_same_descent(
        lambda params: RAdam(params, torch.tensor(0.1, dtype=torch.float64), **options),
        lambda params: torch.optim.RAdam(params, 0.1, **options),
    )


def test_the_parts_of_a_complex_number_are_parameters_of_their_own() -> None:
    assert_same_descent(RAdam, torch.optim.RAdam, dtype=torch.complex128)


def test_a_scheduler_sets_lr() -> None:
    ours, theirs = parameters(), parameters()
    for make, params in ((RAdam, ours), (torch.optim.RAdam, theirs)):
        optimizer = make(params, lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
        for t in range(STEPS):
            descend(optimizer, params, range(t, t + 1))
            scheduler.step()

    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_bfloat16_keeps_its_moments_in_float32() -> None:
    params, shadow = parameters(torch.bfloat16), parameters(torch.bfloat16)
    shadow = [torch.nn.Parameter(param.detach().float()) for param in shadow]
    ours, theirs = RAdam(params, lr=0.1), torch.optim.RAdam(shadow, lr=0.1)
    for t in range(STEPS):
        descend(ours, params, range(t, t + 1))
        for x, y in zip(params, shadow, strict=True):
            y.grad = x.grad.float()  # type: ignore[union-attr]
        theirs.step()
        with torch.no_grad():
            for x, y in zip(params, shadow, strict=True):
                torch.testing.assert_close(x, y.bfloat16(), rtol=2.0**-7, atol=1e-6)
                y.copy_(x)

    assert {ours.state[x]["exp_avg"].dtype for x in params} == {torch.float32}


def test_the_dialect_can_be_chosen() -> None:
    held, moved = parameters(), parameters()
    descend(RAdam(held, dialect="authors"), held, range(5))
    descend(RAdam(moved, dialect=Dialect(threshold=5.0)), moved, range(5))

    start = parameters()
    assert all(torch.equal(x, y) for x, y in zip(held, start, strict=True))
    assert not any(torch.equal(x, y) for x, y in zip(moved, start, strict=True))


# State


def saved_and_loaded(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.complex64, torch.bfloat16])
@pytest.mark.parametrize("at", [3, 5, 6, 30])
def test_a_state_dict_continues_bit_for_bit(dtype: torch.dtype, at: int) -> None:
    straight = parameters(dtype)
    descend(RAdam(straight, lr=0.1), straight)

    resumed = parameters(dtype)
    first = RAdam(resumed, lr=0.1)
    descend(first, resumed, range(at))
    second = RAdam(resumed, lr=0.5)
    second.load_state_dict(saved_and_loaded(first.state_dict()))
    descend(second, resumed, range(at, STEPS))

    assert all(torch.equal(x, y) for x, y in zip(straight, resumed, strict=True))


@pytest.mark.parametrize("at", [1, 5, 6, 30])
def test_a_run_of_torch_is_continued(at: int) -> None:
    params, ours = parameters(), parameters()
    theirs = torch.optim.RAdam(params, lr=0.1)
    descend(theirs, params, range(at))
    for x, y in zip(ours, params, strict=True):
        x.data.copy_(y.data)
    optimizer = RAdam(ours)
    optimizer.load_state_dict(copy.deepcopy(theirs.state_dict()))  # torch hands out its tensors

    descend(theirs, params, range(at, STEPS))
    descend(optimizer, ours, range(at, STEPS))

    for x, y in zip(ours, params, strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_run_of_torch_in_half_precision_is_continued(dtype: torch.dtype) -> None:
    params, ours = parameters(dtype), parameters(dtype)
    theirs = torch.optim.RAdam(params, lr=0.1)
    descend(theirs, params, range(8))
    optimizer = RAdam(ours)
    optimizer.load_state_dict(copy.deepcopy(theirs.state_dict()))
    for x, y in zip(ours, params, strict=True):
        x.data.copy_(y.data)
        assert optimizer.state[x]["exp_avg"].dtype == torch.float32
        assert torch.equal(optimizer.state[x]["exp_avg"], theirs.state[y]["exp_avg"].float())

    descend(theirs, params, range(8, 12))
    descend(optimizer, ours, range(8, 12))

    for x, y in zip(ours, params, strict=True):
        torch.testing.assert_close(x, y, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("at", [1, 5, 6, 30])
def test_torch_continues_a_run_of_ours(at: int, foreach: bool) -> None:
    params, theirs = parameters(), parameters()
    optimizer = RAdam(params, lr=0.1)
    descend(optimizer, params, range(at))
    for x, y in zip(theirs, params, strict=True):
        x.data.copy_(y.data)
    other = torch.optim.RAdam(theirs, foreach=foreach)
    other.load_state_dict(saved_and_loaded(optimizer.state_dict()))

    descend(optimizer, params, range(at, STEPS))
    descend(other, theirs, range(at, STEPS))

    for x, y in zip(params, theirs, strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=1e-12)


@pytest.mark.parametrize("capturable", [False, True])
def test_steps_are_counted_beyond_2_to_the_24(capturable: bool) -> None:
    """There torch.optim.RAdam, whose count is float32, stands still; a run of it is continued."""
    (x,), (y,) = (parameters()[:1] for _ in range(2))
    theirs, ours = torch.optim.RAdam([x]), RAdam([y], capturable=capturable)
    descend(theirs, [x], range(1), first=(0,))
    theirs.state[x]["step"].fill_(2**24 - 2)
    ours.load_state_dict(copy.deepcopy(theirs.state_dict()))
    ours.param_groups[0]["capturable"] = capturable
    descend(theirs, [x], range(4), first=(0,))
    descend(ours, [y], range(4), first=(0,))
    resumed = RAdam([y], capturable=capturable)
    resumed.load_state_dict(saved_and_loaded(ours.state_dict()))

    assert theirs.state[x]["step"] == 2**24
    assert ours.state[y]["step"] == resumed.state[y]["step"] == 2**24 + 2


def test_r_t_is_right_beyond_2_to_the_24() -> None:
    beta2, t = 1 - 2.0**-20, 2**24 + 5
    for capturable in (False, True):
        x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        x.grad = torch.ones_like(x)
        optimizer = RAdam([x], lr=1.0, betas=(0.0, beta2), eps=0.0, capturable=capturable)
        optimizer.state[x].update(
            step=torch.tensor(t - 1.0, dtype=torch.float64),
            exp_avg=torch.ones_like(x, requires_grad=False),
            exp_avg_sq=torch.full_like(
                x, -math.expm1((t - 1) * math.log(beta2)), requires_grad=False
            ),
        )
        optimizer.step()

        assert -x.item() == pytest.approx(rectification(t, beta2, 5.0), rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("options", [{}, {"foreach": False}, {"capturable": True}, {"eps": 0.0}])
def test_a_zero_gradient_leaves_a_half_where_it_is(
    dtype: torch.dtype, options: dict[str, Any]
) -> None:
    x = torch.nn.Parameter(torch.ones(3, dtype=dtype))
    optimizer = RAdam([x], lr=0.1, **options)
    for _ in range(8):
        x.grad = torch.zeros_like(x)
        optimizer.step()

    assert x.tolist() == [1.0, 1.0, 1.0]


def test_the_state_has_the_names_of_torch() -> None:
    params = parameters()
    ours, theirs = RAdam(params), torch.optim.RAdam(params)
    descend(ours, params, range(2))
    descend(theirs, params, range(2))

    assert set(ours.state[params[0]]) == set(theirs.state[params[0]])
    assert ours.state[params[0]]["step"] == 2


def test_a_closure_is_called_once_with_gradients_enabled() -> None:
    x = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer, calls = RAdam([x], lr=0.25), []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        calls.append(loss.item())
        return loss

    with torch.no_grad():
        loss = optimizer.step(closure)

    assert (calls, loss.item()) == ([5.0], 5.0)
    assert x.tolist() == [0.5, -1.0]
    assert optimizer.step() is None


def test_the_parameter_stays_the_same_tensor() -> None:
    (x, *_) = params = parameters()
    place = x.data_ptr()
    descend(RAdam(params), params, range(7))

    assert (x.data_ptr(), x.requires_grad, x.is_leaf) == (place, True, True)


# Bad input


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lr": -1.0}, ValueError, r"lr must be a real number in \[0, inf\), got -1.0"),
        ({"lr": "fast"}, TypeError, r"lr must be a real number in \[0, inf\), got 'fast'"),
        ({"betas": (1.0, 0.9)}, ValueError, r"beta1 must be a real number in \[0, 1\), got 1.0"),
        ({"betas": (0.9, -0.1)}, ValueError, r"beta2 must be .*, got -0.1"),
        ({"betas": 0.9}, ValueError, r"betas must be a pair \(beta1, beta2\), got 0.9"),
        ({"betas": (0.9,)}, ValueError, r"betas must be a pair .*, got \(0.9,\)"),
        ({"lr": torch.tensor(1)}, TypeError, "lr must be a float or one floating number"),
        ({"eps": -1e-8}, ValueError, "eps must be .*, got -1e-08"),
        ({"weight_decay": float("nan")}, ValueError, "weight_decay must be .*, got nan"),
        ({"maximize": 1}, TypeError, "maximize must be True or False, got 1"),
        ({"foreach": 1}, TypeError, r"foreach must be one of \(True, False, None\), got 1"),
        ({"capturable": None}, TypeError, r"capturable must be one of \(True, False\), got None"),
        ({"fused": True, "foreach": True}, RuntimeError, "cannot be `True` together"),
        ({"fused": True, "differentiable": True}, RuntimeError, "does not support"),
        ({"dialect": "proxmin"}, ValueError, "eps_placement must be .*, got 'floor'"),
        ({"dialect": "torch"}, ValueError, "dialect must be one of .*, got 'torch'"),
    ],
)
def test_a_bad_hyper_parameter_is_refused_by_name(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        RAdam(parameters(), **options)

    optimizer = RAdam(parameters())
    with pytest.raises(error, match=message):
        optimizer.add_param_group({"params": parameters(), **options})
    assert len(optimizer.param_groups) == 1


def test_the_arguments_are_those_of_torch_and_two_more() -> None:
    ours, theirs = (inspect.signature(c).parameters for c in (RAdam, torch.optim.RAdam))
    own = [name for name in ours if name not in theirs]

    assert own == ["fused", "dialect"]
    assert [name for name in ours if name not in own] == list(theirs)
    assert all(
        (ours[name].default, ours[name].kind) == (theirs[name].default, theirs[name].kind)
        for name in theirs
    )
    assert issubclass(RAdam, torch.optim.RAdam)


def test_a_group_that_is_added_takes_the_defaults_of_the_others() -> None:
    params = parameters()
    optimizer = RAdam(params[:1], lr=0.5, betas=(0.5, 0.75), dialect="paper")
    optimizer.add_param_group({"params": params[1:], "lr": 0.25})
    added = optimizer.param_groups[1]

    assert (added["lr"], added["betas"], added["dialect"]) == (0.25, (0.5, 0.75), "paper")
    descend(optimizer, params, range(7))


def test_sparse_gradients_are_refused() -> None:
    x = torch.nn.Parameter(torch.ones(3))
    x.grad = torch.ones(3).to_sparse()

    with pytest.raises(RuntimeError, match="RAdam does not support sparse gradients"):
        RAdam([x]).step()


# No arithmetic


@pytest.mark.parametrize(
    "file",
    sorted(Path(radam_adapters.__file__).parent.glob("*.py")),
    ids=lambda file: file.name,
)
def test_no_adapter_computes(file: Path) -> None:
    """Sizes and counts may be computed; what an operator is applied to must be no array."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    computed = [node for node in nodes if isinstance(node, ast.BinOp | ast.AugAssign)]
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    methods = {func.attr for func in called if isinstance(func, ast.Attribute)}
    arithmetic = {"sqrt", "rsqrt", "pow", "exp", "mul", "div", "add", "sub", "lerp", "where"}

    assert [ast.unparse(node) for node in computed if ARRAYS & set(names(node))] == []
    assert methods & arithmetic == set()
    assert {name for name in methods if name.endswith("_") and name[0] != "_"} <= {"copy_"}


ARRAYS = {
    *("x", "g", "m", "v", "x32", "g32", "mu", "nu", "rate", "place", "value", "values"),
    *("params", "param", "grads", "grad", "exp_avg", "exp_avg_sq", "exp_avgs", "exp_avg_sqs"),
    *("moments", "updates", "deltas", "before", "arrays", "array"),
}


def names(node: ast.AST) -> Iterator[str]:
    """The names that the operands of an operator are, or are an element of; not their sizes."""
    if isinstance(node, ast.BinOp):
        operands = [node.left, node.right]
    else:
        operands = [node.target, node.value]  # type: ignore[attr-defined]
    for operand in operands:
        while isinstance(operand, ast.Subscript):
            operand = operand.value
        if isinstance(operand, ast.Name | ast.Attribute):
            yield operand.id if isinstance(operand, ast.Name) else operand.attr
