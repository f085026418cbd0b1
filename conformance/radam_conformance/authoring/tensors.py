"""The designs about tensors and their state: several, in groups, of other shapes, and resumed."""

from __future__ import annotations

from collections.abc import Callable

from ..cases import Hyper, Tensor
from ..protocol import Start
from .blueprint import DYADIC, LINE, Blueprint, dealt, one, tensor
from .design import NOISE, dozen

PAIR = (tensor(2, 2), tensor(3, origin=-0.75))
SEVEN = dozen(302, 1.0, 0.5, 2.0, 0.25, 1.0, 4.0, 0.5)


def _tensors(
    name: str, title: str, purpose: str, has: Callable[[int, int], bool] | None = None
) -> Blueprint:
    return Blueprint(
        profile="tensors",
        name=name,
        title=title,
        clause="S6",
        paper_line=LINE,
        purpose=purpose,
        flags=("tensors",),
        requires=("tensors", "missing") if has else ("tensors",),
        gradients=dealt(SEVEN, PAIR, has) if has else dealt(SEVEN, PAIR),
        x0=PAIR,
    )


GROUPS = (tensor(3), tensor(2, 2, group=1, origin=-0.75))


def _groups(name: str, title: str, purpose: str, second: Hyper, *needs: str) -> Blueprint:
    return Blueprint(
        profile="groups",
        name=name,
        title=title,
        clause="S1",
        paper_line=f"{LINE}, hyper-parameters",
        purpose=purpose,
        flags=("groups",),
        requires=("tensors", "groups", *needs),
        gradients=dealt(SEVEN, GROUPS),
        hyper=(DYADIC, second._replace(group=1)),
        x0=GROUPS,
    )


def _shapes(name: str, title: str, x0: tuple[Tensor, ...], *needs: str) -> Blueprint:
    scales = [2.0 ** -(k % 3) for k in range(sum(len(each.values) for each in x0))]
    return Blueprint(
        profile="shapes",
        name=name,
        title=title,
        clause="S7",
        paper_line=LINE,
        purpose="The update is elementwise, whatever the shape and the layout in memory.",
        flags=("shapes",),
        requires=("shapes", *needs),
        gradients=dealt(dozen(303, *scales), x0),
        x0=x0,
    )


def _injected(number: int, t: int) -> Blueprint:
    return Blueprint(
        profile="resume",
        name=f"state-{number:02}",
        title=f"Goes on from t = {t:,}",
        clause="S2",
        paper_line=f"{LINE}, lines 5 to 11",
        purpose="The step count and both moments are the state: one that starts anew, or a count "
        "that has lost its last digits, gives another r_t or another bias correction.",
        flags=("resume",),
        requires=("state",),
        gradients=one(NOISE),
        start=Start(t, ((0.25, -0.5, 1.0),), ((0.5, 0.125, 2.0),)),
    )


def _restored(number: int, *steps: int) -> Blueprint:
    return Blueprint(
        profile="resume",
        name=f"restore-{number:02}",
        title=f"Saved and restored after step {', '.join(map(str, steps))}",
        clause="S2",
        paper_line=f"{LINE}, lines 5 to 11",
        purpose="A copy of the state that lacks t, m or v, or that has gone a step further.",
        flags=("resume",),
        requires=("restore",),
        gradients=one(NOISE),
        restore=steps,
    )


TENSORS = (
    _tensors("shapes-01", "Two tensors of other shapes", "State that tensors share."),
    _tensors(
        "late-01",
        "A tensor that joins at step 6",
        "Its own count starts at 1: a common count corrects its first moments wrongly.",
        lambda step, i: i == 0 or step >= 6,
    ),
    _tensors(
        "gaps-01",
        "A tensor with a gradient in every other step",
        "A missing gradient is not a zero gradient: nothing of the tensor changes.",
        lambda step, i: i == 0 or step % 2 == 1,
    ),
    _tensors(
        "never-01",
        "A tensor that never gets a gradient",
        "It stays, bit for bit.",
        lambda step, i: i == 0,
    ),
    _groups(
        "lr-01",
        "Learning rates 64 to 1",
        "A step size that is computed once for all groups.",
        DYADIC._replace(lr=2.0**-10),
    ),
    _groups(
        "betas-01",
        "Other betas in the second group",
        "r_t and the corrections of the first group, used for all.",
        DYADIC._replace(beta1=0.5, beta2=1 - 2.0**-4),
    ),
    _groups(
        "eps-01", "Another eps in the second group", "One eps for all.", DYADIC._replace(eps=0.25)
    ),
    _groups(
        "rectified-01",
        "A second group that is never rectified",
        "A branch that is taken once for all groups.",
        DYADIC._replace(beta2=0.5),
    ),
    _groups(
        "decay-01",
        "Decay in the second group alone",
        "One weight decay for all.",
        DYADIC._replace(weight_decay=0.25),
        "weight_decay",
        "decoupled",
    ),
    _shapes("scalar-01", "A 0-d array", (tensor(),)),
    _shapes("empty-01", "An empty tensor beside a full one", (tensor(0), tensor(3)), "tensors"),
    _shapes("cube-01", "A 3-D array", (tensor(2, 2, 2),)),
    _shapes("strided-01", "Arrays that are not contiguous", (tensor(2, 3),), "strided"),
    _shapes("readonly-01", "A gradient that cannot be written to", (tensor(4),), "readonly"),
    *(_injected(*pair) for pair in enumerate((3, 4, 5, 10**6), start=1)),
    *(_restored(*pair) for pair in ((1, 4), (2, 5), (3, 4, 5, 6))),
)
