"""The port's numbers beside the exact ones."""

from __future__ import annotations

import numpy as np

from .cases import Case, Expected, Floats
from .protocol import Answer
from .results import CaseResult, FirstBad

TELLING = 100  # times wider is the bound for binary64, where a case tells it from exact terms


def observed(case: Case, answer: Answer) -> Floats:
    """The port's parameters, shaped like `Expected.hi`."""
    tensors = range(len(case.x0))
    return np.array([np.concatenate([answer.x[t, i] for i in tensors]) for t in case.observe])


def compare(case: Case, answer: Answer, expected: Expected) -> CaseResult:
    """Pass or fail by the binary64 bound; an error where a number is not finite."""
    got = observed(case, answer)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(got - expected.hi - expected.lo)
        over, over_exact = error / expected.binary64, error / expected.exact_scalar
    if not np.isfinite(got).all():
        row, element = np.argwhere(~np.isfinite(got))[0]
        where = f"element {element} is {got[row, element]} after step {case.observe[row]}"
        overs = tuple(np.nan_to_num(over, nan=np.inf).max(axis=1, initial=0.0).tolist())
        return CaseResult(case, "error", where, np.inf, np.inf, overs=overs)
    overs = tuple(over.max(axis=1, initial=0.0).tolist())
    tells = bool((expected.binary64 > TELLING * expected.exact_scalar).any())
    worst, worst_exact = float(over.max(initial=0.0)), float(over_exact.max(initial=0.0))
    if worst <= 1:
        return CaseResult(case, "pass", "", worst, worst_exact, tells_scalars=tells, overs=overs)
    row = int(np.argmax((over > 1).any(axis=1)))
    element = int(np.argmax(over[row]))
    numbers = (float(array[row, element]) for array in (got, expected.hi, over))
    first = FirstBad(case.observe[row], element, *numbers)
    return CaseResult(case, "fail", "", worst, worst_exact, first, overs=overs)


def misfit(case: Case, answer: Answer, expected: Expected) -> float:
    """How far an answer is from what a dialect expects, in decades over the bound: 0 to 16."""
    worst = compare(case, answer, expected).over
    return float(np.log10(np.clip(worst, 1.0, 1e16)))
