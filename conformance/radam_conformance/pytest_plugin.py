"""The suite as tests of pytest: inert until `--radam-impl` or `parametrize` asks for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `pytest --pyargs radam_conformance.suite`."""
    group = parser.getgroup("radam", "conformance to RAdam")
    group.addoption("--radam-impl", metavar="SPEC", help="The port, as for radam-conformance run.")
    group.addoption(
        "--radam-level", choices=("core", "all"), default="core", help="How much to ask; core."
    )
    group.addoption(
        "--radam-dialect", metavar="NAME", default="auto", help="Dialect to judge by; found out."
    )
    for word, what in (("map", "weight_decay=wd"), ("set", "foreach=true")):
        group.addoption(
            f"--radam-{word}",
            action="append",
            default=[],
            metavar=what,
            help=f"As --{word} of radam-conformance run; may be repeated.",
        )
    group.addoption(
        "--radam-timeout-scale",
        type=float,
        metavar="FACTOR",
        default=1.0,
        help="Factor on every time limit; 1.",
    )


def pytest_unconfigure() -> None:
    """No port is left behind."""
    if module := sys.modules.get("radam_conformance.examination"):
        module.close_all()


@dataclass(frozen=True)
class PortCase:
    """A case of the suite and the port that it is for: what a parametrized test is given.

    Attributes
    ----------
    id : str
        Of the case.
    spec, renames, options, dialect, timeout_scale
        As of `parametrize`.
    """

    id: str
    spec: str
    renames: tuple[str, ...]
    options: tuple[str, ...]
    dialect: str
    timeout_scale: float

    def check(self) -> None:
        """Run the case and judge it.

        The test fails with the words of the report, and is skipped if the port does not offer what
        the case needs.
        """
        from .examination import NotOffered, examination
        from .spec import LoadError

        port = examination(self.spec, self.renames, self.options, self.dialect, self.timeout_scale)
        try:
            report = port.report(self.id)
        except NotOffered as reason:
            pytest.skip(str(reason))
        except LoadError as error:
            pytest.fail(str(error), pytrace=False)
        if not report.is_met:
            pytest.fail(str(report), pytrace=False)


def cases(
    spec: str,
    level: str = "core",
    dialect: str = "auto",
    renames: Sequence[str] = (),
    options: Sequence[str] = (),
    timeout_scale: float = 1.0,
) -> list[PortCase]:
    """The cases for a port."""
    from .examination import dialect_named, factor_of_limits, ids
    from .spec import parse_spec

    parse_spec(spec, renames, options)
    dialect_named(dialect)
    port = spec, tuple(renames), tuple(options), dialect, factor_of_limits(timeout_scale)
    return [PortCase(id, *port) for id in ids(level)]
