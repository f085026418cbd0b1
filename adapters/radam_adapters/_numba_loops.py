"""The formula as one loop over the elements, compiled by numba and kept for the next process."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Timer
from types import ModuleType
from typing import Any, cast

import numpy as np

from radam_ref import Coefficients, Form

from ._traced_formula import INFIX, Program, trace

Kernel = Callable[..., None]

log = logging.getLogger("radam_adapters")

NUMBA = INFIX | {
    "1 -": "{to} = one - {0}",
    "negative": "{to} = -{0}",
    "== 0": "{to} = {0} == 0",
    "sqrt": "{to} = sqrt({0})",
    "where": "{to} = {1} if {0} else {2}",
}


@lru_cache(maxsize=1)
def has_numba() -> bool:
    """Whether loops can be compiled."""
    if importlib.util.find_spec("numba") is None:
        return False
    try:
        with saying("loading numba"):
            import numba  # noqa: F401
    except ImportError as error:  # it is there, and does not suit NumPy
        log.warning("numba cannot be used: %s", error)
        return False
    return True


@lru_cache(maxsize=256)
def compiled(form: Form, modulus: bool, rates: bool, decays: bool, dtype: str) -> Kernel:
    """update(c, x, g, m, v[, rate]) in one pass over contiguous 1-d arrays; c is an array too.

    x, g and m are complex beside a real v if `modulus`; rate is that of each element.
    """
    import numba

    with saying(f"compiling the step for {dtype}, once for all: kept in {cache_folder()}"):
        function, kept = function_from(loop_text(trace(form, modulus, rates, decays), dtype))
        real = numba.from_dtype(np.dtype(dtype))
        number = getattr(numba.types, f"complex{2 * real.bitwidth}") if modulus else real

        def array(of: Any, readonly: bool = False) -> Any:
            return numba.types.Array(of, 1, "C", readonly=readonly)

        arrays = [array(number), array(number, readonly=True), array(number), array(real)]
        rate = [array(real, readonly=True)] if rates else []
        signature = numba.types.void(array(real, readonly=True), *arrays, *rate)
        options: Any = {"nogil": True, "error_model": "numpy"}
        if kept:
            try:
                return cast(Kernel, numba.njit(signature, cache=True, **options)(function))
            except (
                Exception
            ) as error:  # a full disk, a damaged file: numba lets through what it meets
                log.warning(
                    "%s cannot be used: %s: %s", cache_folder(), type(error).__name__, error
                )
        return cast(Kernel, numba.njit(signature, **options)(function))


@contextmanager
def saying(what: str) -> Iterator[None]:
    """Say what is being done where it has not been done in a second."""
    timer = Timer(1.0, log.warning, ["%s", what])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def loop_text(program: Program, dtype: str) -> str:
    """A function with a loop over the elements, in what numba reads."""
    places = {
        "x": "X[i]", "x_re": "X[2 * i]", "x_im": "X[2 * i + 1]",
        "g": "G[i]", "g_re": "G[2 * i]", "g_im": "G[2 * i + 1]",
        "m": "M[i]", "m_re": "M[2 * i]", "m_im": "M[2 * i + 1]",
        "v": "V[i]", "rate": "RATE[i]",
    }  # fmt: skip
    lines = ["one = C.dtype.type(1)"]
    fields = Coefficients._fields
    lines += [f"{name} = C[{fields.index(name)}]" for name in program.reads(fields)]
    if "x_re" in program.results:
        lines += [f"{name} = {name}.view({dtype})" for name in "XGM"]
    body = [f"{name} = {places[name]}" for name in program.reads(list(places))]
    body += program.text(NUMBA)
    body += [f"{places[name]} = {result}" for name, result in program.results.items()]
    lines += ["for i in range(V.size):", *(f"    {line}" for line in body)]
    rate = ", RATE" if "rate" in program.reads(["rate"]) else ""
    head = f"from numpy import {dtype}, sqrt\n\n\ndef update(C, X, G, M, V{rate}):\n"
    return head + "".join(f"    {line}\n" for line in lines)


def cache_folder() -> Path:
    """Where numba is told to keep its code, or the user's own folder for such things."""
    variable, otherwise = {
        "win32": ("LOCALAPPDATA", "~/AppData/Local"),
        "darwin": ("", "~/Library/Caches"),
    }.get(sys.platform, ("XDG_CACHE_HOME", "~/.cache"))
    chosen = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get(variable) or otherwise
    return Path(os.path.expanduser(chosen)) / "radam_adapters"


def is_private(folder: Path) -> bool:
    """Whether no other user can put files there: numba unpickles what it finds."""
    if not hasattr(os, "getuid"):
        # Windows has access lists in place of owner and mode, and closes a profile to other users.
        profile = Path(os.path.expanduser("~"))
        return folder.resolve().is_relative_to(profile.resolve())
    stats = [place.stat() for place in (folder, folder.parent)]
    return all(at.st_uid in (0, os.getuid()) and not at.st_mode & stat.S_IWOTH for at in stats)


def write_whole(file: Path, text: str) -> None:
    """Write beside the file and rename, as two processes may do at a time."""
    new = tempfile.NamedTemporaryFile(dir=file.parent, delete=False)
    try:
        with new:
            new.write(text.encode())
        os.replace(new.name, file)  # which Windows refuses while a file is open
    except OSError:
        os.unlink(new.name)
        raise


def function_from(text: str) -> tuple[Callable[..., None], bool]:
    """The function that the text defines, and whether numba can keep its code.

    For that it must come from a file, which is named after what it says.
    """
    name = f"update_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    file = cache_folder() / f"{name}.py"
    try:
        if not file.is_absolute():
            raise OSError("this user has no home")
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists() or file.read_bytes() != text.encode():
            write_whole(file, text)
        kept = os.access(file.parent, os.W_OK) and is_private(file.parent)
    except OSError:
        kept = False
    module = ModuleType(f"radam_adapters.{name}")
    sys.modules[module.__name__] = module  # where numba looks for what it kept
    # The text is made of our own formula alone, never of a file: numba compiles source.
    exec(compile(text, file, "exec"), vars(module))
    return vars(module)["update"], kept
