"""A run on disk: params, state and config in one file, without pickle, exact in every bit.

The file is an npz archive of three arrays and a JSON header; a dtype that NumPy does not have
(bfloat16) is kept as its bits. It is written beside its place and renamed, so that a reader or
a crash meets the old file or the new one, never half of one.
"""

from __future__ import annotations

import errno
import glob
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import (
    array_namespace,
    device,
    is_cupy_array,
    is_dask_array,
    is_jax_array,
    is_numpy_array,
    is_torch_array,
    to_device,
)

from . import _dtypes
from ._arguments import check_run
from ._config import Dialect, RAdamConfig
from ._step import Array, RAdamState

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

FORMAT = "radam-ref state"
VERSION = 1
ARRAYS = ("params", "m", "v")


def save_state(
    path: str | os.PathLike[str], params: Array, state: RAdamState, config: RAdamConfig
) -> None:
    """Write params, state and config to one file, whole or not at all.

    Parameters
    ----------
    path : path of the file; an older one there is replaced
    params : array
    state : RAdamState
    config : RAdamConfig
        As `step` takes them, of any namespace and device.

    Raises
    ------
    TypeError, ValueError
        If they do not fit each other, as in `step`.
    OSError
        If the file cannot be written; what was at `path` is still there.
    """
    check_run(params, state, config)
    arrays = dict(zip(ARRAYS, (params, state.m, state.v), strict=True))
    header = {
        "format": FORMAT,
        "version": VERSION,
        "t": int(state.t),
        "config": asdict(_in_numbers(config)),
        "dtypes": {key: _dtypes.name(array.dtype) for key, array in arrays.items()},
    }
    write(path, header, arrays)


def _in_numbers(config: RAdamConfig) -> RAdamConfig:
    """The config with what its arrays hold."""
    dialect = config.dialect
    if isinstance(dialect, Dialect):
        threshold, eps_root = float(dialect.threshold), float(dialect.eps_root)
        dialect = replace(dialect, threshold=threshold, eps_root=eps_root)
    numbers: dict[str, Any] = {
        name: float(getattr(config, name)) for name in ("beta1", "beta2", "eps")
    }
    return replace(config, dialect=dialect, **numbers)


def load_state(
    path: str | os.PathLike[str], xp: Any = np, device: Any = None
) -> tuple[Array, RAdamState, RAdamConfig]:
    """The params, state and config that `save_state` wrote, as arrays of `xp` on `device`.

    Parameters
    ----------
    path : path of the file
    xp : module, optional
        The namespace to make the arrays in: numpy, torch, cupy, jax.numpy, ...
    device : optional
        A device of xp; its default device if None.

    Raises
    ------
    ValueError
        If the file is cut off, damaged, no state at all, or of another version; or if xp cannot
        hold its dtypes.
    OSError
        If the file cannot be read.
    """
    header, members = read(path, FORMAT, VERSION, _checked)
    params, m, v = (from_host(members[key], header["dtypes"][key], xp, device) for key in ARRAYS)
    return params, RAdamState(header["t"], m, v), header["config"]


