"""What torch.optim.RAdam and optax.radam compute where they are not right, and what ours do.

Run from the checkout, `python benchmarks/beside_originals.py`: the lines are those of
docs/torch-and-jax.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
import torch
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

from radam_adapters.jax_transform import radam
from radam_adapters.torch_optimizer import RAdam
from radam_ref import rectification

BETA2 = 0.9999
EXACT = [rectification(t, BETA2, 5.0) or 1.0 for t in range(1, 9)]


def compiled_moves(optimizer_class: Any) -> list[float]:
    """What compiled float32 steps of lr = 1 move by, gradients 1, eps 0: r_t, or 1 before."""
    torch.compiler.reset()
    x = torch.zeros(1, requires_grad=True)
    optimizer = optimizer_class([x], lr=1.0, betas=(0.0, BETA2), eps=0.0)
    step = torch.compile(optimizer.step, backend="aot_eager")
    moves = []
    for _ in range(8):
        x.data.zero_()
        x.grad = torch.ones(1)
        step()
        moves.append(-x.item())
    return moves


def scalar_after_compiled_steps(optimizer_class: Any) -> str:
    torch.compiler.reset()
    x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    optimizer = optimizer_class([x], lr=0.125)
    step = torch.compile(optimizer.step, backend="aot_eager")
    for _ in range(3):
        x.grad = torch.ones_like(x)
        step()
    return f"{x.item():.4f}"


def jitted_moves(make: Any) -> list[float]:
    optimizer = make(1.0, b1=0.0, b2=BETA2, eps=0.0)
    one, update = jnp.ones(1), jax.jit(optimizer.update)
    state, moves = optimizer.init(one), []
    for _ in range(8):
        updates, state = update(one, state)
        moves.append(-float(updates[0]))
    return moves


def shown(moves: list[float]) -> str:
    first = next(t for t, move in enumerate(moves, 1) if abs(move - 1) > 1e-3)
    return f"from step {first}, r_6 off by {abs(moves[5] / EXACT[5] - 1):.2%}"


def count_after_2_to_the_24(optimizer_class: Any) -> str:
    x = torch.ones(1, requires_grad=True)
    optimizer = optimizer_class([x])
    for t in range(4):
        x.grad = torch.ones(1)
        optimizer.step()
        if t == 0:
            optimizer.state[x]["step"].fill_(2**24 - 1)
    return f"{optimizer.state[x]['step'].item():.0f}"


def half_after_zero_gradients(optimizer_class: Any) -> str:
    x = torch.ones(1, dtype=torch.float16, requires_grad=True)
    optimizer = optimizer_class([x])
    for _ in range(8):
        x.grad = torch.zeros_like(x)
        optimizer.step()
    return str(x.item())


def count_in_a_checkpoint(optimizer_class: Any) -> str:
    net = torch.nn.Linear(1, 1)
    asked = get_optimizer_state_dict(net, optimizer_class(net.parameters()))
    return f"{asked['state']['weight']['step'].item():.0f}"


def jax_half_after_zero_gradients(make: Any) -> str:
    optimizer, x = make(0.1), jnp.ones(1, jnp.float16)
    state, update = optimizer.init(x), jax.jit(optimizer.update)
    for _ in range(8):
        updates, state = update(0 * x, state)
        x = (x + updates).astype(x.dtype)
    return str(float(x[0]))


def slope_through(steps: int, make: Any) -> str:
    """Down x^2/2; the gradient of the second element is zero."""

    def ended(x: Any) -> Any:
        optimizer, mask = make(0.1), jnp.asarray([1.0, 0.0])
        state = optimizer.init(x)
        for _ in range(steps):
            updates, state = optimizer.update(x * mask, state)
            x = x + updates
        return x.sum()

    return " ".join(f"{slope:.4f}" for slope in jax.jit(jax.grad(ended))(jnp.ones(2)))


def row(what: str, of: Callable[[Any], str], *classes: Any) -> None:
    theirs, ours = map(of, classes)
    print(f"{what:<44} {theirs:<32} {ours}")


def main() -> None:
    in_torch, in_jax = (torch.optim.RAdam, RAdam), (optax.radam, radam)
    print(f"{'':44} {'original':<32} ours")
    row("Torch compiled, beta2 0.9999: rectifies", lambda c: shown(compiled_moves(c)), *in_torch)
    row("Torch compiled, 0-d float64 1.0, 3 steps", scalar_after_compiled_steps, *in_torch)
    row("Torch: count after 2^24 + 2 steps", count_after_2_to_the_24, *in_torch)
    row("Torch: a float16 1.0, 8 gradients of 0", half_after_zero_gradients, *in_torch)
    row("Torch: count in a checkpoint of no step", count_in_a_checkpoint, *in_torch)
    row("JAX float32, b2 0.9999: rectifies", lambda c: shown(jitted_moves(c)), *in_jax)
    row("JAX: a float16 1.0, 8 gradients of 0", jax_half_after_zero_gradients, *in_jax)
    for steps in (2, 3):
        row(f"JAX: gradient through {steps} steps", lambda c, n=steps: slope_through(n, c), *in_jax)


if __name__ == "__main__":
    main()
