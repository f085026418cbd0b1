"""One `step` for every namespace: array-api-strict's versions and devices, Torch, JAX, Dask."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import array_api_strict
import numpy as np
import pytest
from array_api_compat import array_namespace, device
from array_api_strict._flags import supported_versions

from radam_ref import Dialect, RAdamConfig, init, load_state, save_state, step

from ..tiers import dask_array, jax, jnp, marked, torch

Array = Any

DEVICES = ("CPU_DEVICE", "device1", "device2", "no_float64", "no_x64")
CONFIGS = {
    "paper": RAdamConfig(0.1, eps=1e-3, weight_decay=0.1),
    "hold": RAdamConfig(0.1, eps=0.0, weight_decay=0.1, dialect="paper-hold"),
    "pytorch": RAdamConfig(0.1, weight_decay=0.1, maximize=True, dialect="pytorch"),
    "nesterov": RAdamConfig(0.1, dialect=Dialect(nesterov=True, eps_root=1e-3)),
}


def gradients(dtype: str, shape: tuple[int, ...] = (2, 3)) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(0)
    g = rng.standard_normal((9, *shape))
    return (g + 1j * rng.standard_normal(g.shape) if "complex" in dtype else g).astype(dtype)


def run(x: Array, grads: Any, config: RAdamConfig, t: Any = 0, lr: Any = None) -> Any:
    state = init(x)._replace(t=t)
    for g in grads:
        x, state = step(x, g, state, config, lr=lr)
    return x, state


@pytest.fixture(params=supported_versions)
def version(request: pytest.FixtureRequest) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The 2021.12 version")  # strict answers with 2022.12
        flags = array_api_strict.ArrayAPIStrictFlags(api_version=request.param)
        with flags:
            yield request.param


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("place", DEVICES)
def test_strict_in_every_version_on_every_device(version: str, place: str, name: str) -> None:
    """The bits of NumPy, which strict wraps; namespace, dtype, device and shape are kept."""
    where = array_api_strict.Device(place)
    for dtype in ("float32", "complex64", "float64", "complex128"):
        if place in ("no_float64", "no_x64") and dtype in ("float64", "complex128"):
            continue
        grads = gradients(dtype)
        strict = [array_api_strict.asarray(g, device=where) for g in grads]
        x, state = run(strict[0], strict, CONFIGS[name])
        plain, plain_state = run(grads[0], grads, CONFIGS[name])
        assert (x.dtype, x.shape, x.device) == (strict[0].dtype, (2, 3), where)
        assert (state.m.device, state.v.device, state.t) == (where, where, 9)
        at_home = array_api_strict.Device("CPU_DEVICE")
        assert np.array_equal(np.asarray(x.to_device(at_home)), plain)
        assert np.array_equal(np.asarray(state.v.to_device(at_home)), plain_state.v)


@pytest.mark.parametrize("place", DEVICES)
def test_strict_with_t_on_the_device(version: str, place: str) -> None:
    where = array_api_strict.Device(place)
    grads = gradients("float32")
    strict = [array_api_strict.asarray(g, device=where) for g in grads]
    t = array_api_strict.asarray(0, device=where)
    x, state = run(strict[0], strict, CONFIGS["paper"], t)
    plain, _ = run(grads[0], grads, CONFIGS["paper"])
    assert (int(state.t), state.t.device, state.t.dtype) == (9, where, t.dtype)
    moved = np.asarray(x.to_device(array_api_strict.Device("CPU_DEVICE")))
    np.testing.assert_allclose(moved, plain, rtol=0, atol=1e-6)


@pytest.mark.parametrize("place", DEVICES)
def test_strict_state_files(version: str, place: str, tmp_path: Any) -> None:
    where = array_api_strict.Device(place)
    x = array_api_strict.asarray(gradients("float32")[0], device=where)
    save_state(tmp_path / "run", x, init(x), RAdamConfig())
    back, state, _ = load_state(tmp_path / "run", array_api_strict, where)
    assert (back.device, state.m.device) == (where, where)
    assert bool(array_api_strict.all(back == x))


SHAPES = {
    "0-d": lambda a: a.reshape(-1)[0].reshape(()),
    "empty": lambda a: a[:0],
    "strided": lambda a: a[::2, ::-1],
    "transposed": lambda a: a.T,
    "broadcast": lambda a: np.broadcast_to(a[0], (4, 6)),
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("shape", SHAPES)
def test_numpy_arrays_of_any_form(shape: str, dtype: str, name: str) -> None:
    """0-d arrays stay arrays; a view gives the bits of its copy."""
    grads = [SHAPES[shape](g) for g in gradients(dtype, (4, 6))]
    x, state = run(grads[0], grads, CONFIGS[name])
    copy, copy_state = run(grads[0].copy(), [g.copy() for g in grads], CONFIGS[name])
    for got, expected in zip((x, *state[1:]), (copy, *copy_state[1:]), strict=True):
        assert isinstance(got, np.ndarray)
        assert got.shape == grads[0].shape
        assert np.array_equal(got, expected)
    assert x.dtype == dtype


@pytest.mark.parametrize("xp", marked(torch, jnp))
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "complex64"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_torch_and_jax_keep_their_arrays(xp: Any, dtype: str, shape: tuple[int, ...]) -> None:
    x = xp.ones(shape, dtype=getattr(xp, dtype))
    for config in CONFIGS.values():
        moved, state = run(x, [x] * 7, config)
        assert type(moved) is type(x)
        assert (moved.dtype, moved.shape, device(moved)) == (x.dtype, x.shape, device(x))
        assert (state.m.shape, state.v.shape) == (x.shape, x.shape)
        assert device(state.m) == device(state.v) == device(x)


@pytest.mark.torch
def test_torch_tensors_that_ask_for_gradients() -> None:
    """The step is plain arithmetic: a gradient flows through it, to lr as well."""
    x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    lr = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    moved, _ = step(x, torch.ones_like(x), init(x), RAdamConfig(), lr=lr)
    moved.sum().backward()
    assert torch.equal(x.grad, torch.ones_like(x))
    torch.testing.assert_close(lr.grad, torch.tensor(-3.0, dtype=torch.float64))


@pytest.mark.jax
@pytest.mark.parametrize("name", CONFIGS)
def test_jax_under_jit_and_vmap(name: str) -> None:
    grads = gradients("float32", (4, 5))
    plain, plain_state = run(grads[0], grads, CONFIGS[name])

    @jax.jit
    @jax.vmap
    def lanes(x: Any, g: Any) -> Any:
        return run(x, g, CONFIGS[name], jnp.asarray(0))

    x, state = lanes(jnp.asarray(grads[0]), jnp.asarray(grads.swapaxes(0, 1)))
    assert state.t.tolist() == [9] * 4
    np.testing.assert_allclose(x, plain, rtol=0, atol=2e-6)
    np.testing.assert_allclose(state.v, plain_state.v, rtol=2e-6)


@pytest.mark.dask
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("name", CONFIGS)
def test_dask_stays_lazy_and_has_the_bits_of_numpy(name: str, dtype: str) -> None:
    grads = gradients(dtype, (6, 4))
    lazy = [dask_array.from_array(g, chunks=(4, 3)) for g in grads]
    x, state = run(lazy[0], lazy, CONFIGS[name])
    plain, plain_state = run(grads[0], grads, CONFIGS[name])
    for got, expected in zip((x, *state[1:]), (plain, *plain_state[1:]), strict=True):
        assert isinstance(got, dask_array.Array)
        assert (got.chunks, got.dtype) == (lazy[0].chunks, expected.dtype)
        assert np.array_equal(got.compute(), expected)


LR_SHAPES = ((), (1,), (3,), (2, 1), (2, 3))


@pytest.mark.parametrize(
    ("xp", "dtype", "shape"),
    marked(
        *((np, dtype, s) for dtype in ("float16", "float32", "complex64") for s in LR_SHAPES),
        *((xp, "float32", s) for xp in (array_api_strict, torch, jnp) for s in LR_SHAPES),
        (dask_array, "float32", (2, 1)),
    ),
)
@pytest.mark.parametrize("name", CONFIGS)
def test_lr_arrays_of_equal_values_equal_the_number(
    xp: Any, dtype: str, shape: tuple[int, ...], name: str
) -> None:
    """In bits without decay; with it lr*wd is rounded in the dtype, where the number's is exact."""
    config = CONFIGS[name]
    grads = [xp.asarray(g) for g in gradients(dtype)]
    lr = xp.asarray(np.full(shape, 0.1, np.float32))
    by_array, _ = run(grads[0], grads, config, lr=lr)
    by_number, _ = run(grads[0], grads, config, lr=float(np.float32(0.1)))
    assert (by_array.dtype, tuple(by_array.shape)) == (grads[0].dtype, (2, 3))
    assert array_namespace(by_array) is array_namespace(grads[0])
    got, expected = (np.asarray(x) for x in (by_array, by_number))
    if config.weight_decay and config.axes.weight_decay == "decoupled":
        np.testing.assert_allclose(got, expected, rtol=0, atol=4e-3 if dtype == "float16" else 2e-6)
    else:
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_small_decay_is_not_lost_beside_an_lr_array(dtype: str) -> None:
    """1 - wd is 1 in the dtype, 1 - lr*wd is not."""
    x = np.ones(2, dtype)
    config = RAdamConfig(1024.0, weight_decay=float(np.finfo(dtype).eps) / 8)
    lr = np.full(2, 1024.0, dtype)
    by_number, _ = step(x, x * 0, init(x), config)
    by_array, _ = step(x, x * 0, init(x), config, lr=lr)
    assert np.all(by_number < 1)
    assert np.array_equal(by_array, by_number)
