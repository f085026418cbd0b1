"""Faults of ascent, of Nesterov's look ahead and of complex numbers."""

from __future__ import annotations

from ..fault import Fault, fault, github
from ..lines import AHEAD, ASCENT, GROUP, MODULUS, NESTEROV, SQUARE

_ASCENT = (
    fault("maximize-ignored", "maximize is ignored", "S4", (ASCENT, "pass")),
    fault(
        "always-ascent",
        "maximize counts even where it is not set",
        "S4",
        ("if h.maximize:", "if not h.maximize:"),
    ),
    fault(
        "ascent-where-rectified-alone",
        "maximize counts in rectified steps alone",
        "S4",
        ("if h.maximize:", "if h.maximize and k.r_t is not None:"),
    ),
    fault(
        "ascent-where-unrectified-alone",
        "maximize counts in steps that are not rectified alone",
        "S4",
        ("if h.maximize:", "if h.maximize and k.r_t is None:"),
    ),
    fault(
        "ascent-of-the-update",
        "maximize turns the update, coupled decay included",
        "S4",
        (ASCENT, "pass"),
        ("return x - h.lr * u", "return x - (-h.lr if h.maximize else h.lr) * u"),
    ),
    fault(
        "ascent-of-the-conjugate",
        "maximize turns the real part of the gradient alone",
        "S8",
        (ASCENT, "if h.maximize:\n            g = -np.conj(g)"),
    ),
)

_NESTEROV = (
    fault(
        "nesterov-ignored",
        "Nesterov's look ahead is ignored",
        "S4",
        (AHEAD, "if False:"),
    ),
    fault(
        "nesterov-power",
        "the look ahead corrects m by 1 - beta1^t, not 1 - beta1^(t+1)",
        "S4",
        (NESTEROV, NESTEROV.replace("k.correction1_next", "k.correction1")),
    ),
    fault(
        "nesterov-power-of-g",
        "the look ahead corrects g by 1 - beta1^(t+1), not 1 - beta1^t",
        "S4",
        (NESTEROV, NESTEROV.replace("g / k.correction1", "g / k.correction1_next")),
    ),
    fault(
        "nesterov-g-uncorrected",
        "the look ahead does not correct g",
        "S4",
        (NESTEROV, NESTEROV.replace("g / k.correction1", "g")),
    ),
    fault(
        "nesterov-without-beta1",
        "the look ahead lacks beta1 before m",
        "S4",
        (NESTEROV, NESTEROV.replace("h.beta1 * m /", "m /")),
    ),
    fault(
        "nesterov-where-rectified-alone",
        "the look ahead is left out in steps that are not rectified",
        "S4",
        (AHEAD, "if dialect.nesterov and k.r_t is not None:"),
    ),
    fault(
        "nesterov-without-ascent",
        "the look ahead has the gradient without the sign of ascent",
        "S4",
        (NESTEROV, NESTEROV.replace("* g /", "* (-g if h.maximize else g) /")),
    ),
    fault(
        "nesterov-of-the-conjugate",
        "the look ahead conjugates the gradient",
        "S8",
        (NESTEROV, NESTEROV.replace("* g /", "* np.conj(g) /")),
    ),
)

_COMPLEX = (
    fault(
        "imaginary-part-dropped",
        "the imaginary part of the gradient is dropped",
        "S8",
        (GROUP, f"{GROUP}\n            g = g.real + 0 * g"),
        source="the authors' radam.py, timm RAdamLegacy, jettify, catalyst: .float()",
    ),
    fault(
        "gradient-conjugated",
        "the gradient is conjugated",
        "S8",
        (GROUP, f"{GROUP}\n            g = np.conj(g)"),
        source="JAX gives the conjugate of Torch's gradient",
    ),
    fault(
        "v-of-complex-squares",
        "v has g^2 for |g|^2",
        "S8",
        (SQUARE, "(g * g)\n"),
        source="optimi 0.3; " + github("pytorch/pytorch/issues/59998"),
    ),
    fault(
        "v-of-half-the-modulus",
        "v has the mean of both squared parts for |g|^2",
        "S8",
        (MODULUS, "(g.real * g.real + g.imag * g.imag) / 2"),
    ),
    fault(
        "v-of-the-real-part",
        "v has the real part alone",
        "S8",
        (MODULUS, "g.real * g.real"),
    ),
    fault(
        "complex-of-the-other-kind",
        "v follows the other convention for complex numbers",
        "S8",
        ('dialect.complex == "componentwise"', 'dialect.complex == "modulus"'),
        source=github("google-deepmind/optax/issues/196"),
    ),
)

OPTIONS: tuple[Fault, ...] = (*_ASCENT, *_NESTEROV, *_COMPLEX)
