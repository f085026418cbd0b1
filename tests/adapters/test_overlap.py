"""Arrays that share memory, in a list that is stepped at once."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radam_adapters._overlap import overlaps_itself
from radam_adapters.numpy_fused import step_inplace
from radam_ref import RAdamState, step_many

from ..tiers import torch


def test_a_gradient_is_read_before_another_step_writes_into_it() -> None:
    """The gradients of a*b are b and a."""
    a, b = np.full(300_000, 1.0), np.full(300_000, 2.0)
    moments = [0 * a, 0 * b]
    state, expected = RAdamState(0, moments, [0 * a, 0 * b]), [a.copy(), b.copy()]
    pure = RAdamState(0, [0 * a, 0 * b], [0 * a, 0 * b])
    for _ in range(10):
        state = step_inplace([a, b], [b, a], state, lr=0.1)
        expected, pure = step_many(expected, expected[::-1], pure, lr=0.1)

    assert np.array_equal(a, expected[0])
    assert np.array_equal(b, expected[1])


def test_a_shifted_view_is_read_before_it_is_written() -> None:
    buffer = np.arange(9.0)
    before = buffer.copy()
    params, grads = [buffer[:4], buffer[4:8]], [buffer[3:7], buffer[5:9]]
    moments = RAdamState(0, [np.zeros(4), np.zeros(4)], [np.zeros(4), np.zeros(4)])
    step_inplace(params, grads, moments, lr=1.0)

    assert buffer.tolist() == [*(before[:4] - before[3:7]), *(before[4:8] - before[5:9]), 8.0]


@pytest.mark.parametrize("role", ["params", "m", "v"])
def test_arrays_that_are_written_must_be_apart(role: str) -> None:
    buffer = np.ones(10)
    lists: dict[str, Any] = {name: [np.ones(6), np.ones(6)] for name in ("params", "m", "v")}
    lists[role] = [buffer[:6], buffer[4:]]
    state = RAdamState(0, lists["m"], lists["v"])

    with pytest.raises(ValueError, match="must not share memory"):
        step_inplace(lists["params"], [np.ones(6), np.ones(6)], state, lr=1.0)
    assert buffer.tolist() == [1.0] * 10


def test_interleaved_columns_of_a_matrix_are_apart() -> None:
    matrix = np.zeros((5, 3))
    columns = [matrix[:, k] for k in range(3)]
    moments = RAdamState(0, [np.zeros(5) for _ in "abc"], [np.zeros(5) for _ in "abc"])
    step_inplace(columns, [np.full(5, k + 1.0) for k in range(3)], moments, lr=1.0)

    assert matrix.tolist() == [[-1.0, -2.0, -3.0]] * 5


@pytest.mark.parametrize(
    ("shape", "strides"), [((4,), (0,)), ((4,), (4,)), ((2, 3), (8, 8)), ((3, 4), (-24, 8))]
)
def test_an_array_that_overlaps_itself_is_refused(
    shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    buffer = np.ones(12)
    x = np.lib.stride_tricks.as_strided(buffer[6:], shape, strides)
    with pytest.raises(ValueError, match="params must not overlap itself, got shape"):
        step_inplace(x, np.ones(shape), RAdamState(0, np.zeros(shape), np.zeros(shape)), lr=1.0)
    assert buffer.tolist() == [1.0] * 12


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(-3, 3)), min_size=1, max_size=3))
def test_no_view_by_slices_overlaps_itself_and_what_meets_in_memory_does(
    axes: list[tuple[int, int]],
) -> None:
    whole = np.zeros([5 for _ in axes])
    view = whole[tuple(slice(None, None, step or 1) for _, step in axes)].T
    assert not overlaps_itself(view)

    shape, strides = tuple(n for n, _ in axes), tuple(8 * step for _, step in axes)
    x = np.lib.stride_tricks.as_strided(np.zeros(100)[50:], shape, strides)
    places = [np.dot(index, strides) for index in np.ndindex(shape)]
    if len({*places}) < len(places):
        assert overlaps_itself(x)


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize("turned", [False, True])
def test_tied_parameters_of_torch_are_stepped_in_turn(dtype: str, turned: bool) -> None:
    from radam_adapters.torch_optimizer import RAdam

    ended = []
    for make in (RAdam, torch.optim.RAdam):
        first = torch.nn.Parameter(torch.ones(400, 400, dtype=getattr(torch, dtype)))
        second = torch.nn.Parameter(first.data.t() if turned else first.data)
        optimizer = make([first, second], lr=0.125)
        for _ in range(4):  # until r_t would be computed in bfloat16 by torch
            first.grad = torch.full_like(first, 1.0)
            second.grad = torch.full_like(second, 0.5)
            optimizer.step()
        ended.append(first.detach())

    torch.testing.assert_close(*ended)


@pytest.mark.torch
def test_a_parameter_that_is_given_twice_is_stepped_twice() -> None:
    from radam_adapters.torch_optimizer import RAdam

    ended = []
    for make in (RAdam, torch.optim.RAdam):
        x = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
        with pytest.warns(UserWarning, match="duplicate parameters"):
            optimizer = make([x, x], lr=0.125)
        for _ in range(8):
            x.grad = x.detach().clone()
            optimizer.step()
        ended.append(x.detach())

    torch.testing.assert_close(*ended, rtol=1e-12, atol=0)
