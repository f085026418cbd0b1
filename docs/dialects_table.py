"""The tables of docs/dialects.md, from `radam_ref.dialects` and `radam_ref.origins`.

`python docs/dialects_table.py` prints them.
"""

from __future__ import annotations

from radam_ref import Dialect, Origin, dialects, origins

WHENCE = ("name", "lr; beta1, beta2; eps", "computes in", "read in")
# Each axis: the head of its column, and what stands there for a value that is no plain word.
AXES = {
    "threshold": "rectifies where rho_t >",
    "eps_placement": "divides by",
    "eps_root": "eps_root",
    "unrectified": "and until then",
    "weight_decay": "weight decay",
    "nesterov": "Nesterov",
    "complex": "complex",
}
WORDS = {
    "after_correction": "√v̂ + eps",
    "before_correction": "(√v + eps), corrected",
    "floor": "max(√v̂/r, √eps)",
    "momentum": "moves by m̂",
    "hold": "holds still",
    "absolute": "decoupled, without lr",
}


def markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ("---",) * len(head), *rows])


def what() -> str:
    """The table of what each computes: a row for each dialect, with all the names it has."""
    varied = [axis for axis in AXES if len({getattr(d, axis) for d in dialects.values()}) > 1]
    rows: dict[Dialect, list[str]] = {}
    for name, dialect in dialects.items():
        rows.setdefault(dialect, []).append(f"`{name}`")
    return markdown(
        ("names", *(AXES[axis] for axis in varied)),
        [(", ".join(names), *(word(d, axis) for axis in varied)) for d, names in rows.items()],
    )


def word(dialect: Dialect, axis: str) -> str:
    """What a dialect does on an axis, in words."""
    value = getattr(dialect, axis)
    return WORDS.get(value, value) if isinstance(value, str) else f"{value:g}"


def number(value: float | None) -> str:
    """As short as people write it; a dash where the caller must give one."""
    return "–" if value is None else f"{value:g}".replace("e-0", "e-")


def whence(name: str, origin: Origin) -> tuple[str, ...]:
    """A row: the defaults of a port, the dtypes it computes in, and where that was read."""
    threads = (f"[#{url.rpartition('/')[-1]}]({url})" for url in origin.evidence)
    return (
        f"`{name}`",
        f"{number(origin.lr)}; {origin.beta1:g}, {origin.beta2:g}; {number(origin.eps)}",
        ", ".join(origin.computes_in),
        ", ".join([origin.source, *threads]),
    )


def tables() -> dict[str, str]:
    """Both tables, by the comment in the page that each takes the place of."""
    return {
        "what each computes": what(),
        "where each was read": markdown(WHENCE, [whence(*item) for item in origins.items()]),
    }


if __name__ == "__main__":
    print("\n\n".join(tables().values()))
