"""Exports about people, whole, over the hand-written pack: every number was added up by hand.

Entries are named by their number, as in the comments of the pack (`seed/tiny`).
"""

import csv
import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from assets.attempt import Done
from assets.model.failure import ExportFailed
from export_platform.local.seed.tiny.pack import EVENTS
from export_platform.local.seed.tiny.shapes import AURORA, NORTHLAKE, account, entry_id
from resources.marketing_cloud import Field
from tests.assets.workbench import AFTER_THE_PACK, Workbench, workbench
from tests.fakes.athena import Answer, FakeAthena
from tests.fakes.entries_service import FakeEntriesService, KnownEntry
from tests.fakes.marketing_cloud import FakeMarketingCloud, Table

SENT = {"compression": "none", "deliver": []}


def _ledger() -> Answer:
    """What the ledger's query answers for Northlake in Aurora Lights, told by hand in Python."""
    acts = {
        each.row["evidence_id"]: each.row
        for each in EVENTS
        if each.table == "consent_events"
        and each.campaign == AURORA
        and each.row["promoter_id"] == str(NORTHLAKE)
    }
    rows: list[tuple[Any, ...]] = []
    for evidence, act in acts.items():
        if act["action"] == "granted":
            ends: list[Any] = [
                other["occurred_at"]
                for other in acts.values()
                if (other["entry_id"], other["action"]) == (act["entry_id"], "withdrawn")
                and other["occurred_at"] >= act["occurred_at"]  # type: ignore[operator]
            ]
            row = (act["entry_id"], act["consent_key"], evidence, max(ends, default=None))
            rows.append(row)
    names = ("entry_id", "consent_key", "evidence_id", "withdrawn_at")
    return Answer(columns=tuple((name, "varchar") for name in names), rows=tuple(rows))


@pytest.fixture
def bench() -> Workbench:
    """A platform with the pack; Athena knows the consents and that 17 and 19 have bought."""
    bought = tuple((account(number),) for number in (17, 19))
    buyers = Answer(columns=(("account_id", "varchar"),), rows=bought)
    nobody = Answer(columns=(("user_id", "varchar"),), rows=())
    told = {"consent_events": _ledger(), "ticket_orders": buyers, "erasure_ledger": nobody}
    return workbench(athena=FakeAthena(told))


def cells(bench: Workbench, done: Done, section: str = "") -> list[dict[str, str]]:
    """The rows of the main files, or of a companion, by header."""
    assert done.manifest is not None
    found: list[dict[str, str]] = []
    for file in done.manifest.files:
        if file.section == section:
            text = bench.body(file.key).decode("utf-8-sig")
            found += csv.DictReader(text.splitlines(keepends=True), strict=True)
    return found


def filtered(done: Done) -> Mapping[str, int]:
    """Why rows are not in the files; what was read adds up."""
    assert done.manifest is not None
    accounting = done.manifest.accounting
    assert accounting.read == accounting.kept + sum(accounting.filtered.values()) + sum(
        accounting.beside.values()
    )
    assert {} == accounting.rejected
    return accounting.filtered


def numbers(rows: list[dict[str, str]], name: str = "entry_id") -> list[int]:
    """The entries of rows, by the end of their id."""
    return [int(row[name][-3:], 16) for row in rows]


def test_selected_fans_are_the_nine_invited_in_the_order_of_the_draw(bench: Workbench) -> None:
    """14, 16 and 17 were drawn for New York, 18 for Vancouver; 6 and 19 were promoted later."""
    rows = cells(bench, bench.run("selected-fans", compression="none"))

    assert {14, 16, 17, 18, 6, 19, 50, 56, 57} == set(numbers(rows))
    assert [14, 16, 17] == [n for n in numbers(rows) if n in (14, 16, 17)]
    by_number = dict(zip(numbers(rows), rows, strict=True))
    assert ("vancouver-bc", "1", "2") == tuple(
        by_number[18][name] for name in ("market_key", "preference_rank", "wave")
    )
    assert ("sent", "3") == tuple(
        by_number[16][name] for name in ("code_state", "fan_history_orders")
    )
    assert ("new-york-ny", "") == (by_number[6]["market_key"], by_number[6]["wave"])


