"""What Torch's own optimizer tests ask of torch.optim.RAdam holds of the class in its place.

The configurations, error inputs and flags are those of `torch.testing`'s entry for RAdam.
"""

import copy
import inspect
import io
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.testing._internal.common_optimizers import (
    OptimizerErrorEnum,
    _get_optim_inputs_including_global_cliquey_kwargs,
    optim_db,
)

from radam_adapters.torch_optimizer import RAdam

INFO = next(info for info in optim_db if info.optim_cls is torch.optim.RAdam)
ON_GPUS = [entry.kwargs for entry in INFO.optim_inputs_func("cuda")]  # capturable among them
Options = dict[str, Any]


def configurations(*skip: str) -> list[Options]:
    inputs = _get_optim_inputs_including_global_cliquey_kwargs("cpu", None, INFO, skip)
    listed = [entry.kwargs for entry in inputs]
    foreach = [{**each, "foreach": True} for each in listed if not each.get("differentiable")]
    return listed + foreach + [each for each in ON_GPUS if each.get("capturable")]


def ident(value: Any) -> str:
    return "-".join(f"{k}={v}" for k, v in value.items() if v is not False) or "default"


EVERY = pytest.mark.parametrize("options", configurations(), ids=ident)
NOT_DIFFERENTIABLE = pytest.mark.parametrize("options", configurations("differentiable"), ids=ident)


