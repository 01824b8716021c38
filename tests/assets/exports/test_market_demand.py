"""`market-demand`: every wish counted where it belongs, every fan once in the total."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from bson import Decimal128, ObjectId
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.exports.shared.entry_strands import BEYOND
from assets.model.campaign import Event
from tests.assets.examples import NEW_YORK, SNAPSHOT, VANCOUVER, campaign
from tests.assets.exports.sheets import Sheet, entry, places, sheet

NOBODY = ObjectId("66530000000000000000afff")
FEW = replace(campaign(), k_anonymity=3)


def demand(*entries: dict[str, Any], **params: Any) -> Sheet:
    """The file of these entries."""
    return sheet("market-demand", entries, its_markets=places(), **params)


def figures(made: Sheet, key: str, *names: str) -> tuple[str, ...]:
    """Some figures of the row of a market."""
    row = made.by("market_key")[key]
    return tuple(row[name] for name in names)


def test_a_fan_counts_in_each_market_and_once_in_the_total() -> None:
    """Added up, the markets would show twice as many fans as there are."""
    made = demand(entry(1, NEW_YORK, VANCOUVER), entry(2, NEW_YORK), entry(3, VANCOUVER, NEW_YORK))
    names = ("fans_any_preference", "fans_first_choice", "fans_second", "fans_third")

    assert ["new-york-ny", "vancouver-bc", "TOTAL"] == made.column("market_key")
    assert ("3", "2", "1", "0") == figures(made, "new-york-ny", *names)
    assert ("2", "1", "1", "0") == figures(made, "vancouver-bc", *names)
    assert ("3", "3", "2", "0") == figures(made, "TOTAL", *names)
    assert (3, 3, 3) == (made.accounting.read, made.accounting.kept, made.accounting.written)


def test_a_market_that_nobody_wants_is_written_and_a_cancelled_one_says_so() -> None:
    """An empty city is an answer too."""
    made = demand(entry(1))

    assert ("0", "Vancouver, BC (cancelled)", "CA") == figures(
        made, "vancouver-bc", "fans_any_preference", "market", "country"
    )


def test_no_entries_make_a_file_of_noughts() -> None:
    """A campaign that has just opened is no failure; its ratios have no meaning."""
    made = demand()

    assert ["0", "0", "0"] == made.column("fans_any_preference")
    assert ["", "", ""] == made.column("share_pct")


def test_tickets_that_nobody_named_are_the_campaigns_default_and_told_apart() -> None:
    """Legacy forms did not ask; the demand of their fans must not be nought (DOMAIN.md 7.10)."""
    unsaid = entry(2, preferences=[{"marketId": NEW_YORK}])
    made = demand(entry(1), unsaid, of=replace(campaign(), default_quantity=3))

    assert ("5", "3") == figures(made, "new-york-ny", "tickets_requested", "tickets_imputed")
    assert ("5", "3") == figures(made, "TOTAL", "tickets_requested", "tickets_imputed")


@pytest.mark.parametrize("quantity", [4, 4.0, Decimal128("4")])
def test_a_number_of_tickets_may_be_of_any_number_type(quantity: object) -> None:
    """Eight years of forms stored numbers in three ways."""
    wish = [{"marketId": NEW_YORK, "ticketQuantity": quantity}]

    assert ("4", "0") == figures(
        demand(entry(1, preferences=wish)), "TOTAL", "tickets_requested", "tickets_imputed"
    )


@pytest.mark.parametrize("quantity", ["four", True, 1.5, -1, float("nan"), [2]])
def test_an_entry_with_no_number_of_tickets_is_rejected_whole(quantity: object) -> None:
    """Half of its wishes counted would make the first choices disagree with the other exports."""
    wish = [{"marketId": VANCOUVER}, {"marketId": NEW_YORK, "ticketQuantity": quantity}]
    made = demand(entry(1, preferences=wish), entry(2))

    assert (1, 1) == (made.accounting.kept, sum(made.accounting.rejected.values()))
    assert ["1", "0", "1"] == made.column("fans_any_preference")


def test_a_market_that_the_campaign_does_not_have_has_a_row_of_its_own() -> None:
    """First choices must add up to the fans who have one (DOMAIN.md 11, point 8)."""
    made = demand(entry(1, NOBODY), entry(2))

    assert ["new-york-ny", "vancouver-bc", "UNKNOWN", "TOTAL"] == made.column("market_key")
    assert ["1", "0", "1", "2"] == made.column("fans_first_choice")


def test_a_market_that_is_named_twice_counts_where_it_is_first() -> None:
    """Old forms let fans name a city twice; it is still one fan who wants it."""
    made = demand(entry(1, NEW_YORK, NEW_YORK, VANCOUVER))

    assert ("1", "1", "0", "2") == figures(
        made,
        "new-york-ny",
        "fans_any_preference",
        "fans_first_choice",
        "fans_second",
        "tickets_requested",
    )
    assert ("1", "1") == figures(made, "vancouver-bc", "fans_any_preference", "fans_third")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": "withdrawn"}, "not_active"),
        ({"status": "waitlisted", "withdrawnAt": SNAPSHOT}, "not_active"),
        ({"status": "rejected"}, "not_active"),
        ({"status": "duplicate"}, "not_active"),
        ({"status": "erased"}, "erased"),
        ({"isCurrent": False}, "not_current"),
        ({"preferences": []}, "no_preference"),
        ({"createdAt": SNAPSHOT - timedelta(days=1)}, "as_of"),
    ],
)
def test_who_is_not_counted_is_accounted_for(fields: dict[str, Any], reason: str) -> None:
    """A sum that leaves fans out without a word cannot be checked."""
    made = demand(entry(1), entry(2, **fields), as_of="2026-03-15T00:00:00Z", active_only=True)

    assert {reason: 1} == made.accounting.filtered
    assert "1" == figures(made, "TOTAL", "fans_any_preference")[0]


def test_every_live_entry_counts_unless_only_active_ones_are_wanted() -> None:
    """DOMAIN.md 11, point 8 adds up the first choices of all that are LIVE."""
    gone = [entry(2, status="withdrawn"), entry(3, status="duplicate")]

    assert ["3", "0", "3"] == demand(entry(1), *gone).column("fans_first_choice")


def test_an_entry_of_a_day_beyond_the_calendar_counts_unless_a_day_is_asked_for() -> None:
    """It was there at the snapshot, and geo-demand counts it (DOMAIN.md 11, point 8)."""
    beyond = entry(2, createdAt=DatetimeMS(BEYOND))

    assert ["2", "0", "2"] == demand(entry(1), beyond).column("fans_first_choice")
    asked = demand(entry(1), beyond, as_of="2026-03-15T00:00:00Z")
    assert {"as_of": 1} == asked.accounting.filtered


def test_the_instant_of_the_count_is_never_after_the_snapshot() -> None:
    """A file that says it is of tomorrow would be compared with tomorrow's."""
    assert {"2026-03-20T12:00:00Z"} == set(demand(as_of="2027-01-01T00:00:00Z").column("as_of_utc"))
    assert {"2026-03-15T00:00:00Z"} == set(demand(as_of="2026-03-15T00:00:00Z").column("as_of_utc"))


