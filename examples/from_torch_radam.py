"""A run of torch.optim.RAdam goes on with ours from the step where it stands, and back.

The state is the same: load the checkpoint that you have. The moments and the number of steps are
taken over, so that r_t and the bias corrections go on as if nothing had happened.
"""

import io

import torch

from radam_adapters.torch_optimizer import RAdam


def train(net, optimizer, steps):
    x = torch.linspace(-1, 1, 64, dtype=torch.float64).reshape(64, 1)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(net(x), torch.sin(3 * x))
        loss.backward()
        optimizer.step()
    return loss.item()


def saved(net, optimizer):
    file = io.BytesIO()
    torch.save({"model": net.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def continued(run, optimizer_class):
    net = model()
    optimizer = optimizer_class(net.parameters())
    net.load_state_dict(run["model"])
    optimizer.load_state_dict(run["optimizer"])
    return net, optimizer


def model():
    torch.manual_seed(0)
    layers = torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)
    return torch.nn.Sequential(*layers).double()


def main():
    net = model()
    optimizer = torch.optim.RAdam(net.parameters(), lr=0.02, weight_decay=1e-4)
    train(net, optimizer, 50)
    run = saved(net, optimizer)

    straight = train(net, optimizer, 100)
    ours, optimizer = continued(run, RAdam)
    moved = train(ours, optimizer, 50)
    back, optimizer = continued(saved(ours, optimizer), torch.optim.RAdam)
    returned = train(back, optimizer, 50)
    pairs = zip(net.parameters(), back.parameters(), strict=True)
    off = max((x - y).abs().max().item() for x, y in pairs)
    print(f"loss {moved:.4f} after 100 steps; after 150 torch alone {straight:.12f},")
    print(f"torch, ours and torch again {returned:.12f}; parameters differ by {off:.1e}")
    return {"straight": straight, "returned": returned, "off": off}


if __name__ == "__main__":
    main()
