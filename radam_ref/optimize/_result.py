"""What `minimize` returns: SciPy's field names, with or without SciPy."""

from __future__ import annotations

from typing import Any

QUIET = ("state", "history")  # too long to print


class Result(dict[str, Any]):
    """A dict whose items are attributes too, printed as SciPy prints its OptimizeResult.

    Examples
    --------
    >>> Result(message="done", success=True, fun=0.5)
    message: done
    success: True
        fun: 0.5
    >>> Result(fun=0.5).fun
    0.5
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(f"the result has no {name!r}; it has {', '.join(self)}") from error

    __setattr__ = dict.__setitem__
    __delattr__ = dict.__delitem__

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        shown = ((key, str(value)) for key, value in self.items() if key not in QUIET)
        indent = "\n" + " " * (width + 2)
        return "\n".join(f"{key:>{width}}: {text.replace(chr(10), indent)}" for key, text in shown)
