"""Whom one may write to: every rule that keeps a message from somebody who must not get it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from assets.exports.shared.audiences import (
    MARKETING_MAIL,
    SERVICE_MAIL,
    TEXTABLE,
    is_email,
    is_granted,
    months_before,
    shareable,
    text_consent,
)
from assets.exports.shared.entry_options import Rule, first_failing
from assets.exports.shared.telephone import country_of, is_possible
from assets.model.campaign import Consent, ConsentText, Facts, Promoter
from assets.model.column import Unfit
from tests.assets.examples import NORTHLAKE, campaign, facts, row

PROMOTER = Promoter(id=NORTHLAKE, key="northlake")
OTHER = Promoter(id="another", key="old-mill")
TEXT = ConsentText(version="2026-02-01", text={"en-US": "Yes, Northlake may write to me."})
GIVEN = datetime(2026, 3, 3, 15, tzinfo=UTC)
CONSENT = {
    "key": "promoter_email",
    "promoterId": NORTHLAKE,
    "granted": True,
    "at": GIVEN,
    "textVersion": "2026-02-01",
    "evidenceId": "ev_1",
}
FAN = {
    "userId": "a user",
    "contact": {
        "email": "zoe@example.com",
        "phone": {"e164": "+14155550132", "verifiedAt": GIVEN, "lineType": "mobile"},
    },
    "consents": [CONSENT],
}
ACCOUNT = {"accountId": "an account", "marketing": {"emailGlobalOptOut": False, "smsStop": False}}


def ground() -> Facts:
    """A campaign that asks for Northlake's e-mail and text messages, each with its own text."""
    asks = [
        Consent(key="promoter_email", party="promoter", promoter_id=NORTHLAKE, texts=(TEXT,)),
        Consent(key="promoter_sms", party="sms", promoter_id=NORTHLAKE, texts=(TEXT,)),
    ]
    return facts(of=replace(campaign(), consents=tuple(asks)))


def reason(
    rules: tuple[Rule, ...], entry: dict[str, Any], user: dict[str, Any] | None = ACCOUNT
) -> str | None:
    """Why an entry is not in an audience."""
    return first_failing(rules)(row(FAN | entry, user, ground()))


def shared(*consents: dict[str, Any], user: dict[str, Any] | None = ACCOUNT) -> str | None:
    """Why an entry with these consents is not Northlake's to have."""
    return reason(shareable(ground(), PROMOTER), {"consents": list(consents)}, user)


def test_a_fan_with_an_account_and_nothing_against_it_is_in_every_audience() -> None:
    """The control: what the other tests take away is what keeps fans out."""
    for rules in (SERVICE_MAIL, MARKETING_MAIL, TEXTABLE, shareable(ground(), PROMOTER)):
        assert reason(rules, {}) is None


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ({"deletedAt": GIVEN}, "deleted"),
        ({"status": "erased"}, "erased"),
        ({"isCurrent": False}, "not_current"),
    ],
)
def test_who_is_gone_is_in_no_audience(gone: dict[str, Any], expected: str) -> None:
    """`LIVE` comes first in each of them."""
    for rules in (SERVICE_MAIL, TEXTABLE, shareable(ground(), PROMOTER)):
        assert expected == reason(rules, gone)


@pytest.mark.parametrize(
    ("marketing", "expected"),
    [
        ({"hardBouncedAt": GIVEN}, "hard_bounced"),
        ({"complainedAt": GIVEN}, "complained"),
        ({"hardBouncedAt": None}, None),
        (None, None),
    ],
)
def test_an_address_that_bounced_or_complained_gets_no_mail_of_any_kind(
    marketing: Any, expected: str | None
) -> None:
    """Mail to such addresses costs the sender its reputation, whatever it is about."""
    assert expected == reason(SERVICE_MAIL, {}, {"marketing": marketing})
    assert expected == reason(MARKETING_MAIL, {}, {"marketing": marketing})


