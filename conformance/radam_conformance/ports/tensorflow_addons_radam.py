"""`func:radam_conformance.ports.tensorflow_addons_radam:step`: RectifiedAdam of TensorFlow Addons.

It needs TensorFlow 2.15 or older.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

from tensorflow_addons.optimizers import RectifiedAdam

from ._tensorflow import FEATURES as FEATURES
from ._tensorflow import step as keras2_step

__version__ = version("tensorflow-addons")


def step(
    params: Any, grads: Any, state: Any, hyper: Mapping[str, Any], *, sma_threshold: float = 5.0
) -> tuple[Any, Any]:
    """One step of `tfa.optimizers.RectifiedAdam`."""
    make = partial(RectifiedAdam, sma_threshold=sma_threshold)
    return keras2_step(make, params, grads, state, hyper)
