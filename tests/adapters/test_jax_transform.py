"""The JAX transform steps like optax.radam where that is right, and is right where it is not."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from radam_adapters.jax_transform import ScaleByRAdamState, radam
from radam_ref import Dialect, RAdamConfig, init, rectification, step

Tree = dict[str, Any]


def tree(dtype: str = "float64") -> Tree:
    rng = np.random.default_rng(3)
    return {"a": jnp.asarray(rng.standard_normal((2, 3)), dtype), "b": (jnp.asarray(1.5, dtype),)}


def gradients(t: int, like: Tree) -> Tree:
    rng = np.random.default_rng(t)
    return jax.tree.map(lambda x: jnp.asarray(rng.standard_normal(x.shape), x.dtype), like)


def descend(optimizer: Any, params: Any, steps: range = range(40), state: Any = None) -> Any:
    """Jitted steps with random gradients; the params and the state after them."""
    state = optimizer.init(params) if state is None else state
    update = jax.jit(optimizer.update)
    for t in steps:
        updates, state = update(gradients(t, params), state, params)
        params = optax.apply_updates(params, updates)
    return params, state


def assert_near(ours: Any, theirs: Any, within: float = 1e-11) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=within), ours, theirs)


def in_python(code: str, **environment: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


# Beside optax.radam under x64, where that is right


def falling(count: Any) -> Any:
    return 0.1 / (1 + count)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"b1": 0.5, "b2": 0.9, "eps": 1e-3},
        {"b2": 0.5},
        {"threshold": 4.5, "eps_root": 1e-3},
        {"nesterov": True},
        {"learning_rate": falling},
        {"learning_rate": None},
    ],
    ids=["defaults", "betas", "beta2", "threshold", "nesterov", "schedule", "no-rate"],
)
def test_it_steps_like_optax(options: dict[str, Any]) -> None:
    options = {"learning_rate": 0.1, **options}
    with jax.enable_x64(True):
        ours, _ = descend(radam(**options), tree())
        theirs, _ = descend(optax.radam(**options), tree())

    assert_near(ours, theirs)


def test_the_arguments_are_those_of_optax_and_the_dialect() -> None:
    names = list(inspect.signature(radam).parameters)

    assert names == [*inspect.signature(optax.radam).parameters, "dialect"]


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_run_of_optax_is_continued_and_handed_back(nesterov: bool) -> None:
    """At t = 3, 4, 5 and 7, from optax to ours and to optax again, with a schedule's count."""
    mine, other = (make(falling, nesterov=nesterov) for make in (radam, optax.radam))
    with jax.enable_x64(True):
        straight, _ = descend(other, tree())
        for at in (3, 4, 5, 7):
            params, state = descend(other, tree(), range(at))
            params, state = descend(mine, params, range(at, 20), state)
            assert type(state[0]) is optax.ScaleByAdamState
            params, state = descend(other, params, range(20, 40), state)
            assert_near(params, straight)


def test_optax_continues_a_run_of_ours() -> None:
    with jax.enable_x64(True):
        straight, _ = descend(radam(0.1), tree())
        params, state = descend(radam(0.1), tree(), range(5))
        params, _ = descend(optax.radam(0.1), params, range(5, 40), state)

    assert_near(params, straight)


def test_complex_params_step_as_in_optax_whose_state_is_continued() -> None:
    with jax.enable_x64(True):
        z = jnp.asarray([1 + 2j, -3j, 0.5])

        def moved(optimizer: Any, x: Any, state: Any) -> Any:
            grads = jnp.conj(jax.grad(lambda x: jnp.sum(jnp.abs(x - 1j) ** 2))(x))
            updates, state = optimizer.update(grads, state, x)
            return x + updates, state

        def run(first: Any, then: Any) -> Any:
            x, state = z, first.init(z)
            for t in range(20):
                x, state = jax.jit(moved, static_argnums=0)(first if t < 7 else then, x, state)
            return x, state[0].nu

        mine, other = radam(0.1), optax.radam(0.1)
        ours, nu = run(mine, mine)
        assert nu.dtype == "float64"
        assert_near(ours, run(other, other)[0])
        assert_near(ours, run(other, mine)[0])


# In float32, where optax.radam is not right


