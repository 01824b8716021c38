"""`boost-leaderboard`: who did most for a campaign, and brought the most fans (DOMAIN.md 7.18).

Places are by the points that the entry holds, for those are what the draw counts. The ledger of
events is added up beside them under the daily caps of today's campaign: where it comes to another
sum the row is noted as `mismatch`, and activities that were accepted beyond a cap as
`beyond_daily_cap`. A place is shared by equal points and the next is one further (dense); among
equals whoever had them first stands first. Rows behind the first `top_n` are kept in the accounting
but not made.

Decided here: a day is one in UTC; of the fans that an entry brought those count who are live, and
as verified those whom verification let through; nobody is credited with a fan of a referral loop
(`referral_loop`), nor is there a row for a referrer who withdrew (`referrer_withdrawn`). Duplicates
never have a row: they would be one fan twice. An entry without points has none, unless the ledger
gives it some. A name, country or code that cannot be read is empty and counted
(`unreadable:<column>`): nobody loses a place for it.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final
from unicodedata import normalize

from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from assets.exports.shared.entry_columns import COUNTRY_COLUMN, field
from assets.exports.shared.entry_options import ACTIVE, LIVE, Rule, first_failing, withdrawn
from assets.exports.shared.entry_strands import (
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import NO_INSTANT, at, mappings, millis
from assets.exports.shared.entry_values import notes as entry_notes
from assets.exports.shared.id_set import IdSet
from assets.exports.shared.lake import events_until_snapshot
from assets.exports.shared.questions import distinct, slug
from assets.exports.shared.readable import Readable
from assets.exports.shared.referrals import Referral, Referrals
from assets.exports.shared.statements import statement
from assets.model.campaign import Boost, Facts
from assets.model.column import (
    ID,
    INTEGER,
    UTC_TIME,
    Column,
    Format,
    Getter,
    Pii,
    Unfit,
    text,
)
from assets.model.export_type import ExportType, Scope
from assets.model.option import flag, whole
from assets.model.source import (
    EntryRow,
    EntrySource,
    Filter,
    Reading,
    Segment,
    Statement,
    Verdict,
)
from assets.steps.arrange import Sorter

_SQL: Final = "boost_leaderboard"
_TOP: Final = 10_000
_MOST: Final = 10_000_000
# Registered is not verified yet; who was rejected, or is a duplicate, never was (DOMAIN.md 2.8).
_VERIFIED: Final = frozenset(ACTIVE) - {"registered"}


# --- before the first row -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deeds:
    """What the ledger says of one entry.

    Attributes:
        points: Of the accepted activities, no more a day than count.
        rejected: Activities that were not accepted.
        beyond: Activities that were accepted though the day's were used up.
        last: When the last one was that counts, in milliseconds; `NO_INSTANT` for none.
    """

    points: int = 0
    rejected: int = 0
    beyond: int = 0
    last: int = NO_INSTANT


class DeedsById:
    """Finds what an entry did, with 36 bytes an entry: 38 MB where a million of them have points.

    Args:
        told: The rows of the ledger in the order of the entry's id.
    """

    def __init__(self, told: Iterable[Mapping[str, Any]]) -> None:
        self._ids: bytearray = bytearray()
        self._points, self._last = array("q"), array("q")
        self._rejected, self._beyond = array("I"), array("I")
        for row in told:
            if ObjectId.is_valid(str(row["entry_id"])):  # what is no id is of no entry
                self._add(ObjectId(str(row["entry_id"])), row)

    def _add(self, entry: ObjectId, row: Mapping[str, Any]) -> None:
        self._ids += entry.binary
        self._points.append(int(row["points"]))
        self._rejected.append(int(row["rejected_events"]))
        self._beyond.append(int(row["beyond_cap"]))
        self._last.append(millis(row["last_activity_at"]))

    def of(self, entry: ObjectId) -> Deeds:
        """What it did; nothing where the ledger does not know it."""
        place = bisect_left(range(len(self._points)), entry.binary, key=self._id)
        if place == len(self._points) or self._id(place) != entry.binary:
            return Deeds()
        return Deeds(
            self._points[place], self._rejected[place], self._beyond[place], self._last[place]
        )

    def _id(self, place: int) -> bytes:
        return bytes(self._ids[12 * place : 12 * place + 12])


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What the ledger and the other entries say.

    Attributes:
        gone: Ids of entries whose fan withdrew.
    """

    deeds: DeedsById
    referrals: Referrals
    gone: IdSet


