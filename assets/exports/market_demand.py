"""`market-demand`: how many fans want which market or show (DOMAIN.md 7.10).

A fan with three markets counts in each of them; the last row, `TOTAL`, counts every fan once, and
tickets once a wish. A fan who names no show of a market counts for each of its shows, and who names
a market that the campaign does not have counts in the row `UNKNOWN`, which is there only then.

For an external audience small counts are empty (`shared/small_counts.py`), and so is everything
that could be worked back to one: tickets, ratios and shares. Nought is shown: it is nobody.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from assets.exports.shared.demand import DEMAND_OPTIONS, UNKNOWN, Wish, demand_rules, wishes
from assets.exports.shared.entry_options import ACTIVE, INVITED, Rule, first_failing
from assets.exports.shared.entry_strands import (
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import at, market, millis, notes, string
from assets.exports.shared.small_counts import hidden
from assets.model.campaign import Event, Facts, Market
from assets.model.column import (
    COUNTRY,
    DATE,
    ID,
    INTEGER,
    UTC_TIME,
    Column,
    Format,
    Pii,
    Unfit,
    decimal,
    percent,
    text,
)
from assets.model.export_type import ExportType, Scope
from assets.model.option import choice, flag
from assets.model.option import instant as instant_option
from assets.model.source import EntryRow, EntrySource, Verdict

TOTAL: Final = "TOTAL"
_ANY, _FIRST, _SECOND, _THIRD = (
    "fans_any_preference",
    "fans_first_choice",
    "fans_second",
    "fans_third",
)
_BY_RANK: Final = {1: _FIRST, 2: _SECOND, 3: _THIRD}
_TICKETS, _IMPUTED, _LOCAL = "tickets_requested", "tickets_imputed", "local"
# Fans whose tickets are all imputed: what the column of imputed tickets would tell.
_SILENT: Final = "silent"
# Counts of people that the file shows, each small one hidden from outsiders.
_PEOPLE: Final = (
    _ANY,
    _FIRST,
    _SECOND,
    _THIRD,
    "verified",
    "rejected",
    "selected",
    "waitlisted",
)
# What adds up within a row: a fan's market has one rank, and the vetted were rejected or verified.
_WITHIN_ROW: Final = ((_ANY, _FIRST, _SECOND, _THIRD), (_ANY, "verified", "rejected"))
# Whoever passed the vetting, whatever came of it (DOMAIN.md 2.8, 11 point 6).
_VERIFIED: Final = tuple(status for status in ACTIVE if status != "registered")

# A market's key, and the id of a show where shows are counted.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the file; a figure that is missing is hidden or has no meaning there."""

    key: str
    market: Market | None = None
    event: Event | None = None
    as_of: datetime
    figures: Mapping[str, object] = field(default_factory=dict)


def as_of(facts: Facts) -> datetime:
    """The instant until which registrations count, never after the snapshot."""
    asked = facts.request.options.get("as_of")
    return facts.snapshot if asked is None else min(facts.snapshot, datetime.fromisoformat(asked))


