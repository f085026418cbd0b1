"""Logistic regression by minibatches: the likelihood of a scikit-learn data set, penalised.

The gradient of one batch is never zero, so `minimize` does not claim to converge; it reports the
mean gradient of its last steps with the standard error. L-BFGS-B on all data is the yardstick.
"""

import sys
from itertools import islice

import numpy as np
from scipy.optimize import minimize as scipy_minimize
from sklearn.datasets import load_breast_cancer

import radam_ref

PENALTY = 1e-2


def data():
    points, labels = load_breast_cancer(return_X_y=True)
    points = (points - points.mean(axis=0)) / points.std(axis=0)
    return np.column_stack([points, np.ones(len(points))]), 2.0 * labels - 1


def negative_log_likelihood(w, batch):
    """Its mean over a batch, and the gradient."""
    points, signs = batch
    margin = signs * (points @ w)
    slope = -signs * np.exp(-np.logaddexp(0, margin))
    f = np.logaddexp(0, -margin).mean() + PENALTY / 2 * (w @ w)
    return f, points.T @ slope / len(signs) + PENALTY * w


def minibatches(points, signs, size=32, seed=0):
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(signs))
        for begin in range(0, len(order) - size + 1, size):
            chosen = order[begin : begin + size]
            yield points[chosen], signs[chosen]


def main(picture=None):
    points, signs = data()
    batches = islice(minibatches(points, signs), 1000)
    w0 = np.zeros(points.shape[1])
    result = radam_ref.minimize(
        negative_log_likelihood, w0, lr=lambda t: 0.05 / (1 + t / 100), jac=True,
        batches=batches, history=200,
    )  # fmt: skip
    exact = scipy_minimize(
        negative_log_likelihood, w0, args=((points, signs),), jac=True, method="L-BFGS-B"
    )
    f = negative_log_likelihood(result.x, (points, signs))[0]
    print(result.message)
    print(f"on all data: RAdam {f:.5f} after {result.nit * 32 / len(signs):.0f} passes;")
    print(f"L-BFGS-B {exact.fun:.5f} after {exact.nfev} passes. It wins while the data fit memory.")
    if picture:
        draw(picture, result.history, exact.fun)
    return {"radam": f, "l-bfgs-b": exact.fun, "result": result}


def draw(picture, history, best):
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.semilogy([entry.t for entry in history], [entry.f for entry in history], label="a batch")
    axes.axhline(best, color="black", label="L-BFGS-B, all data")
    axes.set(xlabel="step", ylabel="negative log-likelihood")
    axes.legend()
    figure.savefig(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
