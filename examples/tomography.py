"""An image from random projections, half as many as pixels: non-negative, and mostly empty.

The penalty weight*sum(x) on x >= 0 is a proximal operator: soft-threshold, then project. For
bounds and a smooth f, L-BFGS-B is the tool of the field; it solves the same problem here.
"""

import sys

import numpy as np
from scipy.optimize import minimize as scipy_minimize

import radam_ref
from radam_ref.optimize import prox, stop

SIZE, WEIGHT = 24, 0.02


def phantom():
    """Two discs and a bar, on nothing."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    image = 1.0 * ((x + 0.3) ** 2 + (y + 0.2) ** 2 < 0.1)
    image += 0.5 * ((x - 0.4) ** 2 + (y - 0.4) ** 2 < 0.05)
    return image + 0.8 * ((abs(x - 0.4) < 0.07) & (abs(y + 0.4) < 0.35))


def sparse_and_non_negative(x, step):
    return prox.non_negative(prox.soft_threshold(WEIGHT)(x, step), step)


def main(picture=None):
    rng, image = np.random.default_rng(0), phantom()
    rows = SIZE * SIZE // 2
    projections = rng.normal(size=(rows, SIZE * SIZE)) / np.sqrt(rows)
    data = projections @ image.ravel() + 0.01 * rng.normal(size=rows)

    def misfit(x):
        rest = projections @ x.ravel() - data
        return rest @ rest / 2, (projections.T @ rest).reshape(x.shape)

    result = radam_ref.minimize(
        misfit, np.zeros_like(image), lr=0.02, jac=True, prox=sparse_and_non_negative,
        stop=stop.gtol(1e-3),
    )  # fmt: skip

    def penalised(x):
        f, g = misfit(x)
        return f + WEIGHT * x.sum(), g + WEIGHT

    bounds = [(0, None)] * image.size
    exact = scipy_minimize(penalised, np.zeros(image.size), jac=True, bounds=bounds)
    f = misfit(result.x)[0] + WEIGHT * result.x.sum()
    error = np.linalg.norm(result.x - image) / np.linalg.norm(image)
    print(result.message)
    print(f"error of the image {100 * error:.1f} %, objective {f:.6f} after {result.nit} steps;")
    print(f"L-BFGS-B {exact.fun:.6f} after {exact.nfev} evaluations: it wins on one smooth f.")
    if picture:
        draw(picture, image, result.x)
    return {"radam": f, "l-bfgs-b": exact.fun, "error": error, "result": result}


def draw(picture, *images):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4))
    for axes, image, title in zip(figure.subplots(1, 2), images, ("phantom", "found"), strict=True):
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        axes.set(title=title, xticks=[], yticks=[])
    figure.savefig(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