class Demand:
    """Counts fans by place; what it holds is a few numbers a place.

    Args:
        facts: The campaign with its markets, and the options.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        options = facts.request.options
        self._by_event = options["grain"] == "event"
        self._once = bool(options["unique_fans"])
        self._external = options["audience"] == "external"
        self._counts: dict[Place, Counter[str]] = {}
        self._total: Counter[str] = Counter()

    def add(self, row: EntryRow) -> Iterable[Row]:
        """Count one entry.

        Raises:
            Unfit: One of its fields cannot be read; then none of it is counted.
        """
        named = wishes(row)
        found = named[:1] if self._once else named
        counted = list(self._wished(row, found)) + list(self._status(row, named[0]))
        person = self._person(row, found)
        for place, names in counted:
            self._counts.setdefault(place, Counter()).update(names)
        self._total.update(person)
        return ()

    def _wished(self, row: EntryRow, found: Sequence[Wish]) -> Iterator[tuple[Place, Counter[str]]]:
        vetting = _vetting(row)
        for wish in found:
            names = Counter({_ANY: 1, **vetting, **_asked(wish)})
            names[_LOCAL] = int(_is_local(row, wish.market))
            if wish.rank in _BY_RANK:
                names[_BY_RANK[wish.rank]] = 1
            for place in self._places(wish.market, wish.event_ids):
                yield place, names

    def _person(self, row: EntryRow, found: Sequence[Wish]) -> Counter[str]:
        """The same for the row of all fans: one fan, whatever the number of wishes."""
        person = Counter({_ANY: 1, **_vetting(row)})
        for wish in found:
            person.update(_asked(wish))
            if wish.rank in _BY_RANK:
                person[_BY_RANK[wish.rank]] += 1
        person[_SILENT] = int(person[_SILENT] > 0)
        person[_LOCAL] = int(any(_is_local(row, wish.market) for wish in found))
        outcome = _outcome(row)
        if outcome is not None:
            person[outcome] = 1
        return person

    def _status(self, row: EntryRow, first: Wish) -> Iterator[tuple[Place, Counter[str]]]:
        """Where a fan was selected or waits, which need not be a market that the fan named."""
        outcome = _outcome(row)
        if outcome is None:
            return
        shown, event_ids = first.market, first.event_ids
        decided = _decided(row, outcome)
        if decided is not None:
            shown, event_ids = decided, (string(row, "selection.eventId"),)
        for place in self._places(shown, event_ids):
            yield place, Counter({outcome: 1})

    def _places(self, shown: Market | None, event_ids: Sequence[str]) -> list[Place]:
        key = UNKNOWN if shown is None else shown.key
        if shown is None or not self._by_event or not shown.events:
            return [(key, "")]
        named = [e.event_id for e in shown.events if e.event_id in event_ids]
        return [(key, event_id) for event_id in named or [e.event_id for e in shown.events]]

    def rest(self) -> Iterable[Row]:
        """The rows: every market or show, also those that nobody wants, and the total."""
        rows = [*self._ground(), Row(key=TOTAL, as_of=as_of(self._facts))]
        counts = [self._counts.get(_place(row), Counter()) for row in rows[:-1]] + [self._total]
        gone = self._hidden(counts)
        firsts = counts[-1][_FIRST] or None
        seats = [_seats(row, by_event=self._by_event) for row in rows[:-1]]
        seats.append({name: _sum(one[name] for one in seats) for name in ("capacity", _ALLOCATION)})
        for index, row in enumerate(rows):
            figures = {**seats[index], **_figures(row, counts[index], seats[index], firsts)}
            shown = {name: figures[name] for name in figures if (index, name) not in gone}
            yield replace(row, figures=shown)

    def _ground(self) -> Iterator[Row]:
        instant_ = as_of(self._facts)
        for shown in sorted(self._facts.markets, key=lambda m: (m.order, m.key)):
            events: list[Event | None] = [None]
            if self._by_event and shown.events:
                events = [*sorted(shown.events, key=lambda event: event.event_id)]
            for event in events:
                yield Row(key=shown.key, market=shown, event=event, as_of=instant_)
        if (UNKNOWN, "") in self._counts:
            yield Row(key=UNKNOWN, as_of=instant_)

    def _hidden(self, counts: Sequence[Counter[str]]) -> set[tuple[int, str]]:
        """The figures that an outsider must not see, by row and name."""
        if not self._external:
            return set()
        k, rows = self._facts.campaign.k_anonymity, range(len(counts))
        people = {(row, name): counts[row][name] for row in rows for name in _PEOPLE}
        columns = [[(row, name) for row in rows] for name in _PEOPLE]
        within = [[(row, name) for name in names] for row in rows for names in _WITHIN_ROW]
        gone = set(hidden(people, [*columns, *within], k=k))
        tickets = {(row, _TICKETS): counts[row][_TICKETS] for row in rows}
        few = {(row, _TICKETS) for row in rows if (row, _ANY) in gone}
        gone |= hidden(tickets, [list(tickets)], k=0, given=few)
        return gone | {(row, name) for row in rows for name in _derived(row, counts[row], gone, k)}


def _derived(
    row: int, counts: Mapping[str, int], gone: set[tuple[int, str]], k: int
) -> Iterator[str]:
    """Figures of a row from which a hidden count could be worked back."""
    if (row, _TICKETS) in gone:
        yield from (_IMPUTED, "demand_ratio")
    elif 0 < counts[_SILENT] < k:
        yield _IMPUTED
    if (row, _FIRST) in gone:
        yield "share_pct"
    local = counts[_LOCAL]
    if (row, _ANY) in gone or 0 < local < k or 0 < counts[_ANY] - local < k:
        yield "local_share_pct"


_ALLOCATION: Final = "fan_allocation"


def _place(row: Row) -> Place:
    return row.key, "" if row.event is None else row.event.event_id


def _asked(wish: Wish) -> dict[str, int]:
    return {_TICKETS: wish.tickets, _IMPUTED: wish.imputed, _SILENT: int(wish.imputed > 0)}


def _vetting(row: EntryRow) -> dict[str, int]:
    status = row.entry.get("status")
    return {"verified": int(status in _VERIFIED), "rejected": int(status == "rejected")}


def _outcome(row: EntryRow) -> str | None:
    status = row.entry.get("status")
    if status in INVITED:
        return "selected"
    return "waitlisted" if status == "waitlisted" else None


def _decided(row: EntryRow, outcome: str) -> Market | None:
    """The market of the decision.

    Legacy entries have none, and one that cannot be read is taken for none: such a fan counts with
    the first wish, so that both demand exports count the same fans.
    """
    try:
        waits = at("waitlist.marketId")(row)
        chosen = waits if outcome == "waitlisted" else at("selection.marketId")(row) or waits
        return market(row, chosen)
    except Unfit:
        return None


def _is_local(row: EntryRow, shown: Market | None) -> bool:
    """Whether the fan lives in the market's region; regions of two countries share letters."""
    if shown is None or not shown.region:
        return False
    region = string(row, "contact.region").strip().casefold()
    country = string(row, "contact.countryCode").strip().upper()
    return region == shown.region.casefold() and country in ("", shown.country or country)


