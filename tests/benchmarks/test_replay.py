"""The replay server: a driver reads from it what was made, and what it cannot do it says."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo.cursor import RawBatchCursor
from pymongo.database import Database
from pymongo.errors import CursorNotFound, OperationFailure

from assets.exports.catalog import CATALOG
from assets.exports.shared.entry_strands import before_snapshot, by_registration
from assets.model.campaign import Facts
from assets.model.parameters import parse
from assets.steps.documents import campaign_from
from benchmarks.replay.entries import Entries, beside
from benchmarks.replay.queries import Unsupported, matches, stretches
from benchmarks.replay.tape import FIRST, Tape, orders
from benchmarks.replay.wire import OPTIONS
from benchmarks.work import PARAMS, SCOPES, SNAPSHOT
from resources.mongo.connection import MongoConnection
from resources.mongo.entries import EntryStore, Scan
from tests.benchmarks.conftest import COUNT

Mongo = Database[dict[str, Any]]

BY_REGISTRATION = ("createdAt", "_id")


def _made(entries: Entries, positions: Sequence[int] = range(COUNT)) -> list[bytes]:
    return [entries.raw(position) for position in positions]


def _read(cursor: RawBatchCursor[Any]) -> list[bytes]:
    return [bytes(document.raw) for batch in cursor for document in _split(batch)]


def _split(batch: Any) -> list[RawBSONDocument]:
    raw = bson.CodecOptions(document_class=RawBSONDocument)
    return bson.decode_all(batch, raw)


@pytest.mark.parametrize("batch", [0, 1, 7, 500, COUNT, 10 * COUNT])
def test_every_entry_comes_once_and_in_order_whatever_the_size_of_a_batch(
    database: Mongo, entries: Entries, batch: int
) -> None:
    """The tape is cut anew for each size; none may lose what lies at a cut."""
    found = _read(database.entries.find_raw_batches({}, batch_size=batch))

    assert found == _made(entries)


@pytest.mark.parametrize(("page", "batch"), [(500, 100), (450, 100), (7, 3), (COUNT, 500)])
def test_our_own_door_reads_every_entry_in_pages(
    uri: str, entries: Entries, page: int, batch: int
) -> None:
    """A page that ends inside a batch makes the next begin there, where the tape has no cut."""
    store = EntryStore(MongoConnection(uri=uri, database="fanreg", application="test"))
    scan = Scan(filter={"campaignId": entries.campaign}, sort=BY_REGISTRATION)

    found = [one for batch_ in store.scan(scan, page_size=page, batch_size=batch) for one in batch_]

    assert found == _made(entries)


@pytest.mark.parametrize("start", [0, 500, 777])
def test_the_elements_of_a_batch_are_named_from_zero_on(
    database: Mongo, entries: Entries, start: int
) -> None:
    """bsonspec.org: the names of an array's elements are its indexes, wherever it was cut."""
    query = {"_id": {"$gte": entries.identity(start)}}
    options = bson.CodecOptions(document_class=RawBSONDocument)

    answer = database.command("find", "entries", filter=query, batchSize=120, codec_options=options)
    raw = bytes(answer["cursor"].raw)
    batch = bson.decode(raw)["firstBatch"]
    names = _names(raw[raw.index(b"\x04firstBatch\0") + len(b"\x04firstBatch\0") :])

    assert names == [str(name) for name in range(120)]
    assert [one["_id"] for one in batch] == [entries.identity(start + n) for n in range(120)]


def _names(array: bytes) -> list[str]:
    """The names of the elements of an array of documents, read by hand."""
    names, place, end = [], 4, int.from_bytes(array[:4], "little") - 1
    while place < end:
        name = array[place + 1 : array.index(b"\0", place + 1)]
        names.append(name.decode())
        place += 1 + len(name) + 1
        place += int.from_bytes(array[place : place + 4], "little")
    return names


def test_a_batch_without_a_size_begins_with_101_documents(database: Mongo) -> None:
    """MongoDB manual, "Cursor Batches": what a peer gets that asks for nothing."""
    first = next(iter(database.entries.find_raw_batches({})))

    assert len(_split(first)) == FIRST


