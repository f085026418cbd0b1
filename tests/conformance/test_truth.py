"""Both oracles against each other, against 80-digit decimals, and against fractions."""

from __future__ import annotations

import ast
import itertools
import math
from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from flint import arb, ctx

from radam_conformance.cases import Case, Hyper, Tensor, load_case
from radam_conformance.protocol import from_words
from radam_conformance.truth import balls, bits, witness
from radam_ref import Dialect, dialects

EVERY_AXIS = [
    Dialect(
        threshold=threshold,
        eps_placement=placement,
        eps_root=eps_root,
        unrectified=unrectified,
        weight_decay=decay,
        nesterov=nesterov,
    )
    for threshold, (placement, eps_root), unrectified, decay, nesterov in itertools.product(
        (4.0, 5.0),
        (
            ("after_correction", 0.0),
            ("after_correction", 1e-6),
            ("before_correction", 0.0),
            ("before_correction", 1e-6),
            ("floor", 0.0),
        ),
        ("momentum", "hold"),
        ("decoupled", "coupled", "absolute"),
        (False, True),
    )
]

EVENTFUL = Case(
    id="test/eventful-01-f64",
    title="Decay, ascent, changing hyper-parameters, a tensor that joins late",
    clause="S1",
    paper_line="Algorithm 2",
    purpose="Whatever the profiles need of the oracles.",
    flags=(),
    requires=(),
    kills=(),
    dtype="float64",
    hyper=(
        Hyper(1, 1e-3, 0.9, 0.999, 1e-8, 0.01, True, True, False),
        Hyper(5, 0.5, 0.875, 0.99, 0.3, 0.5, True, False, False),
    ),
    x0=(Tensor((2,), (0.5, -3.0)), Tensor((1,), (2.0,))),
    steps=12,
    gradients=(
        ((0.1, -2.0), None),
        ((-0.7, 0.0), None),
        ((1.5, 2.0**-30), (0.25,)),
        ((0.0, 3.0), (-0.125,)),
    ),
    observe=tuple(range(1, 13)),
)


def pairs_of(case: Case, dialect: Dialect) -> list[list[tuple[float, float]]]:
    expected = balls.expected(case, dialect)
    rows = zip(expected.hi.tolist(), expected.lo.tolist(), strict=True)
    return [list(zip(*row, strict=True)) for row in rows]


@pytest.mark.parametrize("dialect", EVERY_AXIS, ids=str)
def test_oracles_agree_in_bits_on_every_axis(dialect: Dialect) -> None:
    decoupled = dialect.weight_decay != "coupled"  # the case says which decay it asks for
    hyper = tuple(hyper._replace(decoupled=decoupled) for hyper in EVENTFUL.hyper)
    case = replace(EVENTFUL, hyper=hyper)
    proved = pairs_of(case, dialect)
    for library in witness.LIBRARIES:
        assert witness.pairs(case, dialect, library=library) == proved, library


def test_witness_shares_no_code_with_the_first_oracle() -> None:
    tree = ast.parse(Path(witness.__file__).read_text(encoding="utf-8"))
    imported = {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level
    }
    assert imported == {"cases"}


def decimal_paper(case: Case) -> list[list[Decimal]]:
    """The paper's Algorithm 2 in decimals, for a case of one tensor."""
    hyper = case.hyper[0]
    lr, beta1, beta2, eps = (Decimal(value) for value in hyper[1:5])
    x = [Decimal(value) for value in case.x0[0].values]
    m, v = [Decimal(0)] * len(x), [Decimal(0)] * len(x)
    rho_inf = 2 / (1 - beta2) - 1
    seen = []
    for t in range(1, case.steps + 1):
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        for i, value in enumerate(case.gradients_at(t)[0] or ()):
            g = Decimal(value)
            m[i], v[i] = beta1 * m[i] + (1 - beta1) * g, beta2 * v[i] + (1 - beta2) * g * g
            step = lr * m[i] / (1 - beta1**t)
            if rho > 4:
                squared = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
                step = step * squared.sqrt() / ((v[i] / (1 - beta2**t)).sqrt() + eps)
            x[i] -= step
        if t in case.observe:
            seen.append(list(x))
    return seen


@pytest.mark.parametrize("name", ["smoke-02", "crossing-07", "closed-form-02", "long-memory-01"])
@pytest.mark.parametrize("suffix", ["f64", "f32"])
def test_paper_in_decimals(name: str, suffix: str) -> None:
    case = load_case(f"core/{name}-{suffix}")
    expected = case.expected["paper"]
    with localcontext() as context:
        context.prec = 120
        for row, hi, lo in zip(decimal_paper(case), expected.hi, expected.lo, strict=True):
            for x, a, b in zip(row, hi.tolist(), lo.tolist(), strict=True):
                assert a == float(x)
                assert b == float(x - Decimal(a))


def test_first_step_is_the_fraction_x0_minus_lr_times_g() -> None:
    case = load_case("core/smoke-02-f64")
    lr = Fraction(case.hyper[0].lr)
    for i, (x, g) in enumerate(zip(case.x0[0].values, case.gradients_at(1)[0] or (), strict=True)):
        exact = Fraction(x) - lr * Fraction(g)
        hi = float(exact)
        for name in ("paper", "pytorch", "optax"):
            stored = case.expected[name]
            assert (stored.hi[0, i], stored.lo[0, i]) == (hi, float(exact - Fraction(hi)))


