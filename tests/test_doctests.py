"""The examples in the docstrings are run, module by module."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from importlib.util import find_spec

import numpy as np
import pytest

import radam_adapters
import radam_conformance
import radam_ref

# Plugs for packages that are no dependency of ours: they import where these are installed.
PLUGS = {
    "_tensorflow": "tensorflow",
    "braintools_radam": "braintools",
    "catalyst_radam": "catalyst",
    "fastai_radam": "fastai",
    "keras_rectified_adam": "keras_radam",
    "labml_radam": "labml_nn",
    "mindspore_radam": "mindspore",
    "paddle_radam": "paddle",
    "tensorflow_addons_radam": "tensorflow_addons",
    "timm_legacy": "timm",
}
NEEDS = {f"radam_conformance.ports.{plug}": package for plug, package in PLUGS.items()}
# Modules that import a framework.
MARKERS = {
    "radam_adapters._torch_fused": "torch",
    "radam_adapters._torch_steps": "torch",
    "radam_adapters.jax_transform": "jax",
    "radam_adapters.torch_optimizer": "torch",
    "radam_conformance.drivers.keras_optimizer": "keras",
    "radam_conformance.drivers.optax_transform": "jax",
    "radam_conformance.drivers.torch_optimizer": "torch",
    "radam_conformance.ports.thinc_radam": "thinc",
}
NAMES = sorted(
    info.name
    for package in (radam_ref, radam_adapters, radam_conformance)
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if info.name not in NEEDS or find_spec(NEEDS[info.name])
)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[getattr(pytest.mark, MARKERS[name])] if name in MARKERS else [])
        for name in NAMES
    ],
)
def test_examples_in_docstrings(name: str) -> None:
    module = importlib.import_module(name)

    assert doctest.testmod(module, extraglobs={"np": np}).failed == 0
