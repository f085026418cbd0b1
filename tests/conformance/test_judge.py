"""Real ports, right ports and wrong ports each get the one verdict that is true of them."""

import io
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from radam_conformance import harness, naming
from radam_conformance.cases import load_suite
from radam_conformance.judge import judge
from radam_conformance.report import Report, exit_code
from radam_conformance.report_text import headline, render
from radam_conformance.results import CaseResult
from radam_conformance.spec import LoadError, parse_spec
from radam_ref import Dialect, dialects

from ..tiers import marked, mostly_slow
from .ports.faulty import FAULTS
from .sample_ports import port

pytestmark = [pytest.mark.posix, pytest.mark.usefixtures("oracle_once")]

SHORT = load_suite("core/*", skip="core/chain-*")
FLOAT64 = tuple(case for case in SHORT if case.dtype == "float64")
SMOKE = load_suite("core/smoke-*")
FEW = load_suite(["core/smoke-*", "core/unrectified-*", "core/large-lr-01-*"])
PROXMIN = "func:radam_conformance.ports.proxmin_adaprox:run"

FAULTY = port("faulty").text

Judged = Callable[..., Report]


def by_id(report: Report) -> Mapping[str, CaseResult]:
    return {result.case.id: result for result in report.results}


def verdicts(report: Report) -> Counter[str]:
    return Counter(result.verdict for result in report.results)


def in_words(report: Report) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(render(report))
    return " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]


# Real ports


@pytest.mark.torch
def test_torch_passes_the_whole_of_core_as_pytorch(judged: Judged) -> None:
    report = judged("torch:torch.optim.RAdam", cases=load_suite("core/*"))

    assert verdicts(report) == {"pass": len(load_suite("core/*"))}
    assert (naming.name(report.dialect), report.scalars) == ("pytorch", "binary64")
    assert exit_code([report]) == 0
    words = in_words(report)
    assert "PASS It computes RAdam in the dialect pytorch, in float32 and float64" in words
    assert "threshold 5 threshold 4" in words


@pytest.mark.parametrize(
    ("text", "options", "dialect", "scalars"),
    marked(
        ("torch:torch.optim.RAdam", ["foreach=true"], "pytorch", "binary64"),
        ("torch:pytorch_optimizer.RAdam", [], "authors", "binary64"),
        ("torch:optimi.RAdam", [], "optax", "binary64"),
        (PROXMIN, [], "proxmin", "binary64"),
        ("torch:radam_adapters.torch_optimizer.RAdam", [], "pytorch", "exact"),
    ),
)
def test_a_real_port_passes_in_its_dialect(
    judged: Judged, text: str, options: list[str], dialect: str, scalars: str
) -> None:
    report = judged(text, *options, cases=FLOAT64)

    assert verdicts(report) == {"pass": len(FLOAT64)}
    assert (naming.name(report.dialect), report.scalars) == (dialect, scalars)
    assert report.fits[0].misfit == 0.0 < report.fits[1].misfit


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["foreach=true", "foreach=false", "differentiable=true"])
def test_our_torch_optimizer_passes_in_every_mode(judged: Judged, mode: str) -> None:
    cases = load_suite(["core/smoke-*-f64", "core/crossing-0[67]-*", "groups/*", "tensors/gaps-*"])
    report = judged("torch:radam_adapters.torch_optimizer.RAdam", mode, cases=cases)

    assert verdicts(report) == {"pass": len(cases)}
    assert naming.name(report.dialect) == "pytorch"


@pytest.mark.torch
@pytest.mark.slow
def test_our_torch_optimizer_passes_compiled() -> None:
    """beta2 = 0.9999, where what torch's own compiles to rectifies from step 2."""
    ours = parse_spec("torch:radam_adapters.torch_optimizer.RAdam")
    report = judge(ours, load_suite("compiled/crossing-03-*"), asked=True)

    assert verdicts(report) == {"pass": 2}


@pytest.mark.torch
def test_torch_judged_as_the_paper_is_told_where_it_departs(judged: Judged) -> None:
    report = judged("torch:torch.optim.RAdam", cases=SHORT, dialect=dialects["paper"])
    failing = [result for result in report.results if result.verdict != "pass"]

    assert set(verdicts(report)) == {"pass", "dialect-mismatch"}
    assert min(result.first_bad.step for result in failing if result.first_bad) == 5
    assert by_id(report)["core/crossing-06-f64"].first_bad.step == 5  # type: ignore[union-attr]
    assert exit_code([report], grade="binary32") == 1
    words = in_words(report)
    assert "it computes pytorch, not paper: threshold 5, eps before correction" in words
    assert "first at step 5" in words
    assert "--dialect paper --only core/smoke-01-f64" in words


