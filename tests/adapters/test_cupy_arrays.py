"""CuPy's step is the one step on its arrays' device; a foreign device stands in for a GPU."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import array_api_strict
import numpy as np
import pytest

import radam_ref
from radam_adapters import cupy_arrays
from radam_ref import Dialect, RAdamConfig, RAdamState

from . import cupy_stand_in

X0 = np.array([0.5, -1.25, 3.0])
GRADIENTS = np.random.default_rng(4).standard_normal((40, 3))
CONFIGS = [
    RAdamConfig(),
    RAdamConfig(lr=0.1, dialect="pytorch", weight_decay=0.01),
    RAdamConfig(eps=0.0, maximize=True),
    RAdamConfig(dialect="authors"),
]


def descend_on_numpy(dtype: str, config: RAdamConfig) -> tuple[Any, ...]:
    params = X0.astype(dtype)
    state = radam_ref.init(params)
    for gradient in GRADIENTS.astype(dtype):
        params, state = radam_ref.step(params, gradient, state, config)
    return params, state.m, state.v


def descend_on(xp: Any, device: Any, dtype: str, config: RAdamConfig) -> tuple[Any, ...]:
    def put(array: Any) -> Any:
        return xp.asarray(array.astype(dtype), device=device)

    params = put(X0)
    state = radam_ref.init(params)
    for gradient in GRADIENTS:
        params, state = cupy_arrays.step(params, put(gradient), state, config)
    return params, state.m, state.v


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("config", CONFIGS)
def test_a_foreign_device_gives_the_same_bits_and_is_never_left(
    dtype: str, config: RAdamConfig
) -> None:
    device = array_api_strict.Device("device1")
    arrays = descend_on(array_api_strict, device, dtype, config)
    host = array_api_strict.Device("CPU_DEVICE")

    assert {array.device for array in arrays} == {device}
    for array, expected in zip(arrays, descend_on_numpy(dtype, config), strict=True):
        np.testing.assert_array_equal(np.asarray(array.to_device(host)), expected)


def test_an_lr_on_the_device_comes_before_the_one_in_the_config() -> None:
    device = array_api_strict.Device("device1")
    x = array_api_strict.asarray([1.0, -2.0], device=device)
    lr = array_api_strict.asarray(0.25, device=device)
    moved, _ = cupy_arrays.step(x, 2 * x, radam_ref.init(x), lr=lr)

    assert array_api_strict.all(moved == array_api_strict.asarray([0.5, -1.0], device=device))


def test_the_device_of_params_is_current_during_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    current = ["device 0"]

    @contextmanager
    def device() -> Iterator[None]:
        current.append("device 1")
        yield
        current.pop()

    params = SimpleNamespace(device=device())
    monkeypatch.setattr(cupy_arrays, "is_cupy_array", lambda array: array is params)
    monkeypatch.setattr(radam_ref, "step", lambda *args, lr: (args, current[-1], lr))

    assert cupy_arrays.step(params, "g", "s", "c", lr=0.5) == (
        (params, "g", "s", "c"),
        "device 1",
        0.5,
    )
    assert current == ["device 0"]


def test_arrays_that_do_not_fit_are_refused_as_by_the_step() -> None:
    device = array_api_strict.Device("device1")
    x = array_api_strict.asarray([1.0, -2.0], device=device)
    elsewhere = array_api_strict.asarray([1.0, -2.0])

    with pytest.raises(ValueError, match="grads must be on the device of params"):
        cupy_arrays.step(x, elsewhere, radam_ref.init(x))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A host that plays CuPy; the launches that it has done."""
    monkeypatch.setitem(sys.modules, "cupy", cupy_stand_in)
    monkeypatch.setattr(
        cupy_arrays, "is_cupy_array", lambda array: isinstance(array, cupy_stand_in.ndarray)
    )
    cupy_arrays.compiled.cache_clear()
    cupy_stand_in.launches.clear()
    return cupy_stand_in.launches


def put(array: Any) -> Any:
    return cupy_stand_in.asarray(array)


def assert_same_bits(got: Any, expected: Any) -> None:
    assert got.dtype == expected.dtype
    assert np.asarray(got).tobytes() == np.asarray(expected).tobytes()


