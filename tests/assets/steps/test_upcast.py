"""Entries of 2017 to 2022 beside their hand-made twins of today (DOMAIN.md 2.9, invariant 14)."""

from copy import deepcopy
from datetime import UTC, datetime

import pytest
from bson import Code, Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS
from hypothesis import given
from hypothesis import strategies as st

from assets.steps.telephone import is_e164
from assets.steps.upcast import parsed_phone, upcast_entry

ENTRY = ObjectId("66510000000000000000e001")
NEW_YORK = ObjectId("66530000000000000000a001")
VANCOUVER = ObjectId("66530000000000000000a002")
FAN = ObjectId("66520000000000000000f001")
MARKETS: dict[str, object] = {"new york, ny": NEW_YORK, "vancouver": VANCOUVER}
REGISTERED = datetime(2018, 3, 1, 12, 0, 0, 120_000, tzinfo=UTC)

V1: dict[str, object] = {
    "_id": ENTRY,
    "isCurrent": True,
    "status": "standby",
    "created": Int64(1_519_905_600_120),
    "name": "Mary Ann Jones",
    "email": "Mary@Example.com",
    "phone": "(212) 555-0147",
    "market": "NEW YORK, ny",
    "optin": "Y",
}
V1_TWIN: dict[str, object] = {
    "_id": ENTRY,
    "schemaVersion": 3,
    "isCurrent": True,
    "userId": None,
    "status": "waitlisted",
    "contact": {
        "email": "Mary@Example.com",
        "emailNormalized": "mary@example.com",
        "firstName": "Mary Ann",
        "lastName": "Jones",
        "countryCode": None,
        "phone": {"e164": "+12125550147", "raw": "(212) 555-0147"},
    },
    "preferences": [{"marketId": NEW_YORK, "rank": 1, "eventIds": []}],
    "consents": [{"key": "promoter_email", "granted": True}],
    "createdAt": REGISTERED,
}
V2: dict[str, object] = {
    "_id": ENTRY,
    "schemaVersion": 2,
    "isCurrent": True,
    "userId": str(FAN).upper(),
    "status": "winner",
    "contact": {
        "email": "v@example.com",
        "firstName": "Vera",
        "lastName": "Two",
        "phone": {"raw": "917.555.0154"},
    },
    "markets": [VANCOUVER, str(NEW_YORK)],
    "optIns": {"promoter": True, "artist": True, "sms": False},
    "risk": {"score": 87, "band": "A"},
    "createdAt": "2018-03-01T12:00:00.120Z",
    "updatedAt": "2018-03-01T14:00:00.120+02:00",
    "withdrawnAt": None,
}
V2_TWIN: dict[str, object] = {
    "_id": ENTRY,
    "schemaVersion": 3,
    "isCurrent": True,
    "userId": FAN,
    "status": "selected",
    "contact": {
        "email": "v@example.com",
        "firstName": "Vera",
        "lastName": "Two",
        "countryCode": None,
        "phone": {"e164": "+19175550154", "raw": "917.555.0154"},
    },
    "preferences": [
        {"marketId": VANCOUVER, "eventIds": []},
        {"marketId": NEW_YORK, "eventIds": []},
    ],
    "consents": [
        {"key": "promoter_email", "granted": True},
        {"key": "artist_email", "granted": True},
    ],
    "risk": {"score": 0.87, "band": "A"},
    "createdAt": REGISTERED,
    "updatedAt": REGISTERED,
    "withdrawnAt": None,
}


def upcast(**fields: object) -> tuple[dict[str, object], tuple[str, ...]]:
    """An entry with these fields in today's shape."""
    return upcast_entry({"_id": ENTRY, **fields}, market_by_name=MARKETS)


@pytest.mark.parametrize(("old", "twin"), [(V1, V1_TWIN), (V2, V2_TWIN)], ids=["v1", "v2"])
def test_an_old_entry_equals_its_hand_made_twin(
    old: dict[str, object], twin: dict[str, object]
) -> None:
    """A fan of 2018 has the same row as one who registered today."""
    before = deepcopy(old)
    entry, notes = upcast_entry(old, market_by_name=MARKETS)

    assert entry == twin
    assert notes == ("coerced_date",)
    assert old == before


@pytest.mark.parametrize("twin", [V1_TWIN, V2_TWIN], ids=["v1", "v2"])
def test_todays_shape_passes_through_untouched(twin: dict[str, object]) -> None:
    """92 % of the entries: no copy, no note; and upcasting twice is upcasting once."""
    entry, notes = upcast_entry(twin, market_by_name=MARKETS)

    assert entry is twin
    assert notes == ()


def test_an_old_consent_can_never_be_shared_with_a_promoter() -> None:
    """It names no promoter, no text and no evidence (DOMAIN.md 2.9)."""
    for old in (V1, V2):
        consents = upcast_entry(old, market_by_name=MARKETS)[0]["consents"]

        assert isinstance(consents, list)
        for consent in consents:
            assert not {"promoterId", "textVersion", "evidenceId"} & set(consent)


