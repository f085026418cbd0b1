"""radam-conformance: judge any implementation of RAdam."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from radam_ref import Dialect, dialects

from . import (
    explain_text,
    export,
    gallery_text,
    known_ports,
    listing,
    new_harness,
    report_text,
    reports,
    terminal,
    xfail,
)
from .batch import INTERRUPTED, NOT_STARTED, judge_each
from .cases import Case, load_case, load_suite
from .cli_options import (
    SPEC_HELP,
    Arrays,
    Compile,
    Device,
    Dtype,
    Environment,
    Jobs,
    Level,
    Map,
    Only,
    Profile,
    ReportTo,
    Scale,
    Set,
    Skip,
    Specs,
)
from .features import PROFILES
from .golden_files import DamagedError
from .identify import DECAYING, is_probe
from .judge import judge
from .results import Report, exit_code
from .schedule import Progress
from .spec import LoadError, Spec, SpecError, parse_spec

USAGE, INTEGRITY = 2, 4

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Does an implementation compute RAdam, which dialect, how precisely, and what is wrong?",
    epilog="Exit codes: 0 met, 1 not met, 2 usage, 3 port could not be started, 4 damaged suite, "
    "5 nothing ran, 130 interrupted.",
)


@app.command()
def run(
    specs: Specs,
    dialect: Annotated[
        str, typer.Option(help="Dialect to judge by; auto finds out which one it computes.")
    ] = "auto",
    level: Level = "all",
    profile: Profile = None,
    only: Only = None,
    skip: Skip = None,
    dtype: Dtype = None,
    grade: Annotated[
        str,
        typer.Option(
            help="binary32 forgives scalar terms in binary32.", metavar="binary64|binary32"
        ),
    ] = "binary64",
    renames: Map = None,
    options: Set = None,
    environment: Environment = None,
    compiled: Compile = False,
    arrays: Arrays = "numpy",
    device: Device = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the first wrong step line by line.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the inputs on which the laws are tried.")] = 1,
    jobs: Jobs = 1,
    timeout_scale: Scale = 1.0,
    known: Annotated[
        Path | None,
        typer.Option("--xfail", help="Failures that are known; one that passes is a failure."),
    ] = None,
    report_to: ReportTo = None,
) -> None:
    """Judge implementations by Core and by every profile that they offer.

    For example: radam-conformance run torch:torch.optim.RAdam --set foreach=true
    """
    if grade not in ("binary64", "binary32"):
        raise _Usage(f"--grade must be binary64 or binary32, got {grade!r}")
    judged_by = None if dialect == "auto" else _dialect(dialect)
    cases = _cases(only, skip, dtype, profile, level)
    parsed = [
        parse_spec(
            text,
            renames or (),
            options or (),
            compile=compiled,
            arrays=arrays,
            device=device,
            environment=environment or (),
        )
        for text in specs
    ]
    targets = reports.parse_targets(report_to or ())
    failures = xfail.load_known(known) if known else ()
    whole = level == "all" and not (only or skip or dtype)

    def judge_one(spec: Spec, progress: Progress) -> Report:
        return judge(
            spec,
            cases,
            dialect=judged_by,
            asked=bool(profile or only),
            seed=seed if (whole and not profile) or "laws" in (profile or ()) else None,
            jobs=jobs,
            timeout_scale=timeout_scale,
            explain=explain,
            progress=progress,
        )

    def finish(report: Report) -> Report:
        report = xfail.apply(failures, report)
        terminal.show(report_text.render(report))
        for page in report.explanations:
            command = report_text.command(report, page.case.id)
            terminal.show(explain_text.render(page, f"{command} --explain"))
        return report

    batch = judge_each(parsed, judge_one, finish)
    code = batch.exit_code(grade)
    batch.write(targets, code, grade)
    raise typer.Exit(code)


@app.command()
def gallery(
    level: Level = "core",
    only: Annotated[
        list[str] | None, typer.Option(help="Just the ports whose name matches this glob.")
    ] = None,
    jobs: Jobs = 1,
    timeout_scale: Scale = 1.0,
    report_to: ReportTo = None,
) -> None:
    """Judge every known port that is installed here, side by side.

    It exits 0 when it could judge, whatever is wrong with them.
    """
    try:
        chosen = known_ports.matching(known_ports.load_known_ports(), only or ())
    except KeyError as error:
        names = ", ".join(port.name for port in known_ports.load_known_ports())
        raise _Usage(f"--only: {error.args[0]}; there are: {names}") from None
    cases, targets = _cases(None, None, None, level=level), reports.parse_targets(report_to or ())
    here = [port for port in chosen if port.is_installed]
    absent = [port for port in chosen if port not in here]
    slow = [port for port in here if port.slow and level == "core" and not only]
    wanted = [port for port in here if port not in slow]
    tell = gallery_text.Lines(wanted)

    def judge_one(spec: Spec, progress: Progress) -> Report:
        seed = 1 if level == "all" else None
        return judge(
            spec, cases, seed=seed, jobs=jobs, timeout_scale=timeout_scale, progress=progress
        )

    batch = judge_each([port.spec for port in wanted], judge_one, tell)
    terminal.show(gallery_text.render(wanted, batch, absent, slow))
    # What is wrong with the ports does not matter: that it could be found out does.
    code = batch.exit_code()
    code = 0 if code == 1 else code
    batch.write(targets, code)
    raise typer.Exit(code)


@app.command()
def identify(
    spec: Annotated[str, typer.Argument(help=SPEC_HELP)],
    renames: Map = None,
    options: Set = None,
    environment: Environment = None,
    timeout_scale: Scale = 1.0,
) -> None:
    """Find out which dialect an implementation computes, axis by axis."""
    probes = [case for case in load_suite() if is_probe(case)]
    probes += load_suite(f"decay.*/{DECAYING}-*")
    with terminal.progress(spec) as progress:
        report = judge(
            parse_spec(spec, renames or (), options or (), environment=environment or ()),
            probes,
            timeout_scale=timeout_scale,
            every_dialect=True,
            progress=progress,
        )
    terminal.show(listing.render_identity(report))
    raise typer.Exit(0 if report.ran else exit_code([report]))


@app.command(name="list")
def list_(
    only: Only = None,
    skip: Skip = None,
    dtype: Dtype = None,
    profile: Annotated[
        list[str] | None, typer.Option(help="Just this part of the suite; may be repeated.")
    ] = None,
) -> None:
    """List the cases of the suite."""
    terminal.show(listing.render_list(_cases(only, skip, dtype, profile)))


@app.command()
def show(
    id: Annotated[str, typer.Argument(help="The id of a case, as `list` gives it.", metavar="ID")],
) -> None:
    """Show a case in numbers that people read: input, what is expected, and how exactly."""
    try:
        case = load_case(id)
    except KeyError:
        raise _Usage(f"no case is called {id!r}; `radam-conformance list` names them all") from None
    terminal.show(listing.render_case(case))


@app.command()
def selftest(
    jobs: Annotated[int, typer.Option("-j", "--jobs", help="Processes.", min=1, max=64)] = 2,
    page: Annotated[Path | None, typer.Option(help="Write it all in Markdown here too.")] = None,
) -> None:
    """Prove the judge: it kills every fault, accuses no right program, stands every bad harness."""
    from . import harness_trials, selftest_page, selftest_text
    from . import selftest as proof

    with terminal.progress("self-test") as progress:
        result = proof.run(progress, jobs=jobs)
    terminal.show(selftest_text.render(result))
    if page is not None:
        page.write_text(selftest_page.page(result), encoding="utf-8")
    with terminal.progress("faulty harnesses") as progress:
        trials = harness_trials.run(progress)
    terminal.show(harness_trials.render(trials))
    right = sum(trial.is_right for trial in trials)
    terminal.show(f"{right} of {len(trials)} faulty harnesses are judged right")
    if right < len(trials) or not result.is_proved:
        raise typer.Exit(INTEGRITY)


@app.command()
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


@app.command(name="export")
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
        raise _Usage("--dialect does not apply to json: its files have every dialect")
    cases = _cases(only, None, None, level="all" if format == "json" else "core")
    try:
        done = export.write(directory, format, cases, dialect or "paper")
    except export.ExportError as error:
        raise _Usage(str(error)) from None
    for line in export.describe(directory, done):
        terminal.show(line)


@app.command(name="new-harness")
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
        raise _Usage(str(error)) from None
    for line in new_harness.describe(directory, lang):
        terminal.show(line)


class _Usage(ValueError):
    """What was asked for makes no sense: exit code 2."""


def _dialect(name: str) -> Dialect:
    if name not in dialects:
        raise _Usage(f"--dialect must be auto or one of {', '.join(dialects)}, got {name!r}")
    return dialects[name]


def _cases(
    only: list[str] | None,
    skip: list[str] | None,
    dtype: str | None,
    profiles: list[str] | None = None,
    level: str = "all",
) -> tuple[Case, ...]:
    try:
        cases = load_suite(only or "*", skip or ())
    except KeyError as error:
        raise _Usage(f"{error.args[0]}; `radam-conformance list` names them all") from None
    known = sorted({case.dtype for case in load_suite()})
    if dtype is not None and dtype not in known:
        raise _Usage(f"--dtype must be one of {', '.join(known)}, got {dtype!r}")
    for name in profiles or ():
        if name not in PROFILES:
            raise _Usage(f"--profile must be one of {', '.join(PROFILES)}, got {name!r}")
    if level not in ("core", "all"):
        raise _Usage(f"--level must be core or all, got {level!r}")
    wanted = profiles or (["core"] if level == "core" and not only else PROFILES)
    return tuple(c for c in cases if dtype in (None, c.dtype) and c.profile in wanted)


def _leave(number: int, frame: object) -> None:
    """Unwind, so that no worker is left behind."""
    sys.exit(128 + number)


def main() -> None:
    """The command line; every foreseeable fault is one sentence and an exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        app()
    except (_Usage, SpecError, reports.TargetError, xfail.XfailError) as error:
        terminal.complain(str(error))
        sys.exit(USAGE)
    except LoadError as error:
        terminal.complain(str(error))
        sys.exit(NOT_STARTED)
    except terminal.Interrupted:
        terminal.complain("interrupted")
        sys.exit(INTERRUPTED)
    except DamagedError as error:
        terminal.complain(f"the suite is damaged: {error}; `radam-conformance verify` says more")
        sys.exit(INTEGRITY)
