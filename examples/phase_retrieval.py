"""Ptychography: a complex object, a complex probe and the scan positions, in one call.

A detector sees |FFT(probe * shifted object)| alone. The three unknowns are a list, each with an lr
in its own units. `python phase_retrieval.py picture.png cupy` runs it on a GPU.
"""

import importlib
import sys

import numpy as np

import radam_ref

SIZE, SCANS = 24, 25


def truth(rng):
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    a, b = rng.uniform(-0.7, 0.7, (2, 6, 1, 1))
    density = np.exp(-((x - a) ** 2 + (y - b) ** 2) / 0.02).sum(axis=0)
    probe = np.exp(-(x**2 + y**2) / 0.15) * np.exp(2j * (x**2 + y**2))
    grid = np.linspace(-6, 6, int(SCANS**0.5))
    positions = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    return (1 - 0.3 * density) * np.exp(1j * density), probe, positions


def model(xp, measured):
    k = 2j * np.pi * xp.fft.fftfreq(SIZE)

    def propagate(unknowns):
        """What each scan has of the object, and the field on the detector."""
        object_, probe, positions = unknowns
        ramp = xp.exp(k[:, None] * positions[:, :1, None] + k * positions[:, 1:, None])
        spectrum = ramp * xp.fft.fft2(object_)
        return ramp, spectrum, (seen := xp.fft.ifft2(spectrum)), xp.fft.fft2(probe * seen) / SIZE

    def misfit(unknowns):
        """Half the squared error of the amplitudes; gradients df/dRe + i df/dIm."""
        ramp, spectrum, seen, field = propagate(unknowns)
        size = abs(field)
        back = xp.fft.ifft2((size - measured) * field / (size + 1e-12)) * SIZE
        of_seen = xp.conj(unknowns[1]) * back
        of_object = xp.sum(xp.fft.ifft2(xp.conj(ramp) * xp.fft.fft2(of_seen)), axis=0)
        moved = (xp.fft.ifft2(k[:, None] * spectrum), xp.fft.ifft2(k * spectrum))
        of_positions = [xp.sum((xp.conj(of_seen) * part).real, axis=(1, 2)) for part in moved]
        gradient = [of_object, xp.sum(xp.conj(seen) * back, axis=0), xp.stack(of_positions, axis=1)]
        return xp.sum((size - measured) ** 2) / 2, gradient

    return propagate, misfit


def main(picture=None, namespace="numpy"):
    xp, rng = importlib.import_module(namespace), np.random.default_rng(1)
    object_, probe, positions = map(xp.asarray, truth(rng))
    measured = abs(model(xp, None)[0]((object_, probe, positions))[-1])
    shaken = positions + xp.asarray(rng.normal(size=(SCANS, 2)) / 2)
    guess = [xp.ones_like(object_), abs(probe) + 0j, shaken]
    misfit = model(xp, measured)[1]
    result = radam_ref.minimize(
        misfit, guess, lr=[0.02, 0.02, 0.05], jac=True, maxiter=400, check_every=10
    )
    start, found = float(misfit(guess)[0]), float(result.fun)
    print(f"misfit {start:.3g}, after {result.nit} steps {found:.3g}; {result.message}")
    if picture:
        host = [part.get() if namespace == "cupy" else part for part in (object_, result.x[0])]
        draw(picture, *map(np.angle, host))
    return {"start": start, "found": found, "result": result, "misfit": misfit}


def draw(picture, *phases):
    from matplotlib.figure import Figure

    figure = Figure()
    for axes, phase in zip(figure.subplots(1, 2), phases, strict=True):
        axes.imshow(phase)
    figure.savefig(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