def test_a_fan_is_vetted_everywhere_but_selected_in_one_market() -> None:
    """Counted as selected in all three cities, a fan would look like three invitations."""
    decided = {"selection": {"marketId": VANCOUVER, "outcome": "selected"}}
    made = demand(
        entry(1, NEW_YORK, VANCOUVER, status="selected", **decided),
        entry(2, status="rejected"),
        entry(3, status="waitlisted", waitlist={"marketId": NEW_YORK, "position": 1}),
        entry(4, NEW_YORK, VANCOUVER, status="waitlisted"),
        entry(5, status="code_sent", selection={"marketId": VANCOUVER}),
    )
    names = ("verified", "rejected", "selected", "waitlisted")

    assert ("4", "1", "0", "2") == figures(made, "new-york-ny", *names)
    assert ("2", "0", "2", "0") == figures(made, "vancouver-bc", *names)
    assert ("4", "1", "2", "2") == figures(made, "TOTAL", *names)


@pytest.mark.parametrize("waitlist", [[1], {"marketId": [NEW_YORK]}, "x"])
def test_a_decision_that_cannot_be_read_leaves_the_fan_with_the_first_wish(waitlist: Any) -> None:
    """The fan's demand is readable, and geo-demand counts it."""
    made = demand(entry(1, VANCOUVER, status="waitlisted", waitlist=waitlist))

    assert ["0", "1", "1"] == made.column("waitlisted")


