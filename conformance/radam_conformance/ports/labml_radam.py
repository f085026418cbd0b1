"""`torch:radam_conformance.ports.labml_radam.RAdam`: the RAdam of labml_nn.

Its weight decay is an object; here it is a number and a switch.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from labml_nn.optimizers import WeightDecay
from labml_nn.optimizers import radam as labml

__version__ = version("labml-nn")


class RAdam(labml.RAdam):  # type: ignore[misc]
    """`labml_nn.optimizers.radam.RAdam`."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = True,
        optimized_update: bool = True,
        degenerated_to_sgd: bool = True,
    ) -> None:
        decay = WeightDecay(weight_decay, weight_decouple=decoupled)
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=decay,
            optimized_update=optimized_update,
            degenerated_to_sgd=degenerated_to_sgd,
        )
