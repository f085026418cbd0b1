"""Finds the first wrong step of a case, and what is to be seen there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np
from flint import arb, ctx

from radam_ref import Dialect

from ..cases import Case, Expected, Floats
from ..comparison import observed
from ..identify import expectation
from ..protocol import Answer
from ..truth import bounds
from ..truth.algorithm import run
from ..truth.balls import PRECISIONS, Moment, trajectory
from .implied import Move, moves, tensors_of

Ask = Callable[[Case], Answer | None]

MOST = 256  # steps that are watched at a time
AFTER = 4  # steps watched behind the wrong one


class Watched(NamedTuple):
    """A case of which every step near the first wrong one was observed.

    Attributes
    ----------
    case : Case
        Cut behind that step.
    answer : Answer
    expected : Expected
    over : ndarray
        Error over the bound, of the observed steps and all elements.
    row : int
        The wrong step among the observed ones.
    """

    case: Case
    answer: Answer
    expected: Expected
    over: Floats
    row: int

    @property
    def step(self) -> int:
        """The first wrong step."""
        return self.case.observe[self.row]


class Shown(NamedTuple):
    """A moment of a tensor at the wrong step.

    Attributes
    ----------
    exact, theirs : tuple of float
        Of each element; `theirs` is empty where the port does not show it.
    wrong : tuple of bool
    since : int
        The first watched step where one of the elements was wrong; 0: none.
    own_form : bool
        It was wrong while the parameters were right: what is shown is not the paper's moment.
    before : Shown or None
        The moment a step earlier.
    """

    exact: tuple[float, ...] = ()
    theirs: tuple[float, ...] = ()
    wrong: tuple[bool, ...] = ()
    since: int = 0
    own_form: bool = False
    before: Shown | None = None

    def then(
        self, balls: list[tuple[arb, arb]], theirs: tuple[float, ...] | None, t: int, harmless: bool
    ) -> Shown:
        """The moment a step later; `harmless`: x is right, so that a wrong moment is no fault."""
        exact = tuple(float(ball) for ball, _ in balls)
        if theirs is None:
            return Shown(exact, before=self._replace(before=None))
        wrong = tuple(_is_wrong(*pair, x) for pair, x in zip(balls, theirs, strict=True))
        since = self.since or t * any(wrong)
        own_form = self.own_form or (harmless and any(wrong))
        return Shown(exact, theirs, wrong, since, own_form, self._replace(before=None))


def _is_wrong(exact: arb, around: arb, theirs: float) -> bool:
    """Whether no right program has this; `around` encloses them."""
    if not (math.isfinite(theirs) and exact.is_finite()):
        return not (math.isinf(theirs) and not exact.is_finite())
    return bool(abs(arb(theirs) - exact) > abs(around - exact).upper())


class WrongStep(NamedTuple):
    """The exact quantities at the wrong step, and what the port shows or implies.

    Attributes
    ----------
    step, element, tensor : int
        The worst element, and its tensor.
    moment : Moment
        Exact.
    m, v : Shown
    moves : list of Move
        Of the tensor's elements; empty where nothing should move.
    """

    step: int
    element: int
    tensor: int
    moment: Moment
    m: Shown
    v: Shown
    moves: list[Move]

    @property
    def move(self) -> Move | None:
        """The move of the worst element."""
        return next((move for move in self.moves if move.element == self.element), None)

    @property
    def worst(self) -> Move:
        """The same, where there is one."""
        assert self.move is not None
        return self.move


def watch(case: Case, dialect: Dialect, ask: Ask) -> Watched | None:
    """Observe every step up to a little behind the first wrong one, at most `MOST` before it.

    Parameters
    ----------
    case : Case
    dialect : Dialect
    ask : callable
        Runs the port on the case with other observed steps; None: no answer.

    Returns
    -------
    Watched or None
        None where there is no answer, or no wrong one.
    """
    low, high = 0, case.steps
    observe: Sequence[int] = case.observe
    while high - low > MOST:
        coarse = _run(case, observe, dialect, ask)
        if coarse is None:
            return None
        low, high = (0, *coarse.case.observe)[coarse.row], coarse.step
        observe = [low + -(-(high - low) * k // MOST) for k in range(1, MOST + 1)]
    return _run(case, range(max(1, low), min(high + AFTER, case.steps) + 1), dialect, ask)


def _run(case: Case, observe: Sequence[int], dialect: Dialect, ask: Ask) -> Watched | None:
    watched = cut(case, tuple(observe))
    answer = ask(watched)
    if answer is None:
        return None
    expected = expectation(watched, dialect)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(observed(watched, answer) - expected.hi - expected.lo)
        over = np.nan_to_num(error / expected.binary64, nan=np.inf)
    wrong = (over > 1).any(axis=1)
    return Watched(watched, answer, expected, over, int(np.argmax(wrong))) if wrong.any() else None


def cut(case: Case, observe: tuple[int, ...]) -> Case:
    """The case up to the last step to observe; what is stored of it fits no longer."""
    last = observe[-1]
    return replace(
        case,
        steps=last,
        observe=observe,
        hyper=tuple(hyper for hyper in case.hyper if hyper.start <= last),
        restore=tuple(t for t in case.restore if t < last),
        expected=case.expected if observe == case.observe else {},
    )


def wrong_step(watched: Watched, dialect: Dialect) -> WrongStep:
    """What is to be seen at the first wrong step."""
    step, case = watched.step, watched.case
    element = int(np.argmax(watched.over[watched.row]))
    tensor = tensors_of(case)[element]
    moment, m, v = _moments(watched, dialect, tensor)
    every = moves(case, dialect, watched.answer, watched.expected, first=step)
    here = [move for move in every if (move.step, move.tensor) == (step, tensor)]
    return WrongStep(step, element, tensor, moment, m, v, here)


def _moments(watched: Watched, dialect: Dialect, tensor: int) -> tuple[Moment, Shown, Shown]:
    """The exact quantities at the wrong step, and both moments of a tensor as they are shown."""
    case, answer, step = watched.case, watched.answer, watched.step
    own = [element for element, i in enumerate(tensors_of(case)) if i == tensor]
    zeros = (0.0,) * len(own)
    start = (case.start.m[tensor], case.start.v[tensor]) if case.start else (zeros, zeros)
    m, v = (Shown(values, values) for values in start)
    model = bounds.exact_scalar if case.profile == "extreme" else bounds.binary64
    enclosures = run(case, dialect, model)
    for t, moment in enumerate(islice(trajectory(case, dialect), step), start=1):
        with ctx.workprec(PRECISIONS[0]):
            around = next(enclosures).elements
        rectified = moment.r[tensor] is not None
        for_m = [(moment.m[e], around[e].m) for e in own], answer.m.get((t, tensor))
        for_v = [(moment.v[e], around[e].v) for e in own], answer.v.get((t, tensor))
        m, v = m.then(*for_m, t, t < step), v.then(*for_v, t, t < step and rectified)
    return moment, m, v
