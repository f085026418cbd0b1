"""Which faults each case is there for: those that it kills clearly, and few other cases kill.

`python -m radam_conformance.authoring.kills` tries every fault on every stored case and writes
`kills.json` anew; `regenerate` then puts it into the cases.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

FILE = Path(__file__).with_name("kills.json")
MOST = 6  # faults of a case

Overs = Mapping[str, float]  # the largest error over the bound, by id of a case


@cache
def _stored() -> dict[str, list[str]]:
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def kills_of(design: str) -> tuple[str, ...]:
    """The faults that a design, `profile/name-01`, kills in each of its dtypes."""
    return tuple(_stored().get(design, ()))


def choose(matrix: Mapping[str, Overs], beyond: float) -> dict[str, list[str]]:
    """The faults of each design, those first that the fewest designs kill.

    Parameters
    ----------
    matrix : mapping of fault to mapping of case id to float
        How far the fault is over the bound.
    beyond : float
        A case kills where it is farther over than this, in each dtype of the design.

    Returns
    -------
    dict of design to list of fault
        Designs that kill nothing are left out.
    """
    killed: dict[str, set[str]] = {}
    for fault, overs in matrix.items():
        least: dict[str, float] = {}
        for id, over in overs.items():
            design = id.rpartition("-")[0]
            least[design] = min(over, least.get(design, over))
        for design, over in least.items():
            if over > beyond:
                killed.setdefault(design, set()).add(fault)
    common = Counter(fault for faults in killed.values() for fault in faults)
    return {
        design: sorted(faults, key=lambda fault: (common[fault], fault))[:MOST]
        for design, faults in killed.items()
    }


def _overs(fault: str) -> dict[str, float]:
    from ..selftest import cases, largest_over
    from ..specimens.edits import program
    from ..specimens.faults import FAULTS

    faulty = program(FAULTS[fault].edits)
    return {case.id: largest_over(faulty, case, "paper") for case in cases()}


def main() -> None:
    """Try the faults, and write the file."""
    from ..selftest import BEYOND
    from ..specimens.faults import FAULTS

    names = [name for name, fault in FAULTS.items() if not fault.equivalent]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        matrix = dict(zip(names, pool.map(_overs, names, chunksize=4), strict=True))
    chosen = choose(matrix, BEYOND)
    lines = (f"{json.dumps(key)}: {json.dumps(chosen[key])}" for key in sorted(chosen))
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