def test_an_opt_out_of_everything_stops_marketing_but_not_service() -> None:
    """The reminder of one's own registration is no advertisement (DOMAIN.md 7.4)."""
    out = {"marketing": {"emailGlobalOptOut": True}}

    assert reason(SERVICE_MAIL, {}, out) is None
    assert "opted_out" == reason(MARKETING_MAIL, {}, out)
    assert "opted_out" == shared(CONSENT, user=out)


@pytest.mark.parametrize("value", [1, "yes", {"at": GIVEN}])
def test_an_opt_out_of_an_unknown_kind_is_one(value: object) -> None:
    """Only a clear no lets a message through."""
    assert "opted_out" == reason(MARKETING_MAIL, {}, {"marketing": {"emailGlobalOptOut": value}})


def test_suppressions_that_cannot_be_read_reject_the_row() -> None:
    """Taken for empty they would let a suppressed fan through."""
    with pytest.raises(Unfit, match="marketing:wrong_type"):
        reason(SERVICE_MAIL, {}, {"marketing": ["stop"]})


def test_without_the_account_nobody_knows_what_is_suppressed_but_guests_have_none() -> None:
    """A user document that is missing is no proof that nothing was in it."""
    assert "missing_user" == reason(SERVICE_MAIL, {}, None)
    assert "missing_user" == reason(TEXTABLE, {}, None)
    assert reason(SERVICE_MAIL, {"userId": None}, None) is None


@pytest.mark.parametrize(
    "address",
    [
        "zoe.muller+tour@mail1.example.com",
        "O'Neil@example.co.uk",
        '"john doe"@example.com',
        "zoë@exämple.test",
        " zoe@example.com ",
        "a@b.c",
    ],
)
def test_what_the_standards_call_an_address_is_one(address: str) -> None:
    """A rule stricter than the standards loses fans who did nothing wrong."""
    assert is_email(address)


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "zoe",
        "zoe@",
        "@example.com",
        "zoe@localhost",
        "zoe@@example.com",
        "zoe muller@example.com",
        "zoe.@example.com",
        ".zoe@example.com",
        "zo..e@example.com",
        "zoe@-example.com",
        "zoe@example..com",
        "zoe@example.com.",
        "zoe@exam ple.com",
        "zoe@example.com\nbcc:all@example.com",
        f"{'z' * 65}@example.com",
        f"zoe@{'e' * 64}.com",
        f"zoe@{'example.' * 32}com",
        42,
    ],
)
def test_what_no_server_could_take_is_no_address(address: object) -> None:
    """Each such row is a bounce that everybody can foresee."""
    assert not is_email(address)


@pytest.mark.parametrize(
    ("phone", "expected"),
    [
        (None, "no_phone"),
        ({"e164": None}, "no_phone"),
        ({"e164": "(415) 555-0132"}, "no_phone"),
        ({"e164": "+1415555013"}, "no_phone"),
        ({"e164": "+5215512345678"}, "no_phone"),
        ({"verifiedAt": None}, "unverified_phone"),
        ({"lineType": "landline"}, "landline"),
        ({"lineType": "voip"}, None),
        ({"e164": "+447700900123"}, None),
    ],
)
def test_a_text_goes_to_a_verified_number_that_can_receive_it(
    phone: dict[str, Any] | None, expected: str | None
) -> None:
    """The access code of a fan must not go to whoever has the number by mistake."""
    good = FAN["contact"]["phone"]  # type: ignore[index]
    contact = {"phone": None if phone is None else good | phone}

    assert expected == reason(TEXTABLE, {"contact": contact})


