"""The examples run and find what the tools of their fields find; those of inverse problems draw."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PNG = b"\x89PNG"


@pytest.fixture(autouse=True)
def _examples_see_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)


def run(name: str, tmp_path: Path | None = None, *arguments: str) -> Any:
    module = importlib.import_module(name)
    if tmp_path is None:
        return module.main()
    found = module.main(tmp_path / "picture.png", *arguments)
    assert (tmp_path / "picture.png").read_bytes().startswith(PNG)
    return found


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.stem)
def test_each_has_less_than_eighty_lines_and_is_run_here(file: Path) -> None:
    assert len(file.read_text().splitlines()) < 80
    text = Path(__file__).read_text()
    assert f'run("{file.stem}"' in text or file.stem == "shared"


@pytest.mark.torch
def test_a_likelihood_by_minibatches(tmp_path: Path) -> None:
    found = run("likelihood", tmp_path)

    assert found["l-bfgs-b"] < found["radam"] < 1.001 * found["l-bfgs-b"]
    assert found["adam"] == pytest.approx(found["radam"], rel=1e-3)
    assert not found["result"].success
    assert "gradients are noisy" in found["result"].message


@pytest.mark.torch
@pytest.mark.skimage
def test_tomography_finds_what_l_bfgs_b_finds(tmp_path: Path) -> None:
    found = run("tomography", tmp_path)

    result, rival = found["result"], found["l-bfgs-b"]

    assert result.success
    assert result.x.min() == 0
    assert result.fun == pytest.approx(rival.fun, rel=1e-4)
    np.testing.assert_allclose(result.x.ravel(), rival.x, atol=0.02)
    assert found["error"] < 0.12


@pytest.mark.slow
@pytest.mark.torch
def test_phase_retrieval_of_object_probe_and_positions(tmp_path: Path) -> None:
    found = run("phase_retrieval", tmp_path)

    assert found["RAdam"] < 1e-5 * found["at first"]
    assert max(found["Adam"], found["L-BFGS-B"]) < 1e-4 * found["at first"]  # they are at work
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


@pytest.mark.torch
def test_a_run_of_torch_is_moved_to_ours_and_back() -> None:
    found = run("from_torch_radam")

    assert found["returned"] == pytest.approx(found["straight"], rel=1e-9)
    assert found["off"] < 1e-11


@pytest.mark.jax
def test_jax_with_optax() -> None:
    found = run("jax_optax")

    np.testing.assert_allclose(found["params"]["a"], [2, -0.5], atol=0.1)
    assert np.isfinite(found["slope"])
    assert found["slope"] != 0


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:torch.distributed is disabled:UserWarning")
def test_torch_over_two_processes() -> None:
    found = run("torch_fsdp")

    assert found["steps"] == [30, 30, 30, 30]
    assert found["loss"] == found["alone"]
