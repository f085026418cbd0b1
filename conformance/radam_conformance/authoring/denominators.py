"""Designs of Core about the denominator: eps, and squares that under- or overflow (line 10)."""

from __future__ import annotations

from .blueprint import CORE, LITERAL, in_core
from .design import ZEROS, before, by_dtype, noise

DENOMINATORS = (
    in_core(
        name="eps-dominant-01",
        title="eps far above the gradients, dyadic",
        clause="S5",
        paper_line="Algorithm 2, line 10",
        purpose="The update is nearly r_t*m_hat/eps: eps left out, squared, under the root or "
        "corrected for bias changes it by a factor.",
        flags=("eps-dominant", "zero-start"),
        gradients=noise(5, 2.0**-8, 2.0**-10, 2.0**-6),
        hyper=CORE._replace(lr=1.0, eps=0.5),
        x0=ZEROS,
    ),
    in_core(
        name="eps-dominant-02",
        title="eps like the gradients, literal",
        clause="S5",
        paper_line="Algorithm 2, line 10",
        purpose="eps = 1e-4, the slides' Adam-eps, against gradients of its own size: eps before "
        "or after the bias correction differ in every rectified step.",
        flags=("eps-dominant", "eps-placement", "literal"),
        gradients=noise(6, 2.0**-13, 2.0**-11, 2.0**-15),
        hyper=CORE._replace(lr=0.01, beta1=0.9, beta2=0.999, eps=1e-4),
    ),
    in_core(
        name="eps-zero-gradient-01",
        title="An element whose gradient is always zero",
        clause="S5",
        paper_line="Algorithm 2, lines 10 and 12",
        purpose="0/(0 + eps) is 0: the element must stay where it is, and never become NaN.",
        flags=("zero-gradient", "literal"),
        gradients=lambda dtype: tuple((0.0, *row) for row in noise(7, 1.0, 0.5)(dtype)),
        hyper=LITERAL,
    ),
    in_core(
        name="eps-placement-01",
        title="Tiny gradients at the size of eps = 1e-8",
        clause="S5",
        paper_line="Algorithm 2, line 10",
        purpose="With the usual eps and gradients near 1e-8 the two places of eps are far apart, "
        "and eps under the root stops all movement.",
        flags=("eps-placement", "literal", "zero-start"),
        gradients=noise(8, 2.0**-26, 2.0**-24, 2.0**-22),
        hyper=LITERAL._replace(lr=1.0),
        x0=ZEROS,
    ),
    in_core(
        name="eps-placement-02",
        title="Small gradients, a dyadic eps one thousandth of them",
        clause="S5",
        paper_line="Algorithm 2, line 10",
        purpose="eps is a correction in the third digit: a tolerance of 1e-2 misses its place.",
        flags=("eps-placement", "zero-start"),
        gradients=noise(9, 2.0**-16, 2.0**-15, 2.0**-14),
        hyper=CORE._replace(lr=1.0, beta2=1 - 2.0**-7),
        x0=ZEROS,
    ),
    in_core(
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
        hyper=CORE._replace(lr=1.0, eps=2.0**-30),
        x0=ZEROS,
    ),
    in_core(
        name="underflow-01",
        title="The squared gradient underflows to zero",
        clause="S5",
        paper_line="Algorithm 2, lines 5 and 10",
        purpose="v = 0 while m is not: the update is r_t*m_hat/eps, finite and exact.",
        flags=("underflow", "zero-start"),
        gradients=by_dtype(
            {"float64": noise(11, *[2.0**-600] * 3), "float32": noise(11, *[2.0**-80] * 3)}
        ),
        hyper=CORE._replace(lr=1.0, eps=2.0**-30),
        x0=ZEROS,
    ),
    in_core(
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
        hyper=LITERAL,
    ),
)
