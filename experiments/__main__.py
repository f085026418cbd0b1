"""`python -m experiments`: run all experiments, or the named ones."""

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
        bool,
        typer.Option("--full", help="Use sizes closer to the paper's (takes hours and a GPU)."),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Folder with CIFAR-10's binary files, an ImageNet-style folder, or One Billion "
            "Word.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the results; by default experiments/results/SCALE."),
    ] = None,
    page_only: Annotated[
        bool,
        typer.Option(
            "--page-only", help="Run nothing: make the page and figures from the stored results."
        ),
    ] = False,
) -> None:
    """Replicate the paper's experiments.

    Finished runs are kept: the same command resumes an interrupted one.
    """
    for name in names or ():
        if name not in EXPERIMENTS:
            raise typer.BadParameter(f"must be among {LISTED}, got {name!r}", param_hint="names")
    if names and page_only:
        raise typer.BadParameter(
            f"shows all stored experiments and takes no names, got {' '.join(names)}",
            param_hint="--page-only",
        )
    scale = Scale.FULL if full else Scale.SMALL
    folder = out or Path(__file__).parent / "results" / scale
    try:
        page = conduct([] if page_only else names or list(EXPERIMENTS), scale, data, folder)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    except KeyboardInterrupt:
        Console().print("\nInterrupted. Run the same command to resume.")
        raise typer.Exit(130) from None
    Console().print(f"{page}")


if __name__ == "__main__":
    app(prog_name="python -m experiments")
