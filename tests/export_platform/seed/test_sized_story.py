"""What a sized pack tells in the lake, codes, files of scores and documents is one story.

Every count of the ledger that an export is compared with is counted again here, from the outside.
"""

import csv
import hashlib
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest
from bson import ObjectId

from export_platform.local.seed.basis.identifiers import account_id
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.catalog import sized_pack
from tests.export_platform.seed.made import Made

Row = Mapping[str, Any]

NATURAL = {
    "email_events": ("event_id", "occurred_at"),
    "sms_events": ("event_id", "occurred_at"),
    "registration_events": ("event_id", "occurred_at"),
    "consent_events": ("evidence_id", "occurred_at"),
    "boost_events": ("event_id", "occurred_at"),
    "queue_visits": ("visit_id", "joined_at"),
}

LOST = {"email_events": "2026-03-09", "registration_events": "2026-03-06"}


@pytest.fixture(params=["small", "nasty"])
def made(request: pytest.FixtureRequest) -> Made:
    """Both packs, one after the other."""
    pack: Made = request.getfixturevalue(request.param)
    return pack


@pytest.fixture(scope="module")
def today(small_entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The entries of today's shape by id."""
    return {str(each["_id"]): each for each in small_entries if each.get("schemaVersion") == 3}


def once(made: Made, table: str) -> list[dict[str, Any]]:
    """The rows of a table, each event once."""
    key = NATURAL[table][0]
    return list({row[key]: row for row in made.rows[table]}.values())


def lines(made: Made, bucket: str) -> list[str]:
    """The lines of a provider's files of scores, file by file."""
    found: list[str] = []
    for (where, key), body in made.objects.items():
        if where == bucket and key.endswith(".gz"):
            found += body.decode().splitlines()
    return found


def scored(made: Made) -> list[dict[str, str]]:
    """The lines of our own model."""
    return list(csv.DictReader(io.StringIO("\n".join(lines(made, "scoring")))))


def answered(made: Made) -> list[dict[str, Any]]:
    """The lines of the second provider."""
    return [json.loads(line) for line in lines(made, "vf-scoring")]


# --- the lake


@pytest.mark.parametrize("table", sorted(NATURAL))
def test_copies_and_late_events_are_the_ones_in_the_ledger(made: Made, table: str) -> None:
    """A query that forgets to drop copies is only found if there are copies, and so many."""
    key, time = NATURAL[table]
    rows = made.rows[table]
    copies = len(rows) - len({row[key] for row in rows})
    late = sum(row["dt"] > row[time].date() for row in rows)

    assert copies > 0
    assert made.ledger[f"duplicate/{table}"].count == copies
    assert made.ledger[f"late/{table}"].count == late
    assert all(row["dt"] >= row[time].date() for row in rows)


def test_copies_are_one_in_two_hundred(small: Made) -> None:
    """DOMAIN.md 10.3; the share is the reason why nobody notices a missing `row_number`."""
    rows = sum(len(small.rows[table]) for table in NATURAL)

    assert small.ledger["duplicate_events"].count / rows == pytest.approx(0.005, abs=0.0015)


@pytest.mark.parametrize("table", sorted(LOST))
def test_a_nasty_campaign_lost_a_day_of_a_table(nasty: Made, small: Made, table: str) -> None:
    """A partition that is missing must be said, not read as a quiet day."""
    day = LOST[table]

    assert not [row for row in nasty.rows[table] if row["dt"].isoformat() == day]
    assert nasty.ledger[f"lost_partition/{table}"].count > 20
    assert [row for row in small.rows[table] if row["dt"].isoformat() == day]  # negative control


def test_email_follows_the_usual_rates(small: Made) -> None:
    """Delivered 98.4, hard 0.6, soft 1.0, opened 46 (45 by machines), clicked 19 % (10.3)."""
    found = Counter(row["event_type"] for row in once(small, "email_events"))
    bounces = Counter(row["bounce_class"] for row in once(small, "email_events"))
    sent, delivered = found["sent"], found["delivered"]

    assert delivered / sent == pytest.approx(0.984, abs=0.005)
    assert bounces["hard"] / sent == pytest.approx(0.006, abs=0.004)
    assert bounces["soft"] / sent == pytest.approx(0.010, abs=0.004)
    assert found["open"] / delivered == pytest.approx(0.46, abs=0.02)
    assert found["click"] / delivered == pytest.approx(0.19, abs=0.02)
    assert found["unsubscribe"] / delivered == pytest.approx(0.0025, abs=0.002)
    for kind in ("sent", "delivered", "open", "click", "unsubscribe", "complaint"):
        assert small.ledger[f"email_{kind}"].count == found[kind]
    for kind in ("hard", "soft"):
        assert small.ledger[f"email_{kind}_bounce"].count == bounces[kind]


def test_machines_open_within_two_seconds_of_delivery(small: Made) -> None:
    """A proxy's open counted as a reader makes every rate too good (DOMAIN.md 7.15)."""
    times: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for row in once(small, "email_events"):
        times[row["entry_id"], row["message_kind"]][row["event_type"]] = row["occurred_at"]
    opens = [each for each in times.values() if "open" in each]
    machines = sum((each["open"] - each["delivered"]).total_seconds() < 2 for each in opens)

    assert small.ledger["machine_open"].count == machines
    assert machines / len(opens) == pytest.approx(0.45, abs=0.03)
    assert all(each["sent"] <= each["delivered"] <= each["open"] for each in opens)


def test_a_message_that_bounced_says_so_on_the_entry(
    small: Made, today: dict[str, dict[str, Any]]
) -> None:
    """The entry's state and the provider's event are two views of one send."""
    bounced = {
        (row["entry_id"], row["message_kind"])
        for row in once(small, "email_events")
        if row["event_type"] == "bounce"
    }
    noted = {
        (identity, message["kind"])
        for identity, entry in today.items()
        for message in entry["messages"]
        if message["channel"] == "email" and message["state"] == "bounced"
    }

    assert noted
    assert noted == bounced


def test_those_who_were_texted_have_a_telephone_and_a_code(
    small: Made, today: dict[str, dict[str, Any]]
) -> None:
    """A text without a number cannot have been sent."""
    found = Counter(row["event_type"] for row in once(small, "sms_events"))
    texted = {row["entry_id"] for row in once(small, "sms_events")}
    noted = {
        identity
        for identity, entry in today.items()
        if any(message["kind"] == "code" for message in entry["messages"])
    }

    assert texted == noted
    erased = [e for e in texted if "erasure" in today[e]]
    assert all(today[e]["contact"]["phone"] for e in texted if e not in erased)
    assert found["queued"] == found["sent"] == found["delivered"] + found["failed"]
    for kind in ("queued", "delivered", "failed", "stop"):
        assert small.ledger[f"sms_{kind}"].count == found[kind] > 0


def test_every_consent_that_was_given_stands_in_the_ledger_of_consents(
    small: Made, today: dict[str, dict[str, Any]]
) -> None:
    """A promoter's file cites evidence: an id that leads nowhere is no evidence (7.5)."""
    events = {row["evidence_id"]: row for row in once(small, "consent_events")}
    given = [
        (identity, consent)
        for identity, entry in today.items()
        for consent in entry["consents"]
        if consent["granted"]
    ]

    assert len(given) > 4_000
    assert any(each["key"] == "sms" and "promoterId" in each for _, each in given)
    for identity, consent in given:
        event = events[consent["evidenceId"]]
        assert (event["entry_id"], event["action"]) == (identity, "granted")
        assert (event["promoter_id"] or "") == str(consent.get("promoterId", ""))
        assert event["text_version"] == consent["textVersion"]


def test_the_last_act_of_consent_is_what_the_entry_says(
    small: Made, today: dict[str, dict[str, Any]]
) -> None:
    """Who agreed again after withdrawing is not withdrawn: order in time decides (7.16)."""
    acts: dict[str, list[Row]] = defaultdict(list)
    for row in once(small, "consent_events"):
        if row["consent_key"] == "promoter_email":
            acts[row["entry_id"]].append(row)
    last = {
        e: [a["action"] for a in sorted(h, key=lambda a: a["occurred_at"])] for e, h in acts.items()
    }
    withdrawn = {identity for identity, actions in last.items() if actions[-1] == "withdrawn"}
    again = {e for e, actions in last.items() if actions == ["granted", "withdrawn", "granted"]}
    noted = {
        identity
        for identity, entry in today.items()
        if any("withdrawnAt" in consent for consent in entry["consents"])
    }

    assert withdrawn == noted
    assert small.ledger["promoter_withdrawal"].count == len(withdrawn)
    assert small.ledger["regranted"].count == len(again) > 0


def test_points_are_the_sum_of_activities_except_where_planted(
    nasty: Made, small: Made, today: dict[str, dict[str, Any]]
) -> None:
    """The leaderboard adds up the events again and says where they differ (7.18)."""
    weights = {b["key"]: b["weight"] for b in small.documents("campaigns")[0]["boosts"]}
    summed: Counter[str] = Counter()
    refused: set[str] = set()
    a_day: Counter[tuple[str, str, object]] = Counter()
    for row in once(small, "boost_events"):
        summed[row["entry_id"]] += row["points"] if row["accepted"] else 0
        if row["accepted"]:
            a_day[row["entry_id"], row["boost_key"], row["occurred_at"].date()] += 1
        else:
            refused.add(row["entry_id"])
    stored = {e: (entry.get("boost") or {}) for e, entry in today.items()}
    differ = [e for e, boost in stored.items() if boost.get("points", 0) != summed[e]]

    caps = {b["key"]: b["dailyCap"] for b in small.documents("campaigns")[0]["boosts"]}
    assert all(count <= caps[key] for (_, key, _), count in a_day.items())
    for boost in stored.values():
        worth = sum(weights[a["key"]] * a["count"] for a in boost.get("activities", ()))
        assert worth == boost.get("points", 0)
    assert small.ledger["boost_mismatch"].count == len(differ)
    assert small.ledger["boost_capped"].count == len(refused) > 0
    assert nasty.ledger["boost_mismatch"].count >= 20


def test_sessions_end_in_an_entry_or_are_left(
    small: Made, today: dict[str, dict[str, Any]]
) -> None:
    """The funnel's last step must be the number of entries (7.11)."""
    steps: dict[str, set[str]] = defaultdict(set)
    for row in once(small, "registration_events"):
        steps[row["step"]].add(row["session_id"])
        assert row["entry_id"] in today or row["entry_id"] is None
        assert row["step"] != "started" or row["entry_id"] is None
    withdrawn = [e for e in today.values() if e["status"] == "withdrawn"]

    assert len(steps["completed"]) == len(today)
    assert steps["completed"] <= steps["submitted"] <= steps["started"]
    assert len(steps["verified_phone"]) < len(today)
    assert small.ledger["abandoned_session"].count == len(steps["started"] - steps["completed"])
    assert len(steps["withdrawn"]) == len(withdrawn)


def test_who_bought_with_a_code_had_been_admitted(small: Made) -> None:
    """`JoinedQueue` of a non-purchaser means little if buyers come from nowhere (7.9)."""
    visits = {row["account_id"]: row for row in once(small, "queue_visits")}
    buyers = {row["account_id"] for row in small.rows["ticket_orders"] if row["used_code"]}

    assert buyers
    assert all(visits[each]["outcome"] == "admitted" for each in buyers)
    assert {row["outcome"] for row in visits.values()} == {"admitted", "abandoned", "timed_out"}
    assert small.ledger["queue_visit"].count == len(visits)


def test_buyers_are_known_by_the_account_of_today(small: Made) -> None:
    """A fan whose account was merged and who bought is no non-purchaser (7.9)."""
    users = small.documents("users")
    merged = {each["accountId"] for each in users if each.get("mergedInto")}
    orders = {row["account_id"] for row in small.rows["ticket_orders"]}
    known = {each["accountId"] for each in users} - merged
    without = {account_id(ObjectId(f"665200010001{n:012x}")) for n in range(4_000)} - merged

    assert merged
    assert not orders & merged
    assert orders <= known | without


def test_the_erased_are_in_the_ledger_of_erasures(
    small: Made, today: dict[str, dict[str, Any]]
) -> None:
    """Delivery asks this ledger last: a subject missing from it is delivered (7.0)."""
    listed = {row["user_id"] for row in small.rows["erasure_ledger"]}
    tombstones = {str(e["userId"]) for e in today.values() if "erasure" in e}
    gone = {str(u["_id"]) for u in small.documents("users") if "erasure" in u}

    assert tombstones
    assert tombstones <= listed
    assert gone <= listed
    assert small.ledger["erased_subject"].count == len(listed)
    assert all(
        re.fullmatch("[0-9a-f]{64}", row["email_sha256"]) for row in small.rows["erasure_ledger"]
    )


def test_the_days_of_a_campaign_add_up_to_it(small: Made, today: dict[str, dict[str, Any]]) -> None:
    """The digest is compared with exports of the same campaign (7.21): totals by each day."""
    days = sorted(small.rows["campaign_daily"], key=lambda row: row["dt"])
    sums = days[-1]
    outcomes = Counter((e.get("selection") or {}).get("outcome") for e in today.values())
    orders = {r["order_id"]: r for r in small.rows["ticket_orders"]}
    gone = [r for r in once(small, "email_events") if r["event_type"] == "unsubscribe"]
    uses = [r["code_id"] for r in small.rows["code_redemptions"] if r["result"] == "ok"]

    assert len(days) == 18
    assert all(a["entries"] <= b["entries"] for a, b in pairwise(days))
    assert sums["entries"] == len(today)
    assert sums["selected"] == outcomes["selected"]
    assert sums["waitlisted"] == outcomes["waitlisted"]
    assert sums["rejected"] == sum(e["status"] == "rejected" for e in today.values())
    assert sums["codes_issued"] == len({r["code_id"] for r in small.rows["codes_assigned"]})
    assert sums["codes_redeemed"] == len(set(uses))
    assert sums["tickets"] == sum(o["tickets"] for o in orders.values() if o["status"] == "paid")
    assert sums["unsubscribes"] == len(gone)


# --- codes


def test_codes_of_the_service_and_of_the_entries_differ_by_what_was_planted(made: Made) -> None:
    """A code on one side only is written and flagged (7.2): these, and no others."""
    held = {
        code["codeId"] for each in made.documents("entries") for code in each.get("codes") or ()
    }
    kept = {item["codeId"] for item in made.codes if item.get("entryId")}
    replaced = {each[-12:] for each in held if each[19:23] == "8fff"}  # an anomaly of the entry

    for name, differ in (("codes_only_on_entry", held - kept), ("codes_not_on_entry", kept - held)):
        planted = made.ledger[name]
        assert planted.count == len(planted.ids)  # all of them are listed
        assert {each for each in planted.ids if each[-12:] not in replaced} == {
            each for each in differ if each[-12:] not in replaced
        }


@pytest.mark.parametrize("name", ["codes_only_on_entry", "codes_not_on_entry"])
def test_a_nasty_pack_has_codes_on_one_side_only(nasty: Made, name: str) -> None:
    """The comparison above would also hold for nothing."""
    assert nasty.ledger[name].count >= 20


def test_states_of_codes_are_counted(made: Made) -> None:
    """`host_upload` takes assigned and sent, and available when asked: each must exist."""
    found = Counter(i["state"] for i in made.codes if i["configKey"] == "presale")
    common = [i for i in made.codes if i["configKey"] == "fan-club"]

    assert set(found) == {"available", "assigned", "sent", "redeemed", "revoked", "expired"}
    assert dict(found) == {state: made.ledger[f"code_{state}"].count for state in found}
    assert made.ledger["code_shared"].count == len(common) > 0
    assert all("entryId" not in item for item in common)


def test_a_reissued_code_revokes_the_one_before(made: Made) -> None:
    """At most one code of an entry and market is good (DOMAIN.md 11, 5)."""
    good: Counter[tuple[str, str]] = Counter()
    for item in made.codes:
        if item.get("entryId") and item["state"] != "revoked":
            good[item["entryId"], item["marketKey"]] += 1

    assert set(good.values()) == {1}
    assert any(item["seq"] == 2 for item in made.codes)


def test_waves_and_codes_a_holder_are_the_usual_ones(small: Made) -> None:
    """60, 25 and 15 %; 1.07 codes a holder (10.3): volumes of 7.2 are derived from them."""
    given = [item for item in small.codes if item.get("entryId")]
    waves = Counter(item["wave"] for item in given)
    holders = len({item["entryId"] for item in given})

    assert len(given) / holders == pytest.approx(1.07, abs=0.015)
    for wave, share in ((1, 0.60), (2, 0.25), (3, 0.15)):
        assert waves[wave] / len(given) == pytest.approx(share, abs=0.03)


ODD: dict[str, Callable[[str], object]] = {
    "scientific": re.compile(r"\dE\d+").fullmatch,
    "long_digits": re.compile(r"00\d{17}").fullmatch,
    "minus": re.compile(r"-AB\d+").fullmatch,
    "equals": re.compile(r"=\d+\+1").fullmatch,
    "plus": re.compile(r"\+\d+").fullmatch,
    "at": re.compile(r"@\d+").fullmatch,
}


@pytest.mark.parametrize("shape", sorted(ODD))
def test_values_that_a_spreadsheet_ruins_are_counted(nasty: Made, shape: str) -> None:
    """A code that lost a zero lets nobody in."""
    own = [item["value"] for item in nasty.codes if item["configKey"] == "presale"]

    assert nasty.ledger[f"code_value_{shape}"].count == sum(bool(ODD[shape](v)) for v in own)
    assert nasty.ledger[f"code_value_{shape}"].count >= 20


def test_no_two_codes_have_one_value(made: Made) -> None:
    """The host refuses a file that names a code twice."""
    values = [item["value"] for item in made.codes]

    assert len(set(values)) == len(values)
    assert {"TRUE", "1E10", "0012345678901234567"} <= set(values)


# --- scores


def test_each_manifest_vouches_for_its_files(made: Made) -> None:
    """An import refuses files that do not match (4.2): the good ones must."""
    keys = [key for bucket, key in made.objects if bucket == "scoring"]
    manifests = [key for key in keys if key.endswith("manifest.json")]
    for key in manifests:
        manifest = json.loads(made.objects["scoring", key])
        folder = key.removesuffix("manifest.json")
        for one in manifest["files"]:
            text = made.objects["scoring", folder + one["name"]].decode()
            assert len(text.splitlines()) - 1 == one["rows"]
        digests = "".join(one["sha256"] for one in manifest["files"])
        assert manifest["rows"] == sum(one["rows"] for one in manifest["files"])
        assert manifest["sha256"] == hashlib.sha256(digests.encode()).hexdigest()
        assert keys.index(folder + "_SUCCESS") > keys.index(key)

    assert manifests


def test_the_stored_file_has_the_promised_digest() -> None:
    """The digest is of the bytes in the bucket, zipped."""
    objects = list(sized_pack("small", entries=300).objects(Ledger()))
    manifest = next(json.loads(o.body) for o in objects if o.key.endswith("manifest.json"))
    stored = next(o.body for o in objects if o.key.endswith(manifest["files"][0]["name"]))

    assert manifest["files"][0]["sha256"] == hashlib.sha256(stored).hexdigest()
    assert manifest["files"][0]["bytes"] == len(stored)


def test_our_scores_miss_and_exceed_the_entries_as_planted(made: Made) -> None:
    """Rows = scores + missing; unknown ones are counted and not written (7.13)."""
    known = {str(each["_id"]): each for each in made.documents("entries")}
    ids = [row["entry_id"] for row in scored(made)]
    asked = [
        identity
        for identity, each in known.items()
        if each.get("schemaVersion") == 3
        and each.get("isCurrent") is True
        and "erasure" not in each
        and not each.get("deletedAt")
    ]

    assert len(set(ids)) == len(ids)
    assert made.ledger["scores_unknown_entry"].count == len(set(ids) - set(known))
    if not made.ledger["anomaly"].count:  # there an anomaly hides what an entry was
        assert made.ledger["scores_missing"].count == len(set(asked) - set(ids))
    assert made.ledger["scores_missing"].count > 0


def test_the_second_provider_repeats_misses_and_gives_up_as_planted(made: Made) -> None:
    """Last wins, up to 1 % missing, null with a status (4.3)."""
    rows = answered(made)
    counts = Counter(row["accountId"] for row in rows)
    nulls = [row for row in rows if row["vfScore"] is None]

    assert made.ledger["vf_scores_repeated"].count == sum(n - 1 for n in counts.values())
    assert made.ledger["vf_scores_null"].count == len(nulls)
    assert {row["status"] for row in nulls} == {"INSUFFICIENT_DATA"}
    assert list(counts) != sorted(counts)


def test_the_entry_carries_the_last_answer(small: Made, today: dict[str, dict[str, Any]]) -> None:
    """Taking the first of two answers gives half the score: this is how it would be seen."""
    last = {row["accountId"]: row for row in answered(small)}
    users = {u["_id"]: u for u in small.documents("users")}
    compared = 0
    for entry in today.values():
        user = users.get(entry["userId"])
        if not user or user.get("mergedInto") or not entry["isCurrent"] or "erasure" in entry:
            continue
        answer, risk = last.get(user["accountId"]), entry.get("risk")
        if answer is not None and risk:
            compared += 1
            assert answer["vfScore"] == risk["score"]

    assert compared > 3_000


def test_a_run_states_what_its_files_hold(made: Made) -> None:
    """The run's document is what an import is reconciled with (2.6)."""
    found = [each for each in made.documents("scoring") if each["kind"] == "run"]
    runs = {each["provider"]: each for each in found if each["output"]["rows"]}
    campaign = made.documents("campaigns")[0]

    assert runs["internal"]["output"]["rows"] == len(scored(made))
    assert runs["vf"]["output"]["rows"] == len(answered(made))
    assert campaign["scoring"]["latestRunId"] == runs["vf"]["runId"]
    for run in runs.values():
        assert run["unknownEntries"] == made.ledger["scores_unknown_entry"].count
        assert run["input"]["rows"] >= sum(run["bandCounts"].values()) > 0
    assert runs["internal"]["missing"] == made.ledger["scores_missing"].count
    assert runs["vf"]["missing"] == made.ledger["vf_scores_missing"].count


def test_a_decision_on_an_entry_has_its_document(
    made: Made,
) -> None:
    """The override beats the file, wherever it is read from (2.6)."""
    documents = {d["entryId"]: d for d in made.documents("scoring") if d["kind"] == "override"}
    entries = {
        each["_id"]: each["risk"]
        for each in made.documents("entries")
        if isinstance(each.get("risk"), dict) and "override" in each["risk"]
    }

    assert set(documents) == set(entries)
    assert len(documents) == made.ledger["override"].count
    for identity, risk in entries.items():
        assert documents[identity]["fromBand"] == risk["band"]
        assert documents[identity]["toBand"] == risk["override"]["band"]


# --- documents


ACCOUNTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "hard_bounced": lambda m: m.get("hardBouncedAt"),
    "complained": lambda m: m.get("complainedAt"),
    "email_opted_out": lambda m: m["emailGlobalOptOut"],
    "sms_stopped": lambda m: m["smsStop"],
}


