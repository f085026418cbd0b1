"""The designs in float16 and bfloat16: computed in float32, rounded once when stored (S9)."""

from __future__ import annotations

from ..cases import Hyper, Tensor
from .blueprint import DYADIC, LINE, LITERAL, Blueprint, Rows, one
from .design import before, dozen, noise, rows

DTYPES = ("float16", "bfloat16")
PURE = DYADIC._replace(lr=1.0, beta2=1 - 2.0**-7)
ZERO_START = (Tensor((3,), (0.0, 0.0, 0.0)),)


def _half(
    name: str,
    title: str,
    purpose: str,
    gradients: Rows,
    hyper: Hyper = LITERAL,
    x0: tuple[Tensor, ...] = (Tensor((3,), (0.5, -1.25, 3.0)),),
    *,
    flags: tuple[str, ...] = (),
    requires: tuple[str, ...] = (),
) -> Blueprint:
    return Blueprint(
        profile="half",
        name=name,
        title=title,
        clause="S9",
        paper_line=LINE,
        purpose=purpose,
        flags=("half", *flags),
        requires=requires,
        gradients=gradients,
        hyper=(hyper,),
        x0=x0,
        dtypes=DTYPES,
    )


def _noise(seed: int, *scales: float) -> Rows:
    return one(dozen(seed, *scales))


STILL = one(lambda dtype: tuple((0.0, *row) for row in dozen(342, 1.0, 0.5)(dtype)))
BURST = one(
    before(
        noise(343, 1.0, 0.5, 0.25, rows=11),
        {"float16": (2.0**14, 1.0, -0.5), "bfloat16": (2.0**100, 1.0, -0.5)},
    )
)

HALF = (
    _half(
        "smoke-01",
        "Dyadic hyper-parameters, random gradients",
        "Anything grossly wrong: betas and rates that every dtype holds exactly.",
        _noise(340, 1.0, 0.25, 4.0),
        DYADIC,
    ),
    _half(
        "literal-01",
        "The usual hyper-parameters",
        "0.999 is 1 in bfloat16 and 1e-8 is 0 in float16: rounded before use, they leave 1 - beta2 "
        "= 0 and nothing beside the root.",
        _noise(341, 1.0, 0.25, 4.0),
        flags=("literal",),
    ),
    _half(
        "zero-gradient-01",
        "An element whose gradient is always zero",
        "eps = 1e-8 is 0 in float16, and 0/(0 + eps) no longer 0: the element must stay, and never "
        "become NaN.",
        STILL,
        flags=("zero-gradient", "literal"),
    ),
    _half(
        "zero-start-01",
        "The update alone",
        "x0 = 0 and lr = 1 keep the bits of the update, of momentum first and rectified later.",
        _noise(344, 1.0, 0.5, 8.0),
        PURE,
        ZERO_START,
        flags=("zero-start",),
    ),
    _half(
        "swallowed-01",
        "Updates smaller than half of the parameter's last digit",
        "A parameter that is rounded when it is stored stays where it is; one that is moved to its "
        "neighbour by every update runs away.",  # codespell:ignore neighbour
        _noise(345, 1.0, 0.5, 0.25),
        DYADIC._replace(lr=2.0**-9),
        (Tensor((3,), (256.0, -320.0, 448.0)),),
    ),
    _half(
        "eps-dominant-01",
        "eps as large as the gradients",
        "eps beside a root in half precision: left out, squared or under the root.",
        one(rows((0.5, -0.25, 1.0), (0.25, 0.5, -1.0), (-0.5, 0.75, 0.5))),
        PURE._replace(eps=0.5),
        ZERO_START,
        flags=("eps-dominant", "zero-start"),
    ),
    _half(
        "burst-01",
        "A gradient whose square float16 cannot hold",
        "The second moment is in float32: or, in half precision, infinite, and its element gets no "
        "update; never NaN.",
        BURST,
        DYADIC,
        flags=("overflow",),
    ),
    _half(
        "decay-01",
        "Decoupled decay",
        "Decay is part of the update, which is rounded once: decayed, stored and then moved, a "
        "parameter is rounded twice.",
        _noise(346, 1.0, 0.25, 4.0),
        DYADIC._replace(weight_decay=0.25),
        flags=("weight-decay",),
        requires=("weight_decay", "decoupled"),
    ),
)
