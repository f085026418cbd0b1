"""Logistic regression by minibatches: the likelihood of a scikit-learn data set, penalized.

The gradient of one batch is never zero, so `minimize` reports the mean gradient of its last steps
and the standard error. Torch's Adam on the same batches is as good; L-BFGS-B on all data wins.
"""

import sys
from itertools import islice

import numpy as np
import shared
from matplotlib.figure import Figure
from scipy.optimize import minimize as scipy_minimize
from sklearn.datasets import load_breast_cancer

import radam_ref

PENALTY, STEPS = 1e-2, 1000


def decay(t):
    return 1 / (1 + t / 100)


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
    w0 = np.zeros(points.shape[1])
    result = radam_ref.minimize(
        negative_log_likelihood, w0, lr=lambda t: 0.1 * decay(t), jac=True, history=200,
        batches=islice(minibatches(points, signs), STEPS + 1),
    )  # fmt: skip
    same = zip(islice(minibatches(points, signs), STEPS))
    by_adam = shared.adam(negative_log_likelihood, w0, [0.1], decay, same)
    exact = scipy_minimize(negative_log_likelihood, w0, ((points, signs),), "L-BFGS-B", jac=True)
    f, f_adam = (negative_log_likelihood(w, (points, signs))[0] for w in (result.x, by_adam))
    print(result.message)
    print(f"on all data: RAdam {f:.5f}, Adam {f_adam:.5f} after {STEPS * 32 // len(signs)} passes")
    print(f"L-BFGS-B {exact.fun:.5f} after {exact.nfev} passes: it wins while the data fit memory")
    if picture:
        draw(picture, result.history, exact.fun)
    return {"radam": f, "adam": f_adam, "l-bfgs-b": exact.fun, "result": result}


def draw(picture, history, best):
    axes = (figure := Figure(figsize=(6, 3.5), layout="constrained")).subplots()
    axes.semilogy([e.t for e in history], [e.f for e in history], ".", label="RAdam, a batch of 32")
    axes.axhline(best, color="black", label="L-BFGS-B, all data")
    axes.set(title="logistic regression", xlabel="step", ylabel="mean negative log-likelihood")
    axes.legend()
    figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    main(*sys.argv[1:])
