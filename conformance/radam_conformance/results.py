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
    "not-run",
]


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
    not_offered : tuple of str
        Dtypes of the suite that the port does not offer; their cases are not in `results`.
    gave_up : str
        Why the port was given up, empty if it was not.
    """

    spec: str
    hello: Hello
    dialect: Dialect
    by_name: bool
    fits: tuple[Fit, ...]
    results: tuple[CaseResult, ...]
    not_offered: tuple[str, ...] = ()
    gave_up: str = ""

    def of(self, *verdicts: Verdict) -> list[CaseResult]:
        """The results with one of these verdicts."""
        return [result for result in self.results if result.verdict in verdicts]

    @property
    def ran(self) -> list[CaseResult]:
        """The results of cases that the port attempted."""
        return [r for r in self.results if r.verdict not in ("unsupported", "not-run")]

    @property
    def computed(self) -> Dialect:
        """The dialect that fits best; the one it was judged by, if none could be fitted."""
        return self.fits[0].dialect if self.fits else self.dialect

    @property
    def is_identified(self) -> bool:
        """Whether a dialect fits all but for the precision of its scalar terms."""
        return bool(self.fits) and not self.of("fail", "error")

    @property
    def scalars(self) -> str:
        """Precision of the scalar terms: "exact", "binary64", "binary32"; "" if no case told."""
        if self.of("precision"):
            return "binary32"
        passed = self.of("pass")
        if not any(result.tells_scalars for result in passed) or len(passed) < len(self.ran):
            return ""
        return "exact" if all(result.over_exact <= 1 for result in passed) else "binary64"


def exit_code(reports: Sequence[Report], *, grade: str = "binary64") -> int:
    """0 all asked for is met, 1 non-conformance, 3 a port was given up, 5 a port ran nothing."""
    met = ("pass", "precision") if grade == "binary32" else ("pass",)
    if any(report.gave_up for report in reports):
        return 3
    if any(report.ran and len(report.of(*met)) < len(report.results) for report in reports):
        return 1
    return 0 if all(report.ran for report in reports) else 5