@pytest.mark.torch
def test_the_report_in_the_readme_is_what_is_printed(judged: Judged) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    shown = readme.split("```\ntorch:torch.optim.RAdam")[1].split("    ...\n")[0].splitlines()
    report = judged(
        "torch:torch.optim.RAdam", cases=load_suite("core/*"), dialect=dialects["paper"]
    )
    out = io.StringIO()
    Console(file=out, width=100, highlight=False).print(render(report))
    printed = [line.rstrip() for line in out.getvalue().splitlines()]

    assert [f"torch:torch.optim.RAdam{shown[0]}", *shown[1:]] == printed[: len(shown)]


@pytest.mark.jax
def test_optax_in_float32_fails_by_precision_alone(judged: Judged) -> None:
    some = load_suite(["core/crossing-*", "core/smoke-*", "core/never-rectified-*"])
    report = judged("optax:optax.radam", cases=some)
    results = by_id(report)

    assert report.not_offered == (("float64", len(results)),)
    assert set(verdicts(report)) == {"pass", "precision"}
    assert (naming.name(report.dialect), report.scalars) == ("optax", "binary32")
    assert results["core/crossing-06-f32"].first_bad.step == 6  # type: ignore[union-attr]
    # At beta2 = 0.9999 its rho_t passes 5 long before the sixth step.
    assert results["core/crossing-07-f32"].first_bad.step < 6  # type: ignore[union-attr]
    assert (exit_code([report]), exit_code([report], grade="binary32")) == (1, 0)
    assert "not offered: float64" in headline(report)
    assert "scalar terms (lines 7 to 11) are computed in binary32" in in_words(report)


@pytest.mark.jax
def test_optax_with_x64_passes_in_both_dtypes(judged: Judged) -> None:
    few = load_suite(["core/crossing-0[67]-*", "core/never-rectified-0[13]-*"])
    report = judged("optax:optax.radam", cases=few, x64=True)

    assert verdicts(report) == {"pass": len(few)}
    assert (naming.name(report.dialect), report.scalars) == ("optax", "binary64")


# Right ports


@pytest.mark.parametrize(
    ("options", "name"),
    mostly_slow(
        [
            ({"dialect": "paper"}, "paper"),
            ({"dialect": "pytorch"}, "pytorch"),
            ({"dialect": "optax"}, "optax"),
            ({"dialect": "authors"}, "authors"),
            ({"dialect": "paper-hold"}, "paper-hold"),
            ({"nesterov": True}, "paper + Nesterov's look ahead"),
            (
                {"threshold": 5, "unrectified": "hold"},
                "paper + threshold 5 + unrectified steps hold",
            ),
        ]
    ),
)
def test_the_specification_passes_exactly_in_each_dialect(
    options: dict[str, object], name: str
) -> None:
    report = judge(port("specification", **options), SHORT)

    assert verdicts(report) == {"pass": len(SHORT)}
    assert (naming.name(report.dialect), report.scalars) == (name, "exact")
    assert exit_code([report]) == 0


# Wrong ports


@pytest.mark.parametrize("fault", mostly_slow(FAULTS, 3))
def test_a_wrong_port_fails_and_is_never_excused(judged: Judged, fault: str) -> None:
    report = judged(FAULTY, f"fault={fault}", cases=FLOAT64)

    assert set(verdicts(report)) <= {"pass", "fail"}
    assert report.of("fail")
    assert report.scalars == ""
    assert exit_code([report], grade="binary32") == 1


@pytest.mark.slow
def test_a_wrong_port_judged_by_name_is_no_mismatch_of_dialects() -> None:
    few = [case for case in FEW if case.dtype == "float64"]
    report = judge(port("faulty", fault="r inverted"), few, dialect=dialects["pytorch"])

    assert set(verdicts(report)) == {"pass", "fail"}
    assert "No known dialect explains all of these numbers; the nearest is" in in_words(report)


def test_a_threshold_of_its_own_fails_where_rho_lies_between(judged: Judged) -> None:
    report = judged(FAULTY, "fault=threshold 4.5", cases=SHORT)
    failing = {result.case.id for result in report.of("fail")}

    # rho_inf is 4.26, 4.998, 4.0005 and 5.001 there; elsewhere rho_t jumps over 4.5.
    low = ("never-rectified-03", "never-rectified-04", "near-threshold-01", "near-threshold-02")
    assert failing == {f"core/{name}-{dtype}" for name in low for dtype in ("f64", "f32")}
    assert len(report.of("pass")) == len(SHORT) - 8


def test_a_verdict_on_one_case_is_that_of_the_whole_suite() -> None:
    one = load_suite("core/never-rectified-03-f64")
    report = judge(port("faulty", fault="threshold 4.5"), one)

    assert verdicts(report) == {"fail": 1}


