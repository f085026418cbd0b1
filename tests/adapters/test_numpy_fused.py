"""`step_inplace` has the bits of `radam_ref.step`, with numba and without, and writes to three."""

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radam_adapters import _numba_loops, _numpy_blocks, _threads
from radam_adapters._traced_formula import trace
from radam_adapters.numpy_fused import step_inplace
from radam_ref import Dialect, RAdamConfig, RAdamState, coefficients, dialects, init, step

Array = np.ndarray[Any, Any]

PAPER = RAdamConfig(1.0)
DECAY = RAdamConfig(0.5, weight_decay=0.1)
TORCH = RAdamConfig(0.5, weight_decay=0.1, dialect="pytorch")
TORCH_DECOUPLED = replace(TORCH, dialect=replace(dialects["pytorch"], weight_decay="decoupled"))
EPS_ZERO = RAdamConfig(1.0, eps=0.0, maximize=True, dialect=Dialect(unrectified="hold"))
NADAM = RAdamConfig(1.0, dialect=Dialect(nesterov=True, eps_root=1e-3, weight_decay="absolute"))


@pytest.fixture(params=["numba", "blocks"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(_numba_loops, "has_numba", lambda: request.param == "numba")
    return str(request.param)


def gradients(shape: Any, dtype: str, steps: int, seed: int = 1) -> list[Array]:
    """Of many magnitudes, down to squares that underflow, with zeros."""
    rng = np.random.default_rng(seed)

    def real() -> Array:
        g = rng.standard_normal(shape) * 10.0 ** rng.uniform(-4, 3, shape)
        return np.where(rng.random(shape) < 0.1, 0, np.where(rng.random(shape) < 0.1, 1e-24, g))

    is_complex = np.dtype(dtype).kind == "c"
    return [(real() + 1j * real() if is_complex else real()).astype(dtype) for _ in range(steps)]


def assert_same_bits(got: Any, expected: Any, what: str) -> None:
    got, expected = np.asarray(got), np.asarray(expected)
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape), what
    assert got.tobytes() == expected.tobytes(), what


def assert_follows(
    x: Array, grads: Sequence[Array], config: RAdamConfig, lrs: Sequence[Any] = (None,)
) -> None:
    """x, moved in place by the gradients, is at each step what `step` makes of a copy of it."""
    fused = RAdamState(0, *(np.zeros_like(x, dtype=z.dtype) for z in init(x)[1:]))
    plain, state = x.copy(), init(x)
    for t, g in enumerate(grads, 1):
        lr = lrs[t % len(lrs)]
        with np.errstate(all="ignore"):
            plain, state = step(plain, g, state, config, lr=lr)
        fused = step_inplace(x, g, fused, config, lr=lr)
        assert fused.t == state.t == t
        for name, a, b in (("params", x, plain), ("m", fused.m, state.m), ("v", fused.v, state.v)):
            assert_same_bits(a, b, f"{name} at step {t}")


@pytest.mark.parametrize(
    ("dtype", "config"),
    [
        ("float32", PAPER),
        ("float64", TORCH),
        ("float64", EPS_ZERO),
        ("float32", NADAM),
        ("complex64", DECAY),
        ("complex128", replace(PAPER, dialect=Dialect(complex="componentwise"))),
        ("float16", replace(PAPER, lr=0.01)),
    ],
)
def test_it_has_the_bits_of_the_step(way: str, dtype: str, config: RAdamConfig) -> None:
    """From x0 = 0 with a large lr, so that nothing hides; 67 is no multiple of a vector."""
    assert_follows(np.zeros(67, dtype), gradients(67, dtype, 20), config)


def test_an_lr_that_changes_is_that_of_the_step(way: str) -> None:
    assert_follows(np.zeros(67, "f"), gradients(67, "f", 30), DECAY, lrs=[0.5, 1, np.float32(0.1)])


def test_an_lr_may_be_an_array(way: str) -> None:
    rows, single = np.linspace(0, 1, 15).reshape(3, 1, 5), np.asarray(0.25)
    assert_follows(np.zeros((3, 4, 5), "f"), gradients((3, 4, 5), "f", 9), DECAY, [rows, single])


def test_an_lr_for_each_complex_number_is_that_of_both_parts(way: str) -> None:
    config = replace(PAPER, dialect=Dialect(complex="componentwise"))
    lr = np.linspace(0, 1, 5)
    assert_follows(np.zeros((3, 5), "D"), gradients((3, 5), "D", 8), config, [lr])


def laid_out(shape: tuple[int, ...], dtype: str, layout: str) -> Array:
    """A writeable array of zeros that is laid out so."""
    if layout == "transposed":
        return np.zeros(shape[::-1], dtype).T
    if layout == "unaligned":
        itemsize = np.dtype(dtype).itemsize
        size = int(np.prod(shape)) * itemsize
        return np.zeros(size + 1, "u1")[1:].view(dtype).reshape(shape)
    if layout == "every other":
        return np.zeros([2 * n for n in shape], dtype)[
            (..., *(slice(None, None, 2) for _ in shape))
        ]
    if layout == "backwards":
        return np.zeros(shape, dtype)[(..., *(slice(None, None, -1) for _ in shape))]
    return np.zeros(shape, dtype)


LAYOUTS = st.sampled_from(["straight", "transposed", "unaligned", "every other", "backwards"])
DTYPES = st.sampled_from(["float32", "float64", "complex64", "complex128", "float16"])
DIALECTS = st.builds(
    Dialect,
    threshold=st.sampled_from([4.0, 5.0]),
    eps_placement=st.sampled_from(["after_correction", "before_correction"]),
    eps_root=st.sampled_from([0.0, 1e-3]),
    unrectified=st.sampled_from(["momentum", "hold"]),
    weight_decay=st.sampled_from(["decoupled", "coupled", "absolute"]),
    nesterov=st.booleans(),
    complex=st.sampled_from(["modulus", "componentwise"]),
)
CONFIGS = st.builds(
    RAdamConfig,
    lr=st.sampled_from([0.0, 1e-3, 1.0]),
    beta1=st.sampled_from([0.0, 0.9]),
    beta2=st.sampled_from([0.5, 0.99, 0.999]),
    eps=st.sampled_from([0.0, 1e-40, 1e-8]),
    weight_decay=st.sampled_from([0.0, 0.1]),
    maximize=st.booleans(),
    dialect=DIALECTS,
)


def follows_laid_out(
    shape: list[int], dtype: str, layouts: list[str], t: int, config: RAdamConfig, seed: int
) -> None:
    (g,) = gradients(tuple(shape), dtype, 1, seed)
    before = init(np.zeros(tuple(shape), dtype))
    given = [np.zeros_like(g), g, before.m, before.v]
    arrays = [laid_out(a.shape, a.dtype, k) for a, k in zip(given, layouts, strict=True)]
    for array, value in zip(arrays, given, strict=True):
        array[...] = value
    x, g, m, v = arrays
    with np.errstate(all="ignore"):
        expected, state = step(x.copy(), g.copy(), RAdamState(t, m.copy(), v.copy()), config)
    after = step_inplace(x, g, RAdamState(t, m, v), config)
    assert after.m is m
    assert after.v is v or v.dtype != state.v.dtype
    for name, a, b in zip("xmv", (x, after.m, after.v), (expected, state.m, state.v), strict=True):
        assert_same_bits(a, b, name)


SHAPES = st.lists(st.integers(0, 4), max_size=3)
FOUR_LAYOUTS = st.lists(LAYOUTS, min_size=4, max_size=4) | LAYOUTS.map(lambda layout: [layout] * 4)
SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=150, deadline=None)
@given(st.tuples(SHAPES, DTYPES, FOUR_LAYOUTS, st.integers(0, 2000), CONFIGS, SEEDS))
def test_any_dialect_and_any_layout_in_blocks(drawn: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_numba_loops, "has_numba", lambda: False)
        follows_laid_out(*drawn)


