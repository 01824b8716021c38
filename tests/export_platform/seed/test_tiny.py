"""The hand-written pack covers what the goldens rely on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import bson
import pytest

from export_platform.local.athena.tables import find
from export_platform.local.seed.basis.identifiers import Kind, pack_range
from export_platform.local.seed.basis.instants import AS_OF
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.tiny import answers, legacy, lifecycle, texts
from export_platform.local.seed.tiny.pack import AURORA_ENTRIES, TinyPack, documents_of
from export_platform.local.seed.tiny.shapes import AURORA, BOREAL, COMET
from tests.export_platform.seed.looks import addresses, fields, is_fictional, is_reserved

STATUSES = {
    *("registered", "verified", "rejected", "duplicate", "selected", "waitlisted"),
    *("not_selected", "promoted", "code_sent", "redeemed", "lapsed", "withdrawn", "erased"),
    *("standby", "confirmed", "denied", "waitlist", "winner"),
}
TRIGGERS = "=+-@"


@pytest.fixture(scope="module")
def entries() -> list[Any]:
    """The 60 entries as a driver reads them."""
    return [each for each in documents_of("entries") if each["campaignId"] == AURORA]


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    """The ledger after a whole pack."""
    counted = Ledger()
    list(TinyPack().documents(counted))
    list(TinyPack().slices(counted))
    list(TinyPack().codes(counted))
    list(TinyPack().objects(counted))
    return counted


def _names(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    blocks = [each.get("contact") or {} for each in entries]
    found = [block.get(key) for block in blocks for key in ("firstName", "lastName")]
    return [each for each in found if each]


def test_there_are_sixty_entries_numbered_in_order(entries: list[Any]) -> None:
    """The goldens are written for 60; an entry lost or swapped would shift them all."""
    assert [str(each["_id"])[-3:] for each in entries] == [f"{n:03x}" for n in range(1, 61)]


def test_every_status_and_version_occurs(entries: list[Any]) -> None:
    """A status that is not in the pack is a branch of the upcast that no golden sees."""
    assert {each["status"] for each in entries} >= STATUSES
    assert {each.get("schemaVersion") for each in entries} == {None, 1, 2, 3}


def test_three_campaigns_can_be_back_filled_and_one_is_empty() -> None:
    """A backfill of three partitions needs three; an empty one must succeed with a header."""
    per_campaign = Counter(each["campaignId"] for each in documents_of("entries"))

    assert set(TinyPack().campaigns.values()) == {AURORA, BOREAL, COMET}
    assert per_campaign == {AURORA: 60, BOREAL: 4}


def test_the_markets_are_awkward_in_the_three_promised_ways() -> None:
    """Comma, cancelled, foreign: each breaks a different piece of formatting."""
    markets = [each for each in documents_of("markets") if each["campaignId"] == AURORA]

    assert len(markets) == 3
    assert any("," in str(each["name"]) for each in markets)
    assert any(each["status"] == "cancelled" for each in markets)
    assert any(
        each["dmaId"] is None
        and each["countryCode"] != "US"
        and each["timeZone"] != "America/New_York"
        for each in markets
    )


def test_an_agreement_is_in_force_for_addresses_for_hashes_for_nobody_or_over() -> None:
    """An expired agreement refuses an export; without one in the pack nobody would notice."""
    states: dict[str, Any] = {
        each["key"]: (
            each["status"],
            (each["dataSharing"]["expiresAt"] or AS_OF.replace(year=9999)) > AS_OF,
            each["dataSharing"]["hashOnly"],
        )
        for each in cast(list[Any], documents_of("promoters"))
    }

    assert states == {
        "northlake": ("active", True, False),
        "old-mill": ("active", False, True),
        "fjord-live": ("active", True, True),
        "quarry": ("suspended", True, False),
    }


@pytest.mark.parametrize(
    "name",
    [
        *("erased", "deleted", "non_current", "withdrawn", "duplicate", "position_gap"),
        *("user_merged", "user_missing", "user_erased"),
        *("user_employee", "user_press", "user_vip_test", "override", "promoted"),
        *("ranks_missing", "ranks_repeated", "too_many_preferences", "cancelled_market"),
        *("phone_unverified", "phone_landline", "dst_fold", "leap_day", "before_1970"),
        *("underscore_locale", "foreign_locale", "nulls", "unknown_keys", "all_answers"),
        *("retired_answer", "unknown_answer", "legacy_draw_rank", "leading_zero_postal"),
        *("duplicate_event", "late_event", "redemption_without_assignment", "cancelled_order"),
        *("wrong_account", "expired_attempt", "exhausted_attempt", "resale_listed"),
        *("code_like_number", "code_like_formula", "code_like_date", "code_like_boolean"),
        *("code_not_on_entry", "code_not_in_service", "shared_code", "second_market_code"),
        *("sms_stopped", "shared_phone", "shared_email", "shared_name_postal", "email_alias"),
        *("shared_device", "shared_ip24", "invalid_postal", "selected_outside_preferences"),
        *("unknown_consent_text", "consent_without_evidence", "consent_expired"),
        *("consent_opted_out", "consent_ledger_disagrees", "consented_again"),
        *("promoter_withdrawal_event", "hard_bounce_event", "complaint_event"),
        *("unsubscribe_event", "sms_stop_event", "sms_failed", "machine_open", "resend"),
        *("boost_mismatch", "boost_refused", "boost_beyond_cap", "referral_loop"),
        *("referrer_withdrawn", "bought_in_other_market", "abandoned_session", "dst_gap_event"),
        *("removed_option", "earlier_question_version", "contact_in_free_text"),
        *("score_unknown_entry", "score_repeated_entry", "score_unknown_account"),
        *("score_repeated_account", "score_insufficient_data", "score_run_rejected"),
        *("score_of_merged_account", "erased_guest"),
    ],
)
def test_a_promised_case_is_planted(ledger: Ledger, name: str) -> None:
    """Other suites assert counts by these names."""
    assert ledger[name].count >= 1
    assert len(ledger[name].ids) == ledger[name].count


def test_the_ledger_counts_what_a_scan_finds(entries: list[Any], ledger: Ledger) -> None:
    """A class noted beside the wrong entry would make every count that rests on it a lie."""
    found = {
        "erased": sum("erasure" in each for each in entries),
        "deleted": sum(each.get("deletedAt") is not None for each in entries),
        "non_current": sum(not each["isCurrent"] for each in entries),
        "withdrawn": sum(each["status"] == "withdrawn" for each in entries),
        "duplicate": sum(each["status"] == "duplicate" for each in entries),
        "promoted": sum("promotedAt" in (each.get("waitlist") or {}) for each in entries),
        "v1": sum(each.get("schemaVersion", 1) == 1 for each in entries),
        "v2": sum(each.get("schemaVersion") == 2 for each in entries),
        "legacy_waitlist": sum(
            each["status"] in {"standby", "waitlist"} and "erasure" not in each for each in entries
        ),
        "legacy_draw_rank": sum(
            each["status"] in {"standby", "waitlist"}
            and "drawRank" in (each.get("selection") or {})
            for each in entries
        ),
        "underscore_locale": sum("_" in each.get("locale", "") for each in entries),
    }

    assert {name: ledger[name].count for name in found} == found


def test_users_are_missing_merged_erased_and_flagged(entries: list[Any]) -> None:
    """The join must survive each of them."""
    users: dict[Any, Any] = {each["_id"]: each for each in documents_of("users")}
    by_number = {int(str(each["_id"])[-3:], 16): each for each in entries}
    merged = users[by_number[20]["userId"]]

    assert by_number[21]["userId"] not in users
    assert users[users[merged["mergedInto"]]["mergedInto"]].get("mergedInto") is None
    assert "erasure" in users[by_number[22]["userId"]]
    assert [users[by_number[n]["userId"]]["flags"] for n in (23, 24, 25)] == [
        ["employee"],
        ["press"],
        ["vip_test"],
    ]
    assert {n for n, each in by_number.items() if "userId" not in each} == set(range(47, 54))


def test_names_carry_every_trap(entries: list[Any]) -> None:
    """Each of these has once broken a spreadsheet, a parser or a screen."""
    names = _names(entries)
    joined = "".join(names)

    assert all(each in joined for each in ',"\r\n\t\x00\x1b\x85\u2028\u0301\u202e\u2067')
    assert all(each in joined for each in "'\u2019太ف🎸\u200d\U00020bb7")
    assert {each[0] for each in names} >= set(TRIGGERS)
    assert {each[0] for each in names if each[1:2] == "="} >= set("\u200b\ufeff\u00a0 ")
    assert {each[0] for each in names} >= set("\uff1d\uff0b")
    assert max(map(len, names)) > 80


def test_two_questions_slug_to_one_header() -> None:
    """The second column must get a suffix, in every part of every file."""
    campaign: Any = documents_of("campaigns")[0]
    slugs = Counter(each["key"].replace("-", "_") for each in campaign["questions"])

    assert slugs["favourite_song"] == 2
    assert any("retiredAt" in each for each in campaign["questions"])
    assert {each["type"] for each in campaign["questions"]} == {
        *("text", "single", "multi", "boolean", "number", "date", "membership")
    }


def test_only_the_legacy_waits_without_a_place(entries: list[Any]) -> None:
    """v1 and v2 have no `waitlist`; a v3 entry on a list always has."""
    waiting = [each for each in entries if each["status"] in {"waitlisted", "waitlist", "standby"}]

    for each in waiting:
        assert ("waitlist" in each) == (each.get("schemaVersion", 1) == 3)


def test_positions_are_unique_in_a_market(entries: list[Any]) -> None:
    """The sort of the waiting list rests on it."""
    places = [each["waitlist"] for each in entries if each.get("waitlist")]

    assert len({(each["marketId"], each["position"]) for each in places}) == len(places)


def test_a_fan_has_one_current_entry_in_a_campaign() -> None:
    """The unique index would refuse the pack otherwise."""
    current = [
        (each["campaignId"], each["userId"])
        for each in documents_of("entries")
        if each["isCurrent"] and isinstance(each.get("userId"), bson.ObjectId)
    ]

    assert len(set(current)) == len(current)


def test_nothing_in_the_pack_can_reach_a_person() -> None:
    """An address or number outside the reserved ranges could be somebody's."""
    for collection in ("campaigns", "promoters", "users", "entries"):
        for document in documents_of(collection):
            assert all(is_reserved(each) for each in addresses(document)), document["_id"]
            numbers = [each for each in fields(document, "e164") if each is not None]
            assert all(is_fictional(str(each)) for each in numbers), document["_id"]


