"""The formula as text: a few objects that write down the operators applied to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from radam_ref import Coefficients, Form, RAdamConfig, formula, with_rates

# What a step works on; with |g|^2 in a real v, real and imaginary parts are apart.
ARRAYS = {
    False: ("x", "g", "m", "v"),
    True: ("x_re", "x_im", "g_re", "g_im", "m_re", "m_im", "v"),
}

# The lines of a language with infix operators: {to} is the result, {0} and {1} are the operands.
INFIX = {sign: f"{{to}} = {{0}} {sign} {{1}}" for sign in "+-*/"}


class Line(NamedTuple):
    """One operator applied: the name of the result, the operator, the names of its operands."""

    to: str
    operator: str
    operands: tuple[str, ...]


class Program(NamedTuple):
    """Lines, and where each array's new value has come to be; arrays and coefficients have names.

    The value of an array, or the coefficient, has that name in the operands.
    """

    lines: list[Line]
    results: dict[str, str]

    def reads(self, names: Sequence[str]) -> list[str]:
        """Those of the names that an operand has."""
        read = {operand for line in self.lines for operand in line.operands}
        return [name for name in names if name in read]

    def text(self, language: Mapping[str, str]) -> list[str]:
        """The lines, by a template for each operator, with its result {to} and operands {0}, ..."""
        return [language[line.operator].format(*line.operands, to=line.to) for line in self.lines]


class Symbol:
    """A name; an operator applied to it appends a line, and is the name of its result."""

    def __init__(self, name: str, lines: dict[tuple[str, ...], str]) -> None:
        self.name, self.lines = name, lines

    def apply(self, operator: str, *operands: Symbol) -> Symbol:
        """What has been applied before is not applied again."""
        key = (operator, *(operand.name for operand in operands))
        return Symbol(self.lines.setdefault(key, f"a{len(self.lines)}"), self.lines)

    def __add__(self, other: Symbol) -> Symbol:
        return self.apply("+", self, other)

    def __sub__(self, other: Symbol) -> Symbol:
        return self.apply("-", self, other)

    def __mul__(self, other: Symbol) -> Symbol:
        return self.apply("*", self, other)

    def __truediv__(self, other: Symbol) -> Symbol:
        return self.apply("/", self, other)

    def __neg__(self) -> Symbol:
        return self.apply("negative", self)

    def __rsub__(self, number: int) -> Symbol:
        return self.apply(f"{number} -", self)

    def __eq__(self, number: object) -> Symbol:  # type: ignore[override]
        return self.apply(f"== {number}", self)


def sqrt(x: Symbol) -> Symbol:
    """The operator "sqrt"."""
    return x.apply("sqrt", x)


def where(condition: Symbol, x: Symbol, y: Symbol) -> Symbol:
    """The operator "where"."""
    return x.apply("where", condition, x, y)


def flatten(results: Sequence[Any]) -> Iterator[Symbol]:
    """The leaves of nested tuples."""
    for result in results:
        yield from flatten(result) if isinstance(result, tuple) else (result,)


def decays_by_rate(config: RAdamConfig) -> bool:
    """Whether params decay by an array of lr, as `trace` asks."""
    return config.weight_decay != 0 and config.axes.weight_decay == "decoupled"


def trace(form: Form, modulus: bool, rates: bool = False, decays: bool = False) -> Program:
    """The formula for one element; `rates`: lr is an array "rate", by which params decay or not."""
    lines: dict[tuple[str, ...], str] = {}
    names = ARRAYS[modulus]
    x: list[Any] = [Symbol(name, lines) for name in names]
    if modulus:
        x = [(x[0], x[1]), (x[2], x[3]), (x[4], x[5]), x[6]]
    c: Any = Coefficients._make(Symbol(name, lines) for name in Coefficients._fields)
    if rates:
        config = RAdamConfig(weight_decay=float(decays))
        form, c = with_rates(form, c, config, Symbol("rate", lines))
    results = flatten(formula(sqrt, where, form)[modulus](*x, c))
    changed = [name for name in names if name[0] != "g"]
    return Program(
        [Line(to, operator, tuple(operands)) for (operator, *operands), to in lines.items()],
        {name: symbol.name for name, symbol in zip(changed, results, strict=True)},
    )
