"""`selected-fans`: who was invited, and nobody else."""

from typing import Any

import pytest
from bson import ObjectId

from assets.exports.selected_fans import SELECTED_FANS, columns
from assets.exports.waitlist import WAITLIST
from assets.model.source import EntrySource
from tests.assets.examples import NEW_YORK, SNAPSHOT, VANCOUVER, facts, row

SELECTED = {
    "status": "selected",
    "selection": {
        "outcome": "selected",
        "marketId": NEW_YORK,
        "eventId": "E1",
        "wave": 1,
        "drawRank": 100,
        "batchId": "b1",
        "decidedAt": SNAPSHOT,
    },
    "preferences": [{"marketId": VANCOUVER, "rank": 1}, {"marketId": NEW_YORK, "rank": 2}],
    "userId": None,
}
PROMOTED = {
    "status": "promoted",
    "selection": {"outcome": "waitlisted", "drawRank": 812349, "batchId": "b1"},
    "waitlist": {"marketId": VANCOUVER, "position": 6, "promotedAt": SNAPSHOT},
    "preferences": [{"marketId": VANCOUVER, "rank": 1}],
    "userId": None,
}


def reason(entry: dict[str, Any], **params: Any) -> str | None:
    """Why an entry is not in the file."""
    ground = facts("selected-fans", **params)
    assert isinstance(SELECTED_FANS.rows, EntrySource)
    return SELECTED_FANS.rows.verdict(ground)(row(entry, ground=ground))


def cells(
    entry: dict[str, Any], user: dict[str, Any] | None = None, **params: Any
) -> dict[str, object]:
    """The values of an entry by column."""
    ground = facts("selected-fans", **params)
    return {column.name: column.value(row(entry, user, ground)) for column in columns(ground)}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, None),
        ({"status": "code_sent"}, None),
        ({"status": "lapsed"}, None),
        ({"status": "verified"}, None),  # selected by the draw, its status not moved on yet
        ({"status": "withdrawn"}, "withdrawn"),
        ({"withdrawnAt": SNAPSHOT}, "withdrawn"),
        ({"status": "duplicate"}, "duplicate"),
        ({"status": "rejected"}, "rejected"),
        ({"erasure": {"scope": "all"}}, "erased"),
        ({"isCurrent": False}, "not_current"),
        ({"status": "waitlisted", "selection": {"outcome": "waitlisted"}}, "not_invited"),
        ({"status": "not_selected", "selection": None}, "not_invited"),
    ],
)
def test_invited_are_those_whom_the_draw_selected(
    changed: dict[str, Any], expected: str | None
) -> None:
    """An uninvited fan in this file is called by the promoter's liaison."""
    assert expected == reason(SELECTED | changed)


def test_promoted_fans_are_invited_and_on_no_waiting_list() -> None:
    """Whoever is verified is in one of the two files, and in one only (DOMAIN.md 11, 6)."""
    waiting = PROMOTED | {
        "status": "waitlisted",
        "waitlist": {"marketId": VANCOUVER, "position": 6},
    }
    assert isinstance(WAITLIST.rows, EntrySource)
    listed = WAITLIST.rows.verdict(facts("waitlist"))

    assert (None, "not_invited") == (reason(PROMOTED), reason(waiting))
    assert ("promoted", None) == (listed(row(PROMOTED)), listed(row(waiting)))


def test_a_promoted_fan_has_the_market_of_the_list_and_no_wave() -> None:
    """The draw gave no market; the list that the fan came from did."""
    shown = cells(PROMOTED)

    assert ("vancouver-bc", "Vancouver, BC (cancelled)") == (shown["market_key"], shown["market"])
    assert (None, None, 812349) == (shown["event_id"], shown["wave"], shown["draw_rank"])


def test_the_columns_of_a_selected_fan() -> None:
    """Each from its own field; the last code is the one that counts."""
    codes = [
        {"codeId": "c2", "state": "revoked", "sentAt": SNAPSHOT},
        {"codeId": "c3", "state": "sent"},
    ]
    user = {"accountId": "an account", "history": {"ordersArtist": 2, "ordersLifetime": 11}}

    shown = cells(SELECTED | {"codes": codes}, user)

    assert ("new-york-ny", "E1", 1, "b1", 100) == tuple(
        shown[name] for name in ("market_key", "event_id", "wave", "batch_id", "draw_rank")
    )
    assert (2, 2, "sent", None) == (
        shown["preference_rank"],
        shown["fan_history_orders"],
        shown["code_state"],
        shown["code_sent_at_utc"],
    )


def test_a_market_that_the_fan_did_not_ask_for_has_no_rank() -> None:
    """A campaign may allow it (DOMAIN.md 7.6); a made-up rank would look like a wish."""
    shown = cells(SELECTED | {"preferences": [{"marketId": VANCOUVER, "rank": 1}]})

    assert ("new-york-ny", None) == (shown["market_key"], shown["preference_rank"])


def test_withdrawn_fans_are_shown_with_their_status_if_asked_for() -> None:
    """Without the status they would look like fans who still want to come."""
    gone = SELECTED | {"status": "withdrawn", "withdrawnAt": SNAPSHOT}

    assert reason(gone, include_withdrawn=True) is None
    assert "withdrawn" == cells(gone, include_withdrawn=True)["status"]
    assert "status" not in cells(SELECTED)
    assert "not_invited" == reason(
        gone | {"selection": {"outcome": "waitlisted"}}, include_withdrawn=True
    )


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"markets": ["new-york-ny"]}, None),
        ({"markets": ["vancouver-bc"]}, "markets"),
        ({"wave": 1}, None),
        ({"wave": 2}, "wave"),
        ({"batch_id": "b1"}, None),
        ({"batch_id": "b2"}, "batch_id"),
        ({"statuses": ["code_sent"]}, "statuses"),
    ],
)
def test_filters_are_about_the_invitation(params: dict[str, Any], expected: str | None) -> None:
    """A fan who also wished for Vancouver was not invited there."""
    assert expected == reason(SELECTED, **params)


def test_rows_follow_market_wave_and_draw_and_end_in_the_id() -> None:
    """The total order of DOMAIN.md 7.6; what has no market, wave or draw comes last."""
    assert isinstance(SELECTED_FANS.rows, EntrySource)
    assert SELECTED_FANS.rows.arrange is not None
    key = SELECTED_FANS.rows.arrange.key

    def entry(number: int, market: object, wave: object, draw: object) -> tuple[Any, ...]:
        chosen = {"outcome": "selected", "marketId": market, "wave": wave, "drawRank": draw}
        return key(row({"_id": ObjectId(f"{number:024x}"), "selection": chosen}))

    rising = [
        entry(9, NEW_YORK, 1, 2),
        entry(8, NEW_YORK, 1, 10.0),
        entry(7, NEW_YORK, 1, None),
        entry(1, NEW_YORK, 2, 1),
        entry(2, NEW_YORK, 2, 1),
        entry(6, NEW_YORK, float("nan"), 1),
        entry(5, VANCOUVER, 1, 1),
        entry(3, ObjectId(), 1, 1),
        entry(4, None, None, None),
    ]

    assert sorted(rising) == rising
