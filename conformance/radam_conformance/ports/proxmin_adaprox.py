"""`func:radam_conformance.ports.proxmin_adaprox:run`: RAdam as `proxmin.adaprox` computes it.

Its step counter restarts with every call (https://github.com/pmelchior/proxmin/issues/18), so a
case is one call: the gradient function ignores where it is and plays back the case's gradients,
and the callback, called at the start of each iteration, records the steps before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import proxmin
from numpy.typing import NDArray

__version__ = version("proxmin")


def run(
    x0: NDArray[Any], gradients: Sequence[NDArray[Any]], hyper: Mapping[str, float | bool]
) -> list[NDArray[Any]]:
    """Parameters after each step of `proxmin.adaprox(scheme="radam")`.

    Parameters
    ----------
    x0 : array
        The start, one real tensor of at least one dimension; it is overwritten.
    gradients : sequence of arrays
        One per step, of the shape of x0.
    hyper : Mapping
        lr, beta1, beta2 and eps; no weight decay, no maximize.

    Raises
    ------
    NotImplementedError
        If the case has several tensors, a 0-d one, weight decay or maximize.
    """
    _check_offered(x0, hyper)
    visited: list[NDArray[Any]] = []
    playback = iter(gradients)
    proxmin.adaprox(
        x0,
        lambda x: next(playback),
        lambda x, it: hyper["lr"],
        scheme="radam",
        b1=hyper["beta1"],
        b2=hyper["beta2"],
        eps=hyper["eps"],
        check_convergence=False,
        max_iter=len(gradients),
        callback=lambda x, it: visited.append(x.copy()),
    )
    return [*visited[1:], x0]


def _check_offered(x0: object, hyper: Mapping[str, float | bool]) -> None:
    if isinstance(x0, list):
        raise NotImplementedError("tensors")
    if not getattr(x0, "shape", ()):
        raise NotImplementedError("shapes: adaprox writes through X[:], which a 0-d array lacks")
    for feature in ("weight_decay", "maximize"):
        if hyper[feature]:
            raise NotImplementedError(feature)
