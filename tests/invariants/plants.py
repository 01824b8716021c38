"""Where each planted defect must be counted: the ledger of plants beside the exports' manifests.

A class of the ledger is in one of four places: it is rejected, left out or noted for a stated
reason; its rows are written all the same; it shows as a number of rows; or no export of a campaign
counts it, and then it says so here.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from export_platform.local.seed.sized.anomalies import CLASSES, NOT_UTF8
from tests.invariants import ground
from tests.invariants.told import Told

Classes = tuple[str, ...]

# --- rows that are not there, and why

_WRONG: Final[Mapping[str, Classes]] = {
    "boost_points:not_integral": ("points_is_decimal",),
    "country:wrong_type": ("country_is_number",),
    # `key_twice` is a row: of two contacts the server sends the first (decision 23).
    "email:wrong_type": ("contact_is_text", "email_is_list"),
    "first_name:wrong_type": ("name_is_number",),
    "last_name:wrong_type": ("name_is_binary",),
    "locale:wrong_type": ("locale_is_number",),
    "opt_in_artist_email:wrong_type": ("consents_is_text",),
    "phone:not_e164": ("phone_not_e164",),
    "phone:wrong_type": ("phone_is_text",),
    "q_fan_since:wrong_type": ("old_version_answer", "wrong_answer_type"),
    "referral_code:not_id": ("formula_in_referral_code",),
    "registered_at:date_out_of_range": (
        *("created_at_the_end_of_time", "created_beyond_9999", "created_in_year_0"),
    ),
    "registered_at:wrong_type": ("v1_created_is_text", "v2_created_is_nonsense"),
    "status:wrong_type": ("status_is_number",),
    "updated_at_utc:date_out_of_range": ("updated_beyond_9999",),
    "updated_at_utc:wrong_type": ("updated_is_text",),
    "user_id:wrong_type": ("user_is_text",),
    "waitlist_position:not_integral": ("position_is_double",),
    "wrong_type": ("preferences_is_document",),
}
_GONE: Final[Mapping[str, Classes]] = {
    "deleted": ("deleted",),
    "erased": ("erased", "user_erased"),
    "not_current": ("non_current",),
}
_LEFT_OUT: Final[Mapping[str, Classes]] = {
    **_GONE,
    "duplicate": ("duplicate",),
    "exclude_flags": ("user_employee", "user_press", "user_vip_test"),
    "withdrawn": ("withdrawn",),
}
# Written, and noted: a value was repaired, or something that it names is not to be found.
_NOTED: Final[Mapping[str, Classes]] = {
    "coerced_number": ("position_is_text", "score_is_text"),
    "extra_preferences": ("too_many_preferences",),
    "missing_user": ("user_merged_in_a_circle", "user_merged_six_times", "user_missing"),
    "unknown_status": ("v1_status_unknown",),
    "unknown_user": ("v2_user_is_nonsense",),
    "unmatched_market": ("v1_unmatched_market",),
    "unparseable_phone": ("v1_unparseable_phone",),
}


def rejected_left_out_or_noted(told: Told) -> Iterator[tuple[str, int, int]]:
    """Of the entries: what was looked at, how many were planted, how many the manifest counts."""
    everybody = told["entries/everybody"].manifest.accounting
    usual = told["entries"].manifest.accounting
    for counted, expected in (
        (everybody.rejected, _WRONG),
        (everybody.filtered, _GONE),
        (usual.filtered, _LEFT_OUT),
    ):
        for reason in counted.keys() | expected.keys():
            planted = _sum(told, *expected.get(reason, ()))
            yield reason, planted - _for_two_reasons(told, reason), counted.get(reason, 0)
    for note, classes in _NOTED.items():
        yield note, _sum(told, *classes), everybody.notes.get(note, 0)
    old_and_new = _sum(told, "v1", "v2", "created_is_text", "created_is_number")
    unread = _sum(told, "v1_created_is_missing", "v1_created_is_text")
    yield "coerced_date", old_and_new - unread, everybody.notes.get("coerced_date", 0)
    yield "not stored", _sum(told, "refused_by_server"), _refused(told)


def _for_two_reasons(told: Told, reason: str) -> int:
    """Plants that fell on an entry which is counted for another plant already."""
    match reason:
        case "erased":  # less those whom no plant names: further entries of an erased fan
            itself, fans = ground.erased_themselves(told.made), ground.of_erased_fans(told.made)
            return len(itself & fans) - len(ground.replaced(told.made) & fans - itself)
        case "not_current":
            return len(ground.replaced(told.made) & ground.erased(told.made))
        case "withdrawn":
            return len(ground.withdrawn(told.made) & ground.erased(told.made))
        case "exclude_flags":
            return ground.flagged_and_gone(told.made)
        case _:
            return 0


def _sum(told: Told, *classes: str) -> int:
    return sum(told.made.ledger[name].count for name in classes)


def _refused(told: Told) -> int:
    """Texts that are no UTF-8: the embedded server does not store them, MongoDB does."""
    planned = int(ground.campaign(told.made).get("counters", {}).get("entries", 0))
    return planned - told["entries"].manifest.accounting.read


# --- rows that are there all the same


def unharmed(told: Told) -> Iterator[tuple[str, int, int]]:
    """Classes that must not cost a row: formulas, odd texts, odd places; planted, and written."""
    lost = {name for classes in (*_WRONG.values(), *_GONE.values()) for name in classes}
    written = set(told["entries/everybody"].values("entry_id"))
    erased = ground.erased(told.made)
    for one in CLASSES:
        if one.name not in lost | NOT_UTF8:
            listed = set(told.made.ledger[one.name].ids) - erased  # the first fifty of a class
            yield one.name, len(listed), len(written & listed)


# --- numbers of rows


def counted_in_rows(told: Told) -> Iterator[tuple[str, int, int]]:
    """Codes, uses, orders, scores and suppressions."""
    yield from _codes(told)
    yield from _uses(told)
    yield from _scores(told)
    yield from _suppressed(told)
    yield from _consents(told)


_HOST: Final = ("code_assigned", "code_available", "code_sent", "code_shared")
_ALL: Final = (*_HOST, "code_expired", "code_redeemed", "code_revoked")


def _codes(told: Told) -> Iterator[tuple[str, int, int]]:
    every = told["codes/all"]
    yield "codes", _sum(told, *_ALL), every.manifest.accounting.read
    yield "codes for the host", _sum(told, *_HOST), told["codes/host"].manifest.accounting.read
    shared = every.manifest.accounting.notes.get("not_in_events", 0)
    yield "codes of no event", _sum(told, "code_shared"), shared
    values = {item["value"] for item in told.made.codes}
    there = values & set(every.values("code"))
    yield (
        "values of codes",
        len(values),
        len(there) + sum(every.manifest.accounting.filtered.values()),
    )


def _uses(told: Told) -> Iterator[tuple[str, int, int]]:
    rows, lake = told["code-redemptions"].rows(), told.made.rows
    total: Callable[[str], int] = lambda name: sum(int(row[name] or 0) for row in rows)  # noqa: E731
    copies = len(lake["code_redemptions"]) - total("redemption_attempts")
    yield "copies of uses", _sum(told, "duplicate_redemption"), copies
    wrong = total("wrong_account_attempts")
    yield "wrong accounts", _sum(told, "wrong_account_attempt"), wrong
    assigned = sum(bool(row["assigned_at_utc"]) for row in rows)
    repeated = len(lake["codes_assigned"]) - assigned
    yield "copies of codes", _sum(told, "duplicate_assignment", "superseded_assignment"), repeated
    known = {row["code_id"] for row in lake["codes_assigned"]}
    leaked = len({row["code_id"] for row in lake["code_redemptions"]} - known)
    yield "uses of no code", leaked, len(rows) - assigned


def _scores(told: Told) -> Iterator[tuple[str, int, int]]:
    accounting = told["scores"].manifest.accounting
    yield (
        "scores of nobody",
        ground.scores_of_nobody(told.made),
        accounting.notes.get("unknown_entry", 0),
    )


_NAMED_BY: Final = ("SubscriberKey", "EmailAddress", "phone_sha256")
_SAID: Final[Mapping[str, str]] = {
    "complaint": "complained",
    "global_opt_out": "email_opted_out",
    "hard_bounce": "hard_bounced",
    "sms_stop": "sms_stopped",
}


def _suppressed(told: Told) -> Iterator[tuple[str, int, int]]:
    """Each fan by today's account, or by the address where merges lead nowhere."""
    rows = told["suppression"].rows()
    for reason, name in _SAID.items():
        planted = ground.said_no(told.made, name)
        lines = [row for row in rows if row["Reason"] == reason]
        named = {row[by] for row in lines for by in _NAMED_BY}
        forgotten = _sum(told, name) - len(planted)  # erased since: only that is told of them
        yield reason, len(planted), sum(bool(named & known) for known in planted)
        yield f"{reason}, erased", ground.said_no_and_erased(told.made, name), forgotten
    erased = sum(row["Reason"] == "erased" for row in rows)
    yield "erased", _sum(told, "erased_subject"), erased
    withdrawn = sum(row["Reason"] == "withdrawn" for row in rows)
    long_ago = ground.withdrawn_long_ago(told.made)  # old forms, before the first partition
    elsewhere = long_ago + len(ground.withdrawn(told.made) & ground.erased(told.made))
    yield "withdrawn", _sum(told, "withdrawn") - elsewhere, withdrawn


