"""`campaign-summary`: the figures of a day, what is new in them, and zeros where there are none."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.campaign_summary import CAMPAIGN_SUMMARY, CampaignDay
from assets.model.campaign import NO_CAMPAIGN, Campaign, Facts, Schedule
from assets.model.column import Pii
from assets.model.source import MadeSource
from tests.assets.examples import CAMPAIGN_ID, campaign, facts
from tests.assets.exports.scripted import Scripted

DAY = date(2026, 3, 15)
ONSALE = Schedule(general_onsale_at=datetime(2026, 3, 16, 14, tzinfo=UTC))
FIGURES: dict[str, Any] = {
    "campaign_id": str(CAMPAIGN_ID),
    "dt": DAY,
    "entries": 60,
    "entries_before": 59,
    "verified": 47,
    "rejected": 3,
    "selected": 8,
    "waitlisted": 31,
    "codes_issued": 10,
    "codes_redeemed": 2,
    "tickets": 8,
    "opt_ins": 12,
    "unsubscribes": 2,
}


def source() -> MadeSource:
    """The source of the export."""
    assert isinstance(CAMPAIGN_SUMMARY.rows, MadeSource)
    return CAMPAIGN_SUMMARY.rows


def ground(*campaigns: Campaign) -> Facts:
    """A day and its campaigns."""
    return replace(
        facts("campaign-summary", of=NO_CAMPAIGN, its_markets=(), day="2026-03-15"),
        campaigns=tuple(campaigns),
    )


def rows(on: Facts, **script: Any) -> list[CampaignDay]:
    """The rows in the order of the file."""
    found = source().rows(on, Scripted(**script))
    assert source().arrange is not None
    return sorted(found, key=source().arrange.key)  # type: ignore[union-attr]


def cells(row: CampaignDay) -> dict[str, object]:
    """The values of a row by column."""
    return {column.name: column.value(row) for column in CAMPAIGN_SUMMARY.columns(facts())}


def test_a_line_shows_totals_what_is_new_and_shares() -> None:
    """Hand-checked: 47 of 60 verified, 3 rejected, 2 of 10 codes redeemed, 12 of 60 opted in."""
    on = ground(replace(campaign(), artist="Aurora Lights", schedule=ONSALE))
    ended = [
        {"type": "entries", "campaign": "aurora-lights-2026", "status": "succeeded"},
        {"type": "codes", "campaign": "aurora-lights-2026", "status": "expired"},
        {"type": "codes", "campaign": "aurora-lights-2026", "status": "failed"},
        {"type": "codes", "campaign": "aurora-lights-2026", "status": "queued"},
        {"type": "codes", "campaign": "another", "status": "failed"},
    ]
    (row,) = rows(on, results={"figures": [FIGURES]}, ended=ended)

    assert {
        "day": DAY,
        "campaign_key": "aurora-lights-2026",
        "artist": "Aurora Lights",
        "status": "on_sale",
        "entries_total": 60,
        "entries_new": 1,
        "verified_pct": Decimal(47) / 60,
        "rejected_pct": Decimal("0.05"),
        "selected": 8,
        "waitlisted": 31,
        "codes_issued": 10,
        "codes_redeemed": 2,
        "redemption_pct": Decimal("0.2"),
        "tickets": 8,
        "opt_in_pct": Decimal("0.2"),
        "unsubscribes": 2,
        "exports_completed": 2,
        "exports_failed": 1,
        "days_to_onsale": 1,
    } == cells(row)
    assert () == source().notes(row)


def test_a_campaign_without_entries_is_all_zeros_and_noted() -> None:
    """A line that is missing looks like a campaign that does not exist (DOMAIN.md 7.21)."""
    (row,) = rows(ground(campaign()))
    found = cells(row)

    numbers = {value for value in found.values() if isinstance(value, int | Decimal)}
    assert {0} == numbers
    assert found["days_to_onsale"] is None
    assert ("no_figures",) == source().notes(row)


def test_figures_of_an_earlier_day_are_shown_and_noted() -> None:
    """The table's partition of a day may be missing; zeros would look like a disaster."""
    late = {**FIGURES, "dt": date(2026, 3, 14)}
    (row,) = rows(ground(campaign()), results={"figures": [late]})

    assert 60 == cells(row)["entries_total"]
    assert ("figures_of_an_earlier_day",) == source().notes(row)


def test_lines_are_sorted_by_key_and_figures_of_unknown_campaigns_are_left_out() -> None:
    """The table still holds campaigns that were archived."""
    other = replace(campaign(), id=ObjectId(), key="a-first-one")
    gone = {**FIGURES, "campaign_id": str(ObjectId())}
    on = ground(campaign(), other)
    found = rows(on, results={"figures": [gone, FIGURES]})

    assert ["a-first-one", "aurora-lights-2026"] == [row.campaign.key for row in found]
    assert 2 == source().population(on, Scripted())


@pytest.mark.parametrize(
    ("onsale", "days"),
    [
        (datetime(2026, 3, 15, 0, tzinfo=UTC), 0),
        (datetime(2026, 3, 14, 23, 59, tzinfo=UTC), -1),
        (None, None),
    ],
)
def test_the_boundary_of_a_day_is_that_of_utc(onsale: datetime | None, days: int | None) -> None:
    """A digest of campaigns in many zones has one day."""
    there = replace(campaign(), schedule=Schedule(general_onsale_at=onsale))
    (row,) = rows(ground(there))

    assert days == cells(row)["days_to_onsale"]


def test_only_the_days_up_to_the_one_asked_for_are_read_and_nothing_is_personal() -> None:
    """A backfill of an old day must not show today's figures."""
    script = Scripted()
    list(source().rows(ground(), script))

    assert "BETWEEN DATE '2016-01-01' AND DATE '2026-03-15'" in script.asked["figures"].sql
    assert {Pii.NONE} == {column.pii for column in CAMPAIGN_SUMMARY.static_columns}
