"""Finding the port that a spec names, with an error that says what is there instead."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from ..spec import LoadError, Spec

_PRIVATE = "_port_"  # a port in a file called numpy.py must not be numpy to all others


def import_named(spec: Spec, module_name: str) -> ModuleType:
    """The module of that dotted name.

    Raises
    ------
    LoadError
        If there is none, or importing it fails.
    """
    try:
        return importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            raise LoadError(f"{spec.text}: there is no module {missing!r} here") from error
        reason = f"{type(error).__name__}: {error}"
        raise LoadError(f"{spec.text}: importing {module_name} failed with {reason}") from error


def import_file(spec: Spec, path: Path) -> ModuleType:
    """The module in a Python file; modules beside the file can be imported by it.

    Raises
    ------
    LoadError
        If there is no such file, or running it fails.
    """
    if not path.is_file():
        there = sorted(entry.name for entry in path.parent.glob("*.py"))
        near = difflib.get_close_matches(path.name, there, n=1)
        raise LoadError(f"{spec.text}: there is no file {str(path)!r}{_did_you_mean(near)}")
    name = _PRIVATE + path.stem
    module_spec = importlib.util.spec_from_file_location(name, path)
    if module_spec is None or module_spec.loader is None:
        raise LoadError(f"{spec.text}: {str(path)!r} is no Python file")
    module = importlib.util.module_from_spec(module_spec)
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[name] = module
    try:
        module_spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script that ends by sys.exit
        reason = f"{type(error).__name__}: {error}"
        raise LoadError(f"{spec.text}: running {str(path)!r} failed with {reason}") from error
    return module


def attribute(spec: Spec, module: ModuleType, name: str) -> object:
    """The module's attribute of that name.

    Raises
    ------
    LoadError
        If there is none; names the nearest one.
    """
    if not hasattr(module, name):
        near = difflib.get_close_matches(name, dir(module), n=1)
        known = f"{module.__name__.removeprefix(_PRIVATE)} has no attribute {name!r}"
        raise LoadError(f"{spec.text}: {known}{_did_you_mean(near)}")
    found: object = getattr(module, name)
    return found


def distribution_version(module: ModuleType) -> str:
    """Version that the module or the package it belongs to states, or an empty string."""
    package = module.__name__.partition(".")[0]
    for stated in (module, sys.modules.get(package)):
        if version := getattr(stated, "__version__", None):
            return str(version)
    names = importlib.metadata.packages_distributions().get(package, [])
    return importlib.metadata.version(names[0]) if names else ""


def _did_you_mean(near: list[str]) -> str:
    return f"; did you mean {near[0]!r}?" if near else ""
