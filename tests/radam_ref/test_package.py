"""The specification is short, stands alone, and loads no framework."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import radam_ref

FOLDER = Path(radam_ref.__file__).parent
SPECIFICATION = ("_config.py", "_terms.py", "_step.py")
FRAMEWORKS = ("torch", "jax", "cupy", "dask", "scipy", "rich", "typer", "numba", "ml_dtypes")
USE = """
import sys
import numpy
import radam_ref
if {step}:
    x = numpy.ones(3)
    radam_ref.step(x, x, radam_ref.init(x))
print(*sorted(set(name.partition(".")[0] for name in sys.modules) & set({frameworks})))
"""


def imports(file: Path, everywhere: bool) -> Iterator[str]:
    """The modules that a file imports, those of its own package with a leading dot."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            own = [node.module] if node.module else [name.name for name in node.names]
            yield from (f".{name}" for name in own)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)


@pytest.mark.parametrize("step", [False, True])
def test_no_framework_is_loaded(step: bool) -> None:
    """Neither by the import nor by a step on NumPy arrays."""
    code = USE.format(step=step, frameworks=FRAMEWORKS)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []


def test_what_minimize_needs_is_loaded_when_it_is_asked_for() -> None:
    """It would double the time that `import radam_ref` takes."""
    code = (
        "import sys, radam_ref\n"
        "print('radam_ref.optimize' in sys.modules, 'minimize' in dir(radam_ref))\n"
        "print(radam_ref.optimize.minimize is radam_ref.minimize, hasattr(radam_ref, 'maximize'))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "False True\nTrue False\n"


def test_the_specification_has_at_most_350_lines() -> None:
    assert sum(len((FOLDER / name).read_text().splitlines()) for name in SPECIFICATION) <= 350


@pytest.mark.parametrize("name", SPECIFICATION)
def test_the_specification_imports_nothing_else_of_ours(name: str) -> None:
    allowed = {f".{Path(file).stem}" for file in SPECIFICATION} | sys.stdlib_module_names
    assert set(imports(FOLDER / name, everywhere=True)) <= allowed


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.py")), ids=lambda file: file.name)
def test_the_base_install_needs_numpy_and_array_api_compat_alone(file: Path) -> None:
    modules = {name for name in imports(file, everywhere=False) if name[0] != "."}
    assert modules <= sys.stdlib_module_names | {"numpy", "array_api_compat"}


def test_public_names_exist_and_are_documented() -> None:
    public = [getattr(radam_ref, name) for name in radam_ref.__all__]
    assert sorted(radam_ref.__all__) == radam_ref.__all__
    assert all(thing.__doc__ for thing in public if callable(thing))


def test_the_rest_of_the_paper_is_loaded_when_it_is_asked_for() -> None:
    code = (
        "import sys, radam_ref\n"
        "names = ['radam_ref.' + name for name in ('algorithm1', 'schedules', 'variance')]\n"
        "print(*[name in sys.modules for name in names])\n"
        "radam_ref.variance.c_var, radam_ref.algorithm1.adam, radam_ref.schedules.warmup\n"
        "print(hasattr(radam_ref, 'nothing'))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "False", "False", "False"]
