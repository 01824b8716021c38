"""`ad-audience`: hashes that the platforms can match, of fans who allow it, and of nobody else."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.ad_audience import AD_AUDIENCE, columns
from assets.model.campaign import Facts
from assets.model.column import HASH, Pii
from assets.model.parameters import InvalidRequest, parse
from assets.model.policy import Transform, transform
from assets.model.source import EntrySource
from tests.assets.examples import (
    CAMPAIGN_ID,
    EVERY_SCOPE,
    KEY,
    SNAPSHOT,
    campaign,
    facts,
    row,
)
from tests.assets.exports.scripted import Scripted

FAN = {
    "userId": "a user",
    "status": "selected",
    "contact": {
        "email": " Zoe.Muller+Tour@Example.com ",
        "firstName": " Zoë ",
        "lastName": "O\u2019Neil-García",
        "countryCode": "US",
        "postalCode": "01201-1234",
        "phone": {"e164": "+14155550132"},
    },
    "consents": [{"key": "artist_email", "granted": True}],
}
USER = {"accountId": "an account", "marketing": {}}


def ground(
    *, buyers: tuple[str, ...] = (), consents: tuple[str, ...] = ("artist_email",), **params: Any
) -> Facts:
    """What rows stand on, with the buyers looked up."""
    given = {"campaign_id": KEY, "reason": "a test", **params}
    asked = parse(AD_AUDIENCE, given, scopes=EVERY_SCOPE)
    made = facts(of=campaign(consent_keys=consents), asked=asked)
    reading = Scripted(results={"buyers": [{"account_id": account} for account in buyers]})
    return replace(made, prepared=AD_AUDIENCE.prepare(made, reading))


def sha256(text: str | None) -> str | None:
    """What a platform compares."""
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def cells(changed: dict[str, Any] | None = None, **params: Any) -> dict[str, object]:
    """The values of a fan by header."""
    contact = FAN["contact"] | (changed or {})  # type: ignore[operator]
    stands = ground(**params)
    seen = row(FAN | {"contact": contact}, USER, stands)
    return {column.title: column.value(seen) for column in columns(stands)}


def reason(
    changed: dict[str, Any], user: dict[str, Any] | None = USER, **params: Any
) -> str | None:
    """Why a fan is not in the audience."""
    stands = ground(**params)
    assert isinstance(AD_AUDIENCE.rows, EntrySource)
    return AD_AUDIENCE.rows.verdict(stands)(row(FAN | changed, user, stands))


def test_the_layout_of_google() -> None:
    """The headers are exact, or the upload maps nothing; only the area is in clear."""
    assert {
        "Email": sha256("zoe.muller+tour@example.com"),
        "Phone": sha256("+14155550132"),
        "First Name": sha256("zoë"),
        "Last Name": sha256("o\u2019neil-garcía"),
        "Country": "US",
        "Zip": "01201-1234",
    } == cells()
    clear = [column.name for column in columns(ground()) if column.format is not HASH]
    assert ["country", "zip"] == clear


def test_the_layout_of_meta() -> None:
    """A plus before the number, or a hyphen in the name, and the hash matches nobody."""
    assert {
        "email": sha256("zoe.muller+tour@example.com"),
        "phone": sha256("14155550132"),
        "fn": sha256("zoë"),
        "ln": sha256("oneilgarcía"),
        "country": sha256("us"),
        "zip": sha256("01201"),
    } == cells(platform="meta")
    assert all(column.format is HASH for column in columns(ground(platform="meta")))


@pytest.mark.parametrize(
    ("country", "code", "expected"),
    [
        ("US", "12207", "12207"),
        ("GB", "SW1A 1AA", "sw1a1"),
        ("CA", "V5K 0A1", "v5k0a1"),
        ("CA", None, None),
        (None, " ", None),
    ],
)
def test_meta_takes_postal_codes_in_the_form_of_their_country(
    country: str | None, code: str | None, expected: str | None
) -> None:
    """The hash of a longer code is the hash of another place."""
    changed = {"countryCode": country, "postalCode": code}

    assert sha256(expected) == cells(changed, platform="meta")["zip"]


def test_spellings_of_one_person_are_one_hash() -> None:
    """Decomposed letters and capitals must not make a second person."""
    one = cells({"firstName": "ZOE\u0308 "})

    assert cells({"firstName": "zoë"})["First Name"] == one["First Name"]
    assert cells({"firstName": "  "})["First Name"] is None
    assert cells({"phone": {"e164": "+1415555013"}})["Phone"] is None
    assert cells({"phone": None})["Phone"] is None


@pytest.mark.parametrize("platform", ["google", "meta"])
def test_no_direct_identifier_leaves_in_clear(platform: str) -> None:
    """The mode of the file is fixed, and under it every such column is a hash."""
    stands = ground(platform=platform)

    shown = {column.name: column for column in columns(stands)}
    direct = [column for column in shown.values() if column.pii is Pii.DIRECT]

    assert {"email", "phone", "first_name", "last_name"} <= {column.name for column in direct}
    assert all(column.format is HASH for column in direct)
    for column in shown.values():
        assert Transform.NONE is transform(column, stands.request.policy)


def test_the_form_of_the_file_is_fixed() -> None:
    """A byte-order mark makes `Email` another header; masks and names in clear match nobody."""
    asked = {"campaign_id": KEY, "reason": "a test"}

    for params in ({"dialect": "excel"}, {"pii": "masked"}, {"platform": "meta", "pii": "full"}):
        with pytest.raises(InvalidRequest):
            parse(AD_AUDIENCE, asked | params, scopes=EVERY_SCOPE)
    with pytest.raises(InvalidRequest, match="problem"):
        parse(AD_AUDIENCE, {"campaign_id": KEY}, scopes=EVERY_SCOPE)
    assert "hashed" == str(ground(platform="meta").request.policy.mode)


@pytest.mark.parametrize(
    ("changed", "user", "expected"),
    [
        ({}, USER, None),
        ({"userId": None}, None, None),
        ({"consents": []}, USER, "no_ads_consent"),
        ({"consents": [{"key": "artist_email", "granted": None}]}, USER, "no_ads_consent"),
        (
            {"consents": [{"key": "artist_email", "granted": True, "withdrawnAt": SNAPSHOT}]},
            USER,
            "no_ads_consent",
        ),
        ({}, USER | {"marketing": {"emailGlobalOptOut": True}}, "opted_out"),
        ({}, None, "missing_user"),
        ({"status": "withdrawn"}, USER, "withdrawn"),
        ({"status": "rejected"}, USER, "segment"),
        ({"status": "duplicate"}, USER, "segment"),
        ({"isCurrent": False}, USER, "not_current"),
    ],
)
def test_only_fans_who_allow_advertising_are_in_the_audience(
    changed: dict[str, Any], user: dict[str, Any] | None, expected: str | None
) -> None:
    """Each of these would be shown an advertisement against the own will."""
    assert expected == reason(changed, user)


def test_where_the_campaign_asks_for_advertising_a_yes_to_mail_is_not_enough() -> None:
    """A fan who was asked for both answered both."""
    both = ("artist_email", "ads")
    ads = {"consents": [{"key": "ads", "granted": True}]}

    assert "no_ads_consent" == reason({}, consents=both)
    assert reason(ads, consents=both) is None
    assert "no_ads_consent" == reason(ads)


@pytest.mark.parametrize(
    ("segment", "status", "expected"),
    [
        ("active", "verified", None),
        ("invited", "verified", "segment"),
        ("invited", "lapsed", None),
        ("non_purchasers", "waitlisted", "segment"),
        ("non_purchasers", "lapsed", None),
    ],
)
def test_segments_are_groups_of_statuses(segment: str, status: str, expected: str | None) -> None:
    """As in every other export (DOMAIN.md 2.8)."""
    assert expected == reason({"status": status}, segment=segment)


def test_who_has_bought_is_no_non_purchaser_and_guests_are_not_known() -> None:
    """An advertisement for what one has bought is the most expensive one."""
    bought: dict[str, Any] = {"segment": "non_purchasers", "buyers": ("an account", "another")}

    assert "purchased" == reason({}, **bought)
    assert reason({}, segment="non_purchasers", buyers=("another",)) is None
    assert "no_account" == reason({"userId": None}, None, segment="non_purchasers")
    assert reason({}, segment="invited", buyers=("an account",)) is None


def test_who_bought_before_merging_accounts_is_a_buyer_too() -> None:
    """The order names the account of then; the entry that of now."""
    people = [
        {"_id": 1, "accountId": "an-old-account", "mergedInto": 2},
        {"_id": 2, "accountId": "an account", "mergedInto": None},
    ]
    bought: list[dict[str, Any]] = [{"account_id": "an-old-account"}, {"account_id": None}]
    stands = ground(segment="non_purchasers")
    reading = Scripted(people=people, results={"buyers": bought})
    prepared = replace(stands, prepared=AD_AUDIENCE.prepare(stands, reading))
    assert isinstance(AD_AUDIENCE.rows, EntrySource)

    assert "purchased" == AD_AUDIENCE.rows.verdict(prepared)(row(FAN, USER, prepared))


def test_buyers_are_looked_up_only_when_they_matter() -> None:
    """The query costs money (DOMAIN.md 3) and its answer memory."""
    reading = Scripted()
    AD_AUDIENCE.prepare(ground(segment="invited"), reading)
    assert "buyers" not in reading.asked

    AD_AUDIENCE.prepare(ground(segment="non_purchasers"), reading)
    sql = reading.asked["buyers"].sql
    assert f"campaign_id = '{CAMPAIGN_ID}'" in sql
    assert "TIMESTAMP '2026-03-20 12:00:00.000'" in sql


def test_rows_follow_the_hash_of_the_address_and_each_address_is_there_once() -> None:
    """An order by registration would tell who is who."""
    assert isinstance(AD_AUDIENCE.rows, EntrySource)
    arrange = AD_AUDIENCE.rows.arrange
    assert arrange is not None
    later = {"createdAt": SNAPSHOT, "_id": ObjectId("00000000000000000000000a")}
    other = {"contact": {"email": "zoe.muller+tour@example.com"}} | later

    first, second = arrange.key(row(FAN)), arrange.key(row(FAN | other))

    assert (hashlib.sha256(b"zoe.muller+tour@example.com").hexdigest(),) == first[:1] == second[:1]
    assert first < second
    assert 1 == arrange.unique
