"""The designs in which two parts of the suite meet: each right alone can be wrong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..cases import Hyper
from .blueprint import DYADIC, LITERAL, Blueprint, dealt, tensor
from .design import dozen
from .half import HALF
from .limits import EXTREME, LONG
from .profiles import BLUEPRINTS as PLAIN

STRONG = DYADIC._replace(weight_decay=0.25)
RATES = (2.0**-4, 2.0**-3, *[2.0**-4] * 4, 1.0, 0.5, *[2.0**-4] * 4)
TWINS = (tensor(3), tensor(3, origin=-0.75))
SHAPES = (tensor(), tensor(3, origin=-0.75), tensor(2, 1, 1, origin=0.25))
THREE = (*TWINS, tensor(2, origin=0.25))
SIX, EIGHT = (
    dozen(seed, *scales)
    for seed, scales in (
        (330, (1.0, 0.5, 2.0, 0.25, 1.0, 4.0)),
        (331, (1.0, 0.5, 2.0, 0.25, 1.0, 4.0, 0.5, 1.0)),
    )
)


def _like(id: str) -> Blueprint:
    """The design of another case, to be changed in one thing."""
    profile, _, name = id.partition("/")
    return next(b for b in PLAIN if (b.profile, b.name) == (profile, name))


def _changing(hyper: Hyper, rates: Sequence[float] = RATES) -> tuple[Hyper, ...]:
    return tuple(hyper._replace(start=t, lr=lr) for t, lr in enumerate(rates, start=1))


def _decay(kind: str) -> list[Blueprint]:
    """Decay where lr changes, where a tensor gets no gradient, and with Nesterov's look ahead."""
    plain, strong = _like(f"decay.{kind}/plain-01"), STRONG._replace(decoupled=kind == "decoupled")
    return [
        replace(
            plain,
            name="schedule-01",
            title="Decay while the learning rate changes",
            purpose="Decay by a rate that was read once, or a step late.",
            flags=("weight-decay", "schedule"),
            requires=(*plain.requires, "schedule"),
            hyper=_changing(strong),
        ),
        replace(
            plain,
            name="gaps-01",
            title="Decay of a tensor without a gradient in every other step",
            purpose="A tensor that gets no gradient does not decay either.",
            flags=("weight-decay", "tensors"),
            requires=(*plain.requires, "tensors", "missing"),
            gradients=dealt(SIX, TWINS, lambda step, i: i == 0 or step % 2 == 1),
            x0=TWINS,
        ),
        replace(
            plain,
            name="shapes-01",
            title="Decay of a 0-d, a 1-D and a 3-D array",
            purpose="Decay that leaves out biases: whether one decays is for groups to say.",
            flags=("weight-decay", "shapes"),
            requires=(*plain.requires, "tensors", "shapes"),
            gradients=dealt(SIX, SHAPES),
            x0=SHAPES,
        ),
        replace(
            plain,
            name="nesterov-01",
            title="Decay with Nesterov's look ahead",
            purpose="The gradient that is looked ahead to is the one that entered m.",
            flags=("weight-decay", "nesterov"),
            requires=(*plain.requires, "nesterov"),
            hyper=(strong._replace(nesterov=True),),
        ),
    ]


def _complex(convention: str) -> list[Blueprint]:
    """Complex parameters that decay, ascend or look ahead."""
    plain = _like(f"complex.{convention}/noise-01")
    kinds = (
        ("decay-01", "decoupled decay", ("weight_decay", "decoupled"), STRONG),
        (
            "decay-02",
            "coupled decay",
            ("weight_decay", "coupled"),
            STRONG._replace(decoupled=False),
        ),
        ("ascent-01", "ascent", ("maximize",), DYADIC._replace(maximize=True)),
        ("ahead-01", "Nesterov's look ahead", ("nesterov",), DYADIC._replace(nesterov=True)),
    )
    return [
        replace(
            plain,
            name=name,
            title=f"Complex parameters with {what}",
            purpose="Both parts take part: neither the imaginary one is lost, nor a conjugate.",
            requires=(*plain.requires, *needs),
            hyper=(hyper,),
        )
        for name, what, needs, hyper in kinds
    ]


