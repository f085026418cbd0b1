"""What the documents show is what happens."""

from __future__ import annotations

import math
import re
import runpy
import shlex
import subprocess
import sysconfig
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import mpmath
import pytest

import radam_ref
from radam_ref import rectification

from .tiers import FRAMEWORKS

ROOT = Path(__file__).parents[1]


def blocks(document: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(), re.M | re.S)


def test_readme_has_two_commands_for_a_fresh_machine_on_its_first_screen() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()

    commands = [i for i, line in enumerate(lines) if line.startswith("python3 -m venv")]

    assert len(commands) == 2
    assert commands[1] < 30


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path) -> None:
    """Links into rooms that lie beside the tests: with a wheel there is only its documentation."""
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    paths = [(page.parent / target).resolve() for target in targets]
    here = [path for path in paths if (ROOT / path.relative_to(ROOT).parts[0]).exists()]

    assert [path for path in here if not path.exists()] == []


def test_the_step_in_the_readme_descends_to_the_minimum() -> None:
    *blocks_of_numpy, _ = blocks("README.md")
    names: dict[str, object] = {}

    for block in blocks_of_numpy:
        exec(block, names)

    assert abs(names["x"]).max() < 0.5  # type: ignore[arg-type]
    assert names["state"].t == 100  # type: ignore[attr-defined]


@pytest.mark.torch
@pytest.mark.jax
def test_the_optimizers_in_the_readme_are_imported() -> None:
    names: dict[str, object] = {}

    exec(blocks("README.md")[-1], names)

    assert names["radam"].__module__ == "radam_adapters.jax_transform"  # type: ignore[attr-defined]
    assert names["RAdam"].__module__ == "radam_adapters.torch_optimizer"  # type: ignore[attr-defined]


def frameworks_of(code: str) -> list[str]:
    """The markers of what the code imports."""
    return [
        marker
        for marker, names in FRAMEWORKS.items()
        if any(re.search(rf"^(import|from) {name}\b", code, re.M) for name in names)
    ]


REPRODUCTIONS = re.findall(
    r"^```python\n(.*?)^```\n\n```text\n(.*?)\n```",
    (ROOT / "docs/ports.md").read_text(),
    re.M | re.S,
)
# Ports that are no dependency of ours: their faults are reproduced where they are installed.
FOREIGN = ("braintools", "mindspore", "paddle", "tensorflow_addons")
OF_OURS = [
    pytest.param(code, printed, marks=[getattr(pytest.mark, name) for name in frameworks_of(code)])
    for code, printed in REPRODUCTIONS
    if not any(re.search(rf"^(import|from) {name}\b", code, re.M) for name in FOREIGN)
]


def test_a_fault_of_a_real_port_takes_ten_lines_at_most() -> None:
    assert len(REPRODUCTIONS) == len(blocks("docs/ports.md"))
    assert max(len(code.splitlines()) for code, _ in REPRODUCTIONS) <= 10


@pytest.mark.filterwarnings("ignore")  # what is deprecated in those ports is not ours to mend
@pytest.mark.parametrize(("code", "printed"), OF_OURS, ids=range(len(OF_OURS)))
def test_the_lines_about_a_real_port_print_what_stands_below_them(
    code: str, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(code, {})

    assert capsys.readouterr().out.strip() == printed


@pytest.mark.torch
def test_the_example_in_torch_descends_to_the_minimum() -> None:
    names: dict[str, object] = {}

    exec(blocks("docs/torch-and-jax.md")[0], names)

    assert abs(names["x"]).max() < 0.5  # type: ignore[arg-type]


@pytest.mark.jax
def test_the_example_in_jax_descends_to_the_minimum() -> None:
    names: dict[str, object] = {}

    exec(blocks("docs/torch-and-jax.md")[1], names)

    assert abs(names["params"]["w"]).max() < 0.5  # type: ignore[index]


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.jax
@pytest.mark.filterwarnings("ignore")  # of the originals, and of Torch's compiler
def test_the_lines_about_torch_and_optax_are_those_of_the_benchmark(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runpy.run_path(str(ROOT / "benchmarks" / "beside_originals.py"), run_name="__main__")
    shown = capsys.readouterr().out
    page = (ROOT / "docs/torch-and-jax.md").read_text().splitlines()

    assert len(shown.splitlines()) == 10
    assert [line for line in shown.splitlines() if line.rstrip() not in page] == []


def test_every_clause_of_the_contract_is_tested() -> None:
    clauses = re.findall(r"^\*\*(S\d)", (ROOT / "docs/specification.md").read_text(), re.M)
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))

    assert clauses == [f"S{n}" for n in range(1, 10)]
    assert [clause for clause in clauses if clause not in tests] == []


def test_the_kernel_in_the_specification_gives_the_bits_of_the_step() -> None:
    (kernel,) = blocks("docs/specification.md")

    exec(kernel, {})


