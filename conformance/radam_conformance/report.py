"""The report on a port: all that a run found out, and the exit code that comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from radam_ref import Dialect

from .protocol import Hello
from .results import ACCEPTED, CaseResult, Diagnosis, Fit, Verdict

if TYPE_CHECKING:
    from .explain import Explanation


@dataclass(frozen=True)
class Report:
    """All that a run found out about a port.

    Attributes
    ----------
    spec : str
        The port and its options, as words of the command line.
    hello : Hello
        What it said of itself.
    dialect : Dialect
        The one it was judged by.
    by_name : bool
        Whether that one was asked for, rather than found out.
    fits : tuple of Fit
        Every combination of axes with its misfit, best first; empty if no probe was answered.
    results : tuple of CaseResult
        One for each case asked for, in the order of the suite.
    not_offered : tuple of (str, int)
        Dtypes of Core and other parts that the port does not offer, with the number of their cases,
        which are not in `results`.
    asked : bool
        Whether the cases were asked for by name: then those without an answer count against it.
    gave_up : str
        Why the port was given up, empty if it was not.
    decays : mapping
        For each kind of weight decay that was asked for, how every kind fits, the best first.
    diagnosis : Diagnosis or None
        What explains the failing cases; None if none has numbers.
    seed : int or None
        Of the inputs on which the laws were tried.
    explanations : tuple of Explanation
        The first wrong step of each cause, if that was asked for.
    interrupted : bool
        Whether the run was interrupted, so that cases are missing.
    """

    spec: str
    hello: Hello
    dialect: Dialect
    by_name: bool
    fits: tuple[Fit, ...]
    results: tuple[CaseResult, ...]
    not_offered: tuple[tuple[str, int], ...] = ()
    asked: bool = False
    gave_up: str = ""
    decays: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    diagnosis: Diagnosis | None = None
    explanations: tuple[Explanation, ...] = ()
    seed: int | None = None
    interrupted: bool = False

    def __str__(self) -> str:
        """The report as `radam-conformance run` prints it."""
        from . import report_text, terminal

        return terminal.plain(report_text.render(self))

    @property
    def is_met(self) -> bool:
        """Whether all that was asked for is met, so that `run` exits 0."""
        return exit_code([self]) == 0

    def of(self, *verdicts: Verdict) -> list[CaseResult]:
        """The results with one of these verdicts."""
        return [result for result in self.results if result.verdict in verdicts]

    @property
    def ran(self) -> list[CaseResult]:
        """The results of cases that the port attempted."""
        return [r for r in self.results if r.verdict not in ("unsupported", "not-run")]

    @property
    def parts(self) -> dict[str, list[CaseResult]]:
        """The results by part of the suite; a part of which the port takes nothing is left out."""
        parts: dict[str, list[CaseResult]] = {}
        for result in self.results:
            parts.setdefault(result.case.profile, []).append(result)
        return {
            name: results
            for name, results in parts.items()
            if name == "core" or any(r.verdict != "unsupported" for r in results)
        }

    @property
    def wanted(self) -> list[CaseResult]:
        """The results that count: without what the port cannot be asked, if nobody asked for it."""
        counts = self.asked
        return [
            r
            for r in self.results
            if counts or r.verdict != "unsupported" or r.case.profile == "core"
        ]

    @property
    def computed(self) -> Dialect:
        """The dialect that fits best; the one it was judged by, if none could be fitted."""
        return self.fits[0].dialect if self.fits else self.dialect

    @property
    def is_identified(self) -> bool:
        """Whether a dialect fits Core, but for the precision of its scalar terms."""
        core = [r for r in self.results if r.case.profile == "core"]
        wrong = any(r.found in ("fail", "error") for r in core)
        return bool(self.fits) and not wrong

    @property
    def scalars(self) -> str:
        """Precision of the scalar terms: "exact", "binary64", "binary32"; "" if no case told."""
        core = [result for result in self.ran if result.case.profile == "core"]
        if any(result.found == "precision" for result in core):
            return "binary32"
        passed = [result for result in core if result.found == "pass"]
        if not any(result.tells_scalars for result in passed) or len(passed) < len(core):
            return ""
        return "exact" if all(result.over_exact <= 1 for result in passed) else "binary64"


def accepted(grade: str) -> tuple[Verdict, ...]:
    """The verdicts that do not count against a port; binary32 forgives lost precision."""
    return (*ACCEPTED, "precision") if grade == "binary32" else ACCEPTED


def exit_code(reports: Sequence[Report], *, grade: str = "binary64") -> int:
    """0 all asked for is met, 1 non-conformance, 3 a port was given up, 5 a port ran nothing."""
    met = accepted(grade)
    if any(report.gave_up for report in reports):
        return 3
    if any(r.verdict not in met for report in reports if report.ran for r in report.wanted):
        return 1
    return 0 if reports and all(report.ran for report in reports) else 5