def _resume() -> list[Blueprint]:
    """Saving several tensors, and counts that narrow types cannot hold."""
    restored, injected = _like("resume/restore-03"), _like("resume/state-04")
    several = replace(
        restored,
        name="restore-04",
        title="Two tensors with counts of their own, saved and restored",
        purpose="A copy that has the state of the first tensor alone, or one count for all.",
        flags=("resume", "tensors"),
        requires=("restore", "tensors", "missing"),
        gradients=dealt(SIX, TWINS, lambda step, i: i == 0 or step >= 3),
        x0=TWINS,
    )
    changing = replace(
        restored,
        name="restore-05",
        title="Saved and restored while the learning rate changes",
        purpose="A restored state brings an old learning rate back.",
        flags=("resume", "schedule"),
        requires=("restore", "schedule"),
        hyper=_changing(DYADIC),
    )
    assert injected.start is not None
    narrow = [
        replace(
            injected,
            name=f"state-{number:02}",
            title=f"Goes on from t = {t:,} with a long memory",
            hyper=(DYADIC._replace(beta2=1 - 2.0**-16),),
            start=injected.start._replace(t=t),
        )
        for number, t in ((5, 2_049), (6, 40_003), (7, 100_003))
    ]
    return [several, changing, *narrow]


def _groups() -> list[Blueprint]:
    three = tuple(replaced._replace(group=i) for i, replaced in enumerate(THREE))
    pair = _like("groups/lr-01")
    return [
        replace(
            pair,
            name="maximize-01",
            title="The second group ascends",
            purpose="One direction for all groups.",
            flags=("groups", "maximize"),
            requires=("tensors", "groups", "maximize"),
            hyper=(DYADIC, DYADIC._replace(maximize=True, group=1)),
        ),
        replace(
            pair,
            name="three-01",
            title="Three groups, the third in between",
            purpose="Groups beyond the second, or a group that takes its neighbour's numbers.",
            gradients=dealt(EIGHT, three),
            hyper=(
                DYADIC,
                LITERAL._replace(group=1),
                DYADIC._replace(lr=0.25, beta1=0.5, eps=2.0**-4, group=2),
            ),
            x0=three,
        ),
    ]


TINY = {"float64": 2.0**-140, "float32": 2.0**-40}

BLUEPRINTS = (
    *PLAIN,
    *_decay("coupled"),
    *_decay("decoupled"),
    replace(
        _like("tensors/shapes-01"),
        name="twins-01",
        title="Two tensors of the same shape",
        purpose="State that is kept by shape, or found again by value.",
        gradients=dealt(SIX, TWINS),
        x0=TWINS,
    ),
    *_groups(),
    *_resume(),
    replace(
        _like("eps0/plain-01"),
        name="tiny-01",
        title="eps = 0 and gradients far below 1",
        purpose="Without eps the update does not depend on the scale of the gradients: a floor "
        "under v, or small gradients that are taken for zero.",
        gradients=lambda dtype: tuple(
            (tuple(g * TINY[dtype] for g in row),) for row in dozen(332, 1.0, 0.25, 4.0)(dtype)
        ),
    ),
    replace(
        _like("nesterov/ahead-01"),
        name="ascent-01",
        title="Nesterov's look ahead while ascending",
        purpose="The gradient that is looked ahead to has the sign of ascent too.",
        flags=("nesterov", "maximize"),
        requires=("nesterov", "maximize"),
        hyper=(DYADIC._replace(nesterov=True, maximize=True),),
    ),
    *_complex("modulus"),
    *_complex("componentwise"),
    *HALF,
    *EXTREME,
    *LONG,
)