def write(path: str | os.PathLike[str], header: dict[str, Any], arrays: dict[str, Array]) -> None:
    """Write an archive of arrays and a header beside `path`, make it durable, and rename it."""
    target = Path(path).resolve()
    members = {key: to_host(array) for key, array in arrays.items()}
    members["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    part = target.with_name(f".{target.name}.{os.urandom(8).hex()}.part")
    try:
        with part.open("xb") as file:
            np.savez(file, **members)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def parts_of(path: str | os.PathLike[str]) -> Iterator[Path]:
    """What `write` had begun beside a file when its process was killed."""
    target = Path(path).resolve()
    return target.parent.glob(f".{glob.escape(target.name)}.{'[0-9a-f]' * 16}.part")


Host = dict[str, np.ndarray[Any, Any]]


def read(
    path: str | os.PathLike[str],
    kind: str,
    known: int,
    checked: Callable[[dict[str, Any], Host], dict[str, Any]],
) -> tuple[dict[str, Any], Host]:
    """What `checked` makes of the header of an archive of version `known`, and its arrays' bits.

    What a file claims is held against its size before memory is asked for.
    """
    import zipfile  # a fifth of the time that it would take to import radam_ref
    import zlib

    try:
        with Path(path).open("rb") as file, zipfile.ZipFile(file) as archive:
            _check_sizes(archive.infolist(), file.seek(0, os.SEEK_END))
            header = json.loads(bytes(_array(archive, "header.npy")))
            if header["format"] != kind:
                raise ValueError(f"its format is {header['format']!r:.40}")
            if header["version"] == known:
                names = (name for name in archive.namelist() if name != "header.npy")
                members = {name.removesuffix(".npy"): _array(archive, name) for name in names}
                return checked(header, members), members
    except (AttributeError, EOFError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no {kind}, or is damaged: {error}") from error
    except (RuntimeError, zipfile.BadZipFile, zlib.error) as error:  # also a nest without end
        raise ValueError(f"{path} is a {kind} cut off or damaged: {error}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise ValueError(f"{path} is a {kind} cut off or damaged: {error}") from error  # a seek
    found = f"{header['version']!r:.40}"
    raise ValueError(f"{path} has version {found} of {kind}; this release reads {known} alone")


def _check_sizes(members: Sequence[ZipInfo], size: int) -> None:
    """`write` compresses nothing: a file that holds more than its size would fill the memory."""
    if (total := sum(member.file_size for member in members)) > size:
        raise ValueError(f"it says that it holds {total} bytes, and has {size}")


def _array(archive: ZipFile, name: str) -> np.ndarray[Any, Any]:
    """A member of an archive, whose shape is held against its bytes before it is made."""
    member = archive.getinfo(name)
    with archive.open(member) as file:
        try:
            version = np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        except Exception as error:  # whatever Python's own parser meets in nonsense
            raise ValueError(f"{name} has no header of npy: {error}") from error
        there, claimed = member.file_size - file.tell(), math.prod(shape) * dtype.itemsize
        if version != (1, 0) or there != claimed:
            raise ValueError(f"{name} has {there} bytes for {dtype} of shape {shape}")
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)


def _checked(header: dict[str, Any], members: Host) -> dict[str, Any]:
    t = header["t"]
    if type(t) is not int or t < 0:
        raise ValueError(f"t must be an int of at least 0, got {t!r}")
    for key in ARRAYS:
        bits, dtype = members[key], header["dtypes"][key]
        check_dtype(key, bits, dtype)
        if dtype not in _dtypes.compute_dtypes:
            raise ValueError(f"{key} is {dtype}, no dtype of a run")
        if bits.shape != members["params"].shape:
            raise ValueError(f"{key} has another shape than params")
    return {**header, "config": config_of(header["config"])}


def check_dtype(key: str, bits: np.ndarray[Any, Any], dtype: str) -> None:
    """ValueError unless an array in `dtype` is kept as these bits."""
    if _dtypes.name(bits.dtype) != ("uint16" if dtype == "bfloat16" else dtype):
        raise ValueError(f"{key} is {bits.dtype}, said to be {dtype!r:.40}")


def config_of(header: dict[str, Any]) -> RAdamConfig:
    """The config whose `asdict` this is."""
    dialect = header["dialect"]
    axes = Dialect(**dialect) if isinstance(dialect, dict) else dialect
    return RAdamConfig(**{**header, "dialect": axes})


def to_host(array: Array) -> np.ndarray[Any, Any]:
    """The array's bits on the host."""
    if type(array) is np.ndarray and array.dtype.isbuiltin == 1:  # not bfloat16
        return array
    xp = array_namespace(array)
    if is_torch_array(array):
        array = array.detach().cpu().resolve_conj().resolve_neg()
        array = array.view(xp.uint16) if array.dtype == xp.bfloat16 else array
    elif is_cupy_array(array):
        array = array.get()
    elif not (is_numpy_array(array) or is_jax_array(array) or is_dask_array(array)):
        array = to_device(array, device(xp.empty(0)))  # where np.asarray can read it
    host = np.asarray(array)
    return host.view(np.uint16) if host.dtype.name == "bfloat16" else host


def from_host(bits: np.ndarray[Any, Any], dtype: str, xp: Any, device: Any) -> Array:
    where = {} if device is None else {"device": device}
    if dtype != "bfloat16":
        array = xp.asarray(bits, **where)
    elif xp.__name__.rpartition(".")[2] == "torch":
        array = xp.asarray(bits, **where).view(xp.bfloat16)
    else:
        try:
            from ml_dtypes import bfloat16
        except ImportError as error:
            raise ValueError(f"bfloat16 in {xp.__name__} needs the package ml_dtypes") from error
        array = xp.asarray(bits.view(bfloat16), **where)
    if (got := _dtypes.name(array.dtype)) != dtype:
        raise ValueError(f"xp must hold {dtype}, but {xp.__name__} makes it {got}")
    return array
