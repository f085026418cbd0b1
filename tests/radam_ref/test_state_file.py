"""State files: exact in every bit, whole or not at all, and no pickle in them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickletools
import struct
import threading
import zipfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import array_api_strict
import ml_dtypes
import numpy as np
import pytest
from array_api_compat import array_namespace, is_torch_array

from radam_ref import (
    Dialect,
    RAdamConfig,
    RAdamState,
    _state_file,
    init,
    load_state,
    save_state,
    step,
)

from ..tiers import dask_array, jnp, marked, torch

Array = Any

CONFIG = RAdamConfig(1 / 3, 0.8, 0.99, 1e-7, 0.1, True, "pytorch")
X = np.asarray([1.0, -2.0, 1 / 3])
DTYPES = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")
FORMS = {
    "0-d": lambda a: a[0, 0, ...],
    "empty": lambda a: a[:0, :],
    "plain": lambda a: a,
    "strided": lambda a: a[::2, 1::2],
    "transposed": lambda a: a.T,
}


def values(dtype: Any) -> np.ndarray[Any, Any]:
    """Numbers that only their bits tell apart, and numbers that are none."""
    rng = np.random.default_rng(0)
    parts = rng.standard_normal((4, 6, 2)) * 10.0 ** rng.integers(-6, 4, (4, 6, 2))
    parts[0, :4, 0] = parts[1, 1:5, 1] = 0.0, -0.0, np.inf, np.nan
    return (parts.view(complex) if "complex" in str(dtype) else parts)[..., 0].astype(dtype)


def bits(array: Array) -> bytes:
    if is_torch_array(array):
        return array.reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()
    return np.ascontiguousarray(np.asarray(array)).tobytes()


def in_namespace(xp: Any, dtype: str) -> Array:
    if xp is torch:
        wide = values("complex128" if "complex" in dtype else "float64")
        return torch.from_numpy(wide).to(getattr(torch, dtype))
    return xp.asarray(values(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype))


NAMESPACES = [
    *((np, dtype) for dtype in DTYPES),
    *((torch, dtype) for dtype in DTYPES),
    *((jnp, dtype) for dtype in DTYPES if dtype not in ("float64", "complex128")),
    *((array_api_strict, dtype) for dtype in DTYPES[2:]),
    *((dask_array, dtype) for dtype in DTYPES[2:]),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("xp", "dtype"), marked(*NAMESPACES))
def test_round_trip(xp: Any, dtype: str, form: str, tmp_path: Path) -> None:
    x = FORMS[form](in_namespace(xp, dtype))
    half = dtype in ("float16", "bfloat16")
    m = xp.ones_like(x, dtype=xp.float32 if half else x.dtype)
    state = RAdamState(7, m, init(x).v)
    save_state(tmp_path / "run", x, state, CONFIG)
    back, loaded, config = load_state(tmp_path / "run", xp)
    assert (config, loaded.t) == (CONFIG, 7)
    for got, expected in zip((back, *loaded[1:]), (x, *state[1:]), strict=True):
        assert (got.dtype, tuple(got.shape)) == (expected.dtype, tuple(expected.shape))
        assert array_namespace(got) is array_namespace(expected)
        assert bits(got) == bits(expected)
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.parametrize("config", [CONFIG, RAdamConfig(dialect=Dialect(5.5, nesterov=True))])
def test_a_run_goes_on_as_if_never_stopped(config: RAdamConfig, tmp_path: Path) -> None:
    x, state = X, init(X)
    for _ in range(10):
        x, state = step(x, x, state, config)
    save_state(tmp_path / "run", x, state, config)
    y, restored, config = load_state(tmp_path / "run")
    for _ in range(10):
        x, state = step(x, x, state, config)
        y, restored = step(y, y, restored, config)
    assert np.array_equal(x, y)
    assert np.array_equal(state.v, restored.v)


@pytest.mark.torch
@pytest.mark.jax
def test_between_namespaces(tmp_path: Path) -> None:
    """bfloat16 of Torch in JAX and NumPy; t on a device comes back as an int."""
    x = torch.asarray([1.0, 0.1]).to(torch.bfloat16)
    save_state(tmp_path / "run", x, init(x)._replace(t=torch.asarray(3)), CONFIG)
    in_jax, state, _ = load_state(tmp_path / "run", jnp)
    in_numpy, _, _ = load_state(tmp_path / "run")
    assert (type(state.t), state.t) == (int, 3)
    assert in_jax.dtype == jnp.bfloat16
    assert in_numpy.dtype == ml_dtypes.bfloat16
    assert in_jax.tolist() == in_numpy.tolist() == x.tolist()


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    for lr in (0.1, 0.2):
        save_state(str(tmp_path / "run"), X, init(X), RAdamConfig(lr))
    assert load_state(str(tmp_path / "run"))[2].lr == 0.2
    assert os.listdir(tmp_path) == ["run"]


def test_a_namespace_that_cannot_hold_the_dtype(tmp_path: Path) -> None:
    save_state(tmp_path / "run", X, init(X), CONFIG)
    device = array_api_strict.Device("no_float64")
    with pytest.raises(ValueError, match="float64"):
        load_state(tmp_path / "run", array_api_strict, device)


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64")
def test_jax_without_float64(tmp_path: Path) -> None:
    save_state(tmp_path / "run", X, init(X), CONFIG)
    with pytest.raises(ValueError, match=r"xp must hold float64, but jax.numpy makes it float32"):
        load_state(tmp_path / "run", jnp)


def test_the_file_holds_no_pickle(tmp_path: Path) -> None:
    """Every member is an array of numbers."""
    save_state(tmp_path / "run", X, init(X), CONFIG)
    with zipfile.ZipFile(tmp_path / "run") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert set(members) == {"params.npy", "m.npy", "v.npy", "header.npy"}
    for content in members.values():
        assert np.load(io.BytesIO(content), allow_pickle=False).dtype.kind in "uf"
        with pytest.raises(ValueError, match=r"opcode|pickle"):
            list(pickletools.genops(content))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_state(tmp_path / "run", X, init(X), CONFIG)
    return tmp_path / "run"


def refuses(path: Path, *parts: str) -> None:
    """ValueError, in one sentence that names the file."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        load_state(path)
    message = str(caught.value)
    assert all(part in message for part in (str(path), *parts)), message
    assert "\n" not in message


