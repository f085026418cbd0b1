"""Several arrays at once: the terms of a step are fetched together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ._boundary import step_by
from ._config import RAdamConfig
from ._step import Array, RAdamState


def step_many(
    params: Sequence[Array],
    grads: Sequence[Array],
    state: RAdamState,
    config: RAdamConfig = RAdamConfig(),
    *,
    lr: Any = None,
) -> tuple[list[Array], RAdamState]:
    """`step` on each of several arrays, whose terms are fetched once.

    Under a compiler, or on a device, the terms of a traced t are most of the work.

    Parameters
    ----------
    params, grads : sequences of arrays
    state : RAdamState
        Sequences m and v; t as for `step`, shared by all, or a 1-d array with that of each.
    config, lr
        As for `step`, the same for all.

    Returns
    -------
    (list, RAdamState)
        The new params, and the state with t counted up and lists m and v.

    Raises
    ------
    TypeError, ValueError
        As `step`; or if there are not as many of each.

    Examples
    --------
    >>> x, y = np.ones(2), np.zeros(())
    >>> moments = [0 * x, 0 * y]
    >>> step_many([x, y], [x, y], RAdamState(0, moments, moments), lr=0.25)[0]
    [array([0.75, 0.75]), array(0.)]
    """
    many = len(params)
    ts = _of_each(state.t) if _is_one_of_each(state.t) else [state.t] * many
    columns = {"grads": grads, "state.t": ts, "state.m": state.m, "state.v": state.v}
    for name, column in columns.items():
        if len(column) != many:
            raise ValueError(f"{name} must be as many as params, {many}, got {len(column)}")
    together = _Together(state.t, many)
    rows = zip(params, *columns.values(), strict=True)
    stepped = [
        step_by(x, g, RAdamState(t, m, v), config, lr, together.of(k))
        for k, (x, g, t, m, v) in enumerate(rows)
    ]
    after = RAdamState(state.t + 1, [new.m for _, new in stepped], [new.v for _, new in stepped])
    return [x for x, _ in stepped], after


def _is_one_of_each(number: Any) -> bool:
    return getattr(number, "ndim", 0) == 1


def _of_each(numbers: Array) -> list[Array]:
    """The entries of a 1-d array, each a 0-d array."""
    return [numbers[k, ...] for k in range(numbers.shape[0])]


class _Together:
    """The terms of several arrays, computed for all of them when the first asks."""

    def __init__(self, t: Any, count: int) -> None:
        self.t, self.count = t, count
        self.fetched: dict[Any, tuple[Any, list[Any]]] = {}

    def of(self, k: int) -> Callable[[Any], Any]:
        """What makes of a function that fetches terms one that gives those of the k-th array."""
        return lambda terms: partial(self.fetch, terms, k)

    def fetch(
        self, terms: Any, k: int, own: Any, config: RAdamConfig, lr: float, dtype: str
    ) -> tuple[Any, Any]:
        if (lr, dtype) not in self.fetched:
            self.fetched[lr, dtype] = self.compute(terms, own, config, lr, dtype)
        form, of_each = self.fetched[lr, dtype]
        return form, of_each[k]

    def compute(self, terms: Any, own: Any, *how: Any) -> tuple[Any, list[Any]]:
        if not _is_one_of_each(self.t):
            form, c = terms(own, *how)
            return form, [c] * self.count
        form, c = terms(self.t + 1, *how)
        columns = (_of_each(x) if _is_one_of_each(x) else [x] * self.count for x in c)
        return form, [type(c)._make(row) for row in zip(*columns, strict=True)]
