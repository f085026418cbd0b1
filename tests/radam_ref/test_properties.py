"""What holds for every array, gradient and configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from radam_ref import Dialect, RAdamConfig, RAdamState, dialects, init, step

Array = np.ndarray[Any, Any]

DTYPES = ("float16", "float32", "float64", "complex64", "complex128")
NAMED = sorted(set(dialects) - {"proxmin"})


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, exclude_max=True)


dialect_axes = st.builds(
    Dialect,
    threshold=st.sampled_from((4.0, 5.0, 6.5)),
    eps_placement=st.sampled_from(("after_correction", "before_correction")),
    eps_root=st.sampled_from((0.0, 1e-4)),
    unrectified=st.sampled_from(("momentum", "hold")),
    weight_decay=st.sampled_from(("decoupled", "coupled", "absolute")),
    nesterov=st.booleans(),
    complex=st.sampled_from(("modulus", "componentwise")),
)
configs = st.builds(
    RAdamConfig,
    lr=numbers(0, 2),
    beta1=numbers(0, 1),
    beta2=numbers(0, 1),
    eps=st.sampled_from((0.0, 1e-8, 1e-3)),
    weight_decay=st.sampled_from((0.0, 0.125)),
    maximize=st.booleans(),
    dialect=st.sampled_from(NAMED) | dialect_axes,
)


@st.composite
def problems(draw: st.DrawFn, dtype: str | None = None) -> tuple[Array, Array, RAdamConfig]:
    """Params, gradients of up to 9 steps, and a configuration."""
    dtype = draw(st.sampled_from(DTYPES)) if dtype is None else dtype
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = rng.standard_normal((draw(st.integers(1, 9)) + 1, *shape, 2))
    values[rng.random(values.shape) < 0.1] = 0
    z = values.view(complex)[..., 0]
    x, *gradients = (z if "complex" in dtype else z.real).astype(dtype)
    return np.asarray(x), np.asarray(gradients, dtype), draw(configs)


def run(
    x: Array, gradients: Array, config: RAdamConfig, lr: Any = None
) -> tuple[Array, RAdamState]:
    state = init(x)
    for g in gradients:
        x, state = step(x, np.asarray(g), state, config, lr=lr)
    return x, state


def same(a: tuple[Array, RAdamState], b: tuple[Array, RAdamState]) -> bool:
    pairs = zip((a[0], *a[1][1:]), (b[0], *b[1][1:]), strict=True)
    return all(np.array_equal(x, y, equal_nan=True) for x, y in pairs)


@given(problems())
def test_a_step_is_pure(problem: tuple[Array, Array, RAdamConfig]) -> None:
    """The same arguments give the same bits again, and come back unchanged."""
    x, gradients, config = problem
    before = x.copy(), gradients.copy()
    first, second = run(x, gradients, config), run(x, gradients, config)
    assert same(first, second)
    assert np.array_equal(x, before[0])
    assert np.array_equal(gradients, before[1])


@given(problems())
def test_shape_and_dtype_are_kept(problem: tuple[Array, Array, RAdamConfig]) -> None:
    x, gradients, config = problem
    moved, state = run(x, gradients, config)
    wide = np.result_type(x.dtype, np.float32)
    real = np.zeros((), wide).real.dtype
    v = {wide, real} if config.axes.complex == "componentwise" else {real}
    assert (moved.dtype, moved.shape, type(moved)) == (x.dtype, x.shape, np.ndarray)
    assert (state.m.dtype, state.m.shape) == (wide, x.shape)
    assert state.v.dtype in v
    assert state.t == len(gradients)


@given(problems())
def test_finite_numbers_stay_finite(problem: tuple[Array, Array, RAdamConfig]) -> None:
    """A NaN comes of eps = 0 alone, where v is 0 (S5)."""
    x, gradients, config = problem
    moved, state = run(x, gradients, replace(config, eps=config.eps or 1e-8))
    assert all(np.isfinite(array).all() for array in (moved, state.m, state.v))


@given(problems(), st.randoms(use_true_random=False))
def test_elements_do_not_see_each_other(
    problem: tuple[Array, Array, RAdamConfig], random: Any
) -> None:
    """A permutation of the elements permutes the results."""
    x, gradients, config = problem
    order = list(range(x.size))
    random.shuffle(order)
    moved, state = run(x, gradients, config)
    shuffled = run(x.ravel()[order], gradients.reshape(len(gradients), -1)[:, order], config)
    expected = (moved.ravel()[order], RAdamState(state.t, *(a.ravel()[order] for a in state[1:])))
    assert same(shuffled, expected)


@given(problems(), st.sampled_from((np.nan, np.inf, -np.inf)), st.data())
def test_a_non_finite_gradient_reaches_no_other_element(
    problem: tuple[Array, Array, RAdamConfig], bad: float, data: st.DataObject
) -> None:
    x, gradients, config = problem
    if not x.size:
        return
    x, gradients = x.ravel(), gradients.reshape(len(gradients), -1)
    at = data.draw(st.integers(0, x.size - 1))
    good, _ = run(x, gradients, config)
    gradients = gradients.copy()
    gradients[data.draw(st.integers(0, len(gradients) - 1)), at] = bad
    with np.errstate(invalid="ignore"):
        got, _ = run(x, gradients, config)
    assert not np.isfinite(got[at])
    assert np.array_equal(np.delete(got, at), np.delete(good, at))


@given(problems())
def test_gradients_of_the_other_sign_lead_the_other_way(
    problem: tuple[Array, Array, RAdamConfig],
) -> None:
    """From x = 0, to the bit."""
    x, gradients, config = problem
    x = np.zeros_like(x)
    there, state = run(x, gradients, config)
    back, back_state = run(x, -gradients, config)
    assert same((back, back_state), (-there, state._replace(m=-state.m)))


@given(problems(), st.sampled_from(("float32", "float64")))
def test_an_lr_array_of_equal_values_is_the_number(
    problem: tuple[Array, Array, RAdamConfig], dtype: str
) -> None:
    x, gradients, config = problem
    config = replace(config, weight_decay=0.0)
    lr = np.full(x.shape, config.lr, dtype)
    by_array = run(x, gradients, config, lr)
    assert same(by_array, run(x, gradients, config, float(np.dtype(dtype).type(config.lr))))


@settings(max_examples=50)
@given(problems(dtype="complex128"))
def test_componentwise_is_two_real_runs(problem: tuple[Array, Array, RAdamConfig]) -> None:
    x, gradients, config = problem
    config = replace(config, dialect=replace(config.axes, complex="componentwise"))
    moved, state = run(x, gradients, config)
    for part in (np.real, np.imag):
        real, real_state = run(part(x).copy(), part(gradients).copy(), config)
        expected = RAdamState(state.t, part(state.m), part(state.v))
        assert same((real, real_state), (part(moved), expected))
