"""What is read from one entry: legacy ranks, merged fans, consents, bands, and bad types."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.exports.catalog import CATALOG
from assets.exports.shared.entry_values import (
    NO_INSTANT,
    account_id,
    answer,
    at,
    band,
    event_dates,
    granted,
    granted_to,
    instant,
    millis,
    notes,
    preferences,
    preferred,
    string,
)
from assets.model.column import Unfit
from assets.model.source import EntrySource
from tests.assets.examples import NEW_YORK, NORTHLAKE, VANCOUVER, campaign, facts, request, row

AT_THREE = datetime(2026, 3, 3, 15, tzinfo=UTC)
OTHER = ObjectId("66530000000000000000a002")


def ranked(*ranks: Any) -> list[tuple[object, int]]:
    """Markets and shown ranks of preferences stored with these ranks."""
    markets = [NEW_YORK, VANCOUVER, OTHER]
    stored = [
        {"marketId": market} if rank == "absent" else {"marketId": market, "rank": rank}
        for market, rank in zip(markets, ranks, strict=False)
    ]
    return [(p.market_id, p.rank) for p in preferences(row({"preferences": stored}))]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ((1, 2, 3), [NEW_YORK, VANCOUVER, OTHER]),
        ((3, 1, 2), [VANCOUVER, OTHER, NEW_YORK]),
        ((2, 2, 1), [OTHER, NEW_YORK, VANCOUVER]),  # repeated: by position
        (("absent", 1, None), [VANCOUVER, NEW_YORK, OTHER]),  # missing: last, by position
        ((None, None, None), [NEW_YORK, VANCOUVER, OTHER]),
        ((7, 40, 9), [NEW_YORK, OTHER, VANCOUVER]),  # gaps
        ((0, -1, 1), [VANCOUVER, NEW_YORK, OTHER]),
    ],
)
def test_ranks_are_ordered_by_rank_and_position_and_numbered_anew(
    stored: tuple[Any, ...], expected: list[ObjectId]
) -> None:
    """Legacy forms stored ranks twice or not at all (DOMAIN.md 7.1)."""
    assert list(zip(expected, (1, 2, 3), strict=True)) == ranked(*stored)


@pytest.mark.parametrize(
    "bad",
    [
        "none",
        {"marketId": NEW_YORK},
        ["text"],
        [None],
        [{"marketId": NEW_YORK, "rank": "first"}],
        [{"marketId": NEW_YORK, "rank": True}],
        [{"marketId": NEW_YORK, "rank": float("nan")}],
        [{"marketId": [NEW_YORK]}],
        [{"marketId": {"$gt": ""}}],
        [{"marketId": NEW_YORK, "eventIds": 5}],
        [{"marketId": NEW_YORK, "eventIds": "E1"}],
        [{"marketId": NEW_YORK, "eventIds": [["E1"]]}],
        [{"marketId": NEW_YORK, "eventIds": {"E1": 1}}],
    ],
    ids=str,
)
def test_preferences_of_a_wrong_type_reject_their_row_only(bad: Any) -> None:
    """A TypeError from one document would end an export of two million."""
    with pytest.raises(Unfit):
        preferences(row({"preferences": bad}))


def test_preferences_that_are_null_or_absent_are_none() -> None:
    """Both are legal and mean the same (DOMAIN.md 6.3)."""
    assert [] == preferences(row({"preferences": None})) == preferences(row({}))
    assert preferred(row({}), 1) is None


def test_events_are_shown_by_local_date_in_the_markets_order_and_unknown_ones_by_id() -> None:
    """Date on the poster, not the instant in UTC; a removed event must not vanish."""
    wish = row({"preferences": [{"marketId": NEW_YORK, "eventIds": ["E9", "E2", "E1"]}]})
    lost = row({"preferences": [{"marketId": OTHER, "eventIds": ["E2"]}]})

    assert ["2026-07-10", "2026-07-11", "E9"] == event_dates(wish, preferences(wish)[0])
    assert ["E2"] == event_dates(lost, preferences(lost)[0])


@pytest.mark.parametrize(
    ("consent", "expected"),
    [
        ({"granted": True}, True),
        ({"granted": False}, False),
        ({"granted": None}, False),
        ({}, False),
        ({"granted": "true"}, False),
        ({"granted": 1}, False),
        ({"granted": True, "withdrawnAt": datetime(2026, 3, 4, tzinfo=UTC)}, False),
        ({"granted": True, "withdrawnAt": None}, True),
    ],
)
def test_only_a_yes_that_stands_is_a_consent(consent: dict[str, Any], expected: bool) -> None:
    """Null consent is not granted (DOMAIN.md 6.3), and a withdrawn one is a no."""
    assert granted("sms")(row({"consents": [{"key": "sms", **consent}]})) is expected
    mine = {"key": "promoter_email", "promoterId": NORTHLAKE, **consent}
    assert granted_to(NORTHLAKE)(row({"consents": [mine]})) is expected


def test_a_consent_to_one_promoter_is_none_to_another() -> None:
    """Sharing a fan with the wrong promoter cannot be taken back."""
    theirs = row({"consents": [{"key": "p", "promoterId": OTHER, "granted": True}]})
    nobodys = row({"consents": [{"key": "p", "granted": True}]})

    assert not granted_to(NORTHLAKE)(theirs)
    assert not granted_to(NORTHLAKE)(nobodys)
    assert not granted("p")(theirs)
    assert granted("p")(nobodys)


def test_a_manual_band_beats_the_scoring_file() -> None:
    """Support decides after the file was read (DOMAIN.md 2.6)."""
    entry: dict[str, Any] = {
        "_id": OTHER,
        "risk": {"band": "D", "override": {"band": "C"}},
    }

    assert "D" == band(row({"risk": {"band": "D"}}))
    assert "C" == band(row(entry))
    assert "B" == band(row(entry, ground=facts(manual={OTHER: "B"})))


def test_the_account_is_that_of_the_user_and_guests_have_none() -> None:
    """An id of another account would join a fan with a stranger."""
    assert "acc-1" == account_id(row({}, {"accountId": "acc-1"}))
    assert account_id(row({})) is None


@pytest.mark.parametrize("entry", [{}, {"contact": None}, {"contact": {}}])
def test_a_missing_parent_is_an_absent_value(entry: dict[str, Any]) -> None:
    """Null, absent and no parent are one empty cell."""
    assert at("contact.phone.e164")(row(entry)) is None


@pytest.mark.parametrize("contact", ["text", 5, [{"phone": 1}], True])
def test_a_parent_of_a_wrong_type_rejects_its_row(contact: Any) -> None:
    """An empty cell would say that the fan gave nothing."""
    with pytest.raises(Unfit):
        at("contact.email")(row({"contact": contact}))


def test_a_filter_takes_what_is_no_text_for_empty() -> None:
    """A filter cannot reject; the column of the same field does."""
    assert ("", "", "US") == (
        string(row({"contact": 5}), "contact.countryCode"),
        string(row({"contact": {"countryCode": 1}}), "contact.countryCode"),
        string(row({"contact": {"countryCode": "US"}}), "contact.countryCode"),
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), 1000),
        (datetime(1970, 1, 1, 0, 0, 1), 1000),  # noqa: DTZ001 - a date without a zone is UTC
        (DatetimeMS(2**50), 2**50),
        ("2026-03-03T15:00:00Z", NO_INSTANT),
        (5, NO_INSTANT),
        (None, NO_INSTANT),
    ],
)
def test_an_instant_is_milliseconds_and_anything_else_comes_first(
    value: object, expected: int
) -> None:
    """Rows are ordered by it, so it must be a number for every document."""
    assert expected == millis(value)


def test_both_hours_of_a_clock_change_are_different_instants() -> None:
    """At the end of summer time New York reads 01:30 twice; filters must not."""
    assert 3_600_000 == instant("2026-11-01T06:30:00Z") - instant("2026-11-01T05:30:00Z")


def kept(entry: dict[str, Any], user: dict[str, Any] | None = None, **params: Any) -> str | None:
    """Why an entry stays out of `entries`, or None."""
    source = CATALOG["entries"].rows
    assert isinstance(source, EntrySource)
    ground = facts(**params)
    return source.verdict(ground)(
        row({"isCurrent": True, "status": "verified", **entry}, user, ground)
    )


@pytest.mark.parametrize(
    ("entry", "user", "reason"),
    [
        ({}, None, None),
        ({}, {"accountId": "a", "flags": []}, None),
        ({"deletedAt": datetime(2026, 3, 4, tzinfo=UTC)}, None, "deleted"),
        ({"erasure": {"scope": "all"}}, None, "erased"),
        ({"status": "erased"}, None, "erased"),
        ({}, {"erasure": {"requestedAt": datetime(2026, 3, 4, tzinfo=UTC)}}, "erased"),
        ({"isCurrent": False}, None, "not_current"),
        ({"isCurrent": None}, None, None),  # v1 documents have no such field
        ({"status": "withdrawn"}, None, "withdrawn"),
        ({"withdrawnAt": datetime(2026, 3, 4, tzinfo=UTC)}, None, "withdrawn"),
        ({"status": "duplicate"}, None, "duplicate"),
        ({"status": "rejected"}, None, None),
        ({}, {"flags": ["employee"]}, "exclude_flags"),
        ({}, {"flags": ["press", "x"]}, "exclude_flags"),
        ({}, {"flags": ["blocked"]}, None),
        ({"deletedAt": 1, "status": "withdrawn"}, {"flags": ["press"]}, "deleted"),
    ],
)
def test_an_entry_stays_out_for_the_first_reason_that_holds(
    entry: dict[str, Any], user: dict[str, Any] | None, reason: str | None
) -> None:
    """Every row that is left out is counted under one reason (DOMAIN.md 7.0, 7.1)."""
    assert reason == kept(entry, user)


@pytest.mark.parametrize("flags", ["press", 5, [{"a": 1}], {"press": True}, [["press"]]])
def test_flags_that_cannot_be_read_let_nobody_through(flags: Any) -> None:
    """They may say `employee`; a set of the letters of "press" would say nothing."""
    with pytest.raises(Unfit):
        kept({}, {"flags": flags})


@pytest.mark.parametrize(
    ("params", "entry", "stays"),
    [
        ({"statuses": ["verified"]}, {}, True),
        ({"statuses": ["selected"]}, {}, False),
        ({"statuses": ["selected"]}, {"status": {"$ne": 1}}, False),
        ({"status_group": "invited"}, {"status": "redeemed"}, True),
        ({"status_group": "waitlisted"}, {"status": "redeemed"}, False),
        ({"countries": ["US"]}, {"contact": {"countryCode": "US"}}, True),
        ({"countries": ["US"]}, {"contact": {"countryCode": "CA"}}, False),
        ({"countries": ["US"]}, {}, False),
        ({"locales": ["en-US"]}, {"locale": "en_US"}, True),
        ({"locales": ["en-US"]}, {"locale": "fr-CA"}, False),
        ({"bands": ["A"]}, {"risk": {"band": "A"}}, True),
        ({"bands": ["A"]}, {"risk": {"band": ["A"]}}, False),
        ({"bands": ["A"]}, {}, False),
        ({"has_code": True}, {"codes": [{"state": "sent"}]}, True),
        ({"has_code": True}, {"codes": [{"state": "revoked"}]}, False),
        ({"has_code": True}, {}, False),
        ({"has_code": False}, {"codes": [{"state": "assigned"}]}, False),
        ({"has_code": False}, {"codes": []}, True),
        ({"registered_from": "2026-03-03T15:00:00Z"}, {"createdAt": AT_THREE}, True),
        ({"registered_to": "2026-03-03T15:00:00Z"}, {"createdAt": AT_THREE}, False),
        ({"markets": ["vancouver-bc"]}, {"preferences": [{"marketId": VANCOUVER}]}, True),
        ({"markets": ["vancouver-bc"]}, {"preferences": [{"marketId": NEW_YORK}]}, False),
        ({"markets": ["vancouver-bc"]}, {}, False),
        ({"include_withdrawn": True}, {"status": "withdrawn"}, True),
        ({"include_duplicates": True}, {"status": "duplicate"}, True),
        ({"exclude_flags": []}, {}, True),
    ],
)  # fmt: skip
def test_a_filter_keeps_what_it_names(
    params: dict[str, Any], entry: dict[str, Any], stays: bool
) -> None:
    """Intervals are half open, so that two neighbouring exports hold each entry once."""
    assert stays == (kept(entry, **params) is None)


@pytest.mark.parametrize("codes", ["sent", 5, {"state": "sent"}, ["sent"]])
def test_codes_of_a_wrong_type_reject_their_row(codes: Any) -> None:
    """Whether the fan has a code cannot be said, so neither answer is right."""
    with pytest.raises(Unfit):
        kept({"codes": codes}, has_code=True)


@pytest.mark.parametrize(
    ("entry", "user", "expected"),
    [
        ({"userId": OTHER}, {"accountId": "a"}, []),
        ({"userId": OTHER}, None, ["missing_user"]),
        ({"userId": None}, None, []),
        ({"preferences": [{"marketId": NEW_YORK}] * 2}, None, ["extra_preferences"]),
    ],
)
def test_what_is_odd_about_a_kept_row_is_counted(
    entry: dict[str, Any], user: dict[str, Any] | None, expected: list[str]
) -> None:
    """More wishes than columns are not written, so the manifest says how many rows have them."""
    assert expected == notes(row(entry, user, facts(of=campaign(max_markets=1))))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=3)
    | st.sampled_from([NEW_YORK, DatetimeMS(2**50), datetime(2026, 3, 3, tzinfo=UTC), b"x"]),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(
        st.sampled_from(["key", "rank", "marketId", "eventIds", "band", "state", "position"]),
        inner,
        max_size=3,
    ),
    max_leaves=5,
)  # fmt: skip
FIELDS = (
    "status", "contact", "preferences", "answers", "consents", "boost", "risk", "selection",
    "waitlist", "codes", "messages", "locale", "createdAt", "erasure", "referral", "attribution",
)  # fmt: skip
EVERY_FILTER: dict[str, Any] = {
    "statuses": ["verified"],
    "countries": ["US"],
    "locales": ["en-US"],
    "bands": ["A"],
    "has_code": True,
    "markets": ["new-york-ny"],
    "registered_from": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize("kind", ["entries", "waitlist"])
@settings(max_examples=60, deadline=None)
@given(
    entry=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6),
    filters=st.sampled_from([{}, EVERY_FILTER]),
)
def test_no_document_makes_anything_but_a_value_or_a_reject(
    kind: str, entry: dict[str, Any], filters: dict[str, Any]
) -> None:
    """Whatever stands in a document, it ends in a cell or in a counted reject, never in a crash."""
    export_type = CATALOG[kind]
    assert isinstance(export_type.rows, EntrySource)
    ground = facts(asked=request(kind, **filters))
    shown = row(entry, {"flags": entry.get("codes")}, ground)
    readers = [
        export_type.rows.verdict(ground),
        export_type.rows.order,
        export_type.rows.notes,
        answer("q"),
        *(column.value for column in export_type.columns(ground)),
    ]
    for read in readers:
        try:
            read(shown)
        except Unfit:
            continue
