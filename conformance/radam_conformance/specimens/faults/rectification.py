"""Faults of rho_t, of the branch and of r_t (lines 2, 8, 9 and 11)."""

from __future__ import annotations

from ..fault import Fault, fault, github, hyper, single
from ..lines import BETAS, POWERS, RESULT, RHO_INF, RHO_T, ROOT, SQUARED, TRACTABLE

_RHO = (
    fault(
        "rho-inf-without-1",
        "rho_inf lacks its -1",
        "line 2",
        (RHO_INF, "rho_inf = 2 / (1 - beta2)"),
    ),
    fault(
        "rho-inf-plus-1",
        "rho_inf has +1 for -1",
        "line 2",
        (RHO_INF, "rho_inf = 2 / (1 - beta2) + 1"),
    ),
    fault(
        "rho-inf-1-for-2",
        "rho_inf has 1/(1 - beta2) for 2/(1 - beta2)",
        "line 2",
        (RHO_INF, "rho_inf = 1 / (1 - beta2) - 1"),
    ),
    fault(
        "rho-inf-of-beta1",
        "rho_inf is that of beta1",
        "line 2",
        (RHO_INF, "rho_inf = 2 / (1 - beta1) - 1"),
    ),
    fault(
        "rho-without-2",
        "the factor 2 is missing in rho_t",
        "line 8",
        (RHO_T, "rho_t = rho_inf - t * power2 / correction2"),
    ),
    fault(
        "rho-without-t",
        "the factor t is missing in rho_t",
        "line 8",
        (RHO_T, "rho_t = rho_inf - 2 * power2 / correction2"),
    ),
    fault(
        "rho-without-correction",
        "1 - beta2^t is missing in rho_t",
        "line 8",
        (RHO_T, "rho_t = rho_inf - 2 * t * power2"),
    ),
    fault(
        "rho-upside-down",
        "beta2^t and 1 - beta2^t are exchanged in rho_t",
        "line 8",
        (RHO_T, "rho_t = rho_inf - 2 * t * correction2 / power2"),
        source="a libtorch port: N_sma_max - 2*t*(1 - b2^t)/b2^t",
    ),
    fault(
        "rho-plus",
        "rho_t adds what it should subtract",
        "line 8",
        (RHO_T, "rho_t = rho_inf + 2 * t * power2 / correction2"),
    ),
    fault(
        "rho-a-step-late",
        "rho_t is that of the step before",
        "line 8",
        (
            RHO_T,
            "s = max(1, t - 1)\n"
            "    rho_t = rho_inf - 2 * s * power(beta2, s) / (1 - power(beta2, s))",
        ),
    ),
    fault(
        "rho-in-integers",
        "rho_t is cut to an integer",
        "line 8",
        (RHO_T, "rho_t = int(rho_inf - 2 * t * power2 / correction2)"),
        source="an NNUE trainer: int N_sma",
    ),
    fault(
        "rho-in-binary32",
        "rho_t and r_t are computed in binary32",
        "lines 7 to 11",
        (BETAS, f"beta1, beta2 = {single('h.beta1')}, {single('h.beta2')}"),
        (RHO_INF, f"rho_inf = {single('2 / np.float32(1 - beta2) - 1')}"),
        (RHO_T, "rho_t = float(np.float32(rho_inf) - np.float32(2 * t * power2 / correction2))"),
        source=github("tensorflow/addons/issues/1380"),
    ),
    fault(
        "rho-mixed",
        "beta2^t is rounded to binary32, rho_inf is not",
        "line 8",
        (POWERS, "power1, power2 = power(beta1, t), float(np.float32(power(beta2, t)))"),
        source="torch.compile of torch.optim.RAdam, optax.radam in float32",
    ),
    fault(
        "betas-in-binary32",
        "the betas are rounded to binary32",
        "lines 5 and 6",
        hyper(f"beta1={single('h.beta1')}, beta2={single('h.beta2')}"),
        source="TensorFlow Addons and Paddle in float64",
    ),
    fault(
        "beta2-in-binary32-in-rho",
        "beta2 is rounded to binary32 in rho_t and the corrections",
        "line 8",
        (BETAS, f"beta1, beta2 = h.beta1, {single('h.beta2')}"),
    ),
    fault(
        "scalars-in-half",
        "the scalars are rounded to half precision",
        "lines 7 to 11",
        (
            RESULT,
            "exact = (correction1, correction1_next, correction2, r_t)\n"
            "    return Terms(*(None if c is None else float(np.float16(c)) for c in exact))",
        ),
    ),
)

