"""Tiers of tests, property tests that draw the same examples on every run, and interrupts."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .tiers import FRAMEWORKS, INSTALL, missing

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("repeatable")

# A shell starts what is in its background with SIGINT ignored, and every process passes that on.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Run the fast tier, unless `-m` chooses another or a file is named: that runs as a whole."""
    chosen = any(str(word).startswith("-m") for word in config.invocation_params.args)
    named = any(".py" in argument for argument in config.args)
    if not (chosen or named or config.option.markexpr):
        config.option.markexpr = "fast"


class FrameworkModule(pytest.Module):
    """A file test_FRAMEWORK_*.py: all its tests need the framework, which it imports."""

    framework = ""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        if self.config.option.markexpr == "fast":
            return []  # all are deselected: the framework need not be imported
        if names := missing(self.framework):
            pytest.skip(reason(names))
        self.add_marker(self.framework)
        return super().collect()


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    """Collect a file that is named after a framework as one that needs it."""
    framework = module_path.stem.removeprefix("test_").partition("_")[0]
    if framework not in FRAMEWORKS:
        return None
    module = FrameworkModule.from_parent(parent, path=module_path)
    module.framework = framework
    return module


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """One worker more than xdist would start: many tests wait for processes that they started."""
    return (yield) + 1


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what is neither slow nor in need of a framework as fast."""
    if not any(item.get_closest_marker(name) for name in ("slow", *FRAMEWORKS)):
        item.add_marker("fast")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip on Windows what needs a POSIX system."""
    for item in items if sys.platform == "win32" else ():
        if item.get_closest_marker("posix"):
            item.add_marker(pytest.mark.skip(reason="needs a POSIX system, for example WSL"))


def pytest_collection_finish() -> None:
    """Collect garbage less often, and without the frameworks, which stay to the end.

    JAX adds work of its own to each collection: they took more than half of the time of its tests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose framework is not installed."""
    for marker in FRAMEWORKS:
        if item.get_closest_marker(marker) and (names := missing(marker)):
            pytest.skip(reason(names))


def reason(names: list[str]) -> str:
    """Why a test is skipped, and what to do to run it."""
    return f"{', '.join(names)} is not installed: {INSTALL}"
