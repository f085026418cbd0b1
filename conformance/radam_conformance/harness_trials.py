"""The judge's own proof, second part: every faulty harness gets its exact verdict and exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

from rich.console import RenderableType

from .batch import NOT_STARTED
from .cases import load_suite
from .faulty import FAULTS, TARGET
from .judge import judge
from .report import exit_code
from .results import Verdict
from .schedule import Progress
from .spec import LoadError, parse_spec
from .terminal import table

# Ten seconds a case would be a long wait for the one that hangs.
TIMEOUT_SCALE = 0.1


class Trial(NamedTuple):
    """What a faulty harness was given, and what it should have got."""

    name: str
    verdict: Verdict | None
    code: int

    @property
    def is_right(self) -> bool:
        """Whether verdict and exit code are the exact ones."""
        return (self.verdict, self.code) == (FAULTS[self.name].verdict, FAULTS[self.name].exit_code)


def run(
    progress: Progress = lambda done, total, id: None, names: Sequence[str] = tuple(FAULTS)
) -> list[Trial]:
    """Judge the faulty harnesses of these names."""
    trials = []
    for done, name in enumerate(names):
        progress(done, len(names), name)
        trials.append(_tried(name))
    return trials


def _tried(name: str) -> Trial:
    # Another hello than that of a slow machine must not be taken for a hang.
    scale = TIMEOUT_SCALE / 2 if name == "slow-hello" else TIMEOUT_SCALE
    spec = parse_spec(f"cmd:{sys.executable} -m radam_conformance.faulty {name}")
    cases = load_suite(["core/smoke-01-f64", TARGET, "core/zero-start-01-f64"])
    try:
        report = judge(spec, cases, timeout_scale=scale)
    except LoadError:
        return Trial(name, None, NOT_STARTED)
    verdicts = {result.case.id: result.verdict for result in report.results}
    return Trial(name, verdicts[TARGET], exit_code([report]))


def render(trials: Sequence[Trial]) -> RenderableType:
    """A line for each harness."""
    rows = table("", "a harness that", "verdict", "exit code")
    for trial in trials:
        mark = "[green]✓[/]" if trial.is_right else "[bold red]✗[/]"
        sentence = FAULTS[trial.name].sentence
        rows.add_row(mark, sentence, trial.verdict or "could not be started", str(trial.code))
    return rows