def test_a_fan_who_withdrew_after_the_draw_is_shown_when_asked_for(bench: Workbench) -> None:
    """60 was drawn for a market outside the own wishes, and withdrew."""
    usual = bench.run("selected-fans", compression="none")
    asked = bench.run("selected-fans", include_withdrawn=True, compression="none")
    (gone,) = [row for row in cells(bench, asked) if row["entry_id"].endswith("03c")]

    assert 2 == filtered(usual)["withdrawn"]
    assert ("withdrawn", "") == (gone["status"], gone["preference_rank"])


def test_northlake_gets_three_fans(bench: Workbench) -> None:
    """1, 11 and 41: 15 has the address of 11, and the support took 32 off the ledger."""
    done = bench.run("promoter-email-opt-ins", promoter="northlake", **SENT)
    rows = cells(bench, done)

    assert 3 == len(rows)
    assert "zoe.muller+tour@example.com" in {row["email"].lower() for row in rows}
    reasons = filtered(done)
    assert (1, 1, 1, 1) == tuple(
        reasons[name]
        for name in ("same_email", "ledger_withdrawn", "consent_withdrawn", "opted_out")
    )
    # 12 and 45; 39; 40.
    assert (2, 1, 1) == tuple(
        reasons[name] for name in ("unknown_consent_text", "no_evidence", "consent_expired")
    )
    agreed = {"email", "first_name", "last_name", "country", "postal_code", "locale", "markets"}
    assert agreed | {"phone"} == rows[0].keys()
    # 1 allowed texts to Northlake as well.
    assert ["+14155550132"] == [row["phone"] for row in rows if row["phone"]]


def test_a_second_delta_of_northlake_is_empty(bench: Workbench) -> None:
    """What was told once is not told again, and nothing was withdrawn in between."""
    delta = {"promoter": "northlake", "mode": "delta", **SENT}
    first, second = (bench.run("promoter-email-opt-ins", **delta) for _ in range(2))

    assert 3 == len(cells(bench, first))
    assert [] == cells(bench, second)
    assert [] == cells(bench, second, "withdrawals")
    assert 4 == filtered(second)["before_delta"]


@pytest.mark.parametrize(
    ("promoter", "code"),
    [("old-mill", "NO_DATA_SHARING_AGREEMENT"), ("nobody", "UNKNOWN_PROMOTER")],
)
def test_a_promoter_without_agreement_gets_no_file(
    bench: Workbench, promoter: str, code: str
) -> None:
    """Old Mill's agreement is over; an empty file would look like an answer."""
    with pytest.raises(ExportFailed, match=code):
        bench.run("promoter-email-opt-ins", promoter=promoter, **SENT)

    assert [] == list(bench.objects.keys(""))


def test_the_audience_is_four_fans_as_hashes(bench: Workbench) -> None:
    """1, 12, 14 and 16 allow it; 2 opted out of everything and 11 withdrew (`artist_email`)."""
    done = bench.run("ad-audience", compression="none")
    rows = cells(bench, done)

    assert ["Email", "Phone", "First Name", "Last Name", "Country", "Zip"] == list(rows[0])
    assert 4 == len(rows)
    hashes = [row["Email"] for row in rows]
    assert sorted(hashes) == hashes
    assert hashlib.sha256(b"zoe.muller+tour@example.com").hexdigest() in hashes
    assert hashlib.sha256(b"+14155550132").hexdigest() in {row["Phone"] for row in rows}
    assert ("US", "01201") in {(row["Country"], row["Zip"]) for row in rows}


def test_who_has_bought_is_not_advertised_to(bench: Workbench) -> None:
    """Of the invited 14 and 16 allow it and neither bought; 17 and 19 are the buyers."""
    done = bench.run("ad-audience", segment="non_purchasers", compression="none")

    assert 2 == len(cells(bench, done))
    assert 1 == filtered(done)["opted_out"]


def test_everybody_who_can_be_written_to_is_reminded_once(bench: Workbench) -> None:
    """48 are active; 4 bounced, 9 complained, and guests and the orphan 21 have no account."""
    done = bench.run("reminder-email", reminder_kind="result_ready", **SENT)
    rows = cells(bench, done)
    reasons = filtered(done)

    assert len(rows) == len({row["SubscriberKey"] for row in rows})
    assert (1, 1, 1) == tuple(
        reasons[name] for name in ("hard_bounced", "complained", "missing_user")
    )
    by_key = {row["SubscriberKey"]: row for row in rows}
    zoe = by_key["0b7d2c1e5a414c0e9d0e2f7a1f6f9a10"]
    assert ("Zoë", "New York, NY", "EDT", "false", "waitlisted") == tuple(
        zoe[name]
        for name in ("FirstName", "MarketName", "TimeZoneAbbr", "HasCode", "OutcomeStatus")
    )
    assert "2026-03-13T14:00:00Z" == zoe["PresaleStartUtc"]
    assert "July 10, 2026" == zoe["EventDateText"]
    assert account(46).replace("-", "") in by_key  # no first name, and a language of its own
    assert "there" == by_key[account(46).replace("-", "")]["FirstName"]