@pytest.mark.parametrize(
    ("optin", "granted", "notes"),
    [
        ("Y", True, ()),
        ("true", True, ()),
        (1, True, ()),
        (1.0, True, ()),
        (True, True, ()),
        ("N", False, ()),
        (False, False, ()),
        (0, False, ()),
        (None, False, ()),
        ("perhaps", False, ("unknown_optin",)),
        (["Y"], False, ("unknown_optin",)),
    ],
)
def test_every_spelling_of_yes_is_known(optin: object, granted: bool, notes: tuple[str]) -> None:
    """And whatever is not a yes is not one: null consent is not granted (DOMAIN.md 6.3)."""
    entry, found = upcast(optin=optin)

    assert bool(entry["consents"]) is granted
    assert found == notes


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Mary Ann Jones", "Mary Ann", "Jones"),
        ("Prince", "Prince", None),
        ("  Denied   Person ", "Denied", "Person"),
        (" ", None, None),
        (None, None, None),
        (5, 5, None),  # its column rejects it
    ],
)
def test_a_name_is_split_at_its_last_blank(name: object, first: object, last: object) -> None:
    """DOMAIN.md 2.9, word for word."""
    contact = upcast(name=name)[0]["contact"]

    assert isinstance(contact, dict)
    assert (contact["firstName"], contact["lastName"]) == (first, last)


@pytest.mark.parametrize(
    ("version", "old", "new", "notes"),
    [
        (1, "standby", "waitlisted", ()),
        (1, "confirmed", "selected", ()),
        (1, "denied", "rejected", ()),
        (2, "waitlist", "waitlisted", ()),
        (2, "winner", "selected", ()),
        (2, "withdrawn", "withdrawn", ()),
        (1, "pending", "pending", ("unknown_status",)),
        (1, 5, 5, ()),
        (2, Code("f()"), Code("f()"), ()),  # a text that cannot be hashed
    ],
)
def test_an_old_status_has_todays_name(
    version: int, old: object, new: object, notes: tuple[str]
) -> None:
    """An unknown one stays as it is, and is counted (DOMAIN.md 6.1)."""
    entry, found = upcast(schemaVersion=version, status=old)

    assert (entry["status"], found) == (new, notes)


@pytest.mark.parametrize(
    ("market", "preferences", "notes"),
    [
        (" Vancouver", [{"marketId": VANCOUVER, "rank": 1, "eventIds": []}], ()),
        ("Atlantis", [], ("unmatched_market",)),
        (7, [], ("unmatched_market",)),
        ("", [], ()),
        (None, [], ()),
    ],
)
def test_a_market_in_words_is_found_by_name(
    market: object, preferences: object, notes: tuple[str]
) -> None:
    """One that nobody knows leaves the column empty, and is counted."""
    entry, found = upcast(market=market)

    assert (entry["preferences"], found) == (preferences, notes)


@pytest.mark.parametrize(
    ("raw", "country", "e164"),
    [
        ("(212) 555-0147", None, "+12125550147"),
        ("212.555.0148", "US", "+12125550148"),
        ("+1 416 555 0150 ext. 7", None, "+14165550150"),
        ("+44 7700 900123", "GB", "+447700900123"),
        ("+44 (0)7700 900123", "GB", None),
        ("2125550147", "MX", None),
        ("0612345678", None, None),
        ("13912345678", None, None),
        ("+1 555 0147", None, None),
        ("+0123456789", None, None),
        ("none", None, None),
        ("\uff12125550147", None, None),
    ],
)  # fmt: skip
def test_a_telephone_number_is_read_only_where_it_is_no_guess(
    raw: str, country: str | None, e164: str | None
) -> None:
    """A wrong number sends a fan's code to a stranger."""
    assert parsed_phone(raw, country) == e164


@given(st.text(st.sampled_from("+0123456789 ()-.x")))
def test_whatever_is_read_is_possible(raw: str) -> None:
    """The column takes every number that this module makes."""
    found = parsed_phone(raw)

    assert found is None or is_e164(found)


def test_an_unreadable_number_is_empty_and_counted() -> None:
    """Empty column and skip reason; no number at all is nothing to count."""
    assert upcast(phone="none")[1] == ("unparseable_phone",)
    assert upcast(phone=2125550147)[1] == ("unparseable_phone",)
    assert upcast(phone="")[1] == ()


@pytest.mark.parametrize(
    ("score", "ratio"), [(0, 0), (87, 0.87), (100, 1), ("87", 0.87), (101, 101), (True, True)]
)
def test_a_score_out_of_100_is_a_ratio(score: object, ratio: object) -> None:
    """What is no such score is left for its column."""
    assert upcast(schemaVersion=2, risk={"score": score})[0]["risk"] == {"score": ratio}
    assert upcast(schemaVersion=2, score=score)[0]["risk"] == {"score": ratio}


