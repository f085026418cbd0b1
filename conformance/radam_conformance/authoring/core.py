"""The designs of the Core suite: lr, beta1, beta2 and eps on one real tensor, nothing else.

Each design is a case in float64 and one in float32. Hyper-parameters are dyadic (the same number
in every precision) or literal, as people write them; gradients are either written out or drawn as
integers over a power of two, which every machine repeats bit for bit.
"""

from __future__ import annotations

from typing import TypedDict

from .design import Design, before, by_dtype, noise, rows

DENSE = (*range(1, 13), 16, 20, 28, 40)
CHAIN = (1, 2, 4, 5, 6, 7, 10, 20, 50, 100, 200, 500, 1000, 2000, 3000, 4000, 6000, 8000, 10_000)


class Numbers(TypedDict):
    """The four hyper-parameters of Core."""

    lr: float
    beta1: float
    beta2: float
    eps: float


ZEROS = (0.0, 0.0, 0.0)
LITERAL: Numbers = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}


def crossing(number: int, beta2: float, written: str, *flags: str) -> Design:
    """The step from momentum to the rectified update, for one beta2."""
    return Design(
        name=f"crossing-{number:02}",
        title=f"First rectified step, beta2 = {written}",
        clause="S2",
        paper_line="Algorithm 2, lines 8 to 11",
        purpose="rho_t passes 4 at t = 5 and 5 at t = 6; a wrong rho_t rectifies at another step, "
        "and cancellation in rho_t shows in r_t, which is least accurate there. "
        "lr = 1 from zero keeps all bits of the update.",
        flags=("crossing", "zero-start", *flags),
        gradients=noise(100 + number, 1.0, 1.0, 0.25),
        lr=1.0,
        beta1=0.9 if "literal" in flags else 0.875,
        beta2=beta2,
        eps=1e-8 if "literal" in flags else 2.0**-26,
        x0=ZEROS,
        observe=DENSE,
    )


def never(number: int, beta2: float, written: str, purpose: str, *flags: str) -> Design:
    """A beta2 so small that rho_inf is near or below a threshold."""
    return Design(
        name=f"never-rectified-{number:02}",
        title=f"rho_inf near a threshold, beta2 = {written}",
        clause="S6",
        paper_line="Algorithm 2, lines 2 and 9",
        purpose=purpose,
        flags=("never-rectified", *flags),
        gradients=noise(200 + number, 1.0, 0.125, 4.0),
        lr=0.125,
        beta2=beta2,
    )


def near_threshold(number: int, threshold: int, beta2: float, written: str) -> Design:
    """A beta2 whose rho_inf is just above a threshold, so that rho_t passes it late and barely."""
    return Design(
        name=f"near-threshold-{number:02}",
        title=f"rho_inf just above {threshold}, beta2 = {written}",
        clause="S2",
        paper_line="Algorithm 2, lines 8 and 9",
        purpose=f"rho_t passes {threshold} after twenty steps and stays below {threshold}.002: a "
        "threshold that is off by a hundredth, or a step number in its place.",
        flags=("crossing", "zero-start"),
        gradients=noise(230 + number, 1.0, 0.125, 4.0),
        lr=1.0,
        beta2=beta2,
        x0=ZEROS,
        observe=(1, 5, 6, 12, *range(18, 32), 40),
    )


