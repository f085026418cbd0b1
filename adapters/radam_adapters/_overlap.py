"""Which arrays share memory: what one step writes, no other may read or write."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, combinations, pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

Array = Any


class SharedMemory(ValueError):
    """Two arrays that are to be written have elements in common."""


class Span(NamedTuple):
    """The bytes between which an array lies, and its place in the list."""

    low: int
    high: int
    place: int
    array: Array


def require_apart(x: Array, m: Array, v: Array) -> None:
    """Refuse what one step cannot write to."""
    written = {"params": x, "state.m": m, "state.v": v}
    for name, array in written.items():
        if not array.flags.writeable:
            raise ValueError(f"{name} must be writeable, got an array that is read-only")
        if overlaps_itself(array):
            what = f"shape {array.shape} with strides {array.strides}"
            raise ValueError(f"{name} must not overlap itself, got {what}")
    for (name, array), (other, another) in combinations(written.items(), 2):
        if np.shares_memory(array, another):
            raise ValueError(f"{other} must not share memory with {name}, but does")


def overlaps_itself(array: Array) -> bool:
    """Whether an axis steps less far than those within it reach, as none does in a view by slices.

    Strides made by hand may interlace so that no element meets another; these are refused too.
    """
    reach = array.itemsize
    lengths = zip(array.strides, array.shape, strict=True)
    for stride, n in sorted((abs(stride), n) for stride, n in lengths if n > 1):
        if stride < reach:
            return bool(array.size)
        reach += (n - 1) * stride
    return False


def apart(grads: Sequence[Any], *written: Sequence[Any]) -> list[Any]:
    """The gradients of NumPy arrays, copied where the step of another array writes into them.

    Raises
    ------
    SharedMemory
        Where two of the arrays that are `written` share memory.
    """
    result = list(grads)
    for place in overwritten(grads, *written):
        result[place] = result[place].copy()
    return result


def overwritten(grads: Sequence[Any], *written: Sequence[Any]) -> Iterator[int]:
    """The places of gradients that share memory with what is written, but for their own step."""
    arrays = [array for column in (grads, *written) for array in column]
    if all(type(array) is np.ndarray and array.flags.c_contiguous for array in arrays):
        if in_turn((array.ctypes.data, array.nbytes) for array in arrays):
            return
    spans = sorted((s for column in written for s in _spans(column)), key=lambda span: span[:2])
    _require_all_apart(spans)
    own = {(span.place, id(span.array)) for span in spans}  # as its own step looks at them
    lows, reach = [span.low for span in spans], list(accumulate((s.high for s in spans), max))
    for low, high, place, array in _spans(grads):
        last = 0 if (place, id(array)) in own else bisect_left(lows, high)
        while last and reach[last - 1] > low:  # none before reaches into it
            last -= 1
            if spans[last].high > low and np.shares_memory(array, spans[last].array):
                yield place
                break


def in_turn(places: Iterable[tuple[int, int]]) -> bool:
    """Whether no stretch of memory, an address and a length, reaches into another."""
    ordered = sorted(places)
    return all(low + size <= after for (low, size), (after, _) in pairwise(ordered))


def twin(array: Any) -> Array:
    """NumPy's array at the place of a device's, not to be looked into: it tells what overlaps."""
    place = {"data": (array.data.ptr, False), "shape": array.shape, "strides": array.strides}
    interface = {**place, "typestr": array.dtype.str, "version": 3}
    return np.asarray(SimpleNamespace(__array_interface__=interface))


def span_of(array: Array) -> tuple[int, int]:
    """The bounds of its memory."""
    low = high = array.ctypes.data
    for n, stride in zip(array.shape, array.strides, strict=True):
        low, high = low + min(0, (n - 1) * stride), high + max(0, (n - 1) * stride)
    return low, high + array.itemsize


def _spans(column: Iterable[Any]) -> Iterator[Span]:
    for place, array in enumerate(column):
        if isinstance(array, np.ndarray) and array.size:
            yield Span(*span_of(array), place, array)


def _require_all_apart(spans: Iterable[Span]) -> None:
    reaching: list[Span] = []
    for span in spans:
        reaching = [before for before in reaching if before.high > span.low]
        if any(np.shares_memory(span.array, before.array) for before in reaching):
            raise SharedMemory("params, state.m and state.v must not share memory, but two do")
        reaching.append(span)
