"""What the self-test found as a page of the documentation, docs/proof.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from .selftest import BEYOND, WITHIN, Result
from .specimens.faults import FAULTS
from .specimens.styles import STYLES
from .specimens.variants import WHOLES, WRITINGS

INTRODUCTION = """\
# How the judge is proved

A judge can fail in two ways: a wrong RAdam passes, or a right one is accused. Both are tried, on
every case of the suite, by `radam-conformance selftest`, which runs in the gate and wrote this page
(`--page docs/proof.md`).

There is one textbook program in NumPy (`conformance/radam_conformance/specimens/textbook.py`). A
*fault* is an edit of its text that makes it wrong, a *variant* one that writes the same algorithm
otherwise. So each is a whole port, that runs whatever a case asks for. The stored numbers it is
compared with come from ball arithmetic, which shares nothing with it.
"""

VARIANTS = """\
## Right programs

Every combination of a way to write beta^t, line 6, line 5 and lines 7 to 14 is tried:
{count} programs, of which {product} are the product of this table. No other rounding, order of
operations or libm may be accused, so each must stay within {within:g} of the bound; the worst
reaches **{worst:.3f}**, in `{case}`.

| line | ways to write it |
|---|---|
"""

FAULTY = """\
## Wrong programs

{count} faults, {seen} of them with where they were seen; the others were thought of so that their
kinds are complete. Each must be {beyond:g} times beyond the bound of some case, and is killed then:
**{killed} of {count} are**. The one that comes nearest to a bound, among those that neither raise
nor make NaN, reaches **{least:.3g}** times. "Killed by" counts the cases that it fails, of
{cases}: those of `extreme`, where either branch is right, are left out. {equivalent} further edits
are proved to be no faults.

The last column says who else would have noticed it. These are re-creations of how others test their
optimizers, with their inputs, steps and tolerances, and exact numbers to compare with:

| | how it tests | notices |
|---|---|---|
"""


LIMITS = """\
What no fault of this kind can show stands in [limits.md](limits.md).
"""


def page(result: Result) -> str:
    """The page in Markdown."""
    return "\n".join([INTRODUCTION, *_variants(result), "", *_faults(result), "", LIMITS])


def _variants(result: Result) -> Iterator[str]:
    worst = max(result.spreads, key=lambda spread: spread.over)
    product = math.prod(len(ways) for ways in WRITINGS.values())
    yield VARIANTS.format(
        count=len(result.spreads),
        product=product,
        within=WITHIN,
        worst=worst.over,
        case=worst.case,
    ).rstrip()
    yield from table_of_variants()


def table_of_variants() -> Iterator[str]:
    """The rows of the table of right programs."""
    for line, ways in WRITINGS.items():
        yield _row(line.replace("power", "beta^t"), "; ".join(ways))
    yield _row("all of them, with every beta^t", "; ".join(WHOLES))


def _faults(result: Result) -> Iterator[str]:
    trials = {trial.name: trial for trial in result.trials}
    real = [trial for trial in result.trials if not FAULTS[trial.name].equivalent]
    finite = [trial.over for trial in real if math.isfinite(trial.over)]
    yield FAULTY.format(
        count=len(real),
        seen=sum(bool(FAULTS[trial.name].source) for trial in real),
        killed=len(real) - len(result.survivors),
        beyond=BEYOND,
        least=min(finite),
        cases=sum(result.cases.values()),
        equivalent=len(result.trials) - len(real),
    ).rstrip()
    yield _row("suite", "every case of this suite", f"{len(real) - len(result.survivors)}")
    for style in STYLES:
        notices = sum(style in trial.noticed for trial in real)
        yield _row(style, STYLES[style].sentence, str(notices))
    yield ""
    yield _row("fault", "breaks", "seen in", "killed by", "noticed by")
    yield "|---|---|---|---|---|"
    for name, row in table_of_faults().items():
        trial = trials[name]
        yield f"{row} {sum(trial.kills.values())} | {', '.join(trial.noticed)} |"
    yield ""
    yield from _equivalent()


def table_of_faults() -> Mapping[str, str]:
    """How the row of every fault begins: what is known of it without trying it."""
    return {
        name: _row(fault.sentence, fault.line, _linked(fault.source))
        for name, fault in FAULTS.items()
        if not fault.equivalent
    }


def _equivalent() -> Iterator[str]:
    yield "Proved to be no faults:"
    yield ""
    for fault in FAULTS.values():
        if fault.equivalent:
            yield f"- {fault.sentence}. {fault.equivalent}"


def _linked(source: str) -> str:
    """Addresses shortened to what tells them apart."""
    words = source.split()
    shown = (
        f"[{'/'.join(word.split('/')[3:])}]({word})" if word.startswith("https://") else word
        for word in words
    )
    return " ".join(shown)


def _row(*cells: str) -> str:
    return f"| {' | '.join(_escaped(cells))} |"


def _escaped(cells: Iterable[str]) -> Iterator[str]:
    return (cell.replace("|", "\\|") for cell in cells)
