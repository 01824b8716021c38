"""`code-sms`: who gets a text message with a code, who cannot, and what the message says."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from assets.exports.code_sms import CODE_SMS
from assets.model.campaign import CodeConfig, Facts
from assets.model.delivery import Destination
from assets.model.failure import ExportFailed
from assets.model.source import CodeRow, CodeSlice, CodeSource
from tests.assets.examples import MARKETS, NEW_YORK, SNAPSHOT, campaign, facts, request, row
from tests.assets.exports.scripted import Scripted

FAN = ObjectId("66510000000000000000e001")
USER = ObjectId("66520000000000000000f001")
ACCOUNT = "0B7D2C1E-5a41-4c0e-9d0e-2f7a1f6f9a10"
PLANNED = tuple(replace(market, codes_planned=20) for market in MARKETS)


def source() -> CodeSource:
    """The source of the export."""
    assert isinstance(CODE_SMS.rows, CodeSource)
    return CODE_SMS.rows


def code(number: int = 1, **members: Any) -> dict[str, Any]:
    """An assigned code of the fan for New York."""
    shown = {
        "codeId": f"c{number}",
        "value": f"V{number}",
        "entryId": str(FAN),
        "marketKey": "new-york-ny",
        "wave": 1,
        "seq": 1,
        "state": "assigned",
        "assignedAt": "2026-03-12T18:00:00Z",
        "validFrom": "2026-03-21T14:00:00Z",
    }
    return shown | members


def entry(**fields: Any) -> dict[str, Any]:
    """A fan who can be texted."""
    phone = {"e164": "+14155550132", "verifiedAt": SNAPSHOT, "lineType": "mobile"}
    contact = {"email": "ann@example.com", "firstName": "Ann", "phone": phone}
    shown: dict[str, Any] = {
        "_id": FAN,
        "userId": USER,
        "isCurrent": True,
        "status": "selected",
        "locale": "en_us",
        "contact": contact,
    }
    return shown | fields


def with_phone(**phone: Any) -> dict[str, Any]:
    """The same fan with another telephone."""
    changed = entry()
    changed["contact"] = {**changed["contact"], "phone": changed["contact"]["phone"] | phone}
    return changed


def ground(*issued: Mapping[str, Any], **params: Any) -> Facts:
    """The facts after the look-ups."""
    of = replace(campaign(), code_configs=(CodeConfig(key="presale", type="unique"),))
    asked = facts("code-sms", of=of, its_markets=PLANNED, **params)
    return replace(asked, prepared=CODE_SMS.prepare(asked, Scripted(issued=issued)))


def of(
    shown: Mapping[str, Any],
    on: Facts,
    fan: Mapping[str, Any] | None = None,
    **user: Any,
) -> CodeRow:
    """A code beside its entry and the entry's account."""
    account = {"accountId": ACCOUNT, "marketing": {}} | user
    return CodeRow(shown, None if fan is None else row(fan, account, on), on)


def verdict(
    fan: Mapping[str, Any] | None, shown: Mapping[str, Any] | None = None, **params: Any
) -> str | None:
    """Why a fan gets no message."""
    on = ground(**params)
    return source().verdict(on)(of(shown or code(), on, fan))


def test_the_file_is_that_of_the_mobile_import_for_machines_only() -> None:
    """Its headers are the import's own words, and nobody downloads a list of codes with numbers."""
    names = [column.title for column in CODE_SMS.columns(facts("code-sms"))]
    asked = request("code-sms")

    assert [
        "_ContactKey",
        "_MobileNumber",
        "_Locale",
        "_FirstName",
        "_UTCOffset",
        "_IsHonorDST",
        "AccessCode",
        "CampaignKey",
        "MarketKey",
        "Wave",
        "SaleStartLocalText",
        "SaleUrl",
    ] == names
    assert ("sfmc", "full") == (asked.output.dialect, asked.policy.mode)
    assert (str(Destination.SFMC),) == asked.deliver
    assert CODE_SMS.downloadable is False
    # MobileConnect takes files of up to 20 MB (DOMAIN.md 7.7).
    assert 18_000_000 == asked.output.bytes_per_file


