"""What the judge finds: a result for each case, and the report on a port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from radam_ref import Dialect

from .cases import Case
from .protocol import Hello

Verdict = Literal[
    "pass",
    "fail",
    "precision",
    "dialect-mismatch",
    "error",
    "rejected",
    "crash",
    "timeout",
    "protocol-error",
    "unsupported",
    "either-branch",
    "not-run",
]

MET: tuple[Verdict, ...] = ("pass", "either-branch")


class FirstBad(NamedTuple):
    """The first observed number that is out of bounds.

    Attributes
    ----------
    step, element : int
        Step from 1, element from 0 over all tensors.
    got, want : float
        The port's parameter and the exact one, rounded to binary64.
    over : float
        The error as a multiple of the bound.
    """

    step: int
    element: int
    got: float
    want: float
    over: float


@dataclass(frozen=True)
class CaseResult:
    """The verdict on one case.

    Attributes
    ----------
    case : Case
    verdict : str
    text : str
        The port's own words, or what ended the case.
    over : float
        Largest error as a multiple of the bound that admits scalar terms in binary64.
    over_exact : float
        The same for the bound that asks for exact scalar terms.
    first_bad : FirstBad or None
        Where it left the bound first.
    tells_scalars : bool
        Whether the case tells exact scalar terms from those of binary64: the bounds lie far apart.
    seconds : float
        Wall time in the port.
    """

    case: Case
    verdict: Verdict
    text: str = ""
    over: float = 0.0
    over_exact: float = 0.0
    first_bad: FirstBad | None = None
    tells_scalars: bool = False
    seconds: float = 0.0


class Fit(NamedTuple):
    """How a dialect fits what a port answered: misfit 0 if within all bounds."""

    dialect: Dialect
    misfit: float


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
        wrong = any(r.case.profile == "core" for r in self.of("fail", "error"))
        return bool(self.fits) and not wrong

    @property
    def scalars(self) -> str:
        """Precision of the scalar terms: "exact", "binary64", "binary32"; "" if no case told."""
        core = [result for result in self.ran if result.case.profile == "core"]
        if any(result.verdict == "precision" for result in core):
            return "binary32"
        passed = [result for result in core if result.verdict == "pass"]
        if not any(result.tells_scalars for result in passed) or len(passed) < len(core):
            return ""
        return "exact" if all(result.over_exact <= 1 for result in passed) else "binary64"


def exit_code(reports: Sequence[Report], *, grade: str = "binary64") -> int:
    """0 all asked for is met, 1 non-conformance, 3 a port was given up, 5 a port ran nothing."""
    met = (*MET, "precision") if grade == "binary32" else MET
    if any(report.gave_up for report in reports):
        return 3
    if any(r.verdict not in met for report in reports if report.ran for r in report.wanted):
        return 1
    return 0 if all(report.ran for report in reports) else 5