@pytest.mark.parametrize("name", sorted(ACCOUNTS))
def test_what_accounts_forbid_is_counted(nasty: Made, name: str) -> None:
    """Suppression is asserted by these counts (7.16)."""
    found = [u for u in nasty.documents("users") if ACCOUNTS[name](u["marketing"])]

    assert nasty.ledger[name].count == len(found) >= 20


def test_friends_are_counted_and_never_in_a_circle(small_entries: list[dict[str, Any]]) -> None:
    """Outside the nasty pack the tree of referrals is a tree, at most six deep (10.3)."""
    told = {
        each["_id"]: each["referral"]["referredBy"]
        for each in small_entries
        if (each.get("referral") or {}).get("referredBy")
    }
    brought = Counter(told.values())
    signups = {e["_id"]: e["referral"]["signups"] for e in small_entries if e.get("referral")}

    assert told
    assert all(brought[identity] == count for identity, count in signups.items())
    for identity in told:
        depth, at = 0, identity
        while at in told:
            at, depth = told[at], depth + 1
        assert depth <= 6


def test_a_nasty_pack_has_fans_who_brought_each_other(nasty: Made) -> None:
    """A walk up the tree that does not look for circles never ends."""
    told = {
        each["_id"]: each["referral"]["referredBy"]
        for each in nasty.documents("entries")
        if isinstance(each.get("referral"), dict) and each["referral"].get("referredBy")
    }
    pairs = [a for a, b in told.items() if a != b and told.get(b) == a]
    alone = [a for a, b in told.items() if a == b]

    assert len(pairs) == nasty.ledger["referral_loop_there"].count * 2 >= 40
    assert len(alone) == nasty.ledger["referral_to_itself"].count >= 20


