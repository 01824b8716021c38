"""Reads of one instant: each names it, one after the other, and nothing is claimed without it."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId, Timestamp

from benchmarks.replay import wire
from benchmarks.replay.entries import Entries
from benchmarks.replay.server import Replay
from benchmarks.replay.wire import Command
from resources.mongo.connection import MongoConnection
from resources.mongo.entries import EntryStore, Scan
from resources.mongo.stores import MongoStores
from resources.mongo.users import UserStore
from tests.resources.mongo.serving import Watched, connected

AT = Timestamp(1_796_034_666, 3)
NAMED = {"level": "snapshot", "atClusterTime": AT}
COUNT = 40
READS = ("aggregate", "count", "distinct", "find")
AN_ID = ObjectId("64b7c0ffee00000000000001")


@dataclass(slots=True)
class Past(Watched):
    """A member of a replica set that says of which instant a snapshot is.

    Attributes:
        named: The read concern of each read, or None.
        kept: The instant that it says; None says nothing.
        refuses: Whether it takes no snapshot.
        takes: Seconds that a read takes.
        most: Reads in a session that were made at a time.
        facts: What it says of itself beside the usual.
    """

    named: list[Any] = field(default_factory=list)
    kept: Timestamp | None = AT
    refuses: bool = False
    takes: float = 0.0
    most: int = 0
    facts: dict[str, Any] = field(default_factory=lambda: {"setName": "past"})
    _reading: int = 0

    def answer(self, command: Command, connection: socket.socket) -> None:
        """Note what a read asks for."""
        name = next(iter(command.body))
        if name not in READS:
            Watched.answer(self, command, connection)
            return
        concern = command.body.get("readConcern")
        if self.refuses and concern:
            refusal = {"ok": 0.0, "errmsg": "no snapshots here", "code": 246}
            connection.sendall(wire.reply(command, refusal))
            return
        self.named.append(concern)
        self._reading += 1
        self.most = max(self.most, self._reading)
        time.sleep(self.takes)
        self._reading -= 1
        if command.body.get(name) == "campaigns":
            at = {} if self.kept is None else {"atClusterTime": self.kept}
            cursor = {"firstBatch": [], "id": 0, "ns": "fanreg.campaigns", **at}
            connection.sendall(wire.reply(command, {"cursor": cursor, "ok": 1.0}))
            return
        Replay.answer(self, command, connection)

    def _answers(self) -> Any:
        def hello(_: object) -> dict[str, Any]:
            return {**usual({}), **self.facts}

        answers = Replay._answers(self)
        usual = answers["hello"]
        return {**answers, "hello": hello, "ismaster": hello}


@pytest.fixture
def server(tapes: Path) -> Iterator[Past]:
    """What is asked."""
    with closing(Past(tapes, Entries(COUNT))) as past:
        yield past


def scan(server: Past) -> Scan:
    """All entries."""
    return Scan(filter={"campaignId": server.entries.campaign}, sort=("createdAt", "_id"))


Read = Callable[[MongoStores, Past], Any]
EACH: dict[str, Read] = {
    "count": lambda stores, past: stores.entries.count({"campaignId": past.entries.campaign}),
    "entries by id": lambda stores, past: list(stores.entries.by_ids({past.entries.identity(0)})),
    "scan": lambda stores, past: list(stores.entries.scan(scan(past), batch_size=10)),
    "users": lambda stores, _: list(stores.users.where({"_id": AN_ID})),
    "users by id": lambda stores, _: stores.users.by_ids({AN_ID}),
}


@pytest.mark.parametrize("name", sorted(EACH))
def test_each_read_of_entries_and_users_names_the_instant(
    name: str, connection: MongoConnection, server: Past
) -> None:
    """One that did not would show another one, and nobody could see that."""
    with MongoStores(connection).at_one_instant() as stores:
        assert stores.instant == AT
        EACH[name](stores, server)

    (first, *others) = server.named
    assert first == {"level": "snapshot"}
    assert others
    assert all(one == NAMED for one in others)


@pytest.mark.parametrize("name", sorted(EACH))
def test_without_it_no_read_names_an_instant(
    name: str, connection: MongoConnection, server: Past
) -> None:
    """The control: what is named above is the session's doing, and it ends with the block."""
    stores = MongoStores(connection)
    with stores.at_one_instant():
        server.named.clear()
        EACH[name](stores, server)

    assert server.named
    assert not any(server.named)


def test_every_read_of_the_two_stores_is_among_these() -> None:
    """Who adds one adds it here; `distinct` is grouped by the command that counts."""
    verbs = {
        name
        for store in (EntryStore, UserStore)
        for name in vars(store)
        if not name.startswith("_")
    }

    assert verbs == {"scan", "by_ids", "count", "distinct", "where"}


def test_reads_of_several_threads_take_turns(connection: MongoConnection, server: Past) -> None:
    """A session of PyMongo is of one thread at a time; the flow counts beside its first read."""
    server.takes = 0.01
    with MongoStores(connection).at_one_instant() as stores, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: EACH[name](stores, server), sorted(EACH)))

    assert server.most == 1


def test_without_turns_they_meet(connection: MongoConnection, server: Past) -> None:
    """The control."""
    server.takes = 0.01
    stores = MongoStores(connection)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: EACH[name](stores, server), sorted(EACH)))

    assert server.most > 1


def _alone(server: Past) -> None:
    server.facts = {}


def _old(server: Past) -> None:
    server.facts = {"setName": "past", "maxWireVersion": 12}


def _silent(server: Past) -> None:
    server.kept = None


def _refusing(server: Past) -> None:
    server.refuses = True


@pytest.mark.parametrize("other", [_alone, _old, _refusing, _silent])
def test_a_server_without_a_past_is_read_as_ever(
    tapes: Path, other: Callable[[Past], None]
) -> None:
    """One alone, MongoDB 4.4, one that refuses, and one that takes the question for another."""
    with closing(Past(tapes, Entries(COUNT))) as server:
        other(server)
        with connected(server) as connection, MongoStores(connection).at_one_instant() as stores:
            server.named.clear()
            found = EACH["scan"](stores, server)

    assert sum(map(len, found)) == COUNT
    assert stores.instant is None
    assert not any(server.named)


def test_a_view_streams_nothing(connection: MongoConnection, server: Past) -> None:
    """Between two batches the session is another thread's."""
    with MongoStores(connection).at_one_instant() as stores:
        EACH["scan"](stores, server)

    assert server.asked["getMore"] == COUNT // 10 - 1
