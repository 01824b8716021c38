"""`non-purchasers`: who was invited, did not buy, and may be written to about it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.non_purchasers import NON_PURCHASERS
from assets.model.campaign import Event, Facts, Schedule
from assets.model.delivery import Destination
from assets.model.failure import ExportFailed
from assets.model.source import EntryRow, EntrySource
from tests.assets.examples import MARKETS, NEW_YORK, VANCOUVER, campaign, facts, request, row
from tests.assets.exports.scripted import Scripted

FAN = ObjectId("66510000000000000000e001")
USER = ObjectId("66520000000000000000f001")
ACCOUNT = "0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10"
KEY = ACCOUNT.replace("-", "")
STARTS = datetime(2026, 3, 13, 14, tzinfo=UTC)
ENDS = datetime(2026, 3, 14, 3, tzinfo=UTC)
SCHEDULE = Schedule(presale_starts_at=STARTS, presale_ends_at=ENDS)
FRESH = [{"newest": date(2026, 3, 14)}]


def source() -> EntrySource:
    """The source of the export."""
    assert isinstance(NON_PURCHASERS.rows, EntrySource)
    return NON_PURCHASERS.rows


def bought(account: str = ACCOUNT, market: str = "new-york-ny") -> Mapping[str, Any]:
    """A purchase."""
    return {"account_id": account, "market_key": market}


def ground(
    *,
    results: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    people: Sequence[Mapping[str, Any]] = (),
    issued: Sequence[Mapping[str, Any]] = (),
    **params: Any,
) -> Facts:
    """The facts after the look-ups; nobody bought unless said."""
    asked = facts("non-purchasers", of=replace(campaign(), schedule=SCHEDULE), **params)
    reading = Scripted(results={"newest": FRESH, **(results or {})}, people=people, issued=issued)
    return replace(asked, prepared=NON_PURCHASERS.prepare(asked, reading))


def entry(**fields: Any) -> dict[str, Any]:
    """A fan who was invited to New York."""
    shown: dict[str, Any] = {
        "_id": FAN,
        "userId": USER,
        "isCurrent": True,
        "status": "code_sent",
        "contact": {"email": "ann@example.com", "firstName": "Ann"},
        "locale": "en-US",
        "selection": {"marketId": NEW_YORK, "outcome": "selected"},
        "boost": {"points": 40},
    }
    return shown | fields


def of(on: Facts, fan: Mapping[str, Any] | None = None, **user: Any) -> EntryRow:
    """The fan as columns see it."""
    return row(fan or entry(), {"accountId": ACCOUNT, "marketing": {}} | user, on)


def verdict(
    fan: Mapping[str, Any] | None = None, *, on: Facts | None = None, **user: Any
) -> object:
    """Why a fan gets no second chance."""
    there = on or ground()
    return source().verdict(there)(of(there, fan, **user))


@pytest.mark.parametrize(
    ("fan", "reason"),
    [
        (entry(), None),
        (entry(status="lapsed"), None),
        (entry(status="promoted", selection=None, waitlist={"marketId": VANCOUVER}), None),
        (entry(status="waitlisted"), "not_invited"),
        (entry(status="rejected"), "not_invited"),
        (entry(status="withdrawn"), "withdrawn"),
        (entry(status="erased"), "erased"),
        (entry(selection=None), "no_market"),
        (entry(selection=None, preferences=[{"marketId": NEW_YORK}]), None),
        (entry(contact={"email": "no address"}), "invalid_email"),
    ],
)
def test_only_invited_fans_who_may_be_written_to_stay(
    fan: dict[str, Any], reason: str | None
) -> None:
    """A second chance for somebody who was never given a first one starts an uproar."""
    assert reason == verdict(fan)


def test_an_opt_out_or_a_lost_account_keeps_a_fan_out() -> None:
    """It is marketing, not a message about a registration (DOMAIN.md 7.0 MARKETING_MAIL)."""
    on = ground()

    assert "opted_out" == verdict(marketing={"emailGlobalOptOut": True})
    assert "no_account" == source().verdict(on)(row(entry(), None, on))


def test_a_buyer_is_known_by_account_and_market() -> None:
    """Whoever bought without the code is a buyer all the same (DOMAIN.md 7.9)."""
    here = ground(results={"buyers": [bought()]})
    upper = ground(results={"buyers": [bought(ACCOUNT.upper())]})
    elsewhere = {"buyers": [bought(market="vancouver-bc")]}
    other = ground(results={"buyers": [bought("somebody-else")]})

    assert "bought" == verdict(on=here) == verdict(on=upper)
    assert "bought_elsewhere" == verdict(on=ground(results=elsewhere))
    kept = ground(results=elsewhere, exclude_other_market_buyers=False)
    assert verdict(on=kept) is None
    assert verdict(on=other) is None


def test_a_buyer_who_merged_the_account_since_is_still_a_buyer() -> None:
    """The order names the account that bought, the entry the one that it became."""
    old = {"_id": ObjectId(), "accountId": "old-account", "mergedInto": USER}
    new = {"_id": USER, "accountId": ACCOUNT}
    results = {"buyers": [bought("old-account")]}

    assert "bought" == verdict(on=ground(results=results, people=[old, new]))
    assert verdict(on=ground(results=results, people=[new])) is None


def test_buyers_and_non_purchasers_add_up_to_the_invited() -> None:
    """Invariant 7: `bought` is judged before whatever else may keep a fan out."""
    on = ground(results={"buyers": [bought()]})

    assert "bought" == verdict(on=on, marketing={"emailGlobalOptOut": True})


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"boosted_only": True}, None),
        ({"min_hours_since_sale_start": 166}, None),
        ({"min_hours_since_sale_start": 167}, "sale_too_recent"),
        ({"visited_queue_only": True}, "not_in_queue"),
        ({"markets": ["vancouver-bc"]}, "markets"),
        ({"markets": ["new-york-ny"]}, None),
    ],
)
def test_options_narrow_the_audience(params: dict[str, Any], reason: str | None) -> None:
    """166 hours lie between the sale's beginning and the snapshot."""
    assert reason == verdict(on=ground(**params))
    if params == {"boosted_only": True}:
        assert "not_boosted" == verdict(entry(boost={"points": 0}), on=ground(**params))


