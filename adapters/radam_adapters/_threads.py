"""A step over the elements of arrays, shared out to as many threads as there are processors."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from typing import Any, NamedTuple

ALONE = 100_000  # elements that are done about when another thread has woken up


class Job(NamedTuple):
    """`function(c, *arrays)` on 1-d arrays of one length, also on `block` elements at a time."""

    function: Callable[..., None]
    c: Any
    arrays: list[Any]
    copies: list[tuple[Any, Any]]  # where to copy what afterwards
    block: int
    v: Any  # what v has become


def run(jobs: Sequence[Job]) -> None:
    """Do each job once over, here and in the threads of the pool if there is enough to do."""
    if len(jobs) == 1 and jobs[0].arrays[0].size <= jobs[0].block:
        jobs[0].function(jobs[0].c, *jobs[0].arrays)
        return
    blocks = deque(
        (job, start) for job in jobs for start in range(0, job.arrays[0].size, job.block)
    )
    many = len(blocks) > 1 and sum(job.arrays[0].size for job in jobs) > ALONE
    helpers = [pool().submit(_drain, blocks) for _ in range(processors() - 1)] if many else []
    try:
        _drain(blocks)
    finally:
        begun = [helper for helper in helpers if not helper.cancel()]
        wait(begun)
    for helper in begun:
        helper.result()


def _drain(blocks: deque[tuple[Job, int]]) -> None:
    while True:
        try:
            job, start = blocks.popleft()
        except IndexError:
            return
        job.function(job.c, *(array[start : start + job.block] for array in job.arrays))


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
