"""A module of a distribution, run by itself: its package would import what no optimizer needs."""

from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType


def module_of(package: str, *path: str) -> ModuleType:
    """The module in a file of a package, with the version of the distribution.

    Raises
    ------
    ModuleNotFoundError
        The package is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    name = "_".join(["", package, *path]).removesuffix(".py")
    spec = importlib.util.spec_from_file_location(name, Path(found.origin).parent.joinpath(*path))
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{package} has no file {'/'.join(path)}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # torch.compile looks it up
    spec.loader.exec_module(module)
    module.__version__ = version(package)  # type: ignore[attr-defined]
    return module
