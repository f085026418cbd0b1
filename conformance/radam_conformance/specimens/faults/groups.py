"""Faults of schedules, of groups and of several tensors."""

from __future__ import annotations

from ..fault import Fault, fault, github, hyper
from ..lines import APPLY, COUNT, FIRST, GROUP, M_HAT, MOMENTS, NONE, SECOND, TERMS

_SCHEDULE = (
    fault(
        "lr-read-once",
        "lr is read at the first step alone",
        "S4",
        hyper("lr=self.__dict__.setdefault(f'lr{self.groups[i]}', h.lr)"),
        source=github("LiyuanLucasLiu/RAdam/issues/24"),
    ),
    fault(
        "lr-a-step-late",
        "a new lr counts a step late",
        "S4",
        (
            GROUP,
            f"{GROUP}\n"
            "            late = self.__dict__.get(f'lr{i}', h.lr)\n"
            "            self.__dict__[f'lr{i}'] = h.lr\n"
            "            h = h._replace(lr=late)",
        ),
    ),
    fault(
        "lr-in-the-moments",
        "lr is in m: a new lr scales old gradients too late",
        "S4",
        ("+ (1 - h.beta1) * g\n        self.v", "+ (1 - h.beta1) * h.lr * g\n        self.v"),
        ("return x - h.lr * u", "return x - u"),
    ),
    fault(
        "lr-zero-as-missing",
        "a step with lr = 0 is skipped, its count and its moments too",
        "S4",
        (GROUP, f"{GROUP}\n            if h.lr == 0:\n                continue"),
    ),
    fault(
        "terms-cached-in-ten-slots",
        "r_t and the corrections are cached in ten slots that are never refreshed",
        "lines 7 to 11",
        (TERMS, "k = self.__dict__.setdefault(('terms', t % 10), terms(t, h, dialect.threshold))"),
        source=github("LiyuanLucasLiu/RAdam/issues/24"),
    ),
)

_GROUPS = (
    fault(
        "terms-of-the-first-group",
        "r_t and the corrections of the first group serve all groups",
        "S1",
        (TERMS, "k = self.__dict__.setdefault(('terms', t), terms(t, h, dialect.threshold))"),
        source="jettify, catalyst, pytorch_ranger: a cache of ten slots by the step",
    ),
    *(
        fault(
            f"{name.replace('_', '-')}-of-the-first-group",
            f"{name} of the first group serves all groups",
            "S1",
            hyper(f"{name}=hypers[0].{name}"),
            source=source,
        )
        for name, source in (
            ("lr", "timm RAdamLegacy, jettify, catalyst: lr inside the shared cache"),
            ("beta1", github("jettify/pytorch-optimizer/issues/96")),
            ("beta2", github("jettify/pytorch-optimizer/issues/96")),
            ("eps", ""),
            ("weight_decay", ""),
            ("maximize", "pytorch_optimizer 4.1: maximize is the optimizer's, not the group's"),
        )
    ),
    fault(
        "betas-of-the-first-group",
        "the betas of the first group serve all groups",
        "S1",
        hyper("beta1=hypers[0].beta1, beta2=hypers[0].beta2"),
        source="optimi 0.3: a group takes beta1 and beta2, and ignores betas",
    ),
    fault(
        "beta1-of-the-last-group",
        "beta1 of the last group serves all groups",
        "S1",
        hyper("beta1=hypers[-1].beta1"),
    ),
    fault(
        "one-ascends-all-ascend",
        "where one group ascends, all do",
        "S1",
        hyper("maximize=any(each.maximize for each in hypers)"),
    ),
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
        "count-of-the-group-in-betas",
        "a tensor without a gradient counts the step all the same, and its moments, which are "
        "kept corrected, get wrong weights",
        "S6",
        ("if g is None:\n", "if g is None:\n                self.t[i] += 1\n"),
        (
            FIRST,
            "hat1, hat2 = ((b - b**t) / (1 - b**t) for b in (h.beta1, h.beta2))"
            "\n        self.m[i] = hat1 * self.m[i] + (1 - hat1) * g",
        ),
        (SECOND, "self.v[i] = hat2 * self.v[i] + (1 - hat2) * square(g)"),
        (MOMENTS, f"{MOMENTS} * k.correction2"),
        (M_HAT, "m_hat = m\n"),
        source="optimi 0.3, a count per group",
    ),
    fault(
        "groups-ignored",
        "the last group's hyper-parameters serve all groups",
        "S1",
        (GROUP, "h = hypers[-1]"),
    ),
    fault(
        "groups-beyond-the-second",
        "the second group's hyper-parameters serve all further groups",
        "S1",
        (GROUP, "h = hypers[min(1, self.groups[i])]"),
    ),
    fault(
        "group-of-the-tensor-before",
        "a tensor has the hyper-parameters of the tensor before it",
        "S1",
        (GROUP, "h = hypers[self.groups[max(0, i - 1)]]"),
    ),
    fault(
        "state-by-shape",
        "tensors of the same shape share their moments",
        "S6",
        (
            "m, v = self.m[i], self.v[i]",
            "m, v = self.m[i], self.v[i]\n"
            "        k_th = [x.shape for x in self.params].index(self.params[i].shape)\n"
            "        self.m[k_th], self.v[k_th] = m, v",
        ),
    ),
    fault(
        "state-shared",
        "tensors share their moments",
        "S6",
        ("h.beta1 * self.m[i] +", "h.beta1 * self.m[0] +"),
        ("h.beta2 * self.v[i] +", "h.beta2 * self.v[0] +"),
        ("m, v = self.m[i], self.v[i]", "m, v = self.m[0], self.v[0] = self.m[i], self.v[i]"),
    ),
    fault(
        "count-of-the-first-tensor",
        "all tensors have the count of the first",
        "S6",
        ("t, dialect = self.t[i],", "t, dialect = self.t[0],"),
        source="pytorch_optimizer 4.1 and optimi 0.3, a count per group",
    ),
    fault(
        "missing-as-zero",
        "a missing gradient is taken for zero",
        "S6",
        (NONE, "if g is None:\n                g = np.zeros_like(self.params[i])"),
    ),
    fault(
        "missing-as-zero-once-started",
        "a missing gradient is taken for zero once a tensor has had one",
        "S6",
        (
            NONE,
            "if g is None and self.t[i]:\n"
            "                g = np.zeros_like(self.params[i])\n"
            f"            {NONE}",
        ),
        source="zero_grad(set_to_none=False)",
    ),
    fault(
        "late-tensor-starts-at-2",
        "a tensor that joins late counts its first step as its second",
        "S6",
        (COUNT, "self.t[i] += 2 if self.t[i] == 0 and max(self.t) > 1 else 1"),
    ),
    fault(
        "missing-as-the-last",
        "a missing gradient is taken for the last one",
        "S6",
        (
            NONE,
            "g = self.__dict__.get(f'g{i}') if g is None else g\n"
            "            self.__dict__[f'g{i}'] = g\n"
            "            if g is None:\n"
            "                continue",
        ),
    ),
    fault(
        "zero-as-missing",
        "a gradient of zeros is taken for none",
        "line 4",
        (NONE, "if g is None or not g.any():\n                continue"),
    ),
)

GROUPS: tuple[Fault, ...] = (*_SCHEDULE, *_GROUPS)
