"""`email-engagement`: what became of the e-mails and texts to fans (DOMAIN.md 7.15).

Events arrive days late, so the manifest states `completeness_until_utc`: what happened before it
has had three days to arrive. One row is one fan and kind of message, whatever the number of
sendings; the levels `message` and `domain` count such rows.

Decided here: an open within two seconds of the delivery of the same sending is a machine's; it is
counted, and the row says so. `sms_state` is how far a text came, a STOP being the end. The domain
is that of the fan's address today: the sender's events hold none. Fans who were erased are in no
row of the level `fan`; sums keep what they did. `from` and `to` are about when a thing happened.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from assets.exports.shared.chunks import AT_A_TIME, chunks
from assets.exports.shared.entry_strands import of_campaign, strands
from assets.exports.shared.entry_values import email_domain
from assets.exports.shared.lake import events_until_snapshot
from assets.exports.shared.statements import statement
from assets.model.campaign import Facts
from assets.model.column import (
    ENUM,
    ID,
    INTEGER,
    UTC_TIME,
    YES_NO,
    Column,
    Format,
    Getter,
    Pii,
    percent,
    text,
)
from assets.model.export_type import ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.instant import rfc3339
from assets.model.option import choice, day, words
from assets.model.source import (
    Arrange,
    AthenaSource,
    Filter,
    Fold,
    Reading,
    Segment,
    Statement,
    Verdict,
    keep_all,
)

# DOMAIN.md 7.15, as for `scores`: nobody opens so many rows, and text takes four times the room.
MOST_IN_TEXT: Final = 5_000_000
# One event in a hundred takes longer than a day (DOMAIN.md 10.3), hardly any longer than three.
LATE: Final = timedelta(days=3)
_SQL: Final = "email_engagement"
_ERASED: Final[Filter] = {"$or": [{"status": "erased"}, {"erasure": {"$ne": None}}]}

Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is known before the first row.

    Attributes:
        reading: Looks up the entries of the rows, for their domains.
        erased: Entries of fans who were erased, by their id.
        complete: Nothing that happened before is still on its way; None: nothing has arrived.
    """

    reading: Reading
    erased: frozenset[str]
    complete: datetime | None


def _prepare(facts: Facts, reading: Reading) -> Prepared:
    """Ask how far the events have arrived, and who was erased.

    Raises:
        ExportFailed: `PARQUET_NEEDED`: more rows than a text file is good for.
    """
    personal = facts.request.options["level"] == "fan"
    if personal and facts.request.output.kind != "parquet":
        (row,) = reading.query(_population(facts), "size")
        if row["pairs"] > MOST_IN_TEXT:
            message = f"more than {MOST_IN_TEXT} rows need format=parquet"
            raise ExportFailed("PARQUET_NEEDED", message)
    return Prepared(
        reading=reading,
        erased=frozenset(_erased(facts, reading)) if personal else frozenset(),
        complete=_complete(facts, reading),
    )


def _complete(facts: Facts, reading: Reading) -> datetime | None:
    asked = statement(f"{_SQL}/newest.sql", literals=events_until_snapshot(facts))
    (row,) = reading.query(asked, "newest")
    newest = row["newest"]
    if not isinstance(newest, date):
        return None
    arrived = datetime.combine(newest + timedelta(days=1), time.min, UTC)
    return min(arrived, facts.snapshot) - LATE


def _erased(facts: Facts, reading: Reading) -> Iterator[str]:
    """Ids of the campaign's entries that were erased, by themselves or with their account."""
    gone = reading.entries(facts, strands(facts, _ERASED), fields=())
    yield from (str(row.entry["_id"]) for row in gone)
    # Of millions of accounts few have the field; an index holds those that do.
    erased: Filter = {"erasure": {"$exists": True, "$ne": None}}
    users = (user["_id"] for user in reading.users_where(erased))
    for ids in chunks(users):
        theirs = Segment(filter={**of_campaign(facts), "userId": {"$in": ids}}, sort=("_id",))
        found = reading.entries(facts, [[theirs]], fields=())
        yield from (str(row.entry["_id"]) for row in found)


# -------------------------------------------------------------------------------------------- sql


def _literals(facts: Facts) -> dict[str, str]:
    """The events of the days asked for; late ones arrive after them, so partitions go on."""
    usual, options = events_until_snapshot(facts), facts.request.options
    last = f"{options['to']} 23:59:59.999" if options.get("to") else usual["until"]
    return {
        **usual,
        "from_date": options.get("from") or usual["from_date"],
        "until": min(last, usual["until"]),
    }


def _query(facts: Facts) -> Statement:
    return statement(f"{_SQL}/events.sql", f"{_SQL}/by_fan.sql", literals=_literals(facts))


def _population(facts: Facts) -> Statement:
    return statement(f"{_SQL}/events.sql", f"{_SQL}/count.sql", literals=_literals(facts))


# ------------------------------------------------------------------------------------------ rows


