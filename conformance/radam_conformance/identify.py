"""Which dialect a port computes: each axis is fitted on its own, named combination or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product

from radam_ref import Dialect, dialects

from .cases import Case, Expected
from .comparison import misfit
from .naming import core
from .protocol import Answer
from .results import Fit

# Cases in which scalar terms of low precision do no harm, so that what is left is the dialect:
# beta2 is small, and each axis moves the parameters by far more than any rounding.
PROBES = ("smoke-01", "crossing-01", "unrectified-01", "eps-dominant-01", "eps-placement-01")
AXES = {
    "threshold": (4.0, 5.0),
    "eps_placement": ("after_correction", "before_correction", "floor"),
    "unrectified": ("momentum", "hold"),
    "nesterov": (False, True),
}
COMBINATIONS = tuple(
    Dialect(**dict(zip(AXES, values, strict=True)))  # type: ignore[arg-type]
    for values in product(*AXES.values())
)


def expectation(case: Case, dialect: Dialect) -> Expected:
    """What a case expects of a dialect: stored, or from the oracle where no stored one is it."""
    for name, stored in case.expected.items():
        if core(dialects[name]) == core(dialect):
            return stored
    return _computed(case, core(dialect))


@lru_cache(maxsize=1024)
def _computed(case: Case, dialect: Dialect) -> Expected:
    from .truth.balls import expected

    return expected(case, dialect)


def is_probe(case: Case) -> bool:
    """Whether identification looks at this case."""
    return case.id.removeprefix("core/").rpartition("-")[0] in PROBES


def fit(answers: Sequence[tuple[Case, Answer]]) -> list[Fit]:
    """Every combination of axes with its misfit over the probes among the answers, best first.

    Parameters
    ----------
    answers : sequence of (Case, Answer)
        The probes that the port answered; others are ignored.

    Returns
    -------
    list of Fit
        Empty if no probe was answered. Where combinations fit alike, the paper's axes go first.
    """
    probes = [(case, answer) for case, answer in answers if is_probe(case)]
    if not probes:
        return []
    fits = [
        Fit(
            dialect,
            sum(misfit(case, answer, expectation(case, dialect)) for case, answer in probes),
        )
        for dialect in COMBINATIONS
    ]
    return sorted(fits, key=lambda candidate: candidate.misfit)


def by_axis(fits: Sequence[Fit]) -> Mapping[str, list[tuple[object, float]]]:
    """For each axis its values, each with the least misfit that any combination has with it."""
    return {
        axis: sorted(
            ((value, min(f.misfit for f in fits if getattr(f.dialect, axis) == value))
             for value in values),
            key=lambda pair: pair[1],
        )
        for axis, values in AXES.items()
    }  # fmt: skip
