"""One scene a test."""

from collections.abc import Iterator

import pytest

from tests.sensors.scene import Scene, scene


@pytest.fixture
def stage() -> Iterator[Scene]:
    """A code location over fakes, with one campaign on sale."""
    with scene() as made:
        yield made
