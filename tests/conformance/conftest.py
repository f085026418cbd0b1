"""What is done once for all tests here: numbers of the oracle, and ports that many tests ask."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import pytest

from radam_conformance.cases import Case
from radam_conformance.harness import Harness, Outcome
from radam_conformance.judge import judge
from radam_conformance.protocol import RunRequest, write_request
from radam_conformance.report import Report
from radam_conformance.spec import parse_spec
from radam_conformance.truth import balls


@pytest.fixture(scope="session")
def oracle_once() -> Iterator[None]:
    """The oracle remembers, so that every report after the first costs a fraction."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(balls, "expected", cache(balls.expected))
        yield


RUNNING = 8  # a framework takes a quarter of a GiB


class SharedPort:
    """A running port that remembers what it answered, with the interface of a `Harness`.

    Starting one takes seconds where it imports a framework.
    """

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self._outcomes: dict[str, Outcome] = {}
        self.hello = harness.hello
        self.close = harness.close

    @property
    def restarts(self) -> int:
        return self._harness.restarts

    @property
    def gave_up(self) -> str:
        return self._harness.gave_up

    def run(self, request: RunRequest) -> Outcome:
        asked = write_request(request)
        if asked not in self._outcomes:
            self._outcomes[asked] = self._harness.run(request)
        return self._outcomes[asked]

    def __enter__(self) -> "SharedPort":
        return self

    def __exit__(self, *_: object) -> None:
        """It stays for the next test."""


Connect = Callable[..., SharedPort]


@pytest.fixture(scope="session")
def connect() -> Iterator[Connect]:
    """The shared port of a spec with its options; `x64` is for JAX.

    Few processes run at a time: one that was closed starts again with the next new request.
    """
    ports: dict[tuple[object, ...], SharedPort] = {}

    def start(text: str, *options: str, x64: bool = False) -> SharedPort:
        wide = x64 and text.startswith("optax:")
        key = (text, options, wide)
        if key not in ports:
            for idle in list(ports.values())[: 1 - RUNNING]:
                idle.close()
            environment = [f"JAX_ENABLE_X64={int(wide)}"]
            spec = parse_spec(text, options=options, environment=environment)
            ports[key] = SharedPort(Harness(spec))
        return ports[key]

    yield start
    for port in ports.values():
        port.close()


Judged = Callable[..., Report]


@pytest.fixture(scope="session")
def judged(connect: Connect) -> Judged:
    """Reports on shared ports."""

    def report(
        text: str, *options: str, cases: Sequence[Case], x64: bool = False, **how: Any
    ) -> Report:
        shared = connect(text, *options, x64=x64)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("radam_conformance.judge.Harness", lambda *_, **__: shared)
            return judge(parse_spec(text, options=options), cases, **how)

    return report
