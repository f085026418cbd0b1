"""Faults of the corrections, of the update and of the step (lines 7, 10, 12 and 14)."""

from __future__ import annotations

from ..fault import Fault, fault, github, hyper
from ..lines import APPLY, BEFORE, M_HAT, RECTIFIED, UNRECTIFIED, V_HAT

_CORRECTION = (
    fault("m-uncorrected", "m is not corrected", "line 7", (M_HAT, "m_hat = m\n")),
    fault(
        "m-uncorrected-where-rectified",
        "m is not corrected in rectified steps",
        "line 12",
        (RECTIFIED, RECTIFIED.replace("m_hat", "m")),
        source=github("tensorflow/swift-apis/pull/564"),
    ),
    fault(
        "m-uncorrected-where-unrectified",
        "m is not corrected in steps that are not rectified",
        "line 14",
        (UNRECTIFIED, "else m\n"),
    ),
    fault(
        "m-correction-multiplied",
        "m is multiplied by 1 - beta1^t, not divided",
        "line 7",
        (M_HAT, "m_hat = m * k.correction1\n"),
    ),
    fault(
        "warm-up-multiplied",
        "m is multiplied by 1 - beta1^t in steps that are not rectified",
        "line 14",
        (UNRECTIFIED, "else m * k.correction1\n"),
        source="an NNUE trainer in CUDA",
    ),
    fault(
        "v-uncorrected",
        "v is not corrected: sqrt(1 - beta2^t) is missing",
        "line 10",
        (V_HAT, V_HAT.replace(" / k.correction2", "")),
        source="NNUE trainers in the manner of bullet",
    ),
    fault(
        "v-correction-multiplied",
        "v is multiplied by 1 - beta2^t, not divided",
        "line 10",
        (V_HAT, V_HAT.replace("/ k.", "* k.")),
        (BEFORE, "root + h.eps * math.sqrt(k.correction2)"),
    ),
    fault(
        "v-correction-outside-the-root",
        "v is corrected by 1 - beta2^t outside the root",
        "line 10",
        (V_HAT, "np.sqrt(v) / k.correction2"),
    ),
    fault("v-without-root", "the root of v is missing", "line 10", (V_HAT, "v / k.correction2")),
    fault("v-cube-root", "v has a cube root", "line 10", (V_HAT, "np.cbrt(v / k.correction2)")),
    fault("v-ignored", "the update is not divided by sqrt(v)", "line 12", (V_HAT, "1 + 0 * v")),
)

_STEP = (
    fault("ascent", "it ascends: the update is added", "line 12", (APPLY, "return x + h.lr * u")),
    fault("lr-missing", "lr is missing", "line 12", (APPLY, "return x - u")),
    fault(
        "lr-squared",
        "lr is multiplied in twice",
        "line 12",
        (APPLY, "return x - h.lr * h.lr * u"),
    ),
    fault(
        "lr-squared-where-rectified",
        "lr is multiplied in twice in rectified steps",
        "line 12",
        (RECTIFIED, f"{RECTIFIED} * h.lr"),
        source="TorchSharp, src/TorchSharp/Optimizers/RAdam.cs",
    ),
    fault(
        "lr-missing-where-unrectified",
        "lr is missing in steps that are not rectified",
        "line 14",
        (UNRECTIFIED, "else m_hat / (h.lr or 1.0)\n"),
    ),
    fault(
        "lr-in-binary32",
        "lr is rounded to binary32",
        "line 12",
        hyper("lr=float(np.float32(h.lr))"),
    ),
    fault(
        "lr-by-root-t",
        "lr falls with the root of t",
        "line 12",
        (APPLY, "return x - h.lr / math.sqrt(t) * u"),
    ),
    fault(
        "warm-up-mixed-in",
        "lr is warmed up besides",
        "line 12",
        (APPLY, "return x - h.lr * min(1.0, t * (1 - h.beta2) / 2) * u"),
        source=github("tensorflow/addons/pull/1381"),
    ),
    fault(
        "sign-of-the-update",
        "the update is only its sign",
        "line 12",
        (RECTIFIED, "u = k.r_t * divide(m_hat, np.abs(m_hat))"),
    ),
    fault(
        "update-clipped",
        "the update is clipped to [-1, 1]",
        "line 12",
        (RECTIFIED, f"{RECTIFIED}\n            u = u / np.maximum(1.0, np.abs(u))"),
    ),
    fault(
        "update-averaged",
        "the update is averaged over the elements",
        "line 12",
        (APPLY, "return x - h.lr * np.full_like(u, u.sum() / max(1, u.size))"),
    ),
    fault(
        "update-by-norm",
        "the update is scaled by the norm of the parameters, as in LARS",
        "line 12",
        (APPLY, "return x - h.lr * u * min(1.0, float(np.sqrt(square(x).sum())))"),
        source="pylocron RaLars",
    ),
    fault(
        "params-clamped",
        "the parameters are clamped to [-1.98, 1.98]",
        "line 12",
        (
            APPLY,
            "x = x - h.lr * u\n        return x / np.maximum(1.0, np.abs(x) / 1.98)",
        ),
        source="NNUE trainers in the manner of bullet",
    ),
    fault(
        "slow-weights",
        "slow weights are mixed in every sixth step, as in Ranger",
        "line 12",
        (
            APPLY,
            "slow = self.__dict__.setdefault(f'slow{i}', x)\n"
            "        x = x - h.lr * u\n"
            "        return x if t % 6 else (slow + x) / 2",
        ),
        source="pytorch_ranger, lookahead",
    ),
)

_UNRECTIFIED = (
    fault(
        "unrectified-raw-gradient",
        "steps that are not rectified go along the raw gradient",
        "line 14",
        (UNRECTIFIED, "else g\n"),
        source="prysm",
    ),
    fault(
        "unrectified-adam",
        "steps that are not rectified are Adam's",
        "line 14",
        (UNRECTIFIED, "else divide(m_hat, self.denominator(v, h, k, 1.0))\n"),
        source="pylocron RaLars, force_adaptive_momentum",
    ),
    fault(
        "unrectified-minus-1",
        "steps that are not rectified ascend: a step size of -1 is not skipped",
        "line 14",
        (UNRECTIFIED, "else -m\n"),
        source=github("LiyuanLucasLiu/RAdam/issues/54"),
    ),
    fault(
        "unrectified-sign",
        "steps that are not rectified go by the sign of m",
        "line 14",
        (UNRECTIFIED, "else divide(m_hat, np.abs(m_hat))\n"),
    ),
    fault(
        "unrectified-of-another-dialect",
        "steps that are not rectified hold where they should move, or move where they should hold",
        "line 14",
        ('dialect.unrectified == "momentum"', 'dialect.unrectified == "hold"'),
        source=github("LiyuanLucasLiu/RAdam/issues/54"),
    ),
)

UPDATE: tuple[Fault, ...] = (*_CORRECTION, *_STEP, *_UNRECTIFIED)
