"""`registration-timeline`: how registration went, by time and market (DOMAIN.md 7.11).

A session counts in each market that it names, and once in the row `TOTAL` of its bucket. One that
names no market, or one that the campaign does not have, counts in `UNKNOWN`, which is there only
if anything does. It counts in every bucket in which it took a step.

Decided here: buckets begin in UTC and are labelled in the zone, so an hour that the clocks skip
has no row and one that they repeat has two rows that differ by `utc_offset`; a day is one of UTC.
Empty buckets are written from the opening to the closing of registration, or for the days asked
for; outside of that, where a wrong clock would make a million of them, only rows that count
something. `cumulative_entries` are the entries in the database at the end of the bucket, of
whoever is there at the snapshot, as in `market-demand`.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from bson.datetime_ms import DatetimeMS

from assets.exports.shared.demand import UNKNOWN
from assets.exports.shared.entry_options import LIVE, first_failing
from assets.exports.shared.entry_strands import (
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import NO_INSTANT, market, millis, notes, preferences
from assets.exports.shared.lake import events_until_snapshot
from assets.exports.shared.statements import statement
from assets.model.campaign import Facts
from assets.model.column import (
    ID,
    INTEGER,
    LOCAL_TIME,
    OFFSET,
    UTC_TIME,
    Column,
    Format,
    Getter,
    Pii,
    percent,
)
from assets.model.export_type import ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.option import ZONE, choice, day
from assets.model.source import EntryRow, EntrySource, Reading, Statement

TOTAL: Final = "TOTAL"
_STEPS: Final = ("started", "submitted", "verified_phone", "completed", "withdrawn")
_SQL: Final = "registration_timeline"
# Length in milliseconds, and what the events' instants are cut to: a unit, then minutes of it.
_BUCKETS: Final[Mapping[str, tuple[int, str, str]]] = {
    "15m": (15 * 60_000, "minute", "15"),
    "hour": (60 * 60_000, "hour", "1"),
    "day": (24 * 60 * 60_000, "day", "1"),
}

# The begin of a bucket in milliseconds since the epoch, and the key of a market.
Place = tuple[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A bucket of a market; `sessions` are counts by column, none where nothing happened."""

    start: int
    key: str
    sessions: Mapping[str, Any]
    entries: int

    def counted(self, name: str) -> int:
        """One of the counts of sessions."""
        return int(self.sessions.get(name, 0))


# ------------------------------------------------------------------------------------------ time


def _length(facts: Facts) -> int:
    return _BUCKETS[facts.request.options["bucket"]][0]


def _asked(facts: Facts, name: str) -> date | None:
    chosen = facts.request.options.get(name)
    return None if chosen is None else date.fromisoformat(chosen)


def _midnight(of: date) -> int:
    return millis(datetime.combine(of, time.min, UTC))


def _within(facts: Facts) -> range:
    """The milliseconds that were asked for: all of them, unless days were named."""
    first, last = _asked(facts, "from"), _asked(facts, "to")
    start = NO_INSTANT if first is None else _midnight(first)
    end = millis(facts.snapshot) + 1 if last is None else _midnight(last + timedelta(days=1))
    return range(start, min(end, millis(facts.snapshot) + 1))


