"""`waitlist`: who waits, in which place; places are never made up or closed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Decimal128, ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.exports.waitlist import WAITLIST
from assets.model.failure import ExportFailed
from assets.model.source import EntryRow, EntrySource, Verdict
from assets.steps.read import EntryReader
from assets.steps.rows import Ledger
from resources.mongo.entries import Scan
from tests.assets.examples import (
    CAMPAIGN_ID,
    NEW_YORK,
    SNAPSHOT,
    VANCOUVER,
    campaign,
    facts,
    request,
)
from tests.fakes.entries import FakeEntryStore

NOBODY = ObjectId("66530000000000000000afff")


def waiting(
    number: int, position: Any = None, market_id: Any = NEW_YORK, **fields: Any
) -> dict[str, Any]:
    """A waiting entry whose id ends in its number; without a position it has no place."""
    place = {} if position is None else {"waitlist": {"marketId": market_id, "position": position}}
    return {
        "_id": ObjectId(f"{number:024x}"),
        "schemaVersion": 3,
        "campaignId": CAMPAIGN_ID,
        "isCurrent": True,
        "status": "waitlisted",
        "preferences": [{"marketId": market_id, "rank": 1}],
        "createdAt": SNAPSHOT - timedelta(days=10, seconds=-number),
        **place,
        **fields,
    }


def shown(documents: list[dict[str, Any]], **params: Any) -> list[tuple[int, ...]]:
    """Number of each row of the file, in order; with `renumber` also its effective rank."""
    ground = facts("waitlist", **params)
    assert isinstance(WAITLIST.rows, EntrySource)
    store = FakeEntryStore(documents)
    reader = EntryReader(
        source=WAITLIST.rows,
        facts=ground,
        scan=lambda part: store.scan(Scan(filter=part.filter, sort=part.sort)),
        users=lambda _: {},
        ledger=Ledger(),
    )
    verdict: Verdict = WAITLIST.rows.verdict(ground)
    rows = [row for row in reader.rows() if verdict(row) is None]
    last = WAITLIST.columns(ground)[-1]
    if last.name == "effective_rank":
        return [(_number(row), int(str(last.value(row)))) for row in rows]
    return [(_number(row),) for row in rows]


def _number(row: EntryRow) -> int:
    return int(str(row.entry["_id"]), 16)


def numbers(documents: list[dict[str, Any]], **params: Any) -> list[int]:
    """The numbers alone."""
    return [row[0] for row in shown(documents, **params)]


def cell(name: str, entry: dict[str, Any], **params: Any) -> object:
    """The value of one column."""
    ground = facts("waitlist", **params)
    (found,) = [column for column in WAITLIST.columns(ground) if column.name == name]
    return found.value(EntryRow(entry, None, ground))


def test_rows_follow_market_key_position_and_id() -> None:
    """Campaign managers promote from the top of a market; ties must not change places."""
    documents = [
        waiting(1, 2, VANCOUVER),
        waiting(2, 1, VANCOUVER),
        waiting(4, 10),
        waiting(3, 10),
        waiting(5, 9),
    ]

    assert [5, 3, 4, 2, 1] == numbers(documents)


def test_gaps_are_kept_and_the_effective_rank_counts_the_rows_of_a_market() -> None:
    """A place that a withdrawn fan left is never given to another (DOMAIN.md 7.3)."""
    documents = [
        waiting(1, 1),
        waiting(2, 2, status="withdrawn"),
        waiting(3, 7),
        waiting(4, 1, VANCOUVER),
    ]

    assert [(1, 1), (3, 2), (4, 1)] == shown(documents, renumber=True)
    assert 7 == cell("position", documents[2])


def test_legacy_entries_without_a_place_come_last_by_draw_then_registration() -> None:
    """`standby` had no position (DOMAIN.md 7.3); their order must not be that of the disk."""
    documents = [
        waiting(1, selection={"drawRank": 90}),
        waiting(2, selection={"drawRank": 10}),
        waiting(3),
        waiting(4, createdAt=datetime(2019, 1, 1, tzinfo=UTC)),
        waiting(5, 1_000_000),
        waiting(6, selection={"drawRank": 5}, market_id=VANCOUVER),
    ]

    assert [5, 2, 1, 4, 3, 6] == numbers(documents)


def test_an_entry_of_an_unknown_market_is_written_last_with_an_empty_market() -> None:
    """It waits all the same; only the name of its market is lost."""
    lost = waiting(2, 1, NOBODY)

    assert [1, 2] == numbers([lost, waiting(1, 5, VANCOUVER)])
    assert cell("market_key", lost) is None
    assert cell("market", lost) is None
    assert 1 == cell("position", lost)


@pytest.mark.parametrize(
    "promoted",
    [
        {"status": "promoted"},
        {"status": "code_sent"},
        {"status": "redeemed"},
        {"waitlist": {"marketId": NEW_YORK, "position": 2, "promotedAt": SNAPSHOT}},
    ],
)
def test_a_promoted_fan_leaves_every_list_unless_asked_for(promoted: dict[str, Any]) -> None:
    """Inviting somebody twice takes the place of somebody else."""
    documents = [waiting(1, 1), waiting(2, 2) | promoted]

    assert [1] == numbers(documents)
    assert [1, 2] == numbers(documents, include_promoted=True)


@pytest.mark.parametrize(
    "gone",
    [
        {"status": "withdrawn"},
        {"status": "rejected"},
        {"status": "duplicate"},
        {"status": "erased"},
        {"isCurrent": False},
        {"deletedAt": SNAPSHOT},
    ],
)
def test_who_is_gone_is_on_no_list(gone: dict[str, Any]) -> None:
    """A message to somebody who left is the one that reaches the regulator."""
    assert [] == numbers([waiting(1, 1) | gone], include_promoted=True)


def test_only_the_first_of_each_market_are_kept_by_top_n() -> None:
    """`top_n` counts the fans who stay, not those who left before them."""
    documents = [
        waiting(1, 1, status="withdrawn"),
        *(waiting(number, number) for number in range(2, 6)),
        *(waiting(number, number, VANCOUVER) for number in range(6, 9)),
    ]

    assert [2, 3, 6, 7] == numbers(documents, top_n=2)


def test_places_are_cut_at_both_ends_inclusively() -> None:
    """The bounds are those that the column shows."""
    documents = [waiting(number, number) for number in range(1, 9)] + [waiting(9)]

    assert [3, 4, 5] == numbers(documents, positions_from=3, positions_to=5)
    assert [3, 4] == numbers(documents, positions_from=3, top_n=2)


def test_chosen_markets_are_those_that_fans_wait_for() -> None:
    """A second wish for Vancouver is not a place on Vancouver's list."""
    wish = [{"marketId": NEW_YORK, "rank": 1}, {"marketId": VANCOUVER, "rank": 2}]
    documents = [waiting(1, 1, preferences=wish), waiting(2, 1, VANCOUVER), waiting(3)]

    assert [2] == numbers(documents, markets=["vancouver-bc"])
    assert [1, 3] == numbers(documents, markets=["new-york-ny"])