def test_a_file_cut_off_anywhere(saved: Path) -> None:
    whole = saved.read_bytes()
    for length in (*range(0, len(whole), 97), len(whole) - 1):
        saved.write_bytes(whole[:length])
        refuses(saved, "radam-ref state")


def test_a_flipped_byte_is_noticed_or_harmless(saved: Path) -> None:
    """The contents are guarded; a date or an attribute of the archive need not be."""
    whole = saved.read_bytes()
    harmless = 0
    for at in range(len(whole)):
        saved.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        with contextlib.suppress(ValueError):
            x, state, config = load_state(saved)
            assert (x.tobytes(), state.t, config) == (X.tobytes(), 0, CONFIG)
            assert not np.any(state.m)
            assert not np.any(state.v)
            harmless += 1
    assert harmless < len(whole) / 3


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x80\x04N.", b"\0" * 4096])
def test_a_foreign_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(content)
    refuses(tmp_path / "run", "radam-ref state")


def write(path: Path, header: Any, **members: Any) -> None:
    arrays = {"params": X, "m": X, "v": X} | members
    with path.open("wb") as file:
        np.savez(file, header=np.frombuffer(json.dumps(header).encode(), "u1"), **arrays)


def read_header(path: Path) -> dict[str, Any]:
    with np.load(path) as archive:
        return json.loads(bytes(archive["header"]))


@pytest.mark.parametrize("header", [None, [], 3, {}, {"format": "npz", "version": 1}])
def test_a_foreign_archive(header: Any, tmp_path: Path) -> None:
    write(tmp_path / "run", header)
    refuses(tmp_path / "run", "radam-ref state")


def test_another_npz(tmp_path: Path) -> None:
    with (tmp_path / "run").open("wb") as file:
        np.savez(file, weights=X)
    refuses(tmp_path / "run", "radam-ref state")


def test_a_newer_version(saved: Path) -> None:
    write(saved, read_header(saved) | {"version": 2, "new": True})
    refuses(saved, "has version 2 of radam-ref state", "this release reads 1 alone")


def test_what_version_1_holds() -> None:
    """Another field, or another meaning, needs another version, and this test with it."""
    assert (_state_file.VERSION, _state_file.ARRAYS) == (1, ("params", "m", "v"))
    names = [[field.name for field in fields(kind)] for kind in (RAdamConfig, Dialect)]
    assert names == [
        ["lr", "beta1", "beta2", "eps", "weight_decay", "maximize", "dialect"],
        ["threshold", "eps_placement", "eps_root", "unrectified", "weight_decay", "nesterov",
         "complex"],
    ]  # fmt: skip


# Files that ask for more than they are


