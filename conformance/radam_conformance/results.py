"""What the judge finds in each case, and what explains it; `report` has all of a port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from radam_ref import Dialect

from .cases import Case

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
    "xfail",
    "xpass",
]

MET: tuple[Verdict, ...] = ("pass", "either-branch")
ACCEPTED: tuple[Verdict, ...] = (*MET, "xfail")


class Known(NamedTuple):
    """A failure that was known before, from the file of `--xfail`.

    Attributes
    ----------
    verdict : str
        What the verdict is without that file.
    reason, link : str
        Why it fails, and where that is dealt with; the link may be empty.
    """

    verdict: Verdict
    reason: str
    link: str


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
    overs : tuple of float
        The largest multiple of the bound in each observed step; empty if nothing was compared.
    known : Known or None
        Why the verdict is xfail or xpass.
    """

    case: Case
    verdict: Verdict
    text: str = ""
    over: float = 0.0
    over_exact: float = 0.0
    first_bad: FirstBad | None = None
    tells_scalars: bool = False
    seconds: float = 0.0
    overs: tuple[float, ...] = ()
    known: Known | None = None

    @property
    def found(self) -> Verdict:
        """The verdict, whether or not a failure was known before."""
        return self.known.verdict if self.known else self.verdict


class Fit(NamedTuple):
    """How a dialect fits what a port answered: misfit 0 if within all bounds."""

    dialect: Dialect
    misfit: float


@dataclass(frozen=True)
class Cause:
    """One fault, and the failing cases that it explains.

    Attributes
    ----------
    sentence : str
    line : str
        Line of Algorithm 2, or the part of the specification that is broken.
    cases : tuple of str
        Ids of the cases whose numbers it makes, the one that fails first in front.
    step : int
        Where that one leaves its bound; 0 where no step does.
    dialect : Dialect
        The fault is one in a program of this dialect.
    links : tuple of str
        Where the same was seen or fixed elsewhere.
    fault : str
        Key of `FAULTS`; empty if it was measured, not found there.
    alike : tuple of str
        Other faults that explain the same cases.
    """

    sentence: str
    line: str
    cases: tuple[str, ...]
    step: int
    dialect: Dialect
    links: tuple[str, ...] = ()
    fault: str = ""
    alike: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """What explains the failing cases.

    Attributes
    ----------
    failing : int
        The failing cases that have numbers.
    causes : tuple of Cause
        Each explains other cases; the one that explains most goes first.
    unexplained : tuple of str
        Ids of the cases that no known fault makes, the one that fails first in front.
    step : int
        Where that one leaves its bound; 0 if all is explained.
    notes : tuple of str
        Keys of `load_notes()`: what the unexplained cases have in common.
    """

    failing: int
    causes: tuple[Cause, ...]
    unexplained: tuple[str, ...] = ()
    step: int = 0
    notes: tuple[str, ...] = ()
