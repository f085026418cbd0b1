"""The bounds where they are delicate; test_selftest.py has every fault and every variant."""

import math
from dataclasses import replace

import numpy as np
import pytest

from radam_conformance.cases import load_case, load_index, load_suite
from radam_conformance.specimens.edits import over, play, program
from radam_conformance.specimens.variants import VARIANTS
from radam_conformance.truth import balls
from radam_conformance.truth.algorithm import UndecidedError
from radam_ref import Dialect, dialects

CHAINS = [e["id"] for e in load_index()["cases"] if e["id"].startswith("core/chain")]
WRITTEN = (
    "libm, lerp, w * g * g, torch",
    "running product, sum, w * g^2, paper",
    "2 ulp above, naive lerp, w * g * g, torch foreach",
)


@pytest.mark.parametrize("id", CHAINS)
@pytest.mark.parametrize("variant", WRITTEN)
def test_ten_thousand_steps_stay_within_half_of_the_bound(id: str, variant: str) -> None:
    case = load_case(id)
    answer = play(program(VARIANTS[variant].edits), case, dialects["paper"])

    assert over(case, answer, case.expected["paper"]) <= 0.5


def test_exact_scalars_bound_is_never_the_wider_one() -> None:
    for case in load_suite("core/*"):
        for expected in case.expected.values():
            radii_have_30_bits = 1 + 1e-6
            assert np.all(expected.exact_scalar <= expected.binary64 * radii_have_30_bits)


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
