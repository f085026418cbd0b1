"""An optimizer of Keras 3 is driven by the names of its own arguments, on any backend."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import pytest

from radam_conformance.cases import load_suite
from radam_conformance.drivers import load
from radam_conformance.harness import Harness
from radam_conformance.judge import judge
from radam_conformance.protocol import Answer, RunRequest
from radam_conformance.spec import LoadError, parse_spec

from .sample_ports import FOLDER

pytestmark = [pytest.mark.posix, pytest.mark.torch]  # the backend

SPEC = parse_spec("keras:keras_radam.RAdam")
REQUEST = RunRequest(
    id="sample",
    dtype="float64",
    steps=8,
    hyper=[(1, 0, "lr", 0.1), (1, 0, "beta1", 0.9), (1, 0, "beta2", 0.99), (1, 0, "eps", 1e-3)],
    x0=[((2,), [1.0, -1.0], 0), ((), [0.5], 0)],
    gradients=[[[0.5, 1.5], [2.0]], [[-1.0, 0.25], [1.0]]],
    observe=range(1, 9),
)


@pytest.fixture(scope="module", autouse=True)
def sample_on_the_path() -> Iterator[None]:
    """The sample port is a module that a worker can import, on the backend of Torch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(FOLDER))
        patch.setenv("KERAS_BACKEND", "torch")
        yield


@pytest.fixture(scope="module")
def port(sample_on_the_path: None) -> Iterator[Harness]:
    with Harness(SPEC) as harness:
        yield harness


def answer(port: Harness, request: RunRequest) -> Answer:
    outcome = port.run(request)

    assert outcome.answer is not None, f"{outcome.text}\n{outcome.stderr}"
    return outcome.answer


def test_the_paper_as_a_keras_optimizer_passes_core_and_refuses_nonsense(
    port: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radam_conformance.judge.Harness", lambda *_, **__: nullcontext(port))
    cases = load_suite(["core/*", "invalid/*", "schedule/*"])
    short = [case for case in cases if case.steps <= 100]
    report = judge(SPEC, short)

    assert {result.verdict for result in report.results} == {"pass"}
    assert {result.case.dtype for result in report.results} == {"float32", "float64"}
    assert {result.case.id for result in report.results} == {case.id for case in short}


def test_hello_says_what_keras_can_be_asked(port: Harness) -> None:
    hello = port.hello

    assert hello.dtypes == ("float32", "float64", "float16", "bfloat16")
    assert {"tensors", "missing", "restore", "weight_decay", "invalid"} <= set(hello.features)
    assert not {"groups", "complex", "maximize", "state"} & set(hello.features)


def test_an_older_state_is_loaded_into_another_optimizer(port: Harness) -> None:
    restored = replace(REQUEST, restore=(1, 5), needs=("restore",))

    assert answer(port, restored) == answer(port, REQUEST)


def test_without_gradients_a_variable_stays_and_a_step_is_none(port: Harness) -> None:
    (first, scalar), second = REQUEST.gradients
    missing = replace(
        REQUEST,
        steps=3,
        observe=range(1, 4),
        gradients=[[first, scalar], [None, None], [second[0], None]],
        needs=("missing",),
    )
    got, straight = answer(port, missing), answer(port, REQUEST)

    assert got.x[1, 0] == got.x[2, 0] == straight.x[1, 0]
    assert got.x[1, 1] == got.x[2, 1] == got.x[3, 1] == straight.x[1, 1]
    assert got.x[3, 0] == straight.x[2, 0]


def test_decay_is_that_of_keras(port: Harness) -> None:
    """Decoupled and before the step: with no gradient x shrinks by 1 - lr * decay alone."""
    decays = replace(
        REQUEST,
        hyper=[(1, 0, "lr", 0.5), *REQUEST.hyper[1:], (1, 0, "weight_decay", 0.25)],
        gradients=[[[0.0, 0.0], [0.0]]],
        steps=2,
        observe=[2],
        needs=("weight_decay", "decoupled"),
    )

    assert answer(port, decays).x == {(2, 0): (0.875**2, -(0.875**2)), (2, 1): (0.5 * 0.875**2,)}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_narrow_case_is_computed_in_its_dtype(port: Harness, dtype: str) -> None:
    bits = {"float32": 24, "bfloat16": 8}[dtype]
    got, wide = answer(port, replace(REQUEST, dtype=dtype)), answer(port, REQUEST)

    assert got.x[8, 0] == pytest.approx(wide.x[8, 0], abs=8 * 2.0**-bits)
    assert got.x[8, 0] != wide.x[8, 0]


def test_what_keras_refuses_is_rejected(port: Harness) -> None:
    outcome = port.run(
        replace(REQUEST, hyper=[*REQUEST.hyper[:2], (1, 0, "beta2", 1.0), *REQUEST.hyper[3:]])
    )

    assert (outcome.kind, "betas must be in [0, 1)" in outcome.text) == ("rejected", True)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("keras_radam.RAdan", "has no attribute 'RAdan'; did you mean 'RAdam'?"),
        ("keras.layers.Dense", "Dense is no keras.optimizers.Optimizer"),
        ("keras.ops.sqrt", "sqrt is a function, no class"),
    ],
)
def test_what_is_no_optimizer_of_keras_gives_one_sentence(
    monkeypatch: pytest.MonkeyPatch, target: str, sentence: str
) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    with pytest.raises(LoadError) as caught:
        load(parse_spec(f"keras:{target}"))

    assert f"keras:{target}: " in str(caught.value)
    assert sentence in str(caught.value)


@pytest.mark.jax
@pytest.mark.parametrize(("x64", "wide"), [("1", True), ("0", False)])
def test_on_jax_float64_is_offered_where_it_is_kept(
    monkeypatch: pytest.MonkeyPatch, x64: str, wide: bool
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("JAX_ENABLE_X64", x64)
    with Harness(SPEC) as harness:
        assert ("float64" in harness.hello.dtypes) == wide
        outcome = harness.run(REQUEST)

    assert outcome.kind == ("answered" if wide else "unsupported")
