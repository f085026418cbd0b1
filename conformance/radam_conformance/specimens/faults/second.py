"""Faults of the second moment (line 5)."""

from __future__ import annotations

from ..fault import Fault, fault, gradient
from ..lines import LOADED, MOMENTS, SAVED, SECOND, SQUARE

SECOND_MOMENT: tuple[Fault, ...] = (
    fault(
        "betas-exchanged",
        "beta1 and beta2 are exchanged",
        "lines 5 and 6",
        gradient("h = h._replace(beta1=h.beta2, beta2=h.beta1)"),
    ),
    fault(
        "v-weight-missing",
        "1 - beta2 is missing in v",
        "line 5",
        (SECOND, "self.v[i] = h.beta2 * self.v[i] + square(g)"),
    ),
    fault(
        "v-weights-exchanged",
        "beta2 and 1 - beta2 are exchanged in v",
        "line 5",
        (SECOND, "self.v[i] = (1 - h.beta2) * self.v[i] + h.beta2 * square(g)"),
    ),
    fault(
        "v-never-forgets",
        "v is not multiplied by beta2",
        "line 5",
        (SECOND, "self.v[i] = self.v[i] + (1 - h.beta2) * square(g)"),
    ),
    fault(
        "v-by-beta1",
        "v has beta1 for beta2",
        "line 5",
        (SECOND, "self.v[i] = h.beta1 * self.v[i] + (1 - h.beta1) * square(g)"),
    ),
    fault(
        "v-of-the-step-before",
        "the update has the v of the step before",
        "line 5",
        (SECOND, f"last = self.v[i]\n        {SECOND}"),
        (MOMENTS, "m, v = self.m[i], last"),
    ),
    fault("v-of-absolute-values", "v has |g| for g^2", "line 5", (SQUARE, "np.abs(g)\n")),
    fault(
        "v-of-deviations",
        "v has (g - m)^2 for g^2, as in AdaBelief",
        "line 5",
        (SQUARE, "square(g - self.m[i])\n"),
    ),
    fault("v-of-m", "v has m^2 for g^2", "line 5", (SQUARE, "square(self.m[i])\n")),
    fault(
        "v-as-a-maximum",
        "v never falls",
        "line 5",
        (
            SECOND,
            f"last = self.v[i]\n        {SECOND}\n        self.v[i] = np.maximum(self.v[i], last)",
        ),
    ),
    fault(
        "v-replaced-by-its-maximum",
        "the update has the largest v so far, as in AMSGrad",
        "line 10",
        (SAVED["v"], f"{SAVED['v']}, 'top': self.__dict__.get('top', {{}})"),
        (LOADED["v"], f"{LOADED['v']}\n        self.top = saved.get('top', {{}})"),
        (
            MOMENTS,
            "self.top = self.__dict__.get('top', {})\n"
            "        self.top[i] = np.maximum(self.top.get(i, 0), self.v[i])\n"
            "        m, v = self.m[i], self.top[i]",
        ),
    ),
    fault(
        "v-as-a-norm",
        "v is the largest |g|^2 of late, as in AdaMax",
        "line 5",
        (SECOND, "self.v[i] = np.maximum(h.beta2 * self.v[i], square(g))"),
    ),
    fault(
        "v-of-the-whole-array",
        "v is one number for the whole array",
        "line 5",
        (SQUARE, "np.full_like(g.real, square(g).sum() / max(1, g.size))\n"),
    ),
    fault(
        "v-keeps-still-elements",
        "v stays where the gradient is zero",
        "line 5",
        (
            SECOND,
            "last = self.v[i]\n"
            f"        {SECOND}\n"
            "        self.v[i] = np.where(g == 0, last, self.v[i])",
        ),
    ),
    fault(
        "v-at-least-1e-12",
        "v is never below 1e-12",
        "line 5",
        (MOMENTS, "m, v = self.m[i], np.maximum(self.v[i], 1e-12)"),
    ),
)
