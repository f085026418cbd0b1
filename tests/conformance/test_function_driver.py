"""A function on NumPy arrays is driven as documented, and each of its faults has a name."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from radam_conformance.drivers import Driver, Rejected, load
from radam_conformance.harness import Harness
from radam_conformance.protocol import RunRequest, Start
from radam_conformance.spec import LoadError, parse_spec

pytestmark = pytest.mark.posix

REQUEST = RunRequest(
    id="sample",
    dtype="float64",
    steps=4,
    hyper=[
        (1, 0, "lr", 0.5),
        (1, 0, "beta1", 0.9),
        (1, 0, "beta2", 0.99),
        (1, 0, "eps", 1e-8),
        (3, 0, "lr", 0.25),
    ],
    x0=[((3,), [0.0, 0.0, 0.0], 0)],
    gradients=[[[1.0, 2.0, 4.0]], [[-2.0, 0.0, 8.0]]],
    observe=[1, 2, 3, 4],
)

SGD = """\
def step(params, grads, state, hyper, *, scale=1.0):
    return params - scale * hyper["lr"] * grads, state
"""


def in_file(tmp_path: Path, source: str, name: str = "step") -> str:
    path = tmp_path / "port.py"
    path.write_text(source)
    return f"func:{path}:{name}"


def test_a_function_in_a_file_is_run_with_its_options(tmp_path: Path) -> None:
    with Harness(parse_spec(in_file(tmp_path, SGD), options=["scale=2"])) as port:
        outcome = port.run(REQUEST)

    assert outcome.answer is not None
    assert outcome.answer.x == {
        (1, 0): (-1.0, -2.0, -4.0),
        (2, 0): (1.0, -2.0, -12.0),
        (3, 0): (0.5, -3.0, -14.0),
        (4, 0): (1.5, -3.0, -18.0),
    }


NOISY = """\
import os, sys
print("imported")
def step(params, grads, state, hyper):
    os.write(1, b"x 1 0 from C\\n")
    print("end")
    assert sys.stdin.read() == ""
    return params - grads, state