class Linear:
    """The loss |W x + b|^2 that Torch's tests descend."""

    def __init__(self, contiguous: bool = True) -> None:
        generator = torch.Generator().manual_seed(5)
        if contiguous:
            weight, bias = (
                torch.randn(10, 5, generator=generator),
                torch.randn(10, generator=generator),
            )
        else:
            weight, bias = (
                torch.randn(10, 5, 2, generator=generator)[..., 0],
                torch.randn(10, 2, generator=generator)[:, 0],
            )
        self.weight, self.bias = Parameter(weight), Parameter(bias)
        self.input = torch.randn(5, generator=generator)
        self.params = [self.weight, self.bias]

    def loss(self) -> Tensor:
        for param in self.params:
            param.grad = None
        loss: Tensor = (self.weight.mv(self.input) + self.bias).pow(2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss


# Errors


@pytest.mark.parametrize(
    "entry",
    INFO.optim_error_inputs_func(device="cpu", dtype=torch.float32),
    ids=lambda entry: entry.optimizer_error_input.desc,
)
def test_bad_input_is_refused_in_the_words_of_torch(entry: Any) -> None:
    given = entry.optimizer_error_input
    assert entry.error_on is OptimizerErrorEnum.CONSTRUCTION_ERROR
    warned = issubclass(entry.error_type, Warning)
    expected = pytest.warns if warned else pytest.raises

    with expected(entry.error_type, match=entry.error_regex):
        RAdam(given.params, **given.kwargs)


# Direction


@pytest.mark.parametrize("contiguous", [True, False])
@pytest.mark.parametrize("schedulers", [[], *INFO.scheduler_inputs], ids=["no lr", "scheduled"])
@EVERY
def test_the_loss_goes_in_the_right_direction(
    options: Options, schedulers: Any, contiguous: bool
) -> None:
    problem = Linear(contiguous)
    optimizer = RAdam(problem.params, **copy.deepcopy(options))
    scheduled = [make(optimizer) for make in schedulers]
    first = problem.loss().item()
    for _ in range(20):
        loss = optimizer.step(problem.loss)
        for scheduler in scheduled:
            plateau = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
            scheduler.step(*([loss.detach()] if plateau else []))

    assert (problem.loss().item() > first) == options.get("maximize", False)


@NOT_DIFFERENTIABLE
def test_a_tensor_lr_is_a_float_lr(options: Options) -> None:
    number, tensor = Linear(), Linear()
    tensor.bias.data.copy_(number.bias.data)
    first = RAdam(number.params, **{**options, "lr": 1e-3})
    second = RAdam(tensor.params, **{**options, "lr": torch.tensor(1e-3)})
    for _ in range(7):
        first.step(number.loss)
        second.step(tensor.loss)

    torch.testing.assert_close(number.params, tensor.params)


@pytest.mark.parametrize("shape", [(1,), (1, 1)], ids=str)
@pytest.mark.parametrize("way", [{}, {"foreach": False}, {"capturable": True}], ids=ident)
def test_a_tensor_lr_of_one_element_may_have_dimensions(way: Options, shape: Any) -> None:
    problem, other = Linear(), Linear()
    for each, lr in ((problem, 1e-3), (other, torch.full(shape, 1e-3))):
        optimizer = RAdam(each.params, **way, lr=lr)
        for _ in range(7):
            optimizer.step(each.loss)

    torch.testing.assert_close(problem.params, other.params)


@NOT_DIFFERENTIABLE
def test_groups_have_their_own_decay_and_lr(options: Options) -> None:
    problem, still = Linear(), Parameter(torch.randn(2))
    before = still.detach().clone()
    own = {**options, "lr": options.get("lr", 1e-3)}
    groups = [
        {"params": [problem.weight], **own},
        {"params": [problem.bias], **own, "weight_decay": 0.0},
        {"params": [still], "lr": 1e-28},
    ]
    optimizer = RAdam(groups)
    first = problem.loss().item()
    for _ in range(20):
        problem.loss()
        still.grad = torch.rand_like(still)
        optimizer.step()

    assert (problem.loss().item() > first) == options.get("maximize", False)
    assert torch.equal(still, before)


@EVERY
def test_no_gradient_is_no_step_and_a_zero_gradient_no_movement(options: Options) -> None:
    param = torch.randn(5, 1)
    before = param.clone()
    optimizer = RAdam([param], **copy.deepcopy(options))
    optimizer.step(lambda: torch.ones(1))
    assert torch.equal(param, before)
    assert not optimizer.state

    param.grad = torch.zeros_like(param)
    optimizer.step()
    assert torch.equal(param, before) or options.get("weight_decay")
    assert optimizer.state[param]["step"] == 1


# One tensor, many tensors


@pytest.mark.parametrize("options", [{}, {"capturable": True}, {"foreach": False}], ids=ident)
def test_foreach_is_the_default_where_torch_looks_for_it(options: Options) -> None:
    module = inspect.getmodule(RAdam)
    problem = Linear()
    problem.loss()
    with patch.object(module, "_multi_tensor_radam") as many:
        RAdam(problem.params, **options).step()

    assert many.called == ("foreach" not in options)


def test_what_torch_says_of_its_radam_is_so_of_ours() -> None:
    """Its entry lists what the class supports; each is in the configurations of this file."""
    assert set(INFO.supported_impls) == {"foreach", "differentiable"}
    assert INFO.supports_complex
    assert not INFO.supports_sparse
    assert {key for entry in ON_GPUS for key in entry} <= set(RAdam([torch.ones(1)]).defaults)


@pytest.mark.parametrize("options", [{}, {"foreach": False}, {"capturable": True}], ids=ident)
def test_a_large_tensor_takes_the_steps_of_its_parts(options: Options) -> None:
    """It is stepped in blocks; a part that is not contiguous is stepped whole. The same bits."""
    torch.manual_seed(7)
    whole = torch.randn(70_001, 2)
    parts = [whole[:, 0].clone(), torch.randn(70_001, 2)[:, 1].copy_(whole[:, 1])]
    first, second = RAdam([whole], lr=0.1, **options), RAdam(parts, lr=0.1, **options)
    for _ in range(8):
        whole.grad = torch.randn_like(whole)
        for part, column in zip(parts, whole.grad.T, strict=True):
            part.grad = column
        first.step()
        second.step()

    assert all(torch.equal(x, y) for x, y in zip(parts, whole.T, strict=True))


@pytest.mark.parametrize(
    "options", [entry.kwargs for entry in INFO.optim_inputs_func("cpu")], ids=ident
)
def test_foreach_takes_the_steps_of_the_loop(options: Options) -> None:
    ended = []
    for foreach in (False, True):
        torch.manual_seed(1)
        net = torch.nn.Sequential(
            torch.nn.Linear(2, 3), torch.nn.Sigmoid(), torch.nn.Linear(3, 1), torch.nn.Sigmoid()
        ).double()
        scalar = torch.full((), 0.5, dtype=torch.float64, requires_grad=True)
        empty = torch.empty((0, 3), dtype=torch.float64, requires_grad=True)
        params = [*net.parameters(), scalar, empty]
        optimizer = RAdam(params, foreach=foreach, **copy.deepcopy(options))
        for t in range(8):  # without any gradient at 2, one layer frozen at 3 and 4
            optimizer.zero_grad()
            net[2].requires_grad_(t not in (3, 4))
            if t != 2:
                (
                    net(torch.arange(6.0).double().reshape(3, 2)).sum() + scalar + empty.sum()
                ).backward()
            optimizer.step()
        ended.append((params, [optimizer.state[param] for param in params]))

    torch.testing.assert_close(*ended, rtol=1e-14, atol=1e-14)
    assert [kept["step"].item() for kept in ended[1][1]] == [7, 7, 5, 5, 7, 7]


def test_tensors_of_many_kinds_are_stepped_together() -> None:
    kinds = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64]
    ended = []
    for foreach in (False, True):
        torch.manual_seed(2)
        params = [torch.rand(shape, dtype=kind) for kind in kinds for shape in [(2, 3), (4,), ()]]
        params.append(torch.rand(300, 300).T)  # a large one, not contiguous
        optimizer = RAdam(params, lr=0.1, foreach=foreach)
        for _ in range(7):
            for param in params:
                param.grad = torch.rand_like(param)
            optimizer.step()
        ended.append(params)

    torch.testing.assert_close(*ended)


