"""The segments of entries: together they hold every document of the snapshot, each once."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.exports.catalog import CATALOG
from assets.model.campaign import Facts
from assets.model.source import EntrySource
from resources.mongo.entries import EntryStore, Scan
from resources.mongo.stores import MongoStores
from tests.assets.examples import CAMPAIGN_ID, NEW_YORK, SNAPSHOT, VANCOUVER, facts
from tests.fakes.entries import FakeEntryStore

ABSENT = object()
BEFORE, AFTER = SNAPSHOT - timedelta(days=3), SNAPSHOT + timedelta(seconds=1)


def ms(instant: datetime) -> int:
    """Milliseconds since the epoch."""
    return int(DatetimeMS(instant))


# Every BSON type that may stand where an instant is due; the name says what is in it.
INSTANTS: dict[str, Any] = {
    "date": BEFORE,
    "date of the snapshot": SNAPSHOT,
    "date after": AFTER,
    "date of 1969": datetime(1969, 7, 20, tzinfo=UTC),
    "date of year 1": datetime(1, 1, 1, tzinfo=UTC),
    "date before year 1": DatetimeMS(-(2**60)),
    "date of year 9999": DatetimeMS(253_402_300_799_999),
    "date of year 10000": DatetimeMS(253_402_300_800_000),
    "date of the far end": DatetimeMS(2**63 - 1),
    "text": "2026-03-03T15:00:09.120Z",
    "text after": "2026-03-20T12:00:00.001Z",
    "text with an offset": "2026-03-03T15:00:09+02:00",
    "text of a day": "2026-03-03",
    "text without sense": "yesterday",
    "text with a blank first": " 2026-03-03T15:00:09Z",
    "empty text": "",
    "int32": 1_000_000,
    "int64": Int64(ms(BEFORE)),
    "int64 after": Int64(ms(AFTER)),
    "int64 of year 10000": Int64(253_402_300_800_000),
    "int64 of the far end": Int64(2**63 - 1),
    "double": float(ms(BEFORE)),
    "double with a fraction": ms(BEFORE) + 0.5,
    "double after": float(ms(AFTER)),
    "NaN": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "decimal": Decimal128(str(ms(BEFORE))),
    "decimal after": Decimal128(str(ms(AFTER))),
    "decimal NaN": Decimal128("NaN"),
    "decimal infinity": Decimal128("Infinity"),
    "null": None,
    "missing": ABSENT,
    "true": True,
    "list of nothing": [],
    "list of dates": [BEFORE, AFTER],
    "list of a date and a text": [BEFORE, "2026-03-03T15:00:09.120Z"],
    "list of numbers": [ms(BEFORE), ms(AFTER)],
    "list of booleans": [True],
    "list of lists": [[BEFORE]],
    "document": {"at": "2026-03-03"},
    "id": ObjectId("66510000000000000000e001"),
    "bytes": b"2026",
}
POSITIONS: dict[str, Any] = {
    name: INSTANTS[name]
    for name in (
        "int32", "double", "double with a fraction", "NaN", "decimal", "decimal NaN", "infinity",
        "minus infinity", "null", "missing", "true", "text of a day", "empty text", "date",
        "list of nothing", "list of numbers", "list of dates", "document",
    )
}  # fmt: skip
MARKET_IDS: dict[str, Any] = {
    "New York": NEW_YORK,
    "Vancouver": VANCOUVER,
    "a market of nobody": ObjectId("66530000000000000000afff"),
    "two markets": [NEW_YORK, VANCOUVER],
    "text": str(NEW_YORK),
    "null": None,
    "missing": ABSENT,
    "document": {"$ne": None},
}
STATUSES = ("waitlisted", "standby", "waitlist", "verified", None)


def entry(**fields: Any) -> dict[str, Any]:
    """An entry of the campaign with these fields; ABSENT leaves one out."""
    given_fields = {name: value for name, value in fields.items() if value is not ABSENT}
    return {"_id": ObjectId(), "campaignId": CAMPAIGN_ID, **given_fields}


def waiting(position: Any, market_id: Any, **fields: Any) -> dict[str, Any]:
    """An entry with a place in a line."""
    place = {"position": position, "marketId": market_id}
    kept = {name: value for name, value in place.items() if value is not ABSENT}
    return entry(waitlist=kept, **{"createdAt": BEFORE, **fields})


REGISTERED = [
    entry(createdAt=value, created=created)
    for value in INSTANTS.values()
    for created in (ABSENT, ms(BEFORE), ms(AFTER))
] + [entry(created=value) for value in INSTANTS.values()]
WAITING = [
    waiting(position, market_id, status=status)
    for position in POSITIONS.values()
    for market_id in MARKET_IDS.values()
    for status in ("waitlisted", "verified")
] + [
    entry(createdAt=BEFORE, status=status, waitlist=waitlist)
    for status in STATUSES
    for waitlist in (
        ABSENT,
        None,
        [],
        "text",
        [{"marketId": NEW_YORK, "position": 1}, {"marketId": VANCOUVER, "position": 2}],
    )
]
CASES: tuple[tuple[str, Sequence[Mapping[str, Any]], dict[str, Any]], ...] = (
    ("entries", REGISTERED, {}),
    ("waitlist", WAITING, {}),
    ("waitlist", WAITING, {"markets": ["new-york-ny"]}),
    ("waitlist", [{**registered, "status": "standby"} for registered in REGISTERED], {}),
)


def source(ground: Facts) -> EntrySource:
    """The source of the kind that a request asks for."""
    found = CATALOG[ground.request.type].rows
    assert isinstance(found, EntrySource)
    return found


def read(store: EntryStore, ground: Facts) -> Counter[Any]:
    """How often each document is read, over all strands."""
    return Counter(
        bson.decode(raw, bson.CodecOptions(datetime_conversion=2))["_id"]
        for strand in source(ground).strands(ground)
        for segment in strand
        for batch in store.scan(
            Scan(filter=segment.filter, sort=segment.sort),
            page_size=40,  # several pages, each of which the fake searches anew
            batch_size=3,
        )
        for raw in batch
    )


def assert_each_once(store: EntryStore, ground: Facts) -> Counter[Any]:
    """Nothing is read twice, and the independent count agrees."""
    times = read(store, ground)
    assert not [identity for identity, often in times.items() if often != 1]
    assert store.count(source(ground).population(ground)) == times.total()
    return times


@pytest.mark.parametrize(("kind", "documents", "params"), CASES)
def test_every_type_of_value_is_read_once_and_counted_once(
    kind: str, documents: Sequence[Mapping[str, Any]], params: dict[str, Any]
) -> None:
    """A document read twice or not at all fails the whole export, every time it is tried."""
    found = assert_each_once(FakeEntryStore(documents), facts(kind, **params))

    assert found.total() > 10


@pytest.mark.parametrize(("kind", "documents", "params"), CASES)
def test_the_real_server_reads_the_same_documents(
    kind: str, documents: Sequence[Mapping[str, Any]], params: dict[str, Any], mongo: MongoStores
) -> None:
    """The fake's idea of types must be the database's, or the test above proves nothing."""
    ground = facts(kind, **params)
    collection = mongo.entries._connection.collection("entries")
    collection.insert_many([dict(document) for document in documents])

    assert assert_each_once(FakeEntryStore(documents), ground) == assert_each_once(
        mongo.entries, ground
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            entry,
            createdAt=st.sampled_from([*INSTANTS.values(), *INSTANTS.values()]),
            created=st.sampled_from(list(INSTANTS.values())),
            status=st.sampled_from(STATUSES),
            waitlist=st.fixed_dictionaries(
                {
                    "position": st.sampled_from([v for v in POSITIONS.values() if v is not ABSENT]),
                    "marketId": st.sampled_from(
                        [v for v in MARKET_IDS.values() if v is not ABSENT]
                    ),
                }
            )
            | st.just(None),
        ),
        max_size=20,
    ),
    st.sampled_from([("entries", {}), ("waitlist", {}), ("waitlist", {"markets": ["nobody"]})]),
)
def test_no_mix_of_documents_is_read_twice_or_lost(
    documents: list[dict[str, Any]], asked: tuple[str, dict[str, Any]]
) -> None:
    """Types meet in ways that nobody lists by hand."""
    kind, params = asked

    assert_each_once(FakeEntryStore(documents), facts(kind, **params))


@pytest.mark.parametrize("name", [name for name in INSTANTS if "after" in name])
@pytest.mark.parametrize("field", ["createdAt", "created"])
def test_what_came_after_the_snapshot_stays_out_in_every_type(name: str, field: str) -> None:
    """Rows that arrive while the export runs must not be in some strands and not in others."""
    if (field == "created" and "text" in name) or (field == "created" and name == "date after"):
        later = entry(createdAt=INSTANTS[name])
    else:
        later = entry(**{field: INSTANTS[name]})

    assert not assert_each_once(FakeEntryStore([later]), facts())


@pytest.mark.parametrize(
    "name", ["text without sense", "NaN", "list of dates", "date of year 10000", "true"]
)
def test_a_time_that_cannot_be_read_is_not_taken_for_later(name: str) -> None:
    """It must become a counted reject; left out as "later" it would vanish without a word."""
    odd = entry(createdAt=INSTANTS[name])

    assert assert_each_once(FakeEntryStore([odd]), facts()) == {odd["_id"]: 1}


def test_entries_of_another_campaign_are_neither_read_nor_counted() -> None:
    """Tenancy begins with the query."""
    foreign = [{**document, "campaignId": ObjectId()} for document in (*REGISTERED, *WAITING)]

    assert not assert_each_once(FakeEntryStore(foreign), facts())
    assert not assert_each_once(FakeEntryStore(foreign), facts("waitlist"))


def test_a_segment_without_its_guard_against_lists_would_read_twice() -> None:
    """The negative control: a list of a date and a text belongs to both typed segments."""
    listed = entry(createdAt=INSTANTS["list of a date and a text"])
    store = FakeEntryStore([listed])
    naive: Callable[[str, object], Iterable[Sequence[bytes]]] = lambda kind, until: store.scan(  # noqa: E731
        Scan(filter={"createdAt": {"$type": kind, "$lte": until}}, sort=("_id",))
    )

    assert 2 == len([*naive("date", SNAPSHOT), *naive("string", "2027")])
