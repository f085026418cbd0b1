"""Records gradients of three real problems while the textbook program minimizes them.

`python -m radam_conformance.authoring.record` writes `recorded.json` anew. That is done once: the
last digits of a gradient depend on the machine, and released cases do not change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radam_ref import Dialect

from ..specimens.edits import program
from .blueprint import LITERAL

Floats: TypeAlias = NDArray[np.float64]
FILE = Path(__file__).with_name("recorded.json")
STEPS = 40


class Problem(NamedTuple):
    """Something to minimize: where from, at which learning rate, and the gradient of a step."""

    source: str
    lr: float
    x0: Floats
    gradient: Callable[[Floats, int], Floats]


def logistic() -> Problem:
    """Malignant or benign: a logistic regression, in batches of 32."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import StandardScaler

    data = load_breast_cancer()
    features = StandardScaler().fit_transform(data.data[:, :4])
    inputs = np.column_stack([features, np.ones(len(features))])

    def gradient(x: Floats, t: int) -> Floats:
        batch = slice(32 * ((t - 1) % 17), 32 * ((t - 1) % 17 + 1))
        chance = 1 / (1 + np.exp(-inputs[batch] @ x))
        result: Floats = inputs[batch].T @ (chance - data.target[batch]) / 32
        return result

    source = (
        f"logistic regression on load_breast_cancer of scikit-learn {version('scikit-learn')}: "
        "its first 4 features, standardised, and a constant; "  # codespell:ignore standardised
        "batches of 32 in order"
    )
    return Problem(source, 0.1, np.zeros(5), gradient)


def network() -> Problem:
    """Width of a petal from its length and that of the sepal: 2 tanh units, all samples at once."""
    import torch
    from sklearn.datasets import load_iris

    data = torch.as_tensor(load_iris().data)
    inputs, wanted = data[:, [0, 2]] - data[:, [0, 2]].mean(dim=0), data[:, 3]

    def gradient(x: Floats, t: int) -> Floats:
        weights = torch.tensor(x, requires_grad=True)
        hidden = torch.tanh(inputs @ weights[:4].reshape(2, 2) + weights[4:6])
        loss = ((hidden @ weights[6:8] + weights[8] - wanted) ** 2).mean()
        (found,) = torch.autograd.grad(loss, weights)
        return np.asarray(found.numpy())

    source = (
        f"network of 2 tanh units on load_iris of scikit-learn {version('scikit-learn')}, gradient "
        f"by torch {version('torch')}: petal width from sepal and petal length, all 150 samples"
    )
    x0 = np.array([0.5, -0.25, 0.125, 0.75, 0.0, 0.0, 1.0, -0.5, 0.0])
    return Problem(source, 0.05, x0, gradient)


def inverse() -> Problem:
    """An inverse problem of condition 2e11: least squares with Hilbert's matrix of order 5."""
    from scipy.linalg import hilbert

    matrix = hilbert(5)
    wanted = matrix @ np.array([1.0, -1.0, 2.0, 0.5, -0.25])

    def gradient(x: Floats, t: int) -> Floats:
        result: Floats = matrix.T @ (matrix @ x - wanted)
        return result

    source = f"least squares with hilbert(5) of SciPy {version('scipy')}, of condition 2e11 squared"
    return Problem(source, 0.125, np.zeros(5), gradient)


PROBLEMS = {"logistic": logistic, "network": network, "inverse": inverse}


def record(problem: Problem) -> dict[str, Any]:
    """The problem as `recorded.json` has it, with its gradients at the first steps."""
    return {
        "source": problem.source,
        "lr": problem.lr,
        "x0": problem.x0.tolist(),
        "gradients": [" ".join(g.hex() for g in row) for row in _followed(problem)],
    }


def _followed(problem: Problem) -> Iterator[list[float]]:
    optimizer = program().optimizer([problem.x0], [0], Dialect(), "float64")
    for t in range(1, STEPS + 1):
        g = problem.gradient(optimizer.params[0], t)
        yield g.tolist()
        optimizer.step([g], [LITERAL._replace(lr=problem.lr)])


def main() -> None:
    """Write the file."""
    records = {name: record(problem()) for name, problem in PROBLEMS.items()}
    FILE.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