def test_stop_wins_over_all_for_texts_alone() -> None:
    """STOP to a text is a right by law (DOMAIN.md 9), and says nothing about mail."""
    stopped = {"marketing": {"smsStop": True}}

    assert "sms_stopped" == reason(TEXTABLE, {}, stopped)
    assert reason(MARKETING_MAIL, {}, stopped) is None


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"granted": False}, "not_granted"),
        ({"granted": None}, "not_granted"),
        ({"granted": "Y"}, "not_granted"),
        ({"promoterId": None}, "not_granted"),
        ({"promoterId": "another"}, "not_granted"),
        ({"withdrawnAt": GIVEN}, "consent_withdrawn"),
        ({"evidenceId": None}, "no_evidence"),
        ({"evidenceId": ""}, "no_evidence"),
        ({"at": None}, "no_evidence"),
        ({"textVersion": None}, "unknown_consent_text"),
        ({"textVersion": "2019-01-01"}, "unknown_consent_text"),
        ({"key": "newsletter"}, "unknown_consent_text"),
        ({"at": datetime(2024, 3, 20, 11, 59, tzinfo=UTC)}, "consent_expired"),
        ({"at": datetime(2024, 3, 20, 12, 0, tzinfo=UTC)}, None),
    ],
)
def test_a_promoter_gets_only_granted_named_provable_and_recent_consents(
    changed: dict[str, Any], expected: str | None
) -> None:
    """Each of these rows would be an address given away without the fan's leave."""
    assert expected == shared(CONSENT | changed)


def test_a_fan_without_consents_or_with_those_of_old_forms_is_not_shared() -> None:
    """v1 and v2 asked for one yes and named nobody (DOMAIN.md 2.9)."""
    assert "not_granted" == shared()
    assert "not_granted" == shared({"key": "promoter_email", "granted": True})


def test_the_latest_consent_counts_wherever_it_stands_in_the_list() -> None:
    """A no that came later is a no; one of the same moment as well."""
    later = datetime(2026, 3, 4, tzinfo=UTC)
    no = CONSENT | {"granted": False, "at": later}

    assert "not_granted" == shared(no, CONSENT)
    assert "not_granted" == shared(CONSENT, no)
    assert "not_granted" == shared(CONSENT, CONSENT | {"granted": False})
    assert shared(no, CONSENT | {"at": datetime(2026, 3, 5, tzinfo=UTC)}) is None


def test_a_consent_to_another_promoter_is_none_to_this_one() -> None:
    """Old Mill's fans are not Northlake's."""
    rules = shareable(ground(), OTHER)

    assert "not_granted" == reason(rules, {})


def test_a_consent_to_texts_is_another_than_the_one_to_mail() -> None:
    """A yes to e-mail gives no telephone number away, nor the other way round."""
    texts = CONSENT | {"key": "promoter_sms"}

    assert "not_granted" == shared(texts)
    assert not is_granted(text_consent(row(FAN, ACCOUNT, ground()), PROMOTER))
    both = row(FAN | {"consents": [CONSENT, texts]}, ACCOUNT, ground())
    assert is_granted(text_consent(both, PROMOTER))


def test_months_before_end_on_the_last_day_of_a_short_month() -> None:
    """24 months before the 29th of February there is none."""
    leap = datetime(2024, 2, 29, 12, tzinfo=UTC)

    assert datetime(2022, 2, 28, 12, tzinfo=UTC) == months_before(leap, 24)
    assert datetime(2023, 12, 31, tzinfo=UTC) == months_before(datetime(2024, 1, 31, tzinfo=UTC), 1)


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+14155550132", "US"),
        ("+16045550132", "CA"),
        ("+447700900123", "GB"),
        ("+33639980001", "FR"),
        ("+12425550132", "BS"),
        ("+19995550132", "US"),
        ("+80012345678", None),
        ("nonsense", None),
    ],
)
def test_a_number_names_its_country(number: str, country: str | None) -> None:
    """Carriers route by it; numbers of no country have none."""
    assert country == country_of(number)


def test_a_number_that_is_not_stored_as_e164_is_not_possible() -> None:
    """It would be sent as it is stored."""
    assert is_possible("+14155550132")
    assert not is_possible("+1 415 555 0132")
    assert not is_possible("+14155550132 ext. 5")
    assert not is_possible(14155550132)