# --- consents, of those whom nothing else keeps from the promoter


_CONSENTS: Final[Mapping[str, Classes]] = {
    "consent_expired": ("consent_too_old",),
    "no_evidence": ("consent_without_text",),
    "unknown_consent_text": ("consent_unknown_text",),
}


def _consents(told: Told) -> Iterator[tuple[str, int, int]]:
    counted = told["promoter-email-opt-ins"].manifest.accounting.filtered
    mailable = ground.mailable(told.made)
    for reason, classes in _CONSENTS.items():
        ids = {one for name in classes for one in told.made.ledger[name].ids}
        yield reason, len(ids & mailable), counted.get(reason, 0)


# --- what no export of entries, codes or scores counts

# Why each of these classes of the ledger has no number above.
UNCOUNTED: Final[Mapping[str, str]] = {
    "anomaly": "the sum of all anomalies",
    "duplicate_events": "the sum of the copies of each table",
    "late_events": "the sum of the late rows of each table",
    **dict.fromkeys(
        ("bot", "decomposed_name", "leading_zero_postal", "phone_missing", "postal_missing"),
        "no defect: the entry is written like any other",
    ),
    **dict.fromkeys(
        ("promoted", "rejected", "unknown_keys", "override", "user_merged", "queue_visit"),
        "no defect: part of a usual campaign",
    ),
    **dict.fromkeys(
        ("promoter_withdrawal", "regranted", "scores_missing", "vf_scores_null"),
        "compared row by row: promoters and scores (DOMAIN.md 11, points 3 and 9)",
    ),
    **dict.fromkeys(
        ("vf_scores_missing", "vf_scores_repeated", "boost_capped", "boost_mismatch"),
        "compared row by row with the files and events (DOMAIN.md 11, point 9; 7.18)",
    ),
    **dict.fromkeys(
        ("cancelled_order", "other_currency", "resale_listed", "code_only_in_lake"),
        "sums of markets and codes (DOMAIN.md 11, point 7)",
    ),
    **dict.fromkeys(
        ("exhausted_attempt", "expired_attempt", "codes_not_on_entry", "codes_only_on_entry"),
        "of a code that may be used, or told, again: flags of single rows",
    ),
    "abandoned_session": "sessions: the timeline of registrations",
}
_TABLES: Final = (
    *("boost_events", "consent_events", "email_events"),
    *("queue_visits", "registration_events", "sms_events"),
)
_SHAPES: Final = ("at", "equals", "long_digits", "minus", "plus", "scientific")
_OTHERS: Final = (
    *(f"code_value_{shape}" for shape in _SHAPES),
    *("code_only_on_entry", "duplicate_assignment", "duplicate_redemption", "erased_subject"),
    *("redemption_without_assignment", "refused_by_server", "scores_unknown_entry"),
    *("superseded_assignment", "v1", "v2", "vf_scores_unknown_account", "wrong_account_attempt"),
)


def named() -> set[str]:
    """Every class that a rule or a reason here names, and those of tables of events."""
    by_table = {
        *("machine_open", "sms_delivered", "sms_failed", "sms_queued", "sms_sent", "sms_stop"),
        *(f"email_{act}" for act in ("click", "complaint", "delivered", "open", "sent")),
        *("email_hard_bounce", "email_soft_bounce", "email_unsubscribe"),
        *(f"{how}/{table}" for how in ("duplicate", "late", "lost_partition") for table in _TABLES),
    }
    return counted() | UNCOUNTED.keys() | by_table


def counted() -> set[str]:
    """Every class that has a number above."""
    tables: tuple[Mapping[str, Classes], ...] = (_WRONG, _LEFT_OUT, _NOTED, _CONSENTS)
    by_reason = {name for table in tables for classes in table.values() for name in classes}
    return {*by_reason, *_SAID.values(), *_ALL, *_OTHERS, *(one.name for one in CLASSES)}


ALL: Final = (rejected_left_out_or_noted, unharmed, counted_in_rows)