def test_duplicates_share_a_group_and_a_telephone(small_entries: list[dict[str, Any]]) -> None:
    """A cluster is found by its signals; a duplicate without one could not have been (7.19)."""
    groups: dict[ObjectId, list[dict[str, Any]]] = defaultdict(list)
    for each in small_entries:
        if "duplicateGroupId" in each:
            groups[each["duplicateGroupId"]].append(each)
    pairs = [each for each in groups.values() if len(each) > 1]

    assert len(pairs) > 20
    for members in pairs:
        phones = {(m["contact"]["phone"] or {}).get("e164") for m in members}
        assert len(phones) == 1


def test_a_nasty_campaign_has_each_kind_of_promoter(nasty: Made) -> None:
    """Hashes only, suspended, expired: each refuses or changes a file in its own way (7.5)."""
    plain, hashed, suspended, expired = nasty.documents("promoters")

    assert plain["status"] == "active"
    assert hashed["dataSharing"]["hashOnly"]
    assert suspended["status"] == "suspended"
    assert expired["dataSharing"]["expiresAt"].year == 2025


def test_a_campaign_is_set_up_for_every_export(small: Made) -> None:
    """An export without its data extension, text or label is refused, and nothing is tested."""
    (campaign,) = small.documents("campaigns")
    versions = {t["version"] for c in campaign["consents"] for t in c["textVersions"]}

    assert set(campaign["sfmc"]["dataExtensions"]) == {
        *("reminder-email", "waitlist", "code-sms", "non-purchasers", "suppression"),
    }
    assert campaign["privacy"]["kAnonymity"] == 10
    assert versions == {"2025-01-15", "2026-02-01"}
    assert {c["key"] for c in campaign["codeConfig"]} == {"presale", "fan-club"}
    assert all(q["label"]["en-US"] for q in campaign["questions"])
    statuses = {e["status"] for m in small.documents("markets") for e in m["events"]}
    assert statuses == {"scheduled", "rescheduled", "postponed", "cancelled"}


