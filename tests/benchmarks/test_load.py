"""What the bridge is measured against: a database that answers rightly or says that it cannot."""

from typing import Any

import bson
import pytest

from benchmarks.load.callers import Load
from benchmarks.load.database import DATABASE, Memory, campaign_key
from benchmarks.replay.wire import HEADER, Command

CLAIM = {"_id": {"$eq": "live:1"}, "token": {"$eq": None}}
TAKEN = [{"$set": {"export": {"$literal": "exp_1"}, "token": {"$literal": "t"}, "at": "$$NOW"}}]


@pytest.fixture(scope="module")
def memory() -> Memory:
    """A database of two campaigns."""
    return Memory(campaigns=2)


def said(memory: Memory, **body: Any) -> dict[str, Any]:
    """The document that a command is answered with."""
    raw = memory.answer(Command(number=1, body={**body, "$db": DATABASE}))
    return bson.decode(raw[HEADER.size + 5 :])


def test_an_upsert_is_stored_once(memory: Memory) -> None:
    """On it rest both promises: one export a key, and places that are not oversold."""
    upsert = {"findAndModify": "export_claims", "query": CLAIM, "update": TAKEN, "upsert": True}

    first, second = said(memory, **upsert), said(memory, **upsert)
    found = said(memory, find="export_claims", filter={"_id": {"$in": ["live:1", "live:2"]}})

    assert (first["ok"], second["ok"], second["code"]) == (1.0, 0.0, 11_000)
    (claim,) = found["cursor"]["firstBatch"]
    assert (claim["export"], claim["token"]) == ("exp_1", "t")


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
        {"findAndModify": "export_claims", "query": CLAIM, "update": TAKEN},
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


def test_errors_are_no_answers_a_second() -> None:
    """A bridge that refuses everything is very fast."""
    load = Load(seconds=10.0, latencies=[0.001] * 100)
    load.statuses.update({200: 60, 304: 20, 503: 20})

    assert load.rate == 8.0