def test_a_waiting_list_begins_a_file_with_each_market(bench: Workbench) -> None:
    """The rows are those of the one file, in the same order."""
    whole = bench.run("waitlist", **SENT)
    split = bench.run("waitlist", split_by_market=True, **SENT)
    assert split.manifest is not None

    assert cells(bench, whole) == cells(bench, split)
    groups = [file.group for file in split.manifest.files]
    assert sorted(set(groups)) == sorted(groups)
    assert {"new-york-ny", "vancouver-bc"} <= set(groups)


def test_answers_are_counted_and_those_to_no_question_shown(bench: Workbench) -> None:
    """45 named a shoe size that nobody asked for; `answered` counts tell who was asked."""
    done = bench.run("entries", include_unknown=True, compression="none")
    assert done.manifest is not None
    extra = [row["extra_answers"] for row in cells(bench, done) if row["extra_answers"]]

    assert 1 == len(extra)
    assert '"shoe_size"' in extra[0]
    answered = {
        name: count
        for name, count in done.manifest.accounting.notes.items()
        if name.startswith("answered:")
    }
    assert 2 <= answered["answered:fan_since"] <= 4
    assert "answered:staff_note" not in answered


def test_files_for_northlake_arrive_at_its_prefix(bench: Workbench) -> None:
    """The bytes are those that were checked; nothing lies at the prefix of another promoter."""
    done = bench.run("promoter-email-opt-ins", promoter="northlake", compression="none")
    assert done.manifest is not None
    (file,) = done.manifest.files
    (arrived,) = bench.objects.keys("promoters/")

    assert arrived.startswith("promoters/northlake/2026/03/")
    assert bench.body(file.key) == bench.body(arrived)


def test_a_fan_who_is_erased_before_delivery_is_not_delivered(bench: Workbench) -> None:
    """The second check of two (DOMAIN.md 9): the attempt ends, and the next leaves the fan out."""
    service = bench.doors.entries_service
    assert isinstance(service, FakeEntriesService)
    gone = str(entry_id(41))
    service.entries[gone] = KnownEntry(
        id=gone, campaign_id=str(AURORA), status="erased", erased_at=AFTER_THE_PACK
    )

    with pytest.raises(ExportFailed, match="ERASED_SINCE_SNAPSHOT"):
        bench.run("promoter-email-opt-ins", promoter="northlake", compression="none")

    assert [] == list(bench.objects.keys("promoters/"))


def _withdrawn(bench: Workbench, number: int) -> str:
    """A fan takes the consent for Northlake back, an hour after the last export; the entry's id."""
    bench.clock.advance(3_600)
    kept = bench.mongo.entries.kept
    entry = next(one for one, _ in kept.seen() if one["_id"] == entry_id(number))
    consents = [
        {**one, "withdrawnAt": bench.clock.now()} if one.get("promoterId") == NORTHLAKE else one
        for one in entry["consents"]
    ]
    kept.keep({**entry, "consents": consents})
    bench.clock.advance(3_600)
    return str(entry["_id"])


def test_who_has_withdrawn_is_told_to_the_promoter_in_a_file_of_its_own(bench: Workbench) -> None:
    """Northlake has the address: it must learn that it may not write to 41 any more."""
    delta = {"promoter": "northlake", "mode": "delta", "compression": "none"}
    bench.run("promoter-email-opt-ins", **delta)
    before = set(bench.objects.keys("promoters/"))
    _withdrawn(bench, 41)

    done = bench.run("promoter-email-opt-ins", **delta)
    arrived = sorted(set(bench.objects.keys("promoters/")) - before)

    (file,) = [one for one in done.manifest.files if one.section == "withdrawals"]
    assert 1 == file.rows == len(cells(bench, done, "withdrawals"))
    assert ["001of001.csv", "withdrawals_001of001.csv"] == [
        key.split(f"{done.manifest.export_id}_")[1] for key in arrived
    ]
    assert bench.body(file.key) == bench.body(arrived[1])