def _prepare(facts: Facts, reading: Reading) -> Prepared:
    """Add up the ledger, and see who brought whom."""
    gone: list[str] = []
    referrals = Referrals(_referrals(facts, reading, gone))
    deeds = DeedsById(reading.query(ledger(facts), "boosts"))
    return Prepared(deeds=deeds, referrals=referrals, gone=IdSet(gone))


def ledger(facts: Facts) -> Statement:
    """What each entry did; the caps are bound, for their number is the campaign's."""
    capped = [boost for boost in facts.campaign.boosts if boost.daily_cap is not None]
    return statement(
        f"{_SQL}/caps.sql",
        *(f"{_SQL}/cap.sql" for _ in capped),
        f"{_SQL}/by_entry.sql",
        literals=events_until_snapshot(facts),
        parameters=tuple(said for boost in capped for said in (boost.key, str(boost.daily_cap))),
    )


# Entries that somebody brought, and those that may have brought somebody and withdrew since.
_TELLING: Final[Filter] = {
    "$or": [
        {"referral.referredBy": {"$ne": None}},
        {"status": "withdrawn"},
        {"withdrawnAt": {"$ne": None}},
    ]
}


def _telling(facts: Facts) -> list[list[Segment]]:
    return [
        [replace(part, filter={"$and": [part.filter, _TELLING]}) for part in strand]
        for strand in by_registration(facts)
    ]


def _referrals(facts: Facts, reading: Reading, gone: list[str]) -> Iterator[Referral]:
    """The referrals of live entries; on the way, the entries of who withdrew are noted."""
    live = first_failing(LIVE)
    for row in reading.entries(facts, _telling(facts)):
        entry, left = row.entry["_id"], withdrawn(row)
        if left:
            gone.append(str(entry))
        by = _brought_by(row)
        if by is not None and isinstance(entry, ObjectId) and live(row) is None:
            verified = row.entry.get("status") in _VERIFIED and not left
            yield Referral(entry=entry, by=by, verified=verified)


def _brought_by(row: EntryRow) -> ObjectId | None:
    """The entry that brought this one; what is no id brought nobody."""
    referral = row.entry.get("referral")
    by = referral.get("referredBy") if isinstance(referral, Mapping) else None
    return by if isinstance(by, ObjectId) else None


# --- what a row shows of its entry --------------------------------------------------------------


def _display_name(row: EntryRow) -> str:
    """First name and the initial of the last: enough to be known by friends."""
    first, last = (_name(row, f"contact.{part}") for part in ("firstName", "lastName"))
    return f"{first} {last[:1]}.".strip() if last else first


def _name(row: EntryRow, path: str) -> str:
    value = at(path)(row)
    if value is not None and not isinstance(value, str):
        raise Unfit("wrong_type")
    # Composed, so that an initial keeps its accent.
    return normalize("NFC", value or "").strip()


def _column(
    name: str, form: Format, pii: Pii, source: str, value: Getter, *, said: str = ""
) -> Column:
    return Column(name=name, format=form, pii=pii, source=source, value=value, description=said)


# None of them may cost a fan the place, so they are empty where they cannot be read.
_OF_ENTRY: Final = (
    _column(
        "display_name",
        text(84),
        Pii.DIRECT,
        "X: e.contact.firstName, and the initial of e.contact.lastName",
        _display_name,
        said="First name and the initial of the last.",
    ),
    COUNTRY_COLUMN,
    field("referral_code", ID, Pii.PSEUDONYM, "referral.code"),
)
_READABLE: Final = Readable(_OF_ENTRY)


