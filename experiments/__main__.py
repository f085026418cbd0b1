"""`python -m experiments`: all experiments, or those that are named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .conduct import EXPERIMENTS, conduct
from .runs import Scale

app = typer.Typer(add_completion=False, rich_markup_mode=None)
LISTED = ", ".join(EXPERIMENTS)


@app.command()
def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Any of {LISTED}; all by default.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Sizes nearer to the paper's: hours, and a GPU.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Where CIFAR-10's binary files, a folder as ImageNet's or One Billion Word lie.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where results go; by default experiments/results.")
    ] = None,
) -> None:
    """Run the slides' experiments again. What was done is kept: an interrupted run goes on."""
    for name in names or ():
        if name not in EXPERIMENTS:
            raise typer.BadParameter(f"must be among {LISTED}, got {name!r}", param_hint="names")
    scale = Scale.FULL if full else Scale.SMALL
    folder = out or Path(__file__).parent / "results" / scale
    try:
        page = conduct(names or list(EXPERIMENTS), scale, data, folder)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    except KeyboardInterrupt:
        Console().print("\nInterrupted; the same command goes on from here.")
        raise typer.Exit(130) from None
    Console().print(f"{page}")


if __name__ == "__main__":
    app(prog_name="python -m experiments")