def _filled(facts: Facts) -> range:
    """The begins of the buckets that are written even if nothing happened in them."""
    schedule, within, length = facts.campaign.schedule, _within(facts), _length(facts)
    start = within.start if _asked(facts, "from") else millis(schedule.registration_opens_at)
    closes = millis(schedule.registration_closes_at)
    end = within.stop if _asked(facts, "to") or closes == NO_INSTANT else closes
    if start == NO_INSTANT:
        return range(0)
    return range(start // length * length, min(end, within.stop), length)


# ---------------------------------------------------------------------------------------- events


def _literals(facts: Facts) -> dict[str, str]:
    _, unit, minutes = _BUCKETS[facts.request.options["bucket"]]
    keys = ", ".join(f"'{market.key}'" for market in facts.markets)
    first = facts.request.options.get("from")
    # No event arrives before it happens, so older partitions hold nothing of the days asked for.
    arrived = {"from_date": first} if first else {}
    return {
        **events_until_snapshot(facts),
        **arrived,
        "unit": unit,
        "minutes": minutes,
        "market_keys": keys or "''",
    }


def _statement(facts: Facts, select: str) -> Statement:
    return statement(f"{_SQL}/sessions.sql", f"{_SQL}/{select}.sql", literals=_literals(facts))


def _prepare(facts: Facts, reading: Reading) -> Mapping[Place, Mapping[str, Any]]:
    """The counts of sessions by bucket and market.

    Raises:
        ExportFailed: `ROWS_UNACCOUNTED`: an independent count disagrees; worth another try.
    """
    found = {
        (millis(row["bucket_start"]), str(row["market_key"])): row
        for row in reading.query(_statement(facts, "by_bucket"), "by_bucket")
    }
    (counted,) = reading.query(_statement(facts, "count"), "count")
    if len(found) != counted["counted"]:
        message = f"{len(found)} buckets were read but there are {counted['counted']}"
        raise ExportFailed("ROWS_UNACCOUNTED", message, retryable=True)
    within = _within(facts)
    return {place: row for place, row in found.items() if place[0] in within}


# --------------------------------------------------------------------------------------- entries


class Timeline:
    """A fold: counts entries by bucket and market; what it holds is a few numbers a bucket.

    Args:
        facts: The campaign with its markets, the options, and the counts of sessions.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._length = _length(facts)
        self._registered: Counter[Place] = Counter()

    def add(self, row: EntryRow) -> Iterable[Row]:
        """Count one entry.

        Raises:
            Unfit: Its preferences cannot be read.
        """
        known = (market(row, preference.market_id) for preference in preferences(row))
        keys = {UNKNOWN if there is None else there.key for there in known} or {UNKNOWN}
        start = _registered(row) // self._length * self._length
        self._registered.update((start, key) for key in (*keys, TOTAL))
        return ()

    def rest(self) -> Iterator[Row]:
        """The rows, in their order."""
        seen, filled = self._facts.prepared, _filled(self._facts)
        waiting = deque(sorted(self._registered.items()))
        entries: Counter[str] = Counter()
        keys = self._keys()
        for start in sorted({*filled, *(start for start, _ in seen)}):
            while waiting and waiting[0][0][0] <= start:
                (_, key), count = waiting.popleft()
                entries[key] += count
            for key in keys:
                if start in filled or (start, key) in seen:
                    sessions = seen.get((start, key), {})
                    yield Row(start=start, key=key, sessions=sessions, entries=entries[key])

    def _keys(self) -> list[str]:
        used = {key for _, key in (*self._registered, *self._facts.prepared)}
        known = [there.key for there in self._facts.markets]
        return sorted({TOTAL, *known, *(used & {UNKNOWN})})


def _registered(row: EntryRow) -> int:
    """When an entry was registered; one whose instant nobody can read was there from the start."""
    found = millis(row.entry.get("createdAt"))
    return found if found <= millis(row.facts.snapshot) else NO_INSTANT


def _notes(row: EntryRow) -> Sequence[str]:
    unknown = ("no_registration_instant",) if _registered(row) == NO_INSTANT else ()
    return (*notes(row), *unknown)


# --------------------------------------------------------------------------------------- columns


def _column(name: str, form: Format, source: str, value: Getter, said: str = "") -> Column:
    return Column(
        name=name, format=form, pii=Pii.NONE, source=source, value=value, description=said
    )


def _start(row: Row) -> DatetimeMS:
    return DatetimeMS(row.start)


_BEGIN: Final = "A.trunc(registration_events.occurred_at)"


def _step(name: str) -> Column:
    source = f"A.count(registration_events.session_id, registration_events.step = {name})"
    return _column(name, INTEGER, source, lambda row: row.counted(name))


def _completion(row: Row) -> Decimal | None:
    started = row.counted("started")
    return Decimal(row.counted("completed")) / Decimal(started) if started else None


_COLUMNS: tuple[Column, ...] = (
    _column("bucket_start_utc", UTC_TIME, _BEGIN, _start),
    _column("bucket_start", LOCAL_TIME, _BEGIN, _start, "In the zone asked for."),
    _column("utc_offset", OFFSET, _BEGIN, _start, "Of bucket_start from UTC."),
    _column(
        "market_key",
        ID,
        "A.registration_events.market_keys among m.key",
        lambda row: row.key,
        "TOTAL counts every session once; UNKNOWN is no market, or none that the campaign has.",
    ),
    _column(
        "sessions",
        INTEGER,
        "A.count(registration_events.session_id)",
        lambda row: row.counted("sessions"),
        "Distinct sessions that took any step in the bucket, as in the columns that follow.",
    ),
    *(_step(name) for name in _STEPS[:-1]),
    _column(
        "completion_pct",
        percent(1),
        "A.count(registration_events.step = completed) / count(registration_events.step = started)",
        _completion,
        "Empty where none started; above 100 where sessions began in the bucket before.",
    ),
    _step(_STEPS[-1]),
    _column(
        "cumulative_entries",
        INTEGER,
        "X: count of e.createdAt by e.preferences",
        lambda row: row.entries,
        "Entries registered by the end of the bucket that are neither deleted nor erased.",
    ),
)


def _refuse(facts: Facts) -> None:
    try:
        ZoneInfo(facts.zone)
    except (KeyError, ValueError, OSError):  # no such file, no such name, or a folder of them
        message = "params/zone is no time zone of the IANA database"
        raise ExportFailed("UNKNOWN_TIME_ZONE", message) from None


REGISTRATION_TIMELINE = ExportType(
    name="registration-timeline",
    version=1,
    summary="How many sessions of the registration took which step, by time and market.",
    scope=Scope.CAMPAIGN,
    owner="team:campaigns",
    upstream=(
        ("athena", "fan_events", "registration_events"),
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "markets"),
        ("mongo", "users"),
    ),
    options=(
        choice("bucket", "How long a bucket is.", values=tuple(_BUCKETS), default="hour"),
        ZONE,
        day("from", "Buckets from this day on (UTC, included)."),
        day("to", "Buckets up to this day (UTC, included).", after="from"),
    ),
    columns=lambda _: _COLUMNS,
    static_columns=_COLUMNS,
    sort=("bucket_start_utc", "market_key"),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=lambda _: first_failing(LIVE),
        notes=_notes,
        fold=Timeline,
    ),
    retention_days=90,
    prepare=_prepare,
    refuse=_refuse,
)