def test_betas_in_float32_fail_wherever_they_are_other_numbers(judged: Judged) -> None:
    report = judged(FAULTY, "fault=betas in float32", cases=FLOAT64)
    betas = {case.id: (case.hyper[0].beta1, case.hyper[0].beta2) for case in FLOAT64}
    changed = [id for id, pair in betas.items() if tuple(map(float, np.float32(pair))) != pair]

    assert [result.case.id for result in report.of("fail")] == changed
    assert len(report.of("pass")) == len(FLOAT64) - len(changed)


@pytest.mark.parametrize("scalars", mostly_slow(["mixed", "closed"], 1))
@pytest.mark.parametrize("threshold", mostly_slow([4, 5], 1))
def test_scalars_in_binary32_are_a_fault_with_a_name(scalars: str, threshold: int) -> None:
    report = judge(port("textbook", scalars=scalars, threshold=threshold), SHORT)

    assert set(verdicts(report)) == {"pass", "precision"}
    assert report.dialect == Dialect(threshold=float(threshold))
    assert (exit_code([report]), exit_code([report], grade="binary32")) == (1, 0)


# Ports that misbehave


@pytest.mark.parametrize(
    ("deed", "verdict", "text"),
    [
        ("nan", "error", "element 0 is nan after step 1"),
        ("shape", "error", "float64 of shape (2,) at t = 1, expected float64 of shape (3,)"),
        ("raise", "error", "ZeroDivisionError: no second moment"),
        ("lack", "unsupported", "large lr"),
        ("exit", "crash", "exit code 3"),
        pytest.param("kill", "crash", "signal SIGKILL", marks=pytest.mark.slow),
        ("sleep", "timeout", "no answer in time"),
    ],
)
def test_a_misdeed_spoils_its_own_case_alone(deed: str, verdict: str, text: str) -> None:
    cases = [case for case in FEW if case.dtype == "float64"]
    spec = port("misbehaving", deed=deed, at_lr=8.0)
    report = judge(spec, cases, timeout_scale=0.05 if deed == "sleep" else 1.0)
    results = by_id(report)
    spoiled = results["core/large-lr-01-f64"]

    assert verdicts(report) == {verdict: 1, "pass": len(cases) - 1}
    assert spoiled.verdict == verdict
    assert text in spoiled.text
    assert exit_code([report], grade="binary32") == 1
    assert text in in_words(report)


@pytest.mark.parametrize("deed", ["print", "overwrite"])
def test_what_harms_no_number_is_no_fault(deed: str) -> None:
    report = judge(port("misbehaving", deed=deed), FEW)

    assert verdicts(report) == {"pass": len(FEW)}


def test_numbers_that_are_always_nan_are_errors() -> None:
    report = judge(port("misbehaving", deed="nan"), SMOKE)

    assert verdicts(report) == {"error": len(SMOKE)}
    assert exit_code([report]) == 1


@pytest.mark.parametrize(
    ("deed", "sentence"),
    [
        ("shape", "error: ValueError: params came back as float64 of shape (2,)"),
        ("raise", "error: ZeroDivisionError: no second moment"),
        ("exit", "crash: exit code 3"),
        ("kill", "crash: signal SIGKILL"),
        pytest.param("sleep", "timeout: no answer in time", marks=pytest.mark.slow),
    ],
)
def test_a_port_that_cannot_answer_the_first_case_is_a_harness_fault(
    deed: str, sentence: str
) -> None:
    with pytest.raises(LoadError) as caught:
        judge(port("misbehaving", deed=deed), FEW, timeout_scale=0.05 if deed == "sleep" else 1.0)

    assert f"the harness fails the first case, core/smoke-01-f64: {sentence}" in str(caught.value)


@pytest.mark.slow
def test_a_port_that_dies_too_often_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "MOST_RESTARTS", 2)
    cases = [case for case in FLOAT64 if case.hyper[0].lr == 1.0 or "smoke" in case.flags]
    report = judge(port("misbehaving", deed="exit", at_lr=1.0), cases)

    assert report.gave_up == "given up after 2 restarts"
    assert verdicts(report)["not-run"] > 0
    assert set(verdicts(report)) == {"pass", "crash", "not-run"}
    assert exit_code([report]) == 3
    assert "The port was given up after 2 restarts." in in_words(report)


def test_nothing_asked_for_is_nothing_met() -> None:
    report = judge(port("textbook"), [])

    assert exit_code([report]) == 5
    assert exit_code([report, judge(port("textbook"), FEW)]) == 5
    assert "NOTHING RAN" in in_words(report)