"""


def test_a_port_that_prints_and_reads_harms_nothing(tmp_path: Path) -> None:
    with Harness(parse_spec(in_file(tmp_path, NOISY))) as port:
        outcome = port.run(REQUEST)

    assert outcome.kind == "answered"
    assert "x 1 0 from C" in outcome.stderr


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("raise NotImplementedError('eps')", "unsupported", "eps"),
        ("return 1 / 0", "error", "ZeroDivisionError: division by zero"),
        ("return params", "error", "step returned a ndarray at t = 1, expected (params, state)"),
        ("return params[:2], None", "error", "float64 of shape (2,) at t = 1, expected"),
        ("return params.astype('f4'), None", "error", "came back as float32 of shape (3,)"),
        ("return [params, params], None", "error", "2 params came back at t = 1, expected 1"),
        ("import os; os._exit(5)", "crash", "exit code 5"),
        ("return params * float('nan'), None", "answered", ""),
        ("params[:] = 1; grads[:] = 1; return params, None", "answered", ""),
    ],
)
def test_a_faulty_function_has_its_own_outcome(
    tmp_path: Path, body: str, kind: str, text: str
) -> None:
    source = f"def step(params, grads, state, hyper):\n    {body}\n"
    with Harness(parse_spec(in_file(tmp_path, source))) as port:
        outcome = port.run(REQUEST)

    assert outcome.kind == kind
    assert text in outcome.text
    assert ("Traceback" in outcome.stderr) == (kind == "error")


def test_a_run_function_must_return_every_step(tmp_path: Path) -> None:
    source = "def run(x0, gradients, hyper):\n    return [x0] * (len(gradients) - 1)\n"
    constant = replace(REQUEST, hyper=REQUEST.hyper[:4])
    with Harness(parse_spec(in_file(tmp_path, source, "run"))) as port:
        outcome = port.run(constant)

    assert outcome.kind == "error"
    assert "run gave the params of 3 steps for 4 gradients" in outcome.text


def test_a_run_function_cannot_be_given_a_schedule(tmp_path: Path) -> None:
    source = "def run(x0, gradients, hyper):\n    return []\n"
    with Harness(parse_spec(in_file(tmp_path, source, "run"))) as port:
        outcome = port.run(REQUEST)

    assert (outcome.kind, outcome.text.split(":")[0]) == ("unsupported", "schedule")
    assert "schedule" not in port.hello.features


def test_a_run_function_cannot_be_given_groups_or_a_state(tmp_path: Path) -> None:
    source = (
        "FEATURES = ('groups', 'state')\n"
        "make_state = tuple\n"
        "def run(x0, gradients, hyper):\n"
        "    return [x0] * len(gradients)\n"
    )
    constant = replace(REQUEST, hyper=REQUEST.hyper[:4])
    start = Start(9, ((0.5,) * 3,), ((0.25,) * 3,))
    requests = (
        replace(constant, needs=("groups",)),
        replace(constant, needs=("state",), start=start),
    )
    with Harness(parse_spec(in_file(tmp_path, source, "run"))) as port:
        outcomes = [port.run(request) for request in requests]
    with Harness(parse_spec(in_file(tmp_path, source.partition("\n")[2], "run"))) as undeclared:
        assert "state" not in undeclared.hello.features

    assert [outcome.kind for outcome in outcomes] == ["unsupported"] * 2
    assert [outcome.text.split(":")[0] for outcome in outcomes] == ["groups", "state"]


def test_a_worker_whose_spec_does_not_load_says_so(tmp_path: Path) -> None:
    spec = parse_spec(in_file(tmp_path, SGD, "stpe"))

    with pytest.raises(LoadError) as caught:
        Harness(spec)

    sentence = "port has no attribute 'stpe'; did you mean 'step'?"
    assert str(caught.value) == f"{spec.text}: {sentence}"


def test_the_worker_speaks_its_own_protocol_or_an_older_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [*parse_spec(in_file(tmp_path, SGD)).command()],
        input="hello 1\nhello 27\nhello 0\nhello\nhello you\nquit\n",
        capture_output=True,
        text=True,
        check=True,
    )

    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["hello", "1"],
        ["hello", "1"],
        *[["error", "hello"]] * 3,
    ]


Loaded = Callable[..., Driver]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """A driver of the source, in this process."""
    monkeypatch.setattr(sys, "path", sys.path[:])

    def load_source(source: str, **modes: str) -> Driver:
        return load(parse_spec(in_file(tmp_path, source), **modes))

    return load_source


def asked(**changes: object) -> RunRequest:
    """A case of two steps with lr = 1, gradient 1 and a few changes."""
    hyper = [(1, 0, "lr", 1.0), (1, 0, "beta1", 0.5), (1, 0, "beta2", 0.75), (1, 0, "eps", 0.125)]
    plain = RunRequest("asked", "float64", 2, hyper, [((1,), [4.0], 0)], [[[1.0]]], [1, 2])
    return replace(plain, **changes)


def x_of(driver: Driver, request: RunRequest) -> list[Sequence[Sequence[float]]]:
    return [shown["x"] for _, shown in driver.run(request)]


PAIR = [((1,), [4.0], 0), ((2,), [8.0, 9.0], 0)]
DECAY = [*asked().hyper, (1, 0, "weight_decay", 0.5)]


@pytest.mark.parametrize(
    "reading",
    [
        "hyper['weight_decay']",
        "hyper.get('weight_decay')",
        "dict(**hyper)['weight_decay']",
        "dict(hyper)['weight_decay']",
        "(hyper | {})['weight_decay']",
        "hyper.copy()['weight_decay']",
        "dict(zip(hyper, hyper.values()))['weight_decay']",
        "dict(hyper.items())['weight_decay']",
    ],
)
def test_a_step_that_reads_the_decay_in_any_way_has_it(loaded: Loaded, reading: str) -> None:
    source = f"def step(p, g, state, hyper):\n    return p - {reading} * p, state\n"

    assert x_of(loaded(source), asked(hyper=DECAY)) == [[[2.0]], [[1.0]]]


@pytest.mark.parametrize(
    ("name", "value"), [("weight_decay", 0.5), ("maximize", True), ("nesterov", True)]
)
def test_a_step_that_never_reads_what_a_case_uses_lacks_it(
    loaded: Loaded, name: str, value: float
) -> None:
    driver = loaded(SGD)
    used, unused = ([*asked().hyper, (1, 0, name, given)] for given in (value, 0 * value))

    assert x_of(driver, asked(hyper=unused)) == [[[3.0]], [[2.0]]]
    with pytest.raises(NotImplementedError, match=f"^{name}"):
        x_of(driver, asked(hyper=used))


def test_a_step_that_asks_for_the_kind_of_decay_has_a_switch(loaded: Loaded) -> None:
    source = "def step(p, g, state, hyper):\n    return p * (1 + hyper['decoupled']), state\n"

    assert {"coupled", "decoupled"} <= set(loaded(source).features)
    assert not {"coupled", "decoupled"} & set(loaded(SGD).features)


@pytest.mark.parametrize("kind", ["coupled", "decoupled"])
def test_a_port_without_a_switch_is_asked_for_either_decay(loaded: Loaded, kind: str) -> None:
    source = "def step(p, g, state, hyper):\n    return p - hyper['weight_decay'] * p, state\n"
    request = asked(hyper=DECAY, needs=("weight_decay", kind))

    assert x_of(loaded(source), request) == [[[2.0]], [[1.0]]]


LISTS = """\
def step(params, grads, state, hyper):
    return [p if g is None else p - g for p, g in zip(params, grads)], state
