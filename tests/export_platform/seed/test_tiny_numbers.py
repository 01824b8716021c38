"""What can be added up by hand in the pack, export by export; the exports are not asked.

The authors of exports assert these numbers of their files. Entries are named by their number, as in
the comments of `seed/tiny`; codes, scores and rows as well.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from assets.steps.upcast import upcast_entry
from export_platform.local.seed.basis.instants import AS_OF
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.tiny import scores
from export_platform.local.seed.tiny.codes import CODES
from export_platform.local.seed.tiny.pack import EVENTS, TinyPack, documents_of
from export_platform.local.seed.tiny.shapes import (
    AURORA,
    BOREAL,
    COMET,
    FJORD,
    NORTHLAKE,
    account,
    entry_id,
)

ACTIVE = {
    *("registered", "verified", "selected", "waitlisted", "not_selected", "promoted"),
    *("code_sent", "redeemed", "lapsed"),
}
INVITED = {"selected", "promoted", "code_sent", "redeemed", "lapsed"}
Entries = Mapping[int, Any]


def _number(identity: object) -> int:
    return int(str(identity)[-3:], 16)


def _entries(campaign: ObjectId) -> dict[int, Any]:
    markets = {
        str(each["name"]).casefold(): each["_id"]
        for each in documents_of("markets")
        if each["campaignId"] == campaign
    }
    return {
        _number(each["_id"]): upcast_entry(each, market_by_name=markets)[0]
        for each in documents_of("entries")
        if each["campaignId"] == campaign
    }


USERS: Mapping[str, Any] = {str(each["_id"]): each for each in documents_of("users")}


def _user(entry: Any) -> Any:
    return USERS.get(str(entry["userId"]).lower())


def _is_live(entry: Any) -> bool:
    gone = entry.get("deletedAt") or entry.get("erasure") or (_user(entry) or {}).get("erasure")
    return bool(entry["isCurrent"] and not gone)


def _rows(table: str, campaign: ObjectId | None = AURORA) -> list[Any]:
    """The rows of a table, each once."""
    found = [each.row for each in EVENTS if (each.table, each.campaign) == (table, campaign)]
    once: list[Any] = []
    for row in found:
        if row not in once:
            once.append(row)
    return once


def _consents(live: Entries, promoter: ObjectId) -> dict[int, Any]:
    """The consents to exactly one promoter by e-mail, by entry."""
    return {
        number: consent
        for number, entry in live.items()
        for consent in entry.get("consents") or ()
        if consent.get("promoterId") == promoter and consent["key"] == "promoter_email"
    }


@pytest.fixture(scope="module")
def live() -> Entries:
    """The live entries of Aurora Lights in today's shape."""
    return {number: each for number, each in _entries(AURORA).items() if _is_live(each)}


def test_fifty_five_entries_are_live(live: Entries) -> None:
    """`entries` and all that start from LIVE: 48 active, 9 invited, 36 waiting."""
    statuses = Counter(each["status"] for each in live.values())

    assert set(range(1, 61)) - set(live) == {5, 7, 8, 22, 53}
    assert sum(statuses[each] for each in ACTIVE) == 48
    assert statuses["waitlisted"] == 36
    assert {n for n, each in live.items() if each["status"] in INVITED} == {
        *(6, 14, 16, 17, 18, 19, 50, 56, 57)
    }
    assert {n for n, each in live.items() if _user(each) is None} == {21, *range(47, 53)}


def test_codes_and_entries_disagree_in_two_places() -> None:
    """`codes`: 15 in the service, 14 without the superseded one, one more on an entry only."""
    service = {each.item["codeId"]: each.item for each in CODES}
    on_entries = {
        code["codeId"] for e in _entries(AURORA).values() for code in e.get("codes") or ()
    }
    assigned = {key for key, item in service.items() if item["entryId"]}

    assert Counter(item["state"] for item in service.values()) == {
        "assigned": 6,
        "available": 3,
        "sent": 2,
        "redeemed": 2,
        "revoked": 1,
        "expired": 1,
    }
    assert {_number(each) for each in assigned - on_entries} == {6}
    assert {_number(each) for each in on_entries - assigned} == {7}
    assert len({item["value"] for item in service.values()}) == len(service) == 15


