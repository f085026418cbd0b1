"""Real ports, driven for real, follow an independent simulation of their dialects."""

import math
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray

from radam_conformance.drivers import load, refuse_unknown
from radam_conformance.harness import Harness
from radam_conformance.protocol import Answer, RunRequest, Start
from radam_conformance.spec import parse_spec

from ..tiers import marked

pytestmark = pytest.mark.posix

GRADIENTS = np.random.default_rng(20).standard_normal((7, 3)).astype(np.float32).astype(float)
PROXMIN = "func:radam_conformance.ports.proxmin_adaprox:run"
THINC = "func:radam_conformance.ports.thinc_radam:step"
TORCH = "torch:torch.optim.RAdam"

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


def simulate(
    threshold: float, eps_placement: str, *, hold: bool = False, late: int = 0
) -> NDArray[np.float64]:
    """Trajectory of `request()`, shape (40, 3), in binary64 with the textbook formulas.

    With `late`, t is counted too high by so much.
    """
    beta1, beta2, eps = 0.9, 0.99, 1e-3
    x, m, v = np.zeros((3, 3))
    rho_inf, trajectory = 2 / (1 - beta2) - 1, []
    for t in range(1 + late, 41 + late):
        g = GRADIENTS[(t - 1 - late) % 7]
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


def answer(port: Harness, case: RunRequest) -> Answer:
    outcome = port.run(case)

    assert outcome.kind == "answered", f"{outcome.kind}: {outcome.text}\n{outcome.stderr}"
    assert outcome.answer is not None
    return outcome.answer


def trajectory(port: Harness, case: RunRequest) -> NDArray[np.float64]:
    given = answer(port, case)
    return np.array([given.x[t, 0] for t in case.observe])


@pytest.mark.parametrize(
    ("text", "options", "dialect"),
    marked(
        ("torch:torch.optim.RAdam", [], (5, "before_correction")),
        ("torch:optimi.RAdam", [], (5, "after_correction")),
        ("torch:pytorch_optimizer.RAdam", ["degenerated_to_sgd=true"], (5, "before_correction")),
        ("optax:optax.radam", [], (5, "after_correction")),
        ("optax:optax.radam", ["threshold=4.0"], (4, "after_correction")),
        (PROXMIN, [], (4, "floor")),
    ),
)
def test_a_real_port_follows_its_dialect_in_float64(
    connect: Connect, text: str, options: list[str], dialect: tuple[float, str]
) -> None:
    got = trajectory(connect(text, *options, x64=True), request())

    np.testing.assert_allclose(got, simulate(*dialect), rtol=0, atol=1e-12)


@pytest.mark.torch
def test_kozistr_holds_until_it_rectifies(connect: Connect) -> None:
    got = trajectory(connect("torch:pytorch_optimizer.RAdam", x64=True), request())

    assert not got[:5].any()
    expected = simulate(5, "before_correction", hold=True)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "dialect"),
    marked(
        ("torch:torch.optim.RAdam", (5, "before_correction")),
        (PROXMIN, (4, "floor")),
    ),
)
def test_float32_cases_are_computed_in_float32(
    connect: Connect, text: str, dialect: tuple[float, str]
) -> None:
    got = trajectory(connect(text, x64=True), request("float32"))

    np.testing.assert_array_equal(got, got.astype(np.float32))
    np.testing.assert_allclose(got, simulate(*dialect), rtol=0, atol=1e-5)


@pytest.mark.thinc
def test_thinc_counts_every_step_but_the_first_is_its_second(connect: Connect) -> None:
    got = trajectory(connect(THINC, x64=True), request("float32"))

    np.testing.assert_allclose(got, simulate(5, "before_correction", late=1), rtol=0, atol=1e-5)


@pytest.mark.jax
def test_optax_offers_float64_only_where_x64_is_enabled(connect: Connect) -> None:
    port = connect("optax:optax.radam")

    wide = {"float64", "complex128"}
    assert not wide & set(port.hello.dtypes)
    assert wide <= set(connect("optax:optax.radam", x64=True).hello.dtypes)
    assert port.run(request()).kind == "unsupported"
    assert np.isfinite(trajectory(port, request("float32"))).all()


@pytest.mark.torch
def test_hello_names_what_was_loaded(connect: Connect) -> None:
    hello = connect("torch:torch.optim.RAdam", x64=True).hello

    assert hello.name == "torch.optim.RAdam"
    assert {"float32", "float64", "complex128"} <= set(hello.dtypes)
    assert hello.version[0].isdigit()
    assert {"groups", "state", "coupled", "decoupled", "maximize"} <= set(hello.features)
    assert "nesterov" not in hello.features


@pytest.mark.torch
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


@pytest.mark.parametrize("text", marked(TORCH, "optax:optax.radam"))
def test_lr_may_change_from_step_to_step(connect: Connect, text: str) -> None:
    port = connect(text, x64=True)
    case = request()
    halved = replace(case, hyper=[*case.hyper, (4, 0, "lr", 0.5)])
    got, constant = trajectory(port, halved), trajectory(port, case)

    np.testing.assert_allclose(got[:3], constant[:3], atol=1e-12)
    np.testing.assert_allclose(got[3] - got[2], (constant[3] - constant[2]) / 2, atol=1e-12)


