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

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from assets.exports.shared.chunks import chunks
from assets.exports.shared.entry_strands import strands
from assets.exports.shared.entry_values import NO_INSTANT, millis
from assets.exports.shared.salesforce import as_table, without_hyphens
from assets.exports.shared.signal_sources import (
    PROMOTER,
    WANTED,
    WITHDRAWN,
    channel_of,
    midnight,
    moment_of,
    promoter_name,
    said_by_entries,
    said_by_ledger,
    signal,
    subject_of,
    text_of,
)
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
from assets.model.campaign import Facts
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
    Statement,
)

DATA_EXTENSION: Final = "Suppression"
OPT_OUT, STOP = "global_opt_out", "sms_stop"
# What an account says by itself: the reason, its channel, and where it stands (DOMAIN.md 2.4).
_ACCOUNT: Final = (
    (OPT_OUT, BY_EMAIL, "emailGlobalOptOut"),
    (STOP, BY_SMS, "smsStop"),
    ("hard_bounce", BY_EMAIL, "hardBouncedAt"),
    ("complaint", BY_EMAIL, "complainedAt"),
)
_SQL: Final = "suppression"


# ------------------------------------------------------------------------------------------ time


def _first_day(facts: Facts) -> date:
    return date.fromisoformat(facts.request.options.get("since") or facts.request.partition)


def _window(facts: Facts) -> Window:
    last = date.fromisoformat(facts.request.partition)
    return Window(start=midnight(_first_day(facts)), end=midnight(last + timedelta(days=1)))


def _refuse(facts: Facts) -> None:
    if _first_day(facts) > date.fromisoformat(facts.request.partition):
        raise ExportFailed("OPTIONS_CONFLICT", "params/since must not be after params/day")


# ---------------------------------------------------------------------------------------- events


def _events(facts: Facts, reading: Reading) -> Iterator[Record]:
    asked = statement(f"{_SQL}/events.sql", literals=_literals(facts, of_campaign=True))
    told = reading.query(asked, f"events-{facts.campaign.key}")
    for events in chunks(told):
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
    subject = _keyed(event) if row is None else subject_of(row)
    moment = millis(event["occurred_at"])
    # An event that came on another day was not known before that day.
    known = max(moment, midnight(event["dt"]))
    if event["reason"] != "consent":
        channel = BY_SMS if event["reason"] == STOP else BY_EMAIL
        yield signal(subject, event["reason"], channel, moment, known=known)
        return
    channel = channel_of(facts.campaign, event["consent_key"])
    suppresses = event["action"] == WITHDRAWN
    if event["promoter_id"] is not None:
        name = promoter_name(facts, event["promoter_id"])
        yield signal(
            subject, PROMOTER, channel, moment, promoter=name, suppresses=suppresses, known=known
        )
    elif not suppresses and not _still_out(row, channel):
        reason = STOP if channel == BY_SMS else OPT_OUT
        yield signal(subject, reason, channel, moment, suppresses=False)


def _still_out(row: EntryRow | None, channel: str) -> bool:
    """Whether the account itself says no; then no consent to one campaign takes that back."""
    marketing = (row.user or {}).get("marketing") if row is not None else None
    name = "smsStop" if channel == BY_SMS else "emailGlobalOptOut"
    return not isinstance(marketing, Mapping) or marketing.get(name) not in (None, False)


def _keyed(event: Mapping[str, Any]) -> Subject:
    """Whom an event is about whose entry is not to be found: the key that the mailer has."""
    key = without_hyphens(text_of(event["subscriber_key"]))
    return Subject(id=key or str(event["entry_id"] or event["told_id"]), subscriber=key)


# -------------------------------------------------------------------------------------- accounts


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
    for users in chunks(reading.users_where(_flagged(facts))):
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
        email=text_of(user.get("email")),
        phone=text_of(phone.get("e164")) if isinstance(phone, Mapping) else None,
    )
    if (erasure := user.get("erasure")) is not None:
        moment = moment_of(erasure, "completedAt", "requestedAt", otherwise=user.get("updatedAt"))
        yield signal(subject, ERASED, BOTH, moment)
        return
    marketing = user.get("marketing") or {}
    if not isinstance(marketing, Mapping):
        raise Unfit("marketing:wrong_type")
    for reason, channel, name in _ACCOUNT:
        said = marketing.get(name)
        if said not in (None, False):
            stated = millis(said)
            moment = millis(user.get("updatedAt")) if stated == NO_INSTANT else stated
            yield signal(subject, reason, channel, moment)


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
        yield from said_by_entries(ground, reading)
        yield from _events(ground, reading)
    yield from said_by_ledger(reading, _literals(facts))
    yield from _accounts(facts, reading)


def _population(facts: Facts, reading: Reading) -> int:
    """Counted apart: events by the table, entries and accounts as sets of their ids."""
    total = _counted(reading, f"{_SQL}/count_erasures.sql", _literals(facts), "count-erasures")
    for ground in _grounds(facts):
        wanted = strands(ground, {"$or": list(WANTED)})
        total += len({row.entry["_id"] for row in reading.entries(ground, wanted)})
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
