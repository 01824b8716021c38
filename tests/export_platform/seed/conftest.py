"""Two packs that several files look at: made once."""

from typing import Any

import pytest

from export_platform.local.seed.catalog import sized_pack
from tests.export_platform.seed.made import Made


@pytest.fixture(scope="session")
def small() -> Made:
    """A small pack of 4,000 entries."""
    return Made(sized_pack("small", entries=4_000))


@pytest.fixture(scope="session")
def small_entries(small: Made) -> list[dict[str, Any]]:
    """Its entries."""
    return small.documents("entries")


@pytest.fixture(scope="session")
def nasty() -> Made:
    """The whole nasty pack."""
    return Made(sized_pack("nasty"))