def test_counted_once_a_fan_is_in_the_first_choice_only() -> None:
    """`unique_fans` makes the markets add up to the fans."""
    made = demand(entry(1, VANCOUVER, NEW_YORK), entry(2), unique_fans=True)

    assert ["1", "1", "2"] == made.column("fans_any_preference")
    assert ["0", "0", "0"] == made.column("fans_second")


SHOWS = (
    Event(event_id="E2", local_date="2026-07-11", capacity=100, allocation=10),
    Event(event_id="E1", local_date="2026-07-10", capacity=200, allocation=0),
    Event(event_id="E9", local_date="", capacity=400, allocation=40, status="cancelled"),
)


def by_show(*entries: dict[str, Any], **params: Any) -> Sheet:
    """The file by show."""
    new_york, vancouver = places()
    markets = (replace(new_york, events=SHOWS), vancouver)
    return sheet("market-demand", entries, its_markets=markets, grain="event", **params)


def test_shows_count_the_fans_who_name_them_and_those_who_name_none() -> None:
    """A fan without a wish for a day comes on any of them."""
    named = [{"marketId": NEW_YORK, "eventIds": ["E2", "gone"], "ticketQuantity": 4}]
    made = by_show(entry(1, preferences=named), entry(2, NEW_YORK, VANCOUVER))

    assert ["E1", "E2", "E9", "", ""] == made.column("event_id")
    assert ["2026-07-10", "2026-07-11", "", "", ""] == made.column("event_date")
    assert ["1", "2", "1", "1", "2"] == made.column("fans_any_preference")
    assert ["2", "6", "2", "2", "8"] == made.column("tickets_requested")
    assert ["200", "100", "400", "", "700"] == made.column("capacity")


def test_nothing_allocated_has_no_ratio_and_a_cancelled_show_no_seats() -> None:
    """A division by nought is no demand (DOMAIN.md 7.10); seats of a cancelled show are none."""
    assert ["", "0.20", "0.05", "", "0.04"] == by_show(entry(1)).column("demand_ratio")

    new_york, vancouver = places()
    markets = (replace(new_york, events=SHOWS), vancouver)
    whole = sheet("market-demand", [entry(1)], its_markets=markets)
    assert ("300", "10", "0.20") == figures(
        whole, "new-york-ny", "capacity", "fan_allocation", "demand_ratio"
    )


def test_a_selection_of_a_show_counts_at_that_show() -> None:
    """A show's invitations decide whether it gets a second wave."""
    chosen = {"marketId": NEW_YORK, "eventId": "E1", "outcome": "selected"}
    made = by_show(entry(1, status="selected", selection=chosen))

    assert ["1", "0", "0", "0", "1"] == made.column("selected")


def test_local_fans_live_in_the_region_of_the_market_and_in_its_country() -> None:
    """WA is in the United States and in Australia; a market without a region has no locals."""
    made = demand(
        entry(1, contact={"region": " ny ", "countryCode": "us"}),
        entry(2, contact={"region": "NY", "countryCode": "AU"}),
        entry(3, contact=None),
        entry(4, VANCOUVER, contact={"region": "BC", "countryCode": "CA"}),
    )

    assert ["33.3", "100.0", "50.0"] == made.column("local_share_pct")
    assert ["75.0", "25.0", "100.0"] == made.column("share_pct")
    bare = sheet("market-demand", [entry(1, VANCOUVER)], its_markets=places(region=False))
    assert "" == figures(bare, "vancouver-bc", "local_share_pct")[0]


