"""`non-purchasers`: who was invited and did not buy, for a second chance (DOMAIN.md 7.9).

A buyer is an account with an order that stands, whichever code it used, and whatever account it was
merged into since. Orders come late, so the export is refused until they cover the end of the sale.

Decided here: the market is that of the draw, or of the waiting list for who was let in from it, or
the first wish of who was drawn before draws had markets; the waiting room counts for the market of
its visit; `freshness_hours` is 6 unless the request says another number.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from assets.exports.shared.audiences import MARKETING_MAIL, WITHDRAWN
from assets.exports.shared.codes import CODES_SERVICE, ISSUED
from assets.exports.shared.entry_columns import field
from assets.exports.shared.entry_options import (
    INVITED,
    LIVE,
    MARKETS,
    Rule,
    first_failing,
)
from assets.exports.shared.entry_strands import (
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import at, market, notes, preferences
from assets.exports.shared.id_set import IdSet
from assets.exports.shared.lake import events_until_snapshot
from assets.exports.shared.merged_accounts import keys_of_today
from assets.exports.shared.salesforce import (
    NO_ACCOUNT,
    TO_SFMC,
    as_table,
    of_campaign,
    subscriber_key,
)
from assets.exports.shared.statements import statement
from assets.exports.shared.stopped import not_stopped, stopped_by_accounts
from assets.model.campaign import Facts, Market
from assets.model.column import (
    EMAIL,
    ENUM,
    ID,
    INTEGER,
    LOCALE,
    TRUE_FALSE,
    UTC_TIME,
    Column,
    Format,
    Getter,
    Pii,
    text,
)
from assets.model.export_type import ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.meaning import best_wish, same, value
from assets.model.option import flag, whole
from assets.model.source import Arrange, CodeSlice, EntryRow, EntrySource, Reading, Verdict

FRESHNESS_HOURS: Final = 6
# The states of a code, the one that tells most about a fan first: of a re-issued pair the older
# one is revoked (DOMAIN.md 5.2), so the newer one counts.
_STATES: Final = ("redeemed", "sent", "assigned", "expired", "revoked")

# Account and market.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What became of the invitations.

    Attributes:
        bought: Subscriber key and market of every purchase.
        buyers: The subscriber keys alone.
        visits: Outcome of the last visit to the waiting room of a market; None: not known.
        failed: Subscriber keys whose code did not work at least once.
        states: State of a code to entries and markets, as `_pair` writes them.
        stopped: Digests of addresses that some account does not want written to.
    """

    bought: frozenset[Place]
    buyers: frozenset[str]
    visits: Mapping[Place, str | None]
    failed: frozenset[str]
    states: Mapping[str, IdSet]
    stopped: IdSet


def _prepare(facts: Facts, reading: Reading) -> Prepared:
    """Ask what was bought, who waited, and what the codes are good for.

    Raises:
        ExportFailed: `ORDERS_NOT_FRESH`: a sale that just ended has orders on their way.
    """
    _check_freshness(facts, reading)
    orders = [_spot(row) for row in _ask("buyers", facts, reading)]
    visits = [(_spot(row), row["outcome"]) for row in _ask("visits", facts, reading)]
    failed = [str(row["account_id"] or "") for row in _ask("failed", facts, reading)]
    every = {a for a, _ in orders} | {a for (a, _), _ in visits} | set(failed)
    today = keys_of_today(every - {""}, reading)
    bought = frozenset((today.get(account, ""), key) for account, key in orders)
    return Prepared(
        bought=bought,
        buyers=frozenset(account for account, _ in bought) - {""},
        visits={(today.get(account, ""), key): outcome for (account, key), outcome in visits},
        failed=frozenset(today.get(account, "") for account in failed) - {""},
        states={state: IdSet(_pairs(facts, reading, state)) for state in ISSUED},
        stopped=IdSet(stopped_by_accounts(facts, reading)),
    )


def _ask(name: str, facts: Facts, reading: Reading) -> Iterator[Mapping[str, Any]]:
    asked = statement(f"non_purchasers/{name}.sql", literals=events_until_snapshot(facts))
    return reading.query(asked, name)


def _spot(row: Mapping[str, Any]) -> Place:
    return str(row["account_id"] or ""), str(row["market_key"] or "")


def _pairs(facts: Facts, reading: Reading, state: str) -> Iterator[str]:
    for code in reading.codes(facts, CodeSlice(states=(state,))):
        if code.get("entryId") is not None:
            yield f"{code['entryId']}|{code.get('marketKey')}"