def test_an_answer_stays_below_what_a_driver_takes(database: Mongo) -> None:
    """16 MiB a document (MongoDB manual, "Limits"), and a little for the answer around it."""
    sizes = [len(batch) for batch in database.entries.find_raw_batches({}, batch_size=COUNT)]

    assert max(sizes) <= 16 * 1024 * 1024


def test_a_limit_ends_the_reading(database: Mongo, entries: Entries) -> None:
    """Pages of the export are limits."""
    found = _read(database.entries.find_raw_batches({}, limit=321, batch_size=100))

    assert found == _made(entries, range(321))


def test_a_projection_leaves_the_fields_that_it_names(database: Mongo, entries: Entries) -> None:
    """A peer that is tuned asks for no more than it writes."""
    whole = bson.decode(entries.raw(3))

    (found,) = database.entries.find(
        {"_id": entries.identity(3)}, {"contact.city": 1, "preferences.rank": 1}
    )

    assert found == {
        "_id": entries.identity(3),
        "contact": {"city": whole["contact"]["city"]},
        "preferences": [{"rank": wish["rank"]} for wish in whole["preferences"]],
    }


def test_a_cursor_that_was_killed_is_gone(database: Mongo) -> None:
    """As with a server, so that our door's new beginning can be measured too."""
    cursor = database.entries.find({}, batch_size=10)
    next(cursor)
    database.command("killCursors", "entries", cursors=[cursor.cursor_id])

    with pytest.raises(CursorNotFound):
        list(cursor)


def test_the_driver_counts_and_lists(database: Mongo) -> None:
    """What drivers and tools ask before they read."""
    assert database.entries.count_documents({}) == COUNT
    assert database.entries.count_documents({}, limit=7) == 7
    assert database.entries.count_documents({}, limit=COUNT + 1) == COUNT
    assert database.entries.estimated_document_count() == COUNT
    assert "entries" in database.list_collection_names()
    assert database.markets.count_documents({}) == len(beside()["markets"])
    assert [index["name"] for index in database.entries.list_indexes()] == ["_id_"]


@pytest.mark.parametrize(
    "command",
    [
        {"insert": "entries", "documents": [{"_id": 1}]},
        {"find": "entries", "filter": {"status": "selected"}},
        {"find": "entries", "filter": {"createdAt": {"$mod": [2, 0]}}},
        {"find": "entries", "filter": {}, "sort": {"createdAt": -1}},
        {"find": "entries", "filter": {}, "skip": 5},
        {"find": "entries", "filter": {}, "projection": {"contact": 0}},
        {"aggregate": "entries", "pipeline": [{"$sample": {"size": 1}}], "cursor": {}},
    ],
)
def test_what_it_cannot_answer_exactly_it_refuses(database: Mongo, command: dict[str, Any]) -> None:
    """A benchmark of a wrong answer would be worse than none."""
    with pytest.raises(OperationFailure):
        database.command(command)


def test_it_cannot_be_reached_from_elsewhere(uri: str) -> None:
    """Nothing here asks for a password."""
    assert uri.startswith("mongodb://127.0.0.1:")


def _facts(entries: Entries) -> Facts:
    request = parse(CATALOG["entries"], PARAMS, scopes=SCOPES)
    campaign = campaign_from(beside()["campaigns"][0])
    return Facts(
        request=request, campaign=replace(campaign, id=entries.campaign), snapshot=SNAPSHOT
    )


def test_the_strands_of_an_export_hold_every_entry_once(entries: Entries) -> None:
    """What the export asks for is found without a look at the entries: all of it in one strand."""
    facts = _facts(entries)

    found = [
        [stretch for segment in strand for stretch in stretches(entries, _stored(segment.filter))]
        for strand in by_registration(facts)
    ]

    assert sorted(found) == [[], [], [], [], [range(COUNT)]]
    assert stretches(entries, _stored(before_snapshot(facts))) == [range(COUNT)]


