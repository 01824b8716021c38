"""`waitlist`: who waits for which market, in which place (DOMAIN.md 7.3)."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128

from assets.exports.shared.entry_columns import (
    ACCOUNT_ID,
    BOOST_POINTS,
    CONTACT,
    COUNTRY_COLUMN,
    ENTRY_ID,
    LOCALE_COLUMN,
    REGISTERED_AT_UTC,
    RISK_BAND,
    field,
)
from assets.exports.shared.entry_options import (
    ENTRY_FILTER,
    INVITED,
    LIVE,
    Rule,
    entry_filter,
    first_failing,
    withdrawn_and_duplicates,
)
from assets.exports.shared.entry_strands import A_LIST, NOT_A_LIST, before_snapshot
from assets.exports.shared.entry_values import (
    Preference,
    at,
    mappings,
    market,
    millis,
    notes,
    preferences,
)
from assets.exports.shared.salesforce import data_extension
from assets.model.campaign import Facts, Market
from assets.model.column import (
    ID,
    INTEGER,
    LIST,
    UTC_TIME,
    YES_NO,
    Column,
    Getter,
    Pii,
    text,
)
from assets.model.delivery import Delivery, Destination
from assets.model.export_type import ExportType, Scope
from assets.model.option import flag, whole
from assets.model.source import EntryRow, EntrySource, Filter, Segment, Verdict

# How v1 and v2 call an entry that waits (DOMAIN.md 2.9); they hold no place in line.
_WAITING = ["waitlisted", "waitlist", "standby"]


def _market_of(row: EntryRow) -> Market | None:
    """The market that the entry waits for; legacy ones wait for their first preference."""
    market_id = at("waitlist.marketId")(row)
    if market_id is None:
        first = preferences(row)
        market_id = first[0].market_id if first else None
    return market(row, market_id)


def _shown(attribute: str) -> Getter:
    """An attribute of the market; empty where a legacy text names none (DOMAIN.md 2.9)."""

    def get(row: EntryRow) -> object:
        waited = _market_of(row)
        return None if waited is None else getattr(waited, attribute)

    return get


def _key_of(row: EntryRow) -> str:
    waited = _market_of(row)
    return "" if waited is None else waited.key


def _preference(row: EntryRow) -> Preference | None:
    waited = _market_of(row)
    if waited is None:
        return None
    return next((p for p in preferences(row) if p.market_id == waited.id), None)


def _preferred(attribute: str) -> Getter:
    def get(row: EntryRow) -> object:
        preference = _preference(row)
        return None if preference is None else getattr(preference, attribute)

    return get


def _other_markets(row: EntryRow) -> list[str]:
    waited = _market_of(row)
    others = (market(row, preference.market_id) for preference in preferences(row))
    return [other.key for other in others if other is not None and other is not waited]


def _notified(row: EntryRow) -> bool:
    return any(
        message.get("kind") == "waitlist" and message.get("state") == "sent"
        for message in mappings(row.entry.get("messages"))
    )


def _effective_rank() -> Getter:
    """A counter of the rows written for each market; the last column, so that all others fit."""
    places: Counter[str] = Counter()

    def get(row: EntryRow) -> int:
        key = _key_of(row)
        places[key] += 1
        return places[key]

    return get


_COLUMNS: tuple[Column, ...] = (
    Column(
        name="market_key",
        format=ID,
        pii=Pii.NONE,
        source="m.key by e.waitlist.marketId",
        value=_shown("key"),
    ),
    Column(
        name="market",
        format=text(120),
        pii=Pii.NONE,
        source="m.name by e.waitlist.marketId",
        value=_shown("label"),
    ),
    Column(
        name="position",
        format=INTEGER,
        pii=Pii.NONE,
        source="e.waitlist.position",
        value=at("waitlist.position"),
        description="The place in line; gaps are fans who left, and are never closed.",
    ),
    ENTRY_ID,
    ACCOUNT_ID,
    *CONTACT,
    REGISTERED_AT_UTC,
    Column(
        name="preference_rank",
        format=INTEGER,
        pii=Pii.NONE,
        source="e.preferences[market].rank",
        value=_preferred("rank"),
    ),
    Column(
        name="ticket_quantity",
        format=INTEGER,
        pii=Pii.NONE,
        source="e.preferences[market].ticketQuantity",
        value=_preferred("quantity"),
    ),
    Column(
        name="other_markets",
        format=LIST,
        pii=Pii.NONE,
        source="X: keys of the other e.preferences, by rank",
        value=_other_markets,
    ),
    BOOST_POINTS,
    RISK_BAND,
    field("promoted_at_utc", UTC_TIME, Pii.NONE, "waitlist.promotedAt"),
    Column(
        name="notified",
        format=YES_NO,
        pii=Pii.NONE,
        source="X: e.messages[waitlist].state is sent",
        value=_notified,
    ),
    LOCALE_COLUMN,
    COUNTRY_COLUMN,
)


def columns(facts: Facts) -> tuple[Column, ...]:
    """The columns; `renumber` adds the place among the rows that are written."""
    if not facts.request.options["renumber"]:
        return _COLUMNS
    added = Column(
        name="effective_rank",
        format=INTEGER,
        pii=Pii.NONE,
        source="X: count of rows written for the market",
        value=_effective_rank(),
    )
    return (*_COLUMNS, added)


def _strands(facts: Facts) -> list[list[Segment]]:
    """One strand by market and position, one of the few that have no readable position."""
    placed = [
        Segment(
            filter={**before_snapshot(facts), **_placed([chosen.id])},
            sort=("waitlist.position", "_id"),
        )
        for chosen in facts.chosen_markets
    ]
    unplaced = {**before_snapshot(facts), "$or": _unplaced(facts)}
    return [placed, [Segment(filter=unplaced, sort=("_id",), gather=True)]]


def _placed(market_ids: Sequence[object]) -> dict[str, object]:
    """Entries with one market of these and a position that a range can hold.

    A list could belong to two segments, and no range holds not-a-number.
    """
    return {
        "waitlist": NOT_A_LIST,
        "waitlist.marketId": {"$in": market_ids, **NOT_A_LIST},
        "waitlist.position": {"$type": "number", "$gte": -math.inf, **NOT_A_LIST},
    }


def _unplaced(facts: Facts) -> list[Filter]:
    """Waiting entries that no range of positions holds."""
    no_number: Filter = {"$not": {"$type": "number"}}
    waiting: list[Filter] = [
        {"waitlist.position": no_number, "waitlist.marketId": {"$exists": True}},
        {"waitlist.position": no_number, "status": {"$in": _WAITING}},
        {"waitlist.position": math.nan},
        {"waitlist.position": A_LIST},
        {"waitlist.marketId": A_LIST},
        {"waitlist": A_LIST},
    ]
    if not facts.request.options.get("markets"):
        known = [known.id for known in facts.markets]
        unknown = {"waitlist.position": {"$type": "number"}, "waitlist.marketId": {"$nin": known}}
        waiting.append(unknown)
    return waiting


def _population(facts: Facts) -> Filter:
    placed = _placed([chosen.id for chosen in facts.chosen_markets])
    return {**before_snapshot(facts), "$or": [placed, *_unplaced(facts)]}


def _order(row: EntryRow) -> tuple[Any, ...]:
    """By market key and position; those without a position last, by draw and registration."""
    key = _key_of(row)
    position = at("waitlist.position")(row)
    drawn = at("selection.drawRank")(row)
    return (
        (key == "", key),
        _number(position),
        # A position is a total order with the id; what follows sorts the legacy ones.
        *((0, 0) if _number(position) < math.inf else (_number(drawn), _registered(row))),
        row.entry["_id"],
    )


def _registered(row: EntryRow) -> int:
    return millis(row.entry.get("createdAt"))


def _number(value: object) -> float:
    """A number as MongoDB orders it; whatever is none comes last."""
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return math.inf
    return math.inf if math.isnan(value) else float(value)


def _verdict(facts: Facts) -> Verdict:
    options = facts.request.options
    chosen = {chosen.id for chosen in facts.chosen_markets}
    rules: list[Rule] = [
        *LIVE,
        *withdrawn_and_duplicates(facts),
        ("rejected", lambda row: row.entry.get("status") != "rejected"),
        ("promoted", lambda row: bool(options["include_promoted"]) or not _promoted(row)),
        ("markets", lambda row: not options.get("markets") or _is_one_of(_market_of(row), chosen)),
        *entry_filter(facts),
        *_positions(facts),
    ]
    return first_failing([*rules, *_top(facts)])


def _promoted(row: EntryRow) -> bool:
    """Promoted in any market: the fan leaves every list (DOMAIN.md 7.3)."""
    invited = row.entry.get("status") in INVITED
    return invited or at("waitlist.promotedAt")(row) is not None


def _is_one_of(waited: Market | None, chosen: set[object]) -> bool:
    return waited is not None and waited.id in chosen


def _positions(facts: Facts) -> Iterator[Rule]:
    options = facts.request.options
    least, most = options.get("positions_from"), options.get("positions_to")
    if least is not None:
        yield "positions", lambda row: _number(at("waitlist.position")(row)) >= least
    if most is not None:
        yield "positions", lambda row: _number(at("waitlist.position")(row)) <= most


def _top(facts: Facts) -> Iterator[Rule]:
    """Only the first `top_n` of each market that pass every other rule."""
    most = facts.request.options.get("top_n")
    if most is None:
        return
    kept: Counter[str] = Counter()

    def stays(row: EntryRow) -> bool:
        key = _key_of(row)
        kept[key] += 1
        return kept[key] <= most

    yield "beyond_top_n", stays


def _by_market(facts: Facts) -> Callable[[EntryRow], str] | None:
    """The files' groups: rows are in the order of the market's key already.

    Entries whose market is unknown come last, in files without a market in their name.
    """
    return _key_of if facts.request.options["split_by_market"] else None


# Asked for by name, since most waiting lists are for people who decide. The rows are then matched
# to the data extension's fields by header, so it is asked for with the columns that it has.
_TO_SFMC = Delivery(
    destination=Destination.SFMC,
    target=data_extension,
    by_default=False,
    rechecks_erasure=True,
)

WAITLIST = ExportType(
    name="waitlist",
    version=1,
    summary="Who waits for which market, in which place, for promotions and waitlist e-mails.",
    scope=Scope.CAMPAIGN,
    owner="team:client-services",
    upstream=(
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "markets"),
        ("mongo", "users"),
        ("mongo", "scoring"),
    ),
    options=(
        *ENTRY_FILTER,
        whole("top_n", "Only the first so many of each market.", least=1, most=1_000_000),
        whole("positions_from", "Only places from this one.", least=1, most=100_000_000),
        whole(
            "positions_to",
            "Only places up to this one.",
            least=1,
            most=100_000_000,
            after="positions_from",
        ),
        flag("include_promoted", "Keep fans who were invited since."),
        flag("renumber", "Add effective_rank, the place among the rows of the market."),
        flag("split_by_market", "Begin a new file for each market."),
    ),
    columns=columns,
    static_columns=_COLUMNS,
    sort=("market_key", "position", "entry_id"),
    rows=EntrySource(
        strands=_strands,
        order=_order,
        population=_population,
        verdict=_verdict,
        notes=notes,
        moves=True,
    ),
    retention_days=30,
    other_columns=("effective_rank",),
    deliveries=(_TO_SFMC,),
    split=_by_market,
)
