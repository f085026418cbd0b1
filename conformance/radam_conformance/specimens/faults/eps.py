"""Faults of eps (line 10)."""

from __future__ import annotations

from ..fault import Fault, fault, github, hyper
from ..lines import AFTER, BEFORE, QUOTIENT, RECTIFIED, V_HAT

_HALF = '"float16" in self.dtype'

EPS: tuple[Fault, ...] = (
    fault(
        "eps-dropped",
        "eps is dropped",
        "line 10",
        hyper("eps=0.0"),
        source=github("pytorch/pytorch/pull/92551"),
    ),
    fault(
        "eps-under-the-root",
        "eps is added to v, under the root",
        "line 10",
        (V_HAT, "np.sqrt(v / k.correction2 + h.eps)"),
        (BEFORE, "root"),
        (AFTER, "np.asarray(root)"),
        source=github("CyberZHG/keras-radam/issues/29"),
    ),
    fault(
        "eps-under-the-root-and-outside",
        "eps is added twice, under the root and outside",
        "line 10",
        (V_HAT, "np.sqrt(v / k.correction2 + h.eps)"),
    ),
    fault("eps-doubled", "eps is doubled", "line 10", hyper("eps=2 * h.eps")),
    fault("eps-rooted", "sqrt(eps) is added, not eps", "line 10", hyper("eps=math.sqrt(h.eps)")),
    fault(
        "eps-rounded-to-half",
        "eps is rounded to half precision",
        "line 10",
        hyper("eps=float(np.float16(h.eps))"),
        source=github("google-deepmind/optax/issues/1754"),
    ),
    fault(
        "eps-of-its-own",
        "eps is 1e-8 whatever was asked",
        "line 10",
        hyper("eps=1e-8"),
    ),
    fault(
        "eps-zero-replaced",
        "eps = 0 is replaced by 1e-7",
        "line 10",
        hyper("eps=h.eps or 1e-7"),
        source="TensorFlow Addons and keras-radam: epsilon or K.epsilon()",
    ),
    fault(
        "eps-of-another-dialect",
        "eps is where another dialect has it: before the correction or after it",
        "line 10",
        (BEFORE, "root + h.eps * 1.0"),
        (AFTER, "np.asarray(root + h.eps / math.sqrt(k.correction2))"),
        source=github("pytorch/pytorch/pull/92551"),
    ),
    fault(
        "eps-shrunk-by-correction",
        "eps is multiplied by the bias correction",
        "line 10",
        (BEFORE, "root + h.eps * k.correction2"),
        (AFTER, "np.asarray(root + h.eps * k.correction2)"),
        source=github("geoopt/geoopt/issues/164"),
    ),
    fault("eps-by-lr", "eps is multiplied by lr", "line 10", hyper("eps=h.eps * h.lr")),
    fault(
        "eps-by-r",
        "eps is multiplied by r_t",
        "line 12",
        (BEFORE, "root + r_t * h.eps / math.sqrt(k.correction2)"),
        (AFTER, "np.asarray(root + r_t * h.eps)"),
    ),
    fault(
        "eps-as-a-floor",
        "eps is the least denominator, not added to it",
        "line 10",
        (BEFORE, "np.maximum(root, h.eps / math.sqrt(k.correction2))"),
        (AFTER, "np.maximum(root, h.eps)"),
        source=github("tensorflow/tensorflow/issues/35102"),
    ),
    fault(
        "eps-subtracted",
        "eps is subtracted",
        "line 10",
        (BEFORE, "root - h.eps / math.sqrt(k.correction2)"),
        (AFTER, "np.asarray(root - h.eps)"),
    ),
    fault(
        "zero-by-zero",
        "0/0 makes NaN where eps and v are 0",
        "line 10",
        (QUOTIENT, "np.asarray(a / b)"),
        source="torch.optim.RAdam: NaN at the first rectified step",
    ),
    fault(
        "half-eps-in-params-dtype",
        "eps is rounded to the half precision of the parameters, and 0/0 makes NaN where it is 0",
        "S9",
        hyper(f"eps=float(store(np.float32(h.eps), self.dtype)) if {_HALF} else h.eps"),
        (
            RECTIFIED,
            "d = self.denominator(v, h, k, k.r_t)\n"
            f"            u = k.r_t * (m_hat / d if {_HALF} else divide(m_hat, d))",
        ),
        source=github("google-deepmind/optax/issues/1754"),
    ),
    fault(
        "half-without-eps",
        "eps becomes 0 in half precision, and 0/0 NaN",
        "line 10",
        hyper("eps=float(np.float16(h.eps))"),
        (QUOTIENT, "np.asarray(a / b)"),
        source=github("google-deepmind/optax/issues/1754"),
    ),
)
