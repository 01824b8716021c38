"""`registration-timeline`: every bucket once, sessions where they belong, entries by then."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.registration_timeline import REGISTRATION_TIMELINE, Row, Timeline
from assets.exports.shared.entry_strands import BEYOND
from assets.exports.shared.entry_values import millis
from assets.model.campaign import Campaign, Facts, Schedule
from assets.model.column import Pii, Unfit
from assets.model.failure import ExportFailed
from assets.model.source import EntrySource
from assets.steps.formats import Rendering
from assets.steps.plan import plan
from assets.steps.rows import Ledger, rendering
from tests.assets.examples import NEW_YORK, SNAPSHOT, VANCOUVER, campaign, facts, request, row
from tests.assets.exports.scripted import Scripted
from tests.assets.exports.sheets import entry

OPENS = datetime(2026, 3, 3, 15, tzinfo=UTC)
CLOSES = datetime(2026, 3, 3, 17, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
STEPS = ("sessions", "started", "submitted", "verified_phone", "completed", "withdrawn")


def open_for(opens: datetime | None = OPENS, closes: datetime | None = CLOSES) -> Campaign:
    """The campaign with its registration."""
    schedule = Schedule(registration_opens_at=opens, registration_closes_at=closes)
    return replace(campaign(), schedule=schedule)


def seen(at: datetime, key: str, *counts: int) -> dict[str, Any]:
    """A row of the query: counts by the names of `STEPS`."""
    named = dict(zip(STEPS, (*counts, *(0,) * 6), strict=False))
    return {"bucket_start": at.replace(tzinfo=None), "market_key": key, **named}


def ground(
    *found: Mapping[str, Any], of: Campaign | None = None, counted: int | None = None, **params: Any
) -> Facts:
    """The facts after the look-up of the sessions."""
    asked = facts("registration-timeline", of=of or open_for(), **params)
    count = len(found) if counted is None else counted
    reading = Scripted(results={"by_bucket": found, "count": [{"counted": count}]})
    return replace(asked, prepared=REGISTRATION_TIMELINE.prepare(asked, reading))


def rows(on: Facts, entries: Sequence[Mapping[str, Any]] = ()) -> list[Row]:
    """The rows of the file."""
    fold = Timeline(on)
    for one in entries:
        assert list(fold.add(row(one, ground=on))) == []
    return list(fold.rest())


def places(found: Sequence[Row]) -> list[tuple[str, str]]:
    """Time and market of each row."""
    return [(f"{datetime.fromtimestamp(one.start / 1000, UTC):%d %H:%M}", one.key) for one in found]


def source() -> EntrySource:
    """The source of the export."""
    assert isinstance(REGISTRATION_TIMELINE.rows, EntrySource)
    return REGISTRATION_TIMELINE.rows


def cells(one: Row) -> dict[str, object]:
    """The values of a row by column."""
    return {column.name: column.value(one) for column in REGISTRATION_TIMELINE.static_columns}


def test_empty_buckets_are_written_as_zero_from_opening_to_closing() -> None:
    """A gap in a chart looks like an outage (DOMAIN.md 7.11); 17:30 closes the hour of 17:00."""
    found = rows(ground())
    keys = ["TOTAL", "new-york-ny", "vancouver-bc"]

    assert [(f"03 {hour}:00", key) for hour in (15, 16, 17) for key in keys] == places(found)
    assert {0} == {one.counted(name) for one in found for name in STEPS}


@pytest.mark.parametrize(
    ("bucket", "count", "last"),
    [("15m", 10, "03 17:15"), ("hour", 3, "03 17:00"), ("day", 1, "03 00:00")],
)
def test_a_bucket_has_the_length_asked_for(bucket: str, count: int, last: str) -> None:
    """Opening at 15:00, closing at 17:30: ten quarters, three hours begun, one day."""
    found = [place for place in places(rows(ground(bucket=bucket))) if place[1] == "TOTAL"]

    assert (count, (last, "TOTAL")) == (len(found), found[-1])


def test_what_happens_outside_of_registration_is_written_without_filling_up_to_it() -> None:
    """A clock that is wrong by fifty years would make half a million empty hours."""
    lost = datetime(1976, 3, 1, tzinfo=UTC)
    found = rows(ground(seen(lost, "TOTAL", 1), seen(CLOSES + 48 * HOUR, "vancouver-bc", 2)))

    assert 1 + 9 + 1 == len(found)
    assert (millis(lost), "TOTAL", 1) == (
        found[0].start,
        found[0].key,
        found[0].counted("sessions"),
    )
    assert ("05 17:30", "vancouver-bc") == places(found)[-1]


def test_a_registration_without_end_is_filled_up_to_the_snapshot_and_no_further() -> None:
    """Nobody knows of the future; a closing that lies in it changes nothing."""
    begun = SNAPSHOT - 2 * HOUR
    for closes in (None, SNAPSHOT + 9 * HOUR):
        found = rows(ground(of=open_for(begun, closes)))

        assert ["20 10:00", "20 11:00", "20 12:00"] == [
            p for p, key in places(found) if key == "TOTAL"
        ]


def test_a_campaign_without_schedule_has_what_happened_only() -> None:
    """There is no window to fill; that is no failure."""
    assert [] == rows(ground(of=open_for(None, None)))
    assert 1 == len(rows(ground(seen(OPENS, "TOTAL", 1), of=open_for(None, None))))


def test_the_days_asked_for_are_filled_whole_and_nothing_else_is_written() -> None:
    """Scope `day` of DOMAIN.md 7.11: 24 hours, whether registration was open or not."""
    days: dict[str, Any] = {"from": "2026-03-05", "to": "2026-03-05"}
    inside = seen(datetime(2026, 3, 5, 8, tzinfo=UTC), "TOTAL", 4)
    found = rows(ground(seen(OPENS, "TOTAL", 1), inside, **days))

    assert 24 * 3 == len(found)
    assert {"05"} == {place[:2] for place, _ in places(found)}
    assert [4] == [one.counted("sessions") for one in found if one.counted("sessions")]


def test_the_days_asked_for_end_at_the_snapshot() -> None:
    """Zeros for hours that have not been would look like a collapse."""
    days: dict[str, Any] = {"from": "2026-03-20", "to": "2026-03-21"}
    found = rows(ground(**days))

    assert 13 * 3 == len(found)


def test_only_what_arrived_since_the_first_day_is_read() -> None:
    """Partitions are paid by the byte; an event arrives after it happened."""
    script = Scripted(results={"count": [{"counted": 0}]})
    days: dict[str, Any] = {"from": "2026-03-05", "to": "2026-03-05"}
    REGISTRATION_TIMELINE.prepare(facts("registration-timeline", **days), script)

    for made in script.asked.values():
        assert "dt BETWEEN DATE '2026-03-05' AND DATE '2026-03-20'" in made.sql
        assert "IN ('new-york-ny', 'vancouver-bc')" in made.sql


def test_a_campaign_without_markets_can_be_asked_for() -> None:
    """`IN ()` is no SQL."""
    script = Scripted(results={"count": [{"counted": 0}]})
    bare = facts("registration-timeline", its_markets=())
    REGISTRATION_TIMELINE.prepare(bare, script)

    assert "IN ('')" in script.asked["by_bucket"].sql


def test_buckets_that_do_not_add_up_fail_the_export() -> None:
    """A result that was cut short would be a funnel with a leak that is not there."""
    with pytest.raises(ExportFailed) as caught:
        ground(seen(OPENS, "TOTAL", 1), counted=2)

    assert ("ROWS_UNACCOUNTED", True) == (caught.value.code, caught.value.retryable)


def test_entries_are_counted_up_to_the_end_of_their_bucket_in_every_market_they_name() -> None:
    """The last millisecond of an hour belongs to it; who came before the opening counts from it."""
    entries = [
        entry(1, createdAt=OPENS - 9 * HOUR),
        entry(2, NEW_YORK, VANCOUVER, createdAt=OPENS + HOUR - timedelta(milliseconds=1)),
        entry(3, VANCOUVER, VANCOUVER, createdAt=OPENS + HOUR),
        entry(4, createdAt=CLOSES + 9 * HOUR),
    ]
    found = rows(ground(), entries)

    assert [2, 2, 1, 3, 2, 2, 3, 2, 2] == [one.entries for one in found]


def test_a_market_that_the_campaign_does_not_have_is_unknown_and_so_is_none() -> None:
    """Left out, the markets would not hold everybody that the total counts."""
    strange = entry(1, ObjectId(), createdAt=OPENS)
    silent = entry(2, createdAt=OPENS) | {"preferences": []}
    found = rows(ground(), [strange, silent])

    assert [2, 2, 0, 0] == [one.entries for one in found[:4]]
    assert ["TOTAL", "UNKNOWN", "new-york-ny", "vancouver-bc"] == [one.key for one in found[:4]]
    assert "UNKNOWN" in [one.key for one in rows(ground(seen(OPENS, "UNKNOWN", 1)))]


@pytest.mark.parametrize("unreadable", [None, "yesterday", BEYOND])
def test_an_entry_whose_instant_nobody_can_read_was_there_from_the_start(
    unreadable: object,
) -> None:
    """It is demand that was there, as in `market-demand`; the accounting says so."""
    odd = entry(1, createdAt=unreadable)
    on = ground()

    assert 1 == rows(on, [odd])[0].entries
    assert "no_registration_instant" in source().notes(row(odd, ground=on))
    assert "no_registration_instant" not in source().notes(row(entry(2), ground=on))


def test_an_entry_whose_preferences_nobody_can_read_is_rejected_whole() -> None:
    """Counted in the total alone, it would be missing from every market."""
    fold = Timeline(ground())
    with pytest.raises(Unfit):
        fold.add(row(entry(1, preferences="all of them"), ground=ground()))

    assert 0 == next(fold.rest()).entries


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        ({}, None),
        ({"status": "withdrawn"}, None),
        ({"status": "erased"}, "erased"),
        ({"deletedAt": SNAPSHOT}, "deleted"),
        ({"isCurrent": False}, "not_current"),
    ],
)
def test_entries_count_as_in_market_demand(gone: dict[str, Any], reason: str | None) -> None:
    """Two reports of one campaign must not disagree about how many fans there are."""
    on = ground()

    assert reason == source().verdict(on)(row(entry(1, **gone), ground=on))


def test_a_share_of_nobody_is_empty_and_one_may_pass_a_hundred() -> None:
    """Who began before midnight and was done after it is no mistake."""
    found = rows(
        ground(seen(OPENS, "TOTAL", 5, 4, 3, 2, 1), seen(OPENS + HOUR, "TOTAL", 2, 1, 2, 0, 2))
    )
    shown = [cells(one)["completion_pct"] for one in found if one.key == "TOTAL"]

    assert [Decimal("0.25"), Decimal(2), None] == shown
    first = cells(found[0])
    assert (5, 4, 3, 2, 1, 0) == tuple(first[name] for name in STEPS)


def clock(instant: datetime, **params: Any) -> tuple[str, str]:
    """What the columns of the local time say of a bucket."""
    on = facts("registration-timeline", of=open_for(), **params)
    made: Rendering = rendering(plan(REGISTRATION_TIMELINE, on), Ledger())
    local = instant.astimezone(made.zone)
    return f"{local:%d %H:%M}", f"{local:%z}"


def test_a_day_of_the_zone_has_23_or_25_hours_and_each_hour_its_own_label() -> None:
    """DOMAIN.md 7.11: bucket in UTC, label in zone; the clock alone names two hours 01:00."""
    spring = [clock(datetime(2026, 3, 8, 5, tzinfo=UTC) + hour * HOUR) for hour in range(23)]
    autumn = [clock(datetime(2026, 11, 1, 4, tzinfo=UTC) + hour * HOUR) for hour in range(25)]

    assert {"08"} == {label[:2] for label, _ in spring}
    assert {"01"} == {label[:2] for label, _ in autumn}
    assert "08 02:00" not in [label for label, _ in spring]
    assert [("01 01:00", "-0400"), ("01 01:00", "-0500")] == autumn[1:3]
    assert (23, 25) == (len(set(spring)), len(set(autumn)))


def test_the_zone_asked_for_labels_the_buckets() -> None:
    """Planners in another country read their own clock."""
    assert ("03 15:00", "+0000") == clock(OPENS, zone="UTC")
    assert ("03 20:30", "+0530") == clock(OPENS, zone="Asia/Kolkata")
    assert ("03 10:00", "-0500") == clock(OPENS)


@pytest.mark.parametrize("zone", ["Moon/Tranquility", "America", "Europe/Berlin/Mitte"])
def test_a_zone_that_there_is_not_is_refused(zone: str) -> None:
    """Times in another zone than the one asked for would be believed."""
    with pytest.raises(ExportFailed) as caught:
        plan(REGISTRATION_TIMELINE, facts("registration-timeline", zone=zone))

    assert "UNKNOWN_TIME_ZONE" == caught.value.code


def test_the_file_holds_nothing_personal() -> None:
    """DOMAIN.md 7.11, class N: anyone who may ask for exports may read it."""
    assert {Pii.NONE} == {column.pii for column in REGISTRATION_TIMELINE.static_columns}
    assert "hour" == request("registration-timeline").options["bucket"]