def test_a_nasty_pack_has_twenty_of_everything(nasty: Made) -> None:
    """Fewer than twenty of a class can hide in one batch (DOMAIN.md 10.2)."""
    counts = nasty.ledger.counts()
    few = {n for n, count in counts.items() if count < 20 and not n.startswith("waitlisted/")}

    assert len(counts) > 200
    assert few == {"code_shared"}  # one a market, and there are twelve


# --- known answers


KNOWN: dict[tuple[str, int], dict[str, str]] = {
    ("small", 240): {
        "documents": "6b3d3af77db8f600",
        "rows": "c010053a702bd899",
        "codes": "27aca3ca1105a9cf",
        "objects": "d5c288922964c293",
        "ledger": "90ae2cc2358dba69",
    },
    ("nasty", 480): {
        "documents": "a3bb1e35c82a800f",
        "rows": "49fafb93c089be6b",
        "codes": "ec13789ef4e62c83",
        "objects": "5ef69a7b7e32952b",
        "ledger": "981d94505ea238ce",
    },
}


@pytest.mark.parametrize(("name", "entries"), sorted(KNOWN))
def test_a_pack_is_the_same_on_every_machine(name: str, entries: int) -> None:
    """A pack is stored as its parameters and these digests (10.1); a change here is a new pack."""
    made = Made(sized_pack(name, entries=entries), chunk=1_000)

    assert made.digests() == KNOWN[name, entries]
