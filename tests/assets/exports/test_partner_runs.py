"""Exports for hosts, mailers and carriers, whole, over the hand-written pack.

The statements run on the real Athena endpoint, everything else on fakes; every number was added up
by hand from the comments of the pack (`seed/tiny`), whose entries are named by their number.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from assets.attempt import Done
from assets.exports.catalog import CATALOG
from assets.model.parameters import parse, scope_parameter
from export_platform.local.seed import loader
from export_platform.local.seed.catalog import pack_named
from export_platform.local.seed.tiny.shapes import account, code_id, entry_id
from resources.athena import AthenaDoor
from resources.marketing_cloud import Field
from resources.wiring import environment
from tests.assets.workbench import CAMPAIGN, EVERY_SCOPE, Workbench, workbench
from tests.fakes.marketing_cloud import FakeMarketingCloud, Table


@pytest.fixture(scope="module")
def lake(stack: Mapping[str, str]) -> Iterator[AthenaDoor]:
    """The Athena endpoint over the events of the pack."""
    import boto3  # noqa: PLC0415 - 0.3 s that only these tests need

    loader.load(
        pack_named("tiny"),
        mongo_uri=stack[environment.MONGODB_URI],
        database="partner_runs",
        s3=boto3.client("s3", endpoint_url=stack[environment.AWS_ENDPOINT_URL_S3]),
    )
    door = environment.athena(stack)
    yield door
    door.close()


@pytest.fixture
def bench(lake: AthenaDoor) -> Workbench:
    """A platform with the pack and the real Athena."""
    made = workbench()
    return replace(made, doors=replace(made.doors, athena=lake))


def run(bench: Workbench, name: str, about: str = CAMPAIGN, **params: Any) -> Done:
    """An export from its request to its end; files are not compressed and go nowhere."""
    kind = CATALOG[name]
    given = {
        scope_parameter(kind.scope): about,
        "pii": "full",
        "reason": "a test",
        "compression": "none",
        **({"deliver": []} if kind.deliveries else {}),
        **params,
    }
    document = bench.life.create(
        parse(kind, given, scopes=EVERY_SCOPE), origin="api", subject="tester"
    )
    claimed = bench.life.dispatch(document["_id"])
    assert claimed is not None
    return bench.attempt().run(claimed["_id"], claimed["attempt"], run_id="run-1")


def cells(bench: Workbench, done: Done, section: str = "") -> list[dict[str, str]]:
    """The rows of the main files, or of a companion, by header."""
    found: list[dict[str, str]] = []
    for text in texts(bench, done, section):
        found += csv.DictReader(text.splitlines(keepends=True), strict=True)
    return found


def texts(bench: Workbench, done: Done, section: str = "") -> list[str]:
    """The main files, or those of a companion."""
    assert done.manifest is not None
    files = [file for file in done.manifest.files if file.section == section]
    return [bench.body(file.key).decode("utf-8-sig") for file in files]


def accounting(done: Done) -> Any:
    """What became of every row that was read."""
    assert done.manifest is not None
    return done.manifest.accounting


def codes_of(rows: list[dict[str, str]]) -> list[int]:
    """Numbers of codes, by the end of their id."""
    return [int(row["code_id"][-4:], 16) for row in rows]


def test_the_help_desk_sees_every_code_but_the_replaced_one(bench: Workbench) -> None:
    """15 codes, 3 of them in the pool; code 2 was replaced by code 3."""
    done = run(bench, "codes")
    rows = cells(bench, done)

    assert {1, 3, 4, 5, 6, 8, 13, 15, 16, 17, 18} == set(codes_of(rows))
    assert (12, {"superseded": 1}) == (accounting(done).read, accounting(done).filtered)
    assert "code" not in rows[0]
    places = [(row["market_key"], int(row["wave"]), row["code_id"]) for row in rows]
    assert sorted(places) == places


def test_what_the_entry_does_not_know_is_flagged_and_counted(bench: Workbench) -> None:
    """Code 6 is not on entry 14; codes of the fourth wave have no event yet."""
    done = run(bench, "codes", all_seq=True, include_unassigned=True)
    flags = {row["code_id"]: row["mismatch"] for row in cells(bench, done) if row["mismatch"]}

    assert {code_id(6): "not_on_entry"} == flags
    assert 15 == accounting(done).read == accounting(done).written
    notes = accounting(done).notes
    assert 1 == notes["not_on_entry"]
    # 13, 15, 16, 17, 18 of the fourth wave, and the shared code 8, which nobody was assigned.
    assert 6 == notes["not_in_events"]


def test_the_host_gets_naked_values_in_the_order_of_their_bytes(bench: Workbench) -> None:
    """Eight codes are good: six assigned, two sent; not one quote, header or byte order mark."""
    done = run(bench, "codes", layout="host_upload", reveal=True)
    (text,) = texts(bench, done)

    values = ["-AB12", "0012345678901234567", "1E10", "ALH6JD8FGU", "ALQ7ZB5CYE"]
    values += ["AURORAFANS", "MAR1", "TRUE"]
    assert "".join(f"{value}\r\n" for value in values) == text


def test_a_file_a_market_is_a_file_of_its_own_rows(bench: Workbench) -> None:
    """Ticketing uploads each market to its own host."""
    done = run(bench, "codes", split="market")

    keys = [{row["market_key"] for row in _read(text)} for text in texts(bench, done)]
    assert [{"new-york-ny"}, {"vancouver-bc"}] == keys


def _read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines(keepends=True), strict=True))


def test_two_fans_are_texted_and_four_are_named_beside(bench: Workbench) -> None:
    """Codes 6 and 13 go out; 15 to 18 belong to fans who cannot, or must not, be texted."""
    done = run(bench, "code-sms")
    rows, beside = cells(bench, done), cells(bench, done, "untextable")

    by_key = {account(number).replace("-", ""): number for number in range(1, 61)}
    assert {14: "0012345678901234567", 6: "-AB12"} == {
        by_key[row["_ContactKey"]]: row["AccessCode"] for row in rows
    }
    assert rows == sorted(rows, key=lambda row: row["_ContactKey"])
    assert {56: "unverified_phone", 57: "no_phone", 19: "landline", 16: "sms_stopped"} == {
        by_key[row["_ContactKey"]]: row["Reason"] for row in beside
    }
    assert not {"AccessCode", "_MobileNumber"} & beside[0].keys()
    assert 6 == accounting(done).read == len(rows) + len(beside)


def test_a_resend_has_nobody(bench: Workbench) -> None:
    """Of the codes that were sent, 1 belongs to the fan who said STOP and 8 to nobody."""
    done = run(bench, "code-sms", kind="resend")

    assert [] == cells(bench, done)
    assert ["sms_stopped"] == [row["Reason"] for row in cells(bench, done, "untextable")]
    assert 1 == accounting(done).filtered["no_entry"]


def test_the_second_chance_goes_to_who_did_not_buy(bench: Workbench) -> None:
    """17 and 19 bought, 56 bought in Vancouver; 18 gave the tickets back and is asked again."""
    done = run(bench, "non-purchasers")
    rows = {int(_entry(row), 16): row for row in cells(bench, done)}
    filtered = accounting(done).filtered

    assert (2, 1) == (filtered["bought"], filtered["bought_elsewhere"])
    assert {6, 14, 16, 18, 57} == rows.keys()
    outcomes = {number: (row["JoinedQueue"], row["QueueOutcome"]) for number, row in rows.items()}
    assert ("true", "admitted") == outcomes[14] == outcomes[16]
    assert "true" == outcomes[18][0]
    assert ("true", "sent") == (rows[16]["RedemptionFailed"], rows[16]["CodeState"])
    assert "2026-03-14T03:00:00Z" == rows[16]["SaleEndedUtc"]
    more = run(bench, "non-purchasers", exclude_other_market_buyers=False)
    assert len(rows) + 1 == len(cells(bench, more))


def _entry(row: Mapping[str, str]) -> str:
    by_key = {account(number).replace("-", ""): str(entry_id(number)) for number in range(1, 61)}
    return by_key[row["SubscriberKey"]][-3:]


def test_the_digest_shows_what_is_new_on_its_day(bench: Workbench) -> None:
    """Figures of the 19th came twice; Comet Club had none before the 20th."""
    done = run(bench, "campaign-summary", "2026-03-19", dialect="rfc4180")
    rows = {row["campaign_key"]: row for row in cells(bench, done)}
    aurora = rows[CAMPAIGN]

    assert ["59", "1", "78.0", "5.1"] == [
        aurora[name] for name in ("entries_total", "entries_new", "verified_pct", "rejected_pct")
    ]
    assert ["6", "2", "33.3", "8", "2", "-3"] == [
        aurora[name]
        for name in (
            "codes_issued",
            "codes_redeemed",
            "redemption_pct",
            "tickets",
            "unsubscribes",
            "days_to_onsale",
        )
    ]
    assert {"0"} == {rows["comet-club-2026"][n] for n in ("entries_total", "tickets")}
    assert 1 <= accounting(done).notes["no_figures"]


def test_the_ides_of_march_suppress_whom_the_pack_lost_that_day(bench: Workbench) -> None:
    """Users 5 and 22 were erased, the support took 32 off Northlake's list."""
    done = run(bench, "suppression", "2026-03-15")
    rows = cells(bench, done)
    told = {(row["Reason"], row["SubscriberKey"]) for row in rows}
    keys = {number: account(number).replace("-", "") for number in range(1, 61)}

    assert {("erased", keys[5]), ("erased", keys[22])} <= told
    assert ("promoter_withdrawal", keys[32]) in told
    assert {"", None} >= {row["EmailAddress"] for row in rows if row["Reason"] == "erased"}
    assert rows == sorted(rows, key=lambda row: (row["Reason"], row["SubscriberKey"]))


