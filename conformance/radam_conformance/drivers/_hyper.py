"""What a function looks at of the hyper-parameters: by running it, or by the words of its code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import CodeType, ModuleType
from typing import Any


def _reads_all(method: Callable[..., Any]) -> Any:
    """A method of a dict after which any of its values may have been read."""

    def reading(self: Read, *others: Any) -> Any:
        self._seen.update(dict.keys(self))
        return method(self, *others)

    return reading


class Read(dict[str, Any]):
    """A dict that remembers the keys that were read, all of them if it was taken as a whole."""

    # Without an __iter__ of its own, `f(**hyper)` and `dict(hyper)` would ask none of the others.
    __iter__ = _reads_all(dict.__iter__)
    keys = _reads_all(dict.keys)
    values = _reads_all(dict.values)
    items = _reads_all(dict.items)
    copy = _reads_all(dict.copy)
    __or__ = _reads_all(dict.__or__)
    __ror__ = _reads_all(dict.__ror__)

    def __init__(self, values: Mapping[str, Any], seen: set[str]) -> None:
        super().__init__(values)
        self._seen = seen

    def __getitem__(self, key: str) -> Any:
        self._seen.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """As of a dict."""
        self._seen.add(key)
        return super().get(key, default)


def words_of(module: ModuleType) -> frozenset[object]:
    """The names and constants in the module's code: what it can ask of hyper and arrays."""
    members = [x for c in vars(module).values() if inspect.isclass(c) for x in vars(c).values()]
    functions = filter(inspect.isfunction, [*vars(module).values(), *members])
    codes = [f.__code__ for f in functions]
    for code in codes:  # grows by what is nested
        codes += filter(inspect.iscode, code.co_consts)
    return frozenset(
        word for code in codes for word in (*code.co_consts, *code.co_names, *_parameters(code))
    )


def _parameters(code: CodeType) -> tuple[str, ...]:
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
