"""The designs of the profiles: what a port is asked beyond Core, a part at a time."""

from __future__ import annotations

from collections.abc import Callable

from ..cases import Hyper, Tensor
from ..protocol import Start
from .blueprint import DYADIC, LITERAL, Blueprint, dealt, one, tensor
from .design import Gradients, noise, rows

LINE = "Algorithm 2"


def _seeded(seed: int, *scales: float) -> Gradients:
    return noise(seed, *scales, rows=12)


NOISE = _seeded(300, 1.0, 0.25, 4.0)
STILL = rows((0.0, 1.0, -0.5), (0.0, -0.25, 2.0), (0.0, 0.5, 0.125))


def _decay(kind: str) -> list[Blueprint]:
    """The cases of one kind of weight decay; both kinds have the same inputs."""

    def design(
        name: str, title: str, purpose: str, hyper: Hyper, gradients: Gradients, steps: int = 12
    ) -> Blueprint:
        needs = ("maximize",) if hyper.maximize else ()
        return Blueprint(
            profile=f"decay.{kind}",
            name=name,
            title=title,
            clause="S5",
            paper_line=f"{LINE}, line 12, with decay",
            purpose=purpose,
            flags=("weight-decay",),
            requires=("weight_decay", kind, *needs),
            gradients=one(gradients),
            hyper=(hyper._replace(decoupled=kind == "decoupled"),),
            steps=steps,
        )

    strong, literal = DYADIC._replace(weight_decay=0.25), LITERAL._replace(lr=0.1, weight_decay=0.1)
    return [
        design("plain-01", "A strong decay", "No decay at all, or the other kind.", strong, NOISE),
        design("literal-01", "Decay as people write it", "0.1 * 0.1 in binary32.", literal, NOISE),
        design(
            "still-01",
            "An element whose gradient is always zero",
            "Decay alone moves it: decay that skips a zero gradient, or is not multiplied by lr.",
            strong,
            STILL,
        ),
        design(
            "unrectified-01",
            "Only steps whose variance is intractable",
            "Whether decay applies while the step is not rectified; hold dialects skip it.",
            DYADIC._replace(lr=0.5, weight_decay=0.5),
            NOISE,
            4,
        ),
        design(
            "large-01",
            "lr * decay of one quarter",
            "Decay after the update instead of before it, or of the updated parameter.",
            DYADIC._replace(lr=0.5, weight_decay=0.5, beta2=1 - 2.0**-7),
            _seeded(301, 1.0, 0.5, 2.0),
        ),
        design(
            "ascent-01",
            "Decay while ascending",
            "Decay shrinks parameters whichever way the gradient points.",
            strong._replace(maximize=True),
            NOISE,
        ),
    ]


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


PAIR = (tensor(2, 2), tensor(3, origin=-0.75))
SEVEN = _seeded(302, 1.0, 0.5, 2.0, 0.25, 1.0, 4.0, 0.5)


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
        gradients=dealt(_seeded(303, *scales), x0),
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
        gradients=one(_seeded(304 + number, 1.0, 0.25, 4.0)),
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
    constant, drawn = rows((3.0, 4.0, -1.0, 0.5)), _seeded(310, 1.0, 0.5, 2.0, 0.125)
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
        gradients=one(_seeded(320 + number, 1.0, 1.0, 0.25)),
        hyper=(LITERAL._replace(lr=1.0, beta2=beta2),),
        x0=(Tensor((3,), (0.0, 0.0, 0.0)),),
    )


BLUEPRINTS = (
    *_decay("coupled"),
    *_decay("decoupled"),
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
