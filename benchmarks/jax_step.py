"""What a jitted step costs beside one of optax.radam: 10, 1e6 and 1e7 float32 parameters.

Run from the checkout, `python benchmarks/jax_step.py`. Buffers are donated. The two take turns, CPU
time is counted, and the ratio is the median over the turns.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

import jax
import jax.numpy as jnp
import optax

from radam_adapters.jax_transform import radam

SIZES = {10: 1000, 10**6: 20, 10**7: 3}  # parameters: steps a turn
TURNS = 21


def turns_of(optimizer: Any, size: int, steps: int) -> Callable[[], float]:
    """A function that takes `steps` steps and returns the seconds of CPU a step."""

    def step(params: Any, state: Any, grads: Any) -> Any:
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    jitted = jax.jit(step, donate_argnums=(0, 1))
    grads = jnp.linspace(-1, 1, size)
    run = jitted(jnp.zeros(size), optimizer.init(grads), grads)

    def turn() -> float:
        nonlocal run
        start = process_time()
        for _ in range(steps):
            run = jitted(*run, grads)
        jax.block_until_ready(run)
        return (process_time() - start) / steps

    return turn


def main() -> None:
    for size, steps in SIZES.items():
        ours = turns_of(radam(1e-3), size, steps)
        theirs = turns_of(optax.radam(1e-3), size, steps)
        pairs = [(ours(), theirs()) for _ in range(TURNS)]
        ratio = median(mine / other for mine, other in pairs)
        mine, other = (1e6 * median(column) for column in zip(*pairs, strict=True))
        print(f"{size:>9} parameters: {mine:9.1f} us, optax {other:9.1f} us, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