# ----------------------------------------------------------------------------------------- sales


def _check_freshness(facts: Facts, reading: Reading) -> None:
    ended = _ends(facts, facts.chosen_markets)
    if ended is None:  # `_refuse` says so where somebody asks
        return
    hours = facts.request.options["freshness_hours"]
    (row,) = _ask("newest", facts, reading)
    newest = row["newest"]
    if not isinstance(newest, date) or newest < (ended + timedelta(hours=hours)).date():
        message = (
            f"the newest orders are of {newest or 'no day'}, but the sale ended on "
            f"{ended:%Y-%m-%d} and orders take up to {hours} hours: ask again later"
        )
        raise ExportFailed("ORDERS_NOT_FRESH", message)


def _ends(facts: Facts, markets: Iterable[Market]) -> datetime | None:
    """When the last sale of these markets ends; those of cancelled ones never begin."""
    stated = [
        event.presale_ends_at
        for market in markets
        if market.status != "cancelled"
        for event in market.events
    ]
    return max(filter(None, stated), default=facts.campaign.schedule.presale_ends_at)


def _starts(facts: Facts, there: Market) -> datetime | None:
    stated = (event.presale_starts_at for event in there.events)
    return min(filter(None, stated), default=facts.campaign.schedule.presale_starts_at)


def _refuse(facts: Facts) -> None:
    if _ends(facts, facts.chosen_markets) is None:
        message = "nobody knows when the sale ends: give the campaign a schedule.presaleEndsAt"
        raise ExportFailed("SALE_NOT_SCHEDULED", message)


# --------------------------------------------------------------------------------------- columns


def _market(row: EntryRow) -> Market | None:
    """The market that the fan was invited to; of old forms the first wish tells."""
    for path in ("selection.marketId", "waitlist.marketId"):
        if (stated := at(path)(row)) is not None:
            return market(row, stated)
    wishes = preferences(row)
    return market(row, wishes[0].market_id) if wishes else None


_LOOKS_AT: Final = (value("selection.marketId"), value("waitlist.marketId"), best_wish())
"""What `_market` looks at."""


def _key_of(row: EntryRow) -> str:
    there = _market(row)
    return "" if there is None else there.key


def _place(row: EntryRow) -> Place:
    return subscriber_key(row) or "", _key_of(row)


def _of_market(attribute: str) -> Getter:
    def get(row: EntryRow) -> object:
        there = _market(row)
        return None if there is None else getattr(there, attribute)

    return get


def _code_state(row: EntryRow) -> str | None:
    _, key = _place(row)
    pair, states = f"{row.entry['_id']}|{key}", row.facts.prepared.states
    return next((state for state in _STATES if pair in states[state]), None)


def _sale_ended(row: EntryRow) -> datetime | None:
    there = _market(row)
    return None if there is None else _ends(row.facts, (there,))


def _made(
    name: str, form: Format, pii: Pii, source: str, value: Getter, *, description: str = ""
) -> Column:
    return Column(
        name=name, format=form, pii=pii, source=source, value=value, description=description
    )


_COLUMNS: tuple[Column, ...] = (
    _made("SubscriberKey", text(50), Pii.PSEUDONYM, "u.accountId", subscriber_key),
    field("EmailAddress", EMAIL, Pii.DIRECT, "contact.email"),
    field("FirstName", text(80), Pii.DIRECT, "contact.firstName"),
    field("Locale", LOCALE, Pii.QUASI_IDENTIFIER, "locale"),
    _made("CampaignKey", ID, Pii.NONE, "c.key", of_campaign("key")),
    _made("MarketKey", ID, Pii.NONE, "m.key by e.selection.marketId", _of_market("key")),
    _made("MarketName", text(120), Pii.NONE, "m.name by e.selection.marketId", _of_market("label")),
    _made(
        "CodeState",
        ENUM,
        Pii.NONE,
        "CS.state",
        _code_state,
        description="Of the code for this market.",
    ),
    _made(
        "JoinedQueue",
        TRUE_FALSE,
        Pii.NONE,
        "A.count(queue_visits.visit_id)",
        lambda row: _place(row) in row.facts.prepared.visits,
    ),
    _made(
        "QueueOutcome",
        ENUM,
        Pii.NONE,
        "A.last(queue_visits.outcome)",
        lambda row: row.facts.prepared.visits.get(_place(row)),
    ),
    field("BoostPoints", INTEGER, Pii.NONE, "boost.points"),
    _made(
        "RedemptionFailed",
        TRUE_FALSE,
        Pii.NONE,
        "A.bool_or(code_redemptions.result <> ok)",
        lambda row: subscriber_key(row) in row.facts.prepared.failed,
        description="Whether a code did not work for the account at least once.",
    ),
    _made(
        "SaleEndedUtc",
        UTC_TIME,
        Pii.NONE,
        "m.events.presaleEndsAt | c.schedule.presaleEndsAt",
        _sale_ended,
    ),
    _made("ExportId", ID, Pii.NONE, "X: the export", lambda row: row.facts.export_id),
)