def _stored(query: Any) -> dict[str, Any]:
    """A query as it arrives over the wire."""
    return bson.decode(bson.encode(query), OPTIONS)


def test_stretches_are_what_a_look_at_every_entry_would_find(entries: Entries) -> None:
    """Between two values that a query names it says the same of every entry."""
    first, second = entries.created(100), entries.created(900)
    queries: list[dict[str, Any]] = [
        {"createdAt": {"$gt": first, "$lte": second}},
        {"$or": [{"createdAt": {"$lt": first}}, {"_id": {"$gte": entries.identity(1_100)}}]},
        {"createdAt": {"$not": {"$gt": second}}, "_id": {"$gt": entries.identity(5)}},
        {"_id": {"$in": [entries.identity(7), entries.identity(8), ObjectId()]}},
        {"$nor": [{"createdAt": first}], "campaignId": entries.campaign},
        {"campaignId": ObjectId()},
        {"created": {"$type": "number"}},
    ]
    for query in queries:
        asked = [n for n in range(COUNT) if matches(entries.keys(n), query)]

        assert [n for stretch in stretches(entries, query) for n in stretch] == asked


def test_a_field_that_is_not_known_is_not_taken_for_missing(entries: Entries) -> None:
    """The stretches would be wrong, and nobody would see it."""
    with pytest.raises(Unsupported):
        stretches(entries, {"$and": [{"status": None}]})


def test_no_entry_has_changed_behind_the_last_change_and_nothing_is_told_before_it(
    entries: Entries,
) -> None:
    """An exporter asks how many have changed while it read: none has here."""
    decoded = [bson.decode(entries.raw(n), OPTIONS)["updatedAt"] for n in range(COUNT)]
    before = DatetimeMS(int(entries.changed) - 1)

    assert max(decoded) <= entries.changed
    assert stretches(entries, {"updatedAt": {"$gt": entries.changed}}) == []
    with pytest.raises(Unsupported):
        stretches(entries, {"updatedAt": {"$gt": before}})


def test_fewer_entries_are_the_first_of_more() -> None:
    """A sweep over sizes compares the same rows."""
    few, many = Entries(10), Entries(5_000)

    assert _made(few, range(10)) == _made(many, range(10))
    assert len(set(_made(many, range(5_000)))) == 5_000


def test_a_tape_is_written_once_and_is_not_taken_for_that_of_others(tmp_path: Path) -> None:
    """Tapes outlive the code that made them."""
    whole, some = Entries(30), Entries(30, ["status"])
    for entries in (whole, some, whole):
        Tape(tmp_path, entries, 10).close()

    assert whole.fingerprint != some.fingerprint
    assert whole.fingerprint == Entries(7).fingerprint
    assert len(list(tmp_path.glob("*.tape"))) == 2
    assert sorted(orders(tmp_path, 30)) == [(10, ()), (10, ("status",))]
    assert orders(tmp_path, 31) == []


def test_entries_ascend_and_are_all_there_at_the_snapshot() -> None:
    """Five million of them too: they are asked for by the instant, then the id."""
    entries = Entries(5_000_000)
    ends = [0, 1, 2, 99, 100, 4_999_998, 4_999_999]
    keys = [(int(entries.created(n)), entries.identity(n)) for n in ends]

    assert keys == sorted(keys)
    assert bson.decode(entries.raw(4_999_999))["createdAt"] < SNAPSHOT.replace(tzinfo=None)
    assert bson.decode(entries.raw(77))["_id"] == entries.identity(77)


def test_the_entries_cross_the_change_of_the_clock() -> None:
    """On 8 March 2026 at 07:00 UTC New York loses an hour; a zone that is a constant would do."""
    entries = Entries(5_000_000)
    days = {bson.decode(entries.raw(n))["createdAt"] - timedelta(hours=7) for n in (0, 4_999_999)}

    assert {day.day for day in days} >= {3, 9}


def test_neighbours_are_not_alike(entries: Entries) -> None:
    """A thousand shapes, so that no branch is predicted for the wrong reason."""
    sizes = [len(one) for one in islice(_made(entries), 100)]

    assert len(set(sizes)) > 50
