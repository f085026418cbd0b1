"""Faults of real ports that are made of several mistakes at once, so that no single one shows."""

from __future__ import annotations

from collections.abc import Mapping

from ..specimens.fault import Fault, fault, github, hyper
from ..specimens.lines import APPLY, COUPLED, FIRST, M_HAT, MOMENTS, SECOND, TERMS

_LOCAL = "\n        "

COMPOUND: Mapping[str, Fault] = {
    one.name: one
    for one in (
        fault(
            "step-size-by-betas",
            "a cached step size, lr included, serves all groups with the same betas",
            "S1",
            (APPLY, "return x - self.__dict__.setdefault((t, h.beta1, h.beta2), h.lr) * u"),
            source=github("jettify/pytorch-optimizer/issues/96"),
        ),
        fault(
            "step-size-of-the-first-group",
            "a cached step size, lr included, serves all groups",
            "S1",
            (TERMS, "k = self.__dict__.setdefault(('terms', t), terms(t, h, dialect.threshold))"),
            (APPLY, "return x - self.__dict__.setdefault(('lr', t), h.lr) * u"),
            source=github("LiyuanLucasLiu/RAdam/issues/26"),
        ),
        fault(
            "betas-of-the-first-group",
            "the betas of the first group serve all groups",
            "S1",
            hyper("beta1=hypers[0].beta1, beta2=hypers[0].beta2"),
            source="optimi 0.3: a group takes beta1 and beta2, and ignores betas",
        ),
        fault(
            "coupled-decay-ignored",
            "coupled decay is ignored, decoupled decay is not",
            "S5",
            (COUPLED, "pass"),
            source="pytorch_optimizer 4.1: RAdam(weight_decouple=False)",
        ),
        fault(
            "count-of-the-group-in-betas",
            "a tensor without a gradient counts the step all the same, and its moments, which are "
            "kept corrected, get wrong weights",
            "S6",
            ("if g is None:\n", "if g is None:\n                self.t[i] += 1\n"),
            (
                FIRST,
                "hat1, hat2 = ((b - b**t) / (1 - b**t) for b in (h.beta1, h.beta2))"
                f"{_LOCAL}self.m[i] = hat1 * self.m[i] + (1 - hat1) * g",
            ),
            (SECOND, "self.v[i] = hat2 * self.v[i] + (1 - hat2) * square(g)"),
            (MOMENTS, f"m, v = self.m[i], self.v[i] * k.correction2{_LOCAL}"),
            (M_HAT, "m_hat = m\n"),
            source="optimi 0.3, a count per group",
        ),
    )
}
