"""Draws docs/pictures/rooms.svg: who imports whom, as it stands in the sources.

`python docs/draw_rooms.py` writes it anew; `lint-imports` says which ways are allowed.
"""

from __future__ import annotations

import io
from pathlib import Path

import grimp
import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

PICTURE = Path(__file__).parent / "pictures" / "rooms.svg"
ROOTS = ("radam_ref", "radam_adapters", "radam_conformance")
SPECIFICATION = ("_config", "_terms", "_step")
PAPER = ("algorithm1", "schedules", "variance")
# Where each room stands, and what is in it; the arrows come from the imports.
ROOMS = {
    "radam_adapters": (1.4, 4.4, "Torch, JAX, NumPy in place,\nCuPy, SciPy"),
    "radam_conformance": (6.6, 4.4, "the judge: vectors, oracles,\nverdicts, diagnosis"),
    "radam_ref.optimize": (0.9, 2.4, "minimize, Stepper"),
    "the rest of the paper": (7.1, 2.4, "algorithm1, schedules,\nvariance"),
    "radam_ref": (4.0, 2.4, "its public names, dialects,\nboundary, state files"),
    "the specification": (4.0, 0.4, "_config, _terms, _step:\nAlgorithm 2, once"),
}
WIDTH, HEIGHT = 2.3, 1.0
BLUE = "#37618e"


def room(module: str) -> str:
    """The room that a module is in."""
    root, _, rest = module.partition(".")
    part = rest.partition(".")[0]
    if root != "radam_ref":
        return root
    if part in SPECIFICATION:
        return "the specification"
    return (
        "the rest of the paper"
        if part in PAPER
        else "radam_ref" + ".optimize" * (part == "optimize")
    )


def ways() -> list[tuple[str, str]]:
    """Which room imports which, each pair once."""
    graph = grimp.build_graph(*ROOTS, exclude_type_checking_imports=True, cache_dir=None)
    pairs = {
        (room(module), room(other))
        for module in graph.modules
        for other in graph.find_modules_directly_imported_by(module)
    }
    return sorted(pair for pair in pairs if pair[0] != pair[1])


def border(name: str, other: str) -> tuple[float, float]:
    """Where the line to another room leaves a room."""
    (x, y, _), (x_other, y_other, _) = ROOMS[name], ROOMS[other]
    middle, dx, dy = (x + WIDTH / 2, y + HEIGHT / 2), x_other - x, y_other - y
    reach = min(WIDTH / 2 / abs(dx) if dx else 9, HEIGHT / 2 / abs(dy) if dy else 9)
    return middle[0] + dx * reach, middle[1] + dy * reach


def drawn() -> str:
    """The picture, the same text each time."""
    figure = Figure(figsize=(8.2, 4.9))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0.6, 9.7), ylim=(0.1, 5.7))
    axes.axis("off")
    for name, (x, y, what) in ROOMS.items():
        box = FancyBboxPatch(
            (x, y), WIDTH, HEIGHT, boxstyle="round,pad=0.06", fc="#eef4fb", ec="#37618e"
        )
        axes.add_patch(box)
        axes.text(x + WIDTH / 2, y + 0.78, name, ha="center", va="center", weight="bold", size=11)
        axes.text(x + WIDTH / 2, y + 0.32, what, ha="center", va="center", size=9)
    for name, other in ways():
        start, end = border(name, other), border(other, name)
        style = {"arrowstyle": "-|>", "color": BLUE, "shrinkA": 5, "shrinkB": 5, "lw": 1.3}
        axes.annotate("", end, start, arrowprops=style)
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "rooms", "svg.fonttype": "path"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
    for name, other in ways():
        print(name, "imports", other)