def test_messages_without_their_code_are_refused() -> None:
    """A withheld column would text a hundred thousand fans a message that says nothing."""
    on = ground()
    CODE_SMS.refuse(on)
    blind = replace(on.request, policy=replace(on.request.policy, grants=("pii:full",)))

    with pytest.raises(ExportFailed, match="codes:reveal"):
        CODE_SMS.refuse(replace(on, request=blind))
    with pytest.raises(ExportFailed, match="CAMPAIGN_NOT_ALLOCATED"):
        CODE_SMS.refuse(facts("code-sms"))


def test_the_data_extension_is_the_campaigns_and_without_one_it_is_refused() -> None:
    """Rows in the table of another campaign would be texted by its journey."""
    mapped = replace(campaign(), data_extensions={"code-sms": "CodeSmsAudience"})
    (delivery,) = CODE_SMS.deliveries

    assert "CodeSmsAudience" == delivery.target(facts("code-sms", of=mapped))
    assert delivery.rechecks_erasure
    with pytest.raises(ExportFailed, match="SFMC_DE_NOT_MAPPED"):
        delivery.target(facts("code-sms"))


def test_a_row_says_who_where_when_and_with_what() -> None:
    """Hand-checked: 14:00 UTC is 10 in New York in March, whose standard time is UTC-5."""
    on = ground()
    found = of(code(), on, entry())
    cells = {column.name: column.value(found) for column in CODE_SMS.columns(on)}

    assert "0b7d2c1e5a414c0e9d0e2f7a1f6f9a10" == cells["_ContactKey"]
    assert ("+14155550132", "US", "Ann") == (
        cells["_MobileNumber"],
        cells["_Locale"],
        cells["_FirstName"],
    )
    assert (-5, True) == (cells["_UTCOffset"], cells["_IsHonorDST"])
    assert ("V1", 1) == (cells["AccessCode"], cells["Wave"])
    assert ("aurora-lights-2026", "new-york-ny") == (cells["CampaignKey"], cells["MarketKey"])
    assert "March 21, 2026, 10:00 AM EDT" == cells["SaleStartLocalText"]
    assert "https://fans.example/campaigns/aurora-lights-2026/sale/new-york-ny" == cells["SaleUrl"]
    assert "V1" not in str(cells["SaleUrl"])


def test_the_text_is_in_the_fans_language_and_the_zone_is_that_of_the_market() -> None:
    """A fan in Vancouver who reads New York's time is three hours early."""
    on = ground()
    found = of(code(marketKey="vancouver-bc"), on, entry(locale="es-US"))
    cells = {column.name: column.value(found) for column in CODE_SMS.columns(on)}

    assert "21 de marzo de 2026" in str(cells["SaleStartLocalText"])
    assert str(cells["SaleStartLocalText"]).endswith(" PDT")
    assert (-8, True) == (cells["_UTCOffset"], cells["_IsHonorDST"])


@pytest.mark.parametrize(
    ("zone", "offset", "honours"),
    [
        ("America/Phoenix", -7, False),
        ("Australia/Sydney", 10, True),
        ("Asia/Kolkata", 5, False),
        ("Europe/London", 0, True),
    ],
)
def test_the_offset_is_that_of_standard_time_on_both_halves_of_the_earth(
    zone: str, offset: int, honours: bool
) -> None:
    """Salesforce adds the hour of summer itself; in Sydney March is summer."""
    on = ground()
    there = replace(on, markets=(replace(PLANNED[0], zone=zone),))
    found = of(code(), there, entry())
    cells = {column.name: column.value(found) for column in CODE_SMS.columns(there)}

    assert (offset, honours) == (cells["_UTCOffset"], cells["_IsHonorDST"])


@pytest.mark.parametrize(
    ("fan", "reason"),
    [
        (entry(), None),
        (with_phone(e164="+447700900123"), None),
        (with_phone(e164=None), "no_phone"),
        (with_phone(e164="+5215512345678901"), "no_phone"),
        (with_phone(verifiedAt=None), "unverified_phone"),
        (with_phone(lineType="landline"), "landline"),
        (with_phone(lineType="fixed_line_or_mobile"), None),
        (entry(isCurrent=False), "not_current"),
        (entry(status="erased"), "erased"),
        (entry(status="withdrawn"), "withdrawn"),
        (None, "no_entry"),
    ],
)
def test_only_who_can_be_texted_is(fan: Mapping[str, Any] | None, reason: str | None) -> None:
    """A verified mobile of a live fan who never said STOP (DOMAIN.md 7.0 TEXTABLE)."""
    assert reason == verdict(fan)


