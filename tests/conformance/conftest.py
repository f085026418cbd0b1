"""What the judge computes for a combination of axes that has no stored vectors, computed once."""

from collections.abc import Iterator
from functools import cache

import pytest

from radam_conformance.truth import balls


@pytest.fixture(scope="session")
def oracle_once() -> Iterator[None]:
    """The oracle remembers, so that every report after the first costs a fraction."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(balls, "expected", cache(balls.expected))
        yield
