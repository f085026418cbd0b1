"""Ptychography: a complex object, a complex probe and the scan positions, in one call.

A detector sees |FFT(probe * shifted object)| alone. `python phase_retrieval.py picture.png cupy`
runs on a GPU. Torch's Adam, at its own best lr, comes as low; L-BFGS-B wins if given 600 calls.
"""

import importlib
import sys
from itertools import repeat

import numpy as np
import shared

import radam_ref

SIZE, STEPS, RATES = 24, 300, (0.1, 0.1, 0.2)


def decay(t):
    return 1 / (1 + t / 150)


def truth(rng):
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    a, b = rng.uniform(-0.7, 0.7, (2, 6, 1, 1))
    density = np.exp(-((x - a) ** 2 + (y - b) ** 2) / 0.02).sum(axis=0)
    probe = np.exp((2j - 1 / 0.15) * (x**2 + y**2))
    positions = np.mgrid[-6:6:5j, -6:6:5j].T.reshape(-1, 2)
    return (1 - 0.3 * density) * np.exp(1j * density), probe, positions


def model(xp, measured):
    k = 2j * np.pi * xp.fft.fftfreq(SIZE)

    def propagate(object_, probe, positions):
        """What each scan has of the object, and the field on the detector."""
        ramp = xp.exp(k[:, None] * positions[:, :1, None] + k * positions[:, 1:, None])
        spectrum = ramp * xp.fft.fft2(object_)
        return ramp, spectrum, (seen := xp.fft.ifft2(spectrum)), xp.fft.fft2(probe * seen) / SIZE

    def misfit(unknowns):
        """Half the squared error of the amplitudes; gradients df/dRe + i df/dIm."""
        ramp, spectrum, seen, field = propagate(*unknowns)
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
    measured = abs(model(xp, None)[0](object_, probe, positions)[-1])
    shaken = positions + xp.asarray(rng.normal(size=positions.shape) / 2)
    guess, misfit = [xp.ones_like(object_), abs(probe) + 0j, shaken], model(xp, measured)[1]
    result = radam_ref.minimize(
        misfit, guess, lr=lambda t: [rate * decay(t) for rate in RATES], jac=True, maxiter=STEPS,
        config=radam_ref.RAdamConfig(beta2=0.99, dialect="paper-hold"), check_every=10,
    )  # fmt: skip
    found = {"at first": float(misfit(guess)[0]), "RAdam": float(result.fun)}
    if namespace == "numpy":
        calls, its_rates = repeat((), STEPS), (0.03, 0.03, 0.06)
        found["Adam"] = misfit(shared.adam(misfit, guess, its_rates, decay, calls, beta2=0.99))[0]
        found["L-BFGS-B"] = shared.l_bfgs_b(misfit, guess, STEPS)
    print(f"misfit, {STEPS} steps:", ", ".join(f"{name} {f:.2g}" for name, f in found.items()))
    if picture:
        x = result.x[0] * xp.exp(-1j * xp.angle(xp.vdot(object_, result.x[0])))
        shared.draw_images(picture, "radians", {"true": xp.angle(object_), "RAdam": xp.angle(x)})
    return {**found, "result": result, "misfit": misfit}


if __name__ == "__main__":
    main(*sys.argv[1:])
