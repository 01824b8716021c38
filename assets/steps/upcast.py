"""The one place where entries of 2017 to 2022 become today's shape (DOMAIN.md 2.9).

Two passes: `_from_v1` and `_from_v2` move fields to where v3 has them; then one table of known
places turns instants stored as text or epoch milliseconds, and numbers stored as text, into what
they say (the type dirt of DOMAIN.md 10.3). Only what can be read exactly is changed; any other
value stays as it is, so that its column rejects it in the open.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from operator import is_
from types import NoneType
from typing import Final, TypeVar

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId

Block = dict[str, object]
Kind = TypeVar("Kind")


def upcast_entry(
    document: Mapping[str, object], *, market_by_name: Mapping[str, object]
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Give an entry of any version in v3 shape.

    Args:
        document: The stored document; never changed. A clean v3 `dict` is returned itself.
        market_by_name: Market ids of the campaign by case-folded name.

    Returns:
        The entry, and what was odd about it, each code once: `coerced_date`, `coerced_number`,
        `unknown_optin`, `unknown_status`, `unknown_user`, `unknown_version`, `unmatched_market`,
        `unparseable_phone`.
    """
    notes: list[str] = []
    entry = document if isinstance(document, dict) else dict(document)
    match entry.get("schemaVersion"):
        case 3:
            pass
        case 2:
            entry = _from_v2(entry, notes)
        case None | 1:
            entry = _from_v1(entry, market_by_name, notes)
        case _:
            notes.append("unknown_version")
    entry = _repaired(entry, PLACES, notes)
    return entry, tuple(dict.fromkeys(notes))


# ---------------------------------------------------------------------------------------- shapes


def _named(**values: Kind) -> dict[str, Kind]:
    """A table by name; as keywords, since a field may be called what an export is called."""
    return values


# Where an earlier version has what a field of today's shape is made of.
_V1_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "contact": ("email", "name", "phone"),
    "consents": ("optin",),
    "createdAt": ("created",),
    "preferences": ("market",),
}
_V2_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "consents": ("optIns",),
    "preferences": ("markets",),
    "risk": ("score",),
}
_V1_FIELDS: Final = tuple(chain.from_iterable(_V1_PLACES.values()))
_V2_FIELDS: Final = tuple(chain.from_iterable(_V2_PLACES.values()))
OLD_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    name: (*_V1_PLACES.get(name, ()), *_V2_PLACES.get(name, ()))
    for name in {**_V1_PLACES, **_V2_PLACES}
}
"""Where earlier versions have what a field of today's shape is made of, beside that field."""

# What the old forms called today's statuses. `standby` and those who were `confirmed` or a
# `winner` stood on the two sides of the draw; the `denied` had failed the vetting before it.
_STATUSES: Final = _named(
    confirmed="selected",
    denied="rejected",
    standby="waitlisted",
    waitlist="waitlisted",
    winner="selected",
)
# DOMAIN.md 2.8.
_TODAYS: Final = frozenset(
    (
        "registered",
        "verified",
        "rejected",
        "duplicate",
        "selected",
        "waitlisted",
        "not_selected",
        "promoted",
        "code_sent",
        "redeemed",
        "lapsed",
        "withdrawn",
        "erased",
    )
)
# The old opt-ins by the key that today's consents have.
_CONSENTS: Final = {"artist": "artist_email", "promoter": "promoter_email"}


def _from_v1(old: Block, market_by_name: Mapping[str, object], notes: list[str]) -> Block:
    """2017-18: a flat contact, a market in words, one yes, no account."""
    first, last = _names(old.get("name"))
    email = old.get("email")
    contact: Block = {
        "email": email,
        "emailNormalized": email.strip().lower() if isinstance(email, str) else None,
        "firstName": first,
        "lastName": last,
        "countryCode": None,
        "phone": _telephone(old.get("phone"), None, notes),
    }
    shaped: Block = {
        "userId": None,
        "contact": contact,
        "preferences": _wish(old.get("market"), market_by_name, notes),
        "consents": _yes(old.get("optin"), notes),
        "createdAt": old.get("created"),
    }
    return _merged(shaped, old, _V1_FIELDS, notes)


def _from_v2(old: Block, notes: list[str]) -> Block:
    """2019-22: markets without rank, opt-ins without evidence, a score out of 100."""
    shaped: Block = {
        "preferences": _wishes(old.get("markets")),
        "consents": _opt_ins(old.get("optIns"), notes),
    }
    if (score := old.get("score")) is not None:
        shaped["risk"] = {"score": score}
    shaped = _merged(shaped, old, _V2_FIELDS, notes)
    if isinstance(risk := shaped.get("risk"), dict) and risk.get("score") is not None:
        shaped["risk"] = {**risk, "score": _ratio(risk["score"])}
    if isinstance(contact := shaped.get("contact"), dict):
        shaped["contact"] = {"countryCode": None, **contact, "phone": _old_phone(contact, notes)}
    if isinstance(user := shaped.get("userId"), str) and not ObjectId.is_valid(user):
        notes.append("unknown_user")
        shaped["userId"] = None
    return shaped


