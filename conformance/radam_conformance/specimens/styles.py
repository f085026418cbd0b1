"""How others test their RAdam, re-created, to see which faults such a test would notice.

Each style keeps the inputs, the number of steps and the tolerance of the tests it is named after;
what it compares with is exact here, so none is judged worse than it is. Only optax's 10,000 steps
are 2,000 with five times the learning rate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple, TypeAlias

import numpy as np

from radam_ref import Dialect

from ..cases import Case, Floats, Hyper, Tensor, load_case
from ..comparison import observed
from ..protocol import Refusal, Start
from .edits import Array, Program, play

PAPER = Dialect()
USUAL = Hyper(1, 1e-3, 0.9, 0.999, 1e-8, 0.0, True, False, False)
Gradient: TypeAlias = Callable[[Array], Array]


class Style(NamedTuple):
    """A way to test, in words, and whether a program gets through it."""

    sentence: str
    passes: Callable[[Program], bool]


def noticed(program: Program) -> tuple[str, ...]:
    """The styles in which the program fails, or raises."""
    return tuple(name for name, style in STYLES.items() if not _gets_through(style, program))


def _gets_through(style: Style, program: Program) -> bool:
    try:
        with np.errstate(all="ignore"):
            return style.passes(program)
    except (ArithmeticError, LookupError, Refusal, TypeError, ValueError):
        return False


def _descend(
    program: Program, x0: list[Array], gradient: Gradient, hyper: Hyper, steps: int
) -> list[Array]:
    """The parameters after some steps along a gradient."""
    optimizer = program.optimizer(x0, [0] * len(x0), PAPER, "float64")
    for _ in range(steps):
        optimizer.step([gradient(x) for x in optimizer.params], [hyper])
    params: list[Array] = optimizer.params
    return params


def _torch(program: Program) -> bool:
    """Two paths agree after 7 steps, and the loss has gone down: here an array and its elements."""
    x0 = np.array([2.0, -1.0, 0.5])
    walk = partial(_descend, program, gradient=lambda x: 2 * x, hyper=USUAL, steps=7)
    together, apart = walk([x0])[0], np.concatenate(walk([x0[:1], x0[1:2], x0[2:]]))
    agree = np.allclose(apart, together, rtol=1.5e-7, atol=1e-7)
    return bool(agree and (together**2).sum() < (x0**2).sum())


def _optax(program: Program) -> bool:
    """A parabola and Rosenbrock's function are solved to 3e-2."""

    def rosenbrock(x: Array) -> Array:
        slope = 200 * (x[1] - x[0] ** 2)
        return np.array([-2 * (1 - x[0]) - 2 * x[0] * slope, slope])

    hyper, goal = USUAL._replace(lr=2.5e-2), np.array([1.0, -1.0, 1.0])
    start = np.array([-1.0, 10.0, 1.0])
    low = _descend(program, [start], lambda x: 2 * (x - goal), hyper, 2000)[0]
    flat = _descend(program, [np.zeros(2)], rosenbrock, hyper, 2000)[0]
    near = partial(np.allclose, rtol=3e-2, atol=3e-2)
    return bool(near(low, goal) and near(flat, np.ones(2)))


@cache
def _constants() -> tuple[Case, ...]:
    """Constant gradients, with decay the second time."""
    plain = replace(
        load_case("core/smoke-01-f64"),
        id="decay.decoupled/constant",
        hyper=(USUAL._replace(eps=1e-7),),
        x0=(Tensor((2,), (1.0, 2.0)), Tensor((2,), (3.0, 4.0))),
        steps=100,
        gradients=(((0.1, 0.1), (0.01, 0.01)),),
        observe=(100,),
    )
    decaying = USUAL._replace(lr=1e-2, eps=1e-7, weight_decay=1e-2)
    return plain, replace(plain, hyper=(decaying,))


@cache
def _one_step() -> Case:
    """The numbers of ONNX's node test of Adam, from a state with moments and t = 0."""
    return replace(
        load_case("core/smoke-01-f64"),
        id="decay.coupled/one-step",
        hyper=(Hyper(1, 0.1, 0.95, 0.1, 1e-7, 1e-3, False, False, False),),
        x0=(Tensor((2,), (1.2, 2.8)),),
        steps=1,
        gradients=(((-0.94, -2.5),),),
        observe=(1,),
        start=Start(0, ((1.7, 3.6),), ((0.1, 0.1),)),
    )


@cache
def _exactly(case: Case) -> Floats:
    from ..truth.balls import expected

    return expected(case, PAPER).hi


def _is_near(program: Program, case: Case, rtol: float, atol: float) -> bool:
    got = observed(case, play(program, case, PAPER))
    return np.allclose(got, _exactly(case), rtol=rtol, atol=atol)


def _addons(program: Program) -> bool:
    return all(_is_near(program, case, 0.0, 2e-4) for case in _constants())


def _onnx(program: Program) -> bool:
    return _is_near(program, _one_step(), 1e-3, 1e-7)


STYLES: Mapping[str, Style] = {
    "torch": Style("one path against another for 7 steps, and the loss goes down", _torch),
    "optax": Style("two problems solved to 3e-2", _optax),
    "TFA": Style("100 steps along a constant gradient to 2e-4", _addons),
    "ONNX": Style("one step to a relative 1e-3", _onnx),
}
