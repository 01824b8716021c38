"""Values read from one entry: small functions that columns, filters and sort keys share.

An entry is in v3 shape here (`assets/steps/upcast.py`). A value of a type that cannot be
understood raises `Unfit`, which makes its row a counted reject; absent is None.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from unicodedata import normalize

from bson.datetime_ms import DatetimeMS

from assets.model.campaign import Market
from assets.model.column import Getter, Unfit
from assets.model.meaning import Described, Meaning, What
from assets.model.source import EntryRow

# Sorts before every instant: what has no readable time comes first, in the order of its id.
NO_INSTANT = -(2**63)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """One preferred market; `rank` counts from 1 in the order that exports show."""

    market_id: object
    rank: int
    event_ids: tuple[str, ...]
    quantity: object


@cache  # filters and orders ask for the same few paths once a row
def at(path: str) -> Getter:
    """A getter for a dotted path; a missing parent is an absent value."""
    return Described(meaning=Meaning(what=What.PATH, path=path), read=_at(path))


@cache
def _at(path: str) -> Callable[[EntryRow], object]:
    first, *steps = path.split(".")

    def get(row: EntryRow) -> object:
        node: Any = row.entry.get(first)
        for step in steps:
            if node is None:
                return None
            if not isinstance(node, dict):  # what BSON decodes to; `Mapping` is 10 times as slow
                raise Unfit("wrong_type")
            node = node.get(step)
        return node

    return get


def string(row: EntryRow, path: str) -> str:
    """The text at a path; anything else counts as empty, for filters only."""
    try:
        value = _at(path)(row)
    except Unfit:
        return ""
    return value if isinstance(value, str) else ""


def lowered(text: str) -> str:
    """A text as it is compared and hashed: trimmed, in lower case, composed."""
    return normalize("NFC", text.strip().lower())


def millis(value: object) -> int:
    """An instant as milliseconds since the epoch, `NO_INSTANT` for anything else."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return (aware - _EPOCH) // _MILLISECOND
    return int(value) if isinstance(value, DatetimeMS) else NO_INSTANT


def instant(text: str) -> int:
    """An RFC 3339 instant of a request as milliseconds since the epoch."""
    return millis(datetime.fromisoformat(text))


def mappings(value: object) -> list[Mapping[str, Any]]:
    """A list of embedded documents; null is empty.

    Raises:
        Unfit: It is no list, or an element is no document.
    """
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Unfit("wrong_type")
    return value


def preferences(row: EntryRow) -> list[Preference]:
    """The preferred markets, best first.

    Ranks that are missing or repeated in legacy data are ordered by (rank, position) and
    numbered anew (DOMAIN.md 7.1).
    """
    found = row.memo.get("preferences")
    if found is None:
        found = row.memo["preferences"] = _preferences(row)
    return found


def _preferences(row: EntryRow) -> list[Preference]:
    stored = mappings(row.entry.get("preferences"))
    ranks = [_rank(preference.get("rank")) for preference in stored]
    order = sorted(range(len(stored)), key=lambda index: (ranks[index], index))
    return [
        Preference(
            market_id=_id(stored[index].get("marketId")),
            rank=rank,
            event_ids=_texts(stored[index].get("eventIds")),
            quantity=stored[index].get("ticketQuantity"),
        )
        for rank, index in enumerate(order, start=1)
    ]


def _id(value: object) -> object:
    if type(value).__hash__ is None:  # a list, a block, code or a pattern: nothing is found by it
        raise Unfit("wrong_type")
    return value


def _rank(rank: object) -> float:
    if rank is None:
        return math.inf
    if isinstance(rank, bool) or not isinstance(rank, int | float) or math.isnan(rank):
        raise Unfit("wrong_type")
    return rank


def _texts(value: object) -> tuple[str, ...]:
    """A list of texts; null is empty."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Unfit("wrong_type")
    return tuple(value)


def email_domain(row: EntryRow) -> str | None:
    """The domain of the fan's address in lower case; None where there is no address."""
    _, at_sign, domain = string(row, "contact.email").strip().rpartition("@")
    return domain.lower() if at_sign and domain else None


def preferred(row: EntryRow, place: int) -> Preference | None:
    """The preference at a place counted from 1, or None."""
    found = preferences(row)
    return found[place - 1] if place <= len(found) else None


