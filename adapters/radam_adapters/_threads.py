"""A step over the elements of arrays, shared out to as many threads as there are processors."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NamedTuple

at_most: ContextVar[int] = ContextVar("at_most", default=1_000_000)  # threads, as a caller says
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
    blocks = deque(
        (job, start) for job in jobs for start in range(0, job.arrays[0].size, job.block)
    )
    alone = len(blocks) <= 1 or sum(job.arrays[0].size for job in jobs) <= ALONE
    helpers: list[Future[None]] = []
    try:
        with suppress(RuntimeError):  # no thread can be started, or none any more: done here
            for _ in range(0 if alone else min(processors(), at_most.get()) - 1):
                helpers.append(pool().submit(_drain, blocks))
        _drain(blocks)
    finally:
        begun = [helper for helper in helpers if not helper.cancel()]
        wait(begun)
    for helper in begun:
        helper.result()
    for job in jobs:
        for to, value in job.copies:
            to[...] = value


def _drain(blocks: deque[tuple[Job, int]]) -> None:
    while True:
        try:
            job, start = blocks.popleft()
        except IndexError:
            return
        job.function(job.c, *(array[start : start + job.block] for array in job.arrays))


def processors() -> int:
    """Those that this process may use, at most OMP_NUM_THREADS."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(here or 1, int(asked) if asked.isdecimal() and int(asked) else here or 1)


@lru_cache(maxsize=1)
def pool() -> ThreadPoolExecutor:
    """Threads beside the caller's."""
    return ThreadPoolExecutor(max(1, processors() - 1), "radam_adapters")


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=pool.cache_clear)
