"""The designs at the limits of binary64 and of patience: beta2 next to 1, and a million steps."""

from __future__ import annotations

from ..cases import Tensor
from .blueprint import DYADIC, LINE, Blueprint, one
from .design import dozen, rows

MILLION = 10**6
WRAPPED = tuple(2**bits + extra for bits in (8, 11, 15, 16) for extra in (-1, 1))


def _extreme(number: int, bits: int) -> Blueprint:
    return Blueprint(
        profile="extreme",
        name=f"near-one-{number:02}",
        title=f"beta2 = 1 - 2^-{bits}",
        clause="S3",
        paper_line=f"{LINE}, lines 8 to 11",
        purpose="rho_t is what roundings leave of a difference of numbers near "
        f"2^{bits + 1}: the first rectified step may be another, but no root of a negative number "
        "is taken, nothing becomes NaN, and all else stays right.",
        flags=("near-one", "zero-start"),
        requires=(),
        gradients=one(dozen(350 + number, 1.0, 1.0, 0.25)),
        hyper=(DYADIC._replace(lr=1.0, beta2=1 - 2.0**-bits),),
        x0=(Tensor((3,), (0.0, 0.0, 0.0)),),
    )


EXTREME = tuple(_extreme(*pair) for pair in enumerate((20, 22, 24, 30, 36, 40), start=1))
LONG = (
    Blueprint(
        profile="long",
        name="million-01",
        title="A million steps with a long memory",
        clause="S2",
        paper_line=f"{LINE}, lines 5 to 11",
        purpose="A count in 8 or 16 bits runs over or stands still, a table of r_t ends, a running "
        "product drifts: beta2 = 1 - 2^-16 still remembers the start when they do.",
        flags=("long",),
        requires=("long",),
        gradients=one(rows((1.0,), (-0.5,), (0.75,), (0.25,), (-1.25,))),
        hyper=(DYADIC._replace(lr=2.0**-10, beta2=1 - 2.0**-16),),
        x0=(Tensor((1,), (0.5,)),),
        steps=MILLION,
        observe=(1, 5, 6, *WRAPPED, 100_000, MILLION),
        dtypes=("float64",),
    ),
)