"""


def test_several_tensors_are_lists_and_a_missing_gradient_is_none(loaded: Loaded) -> None:
    request = asked(x0=PAIR, gradients=[[[1.0], None], [None, [2.0, 3.0]]], needs=("tensors",))

    assert x_of(loaded(LISTS), request) == [[[3.0], [8.0, 9.0]], [[3.0], [6.0, 6.0]]]


def test_a_step_for_one_array_has_no_lists(loaded: Loaded) -> None:
    request = asked(x0=PAIR, gradients=[[[1.0], [2.0, 3.0]]], needs=("tensors",))

    with pytest.raises(NotImplementedError, match=r"^tensors: "):
        x_of(loaded(SGD), request)


GROUPS = """\
FEATURES = ("tensors", "groups")
def step(params, grads, state, hyper):
    return [p - own["lr"] * g for p, g, own in zip(params, grads, hyper)], state
"""


def test_groups_are_given_to_a_module_that_declares_them(loaded: Loaded) -> None:
    request = asked(
        hyper=[
            *asked().hyper,
            *[(1, 1, name, value) for _, _, name, value in asked().hyper],
            (1, 1, "lr", 0.5),
            (2, 1, "lr", 0.25),
        ],
        x0=[PAIR[0], (*PAIR[1][:2], 1)],
        gradients=[[[1.0], [2.0, 4.0]]],
        needs=("tensors", "groups"),
    )

    assert x_of(loaded(GROUPS), request) == [[[3.0], [7.0, 7.0]], [[2.0], [6.5, 6.0]]]
    with pytest.raises(NotImplementedError, match=r"^groups$"):
        x_of(loaded(LISTS), request)


STATE = """\
def make_state(t, m, v):
    return {"t": t, "m": m, "v": v}
def step(params, grads, state, hyper):
    state = {**state, "t": state["t"] + 1, "m": state["m"] + grads}
    return params * state["t"], state