def test_the_other_wishes_are_told_by_rank_without_the_awaited_one() -> None:
    """Marketing offers another city to those who wait for this one."""
    wish = [{"marketId": VANCOUVER, "rank": 2}, {"marketId": NEW_YORK, "rank": 1}]
    entry = waiting(1, 1, preferences=wish)

    assert ["vancouver-bc"] == cell("other_markets", entry)
    assert (1, None) == (cell("preference_rank", entry), cell("ticket_quantity", entry))


@pytest.mark.parametrize(("state", "expected"), [("sent", True), ("bounced", False)])
def test_only_a_message_that_was_sent_is_a_notice(state: str, expected: bool) -> None:
    """A bounced message told nobody anything."""
    entry = waiting(1, 1, messages=[{"kind": "waitlist", "state": state}])

    assert expected is cell("notified", entry)


def test_a_new_file_begins_with_each_market_if_asked_for() -> None:
    """Each promoter's office gets the list of its own city; rows of one market stay together."""
    ground = facts("waitlist", split_by_market=True)
    group = WAITLIST.split(ground)
    assert group is not None
    rows = [
        EntryRow(waiting(n, 1, market), None, ground)
        for n, market in ((1, NEW_YORK), (2, VANCOUVER), (3, NOBODY))
    ]

    assert ["new-york-ny", "vancouver-bc", ""] == [group(row) for row in rows]
    assert WAITLIST.split(facts("waitlist")) is None


def test_the_list_goes_to_marketing_cloud_only_when_asked_and_mapped() -> None:
    """People who decide on promotions read it; a mail to all who wait is another decision."""
    (to_sfmc,) = WAITLIST.deliveries
    mapped = replace(campaign(), data_extensions={"waitlist": "WaitlistAudience"})

    assert () == request("waitlist").deliver
    assert ("sfmc",) == request("waitlist", deliver=["sfmc"]).deliver
    assert "WaitlistAudience" == to_sfmc.target(facts("waitlist", of=mapped))
    with pytest.raises(ExportFailed, match="SFMC_DE_NOT_MAPPED"):
        to_sfmc.target(facts("waitlist"))
    assert to_sfmc.rechecks_erasure


POSITIONS = st.one_of(
    st.none(),
    st.integers(1, 9),
    st.integers(1, 9).map(float),
    st.integers(1, 9).map(lambda n: Decimal128(str(n))),
    st.integers(1, 9).map(str),
    st.sampled_from([float("nan"), Decimal128("NaN"), True, "no number"]),
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(POSITIONS, st.sampled_from([NEW_YORK, VANCOUVER, NOBODY])),
        min_size=1,
        max_size=14,
    )
)
def test_the_rows_are_in_order_whatever_type_a_position_has(
    places: list[tuple[Any, ObjectId]],
) -> None:
    """Strands are merged, so one that is not in order would shuffle the whole file."""
    documents = [waiting(n, position, where) for n, (position, where) in enumerate(places, 1)]
    ground = facts("waitlist")
    assert isinstance(WAITLIST.rows, EntrySource)
    store = FakeEntryStore(documents)
    ledger = Ledger()
    reader = EntryReader(
        source=WAITLIST.rows,
        facts=ground,
        scan=lambda part: store.scan(Scan(filter=part.filter, sort=part.sort), page_size=3),
        users=lambda _: {},
        ledger=ledger,
    )

    keys = [WAITLIST.rows.order(row) for row in reader.rows()]

    assert sorted(keys) == keys
    assert (len(documents), len(documents)) == (len(keys), ledger.read)
    assert store.count(WAITLIST.rows.population(ground)) == len(keys)
