"""The judge's own proof: no faulty program passes, and no right one is accused.

Every fault and every legitimate variant of `specimens` runs the cases of the suite. The bounds must
leave a factor on both sides: a variant stays within half of them, and a fault is ten times beyond
them somewhere, unless it is proved to be none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from typing import NamedTuple

from radam_ref import dialects

from .cases import Case, load_suite
from .protocol import Refusal
from .schedule import Progress
from .specimens.edits import Program, over, play, program
from .specimens.faults import FAULTS
from .specimens.styles import noticed
from .specimens.variants import VARIANTS

WITHIN, BEYOND = 0.5, 10.0
LONGEST = 300  # steps of a long chain that a specimen walks
DIALECTS = ("paper", "pytorch", "optax", "authors", "proxmin")
# Where binary64 decides nothing a case is judged by simulation, which no bound tells.
LEFT_OUT = ("extreme",)


class Trial(NamedTuple):
    """A fault on all cases.

    Attributes
    ----------
    name : str
        Key of `FAULTS`.
    kills : mapping of str to int
        Cases of each part of the suite in which it is out of bounds, or raised.
    over : float
        The largest error over the bound on any case; infinite where it raised or made NaN.
    raised : int
        Cases in which it raised or made numbers that are not finite.
    noticed : tuple of str
        Keys of `STYLES`: how others test, where it would have failed.
    missed : tuple of str
        Cases that say they kill it, and where it is not far beyond the bound.
    """

    name: str
    kills: Mapping[str, int]
    over: float
    raised: int
    noticed: tuple[str, ...]
    missed: tuple[str, ...] = ()


class Spread(NamedTuple):
    """A legitimate variant, and its largest error over the bound, in a case and a dialect."""

    name: str
    over: float
    case: str
    dialect: str


@dataclass(frozen=True)
class Result:
    """What became of every specimen."""

    trials: tuple[Trial, ...]
    spreads: tuple[Spread, ...]
    cases: Mapping[str, int]

    @property
    def survivors(self) -> list[Trial]:
        """Faults that are nowhere far beyond a bound, and not proved to be none."""
        faults = (trial for trial in self.trials if not FAULTS[trial.name].equivalent)
        return [trial for trial in faults if not trial.over > BEYOND]

    @property
    def accused(self) -> list[Spread]:
        """Right programs that are near a bound or beyond it, and proofs that are none."""
        wrong = [spread for spread in self.spreads if not spread.over <= WITHIN]
        equivalent = (trial for trial in self.trials if FAULTS[trial.name].equivalent)
        return wrong + [Spread(t.name, t.over, "", "") for t in equivalent if not t.over <= WITHIN]

    @property
    def is_proved(self) -> bool:
        """Whether every fault was killed, where it is said to be, and no right program accused."""
        missed = any(trial.missed for trial in self.trials)
        return not self.survivors and not self.accused and not missed


def run(
    progress: Progress = lambda done, total, name: None,
    *,
    faults: Sequence[str] = tuple(FAULTS),
    variants: Sequence[str] = tuple(VARIANTS),
    jobs: int = 2,
) -> Result:
    """Try the judge on the specimens.

    Parameters
    ----------
    progress : callable, optional
        Called before each specimen with those done, their number and the name.
    faults, variants : sequence of str
        Keys of `FAULTS` and `VARIANTS`.
    jobs : int
        Processes.

    Returns
    -------
    Result
    """
    total = len(faults) + len(variants)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        tried = pool.map(try_fault, faults, chunksize=4)
        spread = pool.map(spread_of, variants, chunksize=4)
        trials = []
        for done, name in enumerate(faults):
            progress(done, total, name)
            trials.append(next(tried))
        spreads = []
        for done, name in enumerate(variants, start=len(faults)):
            progress(done, total, name)
            spreads.append(next(spread))
    progress(total, total, "")
    sizes = Counter(case.profile for case in cases())
    return Result(tuple(trials), tuple(spreads), sizes)


@cache
def cases() -> tuple[Case, ...]:
    """The cases on which specimens are tried."""
    return tuple(case for case in load_suite() if case.profile not in LEFT_OUT)


def try_fault(name: str) -> Trial:
    """A fault on all cases, in the paper's dialect, and in the styles of others."""
    faulty = program(FAULTS[name].edits)
    found = {case: largest_over(faulty, case, "paper") for case in cases()}
    return Trial(
        name,
        kills=Counter(case.profile for case, worst in found.items() if not worst <= 1),
        over=max(found.values()),
        raised=sum(math.isinf(worst) for worst in found.values()),
        noticed=noticed(faulty),
        missed=tuple(c.id for c, worst in found.items() if name in c.kills and not worst > BEYOND),
    )


def spread_of(name: str, every: int = 1) -> Spread:
    """The worst case of a variant among every so many cases; the dialects take turns."""
    variant, number = VARIANTS[name], list(VARIANTS).index(name)
    right = program(variant.edits)
    spreads = [Spread(name, 0.0, "", "")]
    for k, case in enumerate(cases()):
        if (number + k) % every or set(variant.lacks) & set(case.requires):
            continue
        own = [dialect for dialect in DIALECTS if dialect in case.expected] or ["paper"]
        dialect = own[(number + k // every) % len(own)]
        spreads.append(Spread(name, largest_over(right, case, dialect), case.id, dialect))
    return max(spreads, key=lambda spread: spread.over)


def largest_over(subject: Program, case: Case, dialect: str) -> float:
    """The largest error over the bound; infinite where the program raises, or takes nonsense."""
    try:
        answer = play(subject, case, dialects[dialect], LONGEST)
    except Refusal as refusal:
        return 0.0 if case.refused and refusal.kind == "rejected" else math.inf
    return math.inf if case.refused else over(case, answer, case.expected[dialect])
