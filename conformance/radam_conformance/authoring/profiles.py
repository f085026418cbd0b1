"""The designs of the profiles: what a port is asked beyond Core, a part at a time."""

from __future__ import annotations

from typing import NamedTuple

from ..cases import Hyper, Tensor
from .blueprint import DYADIC, LINE, LITERAL, Blueprint, one
from .design import NOISE, Gradients, dozen, rows
from .tensors import TENSORS

STILL = rows((0.0, 1.0, -0.5), (0.0, -0.25, 2.0), (0.0, 0.5, 0.125))


class _Decay(NamedTuple):
    """What sets a case of weight decay apart from the others."""

    name: str
    title: str
    purpose: str
    hyper: Hyper = DYADIC._replace(weight_decay=0.25)
    gradients: Gradients = NOISE
    steps: int = 12

    def blueprint(self, kind: str) -> Blueprint:
        """The case for one kind of decay; both kinds have the same inputs."""
        needs = ("maximize",) if self.hyper.maximize else ()
        return Blueprint(
            profile=f"decay.{kind}",
            name=self.name,
            title=self.title,
            clause="S5",
            paper_line=f"{LINE}, line 12, with decay",
            purpose=self.purpose,
            flags=("weight-decay",),
            requires=("weight_decay", kind, *needs),
            gradients=one(self.gradients),
            hyper=(self.hyper._replace(decoupled=kind == "decoupled"),),
            steps=self.steps,
        )


DECAYS = (
    _Decay("plain-01", "A strong decay", "No decay at all, or the other kind."),
    _Decay(
        "literal-01",
        "Decay as people write it",
        "0.1 * 0.1 in binary32.",
        LITERAL._replace(lr=0.1, weight_decay=0.1),
    ),
    _Decay(
        "still-01",
        "An element whose gradient is always zero",
        "Decay alone moves it: decay that skips a zero gradient, or is not multiplied by lr.",
        gradients=STILL,
    ),
    _Decay(
        "unrectified-01",
        "Only steps whose variance is intractable",
        "Whether decay applies while the step is not rectified; hold dialects skip it.",
        DYADIC._replace(lr=0.5, weight_decay=0.5),
        steps=4,
    ),
    _Decay(
        "large-01",
        "lr * decay of one quarter",
        "Decay after the update instead of before it, or of the updated parameter.",
        DYADIC._replace(lr=0.5, weight_decay=0.5, beta2=1 - 2.0**-7),
        dozen(301, 1.0, 0.5, 2.0),
    ),
    _Decay(
        "ascent-01",
        "Decay while ascending",
        "Decay shrinks parameters whichever way the gradient points.",
        DYADIC._replace(weight_decay=0.25, maximize=True),
    ),
)


def _maximize(number: int, title: str, hyper: Hyper) -> Blueprint:
    return Blueprint(
        profile="maximize",
        name=f"ascent-{number:02}",
        title=title,
        clause="S4",
        paper_line=f"{LINE}, line 4",
        purpose="Ascent that is ignored, or turns the first moment but not the update.",
        flags=("maximize",),
        requires=("maximize",),
        gradients=one(NOISE),
        hyper=(hyper._replace(maximize=True),),
    )


def _schedule(name: str, title: str, purpose: str, rates: tuple[float, ...]) -> Blueprint:
    return Blueprint(
        profile="schedule",
        name=name,
        title=title,
        clause="S4",
        paper_line=f"{LINE}, step size alpha_t",
        purpose=purpose,
        flags=("schedule",),
        requires=("schedule",),
        gradients=one(NOISE),
        hyper=tuple(DYADIC._replace(start=t, lr=lr) for t, lr in enumerate(rates, start=1)),
    )


def _eps0(name: str, title: str, purpose: str, gradients: Gradients) -> Blueprint:
    return Blueprint(
        profile="eps0",
        name=name,
        title=title,
        clause="S5",
        paper_line=f"{LINE}, line 10",
        purpose=purpose,
        flags=("eps-zero",),
        requires=(),
        gradients=one(gradients),
        hyper=(DYADIC._replace(eps=0.0),),
    )


def _nesterov(number: int, title: str, hyper: Hyper) -> Blueprint:
    return Blueprint(
        profile="nesterov",
        name=f"ahead-{number:02}",
        title=title,
        clause="S4",
        paper_line=f"{LINE}, line 7 with Nadam's look ahead",
        purpose="m_hat looks a step ahead: another power of beta1 in its correction, or a look "
        "ahead in the rectified steps alone.",
        flags=("nesterov",),
        requires=("nesterov",),
        gradients=one(dozen(304 + number, 1.0, 0.25, 4.0)),
        hyper=(hyper._replace(nesterov=True),),
    )


