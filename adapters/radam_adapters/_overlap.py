"""Which arrays of a list share memory: what one step writes, no other may read or write."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class SharedMemory(ValueError):
    """Two arrays that are to be written have elements in common."""


class Span(NamedTuple):
    """The bytes between which an array lies, and the place in the list."""

    low: int
    high: int
    place: int
    array: Array


def apart(grads: Sequence[Any], *written: Sequence[Any]) -> list[Any]:
    """The gradients, copied where the step of another array writes into them.

    Raises
    ------
    SharedMemory
        Where two of the arrays that are `written` share memory.
    """
    spans = sorted((span for column in written for span in _spans(column)), key=lambda s: s[:2])
    _require_apart(spans)
    lows, reach = [span.low for span in spans], list(accumulate((s.high for s in spans), max))
    result = list(grads)
    for low, high, place, array in _spans(grads):
        last = bisect_left(lows, high)
        while last and reach[last - 1] > low:  # none before reaches into it
            last -= 1
            if spans[last].place != place and np.shares_memory(array, spans[last].array):
                result[place] = array.copy()
                break
    return result


def _spans(column: Iterable[Any]) -> Iterable[Span]:
    for place, array in enumerate(column):
        if isinstance(array, np.ndarray) and array.size:
            if array.flags.c_contiguous:
                low = array.__array_interface__["data"][0]
                yield Span(low, low + array.nbytes, place, array)
            else:
                yield Span(*np.lib.array_utils.byte_bounds(array), place, array)


def _require_apart(spans: Iterable[Span]) -> None:
    reaching: list[Span] = []
    for span in spans:
        reaching = [before for before in reaching if before.high > span.low]
        if any(np.shares_memory(span.array, before.array) for before in reaching):
            raise SharedMemory("params, state.m and state.v must not share memory, but two do")
        reaching.append(span)