"""


def test_a_state_is_made_of_t_m_and_v_and_shown_again(loaded: Loaded) -> None:
    request = asked(start=Start(9, ((0.5,),), ((0.25,),)), needs=("state",))
    driver = loaded(STATE)

    assert "state" in driver.features
    assert list(driver.run(request)) == [
        (1, {"x": [[40.0]], "m": [[1.5]], "v": [[0.25]]}),
        (2, {"x": [[440.0]], "m": [[2.5]], "v": [[0.25]]}),
    ]
    with pytest.raises(NotImplementedError, match=r"^state$"):
        x_of(loaded(SGD), request)


@pytest.mark.parametrize(
    ("state", "seen"),
    [
        ("(1, 2 * g, 4 * g)", {"m": [[2.0]], "v": [[4.0]]}),
        ("{'m': 2 * g, 'v': (4 * g).astype('f4')}", {"m": [[2.0]]}),
        ("__import__('types').SimpleNamespace(v=[4 * g])", {"v": [[4.0]]}),
        ("(g, 2 * g, 4 * g)", {}),
        ("'none'", {}),
    ],
)
def test_moments_are_shown_where_the_state_has_them(
    loaded: Loaded, state: str, seen: dict[str, list[list[float]]]
) -> None:
    driver = loaded(f"def step(p, g, state, hyper):\n    return p, {state}\n")
    (_, shown), _ = driver.run(asked())

    assert shown == {"x": [[4.0]], **seen}


def test_the_state_goes_through_a_file_where_a_case_restores_it(loaded: Loaded) -> None:
    source = (
        "def step(p, g, state, hyper):\n    state = state or [p]\n    return p + state[0], state\n"
    )
    kept = "def step(p, g, state, hyper):\n    return p, lambda: None\n"
    request = asked(restore=(1,), needs=("restore",))

    assert x_of(loaded(source), request) == [[[8.0]], [[12.0]]]
    with pytest.raises(NotImplementedError, match=r"^restore: "):
        x_of(loaded(kept), request)


@pytest.mark.parametrize(
    ("need", "flag", "whose"),
    [
        ("strided", "c_contiguous", "p"),
        ("strided", "c_contiguous", "g"),
        ("readonly", "writeable", "g"),
    ],
)
def test_arrays_are_laid_out_as_a_case_needs(
    loaded: Loaded, need: str, flag: str, whose: str
) -> None:
    source = f"def step(p, g, state, hyper):\n    return p + {whose}.flags.{flag}, state\n"
    three = asked(x0=[((3,), [0.0] * 3, 0)], gradients=[[[1.0] * 3]])

    assert x_of(loaded(source), three)[-1] == [[2.0] * 3]
    assert x_of(loaded(source), replace(three, needs=(need,)))[-1] == [[0.0] * 3]


@pytest.mark.parametrize(
    ("dtype", "values", "doubled"),
    [
        ("complex128", [1.0, 2.0, -3.0, 0.5], [2.0, 4.0, -6.0, 1.0]),
        ("complex64", [1.0, 2.0, -3.0, 0.5], [2.0, 4.0, -6.0, 1.0]),
        ("float16", [1.0, 2.0**-24], [2.0, 2.0**-23]),
    ],
)
def test_an_array_has_the_dtype_of_the_case(
    loaded: Loaded, dtype: str, values: list[float], doubled: list[float]
) -> None:
    source = (
        f"def step(p, g, state, hyper):\n    assert p.dtype == '{dtype}'\n"
        "    return p + p.conj().conj(), state\n"
    )
    request = asked(dtype=dtype, steps=1, observe=[1], x0=[((2,), values, 0)], gradients=[[values]])

    assert x_of(loaded(source), request) == [[doubled]]


def test_complex_numbers_are_offered_where_the_code_speaks_of_them(loaded: Loaded) -> None:
    plain = loaded("def step(p, g, state, hyper):\n    return p - g * g, state\n")
    real = loaded("def step(p, g, state, hyper):\n    return p - abs(g) ** 0.5, state\n")
    modulus = loaded("def step(p, g, state, hyper):\n    return p - g * g.conj(), state\n")

    assert "complex" not in (*plain.features, *real.features)
    assert "complex" in modulus.features


@pytest.mark.parametrize(
    ("source", "offered"),
    [
        ("def step(p, g, state, hyper):\n    return p * hyper['weight_decay'], state\n", False),
        ("def step(p, g, state, hyper):\n    return p * hyper['decoupled'], state\n", True),
        ("class P:\n    def __call__(s, p, g, t, h):\n        h['decoupled']\nstep = P()\n", True),
        ("def inner(*, decoupled, **more):\n    pass\n\nfrom helper import step\n", True),
        ("from helper import step\n", True),
        ("from helper import whole as step\n", False),
        ("from helper import leaving as step\n", False),
    ],
)
def test_the_switch_of_decay_is_offered_where_it_is_looked_at(
    loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, offered: bool
) -> None:
    """In the module's own code, methods and all, or wherever a step with decay leads."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "helper", raising=False)
    (tmp_path / "helper.py").write_text(
        "import os\n"
        "def step(p, g, state, hyper):\n    return p * hyper['decoupled'], state\n"
        "def whole(p, g, state, hyper):\n    return p * len(dict(hyper)), state\n"
        "def leaving(p, g, state, hyper):\n    os._exit(0)\n"
    )
    driver = loaded(source)

    assert ({"coupled", "decoupled"} <= set(driver.features)) == offered


