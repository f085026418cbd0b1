"""The Stepper: steps of the specification, records of one point, and runs that go on."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radam_ref import RAdamConfig, Stepper, dialects, rectification
from radam_ref.optimize import _state, load

from .problems import ROSENBROCK_START, Array, bowl, by_hand, rosenbrock

HOLD = RAdamConfig(lr=0.01, dialect="paper-hold")


def stepper(fun: Any = rosenbrock, **how: Any) -> Stepper:
    return Stepper(fun, ROSENBROCK_START, **{"lr": 0.01, "jac": True, **how})


def run(stepper: Stepper, steps: int) -> Any:
    *_, record = islice(stepper, steps)
    return record


def test_its_steps_are_those_of_the_specification() -> None:
    record = run(stepper(), 300)

    assert np.array_equal(record.x, by_hand(rosenbrock, np.asarray(ROSENBROCK_START), HOLD, 300))


def test_a_record_is_of_one_point_after_the_step() -> None:
    before = np.asarray(ROSENBROCK_START)
    for t, record in zip(range(1, 20), stepper(), strict=False):
        f, g = rosenbrock(record.x)
        assert (record.t, record.f) == (t, f)
        assert np.array_equal(record.g, g)
        assert record.gradient == abs(g).max()
        assert record.update_norm == pytest.approx(math.dist(record.x, before), abs=1e-16)
        assert record.r_t == rectification(t, 0.999)
        before = record.x


def test_the_best_point_is_kept_when_f_rises() -> None:
    records = list(islice(stepper(lr=0.3), 200))
    values = [24.2, *(record.f for record in records)]

    assert any(b > a for a, b in pairwise(values))
    assert records[-1].f_best == pytest.approx(min(values), rel=1e-15)
    assert rosenbrock(records[-1].x_best)[0] == records[-1].f_best


def test_a_record_prints_what_it_says_of_the_run() -> None:
    record = run(stepper(), 20)
    names = ["t", "x", "f", "g", "x_best", "f_best", "gradient", "update_norm", "r_t"]

    assert re.findall(r"(\w+)=", repr(record)) == names
    assert repr(record).endswith(f"update_norm={record.update_norm!r}, r_t={record.r_t!r})")


def test_ask_and_tell_gives_the_records_of_function_use() -> None:
    asked = stepper(None, jac=None)
    told = [asked.tell(*rosenbrock(asked.ask())) for _ in range(51)]

    assert told[0].t == 0
    for record, expected in zip(told[1:], stepper(), strict=False):
        assert record[:3] == (expected.t, pytest.approx(expected.x, abs=0), expected.f)


def test_asking_again_makes_no_step() -> None:
    asked = stepper(None, jac=None)
    asked.tell(*rosenbrock(asked.ask()))

    assert asked.ask() is asked.ask()
    assert asked.now.t == 1


def test_the_first_record_is_of_x0_where_no_step_was_made() -> None:
    record = stepper().evaluate()

    assert (record.t, record.f, record.update_norm, record.r_t) == (0, pytest.approx(24.2), 0, None)


@pytest.mark.parametrize("when", [0, 1, 4, 5, 37, 100, 163])
@pytest.mark.parametrize("dialect", ["paper-hold", "pytorch"])
def test_saved_at_any_time_a_run_goes_on_bit_for_bit(
    when: int, dialect: str, tmp_path: Path
) -> None:
    config = RAdamConfig(lr=1e-4, weight_decay=0.1, dialect=dialect)
    first = stepper(config=config, lr=None)
    for _ in range(when):
        first.step()
    first.save(tmp_path / "run")
    second = Stepper.resume(tmp_path / "run", rosenbrock, jac=True)

    for _ in range(120):
        one, other = first.step(), second.step()
        assert np.array_equal(one.x, other.x)
    assert (one.t, one.f, one.f_best) == (other.t, other.f, other.f_best)
    assert first.now.seen.window.t == second.now.seen.window.t == (when + 120) // 100 * 100


@pytest.mark.parametrize("told", [False, True])
def test_between_ask_and_tell_too(told: bool, tmp_path: Path) -> None:
    first = stepper(None, jac=None)
    for _ in range(30):
        first.tell(*rosenbrock(first.ask()))
    x = first.ask() if not told else None
    first.save(tmp_path / "run")
    second = Stepper.resume(tmp_path / "run")

    assert np.array_equal(second.ask(), first.ask() if x is None else x)
    assert second.now.t == 30


def noisy(x: Array, rng: np.random.Generator) -> tuple[float, Array]:
    return bowl(x, rng.normal(size=2))


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_random_numbers_go_on_from_the_file_too(bits: Any, tmp_path: Path) -> None:
    first = stepper(noisy, rng=np.random.Generator(bits(7)))
    run(first, 25)
    first.save(tmp_path / "run")
    second = Stepper.resume(tmp_path / "run", noisy, jac=True, rng=np.random.Generator(bits(0)))

    assert np.array_equal(run(first, 25).x, run(second, 25).x)


def test_a_state_in_memory_is_a_run_too() -> None:
    first = stepper(noisy, rng=7)
    run(first, 25)
    state = first.state
    expected = run(first, 25).x

    assert np.array_equal(run(Stepper(noisy, state, lr=0.01, jac=True, rng=0), 25).x, expected)


def test_batches_are_drawn_one_an_evaluation_and_end_the_iteration() -> None:
    drawn = [np.full(2, float(i)) for i in range(5)]
    seen: list[float] = []

    def fun(x: Array, center: Array) -> tuple[float, Array]:
        seen.append(center[0])
        return bowl(x, center)

    assert [record.t for record in stepper(fun, batches=drawn)] == [1, 2, 3, 4]
    assert seen == [0, 1, 2, 3, 4]


def test_an_exception_in_fun_leaves_the_run_as_it_was() -> None:
    fails = [False]

    def fun(x: Array) -> tuple[float, Array]:
        if fails[0]:
            raise ConnectionError
        return rosenbrock(x)

    one, other = stepper(fun), stepper()
    run(one, 10)
    fails[0] = True
    with pytest.raises(ConnectionError):
        one.step()
    fails[0] = False

    assert one.now.t == 10
    assert np.array_equal(run(one, 5).x, run(other, 15).x)


def test_x0_is_not_written_to_nor_looked_at_again() -> None:
    x0 = np.asarray([3.0, 4.0])
    made = Stepper(bowl, x0, lr=0.1, jac=True)
    x0[:] = 0

    assert made.evaluate().f == 25
    run(made, 10)
    assert np.array_equal(x0, [0, 0])


def test_a_file_that_is_no_run_is_refused(tmp_path: Path) -> None:
    import radam_ref

    x = np.ones(2)
    radam_ref.save_state(tmp_path / "state", x, radam_ref.init(x), HOLD)
    stepper().save(tmp_path / "run")
    (tmp_path / "half").write_bytes((tmp_path / "run").read_bytes()[:-40])

    with pytest.raises(ValueError, match="is no radam-ref run, or is damaged: its format is"):
        load(tmp_path / "state")
    with pytest.raises(ValueError, match="cut off or damaged"):
        Stepper.resume(tmp_path / "half")
    with pytest.raises(ValueError, match="is no radam-ref state"):
        radam_ref.load_state(tmp_path / "run")


Header = dict[str, Any]


def rewritten(path: Path, change: Callable[[Header], Any], nests: int = 0) -> None:
    """The file with another header, its state within so many tuples."""
    with np.load(path) as archive:
        members = dict(archive)
    header = json.loads(bytes(members["header"]))
    change(header)
    state = '{"kind": null, "fields": [' * nests + json.dumps(header.pop("state")) + "]}" * nests
    text = f'{json.dumps(header)[:-1]}, "state": {state}}}'
    members["header"] = np.frombuffer(text.encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, **members)


def part(header: Header, kind: str) -> Header:
    """The first tuple of that kind in the state."""
    waiting = [header["state"]]
    while waiting:
        tree = waiting.pop(0)
        if tree.get("kind") == kind:
            return tree
        waiting += [field for field in tree.get("fields", ()) if isinstance(field, dict)]
    raise LookupError(kind)


def test_a_file_of_an_earlier_version_is_refused_and_named(tmp_path: Path) -> None:
    """In version 1 a window had no r_t."""

    def earlier(header: Header) -> None:
        header["version"] = 1
        part(header, "Window")["fields"].pop()

    made = stepper()
    made.step()
    made.save(tmp_path / "run")
    rewritten(tmp_path / "run", earlier)

    said = "run has version 1 of radam-ref run; this release reads 2 alone"
    with pytest.raises(ValueError, match=said):
        Stepper.resume(tmp_path / "run")


def test_what_version_2_holds() -> None:
    """A field that comes, goes or means something else needs another version, and another list."""
    assert _state.VERSION == 2
    assert {kind.__name__: " ".join(kind._fields) for kind in _state.TUPLES} == {
        "RAdamState": "t m v",
        "State": "x moments x_before path evaluations f g inward best seen noise lanes listed rng "
        "needs config",
        "Point": "x f g",
        "Seen": "gradient finite start peak window pace",
        "Window": "t x f_best path r_t",
        "Pace": "t moved gain r_t",
        "Noise": "n f g g2 before",
        "Peak": "value t leaf element",
        "Lanes": "active nit status",
    }


@pytest.mark.parametrize(
    ("change", "nests"),
    [
        (lambda header: part(header, "Peak").update(kind="os.system"), 0),
        (lambda header: header["state"]["fields"].pop(), 0),
        (lambda header: part(header, "RAdamState")["fields"].__setitem__(0, -1), 0),
        (lambda header: part(header, "RAdamState")["fields"].__setitem__(1, 3), 0),
        (lambda header: part(header, "RAdamState").update(kind=None), 0),
        (lambda header: header["state"]["fields"].__setitem__(0, {"kind": None, "fields": []}), 0),
        (lambda header: part(header, "Point")["fields"][0]["fields"][0].update(dtype="int8"), 0),
        (lambda header: None, 1),
        (lambda header: None, 450),
        (lambda header: None, 10_000),
    ],
    ids=["kind", "fields", "t", "m", "moments", "x", "dtype", "nest", "nests", "many nests"],
)
def test_a_run_of_nonsense_is_refused(change: Any, nests: int, tmp_path: Path) -> None:
    made = stepper()
    made.step()
    made.save(tmp_path / "run")
    rewritten(tmp_path / "run", change, nests)

    with pytest.raises(ValueError, match="radam-ref run"):
        load(tmp_path / "run")


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"lr": None}, TypeError, r"lr must be given .* x's own units"),
        ({"lr": -1}, ValueError, r"lr must be a real number in \[0, inf\), got -1"),
        ({"lr": np.asarray([1.0, -1.0])}, ValueError, "lr must be at least 0 everywhere"),
        ({"jac": "exact"}, ValueError, "jac must be a callable, True, None or '2-point', got 'exa"),
        ({"fun": 3}, TypeError, "fun must be callable, got 3"),
        ({"config": "paper"}, TypeError, "config must be a RAdamConfig, got 'paper'"),
        ({"config": RAdamConfig(maximize=True)}, ValueError, "maximize must be False"),
        ({"config": RAdamConfig(beta2=0.5, dialect="paper-hold")}, ValueError, "beta2 must be lar"),
        ({"prox": 3}, ValueError, "prox must be a callable"),
        ({"rng": 1, "batches": [1]}, ValueError, "rng and batches must not both be given"),
        ({"check_every": 0}, ValueError, "check_every must be an int of at least 1, got 0"),
    ],
)
def test_arguments_are_refused_by_name(how: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        stepper(how.pop("fun", rosenbrock), **how)


@pytest.mark.parametrize(
    ("x0", "error", "message"),
    [
        ([1.0, np.nan], ValueError, "x0 must be finite"),
        (np.zeros((0, 3)), ValueError, "x0 must not be empty"),
        (["a"], TypeError, "x0 must have one of the dtypes"),
        ([np.zeros(2), 3.0], TypeError, r"x0\[1\] must be an array"),
    ],
)
def test_a_start_that_cannot_be_is_refused(x0: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        Stepper(bowl, x0, lr=0.1, jac=True)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((1j, np.zeros(2)), "fun must return a real number"),
        ((np.zeros(2), np.zeros(2)), "fun must return one number, got an array of shape"),
        ((1.0, np.zeros((2, 1))), r"the gradient must have the shape of x0, \(2,\), got \(2, 1\)"),
        ((1.0, np.zeros(2, complex)), "the gradient must be float64 as x0 is, got complex128"),
        (2.5, r"fun must return \(f, gradient\) with jac=True, got 2.5"),
        ((None, np.zeros(2)), "fun must return one number, got None"),
        (("1.5", np.zeros(2)), "fun must return one number, got '1.5'"),
        ((10**400, np.zeros(2)), "fun must return one number, got 1000"),
    ],
)
def test_answers_of_fun_that_cannot_be_are_refused(answer: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        stepper(lambda x: answer).step()


@pytest.mark.parametrize("answer", [None, "1.5"])
def test_differences_of_what_is_no_number_are_refused(answer: Any) -> None:
    with pytest.raises(TypeError, match=f"fun must return one number, got {answer!r}"):
        stepper(lambda x: answer, jac=None).step()


@pytest.mark.parametrize("number", [Fraction, Decimal])
def test_any_kind_of_number_will_do(number: Any) -> None:
    def run_of(kind: Any) -> Any:
        return run(stepper(lambda x: kind(float(x[0]) - 1), jac=None), 3).x

    assert np.array_equal(run_of(number), run_of(float))


@pytest.mark.parametrize("dialect", sorted(set(dialects) - {"proxmin"}))
def test_every_dialect_that_step_computes(dialect: str) -> None:
    config = RAdamConfig(lr=1e-4, dialect=dialect)

    expected = by_hand(rosenbrock, np.asarray(ROSENBROCK_START), config, 20)
    assert np.array_equal(run(stepper(config=config, lr=None), 20).x, expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [("lr", lambda t: 0.01), ("lr", [0.01, 0.02]), ("bounds", (-2.0, 2.0)),
     ("prox", lambda x, step: x)],
)  # fmt: skip
def test_what_a_run_had_is_not_lost_in_silence(name: str, value: Any, tmp_path: Any) -> None:
    how = {"lr": 0.01, "jac": True, name: value}
    run = Stepper(rosenbrock, ROSENBROCK_START, **how)
    for _ in range(20):
        run.step()
    run.save(tmp_path / "run")
    left_out = {"jac": True}
    with pytest.raises(ValueError, match=f"^{name} must be given again"):
        Stepper.resume(tmp_path / "run", rosenbrock, **left_out)
    with pytest.raises(ValueError, match=f"^{name} must be given again"):
        Stepper(rosenbrock, run.state, **left_out)
    again = Stepper.resume(tmp_path / "run", rosenbrock, jac=True, **{name: value})
    assert np.array_equal(again.step().x, run.step().x)


def test_the_hyper_parameters_of_a_run_go_on_unless_others_are_given() -> None:
    config = RAdamConfig(lr=0.02, beta2=0.98, dialect="pytorch")
    run = Stepper(lambda x: (float(x @ x), 2 * x), [1.0, -2.0], config=config, jac=True)
    for _ in range(20):
        run.step()
    again = Stepper(run.objective.fun, run.state, jac=True)
    smaller = Stepper(run.objective.fun, run.state, lr=0.01, jac=True)
    before, x = run.now.x[0], run.step().x

    assert np.array_equal(again.step().x, x)
    np.testing.assert_allclose(smaller.step().x - before, (x - before) / 2, rtol=1e-12)