DESIGNS = (
    Design(
        name="smoke-01",
        title="Dyadic hyper-parameters, random gradients",
        clause="S4",
        paper_line="Algorithm 2",
        purpose="Anything grossly wrong: a port that fails here is not worth judging further.",
        flags=("smoke",),
        gradients=noise(1, 1.0, 0.25, 4.0),
    ),
    Design(
        name="smoke-02",
        title="The usual hyper-parameters, as literals",
        clause="S1",
        paper_line="Algorithm 2",
        purpose="0.9, 0.999, 1e-3 and 1e-8 are not the same numbers in binary32: betas that were "
        "rounded to it pass the dyadic cases and fail this one.",
        flags=("smoke", "literal"),
        gradients=noise(2, 1.0, 0.25, 4.0),
        **LITERAL,
    ),
    Design(
        name="unrectified-01",
        title="Only steps whose variance is intractable",
        clause="S2",
        paper_line="Algorithm 2, line 14",
        purpose="Up to t = 4 the step is lr*m_hat: a missing bias correction, an adaptive step, "
        "or no step at all shows alone, before anything else can.",
        flags=("unrectified",),
        gradients=noise(3, 1.0, 2.0, 0.5),
        lr=0.5,
        steps=4,
        observe=(1, 2, 3, 4),
    ),
    Design(
        name="unrectified-02",
        title="Only steps whose variance is intractable, literals, zero start",
        clause="S1",
        paper_line="Algorithm 2, lines 7 and 14",
        purpose="1 - beta1^t for a beta1 that is no dyadic number, with nothing to hide behind.",
        flags=("unrectified", "literal", "zero-start"),
        gradients=noise(4, 1.0, 2.0, 0.5),
        lr=1.0,
        beta1=0.9,
        beta2=0.999,
        eps=1e-8,
        x0=ZEROS,
        steps=4,
        observe=(1, 2, 3, 4),
    ),
    crossing(1, 1 - 2.0**-7, "1 - 2^-7"),
    crossing(2, 1 - 2.0**-10, "1 - 2^-10", "scalar-precision"),
    crossing(3, 1 - 2.0**-16, "1 - 2^-16", "scalar-precision"),
    crossing(4, 0.9, "0.9", "literal"),
    crossing(5, 0.99, "0.99", "literal"),
    crossing(6, 0.999, "0.999", "literal", "scalar-precision"),
    crossing(7, 0.9999, "0.9999", "literal", "scalar-precision"),
    never(
        1,
        0.5,
        "0.5",
        "rho_inf = 3: never rectified; (rho_inf-4)(rho_inf-2)*rho_t is negative, so a "
        "program that evaluates r_t regardless meets the root of a negative number.",
    ),
    never(
        2,
        0.6,
        "0.6",
        "rho_inf is 4 but for a rounding: rho_inf - 4 vanishes in r_t's denominator.",
        "literal",
    ),
    never(
        3,
        0.62,
        "0.62",
        "rho_inf = 4.26: tractable by the paper's threshold of 4 from some step on, "
        "never by a threshold of 5.",
        "literal",
    ),
    never(
        4,
        1365 / 2048,
        "1365/2048",
        "rho_inf = 4.998, just below 5: tractable by a threshold of 4, never by one of 5.",
    ),
    near_threshold(1, 4, 9831 / 2**14, "9831/2^14"),
    near_threshold(2, 5, 10924 / 2**14, "10924/2^14"),
    Design(
        name="eps-dominant-01",
        title="eps far above the gradients, dyadic",
        clause="S5",
        paper_line="Algorithm 2, line 10",
        purpose="The update is nearly r_t*m_hat/eps: eps left out, squared, under the root or "
        "corrected for bias changes it by a factor.",
        flags=("eps-dominant", "zero-start"),
        gradients=noise(5, 2.0**-8, 2.0**-10, 2.0**-6),
        lr=1.0,
        eps=0.5,
        x0=ZEROS,
    ),
    Design(
        name="eps-dominant-02",
        title="eps like the gradients, literal",
        clause="S5",
        paper_line="Algorithm 2, line 10",
        purpose="eps = 1e-4, the slides' Adam-eps, against gradients of its own size: eps before "
        "or after the bias correction differ in every rectified step.",
        flags=("eps-dominant", "eps-placement", "literal"),
        gradients=noise(6, 2.0**-13, 2.0**-11, 2.0**-15),
        lr=0.01,
        beta1=0.9,
        beta2=0.999,
        eps=1e-4,
    ),
    Design(
        name="eps-zero-gradient-01",
        title="An element whose gradient is always zero",
        clause="S5",
        paper_line="Algorithm 2, lines 10 and 12",
        purpose="0/(0 + eps) is 0: the element must stay where it is, and never become NaN.",
        flags=("zero-gradient", "literal"),
        gradients=lambda dtype: tuple((0.0, *row) for row in noise(7, 1.0, 0.5)(dtype)),
        **LITERAL,
    ),
    Design(
        name="eps-placement-01",
        title="Tiny gradients at the size of eps = 1e-8",
        clause="S5",
        paper_line="Algorithm 2, line 10",
        purpose="With the usual eps and gradients near 1e-8 the two places of eps are far apart, "
        "and eps under the root stops all movement.",
        flags=("eps-placement", "literal", "zero-start"),
        gradients=noise(8, 2.0**-26, 2.0**-24, 2.0**-22),
        lr=1.0,
        beta1=0.9,
        beta2=0.999,
        eps=1e-8,
        x0=ZEROS,
    ),
    Design(
        name="eps-placement-02",
        title="Small gradients, a dyadic eps one thousandth of them",
        clause="S5",
        paper_line="Algorithm 2, line 10",
        purpose="eps is a correction in the third digit: a tolerance of 1e-2 misses its place.",
        flags=("eps-placement", "zero-start"),
        gradients=noise(9, 2.0**-16, 2.0**-15, 2.0**-14),
        lr=1.0,
        beta2=1 - 2.0**-7,
        x0=ZEROS,
    ),
    Design(
        name="subnormal-01",
        title="A second moment among the subnormal numbers",
        clause="S5",
        paper_line="Algorithm 2, lines 5 and 10",
        purpose="1/sqrt(v), or eps lost beside it, overflows or gives NaN. eps is large enough "
        "that hardware which flushes subnormals to zero is right too.",
        flags=("subnormal", "zero-start"),
        gradients=by_dtype(
            {"float64": noise(10, *[2.0**-525] * 3), "float32": noise(10, *[2.0**-69] * 3)}
        ),
        lr=1.0,
        eps=2.0**-30,
        x0=ZEROS,
    ),
    Design(
        name="underflow-01",
        title="The squared gradient underflows to zero",
        clause="S5",
        paper_line="Algorithm 2, lines 5 and 10",
        purpose="v = 0 while m is not: the update is r_t*m_hat/eps, finite and exact.",
        flags=("underflow", "zero-start"),
        gradients=by_dtype(
            {"float64": noise(11, *[2.0**-600] * 3), "float32": noise(11, *[2.0**-80] * 3)}
        ),
        lr=1.0,
        eps=2.0**-30,
        x0=ZEROS,
    ),
    Design(
        name="overflow-01",
        title="One gradient whose square overflows",
        clause="S6",
        paper_line="Algorithm 2, lines 5 and 12",
        purpose="v becomes infinite in one element: it gets no adaptive update, never NaN, and the "
        "other elements do not notice. It is the last step, since a v that is moved by a "
        "difference (lerp) has no way on from there.",
        flags=("overflow",),
        gradients=before(
            noise(12, 1.0, 1.0, 0.5, rows=39),
            {"float64": (2.0**664, 1.0, -0.5), "float32": (2.0**100, 1.0, -0.5)},
        ),
        **LITERAL,
    ),
    Design(
        name="sign-flips-01",
        title="Gradients that change sign at every step",
        clause="S4",
        paper_line="Algorithm 2, line 6",
        purpose="m is a small difference of large terms: |g| for g, or g*|g| for g^2, shows.",
        flags=("sign-flip", "zero-start"),
        gradients=rows((1.0, -0.75, 0.375), (-1.0, 0.75, -0.3125)),
        lr=0.5,
        x0=ZEROS,
    ),
    Design(
        name="sign-flips-02",
        title="Signs that flip with other periods, literal",
        clause="S4",
        paper_line="Algorithm 2, lines 5 and 6",
        purpose="Three periods at once tell a moment that forgets from one that remembers.",
        flags=("sign-flip", "literal"),
        gradients=rows(
            (1.0, 2.0, 0.5),
            (-1.0, 2.0, 0.5),
            (1.0, -2.0, 0.5),
            (-1.0, -2.0, -0.5),
            (1.5, 2.0, -0.5),
            (-1.5, 2.0, -0.5),
        ),
        lr=0.1,
        beta1=0.9,
        beta2=0.99,
        eps=1e-8,
    ),
    Design(
        name="sparse-01",
        title="Gradients that are mostly zero",
        clause="S5",
        paper_line="Algorithm 2, lines 5 to 7",
        purpose="A zero gradient still decays both moments and still moves the parameter; a "
        "parameter whose first gradient comes late is corrected by the common t.",
        flags=("sparse", "zero-gradient", "zero-start"),
        gradients=rows(
            (1.0, 0.0, 0.0),
            *[ZEROS] * 2,
            (0.0, -0.5, 0.0),
            *[ZEROS] * 4,
            (-2.0, 0.0, 0.75),
            *[ZEROS] * 11,
        ),
        lr=1.0,
        x0=ZEROS,
    ),
    Design(
        name="sparse-02",
        title="Gradients that are mostly zero, literal",
        clause="S5",
        paper_line="Algorithm 2, lines 5 to 7",
        purpose="As sparse-01 with betas that are no dyadic numbers and first gradients inside "
        "and after the unrectified steps.",
        flags=("sparse", "zero-gradient", "literal"),
        gradients=rows(*[ZEROS] * 2, (1.0, 0.0, 0.0), *[ZEROS] * 4, (0.0, 1.0, -3.0), *[ZEROS] * 6),
        **LITERAL,
    ),
    Design(
        name="wide-01",
        title="37 elements",
        clause="S4",
        paper_line="Algorithm 2",
        purpose="Elements behind the last full vector of 4, 8, 16 or 32, or behind a block.",
        flags=("shapes",),
        gradients=noise(22, *(2.0 ** -(k % 3) for k in range(37)), rows=6),
        x0=tuple(0.25 * (k % 5 - 2) for k in range(37)),
        steps=6,
        observe=(1, 5, 6),
    ),
    Design(
        name="spike-01",
        title="A spike every hundred steps",
        clause="S4",
        paper_line="Algorithm 2, lines 10 to 12",
        purpose="An update far above lr, as a rare gradient makes it: one that is clipped or "
        "bounded shows.",
        flags=("sparse",),
        gradients=rows(*[(2.0**-10, 0.0)] * 99, (1.0, -0.5)),
        lr=0.125,
        beta1=0.0,
        beta2=1 - 2.0**-7,
        x0=(0.0, 0.5),
        steps=200,
        observe=(1, 5, 6, 50, 99, 100, 101, 150, 199, 200),
    ),
    Design(
        name="mixed-magnitudes-01",
        title="Huge and tiny gradients side by side",
        clause="S4",
        paper_line="Algorithm 2, lines 10 and 12",
        purpose="The update is elementwise: a norm, a clip or a shared scale mixes elements.",
        flags=("mixed-magnitudes",),
        gradients=noise(13, 2.0**-40, 1.0, 2.0**40),
        eps=2.0**-60,
    ),
    Design(
        name="mixed-magnitudes-02",
        title="Huge gradients first, tiny ones after, in one element",
        clause="S4",
        paper_line="Algorithm 2, lines 5 and 6",
        purpose="The moments remember the huge gradient for a long time: a window, a reset or a "
        "moment kept in less precision forgets it.",
        flags=("mixed-magnitudes", "zero-start"),
        gradients=rows(
            (2.0**20, 1.0, -(2.0**12)), *[(0.5, -(2.0**-16), 1.0), (-0.25, 2.0**-14, 0.75)] * 20
        ),
        lr=1.0,
        beta2=1 - 2.0**-7,
        x0=ZEROS,
    ),
    Design(
        name="zero-start-01",
        title="The update alone, dyadic",
        clause="S4",
        paper_line="Algorithm 2, line 12",
        purpose="x0 = 0 and lr = 1 keep the last bits of the update, which a parameter of its "
        "usual size swallows.",
        flags=("zero-start",),
        gradients=noise(14, 1.0, 0.125, 8.0),
        lr=1.0,
        x0=ZEROS,
    ),
    Design(
        name="zero-start-02",
        title="The update alone, literal",
        clause="S1",
        paper_line="Algorithm 2, line 12",
        purpose="As zero-start-01 with the usual betas: their rounding to binary32 stands out by "
        "a factor of millions in float64.",
        flags=("zero-start", "literal"),
        gradients=noise(15, 1.0, 0.125, 8.0),
        lr=1.0,
        beta1=0.9,
        beta2=0.999,
        eps=1e-8,
        x0=ZEROS,
    ),
    Design(
        name="closed-form-01",
        title="A constant gradient",
        clause="S2",
        paper_line="Algorithm 2, lines 7 to 11",
        purpose="m_hat = g and v_hat = g^2 at every step: the rectified step is lr*r_t but for "
        "eps, so r_t and both corrections can be read off.",
        flags=("closed-form", "zero-start"),
        gradients=rows((1.0, -0.5, 3.0)),
        lr=1.0,
        x0=ZEROS,
    ),
    Design(
        name="closed-form-02",
        title="A constant gradient, literal",
        clause="S2",
        paper_line="Algorithm 2, lines 7 to 11",
        purpose="As closed-form-01 with the usual hyper-parameters.",
        flags=("closed-form", "literal"),
        gradients=rows((1.0, -0.5, 3.0)),
        **LITERAL,
    ),
    Design(
        name="beta1-zero-01",
        title="No momentum, beta1 = 0",
        clause="S6",
        paper_line="Algorithm 2, lines 6 and 7",
        purpose="m = g and 1 - beta1^t = 1: 0^t, or a zero taken for a missing value, shows.",
        flags=("beta-zero",),
        gradients=noise(16, 1.0, 0.25, 2.0),
        lr=0.125,
        beta1=0.0,
    ),
    Design(
        name="beta2-zero-01",
        title="No second moment, beta2 = 0",
        clause="S6",
        paper_line="Algorithm 2, lines 2 and 8",
        purpose="rho_inf = 1: never rectified, no division by zero, v = g^2.",
        flags=("beta-zero", "never-rectified"),
        gradients=noise(17, 1.0, 0.25, 2.0),
        lr=0.125,
        beta2=0.0,
    ),
    Design(
        name="long-memory-01",
        title="beta1 above beta2",
        clause="S2",
        paper_line="Algorithm 2, lines 6 to 8",
        purpose="beta1 = 0.99, beta2 = 0.9: betas that were exchanged anywhere show.",
        flags=("swapped", "literal"),
        gradients=noise(18, 1.0, 0.25, 2.0),
        lr=0.1,
        beta1=0.99,
        beta2=0.9,
        eps=1e-8,
    ),
    Design(
        name="large-lr-01",
        title="A learning rate of 8",
        clause="S4",
        paper_line="Algorithm 2, line 12",
        purpose="Steps far larger than the parameter: lr multiplied twice, capped or applied "
        "before the rectification shows.",
        flags=("large-lr",),
        gradients=noise(19, 1.0, 0.25, 2.0),
        lr=8.0,
        beta2=1 - 2.0**-7,
    ),
    Design(
        name="chain-01",
        title="10,000 steps with the usual hyper-parameters",
        clause="S2",
        paper_line="Algorithm 2",
        purpose="A slow drift of a moment, of a running power of beta or of the counter.",
        flags=("chain", "literal"),
        gradients=noise(20, 1.0, 0.125, rows=8),
        x0=(0.5, -1.25),
        steps=10_000,
        observe=CHAIN,
        **LITERAL,
    ),
    Design(
        name="chain-02",
        title="10,000 steps of lr = 2, dyadic",
        clause="S2",
        paper_line="Algorithm 2",
        purpose="As chain-01 with large steps from zero, so that updates are not rounded away.",
        flags=("chain", "large-lr", "zero-start"),
        gradients=noise(21, 1.0, 0.125, rows=8),
        lr=2.0,
        x0=(0.0, 0.0),
        steps=10_000,
        observe=CHAIN,
    ),
)
