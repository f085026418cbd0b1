"""Which dialect a port computes: each axis is fitted on its own, named combination or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product

from radam_ref import Dialect, dialects

from .cases import Case, Expected
from .comparison import misfit
from .naming import FOREMOST, core, in_case, names
from .protocol import Answer, Hello
from .results import Fit
from .schedule import Run

# Cases in which scalar terms of low precision do no harm, so that what is left is the dialect:
# beta2 is small, and each axis moves the parameters by far more than any rounding.
PROBES = ("smoke-01", "crossing-01", "unrectified-01", "eps-dominant-01", "eps-placement-01")
AXES = {
    "threshold": (4.0, 5.0),
    "eps_placement": ("after_correction", "before_correction", "floor"),
    "unrectified": ("momentum", "hold"),
    "nesterov": (False, True),
}
DECAYS = ("coupled", "decoupled", "absolute", "none")
DECAYING = "plain-01"  # the cases that tell them apart
WORST = 16.0  # what `misfit` gives at most
# Where all dialects are this many decades off in a probe, those this near the best are alike.
FAR, ALIKE = 4.0, 1.05
COMBINATIONS = tuple(
    Dialect(**dict(zip(AXES, values, strict=True)))  # type: ignore[arg-type]
    for values in product(*AXES.values())
)


def expectation(case: Case, dialect: Dialect) -> Expected:
    """What a case expects of a dialect: stored, or from the oracle where no stored one is it."""
    wanted = in_case(dialect, case)
    for name, stored in case.expected.items():
        if in_case(dialects[name], case) == wanted:
            return stored
    return _computed(case, wanted)


@lru_cache(maxsize=1024)
def _computed(case: Case, dialect: Dialect) -> Expected:
    from .truth.balls import expected

    return expected(case, dialect)


def nearest(fits: Sequence[Fit], runs: Sequence[Run], hello: Hello) -> Dialect:
    """The dialect that fits best, with the weight decay that the runs show; the paper's if none."""
    dialect = fits[0].dialect if fits else Dialect()
    return replace(dialect, weight_decay=_decay_of(runs, hello, dialect) or dialect.weight_decay)


def _decay_of(runs: Sequence[Run], hello: Hello, dialect: Dialect) -> str:
    """The weight decay of a port that cannot be told which to compute; "" if nothing shows it.

    `leave_out_other_conventions` has told coupled from decoupled; left is decay without lr.
    """
    answers = [
        (run.case, run.outcome.answer)
        for run in runs
        if run.case.profile.startswith("decay.") and run.outcome.answer
    ]
    if not answers or {"coupled", "decoupled"} & set(hello.features):
        return ""
    if answers[0][0].profile == "decay.coupled":
        return "coupled"
    kinds = [replace(dialect, weight_decay=kind) for kind in ("decoupled", "absolute")]
    best = min(kinds, key=lambda kind: sum(misfit(c, a, expectation(c, kind)) for c, a in answers))
    return best.weight_decay


def leave_out_other_conventions(runs: Sequence[Run], hello: Hello) -> list[Run]:
    """The runs without the part of two that exclude each other and which the port does not compute.

    A complex second moment is one of two things; so is weight decay where the port has no switch.
    """
    pairs = [("complex.modulus", "complex.componentwise")]
    if not {"coupled", "decoupled"} <= set(hello.features):
        pairs.append(("decay.decoupled", "decay.coupled"))
    kept = list(runs)
    for pair in pairs:
        misfits = {profile: _misfit_of(profile, runs) for profile in pair}
        if all(misfit is not None for misfit in misfits.values()):
            other = max(pair, key=lambda profile: (misfits[profile] or 0.0, profile == pair[1]))
            kept = [run for run in kept if run.case.profile != other]
    return kept


def _misfit_of(profile: str, runs: Sequence[Run]) -> float | None:
    """Mean misfit over a part in the best stored dialect; None if nothing of it was answered."""
    answers = [
        (run.case, run.outcome.answer)
        for run in runs
        if run.case.profile == profile and run.outcome.answer
    ]
    if not answers:
        return None
    return sum(
        min(misfit(case, answer, stored) for stored in case.expected.values())
        for case, answer in answers
    ) / len(answers)


