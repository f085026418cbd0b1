"""The rooms: what each package may know of the others, of frameworks, and of the machine."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import radam_adapters
import radam_conformance
import radam_ref

FOLDERS = {
    package.__name__: Path(package.__file__).parent
    for package in (radam_ref, radam_adapters, radam_conformance)
}
FRAMEWORKS = ["torch", "jax", "optax", "cupy", "dask", "numba"]
# What the judge needs and a worker does not: the oracles, and all that a terminal shows.
OF_THE_JUDGE_ALONE = ["flint", "mpmath", "jsonschema", "typer", "rich", "jinja2"]


def sources(package: str) -> list[Path]:
    return sorted(FOLDERS[package].rglob("*.py"))


def imports(file: Path) -> Iterator[tuple[str, str]]:
    """Absolute imports of a file, also those inside functions: module, and name or ""."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


def of_ours(package: str) -> set[tuple[str, str]]:
    """What a package imports of the other two; plugs are judged, and are no part of the judge."""
    others = set(FOLDERS) - {package}
    files = [file for file in sources(package) if file.parent.name != "ports"]
    found = {pair for file in files for pair in imports(file)}
    return {(module, name) for module, name in found if module.partition(".")[0] in others}


def loaded(*command: str, requests: str = "") -> set[str]:
    """Top-level modules that a command of Python has imported by its end."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        input=requests,
        capture_output=True,
        text=True,
        check=True,
    )
    names = re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE)
    return {name.partition(".")[0] for name in names}


def test_the_specification_knows_nobody() -> None:
    assert of_ours("radam_ref") == set()


def test_the_adapters_know_the_public_specification_alone() -> None:
    assert {module for module, _ in of_ours("radam_adapters")} == {"radam_ref"}


def test_the_judge_knows_the_dialects_and_no_arithmetic() -> None:
    names = {"Dialect", "dialects", "RAdamConfig", "origins"}

    assert of_ours("radam_conformance") <= {("radam_ref", name) for name in names}


def test_no_module_of_the_judge_imports_a_plug() -> None:
    plugs = re.compile(r"^\s*(from|import) +\S*\bports\b", re.M)
    files = [file for file in sources("radam_conformance") if file.parent.name != "ports"]

    assert [file.name for file in files if plugs.search(file.read_text())] == []


@pytest.mark.parametrize("package", FOLDERS)
def test_importing_a_package_loads_no_framework(package: str) -> None:
    modules = loaded("-c", f"import {package}")

    assert package in modules
    assert modules & {*FRAMEWORKS, *OF_THE_JUDGE_ALONE} == set()


@pytest.mark.posix
def test_a_worker_loads_its_port_and_nothing_of_the_judge(tmp_path: Path) -> None:
    port = tmp_path / "port.py"
    port.write_text("def step(params, grads, state, hyper):\n    return params, state\n")
    command = ["-m", "radam_conformance.worker", f"func:{port}:step"]
    modules = loaded(*command, requests="hello 1\nquit\n")

    assert {"radam_conformance", "numpy"} <= modules
    assert modules & {*FRAMEWORKS, *OF_THE_JUDGE_ALONE, "radam_adapters"} == set()


def test_no_file_names_a_place_on_a_machine() -> None:
    files = [
        file
        for folder in FOLDERS.values()
        for file in folder.rglob("*")
        if file.suffix in (".py", ".json", ".toml", ".typed")
    ]
    place = re.compile(r"(?<![\w.:/])/(home|root|Users|work|tmp|usr|opt|mnt|var|etc)/")

    assert len(files) > 100
    assert [file.name for file in files if place.search(file.read_text())] == []


def test_all_names_what_the_specification_exports() -> None:
    tree = ast.parse((FOLDERS["radam_ref"] / "__init__.py").read_text())
    imported = [
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    ]

    assert radam_ref.__all__ == sorted(imported)