@NOT_DIFFERENTIABLE
def test_a_complex_parameter_is_two_real_ones(options: Options) -> None:
    torch.manual_seed(4)
    shapes = [((10, 5), torch.complex64), ((10,), torch.complex64), ((10, 5), torch.float32)]
    params = [torch.randn(shape, dtype=dtype, requires_grad=True) for shape, dtype in shapes]
    real = [
        (torch.view_as_real(param) if param.is_complex() else param).detach().clone()
        for param in params
    ]
    first, second = (RAdam(group, **copy.deepcopy(options)) for group in (params, real))
    for _ in range(7):
        for param, parts in zip(params, real, strict=True):
            param.grad = torch.randn_like(param)
            parts.grad = torch.view_as_real(param.grad) if param.is_complex() else param.grad
        first.step()
        second.step()

    shown = [torch.view_as_real(param) if param.is_complex() else param for param in params]
    torch.testing.assert_close([param.detach() for param in shown], real)


# State


@NOT_DIFFERENTIABLE
def test_a_saved_state_is_the_same_state(options: Options) -> None:
    assert_saved_and_continued(options, False, False)


@pytest.mark.parametrize(("named", "loads_named"), [(True, False), (False, True), (True, True)])
def test_a_state_keeps_the_names_of_parameters(named: bool, loads_named: bool) -> None:
    assert_saved_and_continued({}, named, loads_named)


def assert_saved_and_continued(options: Options, named: bool, loads_named: bool) -> None:
    def take(problem: Linear, with_names: bool) -> Any:
        return (
            [("weight", problem.weight), ("bias", problem.bias)] if with_names else problem.params
        )

    problem = Linear()
    optimizer = RAdam(take(problem, named), **copy.deepcopy(options))
    for _ in range(10):
        optimizer.step(problem.loss)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    shown = optimizer.state_dict()
    assert saved["param_groups"] == shown["param_groups"]
    torch.testing.assert_close(saved["state"], shown["state"], rtol=0, atol=0)

    twin = copy.deepcopy(problem)
    twin.params = [twin.weight, twin.bias]
    other = RAdam(take(twin, loads_named), **copy.deepcopy(options))
    other.load_state_dict(saved)
    for _ in range(10):
        optimizer.step(problem.loss)
        other.step(twin.loss)
    assert all(torch.equal(x, y) for x, y in zip(problem.params, twin.params, strict=True))
    if named or loads_named:
        assert other.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]


@NOT_DIFFERENTIABLE
def test_states_of_older_versions_are_loaded(options: Options) -> None:
    """Before flags existed, and when the number of steps was a Python number."""
    problem = Linear()
    optimizer = RAdam(problem.params, **copy.deepcopy(options))
    for _ in range(3):
        optimizer.step(problem.loss)
    old = copy.deepcopy(optimizer.state_dict())
    for group in old["param_groups"]:
        for flag in (*INFO.not_og_supported_flags, "dialect", "fused"):
            group.pop(flag, None)
    for kept in old["state"].values():
        kept["step"] = kept["step"].item()
    optimizer.load_state_dict(old)
    optimizer.step(problem.loss)

    assert [kept["step"].item() for kept in optimizer.state.values()] == [4, 4]


