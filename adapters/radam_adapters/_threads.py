"""A step over the elements of arrays, shared out to as many threads as there are processors."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from typing import Any, NamedTuple

ALONE = 100_000  # elements that are done about when another thread has woken up


class Task(NamedTuple):
    """`function(c, *arrays)` on 1-d arrays of one length, also on `block` elements at a time."""

    function: Callable[..., None]
    c: Any
    arrays: Sequence[Any]
    block: int


def run(tasks: Sequence[Task]) -> None:
    """Run each task once over, here and in the threads of the pool if there is enough to do."""
    if len(tasks) == 1 and tasks[0].arrays[0].size <= tasks[0].block:
        ((function, c, arrays, _),) = tasks
        function(c, *arrays)
        return
    blocks = deque(
        (task, start) for task in tasks for start in range(0, task.arrays[0].size, task.block)
    )
    many = len(blocks) > 1 and sum(task.arrays[0].size for task in tasks) > ALONE
    helpers = [pool().submit(_drain, blocks) for _ in range(processors() - 1)] if many else []
    try:
        _drain(blocks)
    finally:
        wait([helper for helper in helpers if not helper.cancel()])
    for helper in helpers:
        if not helper.cancelled():
            helper.result()


def _drain(blocks: deque[tuple[Task, int]]) -> None:
    while True:
        try:
            (function, c, arrays, block), start = blocks.popleft()
        except IndexError:
            return
        function(c, *(array[start : start + block] for array in arrays))


def processors() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def pool() -> ThreadPoolExecutor:
    """Threads beside the caller's."""
    return ThreadPoolExecutor(max(1, processors() - 1), "radam_adapters")


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=pool.cache_clear)
