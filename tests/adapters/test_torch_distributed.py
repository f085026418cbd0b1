"""Sharded over two processes the optimizer takes the same steps, and checkpoints keep t exact."""

import copy
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as checkpoint
import torch.multiprocessing as multiprocessing
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    get_optimizer_state_dict,
    get_state_dict,
    set_state_dict,
)
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from radam_adapters.torch_optimizer import RAdam

OPTIONS: dict[str, Any] = {"lr": 0.01, "weight_decay": 0.125}


def model() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))  # no size that two divides


def train(net: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for t in steps:
        generator = torch.Generator().manual_seed(t)
        for param in net.parameters():
            grad = torch.randn(param.shape, generator=generator)
            if isinstance(param, DTensor):
                grad = distribute_tensor(grad, param.device_mesh, param.placements)
            param.grad = grad
        optimizer.step()


def save(net: nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> None:
    checkpoint.save(
        dict(zip("mo", get_state_dict(net, optimizer), strict=True)), checkpoint_id=path
    )


def load(net: nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> None:
    state = dict(zip("mo", get_state_dict(net, optimizer), strict=True))
    checkpoint.load(state, checkpoint_id=path)
    set_state_dict(net, optimizer, model_state_dict=state["m"], optim_state_dict=state["o"])


def sharded() -> tuple[nn.Module, RAdam]:
    net, mesh = model(), init_device_mesh("cpu", (2,))
    for layer in (net[0], net[2], net):  # type: ignore[index]
        fully_shard(layer, mesh=mesh)
    return net, RAdam(net.parameters(), **OPTIONS)


def two_processes(rank: int, port: int, folder: Path) -> None:
    torch.set_num_threads(1)
    where = f"tcp://127.0.0.1:{port}"
    dist.init_process_group("gloo", init_method=where, rank=rank, world_size=2)
    net, optimizer = sharded()
    train(net, optimizer, range(25))
    assert all(isinstance(kept["exp_avg"], DTensor) for kept in optimizer.state.values())
    save(net, optimizer, folder / "checkpoint")
    net, optimizer = sharded()
    load(net, optimizer, folder / "checkpoint")
    train(net, optimizer, range(25, 50))
    whole = [param.full_tensor().detach() for param in net.parameters()]  # type: ignore[attr-defined]
    if rank == 0:
        steps = [kept["step"] for kept in optimizer.state.values()]
        torch.save((whole, steps), folder / "two")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left behind: a checkpoint of step 25, and where they ended at 50."""
    folder = tmp_path_factory.mktemp("two processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(two_processes, (port, folder), nprocs=2)
    return folder


@pytest.fixture(scope="module")
def alone() -> list[Tensor]:
    """Where one process ends that takes all 50 steps."""
    net = model()
    train(net, RAdam(net.parameters(), **OPTIONS), range(50))
    return [param.detach() for param in net.parameters()]


@pytest.mark.slow
def test_two_processes_end_where_one_does(folder: Path, alone: list[Tensor]) -> None:
    whole, steps = torch.load(folder / "two", weights_only=True)

    assert all(torch.equal(x, y) for x, y in zip(whole, alone, strict=True))
    assert [step.item() for step in steps] == [50.0] * 4


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:torch.distributed is disabled:UserWarning")
def test_one_process_continues_what_two_saved(folder: Path, alone: list[Tensor]) -> None:
    net = model()
    optimizer = RAdam(net.parameters(), **OPTIONS)
    load(net, optimizer, folder / "checkpoint")
    train(net, optimizer, range(25, 50))

    assert all(torch.equal(x, y) for x, y in zip(net.parameters(), alone, strict=True))
    assert [kept["step"].item() for kept in optimizer.state.values()] == [50.0] * 4


@pytest.mark.parametrize("lr", [0.01, torch.tensor(0.01)])
def test_asking_for_the_state_takes_no_step(lr: Any) -> None:
    """The helper steps with zero gradients; torch.optim.RAdam counts that (pytorch#164929)."""
    net, untouched = model(), model()
    options = {**OPTIONS, "lr": lr}
    optimizer, other = RAdam(net.parameters(), **options), RAdam(untouched.parameters(), **options)
    asked = get_optimizer_state_dict(net, optimizer)
    kept = asked["state"]["0.weight"]
    assert [kept["step"].item(), kept["exp_avg"].any(), kept["exp_avg_sq"].any()] == [0, 0, 0]

    their_net = copy.deepcopy(untouched)
    theirs = torch.optim.RAdam(their_net.parameters(), **OPTIONS)
    their_state = get_optimizer_state_dict(their_net, theirs)["state"]["0.weight"]
    assert [their_state["step"].item(), bool(their_state["exp_avg"].any())] == [1, True]

    train(net, optimizer, range(8))
    train(untouched, other, range(8))
    assert all(
        torch.equal(x, y) for x, y in zip(net.parameters(), untouched.parameters(), strict=True)
    )


def test_a_first_step_with_lr_0_counts_where_there_are_gradients() -> None:
    net = model()
    optimizer = RAdam(net.parameters(), lr=0.0)
    train(net, optimizer, range(1))

    assert [kept["step"].item() for kept in optimizer.state.values()] == [1.0] * 4
