"""Designs of Core about the branch: which step is the first that is rectified (lines 8 and 9)."""

from __future__ import annotations

from .blueprint import CORE, LITERAL, Blueprint, in_core
from .design import DENSE, ZEROS, noise


def crossing(number: int, beta2: float, written: str, *flags: str) -> Blueprint:
    """The step from momentum to the rectified update, for one beta2."""
    usual = LITERAL if "literal" in flags else CORE
    return in_core(
        name=f"crossing-{number:02}",
        title=f"First rectified step, beta2 = {written}",
        clause="S2",
        paper_line="Algorithm 2, lines 8 to 11",
        purpose="rho_t passes 4 at t = 5 and 5 at t = 6; a wrong rho_t rectifies at another step, "
        "and cancellation in rho_t shows in r_t, which is least accurate there. "
        "lr = 1 from zero keeps all bits of the update.",
        flags=("crossing", "zero-start", *flags),
        gradients=noise(100 + number, 1.0, 1.0, 0.25),
        hyper=usual._replace(lr=1.0, beta2=beta2),
        x0=ZEROS,
        observe=DENSE,
    )


def never(number: int, beta2: float, written: str, purpose: str, *flags: str) -> Blueprint:
    """A beta2 so small that rho_inf is near or below a threshold."""
    return in_core(
        name=f"never-rectified-{number:02}",
        title=f"rho_inf near a threshold, beta2 = {written}",
        clause="S6",
        paper_line="Algorithm 2, lines 2 and 9",
        purpose=purpose,
        flags=("never-rectified", *flags),
        gradients=noise(200 + number, 1.0, 0.125, 4.0),
        hyper=CORE._replace(lr=0.125, beta2=beta2),
    )


def near_threshold(number: int, threshold: int, beta2: float, written: str) -> Blueprint:
    """A beta2 whose rho_inf is just above a threshold, so that rho_t passes it late and barely."""
    return in_core(
        name=f"near-threshold-{number:02}",
        title=f"rho_inf just above {threshold}, beta2 = {written}",
        clause="S2",
        paper_line="Algorithm 2, lines 8 and 9",
        purpose=f"rho_t passes {threshold} after twenty steps and stays below {threshold}.002: a "
        "threshold that is off by a hundredth, or a step number in its place.",
        flags=("crossing", "zero-start"),
        gradients=noise(230 + number, 1.0, 0.125, 4.0),
        hyper=CORE._replace(lr=1.0, beta2=beta2),
        x0=ZEROS,
        observe=(1, 5, 6, 12, *range(18, 32), 40),
    )


BRANCHES = (
    in_core(
        name="smoke-01",
        title="Dyadic hyper-parameters, random gradients",
        clause="S4",
        paper_line="Algorithm 2",
        purpose="Anything grossly wrong: a port that fails here is not worth judging further.",
        flags=("smoke",),
        gradients=noise(1, 1.0, 0.25, 4.0),
    ),
    in_core(
        name="smoke-02",
        title="The usual hyper-parameters, as literals",
        clause="S1",
        paper_line="Algorithm 2",
        purpose="0.9, 0.999, 1e-3 and 1e-8 are not the same numbers in binary32: betas that were "
        "rounded to it pass the dyadic cases and fail this one.",
        flags=("smoke", "literal"),
        gradients=noise(2, 1.0, 0.25, 4.0),
        hyper=LITERAL,
    ),
    in_core(
        name="unrectified-01",
        title="Only steps whose variance is intractable",
        clause="S2",
        paper_line="Algorithm 2, line 14",
        purpose="Up to t = 4 the step is lr*m_hat: a missing bias correction, an adaptive step, "
        "or no step at all shows alone, before anything else can.",
        flags=("unrectified",),
        gradients=noise(3, 1.0, 2.0, 0.5),
        hyper=CORE._replace(lr=0.5),
        steps=4,
        observe=(1, 2, 3, 4),
    ),
    in_core(
        name="unrectified-02",
        title="Only steps whose variance is intractable, literals, zero start",
        clause="S1",
        paper_line="Algorithm 2, lines 7 and 14",
        purpose="1 - beta1^t for a beta1 that is no dyadic number, with nothing to hide behind.",
        flags=("unrectified", "literal", "zero-start"),
        gradients=noise(4, 1.0, 2.0, 0.5),
        hyper=LITERAL._replace(lr=1.0),
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
)
