"""A replay server in this process, and the driver's view of it."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pymongo
import pytest

from benchmarks.replay.entries import Entries
from benchmarks.replay.server import LOOPBACK, Replay, Server

COUNT = 1_200


@pytest.fixture(scope="session")
def entries() -> Entries:
    """The entries that are served."""
    return Entries(COUNT)


@pytest.fixture(scope="session")
def uri(entries: Entries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where they are served."""
    replay = Replay(folder(tmp_path_factory), entries)
    with closing(replay), closing(Server(replay.speak)) as server:
        threading.Thread(target=server.serve, daemon=True).start()
        yield f"mongodb://{LOOPBACK}:{server.port}/?directConnection=true"


def folder(factory: pytest.TempPathFactory) -> Path:
    """Where tapes lie."""
    return factory.mktemp("tapes")


@pytest.fixture(scope="session")
def database(uri: str) -> Iterator["pymongo.database.Database[dict[str, Any]]"]:
    """The database, as PyMongo shows it."""
    with pymongo.MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        yield client["fanreg"]