def test_stop_wins_over_everything_and_the_fan_is_named_in_the_companion() -> None:
    """TCPA: a text after STOP is the expensive kind of mistake."""
    on = ground()
    found = of(code(), on, entry(), marketing={"smsStop": True})
    (companion,) = CODE_SMS.companions
    cells = {column.title: column.value(found) for column in companion.columns(on)}

    assert "sms_stopped" == source().verdict(on)(found)
    assert "sms_stopped" in companion.reasons
    assert {
        "_ContactKey": "0b7d2c1e5a414c0e9d0e2f7a1f6f9a10",
        "EntryId": str(FAN),
        "CampaignKey": "aurora-lights-2026",
        "MarketKey": "new-york-ny",
        "Wave": 1,
        "Reason": "sms_stopped",
        "FallbackEmail": True,
    } == cells


def test_the_companion_holds_nobody_who_is_gone_and_no_code() -> None:
    """An erased fan in the list of those to be written to would be written to."""
    (companion,) = CODE_SMS.companions
    columns = companion.columns(facts("code-sms"))

    assert not companion.reasons & {"erased", "deleted", "not_current", "withdrawn", "superseded"}
    assert {"no_phone", "unverified_phone", "landline", "no_account"} <= companion.reasons
    assert not [column for column in columns if column.source == "CS.value"]


def test_a_guest_cannot_be_keyed_and_a_bounced_fan_has_no_fallback() -> None:
    """The contact key is the account's; without one a row would belong to nobody."""
    on = ground()
    guest = CodeRow(code(), row(entry(userId=None), None, on), on)
    (companion,) = CODE_SMS.companions
    (fallback,) = [c for c in companion.columns(on) if c.name == "FallbackEmail"]

    assert "no_account" == source().verdict(on)(guest)
    assert True is fallback.value(guest)
    bounced = of(code(), on, entry(), marketing={"hardBouncedAt": SNAPSHOT})
    assert False is fallback.value(bounced)


def sent(**fields: Any) -> dict[str, Any]:
    """The fan after the first message."""
    return entry(codes=[{"codeId": "c1", "marketId": NEW_YORK, "sentAt": SNAPSHOT}], **fields)


@pytest.mark.parametrize(
    ("kind", "fresh", "again", "replaced"),
    [
        ("initial", None, "already_sent", None),
        ("reminder", "not_sent_before", None, "not_sent_before"),
        ("resend", "not_sent_before", None, None),
    ],
)
def test_each_kind_of_message_goes_to_its_own_fans(
    kind: str, fresh: str | None, again: str | None, replaced: str | None
) -> None:
    """The first message twice looks like a second code."""
    assert fresh == verdict(entry(), kind=kind)
    assert again == verdict(sent(), kind=kind)
    assert replaced == verdict(entry(), code(seq=2), kind=kind)


def test_only_the_highest_seq_is_texted_whatever_wave_it_is_of() -> None:
    """The older code is revoked: a fan would stand before a closed door (DOMAIN.md 7.7)."""
    old, new = code(1), code(2, seq=2, wave=2, state="sent")
    on = ground(old, new, wave=1, kind="resend")
    judge = source().verdict(on)

    assert "superseded" == judge(of(old, on, sent()))
    assert judge(of(new, on, sent())) is None
    assert [CodeSlice(states=("assigned", "sent"), wave=1, reveal=True)] == source().slices(on)
    assert ("assigned",) == source().slices(ground())[0].states


@pytest.mark.parametrize(("hours", "reason"), [(26, None), (25, "outside_send_window")])
def test_a_message_waits_for_its_window(hours: int, reason: str | None) -> None:
    """The sale begins 26 hours after the snapshot."""
    assert reason == verdict(entry(), send_window=hours)
    assert verdict(entry()) is None


def test_rows_are_sorted_by_contact_and_a_family_with_one_number_gets_both() -> None:
    """Two entries with one telephone have two keys, and both fans their code."""
    on = ground()
    mother = of(code(1), on, entry(), accountId="B-1")
    child = of(code(2), on, entry(), accountId="A-1")
    keys = sorted(source().arrange.key(found) for found in (mother, child))

    assert [("a1", "new-york-ny", "c2"), ("b1", "new-york-ny", "c1")] == keys
    assert 2 == source().arrange.unique
