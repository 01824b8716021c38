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
from assets.model.meaning import Described, Meaning, What, plain, same, value
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

# States of a code that a fan holds.
_HELD = ("assigned", "sent")

# A rule tells whether the row stays; the name is the reason that the accounting shows.
Rule = tuple[str, Callable[[EntryRow], bool]]


def first_failing(rules: Sequence[Rule]) -> Verdict:
    """The verdict that names the first rule a row fails."""
    steps = [(reason, plain(stays)) for reason, stays in rules]

    def verdict(row: EntryRow) -> str | None:
        for reason, stays in steps:
            if not stays(row):
                return reason
        return None

    return Described(meaning=Meaning(what=What.FIRST_FAILING, values=tuple(rules)), read=verdict)


def entry_filter(facts: Facts) -> list[Rule]:
    """The rules of the `EF` options that the request sets."""
    options = facts.request.options
    makers: dict[str, Callable[[Any], Callable[[EntryRow], bool]]] = {
        "statuses": _status_in,
        "status_group": lambda group: _status_in(GROUPS[group]),
        "registered_from": _registered_from,
        "registered_to": _registered_to,
        "countries": _country_in,
        "locales": _locale_in,
        "bands": _band_in,
        "has_code": _has_code,
        "exclude_flags": _no_flag,
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
    meaning = Meaning(what=What.MARKETS, values=tuple(wanted))
    stays = Described(
        meaning=meaning, read=lambda row: any(p.market_id in wanted for p in preferences(row))
    )
    return [("markets", stays)]


def withdrawn_and_duplicates(facts: Facts) -> list[Rule]:
    """Withdrawn and duplicate entries stay out unless asked for."""
    options = facts.request.options
    rules: list[Rule] = []
    if not options.get("include_withdrawn"):
        rules.append(("withdrawn", NOT_WITHDRAWN))
    if not options.get("include_duplicates"):
        rules.append(("duplicate", _NOT_DUPLICATE))
    return rules


def withdrawn(row: EntryRow) -> bool:
    """Whether the fan has withdrawn the entry."""
    return row.entry.get("status") == "withdrawn" or row.entry.get("withdrawnAt") is not None


def _erased(row: EntryRow) -> bool:
    entry, user = row.entry, row.user or {}
    erased = entry.get("erasure") is not None or entry.get("status") == "erased"
    return erased or user.get("erasure") is not None


def _absent(path: str) -> Meaning:
    return Meaning(what=What.ABSENT, path=path)


def _status_is_not(status: str) -> Meaning:
    return Meaning(what=What.NOT_TEXT, path="status", values=(status,))


def _all(*parts: Meaning) -> Meaning:
    return Meaning(what=What.ALL, values=parts)


NOT_WITHDRAWN = Described(
    meaning=_all(_status_is_not("withdrawn"), _absent("withdrawnAt")),
    read=lambda row: not withdrawn(row),
)
_NOT_DUPLICATE = Described(
    meaning=_status_is_not("duplicate"),
    read=lambda row: row.entry.get("status") != "duplicate",
)
NOT_REJECTED: Rule = (
    "rejected",
    Described(
        meaning=_status_is_not("rejected"),
        read=lambda row: row.entry.get("status") != "rejected",
    ),
)
# `LIVE` of DOMAIN.md 7.0; the snapshot is part of the query and not repeated here.
LIVE: tuple[Rule, ...] = (
    (
        "deleted",
        Described(
            meaning=_absent("deletedAt"), read=lambda row: row.entry.get("deletedAt") is None
        ),
    ),
    (
        "erased",
        Described(
            meaning=_all(
                _absent("erasure"), _status_is_not("erased"), Meaning(what=What.NOT_ERASED_USER)
            ),
            read=lambda row: not _erased(row),
        ),
    ),
    (
        "not_current",
        Described(
            meaning=Meaning(what=What.NOT_FALSE, path="isCurrent"),
            read=lambda row: row.entry.get("isCurrent") is not False,
        ),
    ),
)


def _status_in(wanted: Sequence[str]) -> Described:
    return Described(
        meaning=Meaning(what=What.ONE_OF, path="status", values=tuple(wanted)),
        read=_one_of(lambda row: row.entry.get("status"))(wanted),
    )


def _country_in(wanted: Sequence[str]) -> Described:
    return Described(
        meaning=Meaning(what=What.ONE_OF, path="contact.countryCode", values=tuple(wanted)),
        read=_one_of(lambda row: string(row, "contact.countryCode"))(wanted),
    )


def _locale_in(wanted: Sequence[str]) -> Described:
    stays = _one_of(lambda row: string(row, "locale").replace("_", "-"))(wanted)
    return same(stays, value("locale"))


def _band_in(wanted: Sequence[str]) -> Described:
    # Who has a manual decision is Python's in any case.
    return same(_one_of(band)(wanted), value("risk.override.band"), value("risk.band"))


def _registered_from(text: str) -> Described:
    first = instant(text)
    return Described(
        meaning=Meaning(what=What.SINCE, place=first),
        read=lambda row: millis(row.entry.get("createdAt")) >= first,
    )


def _registered_to(text: str) -> Described:
    end = instant(text)
    return Described(
        meaning=Meaning(what=What.BEFORE, place=end),
        read=lambda row: millis(row.entry.get("createdAt")) < end,
    )


def _has_code(wanted: bool) -> Described:
    return Described(
        meaning=Meaning(what=What.HAS_CODE, place=int(wanted), values=_HELD),
        read=lambda row: has_code(row) is wanted,
    )


def _no_flag(flags: Sequence[str]) -> Described:
    return Described(
        meaning=Meaning(what=What.NO_FLAG, values=tuple(flags)),
        read=lambda row: not set(flags) & set(_flags(row)),
    )


def _one_of(read: Callable[[EntryRow], object]) -> Callable[[Any], Callable[[EntryRow], bool]]:
    def make(wanted: Sequence[object]) -> Callable[[EntryRow], bool]:
        allowed = tuple(wanted)  # of at most 200; equality also judges what cannot be hashed
        return lambda row: read(row) in allowed

    return make


def _holds_code(row: EntryRow) -> bool:
    codes = mappings(row.entry.get("codes"))
    return any(code.get("state") in _HELD for code in codes)


_HOLDS = Meaning(what=What.HAS_CODE, values=_HELD)
has_code = Described(meaning=_HOLDS, read=_holds_code)
"""Whether the fan holds a code that was assigned or sent, and not revoked since."""
has_no_code = Described(meaning=_HOLDS, read=lambda row: not _holds_code(row))
"""The same as a part of a key: those who hold one come first."""


def _flags(row: EntryRow) -> Sequence[str]:
    """The flags of the account; flags that cannot be read must not let a blocked fan through."""
    flags = (row.user or {}).get("flags") or []
    if not isinstance(flags, list) or not all(isinstance(flag, str) for flag in flags):
        raise Unfit("flags:wrong_type")
    return flags