def test_outsiders_see_no_small_count_and_nothing_that_shows_it() -> None:
    """Two fans in Vancouver are hidden, and so is New York, which the total would subtract from."""
    made = demand(
        *(entry(number) for number in range(1, 8)),
        entry(8, VANCOUVER),
        entry(9, VANCOUVER),
        of=FEW,
        audience="external",
    )
    hidden = ("fans_any_preference", "fans_first_choice", "tickets_requested", "share_pct")

    assert ("", "", "", "") == figures(made, "vancouver-bc", *hidden)
    assert ("", "", "", "") == figures(made, "new-york-ny", *hidden)
    assert ("9", "9", "18", "100.0") == figures(made, "TOTAL", *hidden)
    assert ("0", "0") == figures(made, "vancouver-bc", "fans_second", "rejected")
    assert {"", "TOTAL"} >= {row["market"] for row in made.rows if row["market_key"] == "TOTAL"}


def test_insiders_see_every_count() -> None:
    """The negative control of the test before: the same fans, all shown."""
    made = demand(entry(1), entry(2, VANCOUVER), of=FEW)

    assert ["1", "1", "2"] == made.column("fans_any_preference")


def test_a_few_fans_from_elsewhere_are_hidden_in_the_share_of_locals() -> None:
    """88.9 % of nine fans is one fan from elsewhere."""
    home = {"region": "NY", "countryCode": "US"}
    fans = [entry(number, contact=home) for number in range(1, 9)]
    made = demand(*fans, entry(9), of=FEW, audience="external")

    assert "9" == figures(made, "new-york-ny", "fans_any_preference")[0]
    assert "" == figures(made, "new-york-ny", "local_share_pct")[0]
    assert "88.9" == figures(demand(*fans, entry(9)), "new-york-ny", "local_share_pct")[0]


def test_a_few_fans_who_named_no_number_are_hidden_in_the_imputed_tickets() -> None:
    """Tickets imputed divided by the default are the fans who said nothing."""
    fans = [entry(number) for number in range(1, 9)]
    unsaid = entry(9, preferences=[{"marketId": NEW_YORK}])
    made = demand(*fans, unsaid, of=FEW, audience="external")

    assert ("18", "") == figures(made, "new-york-ny", "tickets_requested", "tickets_imputed")


WISHES = st.lists(st.sampled_from([NEW_YORK, VANCOUVER, NOBODY]), min_size=0, max_size=4)


@settings(max_examples=25, deadline=None)
@given(st.lists(WISHES, max_size=12), st.sampled_from(["internal", "external"]))
def test_first_choices_add_up_to_the_entries_that_have_one(
    wanted: Sequence[Sequence[ObjectId]], audience: str
) -> None:
    """DOMAIN.md 11, point 8; in a file for outsiders every count that is shown is right or 0."""
    entries = [
        entry(n, *wish) if wish else entry(n, preferences=[]) for n, wish in enumerate(wanted)
    ]
    made = demand(*entries, of=FEW, audience=audience)
    plain = demand(*entries, of=FEW)
    firsts = [int(cell) for cell in plain.column("fans_first_choice")]

    assert sum(1 for wish in wanted if wish) == sum(firsts[:-1]) == firsts[-1]
    assert made.accounting.kept == firsts[-1]
    for row, true in zip(made.rows, plain.rows, strict=True):
        for name in ("fans_any_preference", "fans_first_choice", "fans_second", "fans_third"):
            assert row[name] in ("", true[name])
            assert audience == "internal" or not 0 < int(row[name] or 0) < FEW.k_anonymity
