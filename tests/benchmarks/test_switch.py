"""The switch: a platform's own database, but for the entries of one campaign."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pymongo
import pytest
from bson import ObjectId
from pymongo.database import Database
from pymongo.uri_parser import parse_uri

from benchmarks.replay.entries import Entries
from benchmarks.replay.server import LOOPBACK, Server
from benchmarks.replay.switch import Switch
from resources.wiring import environment
from tests.benchmarks.conftest import COUNT

Mongo = Database[dict[str, Any]]


@pytest.fixture
def switched(uri: str, stack: Mapping[str, str], entries: Entries) -> Iterator[Mongo]:
    """A database of the test's own behind the switch, as PyMongo shows it."""
    both = (uri, stack[environment.MONGODB_URI])
    replayed, behind = (parse_uri(one)["nodelist"][0] for one in both)
    switch = Switch(campaign=entries.campaign.binary, replayed=replayed, behind=behind)
    with closing(Server(switch.speak)) as server:
        threading.Thread(target=server.serve, daemon=True).start()
        at = f"mongodb://{LOOPBACK}:{server.port}/?directConnection=true"
        with pymongo.MongoClient[dict[str, Any]](at, tz_aware=True) as client:
            yield client[name := f"switched_{ObjectId()}"]
            client.drop_database(name)


def test_entries_of_the_campaign_are_replayed_and_all_else_is_kept(
    switched: Mongo, entries: Entries
) -> None:
    """The batches of the two do not mix, though both go over one connection."""
    other = ObjectId()
    written = [{"_id": number, "campaignId": other} for number in range(COUNT)]
    switched.entries.insert_many(written)
    switched.exports.insert_one({"_id": 1, "campaignId": entries.campaign})

    replayed = switched.entries.find({"campaignId": entries.campaign}, batch_size=100)
    kept = switched.entries.find({"campaignId": other}, batch_size=100).sort("_id")
    both = list(zip(replayed, kept, strict=True))

    assert [one["_id"] for one, _ in both] == [entries.identity(at) for at in range(COUNT)]
    assert [one for _, one in both] == written
    assert switched.entries.count_documents({"campaignId": entries.campaign}) == COUNT
    assert switched.exports.find_one({"campaignId": entries.campaign}) is not None


def test_a_cursor_that_is_given_up_is_closed_where_it_is(switched: Mongo, entries: Entries) -> None:
    """The replay server would else keep it."""
    cursor = switched.entries.find({"campaignId": entries.campaign}, batch_size=10)
    next(cursor)
    number = cursor.cursor_id

    cursor.close()

    answer = switched.command("killCursors", "entries", cursors=[number])
    assert answer["cursorsNotFound"] == [number]
