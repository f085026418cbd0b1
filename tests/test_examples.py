"""The examples run, draw a picture, and find what the tools of their fields find."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PNG = b"\x89PNG"


def run(name: str, tmp_path: Path, *arguments: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.main(tmp_path / "picture.png", *arguments)
    assert (tmp_path / "picture.png").read_bytes().startswith(PNG)
    return found


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.stem)
def test_each_has_at_most_eighty_lines_and_is_run_here(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 80
    assert f'run("{file.stem}"' in Path(__file__).read_text()


def test_a_likelihood_by_minibatches(tmp_path: Path) -> None:
    found = run("likelihood", tmp_path)

    assert found["l-bfgs-b"] < found["radam"] < 1.05 * found["l-bfgs-b"]
    assert not found["result"].success
    assert "gradients are noisy" in found["result"].message


def test_tomography_finds_what_l_bfgs_b_finds(tmp_path: Path) -> None:
    found = run("tomography", tmp_path)

    assert found["result"].success
    assert found["result"].x.min() == 0
    assert found["radam"] == pytest.approx(found["l-bfgs-b"], rel=1e-4)
    assert found["error"] < 0.1


def test_phase_retrieval_of_object_probe_and_positions(tmp_path: Path) -> None:
    found = run("phase_retrieval", tmp_path)

    assert found["found"] < 0.1 * found["start"]
    kinds = [array.dtype.kind for array in found["result"].x]
    assert kinds == ["c", "c", "f"]
    x, d = found["result"].x, np.random.default_rng(0).normal(size=(3, 2, 2))
    _, g = found["misfit"](x)
    for i, part in enumerate(g):  # by differences, along a direction
        step = np.zeros_like(part)
        step[3:5, :2] = 1e-5 * (d[i] if part.dtype.kind == "f" else d[i] + 1j * d[i].T)
        sides = [[*x[:i], x[i] + sign * step, *x[i + 1 :]] for sign in (1, -1)]
        slope = found["misfit"](sides[0])[0] - found["misfit"](sides[1])[0]
        assert slope == pytest.approx(2 * np.sum((np.conj(part) * step).real), rel=1e-4, abs=1e-11)


def test_a_thousand_decay_curves(tmp_path: Path) -> None:
    found = run("decay_curves", tmp_path)

    assert found["result"].success.all()
    assert found["off"] < 3e-3