def test_two_assigned_codes_can_be_texted_and_four_cannot(live: Entries) -> None:
    """`code-sms`: each way in which a telephone takes no text, and a family with one telephone."""
    entries = {
        _number(each.item["codeId"]): live[_number(each.item["entryId"])]
        for each in CODES
        if each.item["state"] == "assigned"
    }
    phones: dict[int, Any] = {n: each["contact"].get("phone") or {} for n, each in entries.items()}

    assert {n for n, each in phones.items() if each.get("e164") is None} == {16}
    assert {n for n, each in phones.items() if each.get("e164") and not each.get("verifiedAt")} == {
        15
    }
    assert {n for n, each in phones.items() if each.get("lineType") == "landline"} == {17}
    assert {n for n, each in entries.items() if _user(each)["marketing"]["smsStop"]} == {18}
    assert phones[6]["e164"] == phones[13]["e164"] == "+14045550150"


def test_two_active_accounts_take_no_mail_and_one_wants_none(live: Entries) -> None:
    """`reminder-email`, `ad-audience`: 48 active, of whom 4 bounced, 9 complained, 2 opted out."""
    stopped = defaultdict(set)
    for number, entry in live.items():
        if entry["status"] in ACTIVE:
            for name, value in ((_user(entry) or {}).get("marketing") or {}).items():
                if value:
                    stopped[name].add(number)

    assert stopped == {
        "hardBouncedAt": {4},
        "complainedAt": {9},
        "emailGlobalOptOut": {2},
        "smsStop": {2, 16},
    }
    assert live[46]["contact"]["firstName"] is None
    assert live[46]["locale"] == "de-DE"


def test_five_live_consents_to_northlake_are_good_and_one_is_disputed(live: Entries) -> None:
    """`promoter-email-opt-ins`: three rows, since 11 and 15 share an address and 32 is disputed."""
    given = _consents(live, NORTHLAKE)
    kept = {
        number
        for number, each in given.items()
        if not each.get("withdrawnAt")
        and each["evidenceId"]
        and each["textVersion"] in {"2026-02-01", "2026-03-05"}
        and each["at"] > AS_OF - timedelta(days=731)
        and not _user(live[number])["marketing"]["emailGlobalOptOut"]
    }
    last: dict[int, Any] = {}
    for row in sorted(_rows("consent_events"), key=lambda row: row["occurred_at"]):
        if row["consent_key"] == "promoter_email":
            last[_number(row["entry_id"])] = row["action"]

    assert set(given) == {1, 2, 6, 11, 12, 15, 32, 39, 40, 41, 45}
    assert kept == {1, 11, 15, 32, 41}
    assert {n for n in kept if last[n] == "withdrawn"} == {32}
    assert live[11]["contact"]["emailNormalized"] == live[15]["contact"]["emailNormalized"]
    assert given[11]["at"] > given[15]["at"]


def test_leeds_has_two_addresses_for_northlake_and_one_hash_for_fjord() -> None:
    """`promoter-email-opt-ins` of Boreal Nights: 258 and 259 share an address, 259 came later."""
    entries = _entries(BOREAL)
    northlake = _consents(entries, NORTHLAKE)

    assert set(northlake) == {0x101, 0x102, 0x103}
    assert len({entries[n]["contact"]["emailNormalized"] for n in northlake}) == 2
    assert northlake[0x103]["at"] > northlake[0x102]["at"]
    assert set(_consents(entries, FJORD)) == {0x101}


