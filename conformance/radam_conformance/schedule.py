"""The cases in the queue of a port: one process after the other, or several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event, Lock
from typing import NamedTuple

from .cases import Case
from .harness import Harness, Outcome
from .protocol import HYPER_NAMES, RunRequest

Progress = Callable[[int, int, str], None]  # cases done, of how many, the id of the next

INTERRUPTED = "interrupted"


class Run(NamedTuple):
    """A case and what became of it."""

    case: Case
    outcome: Outcome


def request(case: Case) -> RunRequest:
    """The case as the protocol asks for it."""
    return RunRequest(
        id=case.id,
        dtype=case.dtype,
        steps=case.steps,
        hyper=[(h.start, h.group, key, getattr(h, key)) for h in case.hyper for key in HYPER_NAMES],
        x0=case.x0,
        gradients=case.gradients,
        observe=case.observe,
        needs=case.requires,
        start=case.start,
        restore=case.restore,
    )


def run_all(ports: Sequence[Harness], cases: Sequence[Case], progress: Progress) -> list[Run]:
    """Every case on one of the processes of a port; the answers are in the order of the cases.

    Of several processes none is left with a long case at the end: those go first. Cases under a
    compiler go to the first process: compiling once is dear enough. After Ctrl-C no
    process of the port is left, and the cases without an outcome are "not-run", "interrupted".
    """
    compiled = [case for case in cases if "compiled" in case.requires]
    rest = [case for case in cases if "compiled" not in case.requires]
    plain = iter(rest if len(ports) == 1 else sorted(rest, key=lambda case: -case.steps))
    lock, done, outcomes = Lock(), count(), dict[str, Outcome]()
    interrupted = Event()

    def work(port: Harness, own: Sequence[Case]) -> None:
        mine = iter(own)
        while not interrupted.is_set() and (case := _next(lock, mine, plain)) is not None:
            with lock:
                progress(next(done), len(cases), case.id)
            outcome = port.run(request(case))
            if not interrupted.is_set():
                outcomes[case.id] = outcome

    shares = [compiled, *[()] * (len(ports) - 1)]
    try:
        if len(ports) == 1:
            work(ports[0], compiled)
        else:
            _share(work, ports, shares, interrupted)
    except KeyboardInterrupt:
        interrupted.set()
    progress(len(cases), len(cases), "")
    missing = Outcome("not-run", INTERRUPTED)
    return [Run(case, outcomes.get(case.id, missing)) for case in cases]


def _share(
    work: Callable[[Harness, Sequence[Case]], None],
    ports: Sequence[Harness],
    shares: Sequence[Sequence[Case]],
    interrupted: Event,
) -> None:
    """Work on all the processes at once; whoever waits for one when interrupted waits no more."""
    with ThreadPoolExecutor(len(ports)) as pool:
        futures = [pool.submit(work, *pair) for pair in zip(ports, shares, strict=True)]
        try:
            for future in futures:
                future.result()
        except KeyboardInterrupt:
            interrupted.set()
            for port in ports:
                port.kill()
            raise


def _next(lock: Lock, own: Iterator[Case], shared: Iterator[Case]) -> Case | None:
    with lock:
        return next(own, None) or next(shared, None)
