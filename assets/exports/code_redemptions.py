"""`code-redemptions`: how access codes performed at the ticketing host (DOMAIN.md 7.8)."""

from collections.abc import Mapping
from typing import Any

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
    Pii,
    decimal,
    text,
)
from assets.model.export_type import ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.option import SLUG_PATTERN, choice, day, words
from assets.model.source import AthenaSource, Statement, Verdict

_RESULTS = ("ok", "exhausted", "expired", "wrong_account")
# The tables' first partition (DOMAIN.md 3, projection range): no event is older.
_FIRST_DAY = "2016-01-01"
_SQL = "code_redemptions"
_EVENTS = f"{_SQL}/events.sql"


def _column(name: str, format_: Format, source: str, *, pii: Pii = Pii.NONE) -> Column:
    """A column that shows the result column of the same name, without its `_utc`."""
    result = name.removesuffix("_utc")
    return Column(
        name=name, format=format_, pii=pii, source=f"A.{source}", value=lambda row: row[result]
    )


_MARKET_KEY = _column("market_key", ID, "codes_assigned.market_key")
_ATTEMPTS = _column("redemption_attempts", INTEGER, "count(code_redemptions.redemption_id)")
_SALES: tuple[Column, ...] = (
    _column("orders", INTEGER, "count(ticket_orders.order_id)"),
    _column("tickets", INTEGER, "sum(ticket_orders.tickets)"),
    _column("gross_amount", decimal(2), "sum(ticket_orders.gross_amount)"),
    _column("currency", text(3), "ticket_orders.currency"),
)
_ABUSE: tuple[Column, ...] = (
    _column(
        "wrong_account_attempts",
        INTEGER,
        "count(code_redemptions.result = wrong_account)",
        pii=Pii.RESTRICTED,
    ),
    _column("resale_listed", YES_NO, "bool_or(ticket_orders.resale_listed)", pii=Pii.RESTRICTED),
)
_COLUMNS: tuple[Column, ...] = (
    _column("code_id", ID, "codes_assigned.code_id", pii=Pii.PSEUDONYM),
    _MARKET_KEY,
    _column("host_event_id", ID, "codes_assigned.host_event_id"),
    _column("wave", INTEGER, "codes_assigned.wave"),
    _column("assigned_at_utc", UTC_TIME, "codes_assigned.assigned_at"),
    _column("first_redeemed_at_utc", UTC_TIME, "min(code_redemptions.redeemed_at)"),
    _ATTEMPTS,
    _column("result", ENUM, "best(code_redemptions.result)"),
    *_SALES,
    _column(
        "minutes_from_sale_start",
        INTEGER,
        "code_redemptions.redeemed_at - codes_assigned.valid_from",
    ),
    *_ABUSE,
)
_MARKET_COLUMNS: tuple[Column, ...] = (
    _MARKET_KEY,
    _column("codes_assigned", INTEGER, "count(codes_assigned.code_id)"),
    _column("codes_redeemed", INTEGER, "count(code_redemptions.result = ok)"),
    _ATTEMPTS,
    *_SALES,
    *_ABUSE,
)


def columns(facts: Facts) -> tuple[Column, ...]:
    """The columns of the level that was asked for.

    Raises:
        ExportFailed: `result` was chosen for markets, which have no one result.
    """
    if facts.request.options["level"] == "code":
        return _COLUMNS
    if facts.request.options.get("result"):
        raise ExportFailed("OPTIONS_CONFLICT", "result goes with level=code, not level=market")
    return _MARKET_COLUMNS


def _literals(facts: Facts) -> dict[str, str]:
    options, snapshot = facts.request.options, facts.snapshot
    return {
        "campaign_id": str(facts.campaign.id),
        "from_date": options.get("from") or _FIRST_DAY,
        "to_date": options.get("to") or f"{snapshot:%Y-%m-%d}",
        "until": f"{snapshot:%Y-%m-%d %H:%M:%S}.{snapshot.microsecond // 1000:03d}",
    }


def _query(facts: Facts) -> Statement:
    select = f"{_SQL}/by_{facts.request.options['level']}.sql"
    return statement(_EVENTS, select, literals=_literals(facts))


def _population(facts: Facts) -> Statement:
    if facts.request.options["level"] == "code":
        return statement(f"{_SQL}/count_codes.sql", literals=_literals(facts))
    return statement(_EVENTS, f"{_SQL}/count_markets.sql", literals=_literals(facts))


def _verdict(facts: Facts) -> Verdict:
    options = facts.request.options
    results, markets = options.get("result"), options.get("markets")

    def verdict(row: Mapping[str, Any]) -> str | None:
        if markets and row["market_key"] not in markets:
            return "markets"
        if results and row["result"] not in results:
            return "result"
        return None

    return verdict


CODE_REDEMPTIONS = ExportType(
    name="code-redemptions",
    version=1,
    summary="How access codes performed: one row a code, with its use and what was bought.",
    scope=Scope.CAMPAIGN,
    owner="team:analytics",
    upstream=(
        ("athena", "fan_events", "codes_assigned"),
        ("athena", "fan_events", "code_redemptions"),
        ("athena", "fan_events", "ticket_orders"),
        ("mongo", "campaigns"),
    ),
    options=(
        words("markets", "Only codes assigned for these markets.", pattern=SLUG_PATTERN),
        words("result", "Only codes with one of these best results.", values=_RESULTS),
        choice(
            "level",
            "One row a code, or one row a market and currency.",
            values=("code", "market"),
            default="code",
        ),
        day("from", "Events from this day on (UTC, included)."),
        day("to", "Events up to this day (UTC, included).", after="from"),
    ),
    columns=columns,
    static_columns=_COLUMNS,
    sort=("market_key", "code_id"),
    rows=AthenaSource(query=_query, population=_population, verdict=_verdict),
    retention_days=90,
    other_columns=("codes_assigned", "codes_redeemed"),
)
