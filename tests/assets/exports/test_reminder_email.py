"""`reminder-email`: one row a fan, in the fan's language and the market's zone, signed links."""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bson import ObjectId

from assets.exports.reminder_email import REMINDER_EMAIL
from assets.exports.shared.languages import greeting, long_date, long_time
from assets.exports.shared.links import FANS_SITE
from assets.model.campaign import Event, Facts, Market, Schedule
from assets.model.column import Unfit
from assets.model.parameters import Forbidden, InvalidRequest, parse
from assets.model.source import EntrySource
from tests.assets.examples import (
    EVERY_SCOPE,
    KEY,
    NEW_YORK,
    SNAPSHOT,
    VANCOUVER,
    campaign,
    facts,
    params_of,
    request,
    row,
)
from tests.assets.exports.scripted import Scripted

ACCOUNT = "0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10"
SUBSCRIBER = "0b7d2c1e5a414c0e9d0e2f7a1f6f9a10"
USER = {"accountId": ACCOUNT, "marketing": {}}
ENTRY = ObjectId("66510000000000000000e001")
FAN = {
    "_id": ENTRY,
    "userId": "a user",
    "status": "waitlisted",
    "contact": {"email": "Zoe@example.com", "firstName": "Zoë"},
    "locale": "es_us",
    "preferences": [{"marketId": VANCOUVER, "rank": 1}, {"marketId": NEW_YORK, "rank": 2}],
}
PRESALE = datetime(2026, 3, 13, 14, 0, tzinfo=UTC)
NIGHT = Event(
    event_id="E2",
    local_date="2026-07-10",
    venue="Harbor Arena",
    presale_starts_at=datetime(2026, 3, 13, 15, 0, tzinfo=UTC),
)
PLACES = (
    Market(
        id=NEW_YORK,
        key="new-york-ny",
        name="New York, NY",
        order=1,
        status="active",
        zone="America/New_York",
        events=(replace(NIGHT, event_id="E1", status="cancelled", venue="Nowhere"), NIGHT),
    ),
    Market(
        id=VANCOUVER,
        key="vancouver-bc",
        name="Vancouver",
        order=2,
        status="active",
        zone="America/Vancouver",
    ),
)


class Keys(Scripted):
    """A reading that derives keys of a secret that tests know."""

    def signing_key(self, purpose: str) -> bytes:
        """A key for one purpose."""
        return f"a key for {purpose}".encode()


def ground(*, places: tuple[Market, ...] = PLACES, **params: Any) -> Facts:
    """What rows stand on, with links prepared."""
    of = replace(campaign(), artist="Aurora", schedule=Schedule(presale_starts_at=PRESALE))
    given = {"reminder_kind": "registration_closing", **params}
    made = facts("reminder-email", of=of, its_markets=places, **given)
    return replace(made, export_id="an export", prepared=REMINDER_EMAIL.prepare(made, Keys()))


def cells(changed: dict[str, Any], user: dict[str, Any] | None = USER, **params: Any) -> Any:
    """The values of an entry by column."""
    seen = row(FAN | changed, user, ground(**params))
    return {column.name: column.value(seen) for column in REMINDER_EMAIL.columns(seen.facts)}


def reason(
    changed: dict[str, Any], user: dict[str, Any] | None = USER, **params: Any
) -> str | None:
    """Why an entry gets no reminder."""
    stands = ground(**params)
    assert isinstance(REMINDER_EMAIL.rows, EntrySource)
    return REMINDER_EMAIL.rows.verdict(stands)(row(FAN | changed, user, stands))


def test_the_key_is_the_account_without_hyphens_and_never_the_address() -> None:
    """Two systems that call one fan by two keys send everything twice."""
    shown = cells({})

    assert SUBSCRIBER == shown["SubscriberKey"]
    assert "registration_closing" == shown["ReminderKind"]
    assert (KEY, "Aurora", "an export") == tuple(
        shown[name] for name in ("CampaignKey", "ArtistName", "ExportId")
    )


def test_times_are_told_in_the_zone_of_the_market_and_the_language_of_the_fan() -> None:
    """A time in the wrong zone is a presale missed."""
    selected = cells({"selection": {"marketId": NEW_YORK}})
    wished = cells({"locale": "en-US"})

    assert ("New York, NY", "Harbor Arena") == (selected["MarketName"], selected["VenueName"])
    assert "10 de julio de 2026" == selected["EventDateText"]
    assert NIGHT.presale_starts_at == selected["PresaleStartUtc"]
    assert ("13 de marzo de 2026, 11:00 a.m.", "EDT") == (
        selected["PresaleStartText"],
        selected["TimeZoneAbbr"],
    )
    assert ("vancouver-bc", None, None) == (
        wished["MarketKey"],
        wished["VenueName"],
        wished["EventDateText"],
    )
    assert ("March 13, 2026, 7:00 AM", "PDT") == (
        wished["PresaleStartText"],
        wished["TimeZoneAbbr"],
    )


