"""CuPy's step is the one step on its arrays' device; a foreign device stands in for a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import array_api_strict
import numpy as np
import pytest

import radam_ref
from radam_adapters import cupy_arrays
from radam_ref import RAdamConfig

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