def put(path: Path, name: str, content: bytes) -> None:
    """Replace a member of an archive."""
    with zipfile.ZipFile(path) as archive:
        members = {other: archive.read(other) for other in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for other, old in members.items():
            archive.writestr(other, content if other == name else old)


def npy(header: str, content: bytes = b"") -> bytes:
    return (
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", len(header) + 1)
        + header.encode()
        + b"\n"
        + content
    )


@pytest.mark.parametrize(
    "shape", ["(10**12,)", "(1000000000000,)", "(1000000, 1000000)", "(-1, -3)", f"(0, {10**30})"]
)
def test_a_shape_is_held_against_the_bytes(saved: Path, shape: str) -> None:
    """Eight terabytes are not asked for."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"
    put(saved, "m.npy", npy(header, bytes(24 if "-" in shape or "0, " not in shape else 0)))
    refuses(saved, "radam-ref state")


@pytest.mark.parametrize("header", ["", "{'descr': (", "-" * 9000 + "1", "(" * 9000, "{[]: 1}"])
def test_a_header_of_npy_that_python_stumbles_over(saved: Path, header: str) -> None:
    put(saved, "m.npy", npy(header))
    refuses(saved, "m.npy has no header of npy")


def test_a_compressed_file_is_not_unpacked(saved: Path) -> None:
    """A thousand bytes in the file for each that is read."""
    with np.load(saved) as archive:
        members = dict(archive)
    members["m"] = np.zeros(10**6)
    with saved.open("wb") as file:
        np.savez_compressed(file, **members)
    refuses(saved, "it says that it holds 80", f"and has {saved.stat().st_size}")


def test_a_member_that_is_listed_a_thousand_times_is_not_read(saved: Path) -> None:
    with zipfile.ZipFile(saved, "a") as archive:
        archive.filelist += [archive.getinfo("m.npy")] * 1000
        archive._didModify = True
    refuses(saved, "it says that it holds")


def test_a_nest_without_end(saved: Path) -> None:
    header = b"[" * 100_000
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({len(header)},)}}"
    put(saved, "header.npy", npy(text, header))
    refuses(saved, "radam-ref state")


def test_a_large_foreign_file_is_not_read(tmp_path: Path) -> None:
    """64 GiB, of which nothing is on the disk."""
    with (tmp_path / "run").open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(2**36)
    refuses(tmp_path / "run", "File is not a zip file")


@pytest.mark.parametrize(
    "change",
    [
        {"t": -1},
        {"t": 1.5},
        {"version": "x"},
        {"config": {"lr": 1.0}},
        {"config": {**asdict(CONFIG), "beta2": 1.0}},
        {"dtypes": {"params": "float64", "m": "float64", "v": "int8"}},
        {"dtypes": {}},
    ],
    ids=str,
)
def test_a_header_of_nonsense(saved: Path, change: dict[str, Any]) -> None:
    write(saved, read_header(saved) | change)
    refuses(saved, "radam-ref state")


def test_a_pickled_array_is_not_loaded(saved: Path) -> None:
    header = read_header(saved)
    write(saved, header, m=np.asarray([print], object))
    refuses(saved, "radam-ref state")


def test_no_file_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_state(tmp_path / "run")
    with pytest.raises(OSError, match="nowhere"):
        save_state(tmp_path / "nowhere" / "run", X, init(X), CONFIG)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failing_save_leaves_the_old_file(
    saved: Path, failing: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = saved.read_bytes()

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(*((os, "fsync") if failing == "fsync" else (Path, "replace")), fail)
    with pytest.raises(type(error)):
        save_state(saved, X * 2, init(X), CONFIG)
    assert saved.read_bytes() == old
    assert os.listdir(saved.parent) == ["run"]


def test_a_save_that_fails_half_way_through_the_arrays(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = saved.read_bytes()

    def savez(file: Any, **_: Any) -> None:
        file.write(b"PK half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(OSError, match="No space"):
        save_state(saved, X * 2, init(X), CONFIG)
    assert saved.read_bytes() == old
    assert os.listdir(saved.parent) == ["run"]


@pytest.mark.posix
def test_writers_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    target, failures = tmp_path / "run", []

    def save(lr: float) -> None:
        try:
            for _ in range(10):
                save_state(target, X, init(X), RAdamConfig(lr))
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=save, args=(lr,)) for lr in (1.0, 2.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert load_state(target)[2].lr in (1.0, 2.0, 3.0)
    assert list(tmp_path.iterdir()) == [target]


def test_a_run_whose_parts_do_not_fit_is_not_saved(tmp_path: Path) -> None:
    for state in (RAdamState(0, X[:2], X), RAdamState(2.7, X, X), None):
        with pytest.raises((TypeError, ValueError), match="state"):
            save_state(tmp_path / "run", X, state, CONFIG)
    assert list(tmp_path.iterdir()) == []