def test_since_the_draw_the_messages_tell_of_bounces_complaints_and_stops(
    bench: Workbench,
) -> None:
    """Events and accounts say the same of 2, 4, 9 and 16; 41 said yes again.

    Where entry and account bear two addresses, both must be left alone.
    """
    done = run(bench, "suppression", "2026-03-20", since="2026-03-01")
    rows = cells(bench, done)
    keys = {account(number).replace("-", ""): number for number in range(1, 61)}
    told = sorted((row["Reason"], keys.get(row["SubscriberKey"], 0)) for row in rows)

    assert [
        ("complaint", 9),
        ("complaint", 9),
        ("erased", 5),
        ("erased", 22),
        ("global_opt_out", 2),
        ("global_opt_out", 2),
        ("global_opt_out", 40),
        ("hard_bounce", 3),
        ("hard_bounce", 4),
        ("hard_bounce", 4),
        ("promoter_withdrawal", 6),
        ("promoter_withdrawal", 32),
        ("sms_stop", 2),
        ("sms_stop", 16),
        ("withdrawn", 3),
    ] == told
    assert len(rows) == len({row["LedgerId"] for row in rows})
    assert accounting(done).expected == accounting(done).read


def _table(bench: Workbench, key: str, *fields: str) -> Table:
    """A data extension of fields like `SubscriberKey*:Text:50`, the star marking the key."""
    cloud = bench.doors.marketing_cloud
    assert isinstance(cloud, FakeMarketingCloud)
    declared = (field.split(":") for field in fields)
    return cloud.create(
        key,
        [
            Field(
                name=name.removesuffix("*"),
                type=kind,
                length=int(size[0]) if size else None,
                primary_key=name.endswith("*"),
                required=name.endswith("*"),
            )
            for name, kind, *size in declared
        ],
    )


