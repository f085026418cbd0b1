"""The terms that come in blocks are those of `_terms`, each computed on its own."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import array_api_strict
import numpy as np
import pytest

from radam_ref import Dialect, RAdamConfig, _ahead, _terms, consecutive_terms, dialects

DIALECTS = [
    *(axes for axes in dialects.values() if axes.eps_placement != "floor"),
    replace(dialects["pytorch"], nesterov=True),
    Dialect(nesterov=True, unrectified="hold", weight_decay="absolute", threshold=50.0),
]


def config_of(k: int, rng: np.random.Generator) -> RAdamConfig:
    beta1, beta2 = (float(beta) for beta in 1 - 2.0 ** rng.uniform(-53, 0, 2))
    eps, decay = float(10.0 ** rng.uniform(-50, 0)), float(rng.random()) * (k % 3 == 0)
    lr = float(rng.random())
    return RAdamConfig(lr, beta1, beta2, eps, decay, dialect=DIALECTS[k % len(DIALECTS)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_consecutive_steps_have_the_terms_of_each(dtype: str) -> None:
    """From the first steps and from steps to 1e9, over the ends of blocks, with lr and another."""
    rng = np.random.default_rng(7)
    for k in range(200):
        config = config_of(k, rng)
        start = int(rng.integers(1, 9)) if k % 2 else int(math.exp(rng.uniform(0, math.log(1e9))))
        for t in range(start, start + 12):
            lr = config.lr if t % 2 else 0.125
            form, row = consecutive_terms(config, dtype)(t, lr)
            exact_form, exact = _terms.coefficients(t, config, lr, dtype)
            assert form == exact_form, (t, config)
            assert row.dtype == dtype
            assert row.tolist() == [*exact], (t, config)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_long_run_has_the_terms_of_each_step(dtype: str) -> None:
    config = RAdamConfig(beta2=0.99)
    for t in range(1, 400):
        assert _ahead.coefficients(t, config, 1e-3, dtype) == _terms.coefficients(
            t, config, 1e-3, dtype
        )


def test_what_is_rounded_next_to_the_middle_is_asked_for_exactly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """1/(1-beta1^t) is put between two float32, a little above; rounded twice it would be below."""
    middle = 1 + 2.0**-24
    asked = []
    monkeypatch.setattr(_ahead, "varying", lambda *_: {_ahead.I1: [middle, 1.5]})
    exact = _terms.coefficients

    def counted(t, *how):
        asked.append(t)
        return exact(t, *how)

    monkeypatch.setattr(_terms, "coefficients", counted)
    _ahead.computed(range(20, 22), RAdamConfig(), "float32", 6)
    assert asked == [6, 20]


def test_a_root_that_is_a_tie_goes_to_the_even_number() -> None:
    """eps/sqrt(1 - beta2^t) for beta2 = 0 is eps, in the middle of two float32."""
    config = RAdamConfig(beta2=0.0, eps=1 + 2.0**-24, dialect="pytorch")
    for t in range(1, 9):
        assert _ahead.coefficients(t, config, 1e-3, "float32")[1].eps == 1.0


def test_a_power_that_vanishes_leaves_a_tie_its_side() -> None:
    """1 - 0.3 lies in the middle of two float64, and (1 - 0.3)/(1 - 0.3^255) above it."""
    dialect = Dialect(nesterov=True)
    for start in (250, 255):
        config = RAdamConfig(beta1=0.3, beta2=0.99 + start / 1e6, dialect=dialect)
        for t in range(start, 260):
            c = _ahead.coefficients(t, config, 1e-3, "float64")[1]
            exact = (1 - Fraction(0.3)) / (1 - Fraction(0.3) ** t)
            assert c.n2 == exact.numerator / exact.denominator, t


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_a_schedule_has_the_terms_of_each_lr(decay: float) -> None:
    """Another lr for each step, two that alternate, and one that stays."""
    config = RAdamConfig(0.0, beta2=0.98, weight_decay=decay)
    rates = [1 / t for t in range(1, 40)] + [0.5, 0.25] * 20 + [0.125] * 20
    for t, lr in enumerate(rates, 1):
        form, row = consecutive_terms(config, "float32")(t, lr)
        expected, c = _terms.coefficients(t, config, lr, "float32")
        assert form == expected
        assert row.tolist() == [*c]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dialect", ["paper", "pytorch"])
def test_numbers_beyond_a_float_are_infinite(dialect: str, dtype: str) -> None:
    config = RAdamConfig(1e308, eps=1.7e308, weight_decay=1e308, dialect=dialect)
    decoupled = replace(config, dialect=replace(config.axes, weight_decay="decoupled"))
    for t in range(1, 30):
        form, c = _ahead.coefficients(t, decoupled, 1e308, dtype)
        assert form.shrinks
        assert c.shrink == -math.inf
        if dialect == "pytorch" or dtype == "float32":
            assert c.eps == math.inf


def test_threads_that_are_at_different_steps_get_their_own_terms() -> None:
    config = RAdamConfig(beta2=0.9993)

    def run(start: int) -> bool:
        steps = range(start, start + 300)
        return all(
            consecutive_terms(config, "float32")(t, 1e-3)[1].tolist()
            == [*_terms.coefficients.__wrapped__(t, config, 1e-3, "float32")[1]]
            for t in steps
        )

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(run, [1, 1, 500, 10_000]))


def test_runs_that_take_turns_have_their_own_terms_each_computed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three runs of one config at other steps: blocks are about as many as if each ran alone."""
    config, starts, blocks = RAdamConfig(beta2=0.9995), (1, 800, 9000), []
    block_from = _ahead.ConsecutiveTerms.block_from

    def counted(self, t, *last):
        blocks.append(t)
        return block_from(self, t, *last)

    monkeypatch.setattr(_ahead.ConsecutiveTerms, "block_from", counted)
    for k in range(600):
        for start in starts:
            _, row = consecutive_terms(config, "float64")(start + k, 1e-3)
            exact = _terms.coefficients.__wrapped__(start + k, config, 1e-3, "float64")[1]
            assert row.tolist() == [*exact]
    assert len(set(blocks)) == len(blocks) <= 14 * len(starts)  # of 1, 2, 4, ... 256 steps


@pytest.mark.parametrize("config", [RAdamConfig(beta2=array_api_strict.asarray(0.5)), None])
def test_terms_on_the_host_are_those_of_numbers(config: object) -> None:
    for ask in (consecutive_terms, lambda *how: _ahead.coefficients(1, how[0], 0.1, how[1])):
        with pytest.raises(TypeError, match="config must be a RAdamConfig of numbers, got"):
            ask(config, "float64")
    with pytest.raises(ValueError, match="dtype must be one of float32, float64, got 'float16'"):
        consecutive_terms(RAdamConfig(), "float16")


def test_terms_are_not_written_to() -> None:
    """Neither those of one step nor those that came in a block."""
    for t in (9, 10):
        _, row = consecutive_terms(RAdamConfig(), "float32")(t, 1e-3)
        with pytest.raises(ValueError, match="read-only"):
            row[0] = 1
