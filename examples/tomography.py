"""scikit-image's phantom from random projections, half as many as pixels.

The image is non-negative (bounds), mostly empty (a prox, soft-threshold) and flat but for edges
(total variation, part of f). L-BFGS-B, to which all that is one smooth f within bounds, needs a
tenth of the evaluations: it wins. A prox is for penalties that have no smooth form.
"""

import sys

import numpy as np
import shared
from scipy.optimize import minimize as scipy_minimize
from skimage.data import shepp_logan_phantom

import radam_ref
from radam_ref.optimize import prox, stop

SIZE, SPARSE, FLAT, EDGE = 25, 0.001, 0.002, 0.01


def variation(x):
    """Its total, with corners rounded below EDGE, and the gradient."""
    down, right = np.diff(x, axis=0, append=x[-1:]), np.diff(x, axis=1, append=x[:, -1:])
    size = np.sqrt(down**2 + right**2 + EDGE**2)
    down, right = down / size, right / size
    gradient = -down - right
    gradient[1:] += down[:-1]
    gradient[:, 1:] += right[:, :-1]
    return size.sum(), gradient


def main(picture=None):
    rng, fine = np.random.default_rng(0), shepp_logan_phantom()  # of 400 by 400
    image = fine.reshape(SIZE, 400 // SIZE, SIZE, 400 // SIZE).mean(axis=(1, 3))
    rows = SIZE * SIZE // 2
    projections = rng.normal(size=(rows, SIZE * SIZE)) / np.sqrt(rows)
    data = projections @ image.ravel() + 0.01 * rng.normal(size=rows)

    def objective(x):
        rest, (total, slope) = projections @ x.ravel() - data, variation(x)
        back = (projections.T @ rest).reshape(x.shape)
        return rest @ rest / 2 + FLAT * total, back + FLAT * slope

    result = radam_ref.minimize(
        objective, np.zeros_like(image), lr=lambda t: 0.01 / (1 + t / 500), jac=True,
        config=radam_ref.RAdamConfig(beta2=0.99, dialect="paper-hold"), bounds=(0, None),
        prox=prox.soft_threshold(SPARSE), stop=stop.gtol(1e-4),
    )  # fmt: skip

    def penalized(vector):
        f, g = objective(vector.reshape(image.shape))
        return f + SPARSE * vector.sum(), g.ravel() + SPARSE

    exact = scipy_minimize(penalized, 0 * image.ravel(), jac=True, bounds=[(0, None)] * image.size)
    error = np.linalg.norm(result.x - image) / np.linalg.norm(image)
    print(result.message)
    print(
        f"error of the image {100 * error:.1f} %, objective {result.fun:.6f}, {result.nfev} calls"
    )
    print(f"L-BFGS-B: objective {exact.fun:.6f}, {exact.nfev} calls")
    if picture:
        found = {"phantom": image, "RAdam": result.x, "L-BFGS-B": exact.x.reshape(image.shape)}
        shared.draw_images(picture, "absorption", found, cmap="gray")
    return {"l-bfgs-b": exact, "error": error, "result": result}


if __name__ == "__main__":
    main(*sys.argv[1:])
