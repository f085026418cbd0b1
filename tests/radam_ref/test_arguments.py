"""S7: a wrong argument is named, with what it was and what is allowed; inputs stay as they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import array_api_strict
import numpy as np
import pytest

from radam_ref import (
    Dialect,
    RAdamConfig,
    RAdamState,
    dialects,
    init,
    rectification,
    rho,
    rho_inf,
    save_state,
    step,
)

from ..tiers import jnp, torch

X = np.ones((2, 3))
STATE = init(X)
STRICT = array_api_strict.asarray(X)
ELSEWHERE = array_api_strict.asarray(X, device=array_api_strict.Device("device1"))


def fails(call: Callable[[], Any], error: type[Exception], *parts: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert caught.type is error
    message = str(caught.value)
    assert message.startswith(parts[0])
    assert all(part in message for part in parts), message


NUMBERS = [
    ("0.5", TypeError, "'0.5' of type str"),
    (None, TypeError, "None of type NoneType"),
    (True, TypeError, "True of type bool"),
    (1j, TypeError, "1j of type complex"),
    (np.ones(2), TypeError, "of type ndarray"),
    (-0.25, ValueError, "-0.25"),
    (math.nan, ValueError, "nan"),
    (math.inf, ValueError, "inf"),
    (10**400, ValueError, "1000000"),
]


@pytest.mark.parametrize(("value", "error", "shown"), NUMBERS)
@pytest.mark.parametrize("name", ["lr", "beta1", "beta2", "eps", "weight_decay"])
def test_hyper_parameters(name: str, value: Any, error: type[Exception], shown: str) -> None:
    allowed = "[0, 1)" if name.startswith("beta") else "[0, inf)"
    fails(lambda: RAdamConfig(**{name: value}), error, name, allowed, shown)


@pytest.mark.parametrize("name", ["beta1", "beta2"])
def test_betas_lie_below_one(name: str) -> None:
    fails(lambda: RAdamConfig(**{name: 1.0}), ValueError, name, "[0, 1)", "1.0")
    assert getattr(RAdamConfig(**{name: np.float32(0.5)}), name) == 0.5
    assert getattr(RAdamConfig(**{name: 0}), name) == 0.0


def test_the_other_fields_of_a_config() -> None:
    fails(lambda: RAdamConfig(maximize=1), TypeError, "maximize", "True or False", "got 1")
    fails(lambda: RAdamConfig(dialect=3), TypeError, "dialect", "a name or a Dialect", "got 3")
    fails(lambda: RAdamConfig(dialect="adam"), ValueError, "dialect", "'paper'", "'adam'")


@pytest.mark.parametrize(("value", "error", "shown"), NUMBERS)
@pytest.mark.parametrize(("name", "allowed"), [("threshold", "[4, inf)"), ("eps_root", "[0, inf)")])
def test_the_numbers_of_a_dialect(
    name: str, allowed: str, value: Any, error: type[Exception], shown: str
) -> None:
    fails(lambda: Dialect(**{name: value}), error, name, allowed, shown)


@pytest.mark.parametrize(
    ("axis", "allowed"),
    [
        ("eps_placement", "'before_correction'"),
        ("unrectified", "'hold'"),
        ("weight_decay", "'absolute'"),
        ("nesterov", "(False, True)"),
        ("complex", "'componentwise'"),
    ],
)
@pytest.mark.parametrize("value", ["sideways", None, 3])
def test_the_choices_of_a_dialect(axis: str, allowed: str, value: Any) -> None:
    fails(lambda: Dialect(**{axis: value}), ValueError, axis, allowed, repr(value))


@pytest.mark.parametrize("function", [rho, rectification])
def test_step_numbers(function: Callable[..., Any]) -> None:
    for t in (0, -3):
        fails(lambda t=t: function(t, 0.9), ValueError, "t must", "int of at least 1", repr(t))
    for t in (True, 1.0, "1", None):
        fails(lambda t=t: function(t, 0.9), TypeError, "t must", "int of at least 1", repr(t))


@pytest.mark.parametrize(("value", "error", "shown"), [*NUMBERS, (1.0, ValueError, "1.0")])
def test_beta2_of_the_scalar_functions(value: Any, error: type[Exception], shown: str) -> None:
    for call in (lambda: rho_inf(value), lambda: rho(3, value), lambda: rectification(3, value)):
        fails(call, error, "beta2", "[0, 1)", shown)


@pytest.mark.parametrize("threshold", [3.9999, 0.0, math.nan])
def test_threshold_below_four(threshold: float) -> None:
    call = partial(rectification, 9, 0.9, threshold)
    fails(call, ValueError, "threshold", "[4, inf)", repr(threshold))


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        ([1.0, 2.0], "[1.0, 2.0] of type list"),
        (1.5, "1.5 of type float"),
        (None, "None of type NoneType"),
        (np.ones(2, np.int64), "int64"),
        (np.ones(2, bool), "bool"),
        (np.ones(2, np.longdouble), np.dtype(np.longdouble).name),
        (np.ones(2, object), "object"),
        (np.ones(2, "U1"), "U1"),
        (STRICT > 0, "bool"),
    ],
)
def test_params(params: Any, shown: str) -> None:
    fails(lambda: init(params), TypeError, "params must", shown)
    fails(lambda: step(params, params, STATE), TypeError, "params must", shown)


@pytest.mark.torch
def test_params_of_torch() -> None:
    params = torch.ones(2, dtype=torch.int32)
    fails(lambda: init(params), TypeError, "params must", "int32")


@pytest.mark.jax
def test_params_of_jax() -> None:
    params = jnp.ones(2, jnp.int8)
    fails(lambda: init(params), TypeError, "params must", "int8")


@pytest.mark.parametrize(
    ("grads", "error", "parts"),
    [
        (None, TypeError, ("numpy", "NoneType")),
        ([[1.0] * 3] * 2, TypeError, ("numpy", "list")),
        (1.0, TypeError, ("numpy", "float")),
        (STRICT, TypeError, ("numpy", "array_api_strict")),
        (X[:1], ValueError, ("(2, 3)", "(1, 3)")),
        (X[0], ValueError, ("(2, 3)", "(3,)")),
        (np.asarray(1.0), ValueError, ("(2, 3)", "()")),
        (X.astype("float32"), TypeError, ("float64", "float32")),
        (X.astype("int64"), TypeError, ("float64", "int64")),
        (X + 0j, TypeError, ("float64", "complex128")),
    ],
)
def test_grads(grads: Any, error: type[Exception], parts: tuple[str, ...]) -> None:
    fails(lambda: step(X, grads, STATE), error, "grads must", *parts)


def test_grads_on_another_device() -> None:
    call = partial(step, STRICT, ELSEWHERE, init(STRICT))
    fails(call, ValueError, "grads must be on the device of params", "CPU_DEVICE", "device1")


@pytest.mark.torch
def test_grads_on_another_device_in_torch() -> None:
    meta = torch.ones(2, device="meta")
    call = partial(step, torch.ones(2), meta, init(torch.ones(2)))
    fails(call, ValueError, "grads must be on the device of params", "cpu", "meta")


@pytest.mark.parametrize(
    ("state", "error", "parts"),
    [
        (None, TypeError, ("state must be a RAdamState", "None")),
        ((0, X, X), TypeError, ("state must be a RAdamState", "(0, array")),
        (STATE._replace(m=None), TypeError, ("state.m must", "NoneType")),
        (STATE._replace(m=X[0]), ValueError, ("state.m must", "(2, 3)", "(3,)")),
        (STATE._replace(v=X.astype("f4")), TypeError, ("state.v must", "float64", "float32")),
        (STATE._replace(v=X + 0j), TypeError, ("state.v must", "float64", "complex128")),
        (STATE._replace(m=STRICT), TypeError, ("state.m must", "numpy", "array_api_strict")),
        (STATE._replace(t=-1), ValueError, ("state.t must", "at least 0", "-1")),
        (STATE._replace(t=True), TypeError, ("state.t must", "0-d integer array", "True")),
        (STATE._replace(t=3.0), TypeError, ("state.t must", "0-d integer array", "3.0")),
        (STATE._replace(t=None), TypeError, ("state.t must", "0-d integer array", "None")),
        (STATE._replace(t=np.asarray([1])), TypeError, ("state.t must", "0-d", "(1,)")),
        (STATE._replace(t=np.asarray(1.0)), TypeError, ("state.t must", "integer", "float64")),
    ],
)
def test_state(state: Any, error: type[Exception], parts: tuple[str, ...]) -> None:
    fails(lambda: step(X, X, state), error, *parts)


def test_state_on_another_device() -> None:
    state = init(STRICT)
    t = array_api_strict.asarray(1, device=array_api_strict.Device("device1"))
    for name, value in (("m", ELSEWHERE), ("v", ELSEWHERE), ("t", t)):
        call = partial(step, STRICT, STRICT, state._replace(**{name: value}))
        fails(call, ValueError, f"state.{name} must be on the device of params", "device1")


def test_config_of_another_type() -> None:
    call = partial(step, X, X, STATE, {"lr": 1.0})
    fails(call, TypeError, "config must be a RAdamConfig", "{'lr': 1.0}")


def test_the_floor_is_known_to_the_judge_alone() -> None:
    call = partial(step, X, X, STATE, RAdamConfig(dialect="proxmin"))
    fails(call, ValueError, "eps_placement", "after_correction or before_correction", "'floor'")
    assert dialects["proxmin"].eps_placement == "floor"


@pytest.mark.parametrize(
    ("lr", "error", "parts"),
    [
        *((value, error, ("[0, inf)", shown)) for value, error, shown in NUMBERS[2:4]),
        *((value, error, ("[0, inf)", shown)) for value, error, shown in NUMBERS[5:]),
        ("0.5", TypeError, ("[0, inf)", "'0.5' of type str")),
        ([0.5], TypeError, ("[0, inf)", "[0.5] of type list")),
        (np.ones(3, int), TypeError, ("a number or a real floating array", "int64")),
        (np.ones(3) + 0j, TypeError, ("a number or a real floating array", "complex128")),
        (np.ones(2), ValueError, ("must broadcast to the shape of params", "(2, 3)", "(2,)")),
        (np.ones((4, 2, 3)), ValueError, ("must broadcast", "(2, 3)", "(4, 2, 3)")),
    ],
)
def test_lr(lr: Any, error: type[Exception], parts: tuple[str, ...]) -> None:
    fails(lambda: step(X, X, STATE, lr=lr), error, "lr must", *parts)


@pytest.mark.torch
def test_arrays_of_another_namespace() -> None:
    other = torch.ones(2, 3, dtype=torch.float64)
    counted = STATE._replace(t=torch.asarray(1))
    fails(lambda: step(X, other, STATE), TypeError, "grads must", "numpy", "torch.Tensor")
    fails(lambda: step(X, X, counted), TypeError, "state.t must", "numpy", "Tensor")
    fails(lambda: step(X, X, STATE, lr=other), TypeError, "lr must be a number or a real", "Tensor")


def test_lr_on_another_device() -> None:
    call = partial(step, STRICT, STRICT, init(STRICT), lr=ELSEWHERE)
    fails(call, ValueError, "lr must be on the device of params", "CPU_DEVICE", "device1")


def test_what_save_state_takes(tmp_path: Any) -> None:
    path, config = tmp_path / "run", RAdamConfig()
    fails(lambda: save_state(path, X, (0, X, X), config), TypeError, "state must", "(0, array")
    fails(lambda: save_state(path, X, STATE, None), TypeError, "config must", "None")
    call = partial(save_state, path, X.astype(int), STATE, config)
    fails(call, TypeError, "params must", "float32", "int64")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("name", sorted(set(dialects) - {"proxmin"}))
def test_inputs_are_never_written_to(name: str, dtype: str) -> None:
    config = RAdamConfig(0.1, weight_decay=0.1, maximize=True, dialect=name)
    x = np.linspace(-1, 1, 6).astype(dtype)
    g, lr = x[::-1].copy(), np.full(6, 0.1)
    state = init(x)
    for _ in range(7):
        for array in (x, g, lr, state.m, state.v):
            array.flags.writeable = False
        before = [array.copy() for array in (x, g, lr, state.m, state.v)]
        moved, after = step(x, g, state, config, lr=lr)
        assert all(map(np.array_equal, before, (x, g, lr, state.m, state.v)))
        results = (moved, after.m, after.v)
        assert not any(np.may_share_memory(a, b) for a in results for b in (x, g, *state[1:]))
        x, state = moved, after


@pytest.mark.torch
def test_tensors_are_never_written_to() -> None:
    x = torch.ones(3)
    state = RAdamState(6, torch.ones(3), torch.ones(3))
    versions = [tensor._version for tensor in (x, *state[1:])]
    step(x, x, state, RAdamConfig(weight_decay=0.1, dialect="pytorch"))
    assert versions == [tensor._version for tensor in (x, *state[1:])]