def _verdict(facts: Facts) -> Verdict:
    kinds, erased = facts.request.options.get("message_kinds"), facts.prepared.erased
    if not kinds and not erased:
        return keep_all

    def verdict(row: Result) -> str | None:
        if kinds and row["message_kind"] not in kinds:
            return "message_kinds"
        return "erased" if row["entry_id"] in erased else None

    return verdict


class WithDomains:
    """A fold: gives each row the domain of its fan's address, many rows at a time.

    Args:
        facts: The request, and where to look up entries.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        asked = facts.request.columns
        self._wanted = not asked or "email_domain" in asked
        self._waiting: list[Result] = []

    def add(self, row: Result) -> Iterable[Result]:
        """Take one row; the rows whose entries were looked up with it."""
        self._waiting.append(row)
        return self.rest() if len(self._waiting) >= AT_A_TIME else ()

    def rest(self) -> Iterable[Result]:
        """The rows that still wait."""
        rows, self._waiting = self._waiting, []
        domains = self._domains(rows) if self._wanted else {}
        return [{**row, "email_domain": domains.get(row["entry_id"])} for row in rows]

    def _domains(self, rows: Sequence[Result]) -> dict[str, str | None]:
        ids = {row["entry_id"] for row in rows} - {None}
        found = self._facts.prepared.reading.entries_by_ids(self._facts, ids)
        return {entry_id: email_domain(entry) for entry_id, entry in found.items()}


class Sums:
    """A fold: counts fans by kind of message, and by domain if that is the level.

    Args:
        facts: The request, and where to look up entries.
    """

    def __init__(self, facts: Facts) -> None:
        self._by_domain = facts.request.options["level"] == "domain"
        self._fans = WithDomains(facts)
        self._counts: dict[tuple[str, str], Counter[str]] = {}

    def add(self, row: Result) -> Iterable[Result]:
        """Count one fan."""
        if self._by_domain:
            self._count(self._fans.add(row))
        else:
            self._count([row])
        return ()

    def rest(self) -> Iterator[Result]:
        """The sums."""
        self._count(self._fans.rest())
        for (kind, domain), counts in self._counts.items():
            yield {"message_kind": kind, "email_domain": domain or None, "counts": counts}

    def _count(self, rows: Iterable[Result]) -> None:
        for row in rows:
            group = row["message_kind"], row.get("email_domain") or ""
            self._counts.setdefault(group, Counter()).update(_counted(row))


def _counted(row: Result) -> dict[str, int]:
    """What one fan adds to each sum."""
    people = row["opens"] - row["machine_opens"]
    return {
        "fans": 1,
        "sent": int(row["sent_at"] is not None),
        "delivered": int(row["delivered_at"] is not None),
        "opened": int(row["opens"] > 0),
        "opened_by_people": int(people > 0),
        "clicked": int(row["clicks"] > 0),
        "opens": row["opens"],
        "clicks": row["clicks"],
        "hard_bounced": int(row["bounce_class"] == "hard"),
        "unsubscribes": int(row["unsubscribes"] > 0),
        "complaints": int(row["complaints"] > 0),
        "texts_delivered": int(row["sms_state"] in ("delivered", "stop")),
        "texts_failed": int(row["sms_state"] == "failed"),
        "texts_stopped": int(row["sms_state"] == "stop"),
    }


def _fold(facts: Facts) -> Fold:
    return WithDomains(facts) if facts.request.options["level"] == "fan" else Sums(facts)


def _order(row: Result) -> tuple[str, ...]:
    named = ("message_kind", "entry_id", "subscriber_key", "email_domain")
    return tuple(row.get(name) or "" for name in named)


# --------------------------------------------------------------------------------------- columns


def _column(
    name: str, form: Format, source: str, value: Getter, *, pii: Pii = Pii.NONE, said: str = ""
) -> Column:
    return Column(name=name, format=form, pii=pii, source=source, value=value, description=said)


def _shown(name: str, form: Format, source: str, *, pii: Pii = Pii.NONE, said: str = "") -> Column:
    """A column that shows the result column of the same name, without its `_utc`."""
    result = name.removesuffix("_utc")
    return _column(name, form, source, lambda row: row[result], pii=pii, said=said)


def _first(name: str, event: str) -> Column:
    source = f"A.min(email_events.occurred_at, email_events.event_type = {event})"
    return _shown(name, UTC_TIME, source)


def _said(name: str, result: str, event: str) -> Column:
    source = f"A.bool_or(email_events.event_type = {event})"
    return _column(name, YES_NO, source, lambda row: row[result] > 0)


def _machine_open(row: Result) -> bool | None:
    return row["machine_opens"] > 0 if row["opens"] else None


_KIND: Final = _column(
    "message_kind",
    ENUM,
    "A.email_events.message_kind | sms_events.message_kind",
    lambda row: row["message_kind"] or None,
)
_DOMAIN: Final = _shown(
    "email_domain",
    text(253),
    "e.contact.email",
    pii=Pii.QUASI_IDENTIFIER,
    said="Of the fan's address today.",
)
_OPENS: Final = "A.count(email_events.event_type = open)"
_CLICKS: Final = "A.count(email_events.event_type = click)"
_COLUMNS: tuple[Column, ...] = (
    _shown("entry_id", ID, "A.email_events.entry_id | sms_events.entry_id", pii=Pii.PSEUDONYM),
    _shown("subscriber_key", text(50), "A.email_events.subscriber_key", pii=Pii.PSEUDONYM),
    _KIND,
    _first("sent_at_utc", "sent"),
    _first("delivered_at_utc", "delivered"),
    _first("first_open_at_utc", "open"),
    _first("first_click_at_utc", "click"),
    _shown("opens", INTEGER, _OPENS, said="Those of machines included."),
    _shown("clicks", INTEGER, _CLICKS),
    _column(
        "machine_open",
        YES_NO,
        "A.email_events.occurred_at by email_events.job_id",
        _machine_open,
        said="Y: the first open came within two seconds of the delivery, from a privacy proxy.",
    ),
    _shown(
        "bounce_class",
        ENUM,
        "A.last(email_events.bounce_class)",
        said="hard if it ever bounced for good, else of the last bounce.",
    ),
    _said("unsubscribed", "unsubscribes", "unsubscribe"),
    _said("complained", "complaints", "complaint"),
    _shown(
        "sms_state",
        ENUM,
        "A.furthest(sms_events.event_type)",
        said="How far the text came; stop: the fan answered STOP.",
    ),
    _shown("sms_error", ENUM, "A.last(sms_events.error_code)"),
    _DOMAIN,
)


def _sum(name: str, source: str, said: str = "") -> Column:
    return _column(name, INTEGER, f"A.{source}", lambda row: row["counts"][name], said=said)


def _fans(name: str, event: str, said: str = "") -> Column:
    source = f"count(email_events.entry_id, email_events.event_type = {event})"
    return _sum(name, source, said)


def _texts(name: str, event: str) -> Column:
    return _sum(name, f"count(sms_events.entry_id, sms_events.event_type = {event})")


def _share(name: str, part: str, event: str) -> Column:
    def get(row: Result) -> Decimal | None:
        whole = row["counts"]["delivered"]
        return Decimal(row["counts"][part]) / Decimal(whole) if whole else None

    source = f"A.count(email_events.event_type = {event}) / count(email_events.event_type)"
    return _column(name, percent(1), source, get, said="Of the fans that it was delivered to.")


_SUMS: tuple[Column, ...] = (
    _sum("fans", "count(email_events.entry_id | sms_events.entry_id)"),
    _fans("sent", "sent", "Fans, as all that follows but opens and clicks."),
    _fans("delivered", "delivered"),
    _fans("opened", "open"),
    _fans("opened_by_people", "open", "Fans with an open that is no machine's."),
    _fans("clicked", "click"),
    _sum("opens", _OPENS.removeprefix("A.")),
    _sum("clicks", _CLICKS.removeprefix("A.")),
    _fans("hard_bounced", "bounce"),
    _fans("unsubscribes", "unsubscribe"),
    _fans("complaints", "complaint"),
    _texts("texts_delivered", "delivered"),
    _texts("texts_failed", "failed"),
    _texts("texts_stopped", "stop"),
    _share("open_pct", "opened_by_people", "open"),
    _share("click_pct", "clicked", "click"),
)
_LEVELS: Final[Mapping[str, tuple[Column, ...]]] = {
    "fan": _COLUMNS,
    "message": (_KIND, *_SUMS),
    "domain": (_KIND, *_SUMS, _DOMAIN),
}


def _stated(facts: Facts) -> Mapping[str, str]:
    complete = facts.prepared.complete
    return {} if complete is None else {"completeness_until_utc": rfc3339(complete)}


EMAIL_ENGAGEMENT = ExportType(
    name="email-engagement",
    version=1,
    summary="What became of the e-mails and texts to fans: one row a fan and kind of message.",
    scope=Scope.CAMPAIGN,
    owner="team:crm",
    upstream=(
        ("athena", "fan_events", "email_events"),
        ("athena", "fan_events", "sms_events"),
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "users"),
    ),
    options=(
        words("message_kinds", "Only these kinds of message."),
        choice(
            "level",
            "One row a fan and kind of message, or sums by kind, or by kind and domain.",
            values=tuple(_LEVELS),
            default="fan",
        ),
        day("from", "What happened from this day on (UTC, included)."),
        day("to", "What happened up to this day (UTC, included).", after="from"),
    ),
    columns=lambda facts: _LEVELS[facts.request.options["level"]],
    static_columns=_COLUMNS,
    sort=("message_kind", "entry_id"),
    rows=AthenaSource(
        query=_query,
        population=_population,
        verdict=_verdict,
        fold=_fold,
        arrange=Arrange(key=_order),
    ),
    retention_days=90,
    other_columns=tuple(column.name for column in _SUMS if column.name not in ("opens", "clicks")),
    prepare=_prepare,
    stated=_stated,
)
