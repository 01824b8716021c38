"""A connection to the replay server of a test module, which names it `server`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.mongo.connection import MongoConnection
from tests.resources.mongo.serving import Watched, connected


@pytest.fixture(scope="module")
def tapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tapes lie."""
    return tmp_path_factory.mktemp("tapes")


@pytest.fixture
def connection(server: Watched) -> Iterator[MongoConnection]:
    """Who asks it."""
    with connected(server) as connection:
        yield connection
