"""What a report says of one case, in words."""

from __future__ import annotations

from .document import Document

DIGITS = {"float64": 17, "complex128": 17}


def because(case: Document) -> str:
    """Why a case has its verdict: the first number out of bounds, or the port's words."""
    known, bad = case["known"], case["first_bad"]
    if known:
        link = f" ({known['link']})" if known["link"] else ""
        passes = "" if case["verdict"] == "xfail" else "known to fail, and it passes: "
        return f"{passes}{known['reason']}{link}"
    if not bad or case["text"]:
        return str(case["text"])
    got, want = (figure(bad[name], case["dtype"]) for name in ("got", "want"))
    return (
        f"step {bad['step']}, element {bad['element']}: got {got}, want {want}, "
        f"{times(bad['over'])}"
    )


def figure(x: float | str, dtype: str) -> str:
    """A number with all the digits that its dtype has."""
    return x if isinstance(x, str) else f"{x:.{DIGITS.get(dtype, 9)}g}"


def short(x: float | str) -> str:
    """A number with three digits."""
    return x if isinstance(x, str) else f"{x:.3g}"


def times(over: float | str) -> str:
    """An error in words; where nothing may be off, it is no multiple of anything."""
    return "where no error is allowed" if over == "inf" else f"{short(over)} times the bound"
