"""Raw documents become rows in order, whatever is wrong with some of them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.exports.shared.entry_values import millis
from assets.model.column import Unfit
from assets.model.failure import ExportFailed
from assets.model.source import EntryRow, EntrySource, Segment
from assets.steps.read import MERGE_HOPS, EntryReader
from assets.steps.rows import Ledger
from tests.assets.examples import CAMPAIGN_ID, facts

START = datetime(2026, 3, 3, tzinfo=UTC)


def oid(number: int) -> ObjectId:
    """An id that ends in a number."""
    return ObjectId(f"{number:024x}")


def entry(number: int, *, minute: int | None = None, **fields: Any) -> dict[str, Any]:
    """An entry registered so many minutes after the start."""
    made = START + timedelta(minutes=number if minute is None else minute)
    return {
        "_id": oid(number),
        "schemaVersion": 3,
        "campaignId": CAMPAIGN_ID,
        "createdAt": made,
        **fields,
    }


def order(row: EntryRow) -> tuple[Any, ...]:
    """Order of registration; a date that is text is no order."""
    created = row.entry.get("createdAt")
    if created == "unfit":
        raise Unfit("created:wrong_type")
    return millis(created), row.entry["_id"]


class Users:
    """Accounts by id that remember what they were asked for."""

    def __init__(self, *documents: Mapping[str, Any]) -> None:
        """Know these."""
        self._known = {document["_id"]: document for document in documents}
        self.asked: list[set[ObjectId]] = []

    def __call__(self, ids: Collection[ObjectId]) -> dict[ObjectId, Mapping[str, Any]]:
        """Give those that are known."""
        self.asked.append(set(ids))
        return {i: self._known[i] for i in ids if i in self._known}


def reader(
    *strands: Sequence[Mapping[str, Any] | bytes],
    users: Callable[[set[ObjectId]], Mapping[ObjectId, Mapping[str, Any]]] | None = None,
    gather: bool = False,
    most: int = 100,
    decoded: int = 100,
    batch: int = 2,
) -> EntryReader:
    """A reader over strands of documents, one segment each."""

    def scan(segment: Segment) -> Iterator[Sequence[bytes]]:
        documents = strands[int(str(segment.filter["strand"]))]
        raw = [d if isinstance(d, bytes) else bson.encode(d) for d in documents]
        yield from (raw[start : start + batch] for start in range(0, len(raw), batch))

    segments = [
        [Segment(filter={"strand": n}, sort=("_id",), gather=gather)] for n in range(len(strands))
    ]
    source = EntrySource(
        strands=lambda _: segments,
        order=order,
        population=lambda _: {},
        verdict=lambda _: lambda _: None,
        notes=lambda _: (),
    )
    return EntryReader(
        source=source,
        facts=facts(),
        scan=scan,
        users=users or Users(),
        ledger=Ledger(),
        most_gathered=most,
        most_decoded=decoded,
    )


def numbers(made: EntryReader) -> list[int]:
    """The numbers of all rows."""
    return [int(str(row.entry["_id"]), 16) for row in made.rows()]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 30), max_size=8), min_size=1, max_size=4),
    st.integers(1, 4),
    st.booleans(),
    st.integers(1, 10),
)
def test_merged_strands_give_one_total_order(
    minutes: list[list[int]], batch: int, gather: bool, decoded: int
) -> None:
    """The order must depend neither on the strand nor on the size of a batch."""
    count = iter(range(1, 1000))
    strands = [[entry(next(count), minute=minute) for minute in sorted(s)] for s in minutes]
    expected = sorted(
        (document["createdAt"], document["_id"]) for strand in strands for document in strand
    )

    made = reader(*strands, batch=batch, gather=gather, decoded=decoded)
    rows = [(row.entry["createdAt"], row.entry["_id"]) for row in made.rows()]

    assert expected == rows
    assert len(expected) == made.ledger.read


def test_a_gathered_segment_is_sorted_whatever_its_stored_order() -> None:
    """Numbers stored as text say nothing about the order of the rows."""
    documents = [entry(3), entry(1), entry(2)]

    assert [1, 2, 3] == numbers(reader(documents, gather=True))


@pytest.mark.parametrize(("decoded", "times"), [(3, 2), (1, 4)])
def test_gathered_documents_are_counted_once_though_many_are_decoded_twice(
    decoded: int, times: int
) -> None:
    """A row counted twice would fail the export as unaccounted; a few are looked up once."""
    users = Users()
    documents = [entry(1, userId=oid(7)), entry(2, createdAt="unfit"), entry(3, userId=oid(8))]
    made = reader(documents, gather=True, decoded=decoded, users=users, batch=2)

    assert [1, 3] == numbers(made)
    assert times == len(users.asked)
    assert 3 == made.ledger.read
    assert {"created:wrong_type": 1} == dict(made.ledger.rejected)


def test_a_gathered_document_that_is_none_is_counted_once() -> None:
    """A row counted twice would fail the export as unaccounted."""
    made = reader([entry(1), entry(2, createdAt="unfit"), b"\x05\x00\x00\x00\x01"], gather=True)

    assert [1] == numbers(made)
    assert 3 == made.ledger.read
    assert {"created:wrong_type": 1, "undecodable": 1} == dict(made.ledger.rejected)


@pytest.mark.parametrize(("most", "fits"), [(5, True), (4, False)])
def test_more_documents_without_order_than_memory_holds_fail_the_export(
    most: int, fits: bool
) -> None:
    """Sorting two million in memory would kill the worker three times instead."""
    made = reader([entry(number) for number in range(1, 6)], gather=True, most=most)

    if fits:
        assert 5 == len(numbers(made))
    else:
        with pytest.raises(ExportFailed, match="SOURCE_UNORDERED"):
            numbers(made)


def _broken_text() -> bytes:
    return bson.encode(entry(9, locale="xx-broken")).replace(b"xx-broken", b"\xff\xfe-broken")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (_broken_text(), "undecodable"),
        (b"\x05\x00\x00\x00\x01", "undecodable"),
        (b"", "undecodable"),
        (bson.encode(entry(9))[:-3], "undecodable"),
        (bson.encode(entry(9, userId="nobody")), "user_id:wrong_type"),
        (bson.encode(entry(9, userId={"$gt": ""})), "user_id:wrong_type"),
        (bson.encode(entry(9, userId=7)), "user_id:wrong_type"),
        (bson.encode(entry(9, createdAt="unfit")), "created:wrong_type"),
    ],
)
def test_a_document_that_cannot_be_a_row_is_a_counted_reject(bad: bytes, reason: str) -> None:
    """One rotten document must not end the export of the others."""
    made = reader([entry(1), bad, entry(10)])

    assert [1, 10] == numbers(made)
    assert ({reason: 1}, 3) == (dict(made.ledger.rejected), made.ledger.read)


def test_a_date_that_python_cannot_hold_reaches_its_column() -> None:
    """Only the column may judge it: an export without that column is right all the same."""
    made = reader([entry(1, updatedAt=DatetimeMS(2**60))])

    (row,) = made.rows()

    assert isinstance(row.entry["updatedAt"], DatetimeMS)


def chain(hops: int) -> tuple[list[dict[str, Any]], ObjectId]:
    """Accounts merged one into the next, so many times; and the id of the first."""
    merged = [{"_id": oid(100 + n), "mergedInto": oid(101 + n)} for n in range(hops)]
    return [*merged, {"_id": oid(100 + hops), "accountId": f"after {hops}"}], oid(100)


@pytest.mark.parametrize("hops", range(MERGE_HOPS + 2))
def test_merged_accounts_are_followed_five_hops_and_then_taken_for_missing(hops: int) -> None:
    """DOMAIN.md 2.4; one hop too few shows a fan without an account, or a dead one."""
    documents, first = chain(hops)

    (row,) = reader([entry(1, userId=first)], users=Users(*documents)).rows()

    expected = f"after {hops}" if hops <= 5 else None
    assert expected == (row.user or {}).get("accountId")


OUT = {"emailGlobalOptOut": True}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (OUT, None, OUT),
        (OUT, {"emailGlobalOptOut": False, "smsStop": False}, {**OUT, "smsStop": False}),
        (OUT, {"smsStop": True}, {**OUT, "smsStop": True}),
        ({"emailGlobalOptOut": False, "hardBouncedAt": None}, {"smsStop": True}, {"smsStop": True}),
        ("not readable", {"smsStop": True}, "not readable"),
        (OUT, "not readable", "not readable"),
        (None, {"smsStop": True}, {"smsStop": True}),
    ],
)
def test_a_no_outlives_a_merge(old: Any, new: Any, expected: Any) -> None:
    """Two of 500 nasty fans who had said no were given to a promoter (DOMAIN.md 11, point 3).

    What cannot be read may be the no, so it stays, and its row is rejected.
    """
    documents, first = chain(2)
    documents[0]["marketing"], documents[2]["marketing"] = old, new

    (row,) = reader([entry(1, userId=first)], users=Users(*documents)).rows()

    assert row.user is not None
    assert expected == row.user["marketing"]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_accounts_merged_in_a_circle_are_missing(length: int) -> None:
    """Somebody merged A into B and B into A; the export must end."""
    circle = [
        {"_id": oid(100 + n), "mergedInto": oid(100 + (n + 1) % length)} for n in range(length)
    ]
    users = Users(*circle)

    (row,) = reader([entry(1, userId=oid(100))], users=users).rows()

    assert row.user is None
    assert len(users.asked) <= MERGE_HOPS + 1


@pytest.mark.parametrize("target", ["text", {"$gt": ""}, [oid(7)], 7, oid(999)])
def test_an_account_merged_into_nothing_is_missing(target: Any) -> None:
    """A wrong type in one account must not end the export of the others."""
    users = Users({"_id": oid(100), "mergedInto": target, "accountId": "old"})

    rows = list(reader([entry(1, userId=oid(100)), entry(2)], users=users).rows())

    assert [None, None] == [row.user for row in rows]


def test_a_row_whose_account_cannot_be_read_is_rejected() -> None:
    """The account may say that the fan was erased, so showing the row would be a guess."""
    users = Users({"_id": oid(100), "undecodable": True})
    made = reader([entry(1, userId=oid(100)), entry(2)], users=users)

    assert [2] == numbers(made)
    assert {"user:undecodable": 1} == dict(made.ledger.rejected)


def test_guests_ask_for_no_account_and_a_batch_asks_once() -> None:
    """A query an entry would take two million round trips."""
    users = Users({"_id": oid(100), "accountId": "a"})
    documents = [entry(1, userId=oid(100)), entry(2, userId=oid(100)), entry(3), entry(4)]

    rows = list(reader(documents, users=users).rows())

    assert ["a", "a", None, None] == [(row.user or {}).get("accountId") for row in rows]
    assert [{oid(100)}] == users.asked


def test_an_erasure_follows_a_merged_account() -> None:
    """Who asked to be erased must not come back through the account that theirs became."""
    users = Users(
        {"_id": oid(100), "mergedInto": oid(101), "erasure": {"scope": "all"}},
        {"_id": oid(101), "accountId": "new"},
    )

    (row,) = reader([entry(1, userId=oid(100))], users=users).rows()

    assert row.user is not None
    assert (row.user["accountId"], row.user["erasure"]) == ("new", {"scope": "all"})
