"""What entries and the ledger of erasures say against writing to a fan, and for it.

`suppression` makes its file of these signals, and what is sent to an address asks them whether it
may be (`stopped`): what the one names the other must not hold (DOMAIN.md 11, point 3).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final

from bson import ObjectId

from assets.exports.shared.chunks import chunks
from assets.exports.shared.entry_options import withdrawn
from assets.exports.shared.entry_strands import strands
from assets.exports.shared.entry_values import NO_INSTANT, at, mappings, millis, string
from assets.exports.shared.salesforce import without_hyphens
from assets.exports.shared.signals import (
    BOTH,
    BY_EMAIL,
    BY_SMS,
    ERASED,
    Record,
    Signal,
    Subject,
    digest,
)
from assets.exports.shared.statements import statement
from assets.model.campaign import Campaign, Facts
from assets.model.column import Unfit
from assets.model.source import EntryRow, Filter, Reading, Segment

WITHDRAWN, PROMOTER = "withdrawn", "promoter_withdrawal"


def midnight(of: date) -> int:
    """When a day begins in UTC, in milliseconds since the epoch."""
    return millis(datetime.combine(of, time.min, UTC))


# --------------------------------------------------------------------------------------- entries


_GONE: Final = ["withdrawn", "erased"]
# Entries that say something against writing to their fan, in two parts.
WANTED: Final[tuple[Filter, ...]] = (
    {"status": {"$in": _GONE}},
    {
        "status": {"$nin": _GONE},
        "$or": [
            {"withdrawnAt": {"$ne": None}},
            {"erasure": {"$ne": None}},
            {"consents": {"$elemMatch": {"withdrawnAt": {"$ne": None}}}},
        ],
    },
)


def said_by_entries(facts: Facts, reading: Reading) -> Iterator[Record]:
    """Entries of one campaign; a later one of the same fan may take back what an earlier says."""
    for rows in chunks(reading.entries(facts, strands(facts, *WANTED))):
        others = _others(facts, reading, rows)
        for row in rows:
            yield _record(facts, [row, *others.get(row.entry.get("userId"), ())])


def _others(
    facts: Facts, reading: Reading, rows: Sequence[EntryRow]
) -> Mapping[object, list[EntryRow]]:
    """All entries of the fans of these, in whatever campaign."""
    ids = [user for row in rows if isinstance(user := row.entry.get("userId"), ObjectId)]
    segment = Segment(filter={"userId": {"$in": ids}}, sort=("_id",))
    found: dict[object, list[EntryRow]] = {}
    for row in reading.entries(facts, [[segment]]) if ids else ():
        found.setdefault(row.entry.get("userId"), []).append(row)
    return found


def _record(facts: Facts, rows: Sequence[EntryRow]) -> Record:
    try:
        first, *others = rows
        said = list(_said_by_entry(first))
        given = [one for row in others for one in _said_by_entry(row) if not one.suppresses]
        latest = millis(facts.snapshot)
        return Record(signals=tuple(one for one in (*said, *given) if one.at <= latest))
    except Unfit as unfit:
        return Record(unfit=unfit.reason)


def _said_by_entry(row: EntryRow) -> Iterator[Signal]:
    subject = subject_of(row)
    erasure = row.entry.get("erasure") or (row.user or {}).get("erasure")
    if erasure is not None or row.entry.get("status") == "erased":
        moment = moment_of(
            erasure, "completedAt", "requestedAt", otherwise=row.entry.get("updatedAt")
        )
        yield signal(subject, ERASED, BOTH, moment)
        return
    if withdrawn(row):
        yield signal(subject, WITHDRAWN, BOTH, _left_at(row))
    elif row.entry.get("isCurrent") is not False:
        yield signal(subject, WITHDRAWN, BOTH, millis(row.entry.get("createdAt")), suppresses=False)
    yield from _said_to_promoters(row, subject)


def _said_to_promoters(row: EntryRow, subject: Subject) -> Iterator[Signal]:
    for consent in mappings(row.entry.get("consents")):
        if (promoter := consent.get("promoterId")) is None:
            continue
        channel = channel_of(row.facts.campaign, consent.get("key"))
        name = promoter_name(row.facts, promoter)
        gone, given = millis(consent.get("withdrawnAt")), millis(consent.get("at"))
        if gone != NO_INSTANT:
            yield signal(subject, PROMOTER, channel, gone, promoter=name)
        elif consent.get("granted") is True:
            yield signal(subject, PROMOTER, channel, given, promoter=name, suppresses=False)


def _left_at(row: EntryRow) -> int:
    """When the fan withdrew; of old forms the log tells, else the last change."""
    logged = [
        millis(one.get("at"))
        for one in mappings(row.entry.get("statusLog"))
        if one.get("status") == "withdrawn"
    ]
    stated = millis(row.entry.get("withdrawnAt"))
    known = [moment for moment in (stated, *logged) if moment != NO_INSTANT]
    return known[0] if known else millis(row.entry.get("updatedAt"))


def moment_of(block: object, *names: str, otherwise: object) -> int:
    """The first of several instants of an embedded document that is there."""
    stated = [block.get(name) for name in names] if isinstance(block, Mapping) else []
    found = (moment for value in stated if (moment := millis(value)) != NO_INSTANT)
    return next(found, millis(otherwise))


def channel_of(campaign: Campaign, consent_key: object) -> str:
    """By which channel a consent lets somebody write."""
    by_text = {consent.key for consent in campaign.consents if consent.party == "sms"}
    return BY_SMS if consent_key in by_text else BY_EMAIL


def promoter_name(facts: Facts, promoter_id: object) -> str:
    """The promoter's key; its id where the platform does not know it any more."""
    keys = {str(promoter.id): promoter.key for promoter in facts.promoters}
    return keys.get(str(promoter_id), str(promoter_id))