COMPLEX = (Tensor((2,), (0.5, -1.0, 0.0, 2.0)),)


def _complex(
    convention: str, name: str, title: str, gradients: Gradients, hyper: Hyper
) -> Blueprint:
    return Blueprint(
        profile=f"complex.{convention}",
        name=name,
        title=title,
        clause="S8",
        paper_line=f"{LINE}, line 5",
        purpose="g^2 for |g|^2, a conjugate, a lost imaginary part, or the other convention.",
        flags=("complex",),
        requires=("complex",),
        gradients=one(gradients),
        hyper=(hyper,),
        x0=COMPLEX,
        dtypes=("complex128", "complex64"),
    )


def _complexes(convention: str) -> list[Blueprint]:
    constant, drawn = rows((3.0, 4.0, -1.0, 0.5)), dozen(310, 1.0, 0.5, 2.0, 0.125)
    return [
        _complex(convention, "constant-01", "g = 3 + 4i", constant, DYADIC),
        _complex(convention, "noise-01", "Random gradients", drawn, DYADIC),
        _complex(convention, "literal-01", "The usual hyper-parameters", drawn, LITERAL),
    ]


def _invalid(number: int, name: str, value: float) -> Blueprint:
    first = Hyper(**{**LITERAL._asdict(), name: value})
    return Blueprint(
        profile="invalid",
        name=f"{name.replace('_', '-')}-{number:02}",
        title=f"{name} = {value:g}",
        clause="S6",
        paper_line=f"{LINE}, hyper-parameters",
        purpose="A value that makes no sense must be refused, not computed with.",
        flags=("invalid",),
        requires=("invalid", *(("weight_decay",) if name == "weight_decay" else ())),
        gradients=one(rows((1.0, -0.5, 0.25))),
        hyper=(first,),
        steps=1,
        dtypes=("float64",),
        refused=name,
    )


def _compiled(number: int, beta2: float) -> Blueprint:
    return Blueprint(
        profile="compiled",
        name=f"crossing-{number:02}",
        title=f"First rectified step under a compiler, beta2 = {beta2:g}",
        clause="S3",
        paper_line=f"{LINE}, lines 8 to 11",
        purpose="A step count that became a binary32 number under a compiler takes rho_t with it: "
        "another first rectified step, and another r_t.",
        flags=("compiled", "scalar-precision"),
        requires=("compiled",),
        gradients=one(dozen(320 + number, 1.0, 1.0, 0.25)),
        hyper=(LITERAL._replace(lr=1.0, beta2=beta2),),
        x0=(Tensor((3,), (0.0, 0.0, 0.0)),),
    )


BLUEPRINTS = (
    *(case.blueprint(kind) for kind in ("coupled", "decoupled") for case in DECAYS),
    _maximize(1, "Ascent, dyadic", DYADIC),
    _maximize(2, "Ascent, the usual hyper-parameters", LITERAL),
    _schedule(
        "warm-up-01",
        "A learning rate that grows at every step",
        "A rate that is read once, or a step late.",
        tuple(2.0**-8 * t for t in range(1, 13)),
    ),
    _schedule(
        "crossing-01",
        "Another rate at the first rectified step alone",
        "A step size that was cached with the rate in it.",
        (*[2.0**-4] * 4, 2.0, *[2.0**-4] * 2, 4.0, *[2.0**-4] * 4),
    ),
    _schedule(
        "zero-01",
        "A rate of zero for a while",
        "The moments and the count go on while nothing moves.",
        (2.0**-4, 2.0**-4, *[0.0] * 5, *[2.0**-4] * 5),
    ),
    *TENSORS,
    _eps0("plain-01", "eps = 0", "eps that is replaced where it is 0.", NOISE),
    _eps0(
        "still-01",
        "eps = 0 and an element without any gradient",
        "0/0: the element gets no adaptive update, and never becomes NaN.",
        STILL,
    ),
    _nesterov(1, "Dyadic", DYADIC),
    _nesterov(2, "The usual hyper-parameters", LITERAL),
    _nesterov(3, "A short first memory", DYADIC._replace(beta1=0.5, lr=1.0)),
    *_complexes("modulus"),
    *_complexes("componentwise"),
    _invalid(1, "lr", -1e-3),
    _invalid(1, "beta1", 1.0),
    _invalid(2, "beta1", -0.1),
    _invalid(1, "beta2", 1.0),
    _invalid(2, "beta2", 1.5),
    _invalid(1, "eps", -1e-8),
    _invalid(1, "weight_decay", -0.1),
    *(_compiled(*pair) for pair in enumerate((0.9, 0.999, 0.9999, 1 - 2.0**-16), start=1)),
)