def _merged(shaped: Block, old: Block, moved: tuple[str, ...], notes: list[str]) -> Block:
    """The new fields under the old ones: what a document already has in v3 shape, it keeps."""
    kept = {
        key: value
        for key, value in old.items()
        if key not in moved and not (value is None and key in shaped)
    }
    status = old.get("status")
    if type(status) is str:  # code of JavaScript is a text, too, and cannot be looked up
        kept["status"] = _STATUSES.get(status, status)
        if kept["status"] not in _TODAYS:
            notes.append("unknown_status")
    return shaped | kept | {"schemaVersion": 3}


def _names(name: object) -> tuple[object, object]:
    """First and last name, split at the last blank; a single word is a first name."""
    if not isinstance(name, str):
        return name, None
    match name.strip().rsplit(None, 1):
        case [first, last]:
            return first, last
        case [first]:
            return first, None
        case _:
            return None, None


def _wish(market: object, market_by_name: Mapping[str, object], notes: list[str]) -> object:
    """The first wish of a v1 form; a market that nobody knows is no wish, but is counted."""
    if market is None or market == "":
        return []
    found = market_by_name.get(market.strip().casefold()) if isinstance(market, str) else None
    if found is None:
        notes.append("unmatched_market")
        return []
    return [{"marketId": found, "rank": 1, "eventIds": []}]


def _wishes(markets: object) -> object:
    """Unranked wishes: exports rank them by their place in the list (DOMAIN.md 7.1)."""
    if not isinstance(markets, list):
        return markets
    return [{"marketId": _object_id(market), "eventIds": []} for market in markets]


def _yes(optin: object, notes: list[str]) -> list[Block]:
    """The one opt-in of v1: granted, but to nobody by name, so never shareable."""
    said = optin.strip().casefold() if isinstance(optin, str) else optin
    if said in ("y", "true", 1):  # True and 1.0 are 1
        return [{"key": "promoter_email", "granted": True}]
    if said not in (None, "", "n", "false", 0):
        notes.append("unknown_optin")
    return []


def _opt_ins(opt_ins: object, notes: list[str]) -> object:
    """The opt-ins of v2: granted without evidence, so never shareable either."""
    if opt_ins is None:
        return []
    if not isinstance(opt_ins, dict):
        return opt_ins
    if any(not isinstance(said, bool | None) for said in opt_ins.values()):
        notes.append("unknown_optin")
    return [
        {"key": _CONSENTS.get(key, key), "granted": True}
        for key, said in opt_ins.items()
        if said is True
    ]


_FULL_SCORE: Final = 100


def _ratio(score: object) -> object:
    """0 to 100 as 0 to 1; the quotient of two whole numbers is the double nearest to it."""
    number = _number(score, [])
    if isinstance(number, bool) or not isinstance(number, int | float):
        return score
    return number / _FULL_SCORE if 0 <= number <= _FULL_SCORE else score


# ------------------------------------------------------------------------------------ telephones

_EXTENSION: Final = re.compile(r"\s*(?:;?\s*ext(?:ension)?[.=:]?|x|#)\s*[0-9]{1,7}$", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[\s().\-\u2010-\u2015/]+")
_TRUNK_ZERO: Final = (
    "(0)"  # "+44 (0)20 7946 0000": dialled at home only; which digits count is a guess
)
_WITH_PLUS: Final = re.compile(r"\+(?:1[2-9][0-9]{2}[2-9][0-9]{6}|[2-9][0-9]{7,14})")
_TEN_DIGITS: Final = re.compile(r"[2-9][0-9]{2}[2-9][0-9]{6}")
_NORTH_AMERICA: Final = (None, "CA", "US")


def parsed_phone(raw: str, country: object = None) -> str | None:
    """E.164 of a number as it was typed, or None where that would be a guess (DOMAIN.md 2.9).

    A leading plus says all; ten digits that the North American plan can have are `+1` unless the
    country says otherwise. An extension is left out, as in libphonenumber's E.164.
    """
    if _TRUNK_ZERO in raw:
        return None
    digits = _SEPARATORS.sub("", _EXTENSION.sub("", raw.strip()))
    if _WITH_PLUS.fullmatch(digits):
        return digits
    return f"+1{digits}" if country in _NORTH_AMERICA and _TEN_DIGITS.fullmatch(digits) else None


def _telephone(raw: object, country: object, notes: list[str]) -> Block | None:
    if raw is None or raw == "":
        return None
    e164 = parsed_phone(raw, country) if isinstance(raw, str) else None
    if e164 is None:
        notes.append("unparseable_phone")
    return {"e164": e164, "raw": raw}


def _old_phone(contact: Block, notes: list[str]) -> object:
    """The telephone of a v2 contact, which was text or a block with the text in `raw`."""
    phone = contact.get("phone")
    if not isinstance(phone, dict):
        return _telephone(phone, contact.get("countryCode"), notes)
    if phone.get("e164") is not None:
        return phone
    country = phone.get("countryCode") or contact.get("countryCode")
    return {**phone, **(_telephone(phone.get("raw"), country, notes) or {"e164": None})}


# ------------------------------------------------------------------------------------- type dirt

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISO: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?")

Repair = Callable[[object, list[str]], object]
Place = tuple[type, Repair]  # the type that needs no repair, and what repairs others


def _instant(value: object, notes: list[str]) -> object:
    """A date from ISO 8601 text (UTC where it names no zone) or epoch milliseconds."""
    if isinstance(value, datetime | DatetimeMS | bool):
        return value
    found: object = None
    if isinstance(value, str):
        found = _from_iso(value)
    elif isinstance(value, int | float):
        found = _from_milliseconds(value)
    if found is None:
        return value
    notes.append("coerced_date")
    return found


def _from_iso(text: str) -> datetime | None:
    if not _ISO.fullmatch(text):
        return None
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # 30 February, or the year 0 in UTC
        return None


def _from_milliseconds(count: float) -> datetime | DatetimeMS | None:
    if not math.isfinite(count) or count != int(count) or abs(count) >= 2**63:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=int(count))
    except OverflowError:  # a date, but none that Python has: its column will say so
        return DatetimeMS(int(count))


