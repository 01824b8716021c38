"""`suppression`: who must not be written to any more, of all campaigns, each day (DOMAIN.md 7.16).

A file holds what was learned on its day (or since `since`): events that came late are in the file
of the day on which they came, so that no day's file misses them. By time order a consent given
again takes a fan out; opt-outs of the account, stops, bounces and complaints stand as long as the
account says so.

Decided here: a line is about an address, so a fan with two has two; entries and erasures are for
both channels; files for promoters and ad platforms hold hashes only, without our keys, and those
for ads leave out what a fan said to a promoter. A day has no one campaign: its lines go to the one
data extension of the business unit, whose external key is `Suppression`. Campaigns that are drafts
or archived are not read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from assets.exports.shared.entry_options import withdrawn
from assets.exports.shared.entry_strands import by_registration
from assets.exports.shared.entry_values import NO_INSTANT, at, mappings, millis, string
from assets.exports.shared.salesforce import as_table, without_hyphens
from assets.exports.shared.signals import (
    BOTH,
    BY_EMAIL,
    BY_SMS,
    ERASED,
    Record,
    Signal,
    Subject,
    Suppressed,
    Suppressions,
    Window,
    digest,
)
from assets.exports.shared.statements import statement
from assets.model.campaign import Campaign, Facts
from assets.model.column import EMAIL, ENUM, ID, UTC_TIME, Column, Getter, Pii, Unfit, text
from assets.model.delivery import Delivery, Destination
from assets.model.export_type import ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.option import SLUG_PATTERN, choice, day, words
from assets.model.source import (
    Arrange,
    EntryRow,
    Filter,
    Fold,
    MadeSource,
    Reading,
    Segment,
    Statement,
)

DATA_EXTENSION: Final = "Suppression"
WITHDRAWN, PROMOTER = "withdrawn", "promoter_withdrawal"
OPT_OUT, STOP = "global_opt_out", "sms_stop"
# What an account says by itself: the reason, its channel, and where it stands (DOMAIN.md 2.4).
_ACCOUNT: Final = (
    (OPT_OUT, BY_EMAIL, "emailGlobalOptOut"),
    (STOP, BY_SMS, "smsStop"),
    ("hard_bounce", BY_EMAIL, "hardBouncedAt"),
    ("complaint", BY_EMAIL, "complainedAt"),
)
_AT_A_TIME: Final = 500  # records whose entries or accounts are looked up at once
_SQL: Final = "suppression"

Item = TypeVar("Item")


def _some(items: Iterable[Item]) -> Iterator[list[Item]]:
    waiting = iter(items)
    while chunk := list(islice(waiting, _AT_A_TIME)):
        yield chunk


# ------------------------------------------------------------------------------------------ time


def _first_day(facts: Facts) -> date:
    return date.fromisoformat(facts.request.options.get("since") or facts.request.partition)


def _window(facts: Facts) -> Window:
    last = date.fromisoformat(facts.request.partition)
    return Window(start=_midnight(_first_day(facts)), end=_midnight(last + timedelta(days=1)))


def _midnight(of: date) -> int:
    return millis(datetime.combine(of, time.min, UTC))


def _refuse(facts: Facts) -> None:
    if _first_day(facts) > date.fromisoformat(facts.request.partition):
        raise ExportFailed("OPTIONS_CONFLICT", "params/since must not be after params/day")


# --------------------------------------------------------------------------------------- entries


_GONE: Final = ["withdrawn", "erased"]
# Entries that say something against writing to their fan, in two parts.
_WANTED: Final[tuple[Filter, ...]] = (
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


def _strands(facts: Facts, *wanted: Filter) -> list[list[Segment]]:
    """The wanted entries of one campaign, along the index that holds its entries together."""
    return [
        [replace(part, filter={"$and": [part.filter, one]}) for one in wanted for part in strand]
        for strand in by_registration(facts)
    ]


def _entries(facts: Facts, reading: Reading) -> Iterator[Record]:
    """Entries of one campaign; a later one of the same fan may take back what an earlier says."""
    for rows in _some(reading.entries(facts, _strands(facts, *_WANTED))):
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
        given = [
            signal for row in others for signal in _said_by_entry(row) if not signal.suppresses
        ]
        latest = millis(facts.snapshot)
        return Record(signals=tuple(one for one in (*said, *given) if one.at <= latest))
    except Unfit as unfit:
        return Record(unfit=unfit.reason)


def _said_by_entry(row: EntryRow) -> Iterator[Signal]:
    subject = _subject(row)
    erasure = row.entry.get("erasure") or (row.user or {}).get("erasure")
    if erasure is not None or row.entry.get("status") == "erased":
        moment = _moment(
            erasure, "completedAt", "requestedAt", otherwise=row.entry.get("updatedAt")
        )
        yield _signal(subject, ERASED, BOTH, moment)
        return
    if withdrawn(row):
        yield _signal(subject, WITHDRAWN, BOTH, _left_at(row))
    elif row.entry.get("isCurrent") is not False:
        yield _signal(
            subject, WITHDRAWN, BOTH, millis(row.entry.get("createdAt")), suppresses=False
        )
    yield from _said_to_promoters(row, subject)


def _said_to_promoters(row: EntryRow, subject: Subject) -> Iterator[Signal]:
    for consent in mappings(row.entry.get("consents")):
        if (promoter := consent.get("promoterId")) is None:
            continue
        channel = _channel(row.facts.campaign, consent.get("key"))
        name = _promoter(row.facts, promoter)
        gone, given = millis(consent.get("withdrawnAt")), millis(consent.get("at"))
        if gone != NO_INSTANT:
            yield _signal(subject, PROMOTER, channel, gone, promoter=name)
        elif consent.get("granted") is True:
            yield _signal(subject, PROMOTER, channel, given, promoter=name, suppresses=False)


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


def _moment(block: object, *names: str, otherwise: object) -> int:
    """The first of several instants of an embedded document that is there."""
    stated = [block.get(name) for name in names] if isinstance(block, Mapping) else []
    found = (moment for value in stated if (moment := millis(value)) != NO_INSTANT)
    return next(found, millis(otherwise))


def _channel(campaign: Campaign, consent_key: object) -> str:
    by_text = {consent.key for consent in campaign.consents if consent.party == "sms"}
    return BY_SMS if consent_key in by_text else BY_EMAIL


def _promoter(facts: Facts, promoter_id: object) -> str:
    """The promoter's key; its id where the platform does not know it any more."""
    keys = {str(promoter.id): promoter.key for promoter in facts.promoters}
    return keys.get(str(promoter_id), str(promoter_id))


