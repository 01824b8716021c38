"""What Marketing Cloud promises: rows taken later, a result for each, keys that make twice once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from resources.errors import Refused, Unavailable
from resources.http_json import may_have_happened
from resources.marketing_cloud import (
    MAX_ROWS,
    READ_ROWS,
    BatchStatus,
    Field,
    MarketingCloud,
    RequestState,
)
from tests.fakes.clock import ManualClock
from tests.fakes.marketing_cloud import Limit

FIELDS = (
    Field(name="SubscriberKey", type="Text", length=50, primary_key=True, required=True),
    Field(name="EmailAddress", type="EmailAddress", length=254, required=True),
    Field(name="FirstName", type="Text", length=10),
    Field(name="Tickets", type="Number"),
    Field(name="ExportId", type="Text", length=50),
)

# Makes a data extension: fields, whether it is sendable; its external key.
Make = Callable[[Iterable[Field], bool], str]
# The rows of a data extension as they are stored.
Stored = Callable[[str], list[Mapping[str, Any]]]
# Says with which 429 each of the next tries to hand rows over is answered.
Limits = Callable[[Sequence[Limit]], None]
# Waits until a request is complete.
Wait = Callable[[str], BatchStatus]


def row(number: int, **more: object) -> dict[str, object]:
    """A row that fits `FIELDS`."""
    key = f"sub-{number:05d}"
    return {"SubscriberKey": key, "EmailAddress": f"{key}@example.com", "ExportId": "x", **more}


class MarketingCloudContract:
    """The suite; a subclass gives its fixtures.

    ``door`` on ``clock``, ``make``, ``stored``, ``wait``, ``limit``, ``tokens`` and ``now``.
    """

    doors: ClassVar = (MarketingCloud,)

    def test_rows_are_taken_later_and_are_there_then(
        self, door: MarketingCloud, make: Make, stored: Stored, wait: Wait
    ) -> None:
        """A request is a promise; only its status says that it was kept."""
        key = make(FIELDS, False)

        request = door.upsert(key, [row(1, Tickets=2), row(2, FirstName=None)])

        status = wait(request)
        assert (status.state, status.has_errors) == (RequestState.COMPLETE, False)
        assert [one["SubscriberKey"] for one in stored(key)] == ["sub-00001", "sub-00002"]
        assert door.page(key, 1, where=("ExportId", "x"), size=1).count == 2
        assert door.page(key, 1, where=("ExportId", "it's another")).count == 0

    def test_an_upsert_that_comes_twice_is_one_row(
        self, door: MarketingCloud, make: Make, stored: Stored, wait: Wait
    ) -> None:
        """A batch whose answer was lost is sent again: the primary key makes that harmless."""
        key = make(FIELDS, False)

        for name in ("first", "second"):
            wait(door.upsert(key, [row(1, FirstName=name)]))

        assert [one["FirstName"] for one in stored(key)] == ["second"]

    def test_an_insert_of_a_key_that_is_there_is_an_error_of_its_row(
        self, door: MarketingCloud, make: Make, stored: Stored, wait: Wait
    ) -> None:
        """The request completes; which rows were not taken is in its results, without a value."""
        key = make(FIELDS, False)
        wait(door.insert(key, [row(1)]))

        request = door.insert(key, [row(1), row(2)])

        assert wait(request).has_errors
        results = door.results(request).rows
        assert [one.ok for one in results] == [False, True]
        assert results[0].code == "UnexpectedError"
        assert len(stored(key)) == 2

    def test_an_insert_without_a_primary_key_doubles(
        self, door: MarketingCloud, make: Make, stored: Stored, wait: Wait
    ) -> None:
        """Why tables without one must never be sent a batch twice."""
        fields = [Field(name="SubscriberKey", type="Text", length=50), *FIELDS[1:]]
        key = make(fields, False)

        for _ in range(2):
            wait(door.insert(key, [row(1)]))

        assert len(stored(key)) == 2
        assert not door.describe(key).keyed

    def test_every_result_of_many_pages_comes_in_order(
        self, door: MarketingCloud, make: Make, wait: Wait
    ) -> None:
        """Results come 50 a page; the row that failed is on the third."""
        key = make(FIELDS, False)
        rows = [row(number) for number in range(120)]
        rows[110]["FirstName"] = "a name that is too long"

        request = door.upsert(key, rows)

        assert wait(request).has_errors
        results = door.results(request)
        assert [number for number, one in enumerate(results.rows) if not one.ok] == [110]
        assert (len(results.rows), results.errors) == (120, 1)

    def test_rows_are_read_back_as_they_are_stored(
        self, door: MarketingCloud, make: Make, wait: Wait
    ) -> None:
        """How a loss is seen where rows do not carry the id of their export: 2,500 a page."""
        key = make(FIELDS, False)
        wait(door.upsert(key, [row(n) for n in range(READ_ROWS)]))
        wait(door.upsert(key, [row(READ_ROWS, FirstName="Zoë", Tickets=3)]))

        pages = [door.page(key, number) for number in (1, 2, 3)]

        assert [len(page.rows) for page in pages] == [READ_ROWS, 1, 0]
        assert {page.count for page in pages} == {READ_ROWS + 1}
        assert len({one["subscriberkey"] for page in pages for one in page.rows}) == READ_ROWS + 1
        assert pages[1].rows[0] == {
            "subscriberkey": f"sub-{READ_ROWS:05d}",
            "emailaddress": f"sub-{READ_ROWS:05d}@example.com",
            "firstname": "Zoë",
            "tickets": "3",
            "exportid": "x",
        }

    def test_a_data_extension_is_described(self, door: MarketingCloud, make: Make) -> None:
        """What a delivery compares its columns with, before the first row."""
        key = make(FIELDS, True)

        found = door.describe(key)

        assert (found.key, found.sendable, found.keyed) == (key, True, True)
        assert found.fields == FIELDS

    def test_one_token_serves_for_as_long_as_it_lives(
        self, door: MarketingCloud, make: Make, clock: ManualClock, tokens: Callable[[], int]
    ) -> None:
        """The service counts requests for tokens: one in 20 minutes is what it wants to see."""
        key = make(FIELDS, False)
        before = tokens()
        for _ in range(3):
            door.describe(key)
        asked = tokens() - before
        clock.advance(1079 - 29)

        door.describe(key)

        assert (asked, tokens() - before) == (1, 2)

    def test_a_rate_limit_is_waited_for_as_long_as_it_says(
        self, door: MarketingCloud, make: Make, clock: ManualClock, limit: Limits, wait: Wait
    ) -> None:
        """50100 comes with Retry-After, and costs time only."""
        key = make(FIELDS, False)
        limit([Limit.THROTTLED, Limit.THROTTLED])

        request = door.upsert(key, [row(1)])

        assert clock.slept == [5.0, 5.0]
        assert not wait(request).has_errors

    def test_a_block_without_retry_after_is_waited_for_in_minutes(
        self, door: MarketingCloud, make: Make, clock: ManualClock, limit: Limits, stored: Stored
    ) -> None:
        """50200 says nothing: a minute, then twice as long, five tries, then another attempt."""
        key = make(FIELDS, False)
        limit([Limit.BLOCKED] * 9)

        with pytest.raises(Unavailable) as unavailable:
            door.upsert(key, [row(1)])

        assert clock.slept == [60.0, 120.0, 240.0, 480.0]
        assert unavailable.value.code == "SFMC_THROTTLED"
        assert not may_have_happened(unavailable.value)
        assert stored(key) == []

    def test_the_servers_time_is_six_hours_behind_all_the_year(
        self, door: MarketingCloud, make: Make, wait: Wait, now: Callable[[], datetime]
    ) -> None:
        """Their times have no zone; read as UTC, requests would have ended six hours early."""
        completed = wait(door.upsert(make(FIELDS, False), [row(1)])).completed_at

        assert completed is not None
        assert completed.utcoffset() == timedelta(0)
        assert abs(completed - now()) < timedelta(minutes=1)

    def test_an_unknown_data_extension_is_refused_before_anything_is_queued(
        self, door: MarketingCloud
    ) -> None:
        """A misspelt key must be an error of the call, not of a request that fails later."""
        for ask in (
            lambda: door.upsert("no-such-table", [row(1)]),
            lambda: door.insert("no-such-table", [row(1)]),
            lambda: door.describe("no-such-table"),
            lambda: door.page("no-such-table", 1),
            lambda: door.status("no-such-request"),
            lambda: door.results("no-such-request"),
        ):
            with pytest.raises(Refused) as refused:
                ask()
            assert refused.value.code == "SFMC_MISSING"

    def test_more_rows_than_one_request_takes_are_not_sent(self, door: MarketingCloud) -> None:
        """The hard limit of the service is 32,000; a batch above it is a bug of ours."""
        for rows in ([], [row(1)] * (MAX_ROWS + 1)):
            with pytest.raises(ValueError, match="rows are sent at once"):
                door.upsert("any", rows)

    def test_contacts_are_deleted_by_an_operation_with_an_id(self, door: MarketingCloud) -> None:
        """The id is what the ledger keeps, so that an erasure is asked for once."""
        assert door.delete_contacts(["sub-00001"]).isdigit()
        with pytest.raises(ValueError, match="contacts are deleted at once"):
            door.delete_contacts([])

    def test_a_closed_door_opens_again(self, door: MarketingCloud, make: Make) -> None:
        """A resource that is torn down twice, or used once more, must not break a run."""
        key = make(FIELDS, False)
        door.close()
        door.close()

        assert door.describe(key).key == key
