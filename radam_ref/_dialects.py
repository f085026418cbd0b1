"""The named dialects: what published implementations of RAdam compute, and where that was read.

Leads gathered from each port's source; the judge's verdicts, not this table, are our results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ._config import Dialect
from ._config import dialects as _dialects


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a named dialect comes from.

    Parameters
    ----------
    source : str
        Project and file in which it was read.
    evidence : tuple of str
        Threads in which its choices were discussed.
    lr : float or None
        Default learning rate; None where the caller must give one.
    beta1, beta2, eps : float
        Further defaults.
    computes_in : tuple of str
        Dtypes of the arithmetic; other parameters are converted to one of them.
    """

    source: str
    evidence: tuple[str, ...] = ()
    lr: float | None = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    computes_in: tuple[str, ...] = ("float32", "float64")


_BEFORE = Dialect(threshold=5.0, eps_placement="before_correction")
_COUPLED = Dialect(threshold=5.0, weight_decay="coupled")
_GITHUB = "https://github.com/"

_NAMED: dict[str, tuple[Dialect, Origin]] = {
    "paper": (Dialect(), Origin("arXiv 1908.03265, Algorithm 2")),
    "paper-hold": (
        Dialect(unrectified="hold"),
        Origin("Algorithm 2 without line 14", (_GITHUB + "LiyuanLucasLiu/RAdam/issues/54",)),
    ),
    "authors": (
        replace(_BEFORE, unrectified="hold"),
        Origin(
            "LiyuanLucasLiu/RAdam radam/radam.py",
            (
                _GITHUB + "LiyuanLucasLiu/RAdam/issues/54",
                _GITHUB + "LiyuanLucasLiu/RAdam/issues/61",
            ),
            computes_in=("float32",),
        ),
    ),
    "authors-sgd": (
        _BEFORE,
        Origin(
            "LiyuanLucasLiu/RAdam radam/radam.py, degenerated_to_sgd=True",
            (_GITHUB + "LiyuanLucasLiu/RAdam/issues/54",),
            computes_in=("float32",),
        ),
    ),
    "pytorch": (
        replace(_BEFORE, weight_decay="coupled", complex="componentwise"),
        Origin(
            "pytorch/pytorch torch/optim/radam.py",
            (_GITHUB + "pytorch/pytorch/pull/58968", _GITHUB + "pytorch/pytorch/pull/107507"),
        ),
    ),
    "optax": (
        Dialect(threshold=5.0),
        Origin(
            "google-deepmind/optax optax/_src/transform.py, scale_by_radam",
            (_GITHUB + "google-deepmind/optax/pull/15",),
            lr=None,
        ),
    ),
    "braintools": (_COUPLED, Origin("braintools optim/_optax_optimizer.py")),
    "tfa": (
        Dialect(threshold=5.0),
        Origin(
            "tensorflow/addons tensorflow_addons/optimizers/rectified_adam.py",
            (_GITHUB + "tensorflow/addons/issues/1380",),
            eps=1e-7,
        ),
    ),
    "keras-rectified-adam": (
        Dialect(threshold=5.0),
        Origin(
            "CyberZHG/keras-radam keras_radam/optimizer_v2.py",
            (_GITHUB + "CyberZHG/keras-radam/issues/29",),
            eps=1e-7,
        ),
    ),
    "timm-legacy": (
        _BEFORE,
        Origin("huggingface/pytorch-image-models timm/optim/radam.py", computes_in=("float32",)),
    ),
    "jettify": (
        _BEFORE,
        Origin(
            "jettify/pytorch-optimizer torch_optimizer/radam.py",
            (_GITHUB + "jettify/pytorch-optimizer/issues/96",),
            computes_in=("float32",),
        ),
    ),
    "catalyst": (
        _BEFORE,
        Origin(
            "catalyst-team/catalyst catalyst/contrib/optimizers/radam.py",
            computes_in=("float32",),
        ),
    ),
    "pytorch-ranger": (
        _BEFORE,
        Origin(
            "mpariente/Ranger-Deep-Learning-Optimizer pytorch_ranger/ranger.py",
            (_GITHUB + "lessw2020/Ranger-Deep-Learning-Optimizer/issues/7",),
            beta1=0.95,
            eps=1e-5,
            computes_in=("float32",),
        ),
    ),
    "thinc": (
        _BEFORE,
        Origin(
            "explosion/thinc thinc/optimizers.py",
            (_GITHUB + "explosion/thinc/pull/452",),
            computes_in=("float32",),
        ),
    ),
    "kozistr": (
        replace(_BEFORE, unrectified="hold", complex="componentwise"),
        Origin("kozistr/pytorch_optimizer pytorch_optimizer/optimizer/radam.py"),
    ),
    "optimi": (
        _COUPLED,
        Origin("warner-benjamin/optimi optimi/radam.py", lr=None, beta2=0.99, eps=1e-6),
    ),
    "fastai": (
        Dialect(threshold=5.0),
        Origin(
            "fastai/fastai fastai/optimizer.py, radam_step",
            (_GITHUB + "fastai/fastai2/issues/246",),
            lr=None,
            beta2=0.99,
            eps=1e-5,
        ),
    ),
    "labml": (
        _BEFORE,
        Origin(
            "labmlai/annotated_deep_learning_paper_implementations labml_nn/optimizers/radam.py"
        ),
    ),
    "pylocron": (
        Dialect(weight_decay="coupled"),
        Origin(
            "frgfm/Holocron holocron/optim/functional.py", (_GITHUB + "frgfm/holocron/issues/1",)
        ),
    ),
    "proxmin": (
        Dialect(eps_placement="floor"),
        Origin(
            "pmelchior/proxmin proxmin/algorithms.py, _radam_phi_psi",
            (_GITHUB + "pmelchior/proxmin/issues/18",),
            lr=None,
        ),
    ),
    "paddle": (
        replace(_BEFORE, weight_decay="coupled"),
        Origin("PaddlePaddle/Paddle paddle/phi/kernels/impl/radam_kernel_impl.h"),
    ),
    "mindspore": (
        replace(_BEFORE, weight_decay="coupled"),
        Origin("mindspore-ai/mindspore mindspore/experimental/optim/radam.py"),
    ),
    "optimisers.jl": (
        Dialect(),
        Origin("FluxML/Optimisers.jl src/rules.jl", (_GITHUB + "FluxML/Flux.jl/pull/842",)),
    ),
    "candle-optimisers": (_BEFORE, Origin("KGrewal1/optimisers src/radam.rs")),
    "torchopt-r": (
        replace(_BEFORE, weight_decay="coupled"),
        Origin("e-sensing/torchopt R/radam.R", lr=1e-2),
    ),
    "swift-apis": (
        _BEFORE,
        Origin(
            "tensorflow/swift-apis Sources/TensorFlow/Optimizers/MomentumBased.swift",
            (_GITHUB + "tensorflow/swift-apis/pull/564",),
            computes_in=("float32",),
        ),
    ),
    "lamp": (
        replace(_BEFORE, threshold=4.0, weight_decay="absolute"),
        Origin("pityka/lamp lamp-core/src/main/scala/lamp/nn/RAdam.scala"),
    ),
}

_dialects.update({name: dialect for name, (dialect, _) in _NAMED.items()})
dialects: Mapping[str, Dialect] = MappingProxyType(_dialects)
origins: Mapping[str, Origin] = MappingProxyType({name: o for name, (_, o) in _NAMED.items()})
