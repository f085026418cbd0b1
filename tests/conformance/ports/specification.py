"""`func:specification.py:step`: the specification itself as a port, in any dialect it computes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

import radam_ref
from radam_ref import RAdamConfig, RAdamState, dialects

Array = NDArray[Any]


def step(
    params: Array,
    grads: Array,
    state: RAdamState | None,
    hyper: Mapping[str, float],
    *,
    dialect: str = "paper",
    **axes: Any,
) -> tuple[Array, RAdamState]:
    """`radam_ref.step` in a named dialect, of which single axes may be chosen otherwise."""
    config = RAdamConfig(
        lr=hyper["lr"],
        beta1=hyper["beta1"],
        beta2=hyper["beta2"],
        eps=hyper["eps"],
        dialect=replace(dialects[dialect], **axes),
    )
    return radam_ref.step(params, grads, state or radam_ref.init(params), config)