def test_codes_arrive_in_the_mobile_table_with_the_types_it_wants(bench: Workbench) -> None:
    """A sign in a number or a `1E10` read as a number would text the wrong thing to nobody."""
    table = _table(
        bench,
        "CodeSmsAudience",
        "_ContactKey*:Text:50",
        "_MobileNumber:Phone",
        "_Locale:Locale",
        "_FirstName:Text:40",
        "_UTCOffset:Number",
        "_IsHonorDST:Boolean",
        "AccessCode:Text:40",
        "CampaignKey*:Text:80",
        "MarketKey*:Text:80",
        "Wave:Number",
        "SaleStartLocalText:Text:80",
        "SaleUrl:Text:400",
    )
    done = run(bench, "code-sms", deliver=["sfmc"])
    texted = {row["AccessCode"]: row for row in table.rows}

    assert {"0012345678901234567", "-AB12"} == texted.keys()
    promoted = texted["-AB12"]
    assert re.fullmatch("[0-9]{8,15}", str(promoted["_MobileNumber"]))
    assert ("US", -5, True, 4) == tuple(
        promoted[name] for name in ("_Locale", "_UTCOffset", "_IsHonorDST", "Wave")
    )
    assert "March 21, 2026, 10:00 AM EDT" == promoted["SaleStartLocalText"]
    assert done.manifest is not None
    assert [("sfmc", 2, 0)] == [
        (d["destination"], d["accepted"], d["rejected"]) for d in done.manifest.deliveries
    ]


def test_an_erased_fan_is_suppressed_and_the_contact_is_deleted(bench: Workbench) -> None:
    """A suppression alone would leave the person in the mailer (DOMAIN.md 7.16)."""
    table = _table(
        bench,
        "Suppression",
        "LedgerId*:Text:50",
        "SubscriberKey:Text:50",
        "EmailAddress:EmailAddress:254",
        "phone_sha256:Text:64",
        "Channel:Text:10",
        "Reason:Text:40",
        "PromoterKey:Text:80",
        "EffectiveUtc:Date",
    )
    run(bench, "suppression", "2026-03-15", deliver=["sfmc"])
    first = len(table.rows)
    run(bench, "suppression", "2026-03-15", deliver=["sfmc"], since="2026-03-15")
    cloud = bench.doors.marketing_cloud
    assert isinstance(cloud, FakeMarketingCloud)

    gone = {account(number).replace("-", "") for number in (5, 22)}
    assert gone == {row["SubscriberKey"] for row in table.rows if row["Reason"] == "erased"}
    assert gone <= {key for keys in cloud.deletions.values() for key in keys}
    assert first == len(table.rows)  # sent twice, and nothing is there twice