def gradient(shape: Any, dtype: str, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    parts = rng.standard_normal((2, *np.atleast_1d(shape)))
    return (parts[0] + (1j * parts[1] if dtype.startswith("c") else 0)).astype(dtype)


RATES = np.linspace(0, 1, 7)
COMPONENTWISE = RAdamConfig(1.0, dialect=Dialect(complex="componentwise"))


@pytest.mark.posix
@pytest.mark.parametrize(
    ("dtype", "config", "lr", "first"),
    [
        ("float32", RAdamConfig(1.0), None, 0),
        ("float64", RAdamConfig(1.0, weight_decay=0.1, dialect="pytorch"), 0.5, 0),
        ("float64", RAdamConfig(1.0, eps=0.0, maximize=True), None, 9),
        ("float32", RAdamConfig(1.0, weight_decay=0.1), RATES, 9),
        ("complex64", RAdamConfig(1.0, weight_decay=0.1), None, 9),
        ("complex128", COMPONENTWISE, RATES, 9),
        ("float16", RAdamConfig(0.1), None, 9),
    ],
)
def test_the_generated_kernel_compiled_as_cplusplus_has_the_bits_of_numpy(
    stand_in: list[str], dtype: str, config: RAdamConfig, lr: Any, first: int
) -> None:
    """One launch a step, or one for each part, whether params are new or overwritten."""
    x = np.zeros((3, 7), dtype)
    state = radam_ref.init(x)._replace(t=first)
    new = put(x.copy()), RAdamState(first, put(state.m.copy()), put(state.v.copy()))
    old = put(x.copy()), RAdamState(first, put(state.m.copy()), put(state.v.copy()))
    for t in range(7):
        g = gradient((3, 7), dtype, t)
        rate = put(lr) if isinstance(lr, np.ndarray) else lr
        x, state = radam_ref.step(x, g, state, config, lr=lr)
        new = cupy_arrays.step(new[0], put(g), new[1], config, lr=rate)
        old = old[0], cupy_arrays.step_inplace(old[0], put(g), old[1], config, lr=rate)
        for params, (got_t, m, v) in (new, old):
            assert got_t == state.t
            for a, b in ((params, x), (m, state.m), (v, state.v)):
                assert_same_bits(a, b)
    assert len(stand_in) == 2 * 7 * (2 if config is COMPONENTWISE else 1)


@pytest.mark.posix
@pytest.mark.parametrize("in_place", [False, True])
def test_small_arrays_of_a_list_share_a_launch(stand_in: list[str], in_place: bool) -> None:
    """Ten of float32, five of float64, strided and complex ones and an empty one: five launches."""
    kinds = ["float32"] * 10 + ["float64"] * 5 + ["complex64"]
    sizes = [*range(1, 16), 4]
    plain = [np.zeros(n, k) for n, k in zip(sizes, kinds, strict=True)]
    plain += [np.zeros((6, 4), "f")[:, ::2], np.zeros(0, "f")]
    states = [radam_ref.init(x)._replace(t=9) for x in plain]
    xs = [put(x.copy()) for x in plain[:-2]] + [put(x) for x in plain[-2:]]
    state = RAdamState(9, [put(s.m.copy()) for s in states], [put(s.v.copy()) for s in states])
    grads = [gradient(x.shape, str(x.dtype), k) for k, x in enumerate(plain)]
    config = RAdamConfig(1.0)
    expected = [
        radam_ref.step(x.copy(), g, s, config) for x, g, s in zip(plain, grads, states, strict=True)
    ]
    given = [put(g) for g in grads]
    if in_place:
        state = cupy_arrays.step_inplace(xs, given, state, config)
    else:
        xs, state = cupy_arrays.step(xs, given, state, config)
    for k, (x, after) in enumerate(expected):
        for a, b in ((xs[k], x), (state.m[k], after.m), (state.v[k], after.v)):
            assert_same_bits(a, b)
    assert len(stand_in) == 5


@pytest.mark.posix
def test_a_gradient_that_overlaps_params_is_read_first(stand_in: list[str]) -> None:
    memory = np.linspace(1, 2, 8)
    x, g = put(memory)[1:], put(memory)[:-1]
    expected, _ = radam_ref.step(np.array(x), np.array(g), radam_ref.init(np.array(x)))
    cupy_arrays.step_inplace(x, g, RAdamState(0, put(np.zeros(7)), put(np.zeros(7))))

    assert_same_bits(x, expected)


@pytest.mark.posix
def test_gradients_of_a_list_are_read_before_they_are_written(stand_in: list[str]) -> None:
    """The gradients of a*b are b and a; the third's is its own params."""
    plain = [np.full(5, 1.0), np.full(5, 2.0), np.full(5, 3.0)]
    grads = [plain[1], plain[0], plain[2]]
    expected = [
        radam_ref.step(x, g, radam_ref.init(x))[0] for x, g in zip(plain, grads, strict=True)
    ]
    xs = [put(x.copy()) for x in plain]
    moments = [[put(0 * x) for x in plain] for _ in range(2)]
    cupy_arrays.step_inplace(xs, [xs[1], xs[0], xs[2]], RAdamState(0, *moments))

    for x, wanted in zip(xs, expected, strict=True):
        assert_same_bits(x, wanted)


@pytest.mark.posix
@pytest.mark.parametrize("role", ["params", "m", "v"])
def test_arrays_that_are_written_must_be_apart(role: str, stand_in: list[str]) -> None:
    memory = put(np.ones(10))
    given = {name: [put(np.ones(6)), put(np.ones(6))] for name in ("params", "m", "v")}
    given[role] = [memory[:6], memory[4:]]
    state = RAdamState(0, given["m"], given["v"])

    with pytest.raises(ValueError, match="must not share memory"):
        cupy_arrays.step_inplace(given["params"], [put(np.ones(6)), put(np.ones(6))], state, lr=1.0)
    with pytest.raises(ValueError, match=r"state\.m must not share memory with params"):
        cupy_arrays.step_inplace(memory[1:], memory[:-1], RAdamState(0, memory[1:], memory[1:]))
    assert np.array(memory).tolist() == [1.0] * 10
    assert stand_in == []


@pytest.mark.posix
def test_an_lr_on_another_device_reaches_no_kernel(stand_in: list[str]) -> None:
    """With CuPy `radam_ref.step` says why; to it the stand-in's arrays are NumPy's."""
    elsewhere = type("Elsewhere", (cupy_stand_in.ndarray,), {"device": "another"})
    x, lr = put(np.ones(3)), np.full(3, 0.5).view(elsewhere)

    with pytest.raises((TypeError, ValueError)):
        cupy_arrays.step_inplace(x, put(np.ones(3)), radam_ref.init(x), lr=lr)
    assert np.array(x).tolist() == [1.0] * 3
    assert stand_in == []


@pytest.mark.posix
def test_interleaved_columns_of_a_matrix_are_apart(stand_in: list[str]) -> None:
    matrix = put(np.zeros((5, 3)))
    moments = [[put(np.zeros(5)) for _ in "abc"] for _ in "mv"]
    grads = [put(np.full(5, k + 1.0)) for k in range(3)]
    columns = [matrix[:, k] for k in range(3)]
    cupy_arrays.step_inplace(columns, grads, RAdamState(0, *moments), lr=1.0)

    assert np.array(matrix).tolist() == [[-1.0, -2.0, -3.0]] * 5


def test_what_is_not_cupys_cannot_be_stepped_in_place() -> None:
    x = np.ones(3)
    with pytest.raises(TypeError, match="params must be a CuPy array"):
        cupy_arrays.step_inplace(x, x, radam_ref.init(x))
    with pytest.raises(ValueError, match="grads must be as many as params, 2, got 1"):
        cupy_arrays.step_inplace([x, x], [x], RAdamState(0, [x, x], [x, x]))


def why_no_device() -> str:
    """Why CuPy cannot be run here, empty if it can."""
    try:
        import cupy

        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        return f"no usable CUDA device: {type(error).__name__}: {error}"
    return "" if count > 0 else "no usable CUDA device: CuPy counts none"


NO_DEVICE = why_no_device()


@pytest.mark.skipif(bool(NO_DEVICE), reason=NO_DEVICE)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("config", CONFIGS)
def test_a_gpu_follows_numpy(dtype: str, config: RAdamConfig) -> None:
    import cupy

    arrays = descend_on(cupy, None, dtype, config)

    assert all(isinstance(array, cupy.ndarray) for array in arrays)
    for array, expected in zip(arrays, descend_on_numpy(dtype, config), strict=True):
        # The device's sqrt and division are rounded correctly; a compiler may fuse what is between.
        rtol = 64 * np.finfo(dtype).eps
        np.testing.assert_allclose(cupy.asnumpy(array), expected, rtol=rtol, atol=rtol)
