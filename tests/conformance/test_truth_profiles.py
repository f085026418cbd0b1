"""Both oracles on all that the profiles ask for, and a plain NumPy program within the bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
import pytest
from flint import ctx
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from radam_conformance.cases import Case, Expected, Hyper, Tensor
from radam_conformance.naming import in_case
from radam_conformance.protocol import Start
from radam_conformance.truth import balls, witness
from radam_conformance.truth.algorithm import UndecidedError
from radam_conformance.truth.bits import split
from radam_ref import Dialect, dialects

Array: TypeAlias = NDArray[Any]
Branches: TypeAlias = Mapping[tuple[float, int], bool]

NAMED = ("paper", "pytorch", "optax", "authors", "paper-hold", "lamp")
HYPER = Hyper(1, 0.25, 0.875, 1 - 2.0**-7, 2.0**-8, 0.0, True, False, False)
USUAL = HYPER._replace(lr=0.1, beta1=0.9, beta2=0.999, eps=1e-8)
ONE_TENSOR = (Tensor((4,), (0.5, -1.25, 3.0, 1.0)),)
GRADIENTS = (((1.0, -0.5, 2.0, 0.75),), ((0.25, 0.75, -1.0, 1.5),), ((-1.5, 0.5, 0.125, 1.0),))
PARTS = {"complex128": "float64", "complex64": "float32"}
NUMBERS = {"bfloat16": ml_dtypes.bfloat16}


def build(profile: str, dtype: str = "float64", **fields: Any) -> Case:
    known: dict[str, Any] = {
        "hyper": (HYPER,),
        "x0": ONE_TENSOR,
        "steps": 9,
        "gradients": GRADIENTS,
    } | fields
    return Case(
        id=f"{profile}/drawn-01",
        title="",
        clause="",
        paper_line="",
        purpose="",
        flags=(),
        requires=(),
        kills=(),
        dtype=dtype,
        observe=tuple(range(1, known["steps"] + 1)),
        **known,
    )


TWO = (Tensor((2,), (0.5, -3.0)), Tensor((), (2.0,), group=1))
OWN = (HYPER, USUAL._replace(group=1), USUAL._replace(group=1, start=5, lr=0.5))
MIXED = (((1.0, -2.0), None), ((-0.75, 0.0), (0.25,)), ((1.5, 0.5), (-0.125,)))
STATE = Start(1000, ((0.25, -0.5, 1.0, 0.0),), ((0.5, 0.125, 2.0, 0.0),))
DECAY = HYPER._replace(weight_decay=0.25)
COMPLEX = (Tensor((2,), ONE_TENSOR[0].values),)

KINDS = {
    "groups": build("groups", hyper=OWN, x0=TWO, gradients=MIXED),
    "coupled": build("decay.coupled", hyper=(DECAY._replace(decoupled=False),)),
    "coupled ascent": build(
        "decay.coupled", hyper=(DECAY._replace(decoupled=False, maximize=True),)
    ),
    "decoupled": build("decay.decoupled", "float32", hyper=(DECAY,)),
    "maximize": build("maximize", "float32", hyper=(USUAL._replace(maximize=True),)),
    "schedule": build("schedule", hyper=(HYPER, HYPER._replace(start=4, lr=0.0))),
    "state": build("resume", start=STATE),
    "nesterov": build("nesterov", hyper=(USUAL._replace(nesterov=True),)),
    "eps0": build("eps0", hyper=(HYPER._replace(eps=0.0),), gradients=(((1.0, 0.0, -2.0, 0.5),),)),
    "modulus": build("complex.modulus", "complex64", x0=COMPLEX),
    "modulus, state": build("complex.modulus", "complex128", x0=COMPLEX, start=STATE),
    "componentwise": build("complex.componentwise", "complex64", x0=COMPLEX),
    "float16": build("half", "float16"),
    "float16, decay": build("half", "float16", hyper=(USUAL._replace(weight_decay=0.5),)),
    "bfloat16": build("half", "bfloat16", hyper=(USUAL,)),
}


def pairs_of(expected: Expected) -> list[list[tuple[float, float]]]:
    rows = zip(expected.hi.tolist(), expected.lo.tolist(), strict=True)
    return [list(zip(*row, strict=True)) for row in rows]


# RAdam in NumPy, as plain as it gets.


def rectification(beta2: float, t: int, threshold: float, branches: Branches) -> float | None:
    rho_inf, power = 2 / (1 - beta2) - 1, beta2**t
    rho = rho_inf - 2 * t * power / (1 - power)
    if not branches.get((beta2, t), rho > threshold):
        return None
    squared = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
    return math.sqrt(max(0.0, squared))


def rectified(m_hat: Array, v: Array, r: float, hyper: Hyper, t: int, dialect: Dialect) -> Array:
    """The update of a rectified step, 0 where the denominator is."""
    number = m_hat.dtype.type
    correction2 = 1 - hyper.beta2**t
    if dialect.eps_placement == "before_correction":
        denominator = (np.sqrt(v) + number(hyper.eps)) / number(math.sqrt(correction2))
    else:
        denominator = np.sqrt(v / number(correction2) + number(dialect.eps_root))
        denominator = denominator + number(hyper.eps)
    still = denominator == 0
    u: Array = number(r) * m_hat / np.where(still, number(1), denominator)
    return np.where(still, number(0), u)


def move(
    state: tuple[Array, Array, Array],
    g: Array,
    t: int,
    hyper: Hyper,
    dialect: Dialect,
    branches: Branches,
    modulus: bool,
) -> tuple[Array, Array, Array]:
    x, m, v = state
    number = x.dtype.type
    lr, beta1, beta2, _, decay = hyper[1:6]
    g = -g if hyper.maximize else g
    if dialect.weight_decay == "coupled":
        g = g + number(decay) * x
    square = g * g
    if modulus:
        square = np.repeat(square[::2] + square[1::2], 2)
    m = number(beta1) * m + number(1 - beta1) * g
    v = number(beta2) * v + number(1 - beta2) * square
    m_hat = m / number(1 - beta1**t)
    if dialect.nesterov:
        m_hat = number(beta1 / (1 - beta1 ** (t + 1))) * m
        m_hat = m_hat + number((1 - beta1) / (1 - beta1**t)) * g
    r = rectification(beta2, t, dialect.threshold, branches)
    if r is None and dialect.unrectified == "hold":
        return x, m, v
    u = m_hat if r is None else rectified(m_hat, v, r, hyper, t, dialect)
    shrink = {"decoupled": 1 - lr * decay, "absolute": 1 - decay, "coupled": 1.0}
    x = number(shrink[dialect.weight_decay]) * x
    return x - number(lr) * u, m, v


def walk(case: Case, name: str, arithmetic: str = "", branches: Branches | None = None) -> Array:
    """Parameters of all tensors after each step, stored in the dtype of the case."""
    dialect, part = in_case(dialects[name], case), PARTS.get(case.dtype, case.dtype)
    stored, computed = (NUMBERS.get(n, n) for n in (part, arithmetic or part))
    start = case.start or Start(0, *[tuple((0.0,) * len(z.values) for z in case.x0)] * 2)
    rows = zip((tensor.values for tensor in case.x0), start.m, start.v, strict=True)
    state = [
        (np.array(x, computed), np.array(m, computed), np.array(v, computed)) for x, m, v in rows
    ]
    counts, seen = [start.t] * len(state), []
    modulus = case.profile == "complex.modulus"
    for step in range(1, case.steps + 1):
        for i, row in enumerate(case.gradients_at(step)):
            if row is None:
                continue
            counts[i] += 1
            hyper, g = case.hyper_at(step, case.x0[i].group), np.array(row, computed)
            x, m, v = move(state[i], g, counts[i], hyper, dialect, branches or {}, modulus)
            assert x.dtype == computed
            state[i] = x.astype(stored).astype(computed), m, v
        seen.append(np.concatenate([np.ravel(x).astype(np.float64) for x, _, _ in state]))
    return np.array(seen)


def over(got: Array, expected: Expected, bound: str = "binary64") -> float:
    """The largest error over the bound."""
    error = np.abs(got - expected.hi - expected.lo)
    return float(np.max(error / getattr(expected, bound)))


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("kind", KINDS)
def test_oracles_agree_in_bits_and_a_plain_program_is_within_half(kind: str, name: str) -> None:
    case = KINDS[kind]
    expected = balls.expected(case, dialects[name])
    assert pairs_of(expected) == witness.pairs(case, dialects[name])
    assert over(walk(case, name), expected) <= 0.5
    assert np.all(expected.exact_scalar <= expected.binary64 * (1 + 1e-6))
    assert expected.alternatives == ()


@st.composite
def drawn_cases(draw: st.DrawFn) -> Case:
    numbers = st.integers(-96, 96).map(lambda k: k / 32)
    dtype = draw(st.sampled_from(["float64", "float32", "float16", "bfloat16", "complex64"]))
    profile = "groups"
    if dtype == "complex64":
        profile = draw(st.sampled_from(["complex.modulus", "complex.componentwise"]))
    common = {"decoupled": draw(st.booleans()), "nesterov": draw(st.booleans())}
    hyper = tuple(
        Hyper(
            start=start,
            lr=draw(st.sampled_from([0.0, 0.25, 1e-3])),
            beta1=draw(st.sampled_from([0.0, 0.5, 0.9])),
            beta2=draw(st.sampled_from([0.0, 0.5, 0.875, 0.99, 0.999])),
            eps=draw(st.sampled_from([0.0, 1e-8, 0.25])),
            weight_decay=draw(st.sampled_from([0.0, 0.125])),
            maximize=draw(st.booleans()),
            group=group,
            **common,
        )
        for group in (0, 1)
        for start in (1, 4)
    )
    row = st.lists(numbers, min_size=2, max_size=2).map(tuple)
    x0 = tuple(Tensor((2,), draw(row), group) for group in (0, 1))
    cycle = st.lists(st.tuples(row, st.none() | row), min_size=1, max_size=4).map(tuple)
    squares = row.map(lambda values: (abs(values[0]),) * 2)
    state = st.builds(
        Start, st.sampled_from([1, 4, 100]), st.tuples(row, row), st.tuples(squares, squares)
    )
    start = draw(st.none() | state)
    return build(profile, dtype, hyper=hyper, x0=x0, gradients=draw(cycle), start=start)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(case=drawn_cases(), name=st.sampled_from(NAMED))
def test_oracles_agree_in_bits_on_drawn_cases(case: Case, name: str) -> None:
    moments = list(balls.trajectory(case, dialects[name], 1280))
    with ctx.workprec(1280):
        digits = [[split(x) for x in moment.x] for moment in moments]
    assert digits == witness.pairs(case, dialects[name])


def test_groups_are_tensors_on_their_own() -> None:
    case = KINDS["groups"]
    alone = [
        replace(
            case,
            hyper=tuple(h._replace(group=0) for h in case.hyper if h.group == group),
            x0=(case.x0[group]._replace(group=0),),
            gradients=tuple((row[group],) for row in case.gradients),
        )
        for group in (0, 1)
    ]
    found = [balls.expected(each, dialects["paper"]) for each in alone]
    together = balls.expected(case, dialects["paper"])
    for name in ("hi", "lo", "exact_scalar", "binary64"):
        parts = [getattr(each, name) for each in found]
        assert np.array_equal(getattr(together, name), np.concatenate(parts, axis=1))


def test_ascent_is_descent_with_the_other_sign() -> None:
    turned = tuple((tuple(-g for g in row[0] or ()),) for row in GRADIENTS)
    down = build("maximize", hyper=(USUAL,), gradients=turned)
    up = replace(down, hyper=(USUAL._replace(maximize=True),), gradients=GRADIENTS)
    assert pairs_of(balls.expected(up, dialects["optax"])) == witness.pairs(down, dialects["optax"])


def test_state_goes_on_where_a_straight_run_is() -> None:
    """After one step the state is a number of few bits: lr*g, (1 - beta1)*g, (1 - beta2)*g^2."""
    straight = build("resume")
    g = np.array(GRADIENTS[0][0])
    x = np.array(ONE_TENSOR[0].values) - HYPER.lr * g
    m, v = (1 - HYPER.beta1) * g, (1 - HYPER.beta2) * g * g
    resumed = build(
        "resume",
        x0=(Tensor((4,), tuple(x)),),
        steps=8,
        gradients=(*GRADIENTS[1:], GRADIENTS[0]),
        start=Start(1, (tuple(m),), (tuple(v),)),
    )
    for name in NAMED[:3]:
        whole = pairs_of(balls.expected(straight, dialects[name]))
        assert pairs_of(balls.expected(resumed, dialects[name])) == whole[1:]


def test_look_ahead_by_hand() -> None:
    beta1, lr = Fraction(USUAL.beta1), Fraction(USUAL.lr)
    ahead = (beta1 * (1 - beta1) / (1 - beta1**2) + 1) * lr
    hi, lo = pairs_of(balls.expected(KINDS["nesterov"], dialects["paper"]))[0][2]
    exact = Fraction(3) - ahead * 2
    assert (hi, lo) == (float(exact), float(exact - Fraction(hi)))


def test_an_element_without_gradient_has_no_update_where_eps_is_zero() -> None:
    hyper = HYPER._replace(eps=0.0, weight_decay=0.125)
    case = replace(KINDS["eps0"], id="decay.decoupled/drawn-01", hyper=(hyper,))
    for name in ("paper", "pytorch", "optax"):
        expected = balls.expected(case, dialects[name])
        shrunk = [-1.25 * (1 - 2.0**-5) ** t for t in range(1, 10)]
        assert expected.hi[:, 1].tolist() == shrunk
        assert np.all(expected.binary64[:, 1] < 1e-13)


def test_decay_of_no_rate_takes_none_of_it() -> None:
    case = build("decay.decoupled", hyper=(DECAY,), gradients=(((0.0,) * 4,),), steps=2)
    absolute = Dialect(weight_decay="absolute")
    assert balls.expected(case, absolute).hi[-1].tolist() == [
        x * 0.75**2 for x in ONE_TENSOR[0].values
    ]


def test_complex_parts_are_real_parameters_where_componentwise() -> None:
    complex_case = KINDS["componentwise"]
    real = replace(complex_case, id="core/drawn-01", dtype="float32", x0=ONE_TENSOR)
    for name in NAMED:
        found, wanted = (balls.expected(c, dialects[name]) for c in (complex_case, real))
        for array, other in zip(found[:4], wanted[:4], strict=True):
            assert np.array_equal(array, other)


def test_a_constant_complex_gradient_gives_its_direction() -> None:
    case = build(
        "complex.modulus",
        "complex128",
        hyper=(HYPER._replace(eps=0.0),),
        x0=(Tensor((), (0.0, 0.0)),),
        gradients=(((3.0, 4.0),),),
    )
    for moment in balls.trajectory(case, dialects["paper"]):
        r = moment.r[0]
        size = 5.0 if r is None else float(r)
        found = [float(u) for u in moment.update if u is not None]
        assert found == pytest.approx([0.6 * size, 0.8 * size], rel=1e-14)


@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
def test_native_complex_arrays_are_within_half(dtype: str) -> None:
    case = replace(KINDS["modulus"], dtype=dtype)
    x = np.array(ONE_TENSOR[0].values, PARTS[dtype]).view(dtype)
    m, v, seen = 0 * x, 0 * x.real, []
    for t in range(1, case.steps + 1):
        g = np.array(case.gradients_at(t)[0], PARTS[dtype]).view(dtype)
        m = HYPER.beta1 * m + (1 - HYPER.beta1) * g
        v = HYPER.beta2 * v + (1 - HYPER.beta2) * np.abs(g) ** 2
        u = m / (1 - HYPER.beta1**t)
        r = rectification(HYPER.beta2, t, 4.0, {})
        if r is not None:
            # A denominator that was promoted to complex is divided by as one.
            root = np.sqrt((v / (1 - HYPER.beta2**t)).astype(dtype)) + HYPER.eps
            u = r * u * np.conj(root) / (root * np.conj(root))
        x = x - HYPER.lr * u
        assert x.dtype == dtype
        seen.append(x.view(PARTS[dtype]).astype(np.float64))
    assert over(np.array(seen), balls.expected(case, dialects["paper"])) <= 0.5


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "float16" in kind])
def test_moments_in_binary32_are_within_both_bounds_of_half_precision(kind: str) -> None:
    case = KINDS[kind]
    for name in NAMED:
        expected = balls.expected(case, dialects[name])
        got = walk(case, name, "float32")
        assert over(got, expected, "exact_scalar") <= 0.5
        assert over(got, expected) <= 0.5


def test_half_precision_is_not_rounded_in_the_exact_trajectory() -> None:
    for kind in ("float16", "bfloat16"):
        wide = replace(KINDS[kind], id="core/drawn-01", dtype="float64")
        found, wanted = (balls.expected(c, dialects["paper"]) for c in (KINDS[kind], wide))
        assert pairs_of(found) == pairs_of(wanted)
        assert np.all(found.exact_scalar >= np.abs(found.hi) * 2.0**-11)


def test_a_second_moment_above_float16_is_a_number_where_moments_are_binary32() -> None:
    steep = build("half", "float16", gradients=(((4096.0, -4096.0, 1.0, 2.0),),), steps=6)
    expected = balls.expected(steep, dialects["paper"])
    assert over(walk(steep, "paper", "float32"), expected, "exact_scalar") <= 0.5
    assert pairs_of(expected) == witness.pairs(steep, dialects["paper"])


def extreme(bits: int, profile: str = "extreme") -> Case:
    return build(profile, hyper=(USUAL._replace(beta2=1 - 2.0**-bits),))


@pytest.mark.parametrize(("name", "t"), [("paper", 4), ("pytorch", 5), ("paper-hold", 4)])
def test_both_branches_where_roundings_decide(name: str, t: int) -> None:
    case, dialect = extreme(24), dialects[name]
    beta2 = case.hyper[0].beta2
    main = balls.expected(case, dialect)
    (other,) = main.alternatives
    choices = balls.choices(case, dialect)
    assert choices == [{(beta2, t): False}, {(beta2, t): True}]
    for expected, branches in zip((main, other), choices, strict=True):
        assert pairs_of(expected) == witness.pairs(case, dialect, branches)
        assert over(walk(case, name, branches=branches), expected) <= 0.5
    assert pairs_of(main) == witness.pairs(case, dialect)
    if dialect.unrectified == "momentum":  # r_4 is 0 at the threshold, where hold does not move
        assert np.all(np.abs(main.hi - other.hi)[t - 1] > 10 * main.binary64[t - 1])
    assert np.array_equal(main.hi[: t - 1], other.hi[: t - 1])


def test_binary64_has_no_bound_of_its_own_where_r_is_a_matter_of_roundings() -> None:
    expected = balls.expected(extreme(40), dialects["paper"])
    assert np.array_equal(expected.binary64, expected.exact_scalar)
    assert expected.alternatives == ()
    assert balls.choices(extreme(40), dialects["paper"]) == []
    assert pairs_of(expected) == witness.pairs(extreme(40), dialects["paper"])


def test_only_extreme_cases_may_leave_a_branch_to_roundings() -> None:
    with pytest.raises(UndecidedError, match=r"rho_4 = .* threshold 4"):
        balls.expected(extreme(24, "core"), dialects["paper"])


def test_an_infinite_bound_is_an_error() -> None:
    edge = math.sqrt(float(np.finfo(np.float32).max) * 2.0**7)
    case = build("core", "float32", gradients=(((edge, 0.0, 1.0, 1.0),),), steps=7)
    with pytest.raises(ArithmeticError, match="element 0 after step 5 is infinite"):
        balls.expected(case, dialects["paper"])


def test_moments_say_what_a_step_computes() -> None:
    case = KINDS["groups"]
    x = [Fraction(value) for tensor in case.x0 for value in tensor.values]
    for moment in balls.trajectory(case, dialects["paper"]):
        each = [moment.coefficients[i] for i in (0, 0, 1)]
        for k, c in enumerate(each):
            if c is None:
                assert moment.m_hat[k] is moment.update[k] is moment.denominator[k] is None
                continue
            m_hat, v_hat, u = moment.m_hat[k], moment.v_hat[k], moment.update[k]
            assert m_hat is not None
            assert v_hat is not None
            assert u is not None
            assert float(moment.x[k]) == pytest.approx(float(x[k]) - float(c.lr) * float(u))
            below = moment.denominator[k]
            assert (below is None) == (c.r is None)
            if below is None or c.r is None:
                assert float(u) == float(m_hat)
                continue
            assert float(below) == pytest.approx(math.sqrt(float(v_hat)) + float(c.eps))
            assert float(u) == pytest.approx(float(c.r) * float(m_hat) / float(below))
        x = [Fraction(float(value)) for value in moment.x]


def test_a_step_that_holds_has_no_update() -> None:
    for moment in balls.trajectory(build("core"), dialects["paper-hold"]):
        assert all((u is None) == (moment.r[0] is None) for u in moment.update)
