"""All of a run that does not change from step to step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._config import RAdamConfig
from ._leaves import Layout
from ._limits import Limits
from ._rate import Rate


@dataclass(frozen=True, slots=True)
class Problem:
    """How to step, and how often to look; the state has where the run stands."""

    layout: Layout
    config: RAdamConfig
    rate: Rate
    limits: Limits
    proxes: tuple[Any, ...]
    has_prox: bool
    noisy: bool
    check_every: int
    free_steps: float  # the first steps, not rectified, that move x all the same
