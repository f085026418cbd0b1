"""Faults of the gradient and of the first moment (lines 4 and 6), and of their numbers."""

from __future__ import annotations

from ..fault import Fault, fault, github, gradient
from ..lines import CLASS, FIRST, M_HAT, MOMENTS, STORED

NARROW = """def narrow(x: Array, to: str) -> Array:
    if np.iscomplexobj(x):
        return x.real.astype(to).astype(x.real.dtype) + 1j * x.imag.astype(to).astype(x.real.dtype)
    return np.asarray(x).astype(to).astype(x.dtype)


"""


def _kept(name: str, to: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """The edits that keep a moment in a narrow dtype."""
    rounded = f"self.{name}[i] = narrow(self.{name}[i], {to!r})"
    return (CLASS, NARROW + CLASS), (MOMENTS, f"{rounded}\n        {MOMENTS}")


_GRADIENT = (
    fault(
        "gradient-clipped",
        "|g| is clipped to 1",
        "line 4",
        gradient("g = g / np.maximum(1, np.abs(g))"),
        source="thinc 8.3, grad_clip",
    ),
    fault(
        "gradient-normalised",
        "the gradient is divided by its norm where that is above 1",
        "line 4",
        gradient("g = g / max(1.0, float(np.sqrt(square(g).sum())))"),
        source=github("explosion/thinc/pull/452"),
    ),
    fault(
        "gradient-centred",
        "the mean of the gradient is subtracted",
        "line 4",
        gradient("g = g - g.sum() / max(1, g.size)"),
    ),
    fault(
        "gradient-of-the-step-before",
        "the gradient is that of the step before",
        "line 4",
        gradient("last = self.__dict__.get(f'g{i}', 0 * g)", "self.__dict__[f'g{i}'], g = g, last"),
    ),
    fault(
        "gradient-as-a-mean",
        "the gradient is divided by the number of elements",
        "line 4",
        gradient("g = g / max(1, g.size)"),
    ),
    fault(
        "gradient-halved",
        "the gradient is halved",
        "line 4",
        gradient("g = g / 2"),
    ),
    fault(
        "gradient-in-binary32",
        "the gradient is rounded to binary32",
        "line 4",
        (CLASS, NARROW + CLASS),
        gradient("g = narrow(g, 'float32')"),
        source="timm RAdamLegacy and others: .float()",
    ),
)

_FIRST = (
    fault(
        "m-weight-missing",
        "1 - beta1 is missing in m",
        "line 6",
        (FIRST, "self.m[i] = h.beta1 * self.m[i] + g"),
    ),
    fault(
        "m-weights-exchanged",
        "beta1 and 1 - beta1 are exchanged in m",
        "line 6",
        (FIRST, "self.m[i] = (1 - h.beta1) * self.m[i] + h.beta1 * g"),
    ),
    fault(
        "m-never-forgets",
        "m is not multiplied by beta1",
        "line 6",
        (FIRST, "self.m[i] = self.m[i] + (1 - h.beta1) * g"),
    ),
    fault(
        "m-by-beta2",
        "m has beta2 for beta1",
        "line 6",
        (FIRST, "self.m[i] = h.beta2 * self.m[i] + (1 - h.beta2) * g"),
    ),
    fault(
        "m-is-the-gradient",
        "there is no first moment: m is the gradient",
        "line 6",
        (MOMENTS, "m, v = g, self.v[i]"),
    ),
    fault(
        "m-of-the-step-before",
        "the update has the m of the step before",
        "line 6",
        (FIRST, f"last = self.m[i]\n        {FIRST}"),
        (MOMENTS, "m, v = last, self.v[i]"),
    ),
    fault(
        "m-keeps-still-elements",
        "m stays where the gradient is zero",
        "line 6",
        (
            FIRST,
            "last = self.m[i]\n"
            f"        {FIRST}\n"
            "        self.m[i] = np.where(g == 0, last, self.m[i])",
        ),
        source="lazy and sparse variants of Adam",
    ),
)

_STORED = (
    fault(
        "m-corrected-in-place",
        "m is corrected where it is kept, again at every step",
        "line 7",
        (M_HAT, "self.m[i] = m_hat = m / k.correction1\n"),
        source=github("frgfm/holocron/issues/1"),
    ),
    fault(
        "v-corrected-in-place",
        "v is corrected where it is kept, again at every step",
        "line 10",
        (MOMENTS, "m, v = self.m[i], self.v[i]\n        self.v[i] = v / k.correction2"),
        source=github("frgfm/holocron/issues/1"),
    ),
    fault(
        "m-in-binary32",
        "m is kept in binary32",
        "line 6",
        *_kept("m", "float32"),
        source="the authors' radam.py, timm RAdamLegacy",
    ),
    fault(
        "v-in-binary32",
        "v is kept in binary32",
        "line 5",
        *_kept("v", "float32"),
        source="the authors' radam.py, timm RAdamLegacy",
    ),
    fault(
        "m-in-half",
        "m is kept in half precision",
        "line 6",
        *_kept("m", "float16"),
        source="optax in float16: moments in the dtype of the parameters",
    ),
    fault(
        "v-in-half",
        "v is kept in half precision",
        "line 5",
        *_kept("v", "float16"),
        source=github("google-deepmind/optax/issues/1754"),
    ),
    fault(
        "params-in-binary32",
        "the parameters are kept in binary32",
        "line 12",
        (
            STORED,
            "return x.astype(np.complex64 if np.iscomplexobj(x) else np.float32).astype(dtype)",
        ),
        source="the authors' radam.py: .float()",
    ),
)

GRADIENT: tuple[Fault, ...] = (*_GRADIENT, *_FIRST, *_STORED)