def _signal(
    subject: Subject,
    reason: str,
    channel: str,
    moment: int,
    *,
    promoter: str = "",
    suppresses: bool = True,
    known: int | None = None,
) -> Signal:
    return Signal(
        subject=subject,
        reason=reason,
        channel=channel,
        at=moment,
        known=moment if known is None else known,
        promoter=promoter,
        suppresses=suppresses,
    )


def _subject(row: EntryRow) -> Subject:
    """Whom an entry is about: the account after merges, else the address, else the entry."""
    email = string(row, "contact.email") or None
    stored = string(row, "contact.emailSha256") or None
    user = (row.user or {}).get("_id") or row.entry.get("userId")
    return Subject(
        id=str(user or digest(email) or stored or row.entry["_id"]),
        subscriber=without_hyphens((row.user or {}).get("accountId")),
        email=email,
        email_sha256=stored,
        phone=_text(at("contact.phone.e164")(row)),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


# ---------------------------------------------------------------------------------------- events


def _events(facts: Facts, reading: Reading) -> Iterator[Record]:
    asked = statement(f"{_SQL}/events.sql", literals=_literals(facts, of_campaign=True))
    told = reading.query(asked, f"events-{facts.campaign.key}")
    for events in _some(told):
        entries = reading.entries_by_ids(facts, (event["entry_id"] for event in events))
        for event in events:
            yield _heard(facts, event, entries.get(str(event["entry_id"])))


def _heard(facts: Facts, event: Mapping[str, Any], row: EntryRow | None) -> Record:
    try:
        return Record(signals=tuple(_said_by_event(facts, event, row)))
    except Unfit as unfit:
        return Record(unfit=unfit.reason)


def _said_by_event(
    facts: Facts, event: Mapping[str, Any], row: EntryRow | None
) -> Iterator[Signal]:
    subject = _keyed(event) if row is None else _subject(row)
    moment = millis(event["occurred_at"])
    # An event that came on another day was not known before that day.
    known = max(moment, _midnight(event["dt"]))
    if event["reason"] != "consent":
        channel = BY_SMS if event["reason"] == STOP else BY_EMAIL
        yield _signal(subject, event["reason"], channel, moment, known=known)
        return
    channel = _channel(facts.campaign, event["consent_key"])
    suppresses = event["action"] == WITHDRAWN
    if event["promoter_id"] is not None:
        name = _promoter(facts, event["promoter_id"])
        yield _signal(
            subject, PROMOTER, channel, moment, promoter=name, suppresses=suppresses, known=known
        )
    elif not suppresses and not _still_out(row, channel):
        reason = STOP if channel == BY_SMS else OPT_OUT
        yield _signal(subject, reason, channel, moment, suppresses=False)


def _still_out(row: EntryRow | None, channel: str) -> bool:
    """Whether the account itself says no; then no consent to one campaign takes that back."""
    marketing = (row.user or {}).get("marketing") if row is not None else None
    name = "smsStop" if channel == BY_SMS else "emailGlobalOptOut"
    return not isinstance(marketing, Mapping) or marketing.get(name) not in (None, False)


def _keyed(event: Mapping[str, Any]) -> Subject:
    """Whom an event is about whose entry is not to be found: the key that the mailer has."""
    key = without_hyphens(_text(event["subscriber_key"]))
    return Subject(id=key or str(event["entry_id"] or event["told_id"]), subscriber=key)


# -------------------------------------------------------------------------- erasures and accounts


def _erasures(facts: Facts, reading: Reading) -> Iterator[Record]:
    """The ledger, with the accounts of its users: the deletion at Salesforce needs their key."""
    asked = statement(f"{_SQL}/erasures.sql", literals=_literals(facts))
    for erased in _some(reading.query(asked, "erasures")):
        ids = [
            ObjectId(one["user_id"]) for one in erased if ObjectId.is_valid(one["user_id"] or "")
        ]
        accounts = reading.users(ids) if ids else {}
        for one in erased:
            yield _forgotten(one, accounts)


def _forgotten(one: Mapping[str, Any], accounts: Mapping[object, Mapping[str, Any]]) -> Record:
    named = _text(one["user_id"])
    user = accounts.get(ObjectId(named)) if named and ObjectId.is_valid(named) else None
    left = _text(one["email_sha256"])
    subject = Subject(
        id=str((user or {}).get("_id") or named or left),
        subscriber=without_hyphens((user or {}).get("accountId")),
        email_sha256=left,
    )
    moment = millis(one["completed_at"])
    known = max(moment, _midnight(one["dt"]))
    return Record(signals=(_signal(subject, ERASED, BOTH, moment, known=known),))


def _flagged(facts: Facts) -> Filter:
    """Accounts that were erased, or that said no, within the window."""
    window = _window(facts)
    inside = {"$gte": _instant(window.start), "$lt": _instant(window.end)}
    said = [{f"marketing.{name}": inside} for _, _, name in _ACCOUNT if name.endswith("At")]
    flags = [
        {f"marketing.{name}": True, "updatedAt": inside}
        for _, _, name in _ACCOUNT
        if not name.endswith("At")
    ]
    return {
        "kind": {"$nin": ["staff", "service"]},
        "$or": [*said, *flags, {"erasure.completedAt": inside}],
    }


def _instant(moment: int) -> datetime:
    return DatetimeMS(moment).as_datetime().replace(tzinfo=UTC)


def _accounts(facts: Facts, reading: Reading) -> Iterator[Record]:
    """What accounts say; a no of one that was merged since is of the account that it is now."""
    for users in _some(reading.users_where(_flagged(facts))):
        merged = [user["_id"] for user in users if user.get("mergedInto") is not None]
        today = reading.users(merged) if merged else {}
        for user in users:
            yield _told(user, today.get(user["_id"]) or user)


def _told(user: Mapping[str, Any], today: Mapping[str, Any]) -> Record:
    if user.get("undecodable") or today.get("undecodable"):
        return Record(unfit="user:undecodable")
    try:
        return Record(signals=tuple(_said_by_account(user, today)))
    except Unfit as unfit:
        return Record(unfit=unfit.reason)


def _said_by_account(user: Mapping[str, Any], today: Mapping[str, Any]) -> Iterator[Signal]:
    phone = user.get("phone")
    subject = Subject(
        id=str(today.get("_id", user["_id"])),
        subscriber=without_hyphens(today.get("accountId")),
        email=_text(user.get("email")),
        phone=_text(phone.get("e164")) if isinstance(phone, Mapping) else None,
    )
    if (erasure := user.get("erasure")) is not None:
        moment = _moment(erasure, "completedAt", "requestedAt", otherwise=user.get("updatedAt"))
        yield _signal(subject, ERASED, BOTH, moment)
        return
    marketing = user.get("marketing") or {}
    if not isinstance(marketing, Mapping):
        raise Unfit("marketing:wrong_type")
    for reason, channel, name in _ACCOUNT:
        said = marketing.get(name)
        if said not in (None, False):
            stated = millis(said)
            moment = millis(user.get("updatedAt")) if stated == NO_INSTANT else stated
            yield _signal(subject, reason, channel, moment)


# ------------------------------------------------------------------------------------------ rows


def _literals(facts: Facts, *, of_campaign: bool = False) -> dict[str, str]:
    """Days of arrival from the first of the file on: what came later may take something back."""
    snapshot = facts.snapshot
    literals = {
        "from_date": f"{_first_day(facts):%Y-%m-%d}",
        "to_date": f"{snapshot:%Y-%m-%d}",
        "until": f"{snapshot:%Y-%m-%d %H:%M:%S}.{snapshot.microsecond // 1000:03d}",
    }
    return {**literals, "campaign_id": str(facts.campaign.id)} if of_campaign else literals


def _grounds(facts: Facts) -> Iterator[Facts]:
    """The facts of each campaign: tables and collections are read one campaign at a time."""
    for campaign in facts.campaigns:
        yield replace(facts, campaign=campaign)


def _rows(facts: Facts, reading: Reading) -> Iterator[Record]:
    for ground in _grounds(facts):
        yield from _entries(ground, reading)
        yield from _events(ground, reading)
    yield from _erasures(facts, reading)
    yield from _accounts(facts, reading)


def _population(facts: Facts, reading: Reading) -> int:
    """Counted apart: events by the table, entries and accounts as sets of their ids."""
    total = _counted(reading, f"{_SQL}/count_erasures.sql", _literals(facts), "count-erasures")
    for ground in _grounds(facts):
        strands = _strands(ground, {"$or": list(_WANTED)})
        total += len({row.entry["_id"] for row in reading.entries(ground, strands)})
        literals = _literals(ground, of_campaign=True)
        name = f"count-{ground.campaign.key}"
        total += _counted(reading, f"{_SQL}/count_events.sql", literals, name)
    return total + len({user["_id"] for user in reading.users_where(_flagged(facts))})


def _counted(reading: Reading, template: str, literals: Mapping[str, str], name: str) -> int:
    asked: Statement = statement(template, literals=literals)
    (row,) = reading.query(asked, name)
    return int(next(iter(row.values())) or 0)


class _Wanted:
    """The lines that the request is about, of all that the records come to."""

    def __init__(self, facts: Facts) -> None:
        self._options = facts.request.options
        self._all = Suppressions(_window(facts))

    def add(self, row: Record) -> Iterable[Suppressed]:
        """Take one record."""
        return self._all.add(row)

    def rest(self) -> Iterator[Suppressed]:
        """The lines of the channel, the target and the promoters."""
        for line in self._all.rest():
            key = _key(line, self._options["target"])
            if key and self._is_wanted(line):
                yield replace(line, key=key)

    def _is_wanted(self, line: Suppressed) -> bool:
        channel, promoters = self._options["channels"], self._options.get("promoters")
        if channel != BOTH and line.channel not in (channel, BOTH):
            return False
        if line.reason != PROMOTER:
            return True
        return self._options["target"] != "ad" and (not promoters or line.promoter in promoters)


def _key(line: Suppressed, target: str) -> str:
    """By what the receiver knows the fan; empty where it could not know whom a line is about."""
    subject = line.subject
    if target == "sfmc":
        return subject.subscriber or subject.email or ""
    return subject.digest or digest(subject.phone)


def _fold(facts: Facts) -> Fold:
    return _Wanted(facts)


def _order(line: Suppressed) -> tuple[str, str, str]:
    return line.reason, line.key, line.ledger_id


# --------------------------------------------------------------------------------------- columns


def _column(name: str, form: Any, pii: Pii, source: str, value: Getter) -> Column:
    return Column(name=name, format=form, pii=pii, source=source, value=value)


_SUBSCRIBER = _column(
    "SubscriberKey", text(50), Pii.PSEUDONYM, "u.accountId", lambda line: line.subject.subscriber
)
_ADDRESS = _column(
    "EmailAddress",
    EMAIL,
    Pii.DIRECT,
    "e.contact.email | u.email",
    lambda line: line.subject.email,
)
# Text, not `h256`: of who was erased only the hash is left, and a hash must not be hashed again.
_ADDRESS_HASH = _column(
    "email_sha256",
    text(64),
    Pii.DIRECT,
    "X: SHA-256 of e.contact.email | A.erasure_ledger.email_sha256",
    lambda line: line.subject.digest,
)
_REST: tuple[Column, ...] = (
    _column(
        "phone_sha256",
        text(64),
        Pii.DIRECT,
        "X: SHA-256 of e.contact.phone.e164 | u.phone.e164",
        lambda line: digest(line.subject.phone) or None,
    ),
    _column("Channel", ENUM, Pii.NONE, "X: channel of the reason", lambda line: line.channel),
    _column("Reason", ENUM, Pii.NONE, "X: why", lambda line: line.reason),
    _column("PromoterKey", ID, Pii.NONE, "p.key", lambda line: line.promoter or None),
    _column("EffectiveUtc", UTC_TIME, Pii.NONE, "X: when", lambda line: DatetimeMS(line.at)),
    _column(
        "LedgerId",
        ID,
        Pii.PSEUDONYM,
        "X: SHA-256 of reason, promoter, channel and subject",
        lambda line: line.ledger_id,
    ),
)
_CLEAR: tuple[Column, ...] = (_SUBSCRIBER, _ADDRESS, *_REST)
_HASHED: tuple[Column, ...] = (_ADDRESS_HASH, *_REST)


def columns(facts: Facts) -> tuple[Column, ...]:
    """Addresses for the mailer that has them already, hashes for everybody else."""
    return _CLEAR if facts.request.options["target"] == "sfmc" else _HASHED


def _fixed(options: Mapping[str, Any]) -> Mapping[str, str]:
    """Machines read it. Hashes are made here, so no mode may hash or mask them again."""
    if options["target"] == "sfmc":
        return as_table(options)
    return {"dialect": "rfc4180", "format": "csv", "pii": "full"}


def _table(facts: Facts) -> str:
    """The data extension of the business unit.

    Raises:
        ExportFailed: `OPTIONS_CONFLICT`: the file is for somebody else.
    """
    if facts.request.options["target"] != "sfmc":
        message = "only target=sfmc goes to Salesforce: ask with an empty deliver"
        raise ExportFailed("OPTIONS_CONFLICT", message)
    return DATA_EXTENSION


SUPPRESSION = ExportType(
    name="suppression",
    version=1,
    summary="Who must not be written to any more, of all campaigns, as learned on a day.",
    scope=Scope.DAY,
    owner="team:privacy",
    upstream=(
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "users"),
        ("mongo", "promoters"),
        ("athena", "fan_events", "erasure_ledger"),
        ("athena", "fan_events", "sms_events"),
        ("athena", "fan_events", "email_events"),
        ("athena", "fan_events", "consent_events"),
    ),
    options=(
        choice(
            "channels",
            "Only suppressions of this channel, and those of both.",
            values=(BY_EMAIL, BY_SMS, BOTH),
            default=BOTH,
        ),
        day("since", "From this day on (UTC, included), not the one day only."),
        choice(
            "target",
            "Who reads it: sfmc gets addresses and keys, the others hashes only.",
            values=("sfmc", "promoter", "ad"),
            default="sfmc",
        ),
        words(
            "promoters",
            "Only these promoters' withdrawals, by key; what is not a promoter's stays.",
            pattern=SLUG_PATTERN,
        ),
    ),
    columns=columns,
    static_columns=_CLEAR,
    sort=("Reason", "SubscriberKey", "LedgerId"),
    rows=MadeSource(
        rows=_rows,
        population=_population,
        fold=_fold,
        arrange=Arrange(key=_order),
    ),
    retention_days=30,
    other_columns=("email_sha256",),
    deliveries=(Delivery(destination=Destination.SFMC, target=_table),),
    fixed=_fixed,
    refuse=_refuse,
)