def test_four_were_drawn_and_one_of_them_outside_the_wishes_withdrew() -> None:
    """`selected-fans`: by the draw 14, 16, 17, 18 and the withdrawn 60; 6 and 19 were promoted."""
    entries = _entries(AURORA)
    drawn = {
        n for n, e in entries.items() if (e.get("selection") or {}).get("outcome") == "selected"
    }
    wishes = {each["marketId"] for each in entries[60]["preferences"]}

    assert drawn == {14, 16, 17, 18, 60}
    assert entries[60]["selection"]["marketId"] not in wishes
    assert [each["state"] for each in entries[16]["codes"]] == ["assigned", "sent"]
    assert _user(entries[16])["history"]["ordersArtist"] == 3


def test_two_of_the_invited_bought_and_a_third_in_another_market(live: Entries) -> None:
    """`non-purchasers`: of the nine invited 17 and 19 bought; 56 bought elsewhere; 18 gave back."""
    invited = {n for n, each in live.items() if each["status"] in INVITED}
    orders: list[Any] = [each for each in _rows("ticket_orders") if each["status"] != "cancelled"]
    buyers = {n for n in invited for each in orders if each["account_id"] == account(n)}
    visits: dict[int, list[str]] = {
        n: [
            each["outcome"]
            for each in sorted(_rows("queue_visits"), key=lambda row: row["joined_at"])
            if each["account_id"] == account(n)
        ]
        for n in sorted(invited)
    }

    assert buyers == {17, 19, 56}
    assert {n: each for n, each in visits.items() if each} == {
        14: ["admitted"],
        16: ["abandoned", "admitted"],
        17: ["admitted"],
        18: ["timed_out"],
    }


def test_wishes_by_market_add_up(live: Entries) -> None:
    """`market-demand`, `geo-demand`: 52 first wishes, three entries have none."""
    key = {each["_id"]: each["key"] for each in documents_of("markets")}
    places: tuple[Counter[object], ...] = (Counter(), Counter(), Counter(), Counter())
    for entry in live.values():
        wishes = entry.get("preferences") or []
        ranked = sorted(wishes, key=lambda each: each.get("rank") or 99)  # sorted is stable
        for place, wish in zip(places, ranked, strict=False):
            place[key[wish["marketId"]]] += 1

    assert places[0] == {"new-york-ny": 42, "vancouver-bc": 6, "los-angeles-ca": 4}
    assert places[1] == {"new-york-ny": 5, "vancouver-bc": 4}
    assert places[2] == {"los-angeles-ca": 2}
    assert {n for n, each in live.items() if not each.get("preferences")} == {46, 49, 59}
    assert live[12]["contact"]["postalCode"] == "1220"


def test_sessions_by_hour_add_up() -> None:
    """`registration-timeline`: the table in the docstring of `tiny/funnel.py`."""
    hours: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in _rows("registration_events"):
        hours[f"{row['occurred_at']:%m-%d %H}"][row["step"]].add(row["session_id"])
    table = {
        hour: (
            len(set().union(*steps.values())),
            *(
                len(steps[each])
                for each in ("started", "submitted", "verified_phone", "completed", "withdrawn")
            ),
        )
        for hour, steps in hours.items()
    }

    assert table == {
        "03-03 15": (3, 3, 2, 1, 2, 0),
        "03-04 10": (1, 1, 1, 0, 1, 0),
        "03-08 06": (2, 2, 1, 0, 1, 0),
        "03-08 07": (1, 0, 1, 1, 1, 0),
        "03-12 08": (1, 0, 0, 0, 0, 1),
    }


def test_twelve_entries_and_eight_accounts_are_scored(live: Entries) -> None:
    """`scoring-input`, `scores`: 55 live entries, 48 of an account; 43 without our score."""
    ours = {each.entry for each in scores.INTERNAL_SCORES}
    theirs = {each.account for part in scores.VF_SCORES for each in part}
    accounts = {_user(each)["accountId"] for each in live.values() if _user(each)}

    assert ours & set(live) == {1, 2, 4, 6, 9, 13, 14, 16, 45, 54, 55, 56}
    assert (len(scores.INTERNAL_SCORES), len(ours - set(live))) == (14, 1)
    assert len(accounts) == 48
    assert theirs & accounts == {account(n) for n in (1, 2, 4, 6, 9, 13, 14)}
    assert theirs - accounts == {account(62), scores.UNKNOWN_ACCOUNT}  # 20 became 61 became 62


