"""What several commands can be told, each option with its help text, and the cases it leaves."""

from __future__ import annotations

from typing import Annotated

import typer

from .cases import Case, load_suite
from .features import PROFILES
from .harness import SCALES
from .spec import FORMS

SPEC_HELP = "The implementation: " + ", ".join(FORMS.values()) + "."
Specs = Annotated[list[str], typer.Argument(help=SPEC_HELP, metavar="SPEC...")]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map", help="The port's own name of a hyper-parameter.", metavar="weight_decay=wd"
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="A further argument of the port.", metavar="foreach=true"),
]
Level = Annotated[
    str,
    typer.Option(
        help="core, or all: Core and every profile that the port offers.", metavar="core|all"
    ),
]
Jobs = Annotated[
    int, typer.Option("-j", "--jobs", help="Processes of the port at a time.", min=1, max=64)
]
ReportTo = Annotated[
    list[str] | None,
    typer.Option(
        "--report",
        help="Write a report too: json, junit, html, md or badge; may be repeated.",
        metavar="KIND:FILE",
    ),
]
Scale = Annotated[
    float, typer.Option(help="Factor on every time limit.", min=SCALES[0], max=SCALES[1])
]
Only = Annotated[list[str] | None, typer.Option(help="Just the cases whose id matches this glob.")]
Skip = Annotated[list[str] | None, typer.Option(help="Not the cases whose id matches this glob.")]
Dtype = Annotated[str | None, typer.Option(help="Just the cases in this dtype.")]
Profile = Annotated[
    list[str] | None,
    typer.Option(help="Just this part of the suite, offered or not; may be repeated."),
]
Compile = Annotated[
    bool, typer.Option("--compile", help="Run every step of a Torch port under torch.compile.")
]
Arrays = Annotated[
    str, typer.Option(help="Arrays that a function gets.", metavar="numpy|cupy|torch|jax")
]
Environment = Annotated[
    list[str] | None,
    typer.Option("--env", help="A variable in its environment.", metavar="JAX_ENABLE_X64=1"),
]
Device = Annotated[
    str, typer.Option(help="Device of these arrays or of a Torch port, for example cuda:0.")
]


class UsageError(ValueError):
    """What was asked for makes no sense: exit code 2."""


def chosen_cases(
    only: list[str] | None,
    skip: list[str] | None,
    dtype: str | None,
    profiles: list[str] | None = None,
    level: str = "all",
) -> tuple[Case, ...]:
    """The cases that these options leave; all of Core and of the profiles if none is given.

    Raises
    ------
    UsageError
        In one sentence: which of them makes no sense.
    """
    try:
        cases = load_suite(only or "*", skip or ())
    except KeyError as error:
        raise UsageError(f"{error.args[0]}; `radam-conformance list` names them all") from None
    known = sorted({case.dtype for case in load_suite()})
    if dtype is not None and dtype not in known:
        raise UsageError(f"--dtype must be one of {', '.join(known)}, got {dtype!r}")
    for name in profiles or ():
        if name not in PROFILES:
            raise UsageError(f"--profile must be one of {', '.join(PROFILES)}, got {name!r}")
    if level not in ("core", "all"):
        raise UsageError(f"--level must be core or all, got {level!r}")
    wanted = profiles or (["core"] if level == "core" and not only else PROFILES)
    return tuple(c for c in cases if dtype in (None, c.dtype) and c.profile in wanted)
