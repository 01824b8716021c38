"""`selected-fans`: who was invited, by market and wave (DOMAIN.md 7.6).

Invited is whoever the draw selected and whoever was promoted from a waiting list since; together
with `waitlist` and those who were not selected they are all who were verified. A promoted fan has
no market of the draw, so the market is the one whose list the fan was on.
"""

import math
from collections.abc import Iterator
from typing import Any, Final

from assets.exports.shared.entry_columns import ACCOUNT_ID, CONTACT, ENTRY_ID, RISK_BAND, field
from assets.exports.shared.entry_options import (
    ENTRY_FILTER,
    INCLUDE_WITHDRAWN,
    INVITED,
    LIVE,
    NOT_REJECTED,
    Rule,
    entry_filter,
    first_failing,
    withdrawn_and_duplicates,
)
from assets.exports.shared.entry_strands import (
    ENTRY_ID_PART,
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import at, mappings, market, notes, preferences
from assets.model.campaign import Facts, Market
from assets.model.column import ENUM, ID, INTEGER, UTC_TIME, Column, Pii, text
from assets.model.export_type import ExportType, Scope
from assets.model.meaning import (
    Described,
    Meaning,
    What,
    key_of,
    of_user,
    same,
    value,
    whether,
)
from assets.model.option import Option, whole
from assets.model.source import Arrange, EntryRow, EntrySource, Verdict, no_answers

_BATCH = r"^[A-Za-z0-9][A-Za-z0-9_.:~-]{0,79}$"


def is_invited(row: EntryRow) -> bool:
    """Whether the fan was selected, or promoted from a waiting list."""
    return (
        row.entry.get("status") in INVITED
        or at("selection.outcome")(row) == "selected"
        or at("waitlist.promotedAt")(row) is not None
    )


_INVITED: Final = same(
    is_invited, value("status"), value("selection.outcome"), whether("waitlist.promotedAt")
)


def market_of(row: EntryRow) -> Market | None:
    """The market that the fan was invited to; None where the entry names none that is known."""
    chosen = at("selection.marketId")(row)
    if chosen is None and at("waitlist.promotedAt")(row) is not None:
        chosen = at("waitlist.marketId")(row)
    return market(row, chosen)


_INVITES: Final = (
    value("selection.marketId"),
    whether("waitlist.promotedAt"),
    value("waitlist.marketId"),
)
"""What `market_of` looks at."""


def _shown(attribute: str) -> Described:
    def get(row: EntryRow) -> object:
        found = market_of(row)
        return None if found is None else getattr(found, attribute)

    return same(get, *_INVITES)


def _preference_rank(row: EntryRow) -> int | None:
    found = market_of(row)
    if found is None:
        return None
    return next((p.rank for p in preferences(row) if p.market_id == found.id), None)


def _last_code(attribute: str) -> Described:
    """An attribute of the code that was assigned last; MongoDB appends (DOMAIN.md 2.5)."""

    def get(row: EntryRow) -> object:
        codes = mappings(row.entry.get("codes"))
        return codes[-1].get(attribute) if codes else None

    return Described(meaning=Meaning(what=What.LAST_CODE, attribute=attribute), read=get)


def _history_orders(row: EntryRow) -> object:
    history = (row.user or {}).get("history")
    return history.get("ordersArtist") if isinstance(history, dict) else None


_STATUS = field("status", ENUM, Pii.NONE, "status")
_COLUMNS: tuple[Column, ...] = (
    Column(
        name="market_key",
        format=ID,
        pii=Pii.NONE,
        source="m.key by e.selection.marketId",
        value=_shown("key"),
    ),
    Column(
        name="market",
        format=text(120),
        pii=Pii.NONE,
        source="m.name by e.selection.marketId",
        value=_shown("label"),
        description="The market of the draw; of promoted fans that of their waiting list.",
    ),
    field("event_id", ID, Pii.NONE, "selection.eventId"),
    field("wave", INTEGER, Pii.NONE, "selection.wave"),
    field("batch_id", ID, Pii.NONE, "selection.batchId"),
    field("draw_rank", INTEGER, Pii.NONE, "selection.drawRank"),
    ENTRY_ID,
    ACCOUNT_ID,
    *CONTACT,
    Column(
        name="preference_rank",
        format=INTEGER,
        pii=Pii.NONE,
        source="e.preferences[market].rank",
        value=Described(
            meaning=Meaning(what=What.RANK_OF, values=(_shown("id"),)), read=_preference_rank
        ),
        description="Empty for a market that the fan did not ask for.",
    ),
    field("decided_at_utc", UTC_TIME, Pii.NONE, "selection.decidedAt"),
    Column(
        name="code_state",
        format=ENUM,
        pii=Pii.NONE,
        source="e.codes[last].state",
        value=_last_code("state"),
    ),
    Column(
        name="code_sent_at_utc",
        format=UTC_TIME,
        pii=Pii.NONE,
        source="e.codes[last].sentAt",
        value=_last_code("sentAt"),
    ),
    Column(
        name="fan_history_orders",
        format=INTEGER,
        pii=Pii.QUASI_IDENTIFIER,
        source="u.history.ordersArtist",
        value=of_user(_history_orders),
        description="Earlier orders for the same artist.",
    ),
    RISK_BAND,
)


def columns(facts: Facts) -> tuple[Column, ...]:
    """The columns; with withdrawn fans among them, the status that tells who they are."""
    return (*_COLUMNS, _STATUS) if facts.request.options["include_withdrawn"] else _COLUMNS


def _verdict(facts: Facts) -> Verdict:
    rules: list[Rule] = [
        *LIVE,
        *withdrawn_and_duplicates(facts),
        NOT_REJECTED,
        ("not_invited", _INVITED),
        *_asked_for(facts),
    ]
    return first_failing([*rules, *entry_filter(facts)])


def _asked_for(facts: Facts) -> Iterator[Rule]:
    """The market, the wave and the batch that the request is limited to."""
    options = facts.request.options
    if options.get("markets"):
        chosen = {market.id for market in facts.chosen_markets}
        is_chosen = same(lambda row: getattr(market_of(row), "id", None) in chosen, *_INVITES)
        yield "markets", is_chosen
    if (wave := options.get("wave")) is not None:
        of_wave = at("selection.wave")
        yield "wave", same(lambda row: of_wave(row) == wave, value("selection.wave"))
    if (batch := options.get("batch_id")) is not None:
        of_batch = at("selection.batchId")
        yield "batch_id", same(lambda row: of_batch(row) == batch, value("selection.batchId"))


def _market_part(row: EntryRow) -> tuple[bool, Any]:
    found = market_of(row)
    return _last_if_absent(None if found is None else found.key, "")


def _number_part(path: str) -> Described:
    read = at(path)
    return Described(
        meaning=Meaning(what=What.NUMBER_LAST, path=path),
        read=lambda row: _last_if_absent(_number(read(row)), 0),
    )


_ORDER: Final = key_of(
    same(_market_part, *_INVITES),
    _number_part("selection.wave"),
    _number_part("selection.drawRank"),
    ENTRY_ID_PART,
)
"""Market, wave, draw; what has none of one comes after those that have."""


def _last_if_absent(value: Any, stand_in: Any) -> tuple[bool, Any]:
    return value is None, stand_in if value is None else value


def _number(value: object) -> float | None:
    """A number to sort by; its column rejects what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return value


SELECTED_FANS = ExportType(
    name="selected-fans",
    version=1,
    summary="Who was invited, by market and wave, with the state of their access code.",
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
        INCLUDE_WITHDRAWN,
        whole("wave", "Only this wave of the draw.", least=1, most=1_000),
        Option(
            name="batch_id",
            schema={"type": "string", "pattern": _BATCH},
            description="Only this batch of the draw.",
        ),
    ),
    columns=columns,
    static_columns=_COLUMNS,
    sort=("market_key", "wave", "draw_rank", "entry_id"),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=_verdict,
        notes=notes,
        arrange=Arrange(key=_ORDER),
        counted=no_answers,
    ),
    retention_days=30,
    other_columns=("status",),
)
