"""What the store of entries promises."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import bson
import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument

from resources.errors import Refused
from resources.mongo.entries import EntryStore, Scan

CAMPAIGN = ObjectId("66500000000000000000c001")
OPENED = datetime(2026, 3, 3, 15, tzinfo=UTC)
SCAN = Scan(filter={"campaignId": CAMPAIGN}, sort=("createdAt", "_id"), hint="ix_scan")

Plant = Callable[[Iterable[bytes]], None]


def entry(number: int, **fields: object) -> dict[str, Any]:
    """Return an entry; seven share an instant, so that ``_id`` must decide."""
    return {
        "_id": ObjectId(f"66510000000000{number:010x}"),
        "campaignId": CAMPAIGN,
        "createdAt": OPENED + timedelta(seconds=number // 7),
        "number": number,
        **fields,
    }


def encoded(entries: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Return entries as BSON."""
    return [bson.encode(one) for one in entries]


def _by_name(raw: bytes) -> list[tuple[str, bytes]]:
    """The fields of a document and the bytes of each."""
    return sorted((name, bson.encode({"": value})) for name, value in RawBSONDocument(raw).items())


def numbers(batches: Iterable[Sequence[bytes]]) -> list[int]:
    """Return the numbers of the entries in the order they came."""
    return [bson.decode(document)["number"] for batch in batches for document in batch]