def market(row: EntryRow, market_id: object) -> Market | None:
    """The market with this id; None when there is no id or no such market.

    Raises:
        Unfit: A list or a document stands where an id is due, or code or a pattern.
    """
    return None if market_id is None else row.facts.market_by_id.get(_id(market_id))


def market_label(path: str) -> Getter:
    """A getter for the name of the market whose id stands at a path."""
    read = _at(path)

    def get(row: EntryRow) -> object:
        found = market(row, read(row))
        return None if found is None else found.label

    meaning = Meaning(what=What.MARKET, path=path, attribute="label")
    return Described(meaning=meaning, read=get)


def event_dates(row: EntryRow, preference: Preference) -> list[str]:
    """Local dates of the chosen events in the market's order; unknown events by their id."""
    chosen = market(row, preference.market_id)
    events = () if chosen is None else chosen.events
    known = {event.event_id for event in events}
    dates = [event.local_date for event in events if event.event_id in preference.event_ids]
    return dates + [event_id for event_id in preference.event_ids if event_id not in known]


def granted(consent_key: str) -> Described:
    """Whether a consent that is not a promoter's is granted and not withdrawn."""

    def get(row: EntryRow) -> bool:
        return any(
            consent.get("promoterId") is None and consent.get("key") == consent_key
            for consent in _granted(row)
        )

    return Described(meaning=Meaning(what=What.GRANTED, values=(consent_key,)), read=get)


def granted_to(promoter_id: object) -> Getter:
    """Whether the consent to exactly this promoter is granted and not withdrawn."""

    def get(row: EntryRow) -> bool:
        return any(consent.get("promoterId") == promoter_id for consent in _granted(row))

    return Described(meaning=Meaning(what=What.GRANTED_TO, values=(promoter_id,)), read=get)


def _granted(row: EntryRow) -> list[Mapping[str, Any]]:
    """The consents in force, whoever they are to."""
    found = row.memo.get("granted")
    if found is None:
        stored = mappings(row.entry.get("consents"))
        found = row.memo["granted"] = [consent for consent in stored if _is_granted(consent)]
    return found


def _is_granted(consent: Mapping[str, Any]) -> bool:
    # Null is not granted (DOMAIN.md 6.3).
    return consent.get("granted") is True and consent.get("withdrawnAt") is None


def band(row: EntryRow) -> object:
    """The risk band; a manual decision beats the scoring file (DOMAIN.md 2.6)."""
    manual = row.facts.bands.get(row.entry.get("_id"))
    return manual or _at("risk.override.band")(row) or _at("risk.band")(row)


def answer(key: str) -> Getter:
    """The latest answer to a question, by version."""

    def get(row: EntryRow) -> object:
        latest = row.memo.get("answers")
        if latest is None:
            latest = row.memo["answers"] = _latest(mappings(row.entry.get("answers")))
        return latest[key].get("value") if key in latest else None

    return Described(meaning=Meaning(what=What.ANSWER, path=key), read=get)


def _latest(answers: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The latest answer by the key of its question; of equals the first."""
    found: dict[str, Mapping[str, Any]] = {}
    for given in answers:
        key = given.get("key")
        # Only text can be a question's key; other keys need not even be hashable.
        if type(key) is str and (key not in found or version(given) > version(found[key])):
            found[key] = given
    return found


def version(given: Mapping[str, Any]) -> int:
    """The version of the question that an answer is to."""
    stated = given.get("version")
    return stated if isinstance(stated, int) else 0


def account_id(row: EntryRow) -> object:
    """The ticketing account of the fan, after merges; guests have none."""
    return None if row.user is None else row.user.get("accountId")


def present(path: str) -> Callable[[EntryRow], bool]:
    """Whether there is a value at a path."""
    read = _at(path)
    meaning = Meaning(what=What.PRESENT, path=path)
    return Described(meaning=meaning, read=lambda row: read(row) is not None)


def notes(row: EntryRow) -> list[str]:
    """What is odd about an entry whoever exports it, for the accounting."""
    found = []
    if row.user is None and row.entry.get("userId") is not None:
        found.append("missing_user")
    if len(preferences(row)) > row.facts.campaign.max_markets:
        found.append("extra_preferences")
    return found
