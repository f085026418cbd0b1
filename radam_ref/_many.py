"""Several arrays at once: the terms of a step are fetched together."""

from __future__ import annotations

from collections.abc import Sequence
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
    fetching = _fetched_together(state.t, many)
    stepped = [
        step_by(x, g, RAdamState(t, m, v), config, lr, fetch)
        for x, g, t, m, v, fetch in zip(params, *columns.values(), fetching, strict=True)
    ]
    after = RAdamState(state.t + 1, [new.m for _, new in stepped], [new.v for _, new in stepped])
    return [x for x, _ in stepped], after


def _is_one_of_each(number: Any) -> bool:
    return getattr(number, "ndim", 0) == 1


def _of_each(numbers: Array) -> list[Array]:
    """The entries of a 1-d array, each a 0-d array."""
    return [numbers[k, ...] for k in range(numbers.shape[0])]


def _fetched_together(t: Any, count: int) -> list[Any]:
    """What each of several arrays fetches its terms by; the first computes those of all."""
    fetched: dict[Any, Any] = {}

    def terms_of_all(terms: Any, own: Any, *how: Any) -> Any:
        if not _is_one_of_each(t):
            form, c = terms(own, *how)
            return form, [c] * count
        form, c = terms(t + 1, *how)
        columns = (_of_each(x) if _is_one_of_each(x) else [x] * count for x in c)
        return form, [type(c)._make(row) for row in zip(*columns, strict=True)]

    def fetching(k: int) -> Any:
        def once(terms: Any) -> Any:
            def remembered(own: Any, config: RAdamConfig, lr: float, dtype: str) -> Any:
                if (lr, dtype) not in fetched:
                    fetched[lr, dtype] = terms_of_all(terms, own, config, lr, dtype)
                form, of_each = fetched[lr, dtype]
                return form, of_each[k]

            return remembered

        return once

    return [fetching(k) for k in range(count)]