_BRANCH = (
    *(
        fault(
            f"threshold-{number}".replace(".", "-"),
            f"the threshold of rho_t is {number}",
            "line 9",
            (TRACTABLE, f"if rho_t > {number}:"),
            source=source,
        )
        for number, source in (
            ("4.5", ""),
            ("6", ""),
            ("3", ""),
            ("50", ""),
        )
    ),
    fault(
        "threshold-of-another-dialect",
        "the threshold is that of another dialect, 5 for 4 or 4 for 5",
        "line 9",
        (TRACTABLE, "if rho_t > (5 if threshold == 4 else 4):"),
        source=github("google-deepmind/optax/pull/15"),
    ),
    fault(
        "threshold-a-hundredth-high",
        "the threshold of rho_t is a hundredth too high",
        "line 9",
        (TRACTABLE, "if rho_t > threshold + 0.01:"),
    ),
    fault(
        "threshold-of-the-integer-part",
        "the integer part of rho_t is compared with the threshold",
        "line 9",
        (TRACTABLE, "if int(rho_t) > threshold:"),
    ),
    fault(
        "rectified-from-step-6",
        "the step number decides, not rho_t: rectified from step 6 on",
        "line 9",
        (TRACTABLE, "if t >= 6 and rho_inf > threshold:"),
        (ROOT, "r_t = math.sqrt(max(0, squared))"),
    ),
    fault(
        "threshold-against-rho-inf",
        "rho_inf is compared with the threshold, not rho_t",
        "line 9",
        (TRACTABLE, "if rho_inf > threshold:"),
        source=github("lessw2020/Ranger-Deep-Learning-Optimizer/issues/7"),
    ),
    fault(
        "always-rectified",
        "every step is rectified, with |r_t^2| under the root",
        "line 9",
        (TRACTABLE, "if True:"),
        (ROOT, "r_t = math.sqrt(abs(squared))"),
    ),
    fault(
        "never-rectified",
        "no step is ever rectified",
        "line 9",
        (TRACTABLE, "if False:"),
    ),
    fault(
        "rectified-backwards",
        "the branch is taken the wrong way round",
        "line 9",
        (TRACTABLE, "if rho_t <= threshold:"),
        (ROOT, "r_t = math.sqrt(abs(squared))"),
    ),
)

_R = (
    fault("no-rectification", "r_t is missing: it is Adam", "line 11", (ROOT, "r_t = 1.0")),
    fault(
        "r-inverted",
        "r_t is inverted",
        "line 11",
        (ROOT, "r_t = math.sqrt(1 / squared)"),
        source="rustorch, src/optim/radam.rs",
    ),
    fault("r-squared", "r_t lacks its root", "line 11", (ROOT, "r_t = squared")),
    fault(
        "r-rooted-twice",
        "r_t has the root twice",
        "line 11",
        (ROOT, "r_t = math.sqrt(math.sqrt(squared))"),
    ),
    fault(
        "r-without-rho-t",
        "r_t lacks rho_t in its denominator",
        "line 11",
        (SQUARED, "(rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2))"),
        source="lucid, its documentation of optim.RAdam",
    ),
    fault(
        "r-without-rho-inf",
        "r_t lacks rho_inf in its numerator",
        "line 11",
        (SQUARED, "(rho_t - 4) * (rho_t - 2) / ((rho_inf - 4) * (rho_inf - 2) * rho_t)"),
    ),
    fault(
        "r-without-rho-t-2",
        "r_t lacks the factor rho_t - 2",
        "line 11",
        (SQUARED, "(rho_t - 4) * rho_inf / ((rho_inf - 4) * rho_t)"),
    ),
    fault(
        "r-with-5",
        "r_t has rho_t - 5 for rho_t - 4",
        "line 11",
        (
            SQUARED,
            "abs(rho_t - 5) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t)",
        ),
    ),
    fault(
        "r-with-3",
        "r_t has rho_t - 3 for rho_t - 2",
        "line 11",
        (SQUARED, "(rho_t - 4) * (rho_t - 3) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t)"),
    ),
    fault(
        "r-with-rho-inf-3",
        "r_t has rho_inf - 3 for rho_inf - 2",
        "line 11",
        (SQUARED, "(rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 3) * rho_t)"),
    ),
    fault(
        "r-taken-for-1",
        "r_t is taken for 1 where it is above 0.99",
        "line 11",
        (ROOT, "r_t = math.sqrt(squared)\n        r_t = 1.0 if r_t > 0.99 else r_t"),
    ),
    fault(
        "r-at-most-a-tenth",
        "r_t is cut at 0.1",
        "line 11",
        (ROOT, "r_t = min(0.1, math.sqrt(squared))"),
    ),
)

RECTIFICATION: tuple[Fault, ...] = (*_RHO, *_BRANCH, *_R)
