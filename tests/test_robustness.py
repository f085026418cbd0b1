"""Whatever it is called with, from wherever: a right answer or a clear error."""

from __future__ import annotations

import math
import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import radam_ref
from radam_adapters.numpy_fused import step_inplace
from radam_ref import Dialect, RAdamConfig, RAdamState, dialects

from .tiers import torch

CONFIGS = [
    RAdamConfig(lr=0.1, beta1=beta1, beta2=beta2, dialect=name)
    for name in ("paper", "pytorch", "paper-hold")
    for beta1 in (0.0, 0.9)
    for beta2 in (0.9, 0.9999)
]


def walk(config: RAdamConfig, start: int = 0, steps: int = 20) -> bytes:
    """The bits of a run."""
    x = np.linspace(-1, 1, 33)
    state = RAdamState(start, 0 * x, 0 * x)
    for _ in range(steps):
        x, state = radam_ref.step(x, 2 * x, state, config)
    return b"".join(array.tobytes() for array in (x, state.m, state.v))


# Threads and processes


def test_eight_threads_step_to_the_bits_of_one() -> None:
    """The powers and terms that are kept between steps are shared by the threads."""
    runs = [(config, start) for start in (0, 3, 10**6) for config in CONFIGS] * 2
    with ThreadPoolExecutor(8) as pool:
        many = list(pool.map(lambda run: walk(*run), runs))

    assert many == [walk(*run) for run in runs]


def walk_in_torch(seed: int) -> bytes:
    """The bits of a run of the Torch optimizer."""
    from radam_adapters.torch_optimizer import RAdam

    params = [torch.linspace(-1, 1, n).requires_grad_() for n in (1000, 33, 1)]
    optimizer = RAdam(params, lr=0.1 + seed, betas=(0.9, 0.9))
    for _ in range(20):
        for param in params:
            param.grad = 2 * param.detach()
        optimizer.step()
    return b"".join(param.detach().numpy().tobytes() for param in params)


def minimized(seed: int) -> bytes:
    start = np.linspace(-1, 1 + seed, 33)
    return radam_ref.minimize(
        lambda x: (x @ x, 2 * x), start, jac=True, lr=0.1, maxiter=50
    ).x.tobytes()