def test_four_entries_answered(live: Entries) -> None:
    """`survey-answers`: 13 answers that are asked for, one to no question, one empty."""
    asked = {each["key"] for each in documents_of("campaigns")[0]["questions"]}  # type: ignore[attr-defined]
    answers = {
        number: [answer["key"] for answer in entry.get("answers") or ()]
        for number, entry in live.items()
        if entry.get("answers")
    }

    assert {n: len(each) for n, each in answers.items()} == {1: 1, 15: 3, 45: 9, 46: 2}
    assert {key for each in answers.values() for key in each} - asked == {"shoe_size"}
    assert live[46]["answers"][1]["value"] is None


def test_nine_fans_were_written_to() -> None:
    """`email-engagement`: the table in the docstring of `tiny/messages.py`."""
    mails = {(row["message_kind"], _number(row["entry_id"])) for row in _rows("email_events")}
    texts = {(row["message_kind"], _number(row["entry_id"])) for row in _rows("sms_events")}
    opens = [row["occurred_at"] for row in _rows("email_events") if row["event_type"] == "open"]

    assert mails == {("promotion", 6), *(("waitlist", n) for n in (1, 2, 4, 9, 40))}
    assert texts == {("code", n) for n in (16, 17, 19)}
    assert len(opens) == 3


def test_every_reason_of_suppression_is_there_once_or_twice() -> None:
    """`suppression`: withdrawn 3, 60; erased users 5, 22 and a guest; and what the events say."""
    entries = _entries(AURORA)
    mails = {(row["event_type"], _number(row["entry_id"])) for row in _rows("email_events")}
    erased: list[Any] = _rows("erasure_ledger", None)

    assert {n for n, each in entries.items() if each.get("withdrawnAt")} == {3, 60}
    assert len(erased) == 3
    assert sum(each["user_id"] is None for each in erased) == 1
    assert {n for kind, n in mails if kind == "unsubscribe"} == {2, 40}
    assert {n for kind, n in mails if kind == "complaint"} == {9}
    assert [row["bounce_class"] for row in _rows("email_events") if row["bounce_class"]] == [
        *("hard", "soft")
    ]
    assert {
        _number(row["entry_id"]) for row in _rows("consent_events") if row["action"] == "withdrawn"
    } == {6, 32, 41}


def test_points_agree_with_the_events_but_for_one_entry(live: Entries) -> None:
    """`boost-leaderboard`: 12 stored 60 for 20; 14 has a watch beyond the cap; 14 and 16 loop."""
    caps = {"share": 2, "watch": 1}
    counted: dict[tuple[int, str, object], int] = defaultdict(int)
    for row in _rows("boost_events"):
        if row["accepted"]:
            counted[_number(row["entry_id"]), row["boost_key"], row["occurred_at"].date()] += 1
    points: dict[int, int] = defaultdict(int)
    for (number, key, _), times in counted.items():
        points[number] += min(times, caps[key]) * {"share": 20, "watch": 10}[key]
    stored = {n: e["boost"]["points"] for n, e in live.items() if (e.get("boost") or {}) != {}}

    assert stored == {1: 40, 12: 60, 14: 30, 16: 40}
    assert points == {1: 40, 12: 20, 14: 30, 16: 40}
    assert live[14]["referral"]["referredBy"] == entry_id(16)
    assert live[16]["referral"]["referredBy"] == entry_id(14)
    assert live[12]["referral"]["referredBy"] == entry_id(3)