def test_a_fan_whose_best_wish_was_cancelled_is_reminded_of_the_next() -> None:
    """A reminder of a show that does not happen is worse than none."""
    gone = (PLACES[0], replace(PLACES[1], status="cancelled"))

    assert "new-york-ny" == cells({}, places=gone)["MarketKey"]
    assert cells({"preferences": [{"marketId": VANCOUVER}]}, places=gone)["MarketKey"] is None


def test_a_fan_without_a_first_name_is_greeted_in_the_own_language() -> None:
    """`Hola ,` is the first thing that a reader sees."""
    blank = FAN["contact"] | {"firstName": "  "}  # type: ignore[operator]

    assert "Zoë" == cells({})["FirstName"]
    assert "fan" == cells({"contact": blank})["FirstName"]
    assert "there" == cells({"contact": blank, "locale": "tlh"})["FirstName"]
    assert "there" == greeting("xx-YY")


@pytest.mark.parametrize("locale", [None, "de-DE", "nonsense", 7])
def test_a_language_that_the_campaign_does_not_have_is_its_default(locale: object) -> None:
    """Templates exist in the campaign's languages only (DOMAIN.md 7.4)."""
    assert (
        "July 10, 2026"
        == cells({"locale": locale, "selection": {"marketId": NEW_YORK}})["EventDateText"]
    )


def test_languages_that_nobody_knows_are_written_in_english() -> None:
    """A campaign may name a locale that CLDR has not."""
    day, time = date(2026, 7, 10), datetime(2026, 3, 13, 9, 5, tzinfo=UTC)

    assert "July 10, 2026" == long_date(day, "xx-XX")
    assert "13. mars 2026, 09:05" == long_time(time, "nb-NO")
    assert "March 13, 2026, 9:05 AM" == long_time(time, "en-US")


def test_one_instant_in_two_zones_is_two_texts() -> None:
    """Python calls the two times equal, so a cache that knew them would tell one of them twice."""
    there = [PRESALE.astimezone(ZoneInfo(f"America/{city}")) for city in ("New_York", "Vancouver")]

    assert ["March 13, 2026, 10:00 AM", "March 13, 2026, 7:00 AM"] == [
        long_time(local, "en-US") for local in there
    ]


def test_a_date_that_is_none_rejects_its_rows_in_the_open() -> None:
    """Staff typed it; an empty date would be sent to half a million fans."""
    typed = (replace(PLACES[0], events=(replace(NIGHT, local_date="10 July"),)), PLACES[1])

    with pytest.raises(Unfit, match="not_a_date"):
        cells({"selection": {"marketId": NEW_YORK}}, places=typed)


def test_links_are_signed_with_a_key_of_their_own() -> None:
    """An id from any file must not open a registration."""
    shown = cells({})
    path = f"/campaigns/{KEY}/entries/{ENTRY}"
    digest = hmac.digest(b"a key for fan-links/v1", path.encode(), "sha256")

    assert f"{FANS_SITE}{path}?s={urlsafe_b64encode(digest).decode()[:43]}" == shown["DeepLink"]
    assert f"{FANS_SITE}/preferences/{SUBSCRIBER}?s=" in shown["PreferenceCentreUrl"]
    assert all(len(shown[name]) <= 400 for name in ("DeepLink", "PreferenceCentreUrl"))


def test_the_links_of_two_entries_differ_in_their_signatures() -> None:
    """A signature that fits every entry protects none."""
    one, other = (cells({"_id": ObjectId(f"{n:024x}")})["DeepLink"][-43:] for n in (1, 2))

    assert one != other


def test_no_access_code_is_in_the_row_only_whether_there_is_one() -> None:
    """E-mail is forwarded; a code in it is a code given away (DOMAIN.md 7.4)."""
    sent = {"codes": [{"codeId": "c1", "state": "sent", "value": "AL-CANARY"}]}

    assert cells(sent)["HasCode"] is True
    assert cells({"codes": [{"codeId": "c1", "state": "revoked"}]})["HasCode"] is False
    assert "CANARY" not in str(cells(sent))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("selected", "invited"),
        ("promoted", "invited"),
        ("lapsed", "invited"),
        ("waitlisted", "waitlisted"),
        ("not_selected", "not_selected"),
        ("registered", "registered"),
        ("verified", "registered"),
    ],
)
def test_the_outcome_is_told_as_the_fan_knows_it(status: str, expected: str) -> None:
    """`verified` is a word of ours."""
    assert expected == cells({"status": status})["OutcomeStatus"]


