"""What the bridge is measured against: a database that answers rightly or says that it cannot."""

import asyncio
import gc
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from typing import Any

import bson
import pytest

from benchmarks.load.callers import Load
from benchmarks.load.database import DATABASE, Memory, campaign_key
from benchmarks.load.search import WITHIN, highest
from benchmarks.load.slow import DRIPPED, Slow
from benchmarks.replay.wire import HEADER, Command


def claim(name: str, export: str = "exp_1") -> dict[str, Any]:
    """The upsert that takes a claim."""
    named = {"export": {"$literal": export}, "token": {"$literal": "t"}, "at": "$$NOW"}
    query = {"_id": {"$eq": name}, "token": {"$eq": None}}
    return {"q": query, "u": [{"$set": named}], "upsert": True}


def upsert(export: str, claims: Sequence[str] = ()) -> dict[str, Any]:
    """The command that stores an export."""
    holds = {"token": "t", "claims": [*claims]} if claims else None
    stored = {"_id": export, "status": "queued", "holds": holds}
    return {
        "findAndModify": "exports",
        "query": {"_id": {"$eq": export}},
        "update": [{"$replaceWith": {"$literal": stored}}],
        "upsert": True,
    }


@pytest.fixture(scope="module")
def memory() -> Memory:
    """A database of two campaigns."""
    return Memory(campaigns=2)


def said(memory: Memory, **body: Any) -> dict[str, Any]:
    """The document that a command is answered with."""
    raw = memory.answer(Command(number=1, body={**body, "$db": DATABASE}))
    return bson.decode(raw[HEADER.size + 5 :])


def test_claims_are_taken_up_to_the_first_that_is_there(memory: Memory) -> None:
    """Places must not be oversold, or the benchmark measures what no database would do."""
    take = {"update": "export_claims", "ordered": True}

    first = said(memory, **take, updates=[claim("live:1")])
    second = said(memory, **take, updates=[claim("live:2"), claim("live:1"), claim("live:3")])
    names = ["live:1", "live:2", "live:3"]
    found = said(memory, find="export_claims", filter={"_id": {"$in": names}})

    assert (first["n"], second["n"]) == (1, 1)
    assert [(one["index"], one["code"]) for one in second["writeErrors"]] == [(1, 11_000)]
    assert [(one["_id"], one["token"]) for one in found["cursor"]["firstBatch"]] == [
        ("live:1", "t"),
        ("live:2", "t"),
    ]


def test_upserts_without_an_order_go_on_behind_one_that_is_there() -> None:
    """The bridge makes them in crowds: of claims and of exports."""
    memory = Memory(campaigns=2)
    take = {"update": "export_claims", "ordered": False}
    store = {"update": "exports", "ordered": False}
    born = [{**upsert(f"exp_{n}"), "q": {"_id": {"$eq": f"exp_{n}"}}} for n in (1, 1, 2)]

    taken = said(memory, **take, updates=[claim("live:1"), claim("live:1"), claim("live:2")])
    stored = said(memory, **store, updates=[{**one, "u": one["update"]} for one in born])
    found = said(memory, find="exports", filter={"_id": {"$in": ["exp_1", "exp_2"]}})

    for answer in (taken, stored):
        assert answer["n"] == 2
        assert [(one["index"], one["code"]) for one in answer["writeErrors"]] == [(1, 11_000)]
    assert len(found["cursor"]["firstBatch"]) == 2


def test_an_export_is_stored_once_and_found_beside_others(memory: Memory) -> None:
    """One export a key, and several looks in one query."""
    first, second = (said(memory, **upsert("exp_1")) for _ in range(2))
    found = said(memory, find="exports", filter={"_id": {"$in": ["exp_0", "exp_1"]}})

    assert (first["ok"], second["ok"], second["code"]) == (1.0, 0.0, 11_000)
    assert [one["status"] for one in found["cursor"]["firstBatch"]] == ["queued"]


def test_the_first_of_too_many_ends_and_frees_what_it_held() -> None:
    """A caller with hundreds of live exports looks for a place among few: no rate would hold."""
    memory = Memory(campaigns=2, live=1)
    for number in (1, 2):
        export, place = f"exp_{number}", f"live:{number}"
        said(memory, update="export_claims", ordered=True, updates=[claim(place, export)])
        said(memory, **upsert(export, [place]))

    claims = said(memory, find="export_claims", filter={"_id": {"$in": ["live:1", "live:2"]}})
    states = said(
        memory,
        find="exports",
        filter={"_id": {"$in": ["exp_1", "exp_2"]}},
        projection={"status": 1},
    )

    assert [one["_id"] for one in claims["cursor"]["firstBatch"]] == ["live:2"]
    assert [one["status"] for one in states["cursor"]["firstBatch"]] == ["succeeded", "queued"]