def test_five_pairs_share_something(live: Entries) -> None:
    """`duplicate-clusters`: each signal has one pair; `email_alias` needs the domain's consent."""
    shared: dict[str, dict[object, set[int]]] = defaultdict(lambda: defaultdict(set))
    for number, entry in live.items():
        contact, machine = entry["contact"], entry.get("device") or {}
        local, _, domain = str(contact.get("emailNormalized")).partition("@")
        shared["email_alias"][local.partition("+")[0], domain].add(number)
        shared["phone"][(contact.get("phone") or {}).get("e164")].add(number)
        shared["device"][machine.get("fingerprint")].add(number)
        shared["ip24"][str(machine.get("ip")).rpartition(".")[0]].add(number)
        names = (contact.get("firstName"), contact.get("lastName"), contact.get("postalCode"))
        shared["name_postal"][names if all(names) else None].add(number)
    pairs = {
        signal: sorted(
            sorted(each) for key, each in found.items() if key not in {None, ""} and len(each) > 1
        )
        for signal, found in shared.items()
    }

    assert pairs == {
        "email_alias": [[1, 10], [11, 15]],
        "phone": [[6, 14]],
        "device": [[12, 16]],
        "ip24": [[2, 13]],
        "name_postal": [[11, 15]],
    }
    assert live[1]["duplicateGroupId"] == live[10]["duplicateGroupId"]


def test_five_entries_agreed_to_the_artists_mail(live: Entries) -> None:
    """`ad-audience`: 1, 12, 14 and 16; 2 opted out of everything, 11 withdrew."""
    agreed = {
        number: consent.get("withdrawnAt") is None
        for number, entry in live.items()
        for consent in entry.get("consents") or ()
        if consent["key"] == "artist_email"
    }

    assert agreed == {1: True, 2: True, 11: False, 12: True, 14: True, 16: True}


def test_three_days_have_figures() -> None:
    """`campaign-summary`: one new entry a day in Aurora Lights; the job of the 19th ran twice."""
    days: dict[Any, dict[object, Any]] = defaultdict(dict)
    for each in EVENTS:
        if each.table == "campaign_daily":
            days[each.day.day][each.row["campaign_id"]] = each.row["entries"]

    assert days == {
        18: {str(AURORA): 58, str(BOREAL): 4},
        19: {str(AURORA): 59, str(BOREAL): 4},
        20: {str(AURORA): 60, str(BOREAL): 4, str(COMET): 0},
    }


def test_one_person_is_in_two_campaigns_and_was_a_guest_before() -> None:
    """`subject-access` of user 1: entries 1 and 257 by the account, 260 by the address."""
    address = "zoe.muller+tour@example.com"
    entries = _entries(AURORA) | _entries(BOREAL)
    accounts = {n: (_user(each) or {}).get("accountId") for n, each in entries.items()}
    by_address = {n for n, e in entries.items() if e["contact"]["emailNormalized"] == address}

    assert {n for n, each in accounts.items() if each == account(1)} == {1, 0x101}
    assert by_address == {1, 0x101, 0x104}
    assert [e["order_id"] for e in _rows("ticket_orders") if e["account_id"] == account(1)] == [
        "or-004"
    ]


def test_every_row_that_came_twice_is_in_the_ledger() -> None:
    """A duplicate nobody counted is a number nobody can explain."""
    ledger = Ledger()
    list(TinyPack().slices(ledger))
    ids = {
        **dict.fromkeys(("codes_assigned", "registration_events", "boost_events"), "event_id"),
        **dict.fromkeys(("email_events", "sms_events"), "event_id"),
        "code_redemptions": "redemption_id",
        "ticket_orders": "order_id",
        "queue_visits": "visit_id",
        "consent_events": "evidence_id",
        "erasure_ledger": "email_sha256",
    }
    rows = [each for each in EVENTS if each.table in ids]
    distinct = {(each.table, each.row[ids[each.table]]) for each in rows}
    figures = [
        (each.row["campaign_id"], each.day) for each in EVENTS if each.table == "campaign_daily"
    ]
    twice = len(rows) - len(distinct) + len(figures) - len(set(figures))

    assert twice == ledger["duplicate_event"].count == 11