@EVERY
def test_it_is_copied_pickled_and_printed(options: Options) -> None:
    problem = Linear()
    param = problem.weight.detach().clone()
    optimizer = RAdam([param], **copy.deepcopy(options))
    for _ in range(3):
        param.grad = torch.ones_like(param)
        optimizer.step()
    file = io.BytesIO()
    torch.save(optimizer, file)
    file.seek(0)
    pickled = torch.load(file, weights_only=False)
    detached = [p for p in optimizer.param_groups[0]["params"] if p.grad_fn is None]
    copied = copy.deepcopy(optimizer) if detached else pickled

    def public(thing: object) -> set[str]:
        return {name for name in vars(thing) if not name.startswith("_")}

    assert public(optimizer) == public(copied) == public(pickled)
    for twin in (copied, pickled):
        (other,) = twin.param_groups[0]["params"]
        other.grad = torch.ones_like(other)
        twin.step()
    param.grad = torch.ones_like(param)
    optimizer.step()
    assert torch.equal(other, param)
    assert "dialect: pytorch" in repr(optimizer)


# Hooks


@EVERY
def test_hooks_run_around_a_step(options: Options) -> None:
    ran: list[str] = []

    def hook(name: str) -> Callable[..., None]:
        return lambda *_: ran.append(name)

    optimizer = RAdam([torch.ones(2)], **copy.deepcopy(options))
    handles = [
        register_optimizer_step_pre_hook(hook("every before")),
        register_optimizer_step_post_hook(hook("every after")),
        optimizer.register_step_pre_hook(hook("before")),
        optimizer.register_step_post_hook(hook("after")),
    ]
    optimizer.step()
    for handle in handles:
        handle.remove()
    optimizer.step()

    assert ran == ["every before", "before", "after", "every after"]


@EVERY
def test_hooks_run_around_the_state_dict(options: Options) -> None:
    optimizer = RAdam([torch.ones(2)], **copy.deepcopy(options))
    seen: list[float] = []

    def mark(optimizer: Any) -> None:
        optimizer.state["test"] = 1

    def set_lr(_: Any, state: Options) -> Options:
        return {
            **state,
            "param_groups": [{**group, "lr": 0.003} for group in state["param_groups"]],
        }

    optimizer.register_state_dict_pre_hook(mark)
    assert optimizer.state_dict()["state"]["test"] == 1
    optimizer.register_load_state_dict_pre_hook(set_lr)
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append(o.param_groups[0]["lr"]))
    optimizer.load_state_dict(optimizer.state_dict())

    assert seen == [0.003]
    assert optimizer.state["test"] == 1


# Gradients through the step


@pytest.mark.parametrize("t", [2, 10])
@pytest.mark.parametrize("dialect", ["pytorch", "paper"])
@pytest.mark.parametrize("decoupled", [False, True])
def test_gradients_go_through_a_step(t: int, dialect: str, decoupled: bool) -> None:
    torch.manual_seed(6)
    inputs = [torch.rand(10, dtype=torch.float64, requires_grad=True) for _ in range(4)]
    lr = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)

    def take(param: Tensor, grad: Tensor, m: Tensor, v: Tensor, lr: Tensor) -> tuple[Tensor, ...]:
        param = param.clone()
        param.grad = grad
        options = {"weight_decay": 0.125, "decoupled_weight_decay": decoupled, "dialect": dialect}
        optimizer = RAdam([param], lr=lr, differentiable=True, **options)
        kept = {"step": torch.tensor(float(t)), "exp_avg": m.clone(), "exp_avg_sq": v.clone()}
        optimizer.state[param].update(kept)
        optimizer.step()
        return param, optimizer.state[param]["exp_avg"], optimizer.state[param]["exp_avg_sq"]

    assert torch.autograd.gradcheck(take, (*inputs, lr))


def test_gradients_go_through_ten_steps_with_zero_gradients() -> None:
    scale = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    param = torch.ones(3, dtype=torch.float64) * scale
    optimizer = RAdam([param], lr=0.1, differentiable=True)
    for _ in range(10):
        param.grad = torch.stack([scale, 2 * scale, 0 * scale])
        optimizer.step()
    (slope,) = torch.autograd.grad(param.sum(), scale)

    assert slope.isfinite()


# Mixed precision


def test_a_grad_scaler_unscales_and_skips() -> None:
    param = Parameter(torch.ones(2))
    optimizer, scaler = RAdam([param], lr=0.5), torch.amp.GradScaler("cpu", init_scale=4.0)
    for factor in (1.0, float("inf")):
        optimizer.zero_grad()
        scaler.scale((param * factor).sum()).backward()  # type: ignore[no-untyped-call]
        scaler.step(optimizer)
        scaler.update()

    assert param.tolist() == [0.5, 0.5]
    assert scaler.get_scale() == 2.0
