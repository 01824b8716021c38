"""`boost-leaderboard`: places that add up, and fans who are credited to whoever brought them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.shared.referrals import Referral, Referrals
from assets.model.campaign import Boost, Campaign
from tests.assets.examples import campaign
from tests.assets.exports.sheets import Sheet, entry, sheet
from tests.fakes.athena import Answer, FakeAthena

LEDGER = ("entry_id", "points", "rejected_events", "beyond_cap", "last_activity_at")
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
Deed = tuple[int, int, int, int, datetime | None]


def numbered(number: int) -> ObjectId:
    """The id of an entry."""
    return ObjectId(f"{number:024x}")


def fan(
    number: int, points: object = None, *, by: int | None = None, **more: Any
) -> dict[str, Any]:
    """An entry with points that another one may have brought."""
    boost = None if points is None else {"points": points, "activities": []}
    referral = None if by is None else {"code": f"R{number}", "referredBy": numbered(by)}
    return entry(number, **{"boost": boost, "referral": referral, "status": "verified", **more})


def board(
    *entries: Mapping[str, Any],
    told: Sequence[Deed] = (),
    of: Campaign | None = None,
    **params: Any,
) -> Sheet:
    """The file, where the ledger says what is told: number, points, rejected, beyond, last."""
    rows = tuple((str(numbered(number)), *rest) for number, *rest in sorted(told))
    answer = Answer(columns=tuple((name, "varchar") for name in LEDGER), rows=rows)
    athena = FakeAthena({"boost_events": answer})
    return sheet("boost-leaderboard", entries, athena=athena, of=of, **params)


def places(made: Sheet) -> list[tuple[int, int]]:
    """Place and number of each row."""
    return [(int(row["rank"]), int(row["entry_id"], 16)) for row in made.rows]


def test_equal_points_share_a_place_and_who_had_them_first_stands_first() -> None:
    """Dense: 1, 2, 2, 3; who has points of no known day comes after those with one."""
    told = [
        (1, 40, 0, 0, NOON.replace(hour=14)),
        (2, 40, 0, 0, NOON.replace(hour=13)),
        (3, 60, 0, 0, NOON.replace(hour=20)),
    ]

    made = board(fan(5, 10), fan(4, 40), fan(3, 60), fan(2, 40), fan(1, 40), told=told)

    assert [(1, 3), (2, 2), (2, 1), (2, 4), (3, 5)] == places(made)
    assert "2026-03-05T13:00:00Z" == made.rows[1]["last_activity_utc"]
    assert ["", ""] == made.column("last_activity_utc")[3:]


def test_only_the_first_rows_are_made_and_the_rest_is_kept_in_the_accounting() -> None:
    """A leaderboard of a campaign of millions is not a list of millions."""
    made = board(*(fan(n, n) for n in range(1, 6)), top_n=2)

    assert [(1, 5), (2, 4)] == places(made)
    assert (5, 5, 2) == (made.accounting.read, made.accounting.kept, made.accounting.written)


@pytest.mark.parametrize(
    ("stored", "told", "odd"),
    [
        (60, [(1, 60, 0, 0, NOON)], {}),
        (60, [(1, 60, 3, 0, NOON)], {}),
        (60, [(1, 20, 0, 0, NOON)], {"mismatch": 1}),
        (60, [], {"mismatch": 1}),
        (None, [(1, 20, 0, 0, NOON)], {"mismatch": 1}),
        (60, [(1, 60, 0, 2, NOON)], {"beyond_daily_cap": 1}),
    ],
)
def test_points_that_the_ledger_does_not_come_to_are_counted(
    stored: object, told: list[Deed], odd: dict[str, int]
) -> None:
    """The place is by what the entry holds; that it does not add up is said (DOMAIN.md 7.18)."""
    made = board(fan(1, stored), told=told)

    assert odd == dict(made.accounting.notes)
    assert [str(stored or 0)] == made.column("points")


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (fan(1, 5, status="withdrawn"), "withdrawn"),
        (fan(1, 5, status="duplicate"), "duplicate"),
        (fan(1, 5, status="rejected"), "rejected"),
        (fan(1, 5, isCurrent=False), "not_current"),
        (fan(1, 5, erasure={}), "erased"),
        (fan(1, 0), "no_points"),
        (fan(1), "no_points"),
    ],
)
def test_who_left_or_has_no_points_has_no_place(one: dict[str, Any], reason: str) -> None:
    """A row of a bot or of one who left would take a place from a fan."""
    assert {reason: 1} == board(one).accounting.filtered


def test_rejected_entries_are_there_for_who_asks_for_them() -> None:
    """Whoever looks for bots looks at the top."""
    assert [(1, 1)] == places(board(fan(1, 5, status="rejected"), include_rejected=True))


@pytest.mark.parametrize(
    "boost",
    [
        {"points": "many"},
        {"points": 2.5},
        {"points": True},
        {"points": 5, "activities": "share"},
        {"points": 5, "activities": [{"key": "share", "count": "two or three"}]},
        ["points"],
    ],
)
def test_points_that_cannot_be_read_reject_their_row(boost: object) -> None:
    """Taking them for none would be a place lost without a word."""
    made = board(fan(1, boost=boost), fan(2, 5))

    assert [(1, 2)] == places(made)
    assert 1 == sum(made.accounting.rejected.values())


def test_nobody_loses_a_place_for_what_a_row_only_shows() -> None:
    """The name, the country and the code are empty then, and counted."""
    contact = {"firstName": 7, "lastName": "Li", "countryCode": "USA"}
    made = board(fan(1, 9, contact=contact, referral={"code": "=1+1"}), fan(2, 5))

    assert [(1, 1), (2, 2)] == places(made)
    names = ("display_name", "country", "referral_code")
    assert ["", "", ""] == [made.rows[0][name] for name in names]
    assert {f"unreadable:{name}" for name in names} <= made.accounting.notes.keys()


def test_activities_are_counted_by_kind_in_columns_of_the_campaign() -> None:
    """Fixed before the first row; what the campaign does not know is in the sum only."""
    names = ("Share!", "share", "watch")
    of = replace(campaign(), boosts=tuple(Boost(key=name, daily_cap=1) for name in names))
    done = [
        {"key": "share", "count": 2, "lastAt": NOON},
        {"key": "watch", "count": 3, "lastAt": NOON.replace(hour=9)},
        {"key": "hum", "count": 1, "lastAt": None},
    ]

    (row,) = board(fan(1, boost={"points": 5, "activities": done}), of=of).rows

    counts = ("activities", "boost_share_count", "boost_share_count_2", "boost_watch_count")
    assert ["6", "0", "2", "3"] == [row[name] for name in counts]
    assert "2026-03-05T12:00:00Z" == row["last_activity_utc"]


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        ("Zoë", "Müller-García", "Zoë M."),
        (" Ann ", None, "Ann"),
        (None, "Li", "L."),
        ("Anna", "E\u0301mile", "Anna \u00c9."),
        ("", "", ""),
    ],
)
def test_a_fan_is_shown_by_first_name_and_initial(
    first: str | None, last: str | None, shown: str
) -> None:
    """Enough for friends, too little for strangers."""
    contact = {"firstName": first, "lastName": last}

    assert [shown] == board(fan(1, 5, contact=contact)).column("display_name")


def test_a_fan_is_credited_with_those_who_are_live_and_by_verification() -> None:
    """Signed up is not verified; the deleted and the erased are nobody's."""
    made = board(
        fan(1, 5),
        fan(2, by=1),
        fan(3, by=1, status="registered"),
        fan(4, by=1, status="rejected"),
        fan(5, by=1, status="withdrawn"),
        fan(6, by=1, erasure={}),
        fan(7, by=1, isCurrent=False),
    )

    (row,) = made.rows
    assert ("4", "1") == (row["referral_signups"], row["referral_verified"])


