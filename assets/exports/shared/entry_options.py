"""Options of every export of entries, and the filter they make (`EF` of DOMAIN.md 7.0)."""

from collections.abc import Callable, Sequence
from typing import Any

from assets.exports.shared.entry_values import (
    band,
    instant,
    mappings,
    millis,
    preferences,
    string,
)
from assets.model.campaign import Facts
from assets.model.column import Unfit
from assets.model.option import SLUG_PATTERN, Option, choice, flag, words
from assets.model.option import instant as instant_option
from assets.model.source import EntryRow, Verdict

# DOMAIN.md 2.8: the statuses of an entry and the two groups that filters name.
ACTIVE = (
    "registered",
    "verified",
    "selected",
    "waitlisted",
    "not_selected",
    "promoted",
    "code_sent",
    "redeemed",
    "lapsed",
)
INVITED = ("selected", "promoted", "code_sent", "redeemed", "lapsed")
STATUSES = (*ACTIVE, "rejected", "duplicate", "withdrawn", "erased")
GROUPS = {"active": ACTIVE, "invited": INVITED, "waitlisted": ("waitlisted", "promoted")}

MARKETS = words("markets", "Only these markets, by key.", pattern=SLUG_PATTERN)
LOCALES = words(
    "locales",
    "Only these locales (BCP 47).",
    pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
    scope="pii:masked",
)
ENTRY_FILTER: tuple[Option, ...] = (
    MARKETS,
    words("statuses", "Only entries in these statuses.", values=STATUSES),
    choice("status_group", "Only a group of statuses.", values=tuple(GROUPS), default=None),
    instant_option("registered_from", "Registered at or after this instant."),
    instant_option("registered_to", "Registered before this instant.", after="registered_from"),
    words(
        "countries",
        "Only these countries (ISO 3166-1 alpha-2).",
        pattern=r"^[A-Z]{2}$",
        scope="pii:masked",
    ),
    LOCALES,
    words("bands", "Only these risk bands.", values=("A", "B", "C", "D", "E"), scope="scores:read"),
    Option(
        name="has_code",
        schema={"type": "boolean"},
        description="Only entries with (true) or without (false) an assigned or sent code.",
    ),
    words(
        "exclude_flags",
        "Leave out fans whose account bears one of these flags.",
        values=("employee", "press", "blocked", "vip_test"),
        default=("employee", "press", "vip_test"),
    ),
)
INCLUDE_WITHDRAWN = flag("include_withdrawn", "Keep withdrawn entries.")
INCLUDE_DUPLICATES = flag("include_duplicates", "Keep entries found to be duplicates.")

# A rule tells whether the row stays; the name is the reason that the accounting shows.
Rule = tuple[str, Callable[[EntryRow], bool]]


def first_failing(rules: Sequence[Rule]) -> Verdict:
    """The verdict that names the first rule a row fails."""

    def verdict(row: EntryRow) -> str | None:
        for reason, stays in rules:
            if not stays(row):
                return reason
        return None

    return verdict


def entry_filter(facts: Facts) -> list[Rule]:
    """The rules of the `EF` options that the request sets."""
    options = facts.request.options
    makers: dict[str, Callable[[Any], Callable[[EntryRow], bool]]] = {
        "statuses": _one_of(lambda row: row.entry.get("status")),
        "status_group": lambda group: _one_of(lambda row: row.entry.get("status"))(GROUPS[group]),
        "registered_from": lambda text: (
            lambda row: millis(row.entry.get("createdAt")) >= instant(text)
        ),
        "registered_to": lambda text: (
            lambda row: millis(row.entry.get("createdAt")) < instant(text)
        ),
        "countries": _one_of(lambda row: string(row, "contact.countryCode")),
        "locales": _one_of(lambda row: string(row, "locale").replace("_", "-")),
        "bands": _one_of(band),
        "has_code": lambda wanted: lambda row: has_code(row) is wanted,
        "exclude_flags": lambda flags: lambda row: not set(flags) & set(_flags(row)),
    }
    return [
        (name, make(options[name]))
        for name, make in makers.items()
        if options.get(name) is not None
    ]


def chosen_market(facts: Facts) -> list[Rule]:
    """Only entries that prefer one of the chosen markets."""
    keys = facts.request.options.get("markets")
    if not keys:
        return []
    wanted = {market.id for market in facts.chosen_markets}
    return [("markets", lambda row: any(p.market_id in wanted for p in preferences(row)))]


def withdrawn_and_duplicates(facts: Facts) -> list[Rule]:
    """Withdrawn and duplicate entries stay out unless asked for."""
    options = facts.request.options
    return [
        ("withdrawn", lambda row: bool(options.get("include_withdrawn")) or not withdrawn(row)),
        (
            "duplicate",
            lambda row: (
                bool(options.get("include_duplicates")) or row.entry.get("status") != "duplicate"
            ),
        ),
    ]


def withdrawn(row: EntryRow) -> bool:
    """Whether the fan has withdrawn the entry."""
    return row.entry.get("status") == "withdrawn" or row.entry.get("withdrawnAt") is not None


def _erased(row: EntryRow) -> bool:
    entry, user = row.entry, row.user or {}
    erased = entry.get("erasure") is not None or entry.get("status") == "erased"
    return erased or user.get("erasure") is not None


# `LIVE` of DOMAIN.md 7.0; the snapshot is part of the query and not repeated here.
LIVE: tuple[Rule, ...] = (
    ("deleted", lambda row: row.entry.get("deletedAt") is None),
    ("erased", lambda row: not _erased(row)),
    ("not_current", lambda row: row.entry.get("isCurrent") is not False),
)


def _one_of(value: Callable[[EntryRow], object]) -> Callable[[Any], Callable[[EntryRow], bool]]:
    def make(wanted: Sequence[object]) -> Callable[[EntryRow], bool]:
        allowed = tuple(wanted)  # of at most 200; equality also judges what cannot be hashed
        return lambda row: value(row) in allowed

    return make


def has_code(row: EntryRow) -> bool:
    """Whether the fan holds a code that was assigned or sent, and not revoked since."""
    codes = mappings(row.entry.get("codes"))
    return any(code.get("state") in ("assigned", "sent") for code in codes)


def _flags(row: EntryRow) -> Sequence[str]:
    """The flags of the account; flags that cannot be read must not let a blocked fan through."""
    flags = (row.user or {}).get("flags") or []
    if not isinstance(flags, list) or not all(isinstance(flag, str) for flag in flags):
        raise Unfit("flags:wrong_type")
    return flags