def is_probe(case: Case) -> bool:
    """Whether identification looks at this case."""
    return case.id.removeprefix("core/").rpartition("-")[0] in PROBES


def fit(
    answers: Sequence[tuple[Case, Answer]], *, declared: str = "", every: bool = True
) -> list[Fit]:
    """Combinations of axes with their misfits over the probes among the answers, best first.

    Parameters
    ----------
    answers : sequence of (Case, Answer)
        The probes that the port answered; others are ignored.
    declared : str
        The name of the dialect that the port says it computes, believed where nothing fits.
    every : bool
        Try those too that are not stored where a stored one fits wholly; they take a second.

    Returns
    -------
    list of Fit
        Empty if no probe was answered. Where combinations fit alike, the paper's axes go first.
    """
    probes = [(case, answer) for case, answer in answers if is_probe(case)]
    if not probes:
        return []
    stored = [core(dialects[name]) for name in probes[0][0].expected]
    known = [dialect for dialect in COMBINATIONS if dialect in stored]
    fits = _fits(probes, known)
    if every or fits[0].misfit:
        fits = _fits(probes, COMBINATIONS)
    if fits[0].misfit > FAR * len(probes):
        alike = [each for each in fits if each.misfit <= ALIKE * fits[0].misfit]
        fits = [*sorted(alike, key=lambda each: _unlikely(each, declared)), *fits[len(alike) :]]
    return fits


def _unlikely(candidate: Fit, declared: str) -> tuple[bool, int, float]:
    """Sorts dialects among which chance would decide: the declared first, then the best known."""
    called = names(candidate.dialect)
    known = min(
        (FOREMOST.index(each) for each in called if each in FOREMOST), default=len(FOREMOST)
    )
    return declared not in called, known, candidate.misfit


def _fits(probes: Sequence[tuple[Case, Answer]], candidates: Iterable[Dialect]) -> list[Fit]:
    fits = [
        Fit(dialect, sum(_misfit(case, answer, dialect) for case, answer in probes))
        for dialect in candidates
    ]
    return sorted(fits, key=lambda candidate: candidate.misfit)


def _misfit(case: Case, answer: Answer, dialect: Dialect) -> float:
    """The misfit to a dialect; the worst where the oracle cannot decide what it does."""
    try:
        return misfit(case, answer, expectation(case, dialect))
    except ArithmeticError:
        return WORST


def decays(answers: Sequence[tuple[Case, Answer]], dialect: Dialect) -> dict[str, dict[str, float]]:
    """Mean misfit of each kind of weight decay, for what was asked: coupled or decoupled.

    Parameters
    ----------
    answers : sequence of (Case, Answer)
        The cases of `DECAYING` that the port answered; others are ignored.
    dialect : Dialect
        What the port computes besides.

    Returns
    -------
    dict
        For each kind that was asked, the kinds that it may be, the best first.
    """
    asked: dict[str, dict[str, float]] = {}
    for profile in ("decay.coupled", "decay.decoupled"):
        those = [pair for pair in answers if pair[0].id.startswith(f"{profile}/{DECAYING}")]
        if those:
            misfits = {kind: _of_decay(kind, those, dialect) for kind in DECAYS}
            best_first = sorted(misfits.items(), key=lambda item: item[1])
            asked[profile.removeprefix("decay.")] = dict(best_first)
    return asked


def _of_decay(kind: str, answers: Sequence[tuple[Case, Answer]], dialect: Dialect) -> float:
    """Mean misfit of answers to a kind of decay, whatever was asked for."""
    changed = {"weight_decay": 0.0} if kind == "none" else {"decoupled": kind != "coupled"}
    other = dialect if kind == "none" else replace(dialect, weight_decay=kind)
    total = 0.0
    for case, answer in answers:
        hyper = tuple(each._replace(**changed) for each in case.hyper)
        asked = case if hyper == case.hyper else replace(case, hyper=hyper, expected={})
        total += _misfit(asked, answer, other)
    return total / len(answers)


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
