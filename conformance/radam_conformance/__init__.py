"""The judge: does an implementation compute RAdam, which dialect, how precisely, what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from .report import Report

__all__ = ["check", "parametrize"]


def check(
    spec: str,
    *,
    level: str = "all",
    dialect: str = "auto",
    renames: Sequence[str] = (),
    options: Sequence[str] = (),
    timeout_scale: float = 1.0,
) -> Report:
    """Judge a port, as `radam-conformance run` does.

    Parameters
    ----------
    spec : str
        The port, for example "torch:torch.optim.RAdam" or "func:port.py:step".
    level : str
        core, or all: Core, every profile that the port offers, and the laws.
    dialect : str
        To judge by; auto finds out which one it computes.
    renames, options : sequence of str
        Words of `--map` and `--set`, for example "foreach=true".
    timeout_scale : float
        Factor on every time limit, from 0.01 to 1000.

    Returns
    -------
    Report
        `report.is_met` says whether all is met, `str(report)` is what `run` prints.

    Raises
    ------
    ValueError
        An argument is not one that is allowed.
    LoadError
        The port cannot be started.

    Notes
    -----
    In a test of one's own::

        def test_port():
            report = radam_conformance.check("func:port.py:step", level="core")
            assert report.is_met, report
    """
    from .cases import load_suite
    from .examination import SEED, dialect_named, factor_of_limits, ids
    from .judge import judge
    from .spec import parse_spec

    wanted = set(ids(level))
    return judge(
        parse_spec(spec, renames, options),
        [case for case in load_suite() if case.id in wanted],
        dialect=dialect_named(dialect),
        seed=SEED if level == "all" else None,
        timeout_scale=factor_of_limits(timeout_scale),
    )


def parametrize(
    spec: str,
    *,
    level: str = "core",
    dialect: str = "auto",
    renames: Sequence[str] = (),
    options: Sequence[str] = (),
    timeout_scale: float = 1.0,
) -> pytest.MarkDecorator:
    """Give a test the cases of the suite one after the other, each with its id.

    Parameters
    ----------
    spec, level, dialect, renames, options, timeout_scale
        As of `check`; `level` is core if it is not given.

    Returns
    -------
    MarkDecorator
        The test takes an argument `case`, a `PortCase`, and calls `case.check()`.

    Raises
    ------
    ValueError
        An argument is not one that is allowed.

    Notes
    -----
    The port runs in a process of its own, started once for each process of pytest::

        @radam_conformance.parametrize("func:port.py:step")
        def test_port(case):
            case.check()
    """
    import pytest

    from .pytest_plugin import cases

    wanted = cases(spec, level, dialect, renames, options, timeout_scale)
    return pytest.mark.parametrize("case", wanted, ids=[case.id for case in wanted])
