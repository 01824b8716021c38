"""Batches that come unasked: every entry once, whatever becomes of the stream."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import pytest

from benchmarks.replay.entries import Entries
from resources.errors import Unavailable
from resources.mongo import connection as mongo
from resources.mongo import raw_batches
from resources.mongo.connection import MongoConnection
from resources.mongo.entries import EntryStore, Scan
from tests.resources.mongo.serving import Watched, connected

PAGE, BATCH, PAGES = 500, 50, 3
COUNT = PAGES * PAGE
BATCHES_A_PAGE = PAGE // BATCH
FINDS = PAGES + 1  # the last one finds that there is no more
IN_A_PAGE = BATCHES_A_PAGE + BATCHES_A_PAGE // 2


@pytest.fixture
def server(tapes: Path) -> Iterator[Watched]:
    """What the entries come from."""
    with closing(Watched(tapes, Entries(COUNT))) as replay:
        yield replay


@pytest.fixture
def store(connection: MongoConnection) -> EntryStore:
    """The door, which knows its server as it does once a campaign was loaded."""
    return EntryStore(connection)


def batches(store: EntryStore, server: Watched) -> Iterator[list[bytes]]:
    """What a scan of all entries gives."""
    scan = Scan(filter={"campaignId": server.entries.campaign}, sort=("createdAt", "_id"))
    return map(list, store.scan(scan, page_size=PAGE, batch_size=BATCH))


def read(store: EntryStore, server: Watched) -> list[bytes]:
    """All entries."""
    return [entry for batch in batches(store, server) for entry in batch]


def everything(server: Watched) -> list[bytes]:
    """What there is."""
    return [server.entries.raw(position) for position in range(COUNT)]


def test_a_page_is_asked_for_twice_and_comes_whole(store: EntryStore, server: Watched) -> None:
    """The first batch answers `find`, and all others come for one `getMore`."""
    assert read(store, server) == everything(server)
    assert server.asked["find"] == FINDS
    assert server.asked["getMore"] == PAGES


def test_without_the_stream_each_batch_is_asked_for(
    store: EntryStore, server: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what is counted above is the stream's doing."""
    monkeypatch.setattr(raw_batches, "streams", lambda _: False)

    assert read(store, server) == everything(server)
    assert server.asked["getMore"] == PAGES * (BATCHES_A_PAGE - 1)


def test_a_server_that_does_not_stream_is_asked_for_each_batch(
    store: EntryStore, server: Watched
) -> None:
    """As the stand-in, and a server behind whatever else speaks the protocol."""
    server.waits = True

    assert read(store, server) == everything(server)
    assert server.asked["getMore"] == PAGES * (BATCHES_A_PAGE - 1)


@contextmanager
def slow(server: Watched) -> Iterator[EntryStore]:
    """A door whose operations are over after 0.1 s, and of which two batches come after 0.8 s."""
    late = {3, BATCHES_A_PAGE}  # one of a stream, and the first of a page
    server.sent = lambda number: time.sleep(0.8) if number in late else None
    before = set(threading.enumerate())
    with connected(server, operation_seconds=0.1) as connection:
        yield EntryStore(connection)
    # Who still waits to send would find that what it sends from is closed.
    for thread in set(threading.enumerate()) - before:
        thread.join(5)


def test_a_scan_may_look_long_for_what_few_entries_are(server: Watched) -> None:
    """What few of millions pass comes late, and is no sign of a dead server."""
    with slow(server) as store:
        assert read(store, server) == everything(server)


def test_a_scan_does_not_wait_for_ever(server: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a bound of its own is what lets it wait."""
    monkeypatch.setattr(mongo, "SCAN_MILLIS", 100)
    monkeypatch.setattr(mongo, "SOCKET_GRACE_SECONDS", 0.1)

    with slow(server) as store, pytest.raises(Unavailable) as caught:
        read(store, server)

    assert caught.value.code == "MONGO_TIMEOUT"


def test_who_stops_early_leaves_nothing_for_the_next_one(
    store: EntryStore, server: Watched
) -> None:
    """What is still on its way belongs to nobody, so its connection is not used again."""
    begun = batches(store, server)
    first = [next(begun) for _ in range(BATCHES_A_PAGE // 2)]
    del begun

    assert [entry for batch in first for entry in batch] == everything(server)[: len(first) * BATCH]
    assert read(store, server) == everything(server)


def test_a_stream_whose_cursor_is_lost_is_gone_on_with(store: EntryStore, server: Watched) -> None:
    """The error comes in the stream's place, and the door asks again behind the last document."""

    def forget(batch: int) -> None:
        if batch == IN_A_PAGE:
            server.forget()

    server.sent = forget

    assert read(store, server) == everything(server)
    assert server.asked["getMore"] == PAGES + 1


def test_a_stream_that_breaks_ends_the_scan(store: EntryStore, server: Watched) -> None:
    """The attempt starts again as a whole; a short file is never taken for a complete one."""

    def cut(batch: int) -> None:
        if batch == IN_A_PAGE:
            raise ConnectionResetError

    server.sent = cut
    found = list[bytes]()

    def read_all() -> None:
        for batch in batches(store, server):
            found.extend(batch)

    with pytest.raises(Unavailable):
        read_all()

    assert found == everything(server)[: len(found)]


@pytest.mark.parametrize(
    ("kinds", "pool", "streamed"),
    [
        (["Standalone"], 100, True),
        (["RSPrimary", "RSSecondary", "Unknown"], 0, True),
        (["RSPrimary"], 5, False),
        (["Unknown"], 100, False),
        (["Mongos", "Mongos"], 100, False),
        (["LoadBalancer"], 100, False),
    ],
)
def test_only_servers_that_are_known_to_stream_are_allowed_to(
    kinds: list[str], pool: int, streamed: bool
) -> None:
    """PyMongo refuses to ask an older `mongos`; and of few connections none is held for a page."""
    client = Known(kinds, f"mongodb://nowhere.invalid/?maxPoolSize={pool}")
    with client:
        assert raw_batches.streams(client) is streamed


class Known(pymongo.MongoClient[Any]):
    """A client that knows what kinds its servers are; it is never connected."""

    def __init__(self, kinds: list[str], uri: str) -> None:
        super().__init__(uri, connect=False)
        self._kinds = kinds

    @property
    def topology_description(self) -> Any:
        """What it knows."""
        return self

    def server_descriptions(self) -> "dict[int, Described]":
        """Of each of them."""
        return {n: Described(server_type_name=kind) for n, kind in enumerate(self._kinds)}


@dataclass(frozen=True, kw_only=True)
class Described:
    """What a client knows of a server."""

    server_type_name: str