# --- who has a row ------------------------------------------------------------------------------


def _deeds(row: EntryRow) -> Deeds:
    found: Deeds | None = row.memo.get("deeds")
    if found is None:
        found = row.memo["deeds"] = row.facts.prepared.deeds.of(row.entry["_id"])
    return found


def _whole(value: object, name: str) -> int:
    """A number of the entry; none is 0.

    Raises:
        Unfit: It is something else.
    """
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unfit(f"{name}:wrong_type")
    return value


def _points(row: EntryRow) -> int:
    return _whole(at("boost.points")(row), "points")


def _has_points(row: EntryRow) -> bool:
    return _points(row) > 0 or _deeds(row).points > 0


def _verdict(facts: Facts) -> Verdict:
    rejected_too = bool(facts.request.options["include_rejected"])
    rules: tuple[Rule, ...] = (
        *LIVE,
        ("withdrawn", lambda row: not withdrawn(row)),
        ("duplicate", lambda row: row.entry.get("status") != "duplicate"),
        ("rejected", lambda row: rejected_too or row.entry.get("status") != "rejected"),
        ("no_points", _has_points),
    )
    return first_failing(rules)


def _notes(row: EntryRow) -> list[str]:
    """What does not fit together: the points and the ledger, or who brought whom."""
    prepared: Prepared = row.facts.prepared
    deeds, by = _deeds(row), _brought_by(row)
    odd = {
        "mismatch": deeds.points != _points(row),
        "beyond_daily_cap": deeds.beyond > 0,
        "referral_loop": prepared.referrals.is_looped(row.entry["_id"]),
        "referrer_withdrawn": by is not None and str(by) in prepared.gone,
    }
    return [
        *entry_notes(row),
        *_READABLE.notes(row),
        *(name for name, is_so in odd.items() if is_so),
    ]