@pytest.mark.parametrize("beta2", [0.9, 0.999, 0.9999, 0.99999, 1 - 2.0**-17, 1 - 2.0**-20])
@pytest.mark.parametrize("injected", [False, True])
def test_the_first_rectified_step_in_float32(beta2: float, injected: bool) -> None:
    """With beta1 = 0, eps = 0 and gradients of 1 the update is -r_t, or -1 before that (S3)."""
    make = optax.inject_hyperparams(radam) if injected else radam
    optimizer = make(learning_rate=1.0, b1=0.0, b2=beta2, eps=0.0)
    one = jnp.ones(1)
    state, moves = optimizer.init(one), []
    for _ in range(8):
        update, state = optimizer.update(one, state)
        moves.append(-float(update[0]))
    held = float(np.float32(beta2)) if injected else beta2
    r = [rectification(t, held, 5.0) for t in range(1, 9)]

    assert moves[:5] == [1.0] * 5
    np.testing.assert_allclose(moves[5:], r[5:], rtol=1e-5)


def test_optax_rectifies_from_step_2() -> None:
    """What the test above would see of optax.radam."""
    optimizer = optax.radam(1.0, b1=0.0, b2=0.9999, eps=0.0)
    one = jnp.ones(1)
    state = optimizer.init(one)
    for _ in range(2):
        update, state = jax.jit(optimizer.update)(one, state)

    assert abs(float(update[0])) < 0.5


# Gradients through steps


def last_of_ten(make: Any, x: Any, lr: Any, b1: Any, b2: Any) -> Any:
    """Ten steps down x^4/4; the gradient of the last element is zero."""
    optimizer = make(lr, b1, b2)

    def advance(carry: Any, _: None) -> Any:
        x, state = carry
        updates, state = optimizer.update(x**3 * jnp.asarray([1.0, 1.0, 0.0]), state, x)
        return (x + updates, state), None

    return jax.lax.scan(advance, (x, optimizer.init(x)), None, length=10)[0][0].sum()


START = np.asarray([1.0, -0.5, 2.0])


def test_gradients_through_ten_steps_are_those_of_finite_differences() -> None:
    with jax.enable_x64(True):
        # A weak dtype, as `asarray` gives, would be compiled anew where a shift makes it strong.
        at = [jnp.asarray(START), *map(jnp.float64, (0.01, 0.9, 0.99))]
        of_ten = jax.jit(jax.value_and_grad(lambda *at: last_of_ten(radam, *at), (0, 1, 2, 3)))
        _, slopes = of_ten(*at)
        by = 1e-6
        for k in range(4):
            for i in np.ndindex(at[k].shape):
                shift = np.zeros(at[k].shape)
                shift[i] = by
                above, below = ([*at[:k], at[k] + s, *at[k + 1 :]] for s in (shift, -shift))
                difference = (of_ten(*above)[0] - of_ten(*below)[0]) / (2 * by)
                np.testing.assert_allclose(slopes[k][i], difference, rtol=1e-6, atol=1e-7)


def test_gradients_are_finite_in_float32_where_those_of_optax_are_not() -> None:
    at = jnp.asarray(START, jnp.float32), *map(jnp.float32, (0.01, 0.9, 0.99))
    ours = jax.jit(jax.grad(lambda *at: last_of_ten(radam, *at), (0, 1, 2, 3)))(*at)
    theirs = jax.jit(jax.grad(lambda x: last_of_ten(optax.radam, x, *at[1:])))(at[0])

    assert all(np.isfinite(slope).all() for slope in ours)
    assert np.isnan(theirs).all()


@pytest.mark.parametrize("eps_root", [0.0, 1e-4])
def test_gradients_with_respect_to_eps_and_eps_root(eps_root: float) -> None:
    """A traced eps_root may be zero, where a zero gradient meets it."""

    def ended(eps: Any, root: Any) -> Any:
        def make(lr: Any, b1: Any, b2: Any) -> Any:
            return radam(lr, b1, b2, eps, root)

        return last_of_ten(make, jnp.asarray(START), 0.1, 0.9, 0.99)

    with jax.enable_x64(True):
        given = radam(0.1, 0.9, 0.99, 1e-2, eps_root)
        fixed = last_of_ten(lambda *_: given, jnp.asarray(START), 0.1, 0.9, 0.99)
        both = jax.jit(jax.value_and_grad(ended, (0, 1)))
        by = 1e-7
        (end, slopes), (above, _), (below, _) = (both(1e-2 + k * by, eps_root) for k in (0, 1, -1))
        difference = (above - below) / (2 * by)

    assert np.isfinite(slopes).all()
    np.testing.assert_allclose(end, fixed, rtol=1e-5)
    np.testing.assert_allclose(slopes[0], difference, rtol=1e-6)