def test_who_is_erased_is_not_told_as_withdrawn_either(bench: Workbench) -> None:
    """The second check looks at every file that is delivered, not at the main ones alone."""
    delta = {"promoter": "northlake", "mode": "delta", "compression": "none"}
    bench.run("promoter-email-opt-ins", **delta)
    before = set(bench.objects.keys("promoters/"))
    gone = _withdrawn(bench, 41)
    service = bench.doors.entries_service
    assert isinstance(service, FakeEntriesService)
    service.entries[gone] = KnownEntry(
        id=gone, campaign_id=str(AURORA), status="erased", erased_at=bench.clock.now()
    )

    with pytest.raises(ExportFailed, match="ERASED_SINCE_SNAPSHOT"):
        bench.run("promoter-email-opt-ins", **delta)

    assert before == set(bench.objects.keys("promoters/"))


def test_a_delta_follows_the_last_one_that_was_sent_even_if_its_files_are_gone(
    bench: Workbench,
) -> None:
    """Files live for 30 days, what the promoter has been told does not end with them."""
    delta = {"promoter": "northlake", "mode": "delta", "compression": "none"}
    first = bench.run("promoter-email-opt-ins", **delta)
    bench.run("promoter-email-opt-ins", **delta, deliver=[])  # a look tells nobody
    bench.clock.advance(31 * 86_400)
    expired = bench.life.expire(first.document["_id"])

    last = bench.run("promoter-email-opt-ins", **delta)

    assert expired is not None
    assert [] == cells(bench, last)
    assert 4 == filtered(last)["before_delta"]


def _table(bench: Workbench, key: str, *fields: Field) -> Table:
    cloud = bench.doors.marketing_cloud
    assert isinstance(cloud, FakeMarketingCloud)
    return cloud.create(key, fields, sendable=True)


def test_reminders_fit_the_data_extension_of_the_specification(bench: Workbench) -> None:
    """Fields, types and lengths of DOMAIN.md 7.4; each fan arrives once, with a signed link."""
    required = [
        Field(name=name, type="Text", length=length, primary_key=True, required=True)
        for name, length in (("SubscriberKey", 50), ("CampaignKey", 80), ("ReminderKind", 40))
    ]
    texts = [
        Field(name=name, type="Text", length=length)
        for name, length in (
            *(("FirstName", 80), ("ArtistName", 200), ("CampaignName", 200), ("MarketKey", 80)),
            *(("MarketName", 200), ("VenueName", 200), ("EventDateText", 200)),
            *(("PresaleStartText", 200), ("TimeZoneAbbr", 20), ("OutcomeStatus", 20)),
            *(("DeepLink", 400), ("PreferenceCentreUrl", 400), ("ExportId", 50)),
        )
    ]
    table = _table(
        bench,
        "ReminderAudience",
        *required,
        *texts,
        Field(name="EmailAddress", type="EmailAddress", length=254, required=True),
        Field(name="Locale", type="Locale"),
        Field(name="PresaleStartUtc", type="Date"),
        Field(name="SnapshotUtc", type="Date"),
        Field(name="HasCode", type="Boolean"),
    )

    done = bench.run("reminder-email", reminder_kind="onsale_tomorrow", compression="none")
    assert done.manifest is not None

    assert done.manifest.accounting.written == len(table.rows) > 0
    sent = {str(row["SubscriberKey"]): row for row in table.rows}
    # Of the nine invited those with an account: 50 is a guest.
    invited = {account(number).replace("-", "") for number in (6, 14, 16, 17, 18, 19, 56, 57)}
    assert invited == set(sent)
    assert sent[account(16).replace("-", "")]["HasCode"] is True
    assert all("?s=" in str(row["DeepLink"]) for row in table.rows)


def test_a_waiting_list_is_sent_with_the_columns_that_the_data_extension_has(
    bench: Workbench,
) -> None:
    """Restricted columns stay at home; all who wait arrive."""
    key = Field(name="entry_id", type="Text", length=24, primary_key=True, required=True)
    others = [
        Field(name="account_id", type="Text", length=50),
        Field(name="email", type="EmailAddress", length=254),
        Field(name="market", type="Text", length=120),
        Field(name="position", type="Number"),
    ]
    table = _table(bench, "WaitlistAudience", key, *others)
    names = ["entry_id", "account_id", "email", "market", "position"]

    done = bench.run("waitlist", columns=names, deliver=["sfmc"], dialect="sfmc")
    assert done.manifest is not None

    assert done.manifest.accounting.written == len(table.rows) > 0
    assert {"market", "position"} < table.rows[0].keys()