def test_no_document_is_younger_than_the_packs_now() -> None:
    """An entry after the snapshot would be left out for a reason no golden states."""
    created = [each.get("createdAt") for each in documents_of("entries")]

    assert all(each <= AS_OF for each in created if isinstance(each, datetime))


def test_every_id_belongs_to_the_pack() -> None:
    """Loading again deletes by id range: an id outside it would stay for ever."""
    kinds = {"users": Kind.USER, "entries": Kind.ENTRY, "scoring": Kind.SCORING}
    for collection, kind in kinds.items():
        first, last = pack_range(kind, 0)
        ids: list[Any] = [each["_id"] for each in documents_of(collection)]  # type: ignore[arg-type]
        assert all(first <= each < last for each in ids)
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_the_bytes_do_not_depend_on_the_chunk(chunk: int) -> None:
    """The loader chooses the chunk; the goldens must not feel it."""
    whole = [raw for batch in TinyPack().documents(Ledger()) for raw in batch.documents]
    parts = [
        raw for batch in TinyPack().documents(Ledger(), chunk=chunk) for raw in batch.documents
    ]

    assert parts == whole
    assert len(whole) == TinyPack().documents_total


def test_lake_rows_have_every_declared_column() -> None:
    """A missing column would turn into nulls that nobody planted."""
    slices = list(TinyPack().slices(Ledger()))

    assert sum(each.rows for each in slices) == TinyPack().rows_total
    for each in slices:
        table = find("fan_events", each.table) or find("fan_scoring", each.table)
        assert table is not None
        assert table.is_injected == (each.campaign_id is not None)
        assert list(each.columns) == [column.name for column in table.columns]


def test_every_entry_says_what_it_is_for() -> None:
    """Sixty literals without a reason would be sixty riddles (one comment before each)."""
    sources = [
        Path(str(each.__file__)).read_text("utf-8") for each in (lifecycle, texts, answers, legacy)
    ]
    for number in range(1, len(AURORA_ENTRIES) + 1):
        assert any(f"\n    # {number}. " in source for source in sources), number
