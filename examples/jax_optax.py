"""JAX with optax: `radam` in a chain with clipping and a schedule, in one `lax.scan`.

Two parts of a signal are fitted: a_k sin(k t). In float32, as JAX is by default, beta2 = 0.9999
rectifies from step 6, and the gradient with respect to the learning rate is a number.
"""

import jax
import jax.numpy as jnp
import optax

from radam_adapters.jax_transform import radam  # in place of optax.radam

TIMES = jnp.linspace(0, 6, 50)
SIGNAL = 2 * jnp.sin(TIMES) - 0.5 * jnp.sin(2 * TIMES)


def misfit(params):
    waves = params["a"][:, None] * jnp.sin(jnp.asarray([1, 2])[:, None] * TIMES)
    return jnp.mean((waves.sum(axis=0) - SIGNAL) ** 2)


@jax.jit
def fitted(peak):
    optimizer = optax.chain(
        optax.clip_by_global_norm(10.0),
        radam(lambda count: peak / (1 + count / 200), b2=0.9999),
    )
    params = {"a": jnp.ones(2)}

    def step(carry, _):
        params, state = carry
        loss, grads = jax.value_and_grad(misfit)(params)
        updates, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), loss

    (params, _), losses = jax.lax.scan(step, (params, optimizer.init(params)), length=60)
    return losses[-1], params


def main():
    (loss, params), slope = jax.value_and_grad(fitted, has_aux=True)(jnp.asarray(0.5))
    print(f"loss {loss:.2e} at {params['a']}; a larger learning rate changes it by {slope:.1e}")
    return {"loss": loss, "params": params, "slope": slope}


if __name__ == "__main__":
    main()
