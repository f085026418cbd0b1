"""Real ports, driven for real, follow an independent simulation of their dialects."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray

from radam_conformance.harness import Harness
from radam_conformance.protocol import RunRequest
from radam_conformance.spec import parse_spec

GRADIENTS = np.random.default_rng(20).standard_normal((7, 3)).astype(np.float32).astype(float)
PROXMIN = "func:radam_conformance.ports.proxmin_adaprox:run"

Connect = Callable[..., Harness]


def request(
    dtype: str = "float64",
    *,
    steps: int = 40,
    observe: Sequence[int] = (),
    changed: Mapping[str, float | bool] = MappingProxyType({}),
) -> RunRequest:
    """A zero-start case with lr = 1, which hides nothing of the update behind the parameter."""
    hyper = {"lr": 1.0, "beta1": 0.9, "beta2": 0.99, "eps": 1e-3, **changed}
    return RunRequest(
        id="sample",
        dtype=dtype,
        steps=steps,
        hyper=[(1, 0, name, value) for name, value in hyper.items()],
        x0=[((3,), [0.0, 0.0, 0.0], 0)],
        gradients=[[row.tolist()] for row in GRADIENTS],
        observe=observe or range(1, steps + 1),
    )


def simulate(threshold: float, eps_placement: str, *, hold: bool = False) -> NDArray[np.float64]:
    """Trajectory of `request()`, shape (40, 3), in binary64 with the textbook formulas."""
    beta1, beta2, eps = 0.9, 0.99, 1e-3
    x, m, v = np.zeros((3, 3))
    rho_inf, trajectory = 2 / (1 - beta2) - 1, []
    for t in range(1, 41):
        g = GRADIENTS[(t - 1) % 7]
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        if rho > threshold:
            r = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            u = (
                m_hat
                / {
                    "before_correction": (np.sqrt(v) + eps) / math.sqrt(1 - beta2**t) / r,
                    "after_correction": (np.sqrt(v_hat) + eps) / r,
                    "floor": np.maximum(np.sqrt(v_hat) / r, math.sqrt(eps)),
                }[eps_placement]
            )
        else:
            u = np.zeros(3) if hold else m_hat
        x = x - u
        trajectory.append(x)
    return np.array(trajectory)


@pytest.fixture(scope="module")
def connect() -> Iterator[Connect]:
    """Workers by spec, started once and shared by the tests of this module."""
    ports: dict[tuple[object, ...], Harness] = {}

    def start(text: str, *options: str, x64: bool = False) -> Harness:
        key = (text, options, x64)
        if key not in ports:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("JAX_ENABLE_X64", str(int(x64)))
                ports[key] = Harness(parse_spec(text, options=options))
        return ports[key]

    yield start
    for port in ports.values():
        port.close()


def trajectory(port: Harness, case: RunRequest) -> NDArray[np.float64]:
    outcome = port.run(case)

    assert outcome.kind == "answered", f"{outcome.kind}: {outcome.text}\n{outcome.stderr}"
    assert outcome.answer is not None
    return np.array([outcome.answer.x[t, 0] for t in case.observe])


@pytest.mark.parametrize(
    ("text", "options", "dialect"),
    [
        ("torch:torch.optim.RAdam", [], (5, "before_correction")),
        ("torch:optimi.RAdam", [], (5, "after_correction")),
        ("torch:pytorch_optimizer.RAdam", ["degenerated_to_sgd=true"], (5, "before_correction")),
        ("optax:optax.radam", [], (5, "after_correction")),
        ("optax:optax.radam", ["threshold=4.0"], (4, "after_correction")),
        (PROXMIN, [], (4, "floor")),
    ],
)
def test_a_real_port_follows_its_dialect_in_float64(
    connect: Connect, text: str, options: list[str], dialect: tuple[float, str]
) -> None:
    got = trajectory(connect(text, *options, x64=True), request())

    np.testing.assert_allclose(got, simulate(*dialect), rtol=0, atol=1e-12)


def test_kozistr_holds_until_it_rectifies(connect: Connect) -> None:
    got = trajectory(connect("torch:pytorch_optimizer.RAdam", x64=True), request())

    assert not got[:5].any()
    expected = simulate(5, "before_correction", hold=True)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("torch:torch.optim.RAdam", (5, "before_correction")),
        (PROXMIN, (4, "floor")),
    ],
)
def test_float32_cases_are_computed_in_float32(
    connect: Connect, text: str, dialect: tuple[float, str]
) -> None:
    got = trajectory(connect(text, x64=True), request("float32"))

    np.testing.assert_array_equal(got, got.astype(np.float32))
    np.testing.assert_allclose(got, simulate(*dialect), rtol=0, atol=1e-5)


def test_optax_offers_float64_only_where_x64_is_enabled(connect: Connect) -> None:
    port = connect("optax:optax.radam")

    wide = {"float64", "complex128"}
    assert not wide & set(port.hello.dtypes)
    assert wide <= set(connect("optax:optax.radam", x64=True).hello.dtypes)
    assert port.run(request()).kind == "unsupported"
    assert np.isfinite(trajectory(port, request("float32"))).all()


def test_hello_names_what_was_loaded(connect: Connect) -> None:
    hello = connect("torch:torch.optim.RAdam", x64=True).hello

    assert hello.name == "torch.optim.RAdam"
    assert {"float32", "float64", "complex128"} <= set(hello.dtypes)
    assert hello.version[0].isdigit()
    assert {"groups", "state", "coupled", "decoupled", "maximize"} <= set(hello.features)
    assert "nesterov" not in hello.features


def test_decay_and_maximize_reach_the_port(connect: Connect) -> None:
    port = connect("torch:torch.optim.RAdam", x64=True)
    decaying = RunRequest(
        id="decay",
        dtype="float64",
        steps=3,
        hyper=[*request().hyper, (1, 0, "weight_decay", 0.125), (1, 0, "decoupled", True)],
        x0=[((1,), [1.0], 0)],
        gradients=[[[0.0]]],
        observe=[3],
    )

    assert trajectory(port, decaying) == [[0.875**3]]
    np.testing.assert_array_equal(
        trajectory(port, request(changed={"maximize": True})), -trajectory(port, request())
    )


def test_lr_may_change_from_step_to_step(connect: Connect) -> None:
    port = connect("torch:torch.optim.RAdam", x64=True)
    case = request()
    halved = RunRequest(
        "lr", "float64", 40, [*case.hyper, (4, 0, "lr", 0.5)], case.x0, case.gradients, case.observe
    )
    got, constant = trajectory(port, halved), simulate(5, "before_correction")

    np.testing.assert_allclose(got[:3], constant[:3], atol=1e-12)
    np.testing.assert_allclose(got[3] - got[2], (constant[3] - constant[2]) / 2, atol=1e-12)


def test_a_tensor_without_gradient_stays_where_it_is(connect: Connect) -> None:
    case = RunRequest(
        "late",
        "float64",
        1,
        request().hyper,
        [((), [1.0], 0), ((2, 1), [2.0, 3.0], 0)],
        [[[0.5], None]],
        [1],
    )
    outcome = connect("torch:torch.optim.RAdam", x64=True).run(case)

    assert outcome.answer is not None
    assert outcome.answer.x == {(1, 0): (0.5,), (1, 1): (2.0, 3.0)}


@pytest.mark.parametrize(
    ("text", "changed", "feature"),
    [
        ("optax:optax.radam", {"weight_decay": 0.1}, "weight_decay"),
        ("torch:optimi.RAdam", {"maximize": True}, "maximize"),
        (PROXMIN, {"weight_decay": 0.1}, "weight_decay"),
    ],
)
def test_what_a_port_lacks_is_unsupported(
    connect: Connect, text: str, changed: dict[str, float], feature: str
) -> None:
    outcome = connect(text, x64=True).run(request(changed=changed))

    assert outcome.kind == "unsupported"
    assert outcome.text.startswith(feature)


def test_what_a_constructor_refuses_is_rejected(connect: Connect) -> None:
    outcome = connect("torch:torch.optim.RAdam", x64=True).run(request(changed={"beta2": 1.0}))

    assert outcome.kind == "rejected"
    assert outcome.text == "ValueError: Invalid beta parameter at index 1: 1.0"


def test_a_long_chain_takes_about_a_second_at_most(connect: Connect) -> None:
    port = connect("torch:torch.optim.RAdam", x64=True)
    started = time.monotonic()
    trajectory(port, request(steps=10_000, observe=[10_000]))

    assert time.monotonic() - started < 5.0