@pytest.mark.parametrize(
    ("changed", "user", "expected"),
    [
        ({}, USER, None),
        ({"userId": None}, None, "no_account"),
        ({}, {"marketing": {}}, "no_account"),
        ({}, None, "missing_user"),
        ({"contact": {"email": "zoe"}}, USER, "invalid_email"),
        ({}, USER | {"marketing": {"hardBouncedAt": SNAPSHOT}}, "hard_bounced"),
        ({}, USER | {"marketing": {"emailGlobalOptOut": True}}, None),
        ({"withdrawnAt": SNAPSHOT}, USER, "withdrawn"),
        ({"status": "rejected"}, USER, "audience"),
        ({"status": "duplicate"}, USER, "audience"),
        ({"status": "erased"}, USER, "erased"),
    ],
)
def test_who_gets_no_reminder_is_told_by_reason(
    changed: dict[str, Any], user: dict[str, Any] | None, expected: str | None
) -> None:
    """Service mail, so an opt-out of marketing does not stop it, but all else does."""
    assert expected == reason(changed, user)


def test_marketing_only_leaves_out_who_opted_out() -> None:
    """For reminders that sell something beside."""
    out = USER | {"marketing": {"emailGlobalOptOut": True}}

    assert "opted_out" == reason({}, out, include_marketing_only=True)


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("registration_closing", "verified", None),
        ("result_ready", "not_selected", None),
        ("onsale_tomorrow", "waitlisted", "audience"),
        ("onsale_soon", "selected", None),
        ("presale_ending", "code_sent", None),
    ],
)
def test_without_an_audience_a_reminder_goes_to_those_whom_it_is_about(
    kind: str, status: str, expected: str | None
) -> None:
    """`Your presale begins tomorrow`, to fans without one, is a scandal."""
    assert expected == reason({"status": status}, reminder_kind=kind)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"audience": "waitlisted"}, None),
        ({"audience": "invited"}, "audience"),
        ({"markets": ["vancouver-bc"]}, None),
        ({"markets": ["new-york-ny"]}, "markets"),
        ({"wave": 1}, "wave"),
        ({"locales": ["es-us"]}, None),
        ({"locales": ["en-US"]}, "locales"),
    ],
)
def test_the_request_narrows_the_audience(params: dict[str, Any], expected: str | None) -> None:
    """Each filter by its own reason."""
    assert expected == reason({}, **params)


def test_one_row_a_fan_and_it_is_the_one_that_came_furthest() -> None:
    """Merged accounts may have two entries; two rows with one key are one lost in Salesforce."""
    assert isinstance(REMINDER_EMAIL.rows, EntrySource)
    arrange = REMINDER_EMAIL.rows.arrange
    assert arrange is not None

    def key(number: int, status: str, *states: str, account: str = "b-1") -> tuple[Any, ...]:
        entry = {
            "_id": ObjectId(f"{number:024x}"),
            "status": status,
            "codes": [{"state": state} for state in states],
        }
        return arrange.key(row(entry, {"accountId": account}))

    rising = [
        key(9, "not_selected", account="a-9"),
        key(5, "code_sent", "sent"),
        key(4, "selected"),
        key(3, "waitlisted"),
        key(1, "not_selected"),
        key(2, "not_selected"),
    ]

    assert sorted(rising) == rising
    assert 1 == arrange.unique
    assert [k[:1] for k in rising] == [("a9",)] + [("b1",)] * 5


def test_the_kind_of_reminder_must_be_named() -> None:
    """A wrong guess would tell a million fans the wrong thing."""
    with pytest.raises(InvalidRequest) as refused:
        parse(REMINDER_EMAIL, {"campaign_id": KEY, "reason": "a test"}, scopes=EVERY_SCOPE)

    assert ["lacks the member reminder_kind"] == [one.detail for one in refused.value.problems]


def test_the_form_is_that_of_a_data_extension_whatever_is_asked_for() -> None:
    """A masked address in Salesforce is a bounce."""
    asked = request("reminder-email", reminder_kind="result_ready")

    assert ("sfmc", "full", ("sfmc",)) == (
        str(asked.output.dialect),
        str(asked.policy.mode),
        asked.deliver,
    )
    with pytest.raises(InvalidRequest):
        request("reminder-email", dialect="excel")
    with pytest.raises(Forbidden):
        parse(REMINDER_EMAIL, params_of("reminder-email"), scopes=["pii:masked"])