def test_a_visit_to_the_waiting_room_counts_for_its_market() -> None:
    """Who waited in vain for New York is told about New York."""
    waited = {"visits": [{**bought(), "outcome": "timed_out"}]}
    there = {"visits": [{**bought(market="vancouver-bc"), "outcome": "admitted"}]}

    assert verdict(on=ground(results=waited, visited_queue_only=True)) is None
    assert "not_in_queue" == verdict(on=ground(results=there, visited_queue_only=True))
    cells = shown(ground(results=waited))
    assert (True, "timed_out") == (cells["JoinedQueue"], cells["QueueOutcome"])
    cells = shown(ground(results=there))
    assert (False, None) == (cells["JoinedQueue"], cells["QueueOutcome"])


def shown(on: Facts, fan: Mapping[str, Any] | None = None) -> dict[str, object]:
    """The values of a row by column."""
    found = of(on, fan)
    return {column.name: column.value(found) for column in NON_PURCHASERS.columns(on)}


def test_a_row_is_that_of_the_data_extension() -> None:
    """The names and their order are the table's (DOMAIN.md 7.9)."""
    on = replace(ground(results={"failed": [{"account_id": ACCOUNT}]}), export_id="6656")

    assert {
        "SubscriberKey": KEY,
        "EmailAddress": "ann@example.com",
        "FirstName": "Ann",
        "Locale": "en-US",
        "CampaignKey": "aurora-lights-2026",
        "MarketKey": "new-york-ny",
        "MarketName": "New York, NY",
        "CodeState": None,
        "JoinedQueue": False,
        "QueueOutcome": None,
        "BoostPoints": 40,
        "RedemptionFailed": True,
        "SaleEndedUtc": ENDS,
        "ExportId": "6656",
    } == shown(on)
    asked = request("non-purchasers")
    assert ((str(Destination.SFMC),), "sfmc") == (asked.deliver, asked.output.dialect)


def test_the_state_of_a_re_issued_code_is_that_of_the_newer_one() -> None:
    """The older one is revoked; a code for another market says nothing about this one."""
    pair = {"entryId": str(FAN), "marketKey": "new-york-ny"}
    codes = [{**pair, "state": "revoked"}, {**pair, "state": "sent"}]
    away = [{**pair, "marketKey": "vancouver-bc", "state": "redeemed"}]

    assert "sent" == shown(ground(issued=[*codes, *away]))["CodeState"]
    assert "revoked" == shown(ground(issued=codes[:1]))["CodeState"]
    assert shown(ground(issued=away))["CodeState"] is None


@pytest.mark.parametrize(
    ("newest", "hours", "fresh"),
    [
        (date(2026, 3, 14), 6, True),
        (date(2026, 3, 13), 6, False),
        (date(2026, 3, 14), 24, False),
        (date(2026, 3, 15), 24, True),
        (None, 0, False),
    ],
)
def test_orders_must_cover_the_end_of_the_sale(
    newest: date | None, hours: int, fresh: bool
) -> None:
    """Else the buyers of the last minute get a second chance to buy what they have."""
    results = {"newest": [{"newest": newest}]}
    if fresh:
        assert ground(results=results, freshness_hours=hours).prepared is not None
        return
    with pytest.raises(ExportFailed, match="ORDERS_NOT_FRESH"):
        ground(results=results, freshness_hours=hours)


def test_the_last_sale_of_the_chosen_markets_counts_and_a_cancelled_one_does_not() -> None:
    """A market that sells a week later keeps its own fans waiting, not those of another."""
    late = Event(
        event_id="E9", local_date="2026-07-10", presale_ends_at=datetime(2026, 3, 25, tzinfo=UTC)
    )
    places = (replace(MARKETS[0], events=(late,)), replace(MARKETS[1], events=(late,)))

    with pytest.raises(ExportFailed, match="2026-03-25"):
        ground(its_markets=places)
    assert ground(its_markets=places, markets=["vancouver-bc"]).prepared is not None


def test_a_campaign_without_a_sale_is_refused() -> None:
    """Without its end nobody can say whether the orders cover it."""
    with pytest.raises(ExportFailed, match="SALE_NOT_SCHEDULED"):
        NON_PURCHASERS.refuse(facts("non-purchasers"))
    NON_PURCHASERS.refuse(facts("non-purchasers", of=replace(campaign(), schedule=SCHEDULE)))


def test_rows_are_sorted_by_subscriber_and_each_fan_has_one_a_market() -> None:
    """The data extension holds one row of these keys; a second would replace the first."""
    on = ground()

    assert (KEY, "new-york-ny", str(FAN)) == source().arrange.key(of(on))  # type: ignore[union-attr]
    assert 2 == source().arrange.unique  # type: ignore[union-attr]