def test_constant_gradient_steps_are_lr_times_r() -> None:
    case = load_case("core/closed-form-01-f64")
    bare = replace(case, hyper=(case.hyper[0]._replace(eps=0.0),))
    x = [Decimal(0)] * 3
    for moment in balls.trajectory(bare, dialects["paper"]):
        r = moment.r[0]
        step = 1.0 if r is None else float(r)
        for i, g in enumerate((1.0, -0.5, 3.0)):
            x[i] -= Decimal(step) * Decimal(g if r is None else math.copysign(1.0, g))
            assert float(moment.x[i]) == pytest.approx(float(x[i]), rel=1e-14)


def test_rho_is_as_computed_with_fractions() -> None:
    case = load_case("core/crossing-06-f64")
    beta2 = Fraction(case.hyper[0].beta2)
    for t, moment in enumerate(balls.trajectory(case, dialects["paper"]), start=1):
        rho = 2 / (1 - beta2) - 1 - 2 * t * beta2**t / (1 - beta2**t)
        assert moment.rho[0] is not None
        assert float(moment.rho[0]) == float(rho)
        assert (moment.r[0] is None) == (rho <= 4)


def test_hold_leaves_the_parameter_exactly() -> None:
    stored = load_case("core/smoke-02-f32").expected["authors"]
    assert np.all(stored.hi[:5] == (0.5, -1.25, 3.0))
    assert not np.any(stored.lo[:5])
    assert np.all(stored.binary64[:5] == 5e-324)


def test_overflowed_element_stays_where_momentum_left_it() -> None:
    for suffix in ("f64", "f32"):
        for name in ("paper", "pytorch"):
            case = load_case(f"core/overflow-01-{suffix}")
            *_, before, after = balls.trajectory(case, dialects[name])
            assert not after.v[0].is_finite()
            assert float(after.x[0]) == float(before.x[0])
            assert float(after.x[1]) != float(before.x[1])
            assert np.all(np.isfinite(case.expected[name].hi))


def test_a_tensor_without_gradient_does_not_count_the_step() -> None:
    used = [moment.rho[1] for moment in balls.trajectory(EVENTFUL, dialects["paper"])]
    assert [rho is None for rho in used] == [True, True, False, False] * 3
    late = [float(rho) for rho in used if rho is not None]
    assert late[0] == pytest.approx(1.0, abs=1e-9)


def test_more_precision_is_used_where_balls_do_not_decide() -> None:
    gradients = (((2.0**900, 1.0, 1.0),), ((1.0, 1.0, 1.0),))
    case = replace(load_case("core/unrectified-01-f64"), gradients=gradients)
    assert pairs_of(case, dialects["paper"]) == witness.pairs(case, dialects["paper"])


@pytest.mark.parametrize(
    "value",
    [
        Fraction(1, 3),
        Fraction(-2, 7),
        Fraction(1) + Fraction(1, 2**53),  # a tie of hi
        Fraction(3) + Fraction(3, 2**52) / 4,
        Fraction(1) - Fraction(1, 2**54),  # a tie below a power of two
        Fraction(1) + Fraction(1, 2**60) + Fraction(1, 2**113),  # a tie of lo
        Fraction(1) + Fraction(3, 2**55),  # more than half the distance below it
        Fraction(1) + Fraction(3, 2**55) + Fraction(1, 3 * 2**80),
        Fraction(1, 2**1074),
        Fraction(5),
        Fraction(0),
    ],
)
def test_split_rounds_as_fractions_do(value: Fraction) -> None:
    hi = float(value)
    lo = float(value - Fraction(hi))
    with ctx.workprec(320):
        x = arb(value.numerator) / value.denominator
        assert bits.split(x) == (hi, lo)
        assert bits.split(x + arb(0, 2.0**-300) * x) == (hi, lo)


def test_split_refuses_a_ball_too_wide() -> None:
    with ctx.workprec(320):
        assert bits.split(arb(1) + arb(0, 2.0**-80)) is None
        assert bits.split(arb(1) / 3 + arb(0, 2.0**-100)) is None


def test_round_up_is_the_least_number_above() -> None:
    with ctx.workprec(320):
        third = bits.round_up(arb(1) / 3)
        assert Fraction(third) > Fraction(1, 3) > Fraction(math.nextafter(third, 0.0))
        assert bits.round_up(arb(2.5)) == 2.5
        assert 2.5 <= bits.round_up(arb(2, 0.5)) < 2.500001
        assert bits.round_up(arb.pos_inf()) == math.inf
        assert bits.round_up(arb.nan()) == math.inf


def test_bits_are_big_endian_and_of_fixed_width() -> None:
    assert bits.to_bits([1.0, -2.0]) == ["3ff0000000000000", "c000000000000000"]
    assert bits.to_bits([1.0], "float32") == ["3f800000"]
    assert bits.to_bits([1.0], "float16") == ["3c00"]
    assert from_words(["3c00", "8000"], "float16") == (1.0, 0.0)
    assert from_words(["0000000000000001"], "float64") == (5e-324,)


@pytest.mark.parametrize(
    ("value", "dtype"), [(0.1, "float32"), (1e300, "float32"), (1e5, "float16")]
)
def test_bits_refuse_a_number_the_dtype_lacks(value: float, dtype: str) -> None:
    with pytest.raises(ValueError, match=f"exactly representable in {dtype}"):
        bits.to_bits([value], dtype)


def test_bits_refuse_another_width() -> None:
    with pytest.raises(ValueError, match="8 hex digits"):
        from_words(["3ff0000000000000"], "float32")
