"""Judges ports one after the other: what `run` and `gallery` have in common."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from . import reports, terminal
from .harness import check_system
from .report import Report, exit_code
from .schedule import Progress
from .spec import LoadError, Spec

NOT_STARTED, INTERRUPTED = 3, 130


@dataclass
class Batch:
    """What became of several ports.

    Attributes
    ----------
    judged : list of Report
        The last one may be marked as interrupted.
    not_started : list of NotStarted
        The ports that could not be judged.
    complete : bool
        False after Ctrl-C.
    """

    judged: list[Report] = field(default_factory=list)
    not_started: list[reports.NotStarted] = field(default_factory=list)
    complete: bool = True

    def exit_code(self, grade: str = "binary64") -> int:
        """Of a run that asks whether every one of the ports meets all that was asked of it."""
        if not self.complete:
            return INTERRUPTED
        return NOT_STARTED if self.not_started else exit_code(self.judged, grade=grade)

    def write(self, targets: Sequence[reports.Target], code: int, grade: str = "binary64") -> None:
        """The reports in files, of a run that ends with this exit code."""
        if targets:
            content = reports.document(
                self.judged, self.not_started, exit_code=code, grade=grade, complete=self.complete
            )
            reports.write(targets, content)


def judge_each(
    specs: Sequence[Spec],
    judge_one: Callable[[Spec, Progress], Report],
    finish: Callable[[Report], Report],
) -> Batch:
    """Judge every port, with a bar on a terminal; one that cannot be started keeps none back.

    Parameters
    ----------
    specs : sequence of Spec
    judge_one : callable
        Judges a port, and tells how far it is.
    finish : callable
        Called with each report as soon as it is there; what it returns is kept.

    Returns
    -------
    Batch
        After Ctrl-C of the ports until then.

    Raises
    ------
    LoadError
        No port can be run on this system.
    """
    check_system()  # once, rather than for each port
    batch = Batch()
    try:
        for spec in specs:
            _judge(spec, judge_one, finish, batch)
    except (KeyboardInterrupt, terminal.Interrupted):
        terminal.complain("interrupted")
        batch.complete = False
    return batch


def _judge(
    spec: Spec,
    judge_one: Callable[[Spec, Progress], Report],
    finish: Callable[[Report], Report],
    batch: Batch,
) -> None:
    try:
        with terminal.progress(spec.text) as progress:
            report = judge_one(spec, progress)
    except LoadError as error:
        terminal.complain(str(error))
        batch.not_started.append(reports.NotStarted(shlex.join(spec.words()), str(error)))
        return
    batch.judged.append(report)  # at once: Ctrl-C while it is shown must not lose it
    batch.judged[-1] = finish(report)
    if report.interrupted:
        raise terminal.Interrupted