@pytest.mark.parametrize("run", [pytest.param(walk_in_torch, marks=pytest.mark.torch), minimized])
def test_eight_threads_optimize_to_the_bits_of_one(run: Any) -> None:
    """tests/adapters/test_numpy_fused.py has the same of the kernels themselves."""
    with ThreadPoolExecutor(8) as pool:
        many = list(pool.map(run, [0, 1] * 8))

    assert many == [run(0), run(1)] * 8


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # by JAX, where it is loaded already
def test_a_child_process_steps_to_the_same_bits(method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    here = [walk(config) for config in CONFIGS[:4]]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        assert list(pool.map(walk, CONFIGS[:4])) == here


@pytest.mark.slow
@pytest.mark.torch
def test_a_process_that_flushes_subnormals_steps_and_is_no_judge() -> None:
    """The smallest numbers are lost there, and nothing else; a judge would compare with them."""
    code = """
import numpy as np, torch
import radam_conformance, radam_ref
from radam_conformance.spec import LoadError
torch.set_flush_denormal(True)
assert np.float64(2.0**-1022) / 2 == 0, "this processor cannot"
x = np.asarray([1.0, 5e-324, 0.0])
state = radam_ref.init(x)
for _ in range(8):
    x, state = radam_ref.step(x, np.asarray([1.0, 5e-324, 0.0]), state)
print(np.isfinite(x).all(), x[0])
try:
    radam_conformance.check("func:radam_conformance.ports.sample:step", level="core")
except LoadError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    numbers, said = done.stdout.splitlines()
    x, state = np.asarray([1.0]), radam_ref.init(np.ones(1))
    for _ in range(8):
        x, state = radam_ref.step(x, np.asarray([1.0]), state)

    assert numbers == f"True {x[0]}"
    assert said.startswith("this process flushes subnormal numbers to zero")


# Arguments of any kind

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**20),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.lists(st.floats(), max_size=2),
    st.just(object()),
    st.sampled_from([RAdamConfig(), Dialect(), RAdamState(0, 1.0, 1.0), np.float32(0.5), math]),
    hnp.arrays(
        st.one_of(hnp.scalar_dtypes(), st.just(np.dtype(object))),
        hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=2),
        elements=None,
    ).filter(lambda array: array.dtype != object),
)
FIELDS = ("lr", "beta1", "beta2", "eps", "weight_decay", "maximize", "dialect")


def refused_clearly(call: Any, *args: Any, **kwargs: Any) -> Any:
    """What a call gives, or None where it refuses in words; any other exception is a failure."""
    try:
        with np.errstate(all="ignore"):
            return call(*args, **kwargs)
    except (TypeError, ValueError) as error:
        said = str(error)
    assert len(said) > 10
    return None


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=3))
def test_a_config_is_right_or_refused(fields: dict[str, Any]) -> None:
    """Arrays are taken unseen: under jit they have no values."""
    config = refused_clearly(RAdamConfig, **fields)
    if config is not None:
        numbers = [config.beta1, config.beta2, config.lr, config.eps]
        limits = [1, 1, math.inf, math.inf]
        pairs = zip(numbers, limits, strict=True)
        assert all(0 <= x < limit for x, limit in pairs if not isinstance(x, np.ndarray))


@given(ANYTHING, ANYTHING, ANYTHING)
def test_scalar_terms_are_right_or_refused(t: Any, beta2: Any, threshold: Any) -> None:
    r_t = refused_clearly(radam_ref.rectification, t, beta2, threshold)
    assert r_t is None or 0 < r_t <= 1
    length, longest = (
        refused_clearly(function, *args)
        for function, args in ((radam_ref.rho, (t, beta2)), (radam_ref.rho_inf, (beta2,)))
    )
    assert length is None or 1 <= length <= longest


@given(st.lists(st.none() | ANYTHING, min_size=6, max_size=6), st.integers(0, 63))
@settings(max_examples=300)
def test_a_step_is_right_or_refused(drawn: list[Any], which: int) -> None:
    """Some arguments are sound, the others anything."""
    x = np.ones(2)
    sound = [x, x, 4, np.zeros(2), np.zeros(2), 0.5]
    pairs = zip(drawn, sound, strict=True)
    p, g, t, m, v, lr = (d if which >> k & 1 else s for k, (d, s) in enumerate(pairs))
    got = refused_clearly(radam_ref.step, p, g, RAdamState(t, m, v), lr=lr)
    if got is not None:
        new, state = got
        assert (new.shape, new.dtype) == (np.shape(p), p.dtype)
        assert state.t == t + 1
        if which == 0:
            assert np.isfinite(new).all()


@given(st.lists(st.none() | ANYTHING, min_size=6, max_size=6), st.integers(0, 63))
def test_steps_of_other_kinds_are_right_or_refused(drawn: list[Any], which: int) -> None:
    """Of a list, in place; nothing moves where an argument is refused."""
    sound = [np.ones(2), np.ones(2), 4, np.zeros(2), np.zeros(2), 0.5]
    pairs = zip(drawn, sound, strict=True)
    p, g, t, m, v, lr = (d if which >> k & 1 else s for k, (d, s) in enumerate(pairs))
    many = refused_clearly(radam_ref.step_many, [p], [g], RAdamState(t, [m], [v]), lr=lr)
    assert many is None or many[0][0].shape == np.shape(p)
    if many is not None and which == 0:
        assert np.array_equal(many[0][0], radam_ref.step(p, g, RAdamState(t, m, v), lr=lr)[0])
    if refused_clearly(step_inplace, p, g, RAdamState(t, m, v), RAdamConfig(), lr=lr) is None:
        assert [array.sum() for array in (sound[0], sound[3], sound[4])] == [2, 0, 0]


@given(st.lists(ANYTHING, min_size=3, max_size=3), st.sampled_from(["fun", "lr", "check_every"]))
def test_a_stepper_and_a_file_are_right_or_refused(drawn: list[Any], name: str) -> None:
    x, state, config = drawn
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        refused_clearly(radam_ref.save_state, path, x, state, RAdamConfig())
        refused_clearly(radam_ref.save_state, path, np.ones(1), RAdamState(*drawn), config)
        assert not path.exists() or radam_ref.load_state(path)
    how = {"fun": lambda x: (x @ x, 2 * x), "lr": 0.1, "check_every": 1} | {name: x}
    made = refused_clearly(radam_ref.Stepper, how.pop("fun"), np.ones(2), jac=True, **how)
    if made is not None and name != "fun":
        refused_clearly(made.step)


@given(ANYTHING)
def test_what_is_no_run_is_refused(thing: Any) -> None:
    refused_clearly(radam_ref.init, thing)
    refused_clearly(radam_ref.minimize, thing, 1.0, lr=0.1, maxiter=1)
    refused_clearly(radam_ref.minimize, lambda x: (x @ x, 2 * x), thing, jac=True, lr=1, maxiter=1)
    assert refused_clearly(dialects.get, thing, None) is None or thing in dialects