# Among optax's tools


def test_it_chains_with_weight_decay_and_clipping() -> None:
    def chained(make: Any) -> Any:
        return optax.chain(optax.clip(0.5), optax.add_decayed_weights(0.1), make(0.1))

    with jax.enable_x64(True):
        assert_near(descend(chained(radam), tree())[0], descend(chained(optax.radam), tree())[0])


def test_injected_hyper_parameters_may_change_and_mean_what_their_dtype_holds() -> None:
    with jax.enable_x64(True):
        ended = []
        for make in (radam, optax.radam):
            optimizer = optax.inject_hyperparams(make)(
                learning_rate=falling, b1=0.9, b2=0.99, eps=1e-3, eps_root=1e-4, threshold=5.0
            )
            params, state = descend(optimizer, tree(), range(10))
            state.hyperparams["b2"] = jnp.asarray(0.9)
            ended.append(descend(optimizer, params, range(10, 30), state)[0])

    assert_near(*ended)


def test_masked_and_partitioned_params_step_as_alone() -> None:
    params = tree("float32")
    mask = {"a": True, "b": (False,)}
    masked, _ = descend(optax.masked(radam(0.1), mask), params)
    alone, _ = descend(radam(0.1), params)
    labels = {"a": "radam", "b": ("sgd",)}
    both = optax.partition({"radam": radam(0.1), "sgd": optax.sgd(0.1)}, labels)

    assert_near(masked["a"], alone["a"], 0)
    assert_near(descend(both, params)[0]["a"], alone["a"], 0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_it_accumulates_gradients_in_multi_steps(dtype: str) -> None:
    params = tree(dtype)
    ended, _ = descend(optax.MultiSteps(radam(0.1), every_k_schedule=2), params)

    assert jax.tree.map(lambda x: x.dtype, ended) == jax.tree.map(lambda x: x.dtype, params)
    assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(ended))


def test_optax_finds_the_parts_of_the_state_that_are_like_params() -> None:
    optimizer = radam(falling)
    state = optimizer.init(tree("float32"))
    doubled = optax.tree_utils.tree_map_params(optimizer, lambda x: x + 1, state)

    assert optax.tree_utils.tree_get(state, "mu")["b"] == (0.0,)
    assert [float(x.sum()) for x in jax.tree.leaves((doubled[0].mu, doubled[0].nu))] == [6, 1, 6, 1]
    assert int(doubled[0].count) == 0


def test_it_needs_no_optax() -> None:
    code = (
        "import sys; sys.modules['optax'] = None; import jax.numpy as jnp;"
        "from radam_adapters.jax_transform import radam; o = radam(0.5);"
        "print(float(o.update(jnp.ones(()), o.init(jnp.ones(())))[0]))"
    )

    assert float(in_python(code)) == pytest.approx(-0.5, rel=1e-6)


# Under JAX's transformations


def test_the_state_is_made_of_shapes_alone() -> None:
    params = tree("float32")
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), params)
    real, abstract = radam(0.1).init(params), jax.eval_shape(radam(0.1).init, shapes)

    jax.tree.map(np.testing.assert_array_equal, radam(0.1).init(shapes), real)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), abstract) == jax.tree.map(
        lambda x: (x.shape, x.dtype), real
    )


def test_ten_thousand_scanned_steps_are_those_of_the_specification() -> None:
    noise = np.random.default_rng(1).standard_normal((10, 3))
    x, state, config = START, init(START), RAdamConfig(0.01, dialect="optax")
    for t in range(10_000):
        x, state = step(x, x + noise[t % 10], state, config)
    with jax.enable_x64(True):
        optimizer, table = radam(0.01), jnp.asarray(noise)

        def advance(carry: Any, t: Any) -> Any:
            x, state = carry
            updates, state = optimizer.update(x + table[t % 10], state)
            return (x + updates, state), None

        start = jnp.asarray(START), optimizer.init(jnp.asarray(START))
        (scanned, after), _ = jax.jit(lambda s: jax.lax.scan(advance, s, jnp.arange(10_000)))(start)

    assert int(after[0].count) == state.t == 10_000
    np.testing.assert_allclose(scanned, x, rtol=0, atol=1e-11)