def test_claims_are_given_back_by_who_has_them(memory: Memory) -> None:
    """The bridge does so where others were faster; refused, it would answer 500."""
    said(memory, update="export_claims", ordered=True, updates=[claim("live:7")])

    def given_back(token: str) -> int:
        query = {"_id": {"$in": ["live:7"]}, "export": {"$eq": "exp_1"}, "token": {"$eq": token}}
        return int(said(memory, delete="export_claims", deletes=[{"q": query, "limit": 0}])["n"])

    assert (given_back("another"), given_back("t"), given_back("t")) == (0, 1, 0)


def test_each_key_finds_the_campaign(memory: Memory) -> None:
    """Callers are many, and none may be refused for what the database does not hold."""
    found = [
        said(memory, find="campaigns", filter={"key": {"$eq": key}})["cursor"]["firstBatch"]
        for key in (campaign_key(0), campaign_key(1), campaign_key(2))
    ]

    assert [[one["key"] for one in each] for each in found] == [["campaign-0"], ["campaign-1"], []]


@pytest.mark.parametrize(
    "body",
    [
        {"aggregate": "exports", "pipeline": []},
        {**upsert("e"), "upsert": False},
        {"update": "export_claims", "updates": [claim("live:9") | {"upsert": False}]},
        {
            "findAndModify": "exports",
            "query": {"_id": {"$eq": "e"}},
            "update": [{"$replaceWith": {"$setUnion": []}}],
            "upsert": True,
        },
    ],
)
def test_what_it_cannot_do_is_refused(memory: Memory, body: dict[str, Any]) -> None:
    """A benchmark must never measure a wrong answer."""
    assert said(memory, **body)["ok"] == 0.0


def test_a_slow_socket_that_is_cut_is_opened_anew_and_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """500 of them are cut in a minute, and each printed a traceback over the figures."""
    cut, times = asyncio.Event(), iter(range(9))

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        # Without lingering a close is a reset.
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.close()
        if next(times, None) is None:
            cut.set()

    async def scene() -> None:
        server = await asyncio.start_server(reset, "127.0.0.1", 0)
        drips = Slow(server.sockets[0].getsockname()[1], 3, [b"x" * (DRIPPED + 64)])
        await drips.begin()
        await cut.wait()
        await drips.end()
        server.close()
        gc.collect()  # a task whose error nobody took says so when it goes

    asyncio.run(asyncio.wait_for(scene(), 30))

    assert caplog.text == ""


def test_errors_are_no_answers_a_second() -> None:
    """A bridge that refuses everything is very fast."""
    load = Load(seconds=10.0, latencies=[0.001] * 100)
    load.statuses.update({200: 60, 304: 20, 503: 20})

    assert load.rate == 8.0


def test_a_rate_is_borne_if_all_are_answered_in_time() -> None:
    """What is not answered at all would be the fastest of answers."""
    load = Load(seconds=10.0, latencies=[0.049] * 100)
    load.statuses.update({200: 98, 304: 2})
    slow = Load(latencies=[0.01] * 95 + [0.06] * 5, statuses=load.statuses)
    cut = Load(latencies=load.latencies, statuses=Counter({200: 99, 0: 1}))

    assert [one.holds(50.0) for one in (load, slow, cut)] == [True, False, False]


@pytest.mark.parametrize("bears", [3.0, 199.0, 200.0, 275.0, 5_000.0])
def test_the_highest_rate_is_found_from_below_and_from_above(bears: float) -> None:
    """What a bridge bears is not known before: the goal, at 420, was a queue on this machine."""
    tried = []

    async def is_borne(rate: float) -> bool:
        tried.append(rate)
        return rate <= bears

    found = asyncio.run(highest(is_borne, 200.0))

    assert bears / WITHIN <= found <= bears
    assert found in tried
    assert len(tried) <= 16


def test_a_bridge_that_bears_nothing_is_said_to() -> None:
    """The control: the search ends, and does not make a rate up."""

    async def is_borne(_: float) -> bool:
        return False

    assert asyncio.run(highest(is_borne, 200.0)) == 0.0
