"""A driver takes the rehearsed set for a real one; our doors live through what happens to it."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest

from api_bridge.app import MONGO_SECONDS
from resources.clock import SystemClock
from resources.errors import AlreadyExists, Unavailable
from resources.mongo.connection import MongoConnection
from resources.mongo.stores import MongoStores
from resources.wiring import environment
from tests.rehearsals.replica_set import NAME, ReplicaSet, replica_set
from tests.waiting import Stopwatch, eventually

WRITES = 40
CLOCK = SystemClock()


@pytest.fixture
def members(stack: Mapping[str, str]) -> Iterator[ReplicaSet]:
    """The set, in front of the server of the stack."""
    url = urlsplit(stack[environment.MONGODB_URI])
    with replica_set((str(url.hostname), int(url.port or 0))) as found:
        yield found


@pytest.fixture
def through(members: ReplicaSet, database: MongoConnection) -> Iterator[MongoStores]:
    """Every store over an empty database, through the set, with the bridge's patience."""
    MongoStores(database).ensure_indexes()
    connection = MongoConnection(
        uri=members.uri,
        database=database.collection("any").database.name,
        operation_seconds=MONGO_SECONDS,
    )
    with closing(MongoStores(connection)) as found:
        yield found


def written(stores: MongoStores, began: threading.Event, happening: threading.Event) -> list[str]:
    """Make exports from four threads, and read each; say when the first was made.

    Args:
        stores: Where they are made.
        began: Is set then.
        happening: Half of them wait for it.
    """

    def write(number: int) -> str:
        name = f"exp_{number:024x}"
        if number >= WRITES // 2:
            happening.wait(30)
        with suppress(AlreadyExists):  # the try before was stored, and its answer is lost
            eventually(lambda: _made(stores, name))
        began.set()
        CLOCK.sleep(0.02)
        return eventually(lambda: _read(stores, name))

    with ThreadPoolExecutor(4) as writers:
        return list(writers.map(write, range(WRITES)))


def _made(stores: MongoStores, name: str) -> bool:
    """Whether it was stored: False is what a caller of the bridge hears as 503, and tries again.

    While four threads learn that a member is no primary any more, the driver sends some of their
    writes as ones that it will not send again.
    """
    try:
        stores.exports.insert({"_id": name, "status": "queued"})
    except Unavailable:
        return False
    return True


def _read(stores: MongoStores, name: str) -> str | None:
    try:
        return str((stores.exports.find(name) or {})["_id"])
    except Unavailable:
        return None


def all_there(stores: MongoStores) -> int:
    """How many exports there are."""
    return sum(stores.operations.counts().values())


@pytest.mark.parametrize("killed", [False, True])
def test_no_write_is_lost_or_doubled_while_another_primary_is_elected(
    members: ReplicaSet, through: MongoStores, killed: bool
) -> None:
    """It stepped down, or is gone with its connections; the driver finds the one that follows."""
    began, happening = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as beside:
        writing = beside.submit(written, through, began, happening)
        began.wait(30)
        with members.without_primary(killed=killed):
            happening.set()
            CLOCK.sleep(0.5)
        names = writing.result()

    assert len(set(names)) == WRITES == all_there(through)
    assert killed or members.refused > 0
    assert through.about().replica_set == NAME


def test_while_nobody_is_elected_a_write_is_one_that_may_be_tried_again(
    members: ReplicaSet, through: MongoStores
) -> None:
    """Not refused for good, and not waited for longer than a caller of the bridge would."""
    through.exports.insert({"_id": "exp_1", "status": "queued"})
    with members.without_primary():
        with Stopwatch() as watch, pytest.raises(Unavailable, match="MONGO_"):
            through.exports.insert({"_id": "exp_2", "status": "queued"})
        assert watch.seconds < 2 * MONGO_SECONDS

    through.exports.insert({"_id": "exp_2", "status": "queued"})
    assert all_there(through) == 2


def test_a_lost_secondary_is_not_noticed(members: ReplicaSet, through: MongoStores) -> None:
    """Nothing is read from it: each read and write is the primary's."""
    began, happening = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as beside:
        writing = beside.submit(written, through, began, happening)
        began.wait(30)
        members.other.go()
        happening.set()
        names = writing.result()

    assert len(set(names)) == WRITES == all_there(through)
    assert members.refused == 0