def test_lanes_of_vmap_are_runs_of_their_own() -> None:
    rates, starts = jnp.asarray([0.1, 0.01, 1.0]), jnp.asarray([[1.0, 2.0]] * 3)

    def run(lr: Any, x: Any) -> Any:
        optimizer = radam(lr)
        state = optimizer.init(x)
        for _ in range(8):
            updates, state = optimizer.update(x, state)
            x = x + updates
        return x

    lanes = jax.jit(jax.vmap(run))(rates, starts)
    alone = [jax.jit(run)(lr, x) for lr, x in zip(rates, starts, strict=True)]

    np.testing.assert_allclose(lanes, alone, rtol=1e-6)


def test_donated_buffers_are_used_again() -> None:
    optimizer = radam(0.1)
    x = jnp.ones(1000)
    state = optimizer.init(x)
    jitted = jax.jit(lambda g, s: optimizer.update(g, s), donate_argnums=1)
    updates, after = jitted(x, state)

    assert state[0].mu.is_deleted()
    assert state[0].nu.is_deleted()
    np.testing.assert_allclose(updates, -0.1, rtol=1e-6)
    assert int(after[0].count) == 1


def test_a_compiled_step_moves_no_more_memory_than_optax_does() -> None:
    """What a long step costs is its traffic; XLA counts it. benchmarks/jax_step.py takes times."""

    def traffic(optimizer: Any) -> float:
        def step(x: Any, state: Any, grads: Any) -> Any:
            updates, state = optimizer.update(grads, state, x)
            return optax.apply_updates(x, updates), state

        x = jax.ShapeDtypeStruct((10**7,), jnp.float32)
        lowered = jax.jit(step, donate_argnums=(0, 1)).lower(x, optimizer.init(x), x)
        return float(lowered.compile().cost_analysis()["bytes accessed"])

    assert traffic(radam(1e-3)) <= 1.0001 * traffic(_on_shapes(optax.radam(1e-3)))


def _on_shapes(optimizer: Any) -> Any:
    """optax makes no state of shapes alone unless it is asked to."""
    return optimizer._replace(init=lambda x: jax.eval_shape(optimizer.init, x))


def test_a_sharded_run_has_the_bits_of_one_device() -> None:
    code = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from radam_adapters.jax_transform import radam

def run(place):
    optimizer = radam(0.1)
    x = jax.device_put(np.random.default_rng(2).standard_normal((16, 5)).astype("float32"), place)
    state = optimizer.init(x)
    assert state[0].mu.sharding == state[0].nu.sharding == x.sharding
    step = jax.jit(lambda x, s: (lambda u, s: (x + u, s))(*optimizer.update(x * x * x, s)))
    for _ in range(20):
        x, state = step(x, state)
    return x, np.asarray(x), np.asarray(state[0].nu)

