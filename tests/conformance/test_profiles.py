"""What the judge says of real ports beyond Core, of the laws, and of harnesses with faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from radam_conformance import cli, harness_trials, laws
from radam_conformance.cases import Case, load_suite
from radam_conformance.features import FEATURES, PROFILES
from radam_conformance.harness import Harness, Outcome
from radam_conformance.identify import expectation
from radam_conformance.judge import judge
from radam_conformance.precision import explains
from radam_conformance.protocol import Answer, Hello, RunRequest
from radam_conformance.report import Report, exit_code
from radam_conformance.report_text import headline
from radam_conformance.specimens.edits import Program, over, play, program
from radam_conformance.specimens.faults import FAULTS as MISTAKES
from radam_conformance.specimens.variants import VARIANTS, WHOLES
from radam_ref import dialects

from ..tiers import marked
from .sample_ports import port

pytestmark = [pytest.mark.posix, pytest.mark.usefixtures("oracle_once")]

TORCH = "torch:torch.optim.RAdam"


def with_smoke(*profiles: str) -> tuple[Case, ...]:
    return load_suite(["core/smoke-01-*", *(f"{profile}/*" for profile in profiles)])


def verdicts(report: Report, profile: str) -> Counter[str]:
    return Counter(r.verdict for r in report.results if r.case.profile == profile)


def test_every_profile_is_listed_and_asks_for_known_features() -> None:
    for case in load_suite():
        assert case.profile in PROFILES
        assert set(case.requires) <= set(FEATURES)


OPTIMI, KOZISTR = "torch:optimi.RAdam", "torch:pytorch_optimizer.RAdam"
OURS = "torch:radam_adapters.torch_optimizer.RAdam"
PROXMIN = "func:radam_conformance.ports.proxmin_adaprox:run"
BEYOND_CORE = [name for name in PROFILES if name not in ("core", "long", "laws")]
LIMITS = ("extreme", "half")
PARTS = {
    TORCH: [name for name in BEYOND_CORE if name != "compiled"],
    OPTIMI: ["tensors", *LIMITS],
    KOZISTR: ["decay.coupled", "decay.decoupled", *LIMITS],
    OURS: [name for name in BEYOND_CORE if name not in ("compiled", "nesterov")],
    PROXMIN: ["extreme"],
}


ReportOn = Callable[[str], Report]


@pytest.fixture(scope="module")
def report_on(judged: Callable[..., Report]) -> ReportOn:
    """What the judge says of all that the tests below look at: a port is judged once."""

    @cache
    def report(spec: str) -> Report:
        seed = 3 if spec == OURS else None
        return judged(spec, cases=with_smoke(*PARTS[spec]), seed=seed)

    return report


@pytest.mark.torch
def test_torch_meets_what_it_offers(report_on: ReportOn) -> None:
    met = [
        "decay.coupled", "decay.decoupled", "maximize", "schedule", "tensors", "groups", "resume",
        "invalid", "complex.componentwise",
    ]  # fmt: skip
    report = report_on(TORCH)
    for profile in met:
        assert set(verdicts(report, profile)) == {"pass"}, profile
    assert not report.of("fail")
    assert "coupled and decoupled decay" in headline(report)


@pytest.mark.torch
def test_torch_divides_zero_by_zero_where_eps_is_zero(report_on: ReportOn) -> None:
    report = report_on(TORCH)
    first = next(r for r in report.of("error") if r.case.profile == "eps0")
    assert verdicts(report, "eps0") == {"pass": 4, "error": 2}
    assert first.text == "element 0 is nan after step 6"


@pytest.mark.torch
@pytest.mark.slow
def test_a_compiled_torch_has_its_scalars_in_binary32(judged: Callable[..., Report]) -> None:
    report = judged(TORCH, cases=with_smoke("compiled"))
    compiled = [r for r in report.results if r.case.profile == "compiled"]
    alone = replace(report, results=tuple(compiled))
    assert verdicts(report, "compiled")["precision"] >= 6
    assert not report.of("fail")
    assert (exit_code([alone]), exit_code([alone], grade="binary32")) == (1, 0)


@pytest.mark.torch
def test_the_complex_convention_is_found_out(report_on: ReportOn) -> None:
    assert "complex.modulus" in dict(report_on(TORCH).not_offered)


@pytest.mark.jax
def test_optax_takes_the_modulus_and_looks_ahead(judged: Callable[..., Report]) -> None:
    cases = with_smoke("complex.modulus", "complex.componentwise", "nesterov")
    report = judged("optax:optax.radam", cases=cases, asked=True)
    assert set(verdicts(report, "complex.modulus")) <= {"pass", "precision", "unsupported"}
    assert not verdicts(report, "complex.componentwise")
    assert verdicts(report, "nesterov")["fail"] == 0


@pytest.mark.torch
def test_kozistr_has_no_coupled_decay(report_on: ReportOn) -> None:
    report = report_on(KOZISTR)
    assert verdicts(report, "decay.coupled")["fail"] >= 10
    failed = {r.case.id for r in report.of("fail") if r.case.profile == "decay.decoupled"}
    # There it is its count of the group that is wrong.
    assert failed == {f"decay.decoupled/gaps-01-{dtype}" for dtype in ("f32", "f64")}


@pytest.mark.torch
def test_a_late_tensor_of_optimi_is_corrected_by_the_count_of_its_group(
    report_on: ReportOn,
) -> None:
    failed = {r.case.id: r.first_bad for r in report_on(OPTIMI).of("fail")}
    late = failed["tensors/late-01-f64"]
    assert late is not None
    assert late.step == 6


@pytest.mark.torch
def test_our_adapter_meets_every_profile_it_offers(report_on: ReportOn) -> None:
    report = report_on(OURS)
    assert [r.case.id for r in report.wanted if r.verdict not in ("pass", "either-branch")] == []
    assert {r.case.profile for r in report.of("either-branch")} <= {"extreme"}
    assert verdicts(report, "laws") == {"pass": 16}
    assert exit_code([report]) == 0


@pytest.mark.parametrize("spec", marked(*PARTS))
def test_either_branch_is_right_where_binary64_cannot_decide_it(
    report_on: ReportOn, spec: str
) -> None:
    found = verdicts(report_on(spec), "extreme")
    assert found
    assert set(found) <= {"pass", "either-branch"}


@pytest.mark.torch
@pytest.mark.parametrize("spec", [TORCH, OPTIMI, KOZISTR])
def test_ports_in_float16_divide_zero_by_zero_where_the_usual_eps_is_rounded(
    report_on: ReportOn, spec: str
) -> None:
    report = report_on(spec)
    assert verdicts(report, "half") == {"pass": 15, "error": 1}
    (broken,) = (r for r in report.of("error") if r.case.profile == "half")
    assert broken.case.id == "half/zero-gradient-01-f16"
    assert "nan after step 6" in broken.text
    assert report.diagnosis is not None
    (cause,) = (c for c in report.diagnosis.causes if broken.case.id in c.cases)
    assert (cause.fault, cause.cases) == ("half-eps-in-params-dtype", (broken.case.id,))


@pytest.mark.torch
def test_the_dialect_of_a_port_is_known_where_half_precision_alone_is_asked_for(
    judged: Callable[..., Report],
) -> None:
    report = judged(OURS, cases=load_suite("half/*"), asked=True)
    assert set(verdicts(report, "half")) == {"pass"}
    assert report.dialect.threshold == 5.0


def accepted(source: Program, case: Case, name: str) -> bool:
    """Whether the judge takes the answer of a program to an extreme case."""
    answer = play(source, case, dialects[name])
    fits = over(case, answer, case.expected[name]) <= 1
    return fits or explains(case, dialects[name], answer, "float64")


WRITTEN = [name for name in VARIANTS if name.rpartition(", ")[2] in WHOLES]


@pytest.mark.parametrize("name", ["paper", "authors"])
@pytest.mark.parametrize("variant", WRITTEN[::3])
def test_right_programs_are_accepted_next_to_beta2_of_1(variant: str, name: str) -> None:
    source = program(VARIANTS[variant].edits)
    for case in load_suite("extreme/*"):
        assert accepted(source, case, name), case.id


@pytest.mark.parametrize("fault", ["ascent", "m-uncorrected", "r-inverted", "v-of-absolute-values"])
def test_faults_are_found_next_to_beta2_of_1(fault: str) -> None:
    source = program(MISTAKES[fault].edits)
    assert not all(accepted(source, case, "paper") for case in load_suite("extreme/*"))


def test_a_step_that_never_reads_the_decay_does_not_offer_it() -> None:
    report = judge(port("textbook"), with_smoke("decay.decoupled", "tensors"))
    assert "decay.decoupled" not in report.parts
    assert "tensors" not in report.parts
    assert exit_code([report]) == 0
    assert "not offered" in headline(report)


def test_what_was_asked_for_by_name_and_is_not_there_is_not_met() -> None:
    report = judge(port("textbook"), with_smoke("decay.decoupled"), asked=True)
    assert set(verdicts(report, "decay.decoupled")) == {"unsupported"}
    assert exit_code([report]) == 1


class Played(Harness):
    """A port that moves by its gradient, elements one after the other if `mixes`."""

    def __init__(self, *, mixes: bool) -> None:
        self._mixes = mixes

    def run(self, request: RunRequest) -> Outcome:
        x = [np.array(values) for _, values, _ in request.x0]
        seen = {}
        for t in range(1, request.steps + 1):
            for i, g in enumerate(request.gradients[t - 1]):
                moved = np.cumsum(g) if self._mixes else np.array(g)
                x[i] = x[i] - request.first_hyper()["lr"] * moved
                seen[t, i] = tuple(x[i].tolist())
        return Outcome("answered", answer=Answer(seen))


def test_laws_hold_of_gradient_descent_and_find_what_mixes_elements() -> None:
    hello = Hello(1, features=("tensors", "restore"))
    fine = laws.check(Played(mixes=False), hello, {"float64"}, seed=7)
    assert [result.verdict for result in fine] == ["pass"] * 8
    mixed = laws.check(Played(mixes=True), hello, {"float64"}, seed=7)
    failed = {result.case.id for result in mixed if result.verdict == "fail"}
    assert failed == {f"laws/{name}-01-f64" for name in ("permute", "poison", "split", "tile")}


def test_laws_are_tried_on_the_same_inputs_for_the_same_seed() -> None:
    hello, harness = Hello(1), Played(mixes=False)

    def inputs(seed: int) -> list[Case]:
        return [result.case for result in laws.check(harness, hello, {"float32"}, seed)]

    assert inputs(1) == inputs(1) != inputs(2)


def test_a_faulty_harness_gets_its_exact_verdict_and_exit_code() -> None:
    """`radam-conformance selftest` tries every one."""
    names = ["noisy-stdout", "crash", "out-of-order", "half-a-line"]
    trials = harness_trials.run(names=names)
    assert [trial.name for trial in trials] == names
    assert [trial.name for trial in trials if not trial.is_right] == []


def test_an_unstored_dialect_is_judged_in_a_profile_by_the_oracle() -> None:
    (case,) = load_suite("decay.coupled/plain-01-f64")
    odd = replace(dialects["paper-hold"], threshold=5.0)
    stored, computed = case.expected["paper-hold"], expectation(case, odd)
    assert np.array_equal(stored.hi[:3], computed.hi[:3])  # both hold
    assert not np.array_equal(stored.hi[4], computed.hi[4])  # step 5 is rectified by one alone


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--profile", "decay"], "--profile must be one of core, decay.coupled"),
        (["--level", "most"], "--level must be core or all, got 'most'"),
        (["--compile"], "--compile applies to torch: alone"),
        (["--arrays", "dask"], "--arrays must be one of numpy, cupy, torch, jax, got 'dask'"),
    ],
)
def test_options_that_make_no_sense_get_one_sentence(
    words: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["radam-conformance", "run", port("textbook").text, *words])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert sentence in capsys.readouterr().err
