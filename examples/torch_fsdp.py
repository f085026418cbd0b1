"""Torch: a model sharded over two processes by FSDP2, saved by both, continued by one.

It starts its two processes itself, over gloo on the CPU. Sharded or not, every parameter takes the
same steps, and the checkpoint holds the number of them.
"""

import socket
import tempfile

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as checkpoint
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.functional import mse_loss

from radam_adapters.torch_optimizer import RAdam  # in place of torch.optim.RAdam

STEPS = 30


def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))


def train(net, optimizer, steps):
    x = torch.linspace(-1, 1, 96).reshape(32, 3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = mse_loss(net(x), x.prod(dim=1, keepdim=True))
        loss.backward()
        optimizer.step()
    return loss.item()


def sharded(rank, port, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    net = model()
    fully_shard(net, mesh=init_device_mesh("cpu", (2,)))
    optimizer = RAdam(net.parameters(), lr=0.01)
    train(net, optimizer, STEPS)
    weights, state = get_state_dict(net, optimizer)
    checkpoint.save({"model": weights, "optimizer": state}, checkpoint_id=folder)
    dist.destroy_process_group()


def main():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(sharded, (port, folder), nprocs=2)
        net = model()
        optimizer = RAdam(net.parameters(), lr=0.01)
        weights, state = get_state_dict(net, optimizer)
        checkpoint.load({"model": weights, "optimizer": state}, checkpoint_id=folder)
        set_state_dict(net, optimizer, model_state_dict=weights, optim_state_dict=state)
    steps = [int(kept["step"]) for kept in optimizer.state.values()]
    loss = train(net, optimizer, STEPS)
    print(f"two processes took {steps[0]} steps, one took {STEPS} more: loss {loss!r}")
    net = model()
    alone = train(net, RAdam(net.parameters(), lr=0.01), 2 * STEPS)
    print(f"one process takes {2 * STEPS} steps: loss {alone!r}")
    return {"steps": steps, "loss": loss, "alone": alone}


if __name__ == "__main__":
    main()
