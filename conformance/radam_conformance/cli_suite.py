"""The commands about the suite itself, which ask no port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from . import export, listing, new_harness, terminal
from .cases import load_case, load_suite
from .cli_options import Dtype, Only, Skip, UsageError, chosen_cases
from .harness import check_system

INTEGRITY = 4


def list_(
    only: Only = None,
    skip: Skip = None,
    dtype: Dtype = None,
    profile: Annotated[
        list[str] | None, typer.Option(help="Just this part of the suite; may be repeated.")
    ] = None,
) -> None:
    """List the cases of the suite."""
    terminal.show(listing.render_list(chosen_cases(only, skip, dtype, profile)))


def show(
    id: Annotated[str, typer.Argument(help="The id of a case, as `list` gives it.", metavar="ID")],
) -> None:
    """Show a case in numbers that people read: input, what is expected, and how exactly."""
    try:
        case = load_case(id)
    except KeyError:
        raise UsageError(
            f"no case is called {id!r}; `radam-conformance list` names them all"
        ) from None
    terminal.show(listing.render_case(case))


def selftest(
    jobs: Annotated[int, typer.Option("-j", "--jobs", help="Processes.", min=1, max=64)] = 2,
    page: Annotated[Path | None, typer.Option(help="Write it all in Markdown here too.")] = None,
) -> None:
    """Prove the judge: it kills every fault, accuses no right program, stands every bad harness."""
    from . import harness_trials, selftest_page, selftest_text
    from . import selftest as proof

    check_system()  # before minutes of work: the faulty harnesses at the end are run
    with terminal.progress("self-test") as progress:
        result = proof.run(progress, jobs=jobs)
    terminal.show(selftest_text.render(result))
    if page is not None:
        page.write_text(selftest_page.page(result), encoding="utf-8", newline="\n")
    with terminal.progress("faulty harnesses") as progress:
        trials = harness_trials.run(progress)
    terminal.show(harness_trials.render(trials))
    right = sum(trial.is_right for trial in trials)
    terminal.show(f"{right} of {len(trials)} faulty harnesses are judged right")
    if right < len(trials) or not result.is_proved:
        raise typer.Exit(INTEGRITY)


def verify(
    regenerate: Annotated[
        bool, typer.Option("--regenerate", help="Compute every vector again by both oracles.")
    ] = False,
) -> None:
    """Check the suite itself: its files, their checksums, schema and rules."""
    from .verify import regenerate as compute
    from .verify import verify as check

    console = terminal.console()
    problems = check()
    if regenerate and not problems:
        with terminal.progress("both oracles") as progress:
            try:
                problems = compute(check=True, progress=progress)
            except ArithmeticError as error:  # the oracles disagree, or do not decide
                problems = [str(error)]
    for problem in problems:
        console.print(problem, markup=False)
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        console.print(f"[bold red]DAMAGED[/]  {count}")
        raise typer.Exit(INTEGRITY)
    how = "computed again by both oracles, bit for bit" if regenerate else "files as released"
    console.print(f"[bold green]OK[/]  {len(load_suite())} cases, {how}")


def export_(
    directory: Annotated[
        Path, typer.Argument(help="New, empty, or holding an earlier export.", metavar="DIR")
    ],
    format: Annotated[str, typer.Option(help="What to write.", metavar="json|csv|c")] = "json",
    dialect: Annotated[
        str | None, typer.Option(help="What csv and c expect: paper if not given; json has all.")
    ] = None,
    only: Only = None,
) -> None:
    """Write the vectors, with a loader that judges by them, for C, Node or Rust without Python.

    csv and c have Core, or of what --only asks for all that a plain comparison decides.
    """
    if format == "json" and dialect is not None:
        raise UsageError("--dialect does not apply to json: its files have every dialect")
    cases = chosen_cases(only, None, None, level="all" if format == "json" else "core")
    try:
        done = export.write(directory, format, cases, dialect or "paper")
    except export.ExportError as error:
        raise UsageError(str(error)) from None
    for line in export.describe(directory, done):
        terminal.show(line)


def new_harness_(
    lang: Annotated[str, typer.Option(help="Language of the port.", metavar="c|js|rust|julia")],
    directory: Annotated[
        Path, typer.Argument(help="Where to; nothing there is overwritten.", metavar="[DIR]")
    ] = Path(),
) -> None:
    """Write a program through which a port in another language is judged: replace one function."""
    try:
        new_harness.write(directory, lang)
    except new_harness.HarnessError as error:
        raise UsageError(str(error)) from None
    for line in new_harness.describe(directory, lang):
        terminal.show(line)


# In the order of the help.
COMMANDS: Mapping[str, Callable[..., None]] = {
    "list": list_,
    "show": show,
    "selftest": selftest,
    "verify": verify,
    "export": export_,
    "new-harness": new_harness_,
}
