"""A thousand decay curves fitted at once: amplitude, rate and background of each, in one batch.

Each curve is a problem of its own; those that have converged are frozen. On a CPU, SciPy's
least_squares, one by one, is quicker and more precise; a batch is what a GPU can take as it is.
"""

import sys
import time

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import least_squares

import radam_ref

CURVES, TIMES = 1000, np.linspace(0, 4, 60)


def curves(rng):
    true = rng.uniform([1.0, 0.5, 0.0], [3.0, 3.0, 0.5], (CURVES, 3))
    noise = 0.02 * rng.normal(size=(CURVES, len(TIMES)))
    return true, true[:, :1] * np.exp(-true[:, 1:2] * TIMES) + true[:, 2:] + noise


def main(picture=None):
    _, data = curves(np.random.default_rng(0))

    def misfit(x):
        amplitude, rate, background = x[:, :1], x[:, 1:2], x[:, 2:]
        decay = np.exp(-rate * TIMES)
        rest = amplitude * decay + background - data
        parts = decay, -amplitude * TIMES * decay, np.ones_like(decay)
        return np.sum(rest**2, axis=1) / 2, np.stack([np.sum(rest * p, axis=1) for p in parts], 1)

    start = np.tile([2.0, 1.5, 0.2], (CURVES, 1))
    began = time.perf_counter()
    config = radam_ref.RAdamConfig(lr=0.02, beta2=0.99, dialect="paper-hold")
    result = radam_ref.minimize(
        misfit, start, config=config, jac=True, batch=True, bounds=(0.0, np.inf), maxiter=1500,
        stop=radam_ref.optimize.stop.gtol(1e-4),
    )  # fmt: skip
    middle = time.perf_counter()
    some = range(0, CURVES, 20)
    exact = [
        least_squares(lambda x, y=data[i]: x[0] * np.exp(-x[1] * TIMES) + x[2] - y, start[i]).x
        for i in some
    ]
    end = time.perf_counter()
    off = abs(result.x[:: CURVES // len(exact)] - exact).max()
    print(result.message)
    print(f"RAdam: {CURVES} curves in {middle - began:.1f} s, within {off:.1e} of least_squares,")
    print(f"which takes {(end - middle) * CURVES / len(exact):.1f} s for as many, one by one.")
    if picture:
        draw(picture, data, result.x)
    return {"off": off, "result": result}


def draw(picture, data, x):
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for y, (amplitude, rate, background) in zip(data[:5], x[:5], strict=True):
        (dots,) = axes.plot(TIMES, y, ".", markersize=4)
        axes.plot(TIMES, amplitude * np.exp(-rate * TIMES) + background, color=dots.get_color())
    axes.set(title=f"5 of {CURVES} curves, and their fits", xlabel="time", ylabel="counts")
    figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    main(*sys.argv[1:])