mesh = Mesh(np.array(jax.devices()), ("d",))
x, *sharded = run(NamedSharding(mesh, PartitionSpec("d")))
_, *alone = run(jax.devices()[0])
print(len(x.sharding.device_set), all(map(np.array_equal, sharded, alone)))
"""
    assert in_python(code, XLA_FLAGS="--xla_force_host_platform_device_count=8") == "8 True"


def test_the_terms_are_traced_once_for_all_arrays() -> None:
    def roots(arrays: int) -> int:
        params = [jnp.ones(3)] * arrays
        optimizer = radam(0.1)
        return str(jax.make_jaxpr(optimizer.update)(params, optimizer.init(params))).count("expm1")

    assert roots(1) == roots(7) > 0


# Dtypes, counts, arguments


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32_and_rounded_once(dtype: str) -> None:
    """S9: as the specification; an element of zero gradient, where optax gives NaN, stays."""
    x = y = jnp.asarray([1.0, -2.0, 3.0], dtype)
    optimizer, reference, config = radam(0.1), init(y), RAdamConfig(0.1, dialect="optax")
    state = optimizer.init(x)
    for t in range(8):
        grads = jnp.asarray(np.random.default_rng(t).standard_normal(3) * [1, 1, 0], dtype)
        updates, state = optimizer.update(grads, state, x)
        x = optax.apply_updates(x, updates)
        y, reference = step(y, grads, reference, config)

    assert x.dtype == dtype
    assert {updates.dtype.name, state[0].mu.dtype.name, state[0].nu.dtype.name} == {"float32"}
    np.testing.assert_array_equal(x.astype(float), y.astype(float))
    assert float(x[2]) == 3.0


def test_a_zero_gradient_in_float16_makes_nan_of_optax_alone() -> None:
    zeros = jnp.zeros(2, jnp.float16)
    ended = []
    for optimizer in (radam(0.1), optax.radam(0.1)):
        state, update = optimizer.init(zeros), jax.jit(optimizer.update)  # type: ignore[arg-type]
        for _ in range(8):
            updates, state = update(zeros, state)
        ended.append(updates)

    assert (ended[0] == 0).all()
    assert jnp.isnan(ended[1]).all()


def test_the_parts_of_componentwise_complex_params_are_params_of_their_own() -> None:
    optimizer = radam(0.1, dialect="pytorch")
    draws = np.random.default_rng(0).standard_normal((8, 2, 3)).astype("float32")
    z, parts = jnp.zeros(3, jnp.complex64), jnp.zeros((2, 3))
    states = [optimizer.init(z), optimizer.init(parts)]
    for re, im in draws:
        moved, states[0] = optimizer.update(jnp.asarray(re + 1j * im), states[0])
        apart, states[1] = optimizer.update(jnp.asarray([re, im]), states[1])

    assert states[0][0].nu.dtype == "complex64"
    np.testing.assert_allclose(moved.real, apart[0], rtol=1e-6)
    np.testing.assert_allclose(moved.imag, apart[1], rtol=1e-6)


def test_the_dialect_gives_what_is_not_given() -> None:
    """The paper rectifies at step 5; an argument comes before the dialect."""
    one = jnp.ones(1)

    def fifth(**options: Any) -> float:
        optimizer = radam(1.0, b1=0.0, eps=0.0, **options)
        state = optimizer.init(one)
        for _ in range(5):
            update, state = optimizer.update(one, state)
        return float(update[0])

    r = rectification(5, 0.999)
    assert r is not None
    assert fifth() == -1
    assert fifth(dialect="paper") == pytest.approx(-r, rel=1e-5)
    assert fifth(dialect=Dialect(threshold=4.0), threshold=5.0) == -1
    assert fifth(threshold=5.0, dialect="paper-hold") == 0


def test_the_count_stays_at_the_last_int32() -> None:
    optimizer, one = radam(lambda count: 0.1), jnp.ones(1)
    last = jnp.asarray(2**31 - 2, jnp.int32)
    moments, pace = optimizer.init(one)
    state = moments._replace(count=last, mu=one, nu=one), pace._replace(count=last)
    for _ in range(3):
        update, state = jax.jit(optimizer.update)(one, state)

    assert (int(state[0].count), int(state[1].count)) == (2**31 - 1, 2**31 - 1)
    np.testing.assert_allclose(update, -0.1, rtol=1e-5)
    assert isinstance(state[0], ScaleByRAdamState)


def test_gradients_are_computed_with_in_the_dtype_of_params() -> None:
    x = jnp.ones(2, jnp.float32)
    update, state = radam(0.1).update(x.astype(jnp.bfloat16), radam(0.1).init(x))

    assert (update.dtype, state[0].mu.dtype) == ("float32", "float32")
    with pytest.raises(TypeError, match="grads must have the dtype float32, got complex64"):
        radam(0.1).update(x + 1j, radam(0.1).init(x))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"learning_rate": -1.0}, ValueError, r"^learning_rate must be .* \[0, inf\), got -1.0"),
        ({"learning_rate": "fast"}, TypeError, r"^learning_rate must be .*, got 'fast'"),
        ({"b1": 1.0}, ValueError, r"^b1 must be a real number in \[0, 1\), got 1.0"),
        ({"b2": 1.5}, ValueError, r"^b2 must be a real number in \[0, 1\), got 1.5"),
        ({"b2": "high"}, TypeError, r"^b2 must be a real number in \[0, 1\), got 'high'"),
        ({"eps": -1e-8}, ValueError, r"^eps must be .* \[0, inf\), got -1e-08"),
        ({"eps_root": -1e-8}, ValueError, r"^eps_root must be .* \[0, inf\), got -1e-08"),
        ({"threshold": 3.0}, ValueError, r"^threshold must be .* \[4, inf\), got 3.0"),
        ({"nesterov": "yes"}, ValueError, r"^nesterov must be one of \(False, True\), got 'yes'"),
        ({"dialect": "Paper"}, ValueError, r"^dialect must be one of .*, got 'Paper'"),
    ],
    ids=str,
)
def test_an_argument_out_of_range_is_refused_by_its_name(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        radam(**{"learning_rate": 0.1, **options})


def test_integer_params_are_refused() -> None:
    with pytest.raises(TypeError, match=r"params must have one of the dtypes .*, got int32"):
        radam(0.1).init(jnp.ones(2, jnp.int32))