def _number(value: object, notes: list[str]) -> object:
    """A number from text, if it says exactly what the number says."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        return value
    number = int(value) if _WHOLE.fullmatch(value) else float(value)
    if Decimal(repr(number)) != Decimal(value):
        return value
    notes.append("coerced_number")
    return number


def _object_id(value: object, _notes: object = None) -> object:
    """An id from its 24 hexadecimal digits."""
    return ObjectId(value) if isinstance(value, str) and ObjectId.is_valid(value) else value


def _repaired(block: Block, places: Mapping[str, Place], notes: list[str]) -> Block:
    """The block itself, or a copy where something had to be repaired."""
    changed: Block = {}
    for key, (clean, repair) in places.items():
        value = block.get(key)
        if value is None or type(value) is clean:  # nearly every value, so no call for it
            continue
        better = repair(value, notes)
        if better is not value:
            changed[key] = better
    return {**block, **changed} if changed else block


@dataclass(frozen=True, slots=True)
class Nested:
    """Repairs an embedded document with known places."""

    places: Mapping[str, Place]

    def __call__(self, value: object, notes: list[str]) -> object:
        """The document, or a better one."""
        return _repaired(value, self.places, notes) if isinstance(value, dict) else value


@dataclass(frozen=True, slots=True)
class EachNested:
    """Repairs a list of embedded documents with known places."""

    places: Mapping[str, Place]

    def __call__(self, value: object, notes: list[str]) -> object:
        """The list, or a better one."""
        if not isinstance(value, list) or not value:
            return value
        places = self.places
        better = [
            _repaired(item, places, notes) if isinstance(item, dict) else item for item in value
        ]
        return value if all(map(is_, better, value)) else better


def _block(**places: Place) -> Place:
    return NoneType, Nested(places)


def _each(**places: Place) -> Place:
    return NoneType, EachNested(places)


_INSTANT: Final[Place] = (datetime, _instant)
_COUNT: Final[Place] = (int, _number)
_SCORE: Final[Place] = (float, _number)

# Every known place of an instant, a number and an account in an entry (DOMAIN.md 2.5).
PLACES: Final[Mapping[str, Place]] = _named(
    userId=(ObjectId, _object_id),
    createdAt=_INSTANT,
    updatedAt=_INSTANT,
    withdrawnAt=_INSTANT,
    deletedAt=_INSTANT,
    statusLog=_each(at=_INSTANT),
    contact=_block(phone=_block(verifiedAt=_INSTANT)),
    preferences=_each(rank=_COUNT, ticketQuantity=_COUNT),
    consents=_each(at=_INSTANT, withdrawnAt=_INSTANT),
    boost=_block(points=_COUNT, activities=_each(count=_COUNT, lastAt=_INSTANT)),
    referral=_block(signups=_COUNT),
    verification=_block(emailAt=_INSTANT, phoneAt=_INSTANT, accountAgeDays=_COUNT),
    risk=_block(score=_SCORE, scoredAt=_INSTANT, override=_block(at=_INSTANT)),
    selection=_block(drawRank=_COUNT, wave=_COUNT, decidedAt=_INSTANT),
    waitlist=_block(position=_COUNT, promotedAt=_INSTANT),
    codes=_each(seq=_COUNT, assignedAt=_INSTANT, sentAt=_INSTANT),
    messages=_each(at=_INSTANT),
    erasure=_block(requestedAt=_INSTANT, completedAt=_INSTANT),
)
