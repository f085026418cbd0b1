"""Faults of weight decay."""

from __future__ import annotations

from ..fault import Fault, fault, github, hyper
from ..lines import APPLY, COUPLED, DECAY, DECOUPLED, NESTEROV, NONE, SQUARE

DECAYS: tuple[Fault, ...] = (
    fault(
        "decay-ignored",
        "weight decay is ignored",
        "S5",
        hyper("weight_decay=0.0"),
        source=github("fastai/fastai2/issues/246"),
    ),
    fault(
        "decay-doubled",
        "weight decay is applied twice",
        "S5",
        hyper("weight_decay=2 * h.weight_decay"),
    ),
    fault(
        "decay-without-lr",
        "decoupled decay is not multiplied by lr",
        "S5",
        (DECOUPLED, '"decoupled": h.weight_decay'),
        source=github("tensorflow/addons/issues/2282"),
    ),
    fault(
        "decay-by-lr-squared",
        "decoupled decay is multiplied by lr twice",
        "S5",
        (DECOUPLED, '"decoupled": h.lr * h.lr * h.weight_decay'),
    ),
    fault(
        "decay-after-the-step",
        "decoupled decay comes after the step",
        "S5",
        (DECAY, "x = x - h.lr * u"),
        (APPLY, DECAY.replace("x = x", "return x")),
        source="thinc 8.3, L2_is_weight_decay",
    ),
    fault(
        "decay-grows",
        "weight decay has the wrong sign: parameters grow",
        "S5",
        hyper("weight_decay=-h.weight_decay"),
    ),
    fault(
        "decay-only-where-rectified",
        "decoupled decay is skipped in steps that are not rectified",
        "S5",
        (DECAY, f"{DECAY} * (k.r_t is not None)"),
        source="the authors' radam.py, there with the step",
    ),
    fault(
        "decay-by-r",
        "decoupled decay is multiplied by r_t",
        "S5",
        (DECAY, f"{DECAY} * (k.r_t or 1.0)"),
    ),
    fault(
        "decay-of-moving-elements-alone",
        "elements with a zero gradient do not decay",
        "S5",
        (DECAY, f"{DECAY} * (g != 0)"),
    ),
    fault(
        "decay-not-of-0-d",
        "0-d tensors do not decay",
        "S5",
        hyper("weight_decay=h.weight_decay if self.params[i].ndim else 0.0"),
    ),
    fault(
        "decay-not-while-ascending",
        "decoupled decay is left out while ascending",
        "S5",
        (DECAY, f"{DECAY} * (not h.maximize)"),
    ),
    fault(
        "decay-with-the-sign-of-ascent",
        "decoupled decay grows parameters while ascending",
        "S5",
        (DECAY, f"{DECAY} * (-1 if h.maximize else 1)"),
    ),
    fault(
        "decay-of-another-kind",
        "decay is coupled where it should be decoupled, or decoupled where it should be coupled",
        "S5",
        ('if dialect.weight_decay == "coupled":', 'if dialect.weight_decay == "decoupled":'),
        ('"decoupled": h.lr', '"coupled": h.lr'),
        source=github("pytorch/pytorch/pull/107507"),
    ),
    fault(
        "decay-coupled-alone",
        "decay is always coupled, even where it should be decoupled",
        "S5",
        ('if dialect.weight_decay == "coupled":', "if h.weight_decay:"),
        (DECOUPLED, '"decoupled": 0.0'),
    ),
    fault(
        "decay-of-both-kinds",
        "decay is coupled and decoupled at once",
        "S5",
        ('if dialect.weight_decay == "coupled":', "if h.weight_decay:"),
        (DECAY, "x = x - h.lr * h.weight_decay * x"),
    ),
    fault(
        "coupled-decay-ignored",
        "coupled decay is ignored, decoupled decay is not",
        "S5",
        (COUPLED, "pass"),
        source="pytorch_optimizer 4.1: RAdam(weight_decouple=False)",
    ),
    fault(
        "coupled-decay-by-lr",
        "coupled decay is multiplied by lr",
        "S5",
        (COUPLED, "g = g + h.lr * h.weight_decay * x"),
    ),
    fault(
        "coupled-decay-not-in-v",
        "coupled decay enters m, not v",
        "S5",
        (COUPLED, "self.__dict__['raw'] = g\n            g = g + h.weight_decay * x"),
        (SQUARE, "square(self.__dict__.pop('raw', g))\n"),
    ),
    fault(
        "coupled-decay-turned",
        "coupled decay is added before the sign of ascent",
        "S5",
        (COUPLED, "g = g + (-1 if h.maximize else 1) * h.weight_decay * x"),
    ),
    fault(
        "coupled-decay-after-v",
        "decay is always decoupled, even where it should be coupled",
        "S5",
        (COUPLED, "pass"),
        (
            APPLY,
            "if dialect.weight_decay == 'coupled':\n"
            "            u = u + h.weight_decay * x\n"
            "        return x - h.lr * u",
        ),
        source="pylocron RaLars",
    ),
    fault(
        "decay-by-the-first-lr",
        "decoupled decay keeps the lr of the first step",
        "S5",
        (
            DECOUPLED,
            '"decoupled": self.__dict__.setdefault(f"lr{i}", h.lr) * h.weight_decay',
        ),
    ),
    fault(
        "decay-without-a-gradient",
        "a tensor without a gradient decays all the same",
        "S5",
        (
            NONE,
            "if g is None:\n"
            "                h = hypers[self.groups[i]]\n"
            "                if self.dialect.weight_decay == 'decoupled':\n"
            "                    self.params[i] = self.params[i] * (1 - h.lr * h.weight_decay)\n"
            "                continue",
        ),
    ),
    fault(
        "decay-of-biases-left-out",
        "0-d and 1-D arrays do not decay",
        "S5",
        hyper("weight_decay=h.weight_decay * (g.ndim > 1)"),
        source="timm, create_optimizer: a group of its own for them",
    ),
    fault(
        "decay-of-the-real-part",
        "decoupled decay leaves the imaginary part as it is",
        "S8",
        (DECAY, f"{DECAY}.real"),
    ),
    fault(
        "coupled-decay-of-the-real-part",
        "coupled decay leaves out the imaginary part",
        "S8",
        (COUPLED, f"{COUPLED}.real"),
    ),
    fault(
        "nesterov-without-coupled-decay",
        "the look ahead has the gradient before the decay is added",
        "S5",
        (COUPLED, f"self.__dict__['raw'] = g\n            {COUPLED}"),
        (NESTEROV, NESTEROV.replace("* g /", "* self.__dict__.pop('raw', g) /")),
    ),
)