@pytest.mark.torch
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
    marked(
        ("optax:optax.radam", {"weight_decay": 0.1}, "weight_decay"),
        ("torch:optimi.RAdam", {"maximize": True}, "maximize"),
        (PROXMIN, {"weight_decay": 0.1}, "weight_decay"),
    ),
)
def test_what_a_port_lacks_is_unsupported(
    connect: Connect, text: str, changed: dict[str, float], feature: str
) -> None:
    outcome = connect(text, x64=True).run(request(changed=changed))

    assert outcome.kind == "unsupported"
    assert outcome.text.startswith(feature)


@pytest.mark.torch
def test_what_a_constructor_refuses_is_rejected(connect: Connect) -> None:
    outcome = connect("torch:torch.optim.RAdam", x64=True).run(request(changed={"beta2": 1.0}))

    assert outcome.kind == "rejected"
    assert outcome.text == "ValueError: Invalid beta parameter at index 1: 1.0"


ROW = [row.tolist() for row in GRADIENTS]


@pytest.mark.torch
def test_every_group_has_its_own_hyper_parameters(connect: Connect) -> None:
    case = request()
    own = {"lr": 0.5, "beta1": 0.9, "beta2": 0.99, "eps": 1e-3, "weight_decay": 0.0}
    groups = replace(
        case,
        hyper=[*case.hyper, *((1, 1, name, value) for name, value in own.items())],
        x0=[((3,), [0.0] * 3, 0), ((3,), [0.0] * 3, 1), ((3,), [0.0] * 3, 0)],
        gradients=[[row, row, row] for row in ROW],
    )
    expected = simulate(5, "before_correction")
    got = answer(connect(TORCH, x64=True), groups)

    for i, lr in enumerate((1.0, 0.5, 1.0)):
        x = np.array([got.x[t, i] for t in case.observe])
        np.testing.assert_allclose(x, lr * expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("text", marked(TORCH, "optax:optax.radam"))
def test_a_case_may_start_where_another_ended(connect: Connect, text: str) -> None:
    """The state that is shown after ten steps, given back, continues the run bit by bit."""
    port = connect(text, x64=True)
    straight = answer(port, request())
    x, m, v = (quantity[10, 0] for quantity in (straight.x, straight.m, straight.v))
    continued = replace(
        request(steps=30),
        x0=[((3,), x, 0)],
        gradients=[[row] for row in ROW[3:] + ROW[:3]],
        start=Start(10, (m,), (v,)),
        needs=("state",),
    )
    got = answer(port, continued)

    assert [got.x[t, 0] for t in range(1, 31)] == [straight.x[t, 0] for t in range(11, 41)]


@pytest.mark.torch
def test_a_state_that_is_not_the_papers_cannot_be_given(connect: Connect) -> None:
    """optimi keeps m_hat and v_hat where others keep m and v."""
    port = connect("torch:optimi.RAdam", x64=True)
    case = replace(request(), start=Start(1, ((0.0,) * 3,), ((0.0,) * 3,)), needs=("state",))

    assert "state" not in port.hello.features
    assert answer(port, request()).m == {}
    assert (port.run(case).kind, port.run(case).text) == ("unsupported", "state")


@pytest.mark.torch
def test_a_state_that_has_more_than_the_papers_cannot_be_given() -> None:
    """torch.optim.NAdam keeps a running product beside m and v, which would go stale."""
    driver = load(parse_spec("torch:torch.optim.NAdam"))

    assert "state" not in driver.features


@pytest.mark.parametrize("text", marked(TORCH, "torch:optimi.RAdam", "optax:optax.radam"))
def test_what_was_saved_goes_on_where_it_was(connect: Connect, text: str) -> None:
    port = connect(text, x64=True)
    restored = replace(request(), restore=(4, 5, 6), needs=("restore",))

    assert answer(port, restored) == answer(port, request())


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_torch_takes_the_parts_of_complex_numbers_one_by_one(connect: Connect, dtype: str) -> None:
    port = connect(TORCH, x64=True)
    row = [[*values, 1.0] for values in ROW]
    parts = replace(
        request("float64"), x0=[((4,), [0.0] * 4, 0)], gradients=[[values] for values in row]
    )
    numbers = replace(parts, dtype=dtype, x0=[((2,), [0.0] * 4, 0)], needs=("complex",))
    tolerance = 1e-12 if dtype == "complex128" else 1e-5

    np.testing.assert_allclose(
        trajectory(port, numbers), trajectory(port, parts), rtol=0, atol=tolerance
    )


@pytest.mark.parametrize(
    ("text", "dialect"),
    marked((TORCH, (5, "before_correction")), ("optax:optax.radam", (5, "after_correction"))),
)
@pytest.mark.parametrize(("dtype", "bits"), [("float16", 11), ("bfloat16", 8)])
def test_half_precision_is_half_precision(
    connect: Connect, text: str, dialect: tuple[float, str], dtype: str, bits: int
) -> None:
    got = trajectory(connect(text, x64=True), request(dtype, steps=8))
    fractions, _ = np.frexp(got)

    np.testing.assert_array_equal(fractions * 2**bits, np.rint(fractions * 2**bits))
    np.testing.assert_allclose(got, simulate(*dialect)[:8], rtol=0, atol=32 * 2.0**-bits)


def test_either_kind_of_decay_may_be_asked_of_a_port_without_a_switch() -> None:
    decays = replace(request(), needs=("weight_decay", "coupled"))

    refuse_unknown(decays, ["weight_decay"])
    for known in ([], ["weight_decay", "decoupled"]):
        with pytest.raises(NotImplementedError):
            refuse_unknown(decays, known)


PORTS = """\
import torch

class Layout(torch.optim.Optimizer):
    # Where x goes says whether p (1) and its gradient (2) are contiguous.
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(p.is_contiguous() + 2 * p.grad.is_contiguous())

class Betas(Layout):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.fill_(group["betas"][0])

class NoBetas(Betas):
    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.99, eps=1e-8):
        super().__init__(params, lr, (beta1, beta2), eps)

class Rate(Layout):
    # Moves by the rate of its group, under a name of Torch's or of its own.
    def __init__(self, params, alpha=1e-3, b1=0.9, b2=0.99, eps=1e-8, entry="lr"):
        torch.optim.Optimizer.__init__(self, params, {entry: alpha, "betas": (b1, b2), "eps": eps})
        self.entry = entry

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.fill_(group[self.entry])

class Meta(Layout):
    # Only where the parameters are on the device that was asked for.
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                assert p.device.type == p.grad.device.type == "meta", p.device

class Compiled(Layout):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(1.0 if torch.compiler.is_compiling() else 100.0)
"""


@pytest.fixture
def own_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The optimizers above, importable here and in workers."""
    (tmp_path / "own_ports.py").write_text(PORTS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_ports", raising=False)


def first_element(name: str, case: RunRequest) -> list[float]:
    """That of x at every observed step of an own port, run in this process."""
    return [shown["x"][0][0] for _, shown in load(parse_spec(f"torch:own_ports.{name}")).run(case)]


@pytest.mark.torch
@pytest.mark.usefixtures("own_ports")
def test_torch_arrays_are_strided_where_a_case_needs_it() -> None:
    short = request(steps=3, observe=[3])

    assert first_element("Layout", short) == [9.0]
    assert first_element("Layout", replace(short, needs=("strided",), restore=(1,))) == [0.0]


@pytest.mark.torch
@pytest.mark.usefixtures("own_ports")
def test_what_else_changes_is_written_into_the_group() -> None:
    case = request(steps=4)
    changed = replace(case, hyper=[*case.hyper, (3, 0, "beta1", 0.5)])

    assert first_element("Betas", changed) == [0.9, 0.9, 0.5, 0.5]
    with pytest.raises(NotImplementedError, match=r"^schedule: a group has no entry 'beta1'"):
        first_element("NoBetas", changed)


@pytest.mark.torch
@pytest.mark.usefixtures("own_ports")
@pytest.mark.parametrize("entry", ["lr", "alpha"])
def test_a_rate_of_another_name_changes_by_step_and_by_group(entry: str) -> None:
    spec = parse_spec("torch:own_ports.Rate", ["lr=alpha"], [f"entry={entry}"])
    case = request(steps=4)
    changed = replace(case, hyper=[*case.hyper, (3, 0, "lr", 0.5)])
    own = {"lr": 0.25, "beta1": 0.9, "beta2": 0.99, "eps": 1e-3}
    groups = replace(
        case,
        hyper=[*case.hyper, *((1, 1, name, value) for name, value in own.items())],
        x0=[((1,), [0.0], 0), ((1,), [0.0], 1)],
        gradients=[[[1.0], [1.0]]],
        observe=[1],
    )
    driver = load(spec)

    assert [shown["x"][0][0] for _, shown in driver.run(changed)] == [1.0, 1.0, 0.5, 0.5]
    assert [shown["x"] for _, shown in driver.run(groups)] == [[[1.0], [0.25]]]


@pytest.mark.torch
@pytest.mark.usefixtures("own_ports")
def test_torch_parameters_are_on_the_device_that_is_asked_for() -> None:
    """Torch's device `meta` has no numbers: what runs there was asked nowhere else."""
    spec = parse_spec("torch:own_ports.Meta", device="meta")

    with pytest.raises(NotImplementedError, match="meta tensor"):
        list(load(spec).run(request(steps=2, observe=[2])))
    assert list(load(parse_spec("torch:own_ports.Layout", device="cpu")).run(request(steps=1)))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
@pytest.mark.torch
@pytest.mark.usefixtures("own_ports")
def test_torch_steps_are_compiled_where_a_case_needs_it() -> None:
    short = request(steps=2, observe=[2])
    with Harness(parse_spec("torch:own_ports.Compiled")) as port:
        assert trajectory(port, short)[0, 0] == 200.0
        assert trajectory(port, replace(short, needs=("compiled",)))[0, 0] == 2.0
