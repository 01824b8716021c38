"""Looks that come together: one query for many, and each as fresh and as safe as alone."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from api_bridge.waiting import looks
from api_bridge.waiting.looks import APART_SECONDS, MOST, Looks
from api_bridge.waiting.together import AT_ONCE
from resources.errors import Unavailable
from resources.mongo.exports import ExportDocument, Match
from resources.mongo.stores import MongoStores
from tests.commands import Commands
from tests.fakes.clock import ManualClock
from tests.fakes.exports import FakeExportStore


class Held(FakeExportStore):
    """A store whose answers wait until they are let go.

    Attributes:
        go: Lets one answer go.
        wrong: What is raised instead of an answer.
        reached: Whether as many queries are under way as may be.
        asked_for: The ids of each query.
    """

    def __init__(self, *ids: str) -> None:
        """Hold these exports."""
        super().__init__(ManualClock(), [{"_id": one, "revision": 1} for one in ids])
        self.go = threading.Semaphore(0)
        self.wrong: Exception | None = None
        self.reached = threading.Event()
        self.asked_for: list[tuple[str, ...]] = []

    def candidates(self, match: Match, **more: Any) -> list[ExportDocument]:
        """Read now, answer later."""
        self.asked_for.append(tuple(str(one) for one in _ids(match)))
        if len(self.asked_for) >= AT_ONCE:
            self.reached.set()
        found = super().candidates(match, **more)
        assert self.go.acquire(timeout=10)
        if self.wrong is not None:
            raise self.wrong
        return found


def _ids(match: Match) -> Sequence[object]:
    ids = match.equal["_id"]
    assert isinstance(ids, tuple)
    return ids


def run(store: Held, scene: Callable[[Looks], Awaitable[None]]) -> None:
    """Play a scene on an event loop; afterwards every answer is let go."""

    async def played() -> None:
        try:
            await scene(Looks(store))
        finally:
            store.go.release(100)

    asyncio.run(played())


async def busy(store: Held, looks: Looks) -> list[asyncio.Future[Any]]:
    """As many looks as may be under way, each held in the store."""
    under_way: list[asyncio.Future[Any]] = [
        asyncio.ensure_future(looks.at(f"other_{number}")) for number in range(AT_ONCE)
    ]
    assert await asyncio.to_thread(store.reached.wait, 10)
    return under_way


def revision(document: Any) -> int | None:
    """What tells a state."""
    return None if document is None else document["revision"]


def test_those_who_come_meanwhile_are_answered_by_one_query() -> None:
    """The busier the bridge, the cheaper a look: a burst must not become a burst of queries."""
    names = [f"exp_{number}" for number in range(50)]
    store = Held(*names)

    async def scene(looks: Looks) -> None:
        await busy(store, looks)
        meanwhile = [asyncio.ensure_future(looks.at(one)) for one in (*names, "none", "exp_7")]
        store.go.release(3 * AT_ONCE)

        assert [revision(one) for one in await asyncio.gather(*meanwhile)] == [1] * 50 + [None, 1]

    run(store, scene)
    assert [sorted(one) for one in store.asked_for[AT_ONCE:]] == [sorted([*names, "none"])]


def test_nobody_is_given_what_was_read_before_he_asked() -> None:
    """Who has just cancelled an export must not be shown that it runs."""
    store = Held("other_0")

    async def scene(looks: Looks) -> None:
        before, *_ = await busy(store, looks)
        store.kept.keep({"_id": "other_0", "revision": 2})
        after = asyncio.ensure_future(looks.at("other_0"))
        store.go.release(3 * AT_ONCE)

        assert [revision(await one) for one in (before, after)] == [1, 2]

    run(store, scene)


def test_one_who_comes_alone_goes_at_once_and_the_next_not_too_soon() -> None:
    """A query for each look would cost as much as all else that a look does."""
    store = Held("exp_1", "exp_2")
    store.go.release(3 * AT_ONCE)

    async def scene(looks: Looks) -> None:
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(2 * APART_SECONDS)
        began = clock()
        first = asyncio.ensure_future(looks.at("exp_1"))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(looks.at("exp_2"))
        await asyncio.sleep(0)
        assert store.asked_for in ([], [("exp_1",)])
        await asyncio.gather(first, second)

        assert clock() - began >= APART_SECONDS
        assert store.asked_for == [("exp_1",), ("exp_2",)]

    run(store, scene)


def test_a_query_holds_no_more_than_a_server_answers_at_once() -> None:
    """Or a look of many would wait for a second answer."""
    names = [f"exp_{number}" for number in range(MOST + 5)]
    store = Held(*names)

    async def scene(looks: Looks) -> None:
        await busy(store, looks)
        meanwhile = [asyncio.ensure_future(looks.at(name)) for name in names]
        store.go.release(3 * AT_ONCE)

        assert all(await asyncio.gather(*meanwhile))

    run(store, scene)
    assert max(map(len, store.asked_for)) == MOST


def test_an_outage_is_told_to_all_who_wait_and_to_nobody_later() -> None:
    """A 503 comes within the time of one query (RELIABILITY.md 4.3), however many there are."""
    store = Held("exp_1")

    async def scene(looks: Looks) -> None:
        under_way = await busy(store, looks)
        waits = asyncio.ensure_future(looks.at("exp_1"))
        store.wrong = Unavailable("MONGO_UNREACHABLE", "look")
        store.go.release(1)
        with pytest.raises(Unavailable):
            await waits
        store.wrong = None
        store.go.release(3 * AT_ONCE)
        told = await asyncio.gather(*under_way, return_exceptions=True)

        assert [type(one) for one in told].count(Unavailable) == 1
        assert revision(await looks.at("exp_1")) == 1

    run(store, scene)


def test_who_hangs_up_takes_nothing_from_others() -> None:
    """Both asked for the same export, and one of them closed the connection."""
    store = Held("exp_1")

    async def scene(looks: Looks) -> None:
        await busy(store, looks)
        leaves, stays = (asyncio.ensure_future(looks.at("exp_1")) for _ in range(2))
        await asyncio.sleep(0)
        leaves.cancel()
        store.go.release(3 * AT_ONCE)

        assert revision(await stays) == 1
        with pytest.raises(asyncio.CancelledError):
            await leaves

    run(store, scene)


def test_thirty_looks_that_come_together_are_two_commands(
    heard: Commands, mongo: MongoStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first goes alone, and all who come meanwhile go with the second."""
    # A busy machine had not let all of them come within 5 ms.
    monkeypatch.setattr(looks, "APART_SECONDS", 0.5)
    mongo.exports.find("exp_0")  # the client is there
    heard.names.clear()

    async def scene() -> None:
        together = Looks(mongo.exports)
        await asyncio.gather(*(together.at(f"exp_{number}") for number in range(30)))

    asyncio.run(scene())
    assert heard.names == ["find", "find"]
