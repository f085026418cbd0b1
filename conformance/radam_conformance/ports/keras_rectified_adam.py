"""`func:radam_conformance.ports.keras_rectified_adam:step`: RAdam of keras-rectified-adam.

It needs TensorFlow 2.15 or older; from 2.11 on the base class it is written for is called legacy.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import tensorflow.keras.optimizers as base

from ._tensorflow import FEATURES as FEATURES
from ._tensorflow import step as keras2_step

base.Optimizer = base.legacy.Optimizer

from keras_radam import RAdam  # noqa: E402

__version__ = version("keras-rectified-adam")


def step(params: Any, grads: Any, state: Any, hyper: Mapping[str, Any]) -> tuple[Any, Any]:
    """One step of `keras_radam.RAdam`."""
    return keras2_step(RAdam, params, grads, state, hyper)