STRICT = """\
def step(params, grads, state, hyper):
    if hyper["beta2"] >= 1 or hyper["lr"] == 3.0:
        raise ValueError("no such luck")
    return params, state
"""


def test_an_error_for_what_makes_no_sense_is_a_refusal(loaded: Loaded) -> None:
    driver = loaded(STRICT)
    senseless = [*asked().hyper[:2], (1, 0, "beta2", 1.0), asked().hyper[3]]
    sensible = [(1, 0, "lr", 3.0), *asked().hyper[1:]]

    with pytest.raises(Rejected, match="no such luck"):
        x_of(driver, asked(hyper=senseless))
    with pytest.raises(ValueError, match="no such luck"):
        x_of(driver, asked(hyper=sensible))
    assert "invalid" not in driver.features
    assert "invalid" in loaded(f"FEATURES = ('invalid',)\n{STRICT}").features


OF_LIBRARY = """\
import {module}
def make_state(t, m, v):
    return (t, m, v)
def step(params, grads, state, hyper):
    for array in (params, grads, *state[1:]):
        assert isinstance(array, {module}.{kind})
        assert str(array.dtype).removeprefix("torch.") == "{dtype}"
    return params - hyper["lr"] * grads, state
"""


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("library", "module", "kind"),
    [
        pytest.param("torch", "torch", "Tensor", marks=pytest.mark.torch),
        pytest.param("jax", "jax", "Array", marks=pytest.mark.jax),
    ],
)
def test_a_function_gets_the_arrays_it_is_to_be_given(
    loaded: Loaded, library: str, module: str, kind: str, dtype: str
) -> None:
    source = OF_LIBRARY.format(module=module, kind=kind, dtype=dtype)
    driver = loaded(source, arrays=library, device="cpu")
    start = Start(1, ((0.5,),), ((0.25,),))
    request = asked(dtype=dtype, restore=(1,), start=start)

    assert x_of(driver, request) == [[[3.0]], [[2.0]]]
    assert not {"strided", "readonly"} & set(driver.features)
    with pytest.raises(NotImplementedError, match=r"^strided$"):
        x_of(driver, asked(needs=("strided",)))


def test_a_need_that_is_not_known_is_named(loaded: Loaded) -> None:
    with pytest.raises(NotImplementedError, match=r"^telepathy$"):
        x_of(loaded(SGD), asked(needs=("schedule", "telepathy")))