class EntryStoreContract:
    """The suite; a subclass gives the fixtures.

    ``store``: an empty store. ``plant``: stores raw BSON behind its back.
    """

    doors: ClassVar = (EntryStore,)

    def test_entries_are_found_by_their_ids(self, store: EntryStore, plant: Plant) -> None:
        """The codes service names entries by id; one that is not there is simply left out."""
        plant(encoded(entry(number) for number in range(5)))

        found = store.by_ids([entry(3)["_id"], entry(1)["_id"], ObjectId()])

        assert sorted(numbers([list(found)])) == [1, 3]
        assert list(store.by_ids([])) == []

    @pytest.mark.parametrize(
        ("count", "page_size", "batch_size"),
        [(0, 10, 3), (1, 10, 3), (9, 10, 3), (10, 10, 3), (11, 10, 3), (100, 7, 7), (100, 33, 5)],
    )
    def test_a_scan_gives_every_entry_once_in_order(
        self, store: EntryStore, plant: Plant, count: int, page_size: int, batch_size: int
    ) -> None:
        """Limits fall inside groups of equal instants: nothing is lost, nothing comes twice."""
        plant(reversed(encoded(entry(number) for number in range(count))))
        plant(encoded([entry(10**6, campaignId=ObjectId())]))

        batches = list(store.scan(SCAN, page_size=page_size, batch_size=batch_size))

        assert numbers(batches) == list(range(count))
        assert all(0 < len(batch) <= batch_size for batch in batches)

    def test_a_scan_gives_the_bytes_as_they_are_stored(
        self, store: EntryStore, plant: Plant
    ) -> None:
        """Field order and types are for the steps to judge, so nothing is encoded again."""
        stored = encoded([entry(1, z=1, a=bson.Int64(2), n=None, list=[{}], text="\0 é")])
        plant(stored)

        assert [list(batch) for batch in store.scan(SCAN)] == [stored]

    def test_a_scan_of_some_fields_gives_those_as_they_are_stored(
        self, store: EntryStore, plant: Plant
    ) -> None:
        """With the id and what it is sorted by; a block and a list are whole, nulls stay.

        Their order is the server's to say: MongoDB's is the document's, the stand-in's is not.
        """
        some: dict[str, object] = {"text": "\0 é", "list": [1, {"a": 1}, "x"], "n": None}
        block = {"b": {"c": bson.Int64(2)}, "d": [[]]}
        stored = entry(1, z=1, block=block, **some, list_too=[{}])
        other = entry(2, text={"a": 1})
        plant(encoded([stored, other]))
        fields = ("text", "n", "block", "nowhere", "list")

        (batch,) = store.scan(replace(SCAN, fields=fields))

        names = {"_id", "createdAt", *fields}
        less = [{n: v for n, v in one.items() if n in names} for one in (stored, other)]
        assert [_by_name(one) for one in batch] == [_by_name(one) for one in encoded(less)]
        (of_none,) = store.scan(replace(SCAN, fields=()))
        assert [sorted(bson.decode(one)) for one in of_none] == [["_id", "createdAt"]] * 2

    def test_pages_of_some_fields_follow_each_other(self, store: EntryStore, plant: Plant) -> None:
        """The next page begins behind what the last document is sorted by, asked for or not."""
        plant(encoded(entry(number, block={"at": number % 3}) for number in range(30)))
        scan = Scan(filter={}, sort=("block.at", "createdAt", "_id"), fields=("number",))

        found = numbers(store.scan(scan, page_size=7, batch_size=3))

        assert found == sorted(range(30), key=lambda number: (number % 3, number))

    def test_a_part_of_a_field_is_not_asked_for(self) -> None:
        """MongoDB would send nothing of what stands there instead of a block, without a word."""
        with pytest.raises(ValueError, match="whole"):
            Scan(filter={}, sort=("_id",), fields=("contact.email",))

    def test_a_scan_survives_documents_that_cannot_be_decoded(
        self, store: EntryStore, plant: Plant
    ) -> None:
        """A date beyond year 9999 is one counted reject, wherever it stands in a page."""
        bad = {
            number: bson.encode(entry(number, when=DatetimeMS(10**17)))
            for number in (0, 4, 5, 9, 19)
        }
        good = {number: bson.encode(entry(number)) for number in range(20)}
        plant({**good, **bad}.values())

        documents = [one for batch in store.scan(SCAN, page_size=5, batch_size=5) for one in batch]

        assert list({**good, **bad}.values()) == documents

    def test_a_scan_by_three_fields_keeps_its_order(self, store: EntryStore, plant: Plant) -> None:
        """The waiting list is ordered by market, position and id, each of which repeats."""
        market = [ObjectId(f"66530000000000000000a00{number}") for number in range(3)]
        waiting = [
            entry(number, waitlist={"marketId": market[number % 3], "position": number % 5})
            for number in range(60)
        ]
        plant(encoded(waiting))
        scan = Scan(
            filter={"campaignId": CAMPAIGN, "waitlist.position": {"$exists": True}},
            sort=("waitlist.marketId", "waitlist.position", "_id"),
            hint="ix_wl_id",
        )

        found = numbers(store.scan(scan, page_size=4, batch_size=3))

        expected = sorted(range(60), key=lambda number: (number % 3, number % 5, number))
        assert expected == found

    def test_entries_that_move_while_they_are_read_come_once(
        self, store: EntryStore, plant: Plant
    ) -> None:
        """The order is by fields that never change, so a fan who moves is not read twice."""
        plant(encoded(entry(number, city="a") for number in range(20)))

        found: list[int] = []
        for batch in store.scan(SCAN, page_size=5, batch_size=5):
            found += numbers([batch])
            plant(encoded(entry(number, city="b") for number in range(20)))

        assert found == list(range(20))

    def test_a_sort_field_that_is_missing_stops_the_scan(
        self, store: EntryStore, plant: Plant
    ) -> None:
        """Comparisons skip null and absent, so going on would lose entries without a word."""
        plant(encoded([entry(1, createdAt=None)]))

        with pytest.raises(Refused, match="createdAt"):
            list(store.scan(SCAN))

    def test_a_scan_that_is_given_up_leaves_nothing_open(
        self, store: EntryStore, plant: Plant
    ) -> None:
        """A cancelled export stops in the middle; the store still answers."""
        plant(encoded(entry(number) for number in range(20)))
        batches = store.scan(SCAN, page_size=10, batch_size=2)

        next(batches)
        del batches

        assert store.count(SCAN.filter) == 20

    def test_an_order_without_the_id_is_an_error(self) -> None:
        """Without a last word on ties, entries of one instant would be lost at a page's end."""
        with pytest.raises(ValueError, match="_id"):
            Scan(filter={}, sort=("createdAt",))

    def test_an_unknown_index_is_refused(self, store: EntryStore, plant: Plant) -> None:
        """A renamed index must not become a scan of the whole collection."""
        plant(encoded([entry(1)]))

        with pytest.raises(Refused):
            list(store.scan(Scan(filter={}, sort=("_id",), hint="ix_nowhere")))

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"status": "waitlisted"}, [0, 3]),
            ({"status": {"$in": ["waitlisted", "selected"]}}, [0, 1, 3]),
            ({"status": {"$ne": "waitlisted"}}, [1, 2, 4, 5]),
            ({"status": {"$nin": ["waitlisted", "selected"]}}, [2, 4, 5]),
            ({"status": None}, [4, 5]),
            ({"status": {"$exists": False}}, [5]),
            ({"status": {"$exists": True}}, [0, 1, 2, 3, 4]),
            ({"status": {"$type": "string"}}, [0, 1, 3]),
            ({"status": {"$not": {"$type": "string"}}}, [2, 4, 5]),
            ({"number": {"$gte": 2, "$lt": 4}}, [2, 3]),
            ({"number": {"$gt": "2"}}, []),
            ({"at": {"$gt": OPENED}}, [1]),
            ({"at": {"$lte": OPENED}}, [0]),
            ({"at": {"$type": "date"}}, [0, 1]),
            ({"at": {"$not": {"$gt": OPENED}}}, [0, 2, 3, 4, 5]),
            ({"$or": [{"number": 1}, {"number": 2}]}, [1, 2]),
            ({"$and": [{"number": {"$gt": 1}}, {"number": {"$lt": 3}}]}, [2]),
            ({"$nor": [{"number": {"$gt": 1}}, {"at": OPENED}]}, [1]),
            ({"preferences.marketId": 7}, [0, 1]),
            ({"preferences.marketId": {"$in": [8]}}, [1]),
            ({"preferences": {"$elemMatch": {"marketId": 7, "rank": 2}}}, [1]),
            ({"preferences.marketId": {"$ne": 7}}, [2, 3, 4, 5]),
            ({"preferences": {"$size": 0}}, [2]),
            ({"preferences": {"$type": "array"}}, [0, 1, 2]),
            ({"contact.email": None}, [0, 1, 2, 4, 5]),
            ({"contact.email": {"$type": "string"}}, [3]),
        ],
    )
    def test_a_filter_means_what_mongodb_means(
        self, store: EntryStore, plant: Plant, query: dict[str, object], expected: list[int]
    ) -> None:
        """Every operator that an export may use, with nulls, absences, lists and mixed types."""
        fields: list[dict[str, object]] = [
            {"status": "waitlisted", "at": OPENED, "preferences": [{"marketId": 7, "rank": 1}]},
            {
                "status": "selected",
                "at": OPENED + timedelta(seconds=1),
                "preferences": [{"marketId": 8, "rank": 1}, {"marketId": 7, "rank": 2}],
            },
            {"status": 3, "at": "2026", "preferences": []},
            {"status": "waitlisted", "contact": {"email": "a@example.com"}},
            {"status": None, "contact": {"email": None}},
            {"at": None, "contact": "none"},
        ]
        plant(encoded(entry(number, **one) for number, one in enumerate(fields)))
        scan = Scan(filter=query, sort=("_id",))

        assert numbers(store.scan(scan)) == expected
        assert store.count(query) == len(expected)

    def test_distinct_values_are_counted_across_lists(
        self, store: EntryStore, plant: Plant
    ) -> None:
        """The markets come from what fans chose, not only from the list of markets."""
        plant(
            encoded(
                [
                    entry(1, preferences=[{"marketId": 2}, {"marketId": 1}]),
                    entry(2, preferences=[{"marketId": 2}]),
                    entry(3, preferences=None),
                    entry(5, preferences=[]),
                    entry(4, campaignId=ObjectId(), preferences=[{"marketId": 9}]),
                ]
            )
        )

        found = store.distinct("preferences.marketId", {"campaignId": CAMPAIGN})

        assert sorted(found) == [1, 2]