def _seats(row: Row, *, by_event: bool) -> dict[str, int | None]:
    """Seats and tickets of the shows that will take place; empty where no show says so."""
    events = [row.event] if row.event else list(row.market.events if row.market else ())
    held = [event for event in events if event.status != "cancelled"] if not by_event else events
    return {
        "capacity": _sum(event.capacity for event in held),
        _ALLOCATION: _sum(event.allocation for event in held),
    }


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _figures(
    row: Row, counts: Mapping[str, int], seats: Mapping[str, int | None], firsts: int | None
) -> dict[str, object]:
    figures: dict[str, object] = {name: counts[name] for name in (*_PEOPLE, _TICKETS, _IMPUTED)}
    figures["demand_ratio"] = _ratio(counts[_TICKETS], seats[_ALLOCATION])
    figures["share_pct"] = _ratio(counts[_FIRST], firsts)
    if row.key == TOTAL or (row.market is not None and row.market.region):
        figures["local_share_pct"] = _ratio(counts[_LOCAL], counts[_ANY])
    return figures


def _ratio(part: int, whole: int | None) -> Decimal | None:
    return Decimal(part) / Decimal(whole) if whole else None


def _of_market(name: str, form: Format, attribute: str) -> Column:
    def get(row: Row) -> object:
        return None if row.market is None else getattr(row.market, attribute)

    source = f"m.{'countryCode' if attribute == 'country' else 'name'}"
    return Column(name=name, format=form, pii=Pii.NONE, source=source, value=get)


def _of_event(name: str, form: Format, source: str, read: Callable[[Event], object]) -> Column:
    def get(row: Row) -> object:
        return None if row.event is None else read(row.event)

    said = "Empty where whole markets are counted."
    return Column(
        name=name, format=form, pii=Pii.NONE, source=f"m.{source}", value=get, description=said
    )


def _event_date(event: Event) -> date | None:
    try:
        return date.fromisoformat(event.local_date) if event.local_date else None
    except ValueError:
        raise Unfit("not_a_date") from None


def _figure(name: str, source: str, said: str = "", form: Format = INTEGER) -> Column:
    return Column(
        name=name,
        format=form,
        pii=Pii.NONE,
        source=source,
        value=lambda row: row.figures.get(name),
        description=said,
    )