def test_an_account_that_is_no_id_is_none_and_counted() -> None:
    """In v2 the id was text; today's shape leaves another type for the reader to reject."""
    entry, notes = upcast(schemaVersion=2, userId="guest")

    assert (entry["userId"], notes) == (None, ("unknown_user",))
    assert upcast(schemaVersion=3, userId="guest")[0]["userId"] == "guest"


@pytest.mark.parametrize(
    ("stored", "instant"),
    [
        ("2018-03-01T12:00:00.12Z", REGISTERED),
        ("2018-03-01T07:00:00.120-05:00", REGISTERED),
        ("2018-03-01 12:00:00.120", REGISTERED),
        (1_519_905_600_120, REGISTERED),
        (1_519_905_600_120.0, REGISTERED),
        (-1500, datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC)),
        (10**15, DatetimeMS(10**15)),
    ],
)
def test_an_instant_in_another_form_is_read_exactly(stored: object, instant: object) -> None:
    """Type dirt of DOMAIN.md 10.3, in every known place."""
    entry, notes = upcast(
        schemaVersion=3,
        createdAt=stored,
        withdrawnAt=stored,
        consents=[{"key": "sms", "at": stored}, {"key": "artist_email", "at": None}],
        contact={"phone": {"verifiedAt": stored}},
        waitlist={"position": 1, "promotedAt": stored},
    )

    assert notes == ("coerced_date",)
    assert entry["createdAt"] == entry["withdrawnAt"] == instant
    assert entry["consents"] == [{"key": "sms", "at": instant}, {"key": "artist_email", "at": None}]
    assert entry["contact"] == {"phone": {"verifiedAt": instant}}
    assert entry["waitlist"] == {"position": 1, "promotedAt": instant}


@pytest.mark.parametrize(
    "stored",
    [
        "yesterday",
        "2018-02-30T00:00:00Z",
        "2018-03-01",
        "0000-01-01T00:00:00Z",
        1.5,
        float("nan"),
        1e300,
        True,
        {},
    ],
)
def test_what_is_no_instant_stays_for_its_column_to_reject(stored: object) -> None:
    """A guess would be a wrong date in a file that says it is right."""
    entry, notes = upcast(schemaVersion=3, createdAt=stored)

    assert entry["createdAt"] is stored
    assert notes == ()


@pytest.mark.parametrize(
    ("stored", "number"), [("18233", 18233), ("-5", -5), ("0.9312", 0.9312), ("0.50", 0.5)]
)
def test_a_number_in_text_is_read_exactly(stored: str, number: float) -> None:
    """Type dirt again; the documents handed in are never changed."""
    waitlist = {"position": stored}
    entry, notes = upcast(schemaVersion=3, waitlist=waitlist, boost={"points": stored})

    assert entry["waitlist"] == {"position": number}
    assert entry["boost"] == {"points": number}
    assert notes == ("coerced_number",)
    assert waitlist == {"position": stored}


@pytest.mark.parametrize(
    "stored", ["", " 5", "1e5", "0x1", "٣", "007", "0.12345678901234567", Decimal128("1"), [1]]
)
def test_what_is_no_exact_number_stays_for_its_column_to_reject(stored: object) -> None:
    """`1e5` in a form field is not a place in line."""
    entry, notes = upcast(schemaVersion=3, waitlist={"position": stored})

    assert entry["waitlist"] == {"position": stored}
    assert notes == ()


@pytest.mark.parametrize("version", [None, 1, 2, 3])
def test_nulls_are_absent_in_every_version(version: int | None) -> None:
    """Half of what is absent is stored as null (DOMAIN.md 10.3)."""
    places = (
        "preferences",
        "consents",
        "contact",
        "risk",
        "waitlist",
        "boost",
        "markets",
        "optIns",
    )
    entry, notes = upcast(schemaVersion=version, **dict.fromkeys(places))

    assert notes == ()
    assert not entry.get("preferences")
    assert not entry.get("consents")


def test_a_null_of_todays_shape_does_not_hide_the_old_field() -> None:
    """`createdAt: null` beside `created` is a registration with an instant."""
    assert upcast(created=0, createdAt=None)[0]["createdAt"] == datetime(1970, 1, 1, tzinfo=UTC)


def test_an_unknown_version_is_counted() -> None:
    """A version of tomorrow is read as today's, in the open."""
    assert upcast(schemaVersion=4)[1] == ("unknown_version",)


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["at", "score", "phone", "raw", "e164"]), inner),
    ),
    max_leaves=8,
)  # fmt: skip


@given(
    st.sampled_from([None, 1, 2, 3, "3", True]),
    st.dictionaries(
        st.sampled_from(
            (*V1, *V2, *V1_TWIN, "score", "waitlist", "boost", "codes", "statusLog", "erasure")
        ),
        JUNK,
    ),
)
def test_no_document_stops_the_export(version: object, fields: dict[str, object]) -> None:
    """One broken document must cost one row; the second pass finds nothing more to do."""
    entry, _ = upcast(**fields | {"schemaVersion": version})
    again, _ = upcast_entry(entry, market_by_name=MARKETS)

    assert repr(again) == repr(entry)