def signal(
    subject: Subject,
    reason: str,
    channel: str,
    moment: int,
    *,
    promoter: str = "",
    suppresses: bool = True,
    known: int | None = None,
) -> Signal:
    """One signal; it was learned when it was said, unless `known` says later."""
    return Signal(
        subject=subject,
        reason=reason,
        channel=channel,
        at=moment,
        known=moment if known is None else known,
        promoter=promoter,
        suppresses=suppresses,
    )


def subject_of(row: EntryRow) -> Subject:
    """Whom an entry is about: the account after merges, else the address, else the entry."""
    email = string(row, "contact.email") or None
    stored = string(row, "contact.emailSha256") or None
    user = (row.user or {}).get("_id") or row.entry.get("userId")
    return Subject(
        id=str(user or digest(email) or stored or row.entry["_id"]),
        subscriber=without_hyphens((row.user or {}).get("accountId")),
        email=email,
        email_sha256=stored,
        phone=text_of(at("contact.phone.e164")(row)),
    )


def text_of(value: object) -> str | None:
    """A text that says something; None for anything else."""
    return value if isinstance(value, str) and value else None


# -------------------------------------------------------------------------------------- erasures


def said_by_ledger(reading: Reading, literals: Mapping[str, str]) -> Iterator[Record]:
    """The ledger, with the accounts of its users: the deletion at Salesforce needs their key."""
    asked = statement("suppression/erasures.sql", literals=literals)
    for erased in chunks(reading.query(asked, "erasures")):
        ids = [
            ObjectId(one["user_id"]) for one in erased if ObjectId.is_valid(one["user_id"] or "")
        ]
        accounts = reading.users(ids) if ids else {}
        for one in erased:
            yield _forgotten(one, accounts)


def _forgotten(one: Mapping[str, Any], accounts: Mapping[object, Mapping[str, Any]]) -> Record:
    named = text_of(one["user_id"])
    user = accounts.get(ObjectId(named)) if named and ObjectId.is_valid(named) else None
    left = text_of(one["email_sha256"])
    subject = Subject(
        id=str((user or {}).get("_id") or named or left),
        subscriber=without_hyphens((user or {}).get("accountId")),
        email_sha256=left,
    )
    moment = millis(one["completed_at"])
    known = max(moment, midnight(one["dt"]))
    return Record(signals=(signal(subject, ERASED, BOTH, moment, known=known),))