# ------------------------------------------------------------------------------------------ rows


def _verdict(facts: Facts) -> Verdict:
    """Who was invited comes first, then who bought: the two add up to the invited (invariant 7)."""
    options, prepared = facts.request.options, facts.prepared
    chosen = {chosen.key for chosen in facts.chosen_markets}
    rules: list[Rule] = [
        *LIVE,
        WITHDRAWN,
        ("not_invited", same(lambda row: row.entry.get("status") in INVITED, value("status"))),
        ("no_market", same(lambda row: _market(row) is not None, *_LOOKS_AT)),
        (
            "markets",
            same(lambda row: not options.get("markets") or _key_of(row) in chosen, *_LOOKS_AT),
        ),
        NO_ACCOUNT,
        ("bought", lambda row: _place(row) not in prepared.bought),
    ]
    if options["exclude_other_market_buyers"]:
        rules.append(("bought_elsewhere", lambda row: _place(row)[0] not in prepared.buyers))
    return first_failing(
        [*rules, *_narrowed(facts), *MARKETING_MAIL, not_stopped(prepared.stopped)]
    )


def _narrowed(facts: Facts) -> Iterator[Rule]:
    options, prepared = facts.request.options, facts.prepared
    if (hours := options.get("min_hours_since_sale_start")) is not None:
        latest = facts.snapshot - timedelta(hours=hours)
        yield "sale_too_recent", lambda row: _began(row, latest)
    if options["boosted_only"]:
        yield "not_boosted", lambda row: _points(row) > 0
    if options["visited_queue_only"]:
        yield "not_in_queue", lambda row: _place(row) in prepared.visits


def _began(row: EntryRow, latest: datetime) -> bool:
    there = _market(row)
    starts = None if there is None else _starts(row.facts, there)
    return starts is not None and starts <= latest


def _points(row: EntryRow) -> float:
    points = at("boost.points")(row)
    return points if isinstance(points, int | float) else 0


def _key(row: EntryRow) -> tuple[Any, ...]:
    return *_place(row), str(row.entry["_id"])


NON_PURCHASERS = ExportType(
    name="non-purchasers",
    version=1,
    summary="Fans who were invited and did not buy, for a second chance.",
    scope=Scope.CAMPAIGN,
    owner="team:lifecycle-marketing",
    upstream=(
        CODES_SERVICE,
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "markets"),
        ("mongo", "users"),
        ("athena", "fan_events", "ticket_orders"),
        ("athena", "fan_events", "queue_visits"),
        ("athena", "fan_events", "code_redemptions"),
    ),
    options=(
        MARKETS,
        whole(
            "min_hours_since_sale_start",
            "Only markets whose sale began at least so many hours ago.",
            least=1,
            most=8_760,
        ),
        flag("boosted_only", "Only fans with boost points."),
        flag("visited_queue_only", "Only fans who were in the waiting room of the market."),
        flag(
            "exclude_other_market_buyers",
            "Leave out fans who bought in another market of the campaign.",
            default=True,
        ),
        replace(
            whole(
                "freshness_hours",
                "How long orders of the last minute may take to arrive.",
                least=0,
                most=168,
            ),
            default=FRESHNESS_HOURS,
        ),
    ),
    columns=lambda _: _COLUMNS,
    static_columns=_COLUMNS,
    sort=("SubscriberKey",),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=_verdict,
        notes=notes,
        # One row a fan and market: the keys of the data extension.
        arrange=Arrange(key=_key, unique=2, reason="same_account"),
    ),
    retention_days=30,
    deliveries=(TO_SFMC,),
    fixed=as_table,
    prepare=_prepare,
    refuse=_refuse,
)