@settings(max_examples=60, deadline=None)
@given(st.tuples(SHAPES, st.just("f"), FOUR_LAYOUTS, st.integers(0, 9), st.just(PAPER), SEEDS))
def test_any_layout_with_numba(drawn: Any) -> None:
    follows_laid_out(*drawn)


def many(sizes: Sequence[int], dtypes: Sequence[str]) -> tuple[list[Array], list[Array]]:
    pairs = list(zip(sizes, dtypes, strict=True))
    grads = [gradients(n, dtype, 1, seed=n)[0] for n, dtype in pairs]
    return [np.zeros_like(g) for g in grads], grads


def test_a_list_is_stepped_as_its_arrays_are(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is shared out to threads: numbers and an array for lr, reals and complex."""
    monkeypatch.setattr(_threads, "ALONE", 10_000)
    monkeypatch.setattr(_threads, "processors", lambda: 3)
    xs, gs = many([300_000, 7, 0, 40_000, 1], ["float32", "float32", "float32", "complex64", "f"])
    lrs = [0.1, None, 0.5, 2, np.asarray([0.25])]
    states = [init(x) for x in xs]
    expected = [(x, s) for x, s in zip(xs, states, strict=True)]
    state = RAdamState(0, [init(x).m for x in xs], [init(x).v for x in xs])
    for _ in range(7):
        with np.errstate(all="ignore"):
            expected = [
                step(x, g, s, DECAY, lr=lr) for (x, s), g, lr in zip(expected, gs, lrs, strict=True)
            ]
        state = step_inplace(xs, gs, state, DECAY, lr=lrs)
    assert state.t == 7
    for k, (x, each) in enumerate(expected):
        for a, b in ((xs[k], x), (state.m[k], each.m), (state.v[k], each.v)):
            assert_same_bits(a, b, f"array {k}")


def test_a_list_of_componentwise_complex_numbers_gets_a_complex_v() -> None:
    config = replace(PAPER, dialect=Dialect(complex="componentwise"))
    xs, gs = many([3, 4], ["complex128", "float64"])
    state = RAdamState(0, [init(x).m for x in xs], [init(x).v for x in xs])
    after = step_inplace(xs, gs, state, config)

    assert [v.dtype for v in after.v] == ["complex128", "float64"]
    assert after.v[1] is state.v[1]


def arguments(**changed: Any) -> dict[str, Any]:
    x = np.ones(4)
    return {"params": x, "grads": x.copy(), "state": init(x), "config": PAPER, **changed}


def read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array


X, Z = np.ones(4), np.zeros(4)
WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"params": read_only(np.ones(4))}, ValueError, "params must be writeable"),
    (
        {"state": RAdamState(0, np.zeros(4), read_only(np.zeros(4)))},
        ValueError,
        r"state\.v must be w",
    ),
    ({"state": RAdamState(0, Z, Z)}, ValueError, r"state\.v must not share memory with state\.m"),
    (
        {"params": X, "state": RAdamState(0, X[:], Z)},
        ValueError,
        "must not share memory with params",
    ),
    ({"params": [1.0]}, TypeError, "grads must be a list, as params is, got ndarray"),
    ({"params": np.ones(4, int)}, TypeError, "params must have one of the dtypes .*got int64"),
    ({"params": np.ones(4, ">f8")}, TypeError, "params must have one of the dtypes .*got >f8"),
    ({"params": 1.0}, TypeError, "params must be an array, got 1.0"),
    ({"params": np.ma.ones(4)}, TypeError, "params must be a NumPy array, got masked_array"),
    ({"grads": np.ones(3)}, ValueError, r"grads must have the shape of params, \(4,\), got \(3,\)"),
    ({"grads": np.ones(4, "f")}, TypeError, "grads must have the dtype float64, got float32"),
    ({"state": RAdamState(0, Z, np.zeros(4, "f"))}, TypeError, r"state\.v must have the dtype"),
    ({"state": (0, Z, np.zeros(4))}, TypeError, "state must be a RAdamState"),
    ({"state": RAdamState(-1, Z, np.zeros(4))}, ValueError, r"state\.t must be at least 0, got -1"),
    (
        {"state": RAdamState(np.asarray(3), Z, np.zeros(4))},
        TypeError,
        r"state\.t must be an int, got array",
    ),
    ({"config": "paper"}, TypeError, "config must be a RAdamConfig, got 'paper'"),
    ({"config": RAdamConfig(dialect="proxmin")}, ValueError, "eps_placement must be .* 'floor'"),
    ({"config": RAdamConfig(beta2=np.asarray(0.5))}, TypeError, "config must be of numbers"),
    ({"lr": -1.0}, ValueError, "lr must be a real number"),
    ({"lr": "fast"}, TypeError, "lr must be a real number"),
    ({"lr": np.ones(3)}, ValueError, "lr must broadcast to the shape of params"),
    ({"lr": np.ones(4, int)}, TypeError, "lr must be a number or a real floating array"),
]


@pytest.mark.parametrize(("changed", "error", "message"), WRONG)
def test_what_does_not_fit_is_refused_by_name_and_nothing_moves(
    changed: dict[str, Any], error: type[Exception], message: str
) -> None:
    given = arguments(**changed)
    before = np.array(given["params"])
    with pytest.raises(error, match=message):
        step_inplace(**given)
    assert np.array_equal(given["params"], before)


def test_a_list_is_refused_before_any_of_it_moves() -> None:
    xs = [np.ones(3), np.ones(3)]
    zeros = [np.zeros(3) for _ in range(4)]
    state = RAdamState(0, zeros[:2], zeros[2:])
    with pytest.raises(ValueError, match="grads must have the shape of params"):
        step_inplace(xs, [np.ones(3), np.ones(4)], state)
    with pytest.raises(ValueError, match="grads must be as many as params, 2, got 1"):
        step_inplace(xs, [np.ones(3)], state)
    with pytest.raises(ValueError, match="must not share memory"):
        step_inplace([xs[0], xs[0]], [np.ones(3)] * 2, state)
    assert np.array_equal(xs, np.ones((2, 3)))


@pytest.mark.parametrize("apart", [1, 2, -3])
def test_the_gradient_may_be_params_themselves(way: str, apart: int) -> None:
    """That of x^2/2 is; those that are not contiguous are copied, and copied back."""
    x = np.linspace(-1, 1, 1001)[::apart]
    expected, state = step(x.copy(), x.copy(), RAdamState(9, 0 * x, 0 * x), PAPER)
    after = step_inplace(x, x, RAdamState(9, 0 * x, 0 * x), PAPER)
    assert_same_bits(x, expected, "params")
    assert_same_bits(after.v, state.v, "v")


@pytest.mark.parametrize("role", ["params", "m", "v"])
def test_a_gradient_that_overlaps_is_read_before_it_is_overwritten(way: str, role: str) -> None:
    memory = np.linspace(1, 2, 1002)
    arrays = {name: np.ones(1001) for name in ("params", "m", "v")} | {role: memory[1:]}
    x, m, v = arrays.values()
    g = memory[:-1]
    expected, state = step(x.copy(), g.copy(), RAdamState(9, m.copy(), v.copy()), PAPER)
    step_inplace(x, g, RAdamState(9, m, v), PAPER)
    for a, b in ((x, expected), (m, state.m), (v, state.v)):
        assert_same_bits(a, b, role)


def test_a_file_in_memory_is_an_array(way: str, tmp_path: Path) -> None:
    x = np.memmap(tmp_path / "x", "float32", "w+", shape=(50,))
    state = init(np.asarray(x))
    expected, _ = step(np.asarray(x), np.ones(50, "f"), state, PAPER)
    step_inplace(x, np.ones(50, "f"), state, PAPER)
    assert_same_bits(x, expected, "params")


def run_large(seed: int, steps: int = 6) -> bytes:
    """A run that is shared out to threads."""
    (g,) = gradients(3 * _threads.ALONE, "float32", 1, seed)
    x = np.zeros_like(g)
    state = init(x)
    for _ in range(steps):
        state = step_inplace(x, g, state, PAPER)
    return x.tobytes() + state.m.tobytes() + state.v.tobytes()


def test_threads_that_step_at_once_get_the_bits_of_one(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_threads, "processors", lambda: 4)
    alone = {seed: run_large(seed) for seed in (0, 1)}
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(run_large, [0, 1] * 8))
    assert together == [alone[0], alone[1]] * 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # by JAX, where it is loaded already
def test_a_fork_steps_on_with_threads_of_its_own(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_threads, "processors", lambda: 3)
    expected = run_large(0)
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        try:
            sender.send(run_large(0) == expected)
        finally:
            os._exit(0)
    assert receiver.poll(60)
    assert receiver.recv() is True
    os.waitpid(child, 0)


SCRIPT = """
import hashlib, sys
{first}
import numpy as np
from radam_adapters.numpy_fused import step_inplace
from radam_ref import init
x = np.zeros(1000, "float32")
state = init(x)
for k in range(8):
    state = step_inplace(x, np.linspace(-1, k, 1000, dtype="float32"), state)
print(hashlib.sha256(x.tobytes() + state.m.tobytes() + state.v.tobytes()).hexdigest())
print("numba" in sys.modules and sys.modules["numba"] is not None)
"""


def in_a_process(folder: Path, first: str = "") -> list[str]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    code = SCRIPT.format(first=first)
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.slow
def test_compiled_code_is_kept_and_without_numba_the_bits_are_the_same(tmp_path: Path) -> None:
    """Without it as where it was never installed, and where it is there and cannot be imported."""
    first = in_a_process(tmp_path)
    kept = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()}
    again = in_a_process(tmp_path)
    absent = in_a_process(tmp_path, "sys.modules['numba'] = None")

    assert first[1] == again[1] == "True"
    assert absent[1] == "False"
    assert first[0] == again[0] == absent[0]
    assert {file.suffix for file in kept} == {".py", ".nbi", ".nbc"}
    assert {file: file.stat().st_mtime_ns for file in kept} == kept


def test_a_numba_that_cannot_be_imported_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr(_numba_loops.importlib.util, "find_spec", lambda name: object())
    assert not _numba_loops.has_numba.__wrapped__()
    assert "numba cannot be used" in caplog.text


def test_code_that_cannot_be_kept_is_compiled_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    function, kept = _numba_loops.function_from("def update():\n    return 5\n")
    assert (function(), kept) == (5, False)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="there are no such permissions here")
@pytest.mark.parametrize("open_to_all", ["radam_adapters", "."])
def test_code_is_not_kept_where_others_could_put_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_to_all: str
) -> None:
    """What numba keeps, it unpickles."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    text = "def update():\n    return 5\n"
    assert _numba_loops.function_from(text)[1] is True
    (tmp_path / open_to_all).chmod(0o777)
    function, kept = _numba_loops.function_from(text)
    assert (function(), kept) == (5, False)


def test_what_takes_more_than_a_second_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "radam_adapters"), _numba_loops.saying("compiling"):
        time.sleep(1.1)
    with _numba_loops.saying("nothing"):
        pass
    assert [record.message for record in caplog.records] == ["compiling"]


def test_blocks_write_into_the_arrays_and_few_buffers() -> None:
    """What no longer is read is written again: two buffers are enough for the paper's formula."""
    form, _ = coefficients(9, PAPER, 1.0, "float32")
    _, count = _numpy_blocks.ufuncs_text(trace(form, False))
    assert count == 2


def test_the_judge_finds_nothing() -> None:
    """docs/performance.md has the command that judges all of it."""
    port = Path(__file__).with_name("fused_port.py")
    program = Path(sys.executable).with_name("radam-conformance")
    command = [program, "run", f"func:{port}:step", "--only", "core/smoke-*"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert "PASS" in result.stdout, result.stdout + result.stderr
