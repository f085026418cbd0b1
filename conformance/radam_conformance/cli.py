"""radam-conformance: judge any implementation of RAdam."""

from __future__ import annotations

import signal
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from radam_ref import Dialect

from . import (
    explain_text,
    gallery_text,
    known_ports,
    listing,
    report_text,
    reports,
    streams,
    terminal,
    xfail,
)
from .batch import INTERRUPTED, NOT_STARTED, judge_each
from .cases import load_index, load_suite
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
    UsageError,
    chosen_cases,
)
from .cli_suite import COMMANDS, INTEGRITY
from .examination import dialect_named
from .golden_files import DamagedError
from .identify import DECAYING, is_probe
from .judge import judge
from .protocol import PROTOCOL
from .report import Report, exit_code
from .schedule import Progress
from .spec import LoadError, Spec, SpecError, parse_spec

USAGE = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 met, 1 not met, 2 usage, 3 port could not be started, 4 damaged suite, "
    "5 nothing ran, 130 interrupted.",
)


def _print_version(asked: bool) -> None:
    if asked:
        cases, release = len(load_index()["cases"]), version("radam-ref")
        print(f"radam-conformance {release}, {cases} cases, protocol {PROTOCOL}")
        raise typer.Exit


@app.callback()
def _program(
    asked: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Say which suite this is."
        ),
    ] = False,
) -> None:
    """Does an implementation compute RAdam, which dialect, how precisely, and what is wrong?"""


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
        raise UsageError(f"--grade must be binary64 or binary32, got {grade!r}")
    judged_by = _dialect(dialect)
    cases = chosen_cases(only, skip, dtype, profile, level)
    modes = {"compile": compiled, "arrays": arrays, "device": device}
    parsed = [_spec(text, renames, options, environment, **modes) for text in specs]
    targets = reports.parse_targets(report_to or ())
    failures = xfail.load_known(known) if known else ()
    everything = level == "all" and not (profile or only or skip or dtype)

    def judge_one(spec: Spec, progress: Progress) -> Report:
        return judge(
            spec,
            cases,
            dialect=judged_by,
            asked=bool(profile or only),
            seed=seed if everything or "laws" in (profile or ()) else None,
            jobs=jobs,
            timeout_scale=timeout_scale,
            explain=explain,
            progress=progress,
        )

    batch = judge_each(parsed, judge_one, lambda report: _shown(xfail.apply(failures, report)))
    code = batch.exit_code(grade)
    batch.write(targets, code, grade)
    raise typer.Exit(code)


def _shown(report: Report) -> Report:
    """Print a report with its explanations, and hand it on."""
    terminal.show(report_text.render(report))
    for page in report.explanations:
        command = report_text.command(report, page.case.id)
        terminal.show(explain_text.render(page, f"{command} --explain"))
    return report


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
        names = "; ".join(port.name for port in known_ports.load_known_ports())
        raise UsageError(f"--only: {error.args[0]}; there are: {names}") from None
    cases = chosen_cases(None, None, None, level=level)
    targets = reports.parse_targets(report_to or ())
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
    compiled: Compile = False,
    arrays: Arrays = "numpy",
    device: Device = "",
    timeout_scale: Scale = 1.0,
) -> None:
    """Find out which dialect an implementation computes, axis by axis."""
    modes = {"compile": compiled, "arrays": arrays, "device": device}
    port = _spec(spec, renames, options, environment, **modes)
    probes = [case for case in load_suite() if is_probe(case)]
    probes += load_suite(f"decay.*/{DECAYING}-*")
    with terminal.progress(spec) as progress:
        report = judge(
            port,
            probes,
            timeout_scale=timeout_scale,
            every_dialect=True,
            progress=progress,
        )
    terminal.show(listing.render_identity(report))
    raise typer.Exit(0 if report.ran else exit_code([report]))


for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def _spec(
    text: str,
    renames: list[str] | None,
    options: list[str] | None,
    environment: list[str] | None,
    **modes: Any,
) -> Spec:
    """What the options of a port come to; an option that is not given is None."""
    return parse_spec(text, renames or (), options or (), environment=environment or (), **modes)


def _dialect(name: str) -> Dialect | None:
    try:
        return dialect_named(name)
    except ValueError as error:
        raise UsageError(f"--{error}") from None


def _leave(number: int, frame: object) -> None:
    """Unwind, so that no worker is left behind."""
    sys.exit(128 + number)


def main() -> None:
    """The command line; every foreseeable fault is one sentence and an exit code."""
    for name in ("SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):  # Windows has no SIGHUP
            signal.signal(number, _leave)
    with streams.lasting() as out:
        code = _exit_code()
        out.flush()
        # A reader that has seen enough of a pipe, as `head` does, changes nothing of the verdict.
        if out.fault and not streams.is_closed_pipe(out.fault):
            terminal.complain(f"stdout cannot be written: {out.fault.strerror}")
            code = code or USAGE
    sys.exit(code)


def _exit_code() -> int:
    """Of the command that was called."""
    try:
        app()
    except (UsageError, SpecError, reports.TargetError, xfail.XfailError) as error:
        terminal.complain(str(error))
        return USAGE
    except LoadError as error:
        terminal.complain(str(error))
        return NOT_STARTED
    except terminal.Interrupted:
        terminal.complain("interrupted")
        return INTERRUPTED
    except DamagedError as error:
        terminal.complain(f"the suite is damaged: {error}; `radam-conformance verify` says more")
        return INTEGRITY
    except SystemExit as done:
        return int(done.code or 0)
    return 0
