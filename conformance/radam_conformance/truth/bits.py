"""Numbers as IEEE-754 bit patterns, and balls as correctly rounded pairs hi + lo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from flint import arb

from ..protocol import from_words, to_words


class Format(NamedTuple):
    """A binary interchange format of IEEE 754.

    Attributes
    ----------
    unit : float
        Unit roundoff, half the distance from 1 to the next larger number.
    tiny : float
        Smallest subnormal number: no rounding is off by more than half of it in the
        subnormal range.
    largest : float
        Largest finite number.
    """

    unit: float
    tiny: float
    largest: float


FORMATS = {
    "float64": Format(2.0**-53, 2.0**-1074, (2 - 2.0**-52) * 2.0**1023),
    "float32": Format(2.0**-24, 2.0**-149, (2 - 2.0**-23) * 2.0**127),
    "float16": Format(2.0**-11, 2.0**-24, 65504.0),
    "bfloat16": Format(2.0**-8, 2.0**-133, (2 - 2.0**-7) * 2.0**127),
}
FORMATS |= {"complex128": FORMATS["float64"], "complex64": FORMATS["float32"]}  # of their parts
HALF = ("float16", "bfloat16")


def arithmetic(dtype: str) -> Format:
    """What the moments and the arithmetic are in: float32 for half precision params (S9)."""
    return FORMATS["float32" if dtype in HALF else dtype]


def to_bits(values: Sequence[float], dtype: str = "float64") -> list[str]:
    """Bit patterns of numbers that are exactly representable in `dtype`.

    Raises
    ------
    ValueError
        A number is not representable in `dtype`.
    """
    try:
        patterns = to_words(values, dtype).split()
    except OverflowError:
        patterns = []
    if from_words(patterns, dtype) != tuple(values):
        raise ValueError(f"values must be exactly representable in {dtype}, got {list(values)}")
    return patterns


def split(x: arb) -> tuple[float, float] | None:
    """`x` as an unevaluated sum hi + lo of two binary64 numbers, ties to even.

    Returns
    -------
    (hi, lo) or None
        hi is the binary64 number nearest to every number in the ball, lo the one nearest to
        every remainder; None where the ball is too wide to tell.

    Notes
    -----
    No ball tells a number of few bits (x0 - lr*g_1, a constant gradient) from its neighbors. Where
    a ball narrower than 2^-240 of the value contains a number of 160 bits, that number is taken;
    the odds of taking a wrong one are 2^-80, and the witness repeats the stored ones with 1200
    bits.
    """
    hi = float(x)
    remainder = x - hi
    lo = 0.0 if remainder.contains(0) else float(remainder)
    if _is_nearest(hi, x) and (remainder.is_zero() or _is_nearest(lo, remainder)):
        return hi, lo
    mantissa, exponent = (int(part) for part in x.mid().man_exp())
    dropped = max(0, mantissa.bit_length() - 160)
    short = round(Fraction(mantissa, 2**dropped))
    ball = arb((short, exponent + dropped))
    if x.contains(ball) and x.rad() <= abs(ball) * arb(2) ** -240:
        return round_pair(short * Fraction(2) ** (exponent + dropped))
    return None


def round_pair(value: Fraction) -> tuple[float, float]:
    """The binary64 number nearest to `value`, and the one nearest to the remainder."""
    hi = float(value)
    return hi, float(value - Fraction(hi))


def _is_nearest(candidate: float, x: arb) -> bool:
    """Whether every number in `x` has `candidate` as its nearest binary64 number."""
    below = (arb(candidate) + math.nextafter(candidate, -math.inf)) / 2
    above = (arb(candidate) + math.nextafter(candidate, math.inf)) / 2
    return bool(below < x) and bool(x < above)


def round_up(x: arb) -> float:
    """The least binary64 number proved to be at least every number in the ball; inf if none."""
    top = x.upper()
    if not top.is_finite():
        return math.inf
    nearest = float(top)
    return nearest if arb(nearest) >= top else math.nextafter(nearest, math.inf)
