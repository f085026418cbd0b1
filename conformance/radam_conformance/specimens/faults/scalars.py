"""Faults of the count t and of what depends on it: the powers and the corrections."""

from __future__ import annotations

from ..fault import Fault, fault, github
from ..lines import CORRECTION1, COUNT, POWERS, RESULT, T

_COUNT = (
    fault(
        "step-counted-twice",
        "the step is counted twice",
        "line 3",
        (COUNT, "self.t[i] += 2"),
        source=github("geoopt/geoopt/issues/164"),
    ),
    fault(
        "t-starts-at-2",
        "t is one ahead: it starts at 2",
        "line 3",
        (T, "t, dialect = self.t[i] + 1, self.dialect"),
        source="thinc 8.3, Optimizer._radam",
    ),
    fault(
        "t-starts-at-0",
        "t is one behind: it starts at 0",
        "line 3",
        (T, "t, dialect = self.t[i] - 1, self.dialect"),
    ),
    fault(
        "first-count-lost",
        "t is one behind after the first step",
        "line 3",
        (T, "t, dialect = max(1, self.t[i] - 1), self.dialect"),
    ),
    fault(
        "t-never-counted",
        "t stays 1",
        "line 3",
        (T, "t, dialect = 1, self.dialect"),
    ),
    fault(
        "counted-by-every-tensor",
        "the step is counted once for every tensor",
        "line 3",
        (COUNT, "self.t = [t + 1 for t in self.t]"),
        source="rustorch, src/optim/radam.rs",
    ),
    fault(
        "counted-without-gradient",
        "a tensor without a gradient counts the step all the same",
        "S6",
        ("if g is None:\n", "if g is None:\n                self.t[i] += 1\n"),
        source="pytorch_optimizer 4.1 and optimi 0.3, a count per group",
    ),
    fault(
        "t-in-int8",
        "the count wraps around after 255",
        "line 3",
        (COUNT, "self.t[i] = (self.t[i] + 1) % 256"),
    ),
    fault(
        "t-in-int16",
        "the count wraps around after 32,767",
        "line 3",
        (COUNT, "self.t[i] = (self.t[i] + 1) % 2**15"),
    ),
    fault(
        "t-in-bfloat16",
        "the count stops at 256",
        "line 3",
        (COUNT, "self.t[i] = min(256, self.t[i] + 1)"),
    ),
    fault(
        "t-in-float16",
        "the count stops at 2,048",
        "line 3",
        (COUNT, "self.t[i] = min(2048, self.t[i] + 1)"),
    ),
)

_CORRECTIONS = (
    fault(
        "powers-a-step-late",
        "both powers are those of the step before",
        "lines 7 to 10",
        (POWERS, "power1, power2 = power(beta1, max(1, t - 1)), power(beta2, max(1, t - 1))"),
    ),
    fault(
        "powers-exchanged",
        "beta1^t and beta2^t are exchanged",
        "lines 7 to 10",
        (POWERS, "power1, power2 = power(beta2, t), power(beta1, t)"),
    ),
    fault(
        "power1-is-beta1",
        "m is corrected by 1 - beta1 at every step",
        "line 7",
        (CORRECTION1, "correction1 = 1 - beta1"),
    ),
    fault(
        "power2-is-beta2",
        "v is corrected by 1 - beta2 at every step",
        "line 10",
        (RESULT, "return Terms(correction1, correction1_next, 1 - beta2, r_t)"),
    ),
    fault(
        "corrections-end-at-100",
        "the corrections are left out from step 100 on",
        "lines 7 and 10",
        (RESULT, "return Terms(correction1, correction1_next, correction2 if t < 100 else 1, r_t)"),
    ),
    fault(
        "corrections-exchanged",
        "1 - beta1^t and 1 - beta2^t are exchanged in the corrections",
        "lines 7 and 10",
        (RESULT, "return Terms(correction2, correction1_next, correction1, r_t)"),
    ),
    fault(
        "corrections-added",
        "the corrections are 1 + beta^t",
        "lines 7 and 10",
        (RESULT, "return Terms(1 + power1, correction1_next, 1 + power2, r_t)"),
    ),
)

SCALARS: tuple[Fault, ...] = (*_COUNT, *_CORRECTIONS)