# --- rows ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one entry has: `shown` by column, `counts` by the key of the activity."""

    entry_id: str
    shown: Mapping[str, object]
    points: int
    activities: int
    counts: Mapping[str, int]
    signups: int
    verified: int
    rejected: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the file."""

    rank: int
    standing: Standing


class Leaderboard:
    """Sorts the entries on disk and gives out the places.

    Args:
        facts: With what `prepare` read, and the options.
    """

    def __init__(self, facts: Facts) -> None:
        self._referrals: Referrals = facts.prepared.referrals
        self._top = int(facts.request.options["top_n"])
        self._sorter: Sorter[Standing] = Sorter()

    def add(self, row: EntryRow) -> Iterable[Row]:
        """Keep one entry.

        Raises:
            Unfit: One of its fields cannot be read.
        """
        standing = self._standing(row)
        self._sorter.add(_order(standing), standing)
        return ()

    def rest(self) -> Iterable[Row]:
        """The first rows, best first."""
        rank, points = 0, None
        for _, standing in islice(self._sorter.pairs(), self._top):
            if standing.points != points:
                rank, points = rank + 1, standing.points
            yield Row(rank=rank, standing=standing)

    def _standing(self, row: EntryRow) -> Standing:
        entry_id, deeds = row.entry["_id"], _deeds(row)
        counts, last = _activities(row)
        return Standing(
            entry_id=str(entry_id),
            shown=_READABLE.values(row),
            points=_points(row),
            activities=sum(counts.values()),
            counts=counts,
            signups=self._referrals.signups(entry_id),
            verified=self._referrals.verified(entry_id),
            rejected=deeds.rejected,
            last=last if deeds.last == NO_INSTANT else deeds.last,
        )


def _order(standing: Standing) -> tuple[Any, ...]:
    """Most points first, then who had them first; who did nothing that is known of comes last."""
    never = standing.last == NO_INSTANT
    return -standing.points, never, standing.last, standing.entry_id


def _activities(row: EntryRow) -> tuple[Mapping[str, int], int]:
    """How often each activity was done, and when the last one was, as the entry says."""
    counts: dict[str, int] = {}
    last = NO_INSTANT
    for one in mappings(at("boost.activities")(row)):
        key, count = str(one.get("key")), _whole(one.get("count"), "activities")
        counts[key] = counts.get(key, 0) + count
        last = max(last, millis(one.get("lastAt")))
    return counts, last


# --- columns ------------------------------------------------------------------------------------


def _of(name: str, form: Format, pii: Pii, source: str, *, said: str = "") -> Column:
    """A column that shows what a standing calls by the same name."""
    return _column(name, form, pii, source, lambda row: getattr(row.standing, name), said=said)


_SHOWN: Final = _READABLE.shown(lambda row: row.standing.shown)
_BEFORE_COUNTS: tuple[Column, ...] = (
    _column(
        "rank",
        INTEGER,
        Pii.NONE,
        "X: order of e.boost.points",
        lambda row: row.rank,
        said="Equal points share a place, and the next is one further.",
    ),
    _of("entry_id", ID, Pii.PSEUDONYM, "e._id"),
    _SHOWN["display_name"],
    _SHOWN["country"],
    _of("points", INTEGER, Pii.NONE, "e.boost.points", said="As the entry holds them."),
    _of("activities", INTEGER, Pii.NONE, "X: sum of e.boost.activities.count"),
)
_AFTER_COUNTS: tuple[Column, ...] = (
    _SHOWN["referral_code"],
    _column(
        "referral_signups",
        INTEGER,
        Pii.NONE,
        "X: count of e.referral.referredBy",
        lambda row: row.standing.signups,
        said="Live entries that the fan brought; none of a loop.",
    ),
    _column(
        "referral_verified",
        INTEGER,
        Pii.NONE,
        "X: count of e.referral.referredBy by e.status",
        lambda row: row.standing.verified,
        said="Those of them that were verified.",
    ),
    _column(
        "rejected_events",
        INTEGER,
        Pii.RESTRICTED,
        "A.count(boost_events.accepted = false)",
        lambda row: row.standing.rejected,
        said="Activities that count nothing, for whatever reason.",
    ),
    _column(
        "last_activity_utc",
        UTC_TIME,
        Pii.NONE,
        "A.max(boost_events.occurred_at) | e.boost.activities.lastAt",
        lambda row: None if row.standing.last == NO_INSTANT else DatetimeMS(row.standing.last),
        said="Of those that count; what the entry says where the ledger has none.",
    ),
)


def columns(facts: Facts) -> tuple[Column, ...]:
    """The columns, with one for each activity that the campaign rewards, in its order."""
    counts = distinct(_count(boost) for boost in facts.campaign.boosts)
    return (*_BEFORE_COUNTS, *counts, *_AFTER_COUNTS)


def _count(boost: Boost) -> Column:
    return _column(
        f"boost_{slug(boost.key)}_count",
        INTEGER,
        Pii.NONE,
        "e.boost.activities.count",
        lambda row: row.standing.counts.get(boost.key, 0),
    )


BOOST_LEADERBOARD = ExportType(
    name="boost-leaderboard",
    version=1,
    summary="Who did most for a campaign and brought the most fans, best first.",
    scope=Scope.CAMPAIGN,
    owner="team:fan-engagement",
    upstream=(
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "users"),
        ("athena", "fan_events", "boost_events"),
    ),
    options=(
        replace(whole("top_n", "Only the first so many rows.", least=1, most=_MOST), default=_TOP),
        flag("include_rejected", "Keep entries that verification rejected."),
    ),
    columns=columns,
    static_columns=(*_BEFORE_COUNTS, *_AFTER_COUNTS),
    sort=("rank", "last_activity_utc", "entry_id"),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=_verdict,
        notes=_notes,
        fold=Leaderboard,
    ),
    retention_days=30,
    other_columns=("boost_[a-z0-9_]{1,40}_count",),
    prepare=_prepare,
)