_COLUMNS: tuple[Column, ...] = (
    Column(
        name="market_key",
        format=ID,
        pii=Pii.NONE,
        source="m.key",
        value=lambda row: row.key,
        description="TOTAL is the last row; UNKNOWN is a market that the campaign does not have.",
    ),
    _of_market("market", text(120), "label"),
    _of_market("country", COUNTRY, "country"),
    _of_event("event_id", ID, "events.eventId", lambda event: event.event_id),
    _of_event("event_date", DATE, "events.localDate", _event_date),
    _figure("capacity", "m.events.venue.capacity", "Of a market: of its shows not cancelled."),
    _figure(_ALLOCATION, "m.events.fanAllocation", "Of a market: of its shows not cancelled."),
    _figure(_ANY, "X: count of e.preferences", "Fans; the total counts each of them once."),
    _figure(_FIRST, "X: count of e.preferences[1]", "Fans who want it most."),
    _figure(_SECOND, "X: count of e.preferences[2]", "Fans whose second choice it is."),
    _figure(_THIRD, "X: count of e.preferences[3]", "Fans whose third choice it is."),
    _figure(
        _TICKETS,
        "X: sum of e.preferences.ticketQuantity",
        "Where a fan names no number it is the campaign's default.",
    ),
    _figure(
        _IMPUTED,
        "X: sum of the default over e.preferences.ticketQuantity that is absent",
        "How many of tickets_requested are the default.",
    ),
    _figure("verified", "X: count of e.status", "Of the fans, those who passed the vetting."),
    _figure("rejected", "X: count of e.status", "Of the fans, those who did not."),
    _figure(
        "selected",
        "X: count of e.selection.marketId",
        "Fans invited to this market, also since; it need not be one that they named.",
    ),
    _figure("waitlisted", "X: count of e.waitlist.marketId", "Fans who wait for this market."),
    _figure(
        "demand_ratio",
        "X: tickets_requested / m.events.fanAllocation",
        "Empty where nothing is allocated.",
        decimal(2),
    ),
    _figure(
        "share_pct",
        "X: share of e.preferences[1]",
        "Of all first choices, in percent; a fan of several shows of a market counts for each.",
        percent(1),
    ),
    _figure(
        "local_share_pct",
        "X: share of e.contact.region that is m.region",
        "Of the fans, in percent; empty where the market has no region. In the total: local to any"
        " market that they named.",
        percent(1),
    ),
    Column(
        name="as_of_utc",
        format=UTC_TIME,
        pii=Pii.NONE,
        source="X: option as_of, or the snapshot",
        value=lambda row: row.as_of,
        description="Registrations until then count, in the status that they have now.",
    ),
)


def _verdict(facts: Facts) -> Verdict:
    return first_failing([*_early(facts), *demand_rules(facts)])


def _early(facts: Facts) -> list[Rule]:
    """Registered by the instant that was asked for.

    Nothing is compared unless it was: an entry whose stored instant lies beyond every calendar was
    there at the snapshot, and geo-demand counts it.
    """
    if facts.request.options.get("as_of") is None:
        return []
    until = millis(as_of(facts))
    return [("as_of", lambda row: millis(row.entry.get("createdAt")) <= until)]


MARKET_DEMAND = ExportType(
    name="market-demand",
    version=1,
    summary="How many fans want which market or show, and how many tickets.",
    scope=Scope.CAMPAIGN,
    owner="team:pricing",
    upstream=(
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "markets"),
        ("mongo", "users"),
    ),
    options=(
        choice(
            "grain",
            "One row a market, or one a show.",
            values=("market", "event"),
            default="market",
        ),
        instant_option("as_of", "Only registrations up to this instant."),
        flag("unique_fans", "Count every fan in one market only: the first choice."),
        choice(
            "audience",
            "Who reads it: outsiders see no count of fewer fans than the campaign allows.",
            values=("internal", "external"),
            default="internal",
        ),
        *DEMAND_OPTIONS,
    ),
    columns=lambda _: _COLUMNS,
    static_columns=_COLUMNS,
    sort=("market_key", "event_id"),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=_verdict,
        notes=notes,
        fold=Demand,
    ),
    retention_days=90,
)