def test_a_loop_of_referrals_credits_nobody_and_is_counted() -> None:
    """1 and 2 brought each other, 3 itself; 4 came by 1 and counts (DOMAIN.md 7.18)."""
    made = board(fan(1, 5, by=2), fan(2, 4, by=1), fan(3, 3, by=3), fan(4, 2, by=1))

    assert ["1", "0", "0", "0"] == made.column("referral_signups")
    assert 3 == made.accounting.notes["referral_loop"]


def test_who_was_brought_by_a_fan_who_withdrew_is_counted() -> None:
    """The referrer has no row any more; the fan keeps the own place."""
    made = board(fan(1, 5, by=2), fan(2, 9, status="withdrawn"))

    assert [(1, 1)] == places(made)
    assert 1 == made.accounting.notes["referrer_withdrawn"]


def test_a_fan_brought_by_nobody_who_is_known_is_no_trouble() -> None:
    """An id of another campaign, or one that is none."""
    strange = {"code": "R1", "referredBy": "somebody"}
    made = board(fan(1, 5, by=99), fan(2, 4, referral=strange))

    assert [(1, 1), (2, 2)] == places(made)
    assert "referral_loop" not in made.accounting.notes


def test_rows_do_not_depend_on_the_order_in_which_they_are_read() -> None:
    """The total order ends in the entry's id (DOMAIN.md 6.7)."""
    fans = [fan(1, 5, by=2), fan(2, 5, by=3), fan(3, 5, by=1)]

    assert [board(*fans).rows] * 6 == [board(*mixed).rows for mixed in permutations(fans)]


def brought(*pairs: tuple[int, int]) -> Referrals:
    """Referrals of entries by others."""
    return Referrals(Referral(entry=numbered(a), by=numbered(b), verified=True) for a, b in pairs)


def test_loops_of_any_length_are_found_and_the_ways_into_them_are_none() -> None:
    """5 and 4 lead into a loop of three: they were brought, and count."""
    made = brought((1, 2), (2, 3), (3, 1), (4, 3), (5, 4))

    assert [True, True, True, False, False] == [made.is_looped(numbered(n)) for n in range(1, 6)]
    assert [0, 0, 1, 1, 0] == [made.signups(numbered(n)) for n in range(1, 6)]
    assert [0, 0, 1, 1, 0] == [made.verified(numbered(n)) for n in range(1, 6)]


def test_a_chain_of_a_hundred_thousand_takes_no_recursion_and_no_square() -> None:
    """A walk from every entry would be five thousand million steps."""
    length = 100_000
    made = brought(*((n, n + 1) for n in range(1, length)))

    assert 1 == made.signups(numbered(length)) == made.signups(numbered(2))
    assert not made.is_looped(numbered(1))
