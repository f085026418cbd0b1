"""What several commands can be told, each option with its help text."""

from __future__ import annotations

from typing import Annotated

import typer

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
        help="Write a report too: json, junit, html or md; may be repeated.",
        metavar="KIND:FILE",
    ),
]
Scale = Annotated[float, typer.Option(help="Factor on every time limit.", min=0.01, max=1000.0)]
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
Device = Annotated[str, typer.Option(help="Device of these arrays, for example cuda:0.")]
