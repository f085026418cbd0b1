"""`func:tests/adapters/fused_port.py:step`: `numpy_fused.step_inplace` as a port, on copies."""

from __future__ import annotations

from typing import Any

import numpy as np

from radam_adapters.numpy_fused import step_inplace
from radam_conformance.ports import reference
from radam_ref import RAdamConfig, RAdamState

FEATURES = reference.FEATURES
make_state, step = reference.make_state, reference.step


def on_copies(x: Any, g: Any, state: RAdamState, config: RAdamConfig) -> tuple[Any, RAdamState]:
    x = np.array(x) if isinstance(x, np.ndarray) else x  # what is no array is to be refused
    m, v = (np.array(array) for array in (state.m, state.v))
    return x, step_inplace(x, g, RAdamState(state.t, m, v), config)


reference.reference = on_copies
