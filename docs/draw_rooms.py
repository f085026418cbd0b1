"""Draws docs/pictures/rooms.svg: the imports between the parts of the project.

`python docs/draw_rooms.py` updates it from the sources; `lint-imports` checks which imports are
allowed.
"""

from __future__ import annotations

from pathlib import Path

import grimp

PICTURE = Path(__file__).parent / "pictures" / "rooms.svg"
ROOTS = ("radam_ref", "radam_adapters", "radam_conformance")
SPECIFICATION = ("_config", "_terms", "_step")
PAPER = ("algorithm1", "schedules", "variance")
# The center of each part's box in pixels, and what the part contains.
PARTS = {
    "radam_adapters": (175, 55, ("Torch, JAX, NumPy in place,", "CuPy, SciPy")),
    "radam_conformance": (645, 55, ("the suite: vectors, oracles,", "verdicts, diagnosis")),
    "radam_ref.optimize": (130, 235, ("minimize, Stepper",)),
    "the rest of the paper": (690, 235, ("algorithm1, schedules,", "variance")),
    "radam_ref": (410, 235, ("public names, dialects,", "validation, state files")),
    "the specification": (410, 415, ("_config, _terms, _step:", "Algorithm 2")),
}
WIDTH, HEIGHT, GAP = 230, 90, 4
# The background is white in dark mode too: whether a site is dark is not known inside a picture.
HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 470" width="820" height="470">
<style>
text { font: 14px sans-serif; text-anchor: middle; fill: #222 }
.name { font-size: 16px; font-weight: bold }
.part { fill: #eef4fb; stroke: #37618e }
line { stroke: #37618e; stroke-width: 2; marker-end: url(#tip) }
</style>
<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="6" markerHeight="6" orient="auto">
<path d="M0 0 8 4 0 8z" fill="#37618e"/>
</marker>
<rect width="820" height="470" fill="#fff"/>"""


def part(module: str) -> str:
    """The part of the project that a module belongs to."""
    root, _, rest = module.partition(".")
    inside = rest.partition(".")[0]
    if root != "radam_ref":
        return root
    if inside in SPECIFICATION:
        return "the specification"
    if inside in PAPER:
        return "the rest of the paper"
    return "radam_ref.optimize" if inside == "optimize" else "radam_ref"


def imports() -> list[tuple[str, str]]:
    """Which part imports which, each pair once."""
    graph = grimp.build_graph(*ROOTS, exclude_type_checking_imports=True, cache_dir=None)
    pairs = {
        (part(module), part(other))
        for module in graph.modules
        for other in graph.find_modules_directly_imported_by(module)
    }
    return sorted(pair for pair in pairs if pair[0] != pair[1])


def border(name: str, other: str) -> tuple[float, float]:
    """Where the line between the centers of two parts leaves the box of the first."""
    (x, y, _), (x_other, y_other, _) = PARTS[name], PARTS[other]
    dx, dy = x_other - x, y_other - y
    horizontal = (WIDTH / 2 + GAP) / abs(dx) if dx else 1
    vertical = (HEIGHT / 2 + GAP) / abs(dy) if dy else 1
    reach = min(horizontal, vertical)
    return x + dx * reach, y + dy * reach


def drawn() -> str:
    """The picture as SVG."""
    lines = [HEAD]
    for name, (x, y, contents) in PARTS.items():
        lines.append(
            f'<rect class="part" x="{x - WIDTH // 2}" y="{y - HEIGHT // 2}" '
            f'width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        )
        lines.append(f'<text class="name" x="{x}" y="{y - 15}">{name}</text>')
        for row, content in enumerate(contents):
            lines.append(f'<text x="{x}" y="{y + 10 + 19 * row}">{content}</text>')
    for name, other in imports():
        (x1, y1), (x2, y2) = border(name, other), border(other, name)
        lines.append(f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}"/>')
    return "\n".join([*lines, "</svg>"]) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8", newline="\n")
    for name, other in imports():
        print(name, "imports", other)
