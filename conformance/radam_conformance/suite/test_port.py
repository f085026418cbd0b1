"""A test for each case of the suite, of the port that `--radam-impl` names."""

import pytest

from radam_conformance.harness import check_system
from radam_conformance.pytest_plugin import PortCase, cases
from radam_conformance.spec import LoadError


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The cases of the level that was asked for."""
    option = metafunc.config.option
    if option.radam_impl is None:
        raise pytest.UsageError("radam_conformance.suite needs --radam-impl SPEC")
    names = ("level", "dialect", "map", "set", "timeout_scale")
    try:
        wanted = cases(option.radam_impl, *(getattr(option, f"radam_{name}") for name in names))
        check_system()
    except (LoadError, ValueError) as error:
        raise pytest.UsageError(f"radam_conformance.suite: {error}") from None
    metafunc.parametrize("case", wanted, ids=[case.id for case in wanted])


def test_port(case: PortCase) -> None:
    """The port computes what the case expects."""
    case.check()