@pytest.mark.parametrize(
    ("document", "beta2", "t", "off"),
    [("docs/ports.md", 0.9999, 6, "3e-10"), ("docs/specification.md", 0.99999, 5, "5e-8")],
)
def test_the_textbook_formula_in_binary64_is_off_as_said(
    document: str, beta2: float, t: int, off: str
) -> None:
    rho_inf = 2 / (1 - beta2) - 1
    rho_t = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    squared = (rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t)

    assert off in (ROOT / document).read_text()
    assert abs(math.sqrt(squared) / rectification(t, beta2) - 1) == pytest.approx(
        float(off), rel=0.1
    )


def test_the_page_on_optimisation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    exec("".join(blocks("docs/optimisation.md")), {})


def test_every_function_on_the_page_of_the_mathematics_exists() -> None:
    names = set(re.findall(r"`(radam_ref\.[\w.]+)`", (ROOT / "docs/math.md").read_text()))

    assert len(names) > 25
    for name in names:
        thing: object = radam_ref
        for part in name.split(".")[1:]:
            thing = getattr(thing, part)
        assert callable(thing), name


def test_all_that_the_rest_of_the_paper_exports_is_on_that_page() -> None:
    page = (ROOT / "docs/math.md").read_text()
    machinery = {"State", "init", "product"}
    for module in (radam_ref.algorithm1, radam_ref.schedules, radam_ref.variance):
        for name in {*module.__all__} - machinery:
            assert f"`{module.__name__}.{name}`" in page


def test_the_figures_of_the_mathematics_are_computed_again() -> None:
    page = (ROOT / "docs/math.md").read_text()
    figures = re.findall(r"^\| `(.+)` \| ([\d.e-]+) \|$", page, re.M)

    assert len(figures) == 15
    for expression, printed in figures:
        value = eval(expression, vars(radam_ref) | {"variance": radam_ref.variance})
        last_digit = 10.0 ** int(Decimal(printed).as_tuple().exponent)
        assert abs(value - float(printed)) < 0.5001 * last_digit, expression
    at_5 = radam_ref.rho(5, 0.999)
    first, exact = (
        radam_ref.variance.psi_variance_first_order(at_5),
        radam_ref.variance.psi_variance(at_5),
    )
    assert f"the first order is {first / exact:.1f} times the variance" in page
    r_5, r_1000 = (
        radam_ref.rectification(t, 0.999) / radam_ref.variance.rectification_exact(t, 0.999)
        for t in (5, 1000)
    )
    assert f"so r_5 is {r_5:.2f} of what the definition asks" in page
    assert 0.999 < r_1000 < 1


@pytest.mark.parametrize("t", [1, 2, 6, 50, 4000])
@pytest.mark.parametrize("beta2", [0.5, 0.9, 0.999, 0.99999])
def test_the_form_of_rho_t_that_does_not_cancel(t: int, beta2: float) -> None:
    """As derived on the page, in 50 digits."""
    with mpmath.workdps(50):
        x = -mpmath.log(beta2)

        def langevin(y: mpmath.mpf) -> mpmath.mpf:
            return mpmath.coth(y) - 1 / y

        derived = t * (1 - langevin(t * x / 2)) + langevin(x / 2)
    assert float(derived) == radam_ref.rho(t, beta2)


def test_no_small_binary_beta2_reaches_a_threshold() -> None:
    """The proof on the page, tried: all p/2^k to 2^-6, 60 steps, in fractions."""
    for p in range(1, 64):
        b = Fraction(p, 64)
        for t in range(1, 61):
            assert (1 + b) / (1 - b) - 2 * t * b**t / (1 - b**t) not in (4, 5)


def test_the_five_minutes_print_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    step, minimize = blocks("docs/start.md")
    names: dict[str, object] = {}
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", (ROOT / "docs/start.md").read_text(), re.M | re.S)
    shown = next(text for language, text in fenced if not language)

    exec(step, names)
    assert capsys.readouterr().out == shown

    exec(minimize, names)
    assert capsys.readouterr().out.startswith("True Optimization terminated successfully: ")
    assert abs(names["result"].x - [3.0, -1.0]).max() < 1e-4  # type: ignore[attr-defined]


@pytest.mark.posix
@pytest.mark.slow
@pytest.mark.parametrize("page", ["docs/start.md", "docs/dialects.md"])
def test_the_judge_prints_what_the_page_shows(page: str) -> None:
    text = (ROOT / page).read_text()
    ((command, shown),) = re.findall(r"^```sh\n(.*)\n```\n\n```\n(.*?)\n```", text, re.M | re.S)

    program, *words = shlex.split(command)
    done = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / program, *words], capture_output=True, text=True
    )

    assert shown in done.stdout


def test_the_code_about_dialects_steps_with_one_axis_of_its_own() -> None:
    (code,) = blocks("docs/dialects.md")
    names: dict[str, object] = {}

    exec(code, names)

    assert names["other"].threshold == 5  # type: ignore[attr-defined]
    assert names["state"].t == 1  # type: ignore[attr-defined]
