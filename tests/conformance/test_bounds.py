"""The bounds admit every right program by a factor of two, and no fault within ten times."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from radam_conformance.cases import Case, Expected, Hyper, load_case, load_index
from radam_conformance.truth import balls
from radam_conformance.truth.algorithm import UndecidedError
from radam_ref import Dialect, dialects

Array: TypeAlias = NDArray[Any]

CASES = [e["id"] for e in load_index()["cases"] if e["id"].startswith("core/")]
DIALECTS = ("paper", "pytorch", "optax", "authors")
LONGEST = 600  # steps of a chain that every variant walks


class Terms(NamedTuple):
    """Scalars of a step as a program holds them: Python floats."""

    t: int
    lr: float
    beta1: float
    beta2: float
    eps: float
    correction1: float
    correction2: float
    r: float | None
    before: bool


class Program(NamedTuple):
    """A RAdam program in NumPy: what a variant or a mutant does in its own way."""

    first: Callable[[Array, Array, Terms], Array]
    second: Callable[[Array, Array, Terms], Array]
    move: Callable[[Array, Array, Array, Terms], Array]
    power: Callable[[float, int], float] = lambda beta, t: beta**t
    debiased: bool = False
    hyper: Callable[[Hyper], Hyper] = lambda hyper: hyper
    terms: Callable[[Terms], Terms] = lambda terms: terms
    dialect: Callable[[Dialect], Dialect] = lambda dialect: dialect
    shift: int = 0


def textbook(program: Program, hyper: Hyper, t: int, dialect: Dialect) -> Terms:
    """The scalar terms of step t in binary64."""
    t += program.shift
    power1, power2 = program.power(hyper.beta1, t), program.power(hyper.beta2, t)
    rho_inf = 2 / (1 - hyper.beta2) - 1
    rho = rho_inf - 2 * t * power2 / (1 - power2)
    r = None
    if rho > dialect.threshold:
        r = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
    before = dialect.eps_placement == "before_correction"
    terms = Terms(t, *hyper[1:5], 1 - power1, 1 - power2, r, before)
    if program.debiased:
        terms = terms._replace(
            beta1=(power1 - hyper.beta1) / (power1 - 1), beta2=(power2 - hyper.beta2) / (power2 - 1)
        )
    return program.terms(terms)


def walk(program: Program, case: Case, dialect: Dialect, longest: int = LONGEST) -> Array:
    """Parameters of a one-tensor case after its observed steps up to `longest`."""
    dialect = program.dialect(dialect)
    hyper = program.hyper(case.hyper[0])
    cycle = [np.array(row[0], case.dtype) for row in case.gradients]
    x = np.array(case.x0[0].values, case.dtype)
    m, v, seen = np.zeros_like(x), np.zeros_like(x), []
    with np.errstate(all="ignore"):
        for t in range(1, min(case.steps, longest) + 1):
            g, terms = cycle[(t - 1) % len(cycle)], textbook(program, hyper, t, dialect)
            m, v = program.first(m, g, terms), program.second(v, g, terms)
            if program.debiased:
                # The moments are corrected already, sqrt(v) + eps alone is still to be told apart.
                terms = terms._replace(correction1=1.0)
            if terms.r is not None or dialect.unrectified == "momentum":
                x = program.move(x, m, v, terms)
            assert x.dtype == case.dtype
            if t in case.observe:
                seen.append(x.astype(np.float64))
    return np.array(seen)


def ratio(got: Array, expected: Expected) -> float:
    """The largest error over the binary64 bound."""
    n = len(got)
    error = np.abs(got - expected.hi[:n] - expected.lo[:n])
    with np.errstate(over="ignore"):
        worst = np.max(np.where(np.isfinite(got), error / expected.binary64[:n], np.inf))
    return float(worst)


# Line 6 and line 5.


def sum_first(m: Array, g: Array, k: Terms) -> Array:
    return k.beta1 * m + (1 - k.beta1) * g


def lerp_first(m: Array, g: Array, k: Terms) -> Array:
    w = 1 - k.beta1
    return m + w * (g - m) if w < 0.5 else g - (g - m) * (1 - w)


def naive_lerp_first(m: Array, g: Array, k: Terms) -> Array:
    return m + (1 - k.beta1) * (g - m)


def sum_second(v: Array, g: Array, k: Terms) -> Array:
    return k.beta2 * v + (1 - k.beta2) * g * g


def square_second(v: Array, g: Array, k: Terms) -> Array:
    return (1 - k.beta2) * g**2 + k.beta2 * v


def fused(a: float, x: Array, b: float, y: Array, z: Array | float = 1.0) -> Array:
    """a*x + b*y*z with one rounding at the end, as fma has but one in places."""
    wide = np.longdouble
    w = np.asarray(a, x.dtype).astype(wide) * x + (np.asarray(b, x.dtype) * y).astype(wide) * z
    return np.asarray(w.astype(x.dtype))


def flush(x: Array) -> Array:
    """Subnormal numbers to zero."""
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, x.dtype.type(0), x)


# Lines 7, 10, 12 and 14.


def denominator(v: Array, k: Terms, root: Callable[[Array], Array] = np.sqrt) -> Array:
    if k.before:
        return (root(v) + k.eps) / math.sqrt(k.correction2)
    return root(v / k.correction2) + k.eps


def paper_move(x: Array, m: Array, v: Array, k: Terms) -> Array:
    m_hat = m / k.correction1
    return x - k.lr * (m_hat if k.r is None else k.r * m_hat / denominator(v, k))


def torch_move(x: Array, m: Array, v: Array, k: Terms) -> Array:
    step = m / k.correction1 * k.lr
    if k.r is None:
        return x - step
    if k.before:
        return x - step * (math.sqrt(k.correction2) / (np.sqrt(v) + k.eps)) * k.r
    return x - step * (1 / denominator(v, k)) * k.r


def foreach_move(x: Array, m: Array, v: Array, k: Terms) -> Array:
    if k.r is None:
        return x + m * (-k.lr / k.correction1)
    root = math.sqrt(k.correction2)
    eps = k.eps if k.before else k.eps * root
    return x + m * (1 / ((np.sqrt(v) + eps) / -(k.lr * k.r * root / k.correction1)))


def optax_move(x: Array, m: Array, v: Array, k: Terms) -> Array:
    m_hat = m / k.correction1
    return x + -k.lr * (m_hat if k.r is None else k.r * (m_hat / denominator(v, k)))


def folded_move(x: Array, m: Array, v: Array, k: Terms) -> Array:
    if k.r is None:
        return x - k.lr / k.correction1 * m
    eps = k.eps / math.sqrt(k.correction2) if k.before else k.eps
    step = k.lr * k.r / k.correction1
    return x - step * m / (np.sqrt(v) / math.sqrt(k.correction2) + eps)


def reciprocal_move(x: Array, m: Array, v: Array, k: Terms) -> Array:
    m_hat = m * (1 / k.correction1)
    if k.r is None:
        return x - m_hat * k.lr
    eps = k.eps / math.sqrt(k.correction2) if k.before else k.eps
    return x - (m_hat * k.r) * (1 / (np.sqrt(v * (1 / k.correction2)) + eps)) * k.lr


def debiased_move(x: Array, m: Array, v: Array, k: Terms) -> Array:
    if k.r is None:
        return x - k.lr * m
    eps = k.eps / math.sqrt(k.correction2) if k.before else k.eps
    return x + -k.lr * k.r * m / (np.sqrt(v) + eps)


def loose_root_move(x: Array, m: Array, v: Array, k: Terms) -> Array:
    if k.r is None:
        return paper_move(x, m, v, k)
    off = denominator(v, k, lambda y: np.nextafter(np.sqrt(y), np.inf, dtype=y.dtype))
    return x - k.lr * (k.r * (m / k.correction1) / off)


def fused_move(x: Array, m: Array, v: Array, k: Terms) -> Array:
    u = m / k.correction1
    u = u if k.r is None else k.r * u / denominator(v, k)
    return fused(1.0, x, -k.lr, u)


def running(beta: float, t: int) -> float:
    return math.prod([beta] * t)


def pow_above(beta: float, t: int) -> float:
    power = beta**t
    return power + 2 * math.ulp(power) if t > 1 and 0 < power < 1 else power


def pow_below(beta: float, t: int) -> float:
    power = beta**t
    return power - 2 * math.ulp(power) if t > 1 and 0 < power < 1 else power


PAPER = Program(sum_first, sum_second, paper_move)
TORCH = Program(lerp_first, sum_second, torch_move)
LEGITIMATE = {
    "paper": PAPER,
    "torch": TORCH,
    "torch foreach": Program(lerp_first, sum_second, foreach_move),
    "optax": Program(sum_first, square_second, optax_move),
    "naive lerp": Program(naive_lerp_first, square_second, paper_move),
    "folded step size": Program(sum_first, sum_second, folded_move),
    "optimi, debiased averages": Program(lerp_first, sum_second, debiased_move, debiased=True),
    "reciprocals": Program(sum_first, square_second, reciprocal_move),
    "root 1 ulp off": Program(sum_first, sum_second, loose_root_move),
    "running products": PAPER._replace(power=running),
    "running products, torch": TORCH._replace(power=running),
    "pow 2 ulp above": PAPER._replace(power=pow_above),
    "pow 2 ulp below": TORCH._replace(power=pow_below),
    "fma": Program(
        lambda m, g, k: fused(k.beta1, m, 1 - k.beta1, g),
        lambda v, g, k: fused(k.beta2, v, 1 - k.beta2, g, g),
        fused_move,
    ),
    "flush to zero": Program(
        lambda m, g, k: flush(sum_first(m, flush(g), k)),
        lambda v, g, k: flush(k.beta2 * v + (1 - k.beta2) * flush(g * g)),
        lambda x, m, v, k: flush(torch_move(x, m, v, k)),
    ),
}


def in_root(x: Array, m: Array, v: Array, k: Terms) -> Array:
    if k.r is None:
        return paper_move(x, m, v, k)
    return x - k.lr * (k.r * (m / k.correction1) / np.sqrt(v / k.correction2 + k.eps))


def in_binary32(hyper: Hyper) -> Hyper:
    return hyper._replace(
        beta1=float(np.float32(hyper.beta1)), beta2=float(np.float32(hyper.beta2))
    )


def only_rectified(change: Callable[[float], float]) -> Callable[[Terms], Terms]:
    return lambda k: k if k.r is None else k._replace(r=change(k.r))


MUTANTS = {
    "eps under the root": PAPER._replace(move=in_root),
    "eps dropped": PAPER._replace(terms=lambda k: k._replace(eps=1e-300)),
    "eps before the correction": PAPER._replace(terms=lambda k: k._replace(before=not k.before)),
    "no rectification": PAPER._replace(terms=only_rectified(lambda r: 1.0)),
    "r inverted": PAPER._replace(terms=only_rectified(lambda r: 1 / r)),
    "r squared": PAPER._replace(terms=only_rectified(lambda r: r * r)),
    "another threshold": PAPER._replace(
        dialect=lambda d: replace(d, threshold=4.0 if d.threshold == 5 else 5.0)
    ),
    "hold and momentum exchanged": PAPER._replace(
        dialect=lambda d: replace(
            d, unrectified="hold" if d.unrectified == "momentum" else "momentum"
        )
    ),
    "m for m_hat": PAPER._replace(terms=lambda k: k._replace(correction1=1.0)),
    "v for v_hat": PAPER._replace(terms=lambda k: k._replace(correction2=1.0)),
    "t ahead by one": PAPER._replace(shift=1),
    "powers of the step before": PAPER._replace(power=lambda beta, t: beta ** max(1, t - 1)),
    "betas rounded to binary32": PAPER._replace(hyper=in_binary32),
    "lr squared": PAPER._replace(hyper=lambda h: h._replace(lr=h.lr**2)),
    "betas exchanged": PAPER._replace(hyper=lambda h: h._replace(beta1=h.beta2, beta2=h.beta1)),
    "1 - beta2 missing": PAPER._replace(second=lambda v, g, k: k.beta2 * v + g * g),
}


def margins(id: str) -> Iterator[tuple[str, str, float]]:
    """Dialect, variant and worst error over bound of each legitimate program; for people."""
    case = load_case(id)
    for name in DIALECTS:
        for variant, program in LEGITIMATE.items():
            yield name, variant, ratio(walk(program, case, dialects[name]), case.expected[name])


@pytest.mark.parametrize("id", CASES)
def test_legitimate_programs_stay_within_half_of_the_bound(id: str) -> None:
    beyond = [margin for margin in margins(id) if not margin[2] <= 0.5]
    assert not beyond


@pytest.mark.parametrize("id", [id for id in CASES if "chain" in id])
@pytest.mark.parametrize("variant", ["torch", "running products"])
def test_long_chains_stay_within_half_of_the_bound(id: str, variant: str) -> None:
    case = load_case(id)
    got = walk(LEGITIMATE[variant], case, dialects["paper"], case.steps)
    assert ratio(got, case.expected["paper"]) <= 0.5


@cache
def worst(mutant: str, dialect: str, dtype: str) -> float:
    """The largest error over bound of a mutant on any case of a dtype."""
    cases = [load_case(id) for id in CASES if id.endswith(dtype.replace("float", "f"))]
    return max(
        ratio(walk(MUTANTS[mutant], case, dialects[dialect], 40), case.expected[dialect])
        for case in cases
    )


@pytest.mark.parametrize("mutant", MUTANTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_mutants_are_beyond_ten_times_the_bound(mutant: str, dialect: str) -> None:
    assert worst(mutant, dialect, "float64") > 10
    if mutant != "betas rounded to binary32":  # what float32 arrays make of betas anyway
        assert worst(mutant, dialect, "float32") > 10


def test_exact_scalars_bound_is_never_the_wider_one() -> None:
    for id in CASES:
        for expected in load_case(id).expected.values():
            radii_have_30_bits = 1 + 1e-6
            assert np.all(expected.exact_scalar <= expected.binary64 * radii_have_30_bits)


def test_proxmin_written_out_is_within_half_of_the_bound() -> None:
    def move(x: Array, m: Array, v: Array, k: Terms) -> Array:
        psi = np.ones_like(x) if k.r is None else np.sqrt(v / k.correction2) / k.r
        return x - k.lr * (m / k.correction1) / np.maximum(psi, math.sqrt(k.eps))

    dialect = Dialect(eps_placement="floor")
    for id in CASES:
        if "chain" not in id:
            case = load_case(id)
            got = walk(PAPER._replace(move=move), case, dialect)
            assert ratio(got, balls.expected(case, dialect)) <= 0.5, id


def test_undecided_branch_is_an_error() -> None:
    case = load_case("core/crossing-03-f64")
    close = replace(case, hyper=(case.hyper[0]._replace(beta2=1 - 2.0**-24),))
    with pytest.raises(UndecidedError, match="rho_5"):
        balls.expected(close, Dialect(threshold=5.0))


def test_undecided_overflow_has_no_bound() -> None:
    case = load_case("core/overflow-01-f32")
    edge = math.sqrt(float(np.finfo(np.float32).max) / (1 - case.hyper[0].beta2))
    near = replace(case, gradients=(((edge, 0.0, 1.0),),))
    with pytest.raises(ArithmeticError, match="infinite"):
        balls.expected(near, dialects["paper"])
