"""Faults that are in no list of the judge: other constants, two at once, other places."""

from typing import NamedTuple

from radam_conformance.specimens import lines
from radam_conformance.specimens.edits import Edit
from radam_conformance.specimens.faults import FAULTS
from radam_conformance.specimens.lines import after
from radam_ref import Dialect, dialects

PAPER, TORCH = Dialect(), dialects["pytorch"]


class Unlisted(NamedTuple):
    """A fault, and what a diagnosis of it may say.

    Attributes
    ----------
    name : str
    edits : tuple of Edit
    true : tuple of str
        Every named cause has one of these in its line or its sentence; empty: nothing may be named.
    dialect : Dialect
    """

    name: str
    edits: tuple[Edit, ...]
    true: tuple[str, ...] = ()
    dialect: Dialect = PAPER

    @property
    def is_named(self) -> bool:
        """Whether anything is to be named."""
        return bool(self.true)


def _one(name: str, edit: tuple[str, str], *true: str, dialect: Dialect = PAPER) -> Unlisted:
    return Unlisted(name, (Edit(*edit),), true, dialect)


def _two(one: str, other: str, dialect: Dialect = PAPER) -> Unlisted:
    """Two known faults in one program: each is one that may be named, and nothing else."""
    known = [FAULTS[name] for name in (one, other)]
    edits = tuple(edit for fault in known for edit in fault.edits)
    return Unlisted(f"{one} + {other}", edits, tuple(f.sentence for f in known), dialect)


UNLISTED = (
    # other constants
    _one("t three ahead", (lines.T, "t, dialect = self.t[i] + 3, self.dialect"),
         "t is 3 too large"),
    _one("update by 1.01", (lines.APPLY, "return x - 1.01 * h.lr * u"), "1.01 times"),
    _one("r by 0.9", (lines.RECTIFIED, lines.RECTIFIED.replace("u = ", "u = 0.9 * ")),
         "0.9 times the right one in rectified steps"),
    _one("momentum by 3", (lines.UNRECTIFIED, "else 3 * m_hat\n"),
         "3 times the right one in steps that are not rectified"),
    _one("threshold 4.7", (lines.TRACTABLE, "if rho_t > 4.7:"), "line 9"),
    _one("threshold 20", (lines.TRACTABLE, "if rho_t > 20:"), "line 9"),
    _one("eps threefold", (lines.AFTER, "np.asarray(root + 3 * h.eps)")),
    _one("gradient by 1.5", after(lines.GROUP, "g = 1.5 * g"),
         "1.5 times the right one in steps that are not rectified"),
    _one("r to the fourth", (lines.ROOT, "r_t = squared * squared")),
    _one("three t for two", (lines.RHO_T, lines.RHO_T.replace("2 * t", "3 * t")),
         "no step is ever rectified"),
    # in another dialect
    _one("t three ahead, torch", (lines.T, "t, dialect = self.t[i] + 3, self.dialect"),
         "t is 3 too large", dialect=TORCH),
    _two("lr-of-the-first-group", "count-of-the-first-tensor", TORCH),
    # two at once, each in its own cases
    _two("decay-without-lr", "missing-as-zero"),
    _two("eps-of-the-first-group", "maximize-ignored"),
    _two("zero-by-zero", "lr-of-the-first-group"),
    # two at once, in the same cases
    _two("t-starts-at-2", "decay-without-lr"),
    _two("m-uncorrected", "lr-of-the-first-group"),
    _two("t-starts-at-2", "eps-under-the-root"),
    Unlisted("r-squared + m-uncorrected",
             FAULTS["r-squared"].edits + FAULTS["m-uncorrected"].edits),
)  # fmt: skip
