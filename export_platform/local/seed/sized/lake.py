"""The lake rows of a sale: codes assigned, codes used, tickets ordered.

What fans did is in `behaviour`, what became of messages in `mails`, what counts by day in `days`.
Columns are declared in `local.athena.tables`.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

import numpy as np

from export_platform.local.seed.basis.dataset import Slice
from export_platform.local.seed.basis.identifiers import Kind, account_id
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized import blocks
from export_platform.local.seed.sized.chunk import Chunk, id_list, instants
from export_platform.local.seed.sized.codes import (
    ASSIGNED,
    LEAK,
    UNIQUE,
    Code,
    bought_with,
    code_id,
    codes,
)
from export_platform.local.seed.sized.names import campaign_id, market_key
from export_platform.local.seed.sized.recipe import PRESALE, PRESALE_ENDS, Recipe
from export_platform.local.seed.sized.words import CITIES, CURRENCIES

_PRESALE_MS: Final = int(PRESALE.timestamp()) * 1000
_MEDIAN_MS: Final = 14 * 60 * 1000  # half of those who buy have bought 14 minutes into the sale
_LATE: Final = timedelta(days=2)
_ASSIGNED: Final = blocks.ASSIGNED.replace(tzinfo=None)
_REISSUED: Final = blocks.REISSUED.replace(tzinfo=None)
_GENERAL: Final = PRESALE.replace(tzinfo=None) + timedelta(days=3)
_VALID_FROM: Final = PRESALE.replace(tzinfo=None)
_VALID_UNTIL: Final = PRESALE_ENDS.replace(tzinfo=None)
_PRICE: Final = Decimal("155.25")

# Tickets an order: 1: 5 %, 2: 35, 3: 15, 4: 45, which makes three on average.
_TICKETS: Final = (0.05, 0.35, 0.15, 0.45)


_REFUSALS: Final = ("", "wrong_account", "exhausted", "expired")
_REFUSED: Final = (0.954, 0.011, 0.015, 0.02)
_NASTY_REFUSED: Final = (0.88, 0.04, 0.04, 0.04)
CANCELLED, OTHER_CURRENCY, RESOLD = 1, 2, 3
_ORDERS: Final = (0.93, 0.02, 0.01, 0.04)
_NASTY_ORDERS: Final = (0.76, 0.08, 0.08, 0.08)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row, and the day on which it arrived."""

    table: str
    day: date
    values: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """Columns of what happens to the codes and orders of a chunk, one value an entry."""

    bought_at: list[datetime]
    tickets: list[int]
    refusal: list[int]
    assigned_twice: list[bool]
    used_twice: list[bool]
    order: list[int]
    leak: list[bool]
    open_sale: list[bool]
    accounts: list[str]


def slices(chunk: Chunk, accounts: list[str], ledger: Ledger) -> Iterator[Slice]:
    """The rows of a chunk by table and day; within a day in the order of the entries."""
    by_day: dict[tuple[str, date], list[dict[str, object]]] = defaultdict(list)
    for row in rows(chunk, accounts, ledger):
        by_day[row.table, row.day].append(row.values)
    for table, day in sorted(by_day):
        listed = by_day[table, day]
        yield Slice(
            table=table,
            campaign_id=campaign_id(chunk.recipe),
            day=day,
            columns={name: [each[name] for each in listed] for name in listed[0]},
        )


def rows(chunk: Chunk, accounts: list[str], ledger: Ledger) -> Iterator[Row]:
    """Every row of the entries of a chunk, entry by entry."""
    luck = _luck(chunk, accounts)
    held = {place: list(own) for place, own in groupby(codes(chunk), key=lambda each: each.place)}
    for place, number in enumerate(chunk.numbers):
        for code in held.get(place, ()):
            yield from _assignment(chunk, code, luck, ledger)
            yield from _uses(chunk, code, luck, ledger)
        if luck.leak[place]:
            yield from _leak(chunk, place, luck, ledger)
        if luck.open_sale[place]:
            yield _order(
                chunk.recipe,
                place,
                luck,
                at=_GENERAL,
                order_id=f"og-{chunk.recipe.campaign}-{number}",
            )


def _luck(chunk: Chunk, accounts: list[str]) -> Luck:
    draws, index = chunk.draws, chunk.index
    nasty, share = chunk.recipe.anomalies, chunk.recipe.share
    late = np.floor(draws.quantile("sale.minute", index, "lognormal") * _MEDIAN_MS)
    return Luck(
        bought_at=instants(_PRESALE_MS + late.astype(np.int64)),
        tickets=[pick + 1 for pick in chunk.picks("sale.tickets", _TICKETS)],
        refusal=chunk.picks("sale.refusal", _NASTY_REFUSED if nasty else _REFUSED),
        assigned_twice=chunk.flags("sale.assigned_twice", share(0.005, nasty=0.03)),
        used_twice=chunk.flags("sale.used_twice", share(0.005, nasty=0.06)),
        order=chunk.picks("sale.order", _NASTY_ORDERS if nasty else _ORDERS),
        leak=chunk.flags("sale.leak", share(0.0005, nasty=0.01)),
        open_sale=chunk.flags("sale.open", 0.02),
        accounts=accounts,
    )


def _assignment(chunk: Chunk, code: Code, luck: Luck, ledger: Ledger) -> Iterator[Row]:
    """The assignment; a re-issued code is assigned and then revoked; 0.5 % arrive twice."""
    if not code.in_lake:
        ledger.add("code_only_on_entry", code.code_id)
        return
    if not code.on_entry:
        ledger.add("code_only_in_lake", code.code_id)
    again = code.seq > 1
    when = _REISSUED if again else _ASSIGNED
    event = _assigned(chunk, code, when, "a")
    yield event
    if code.state == "revoked":
        ledger.add("superseded_assignment", code.code_id)
        event.values["state"] = "sent"  # it was, until the second event revoked it
        yield _assigned(chunk, code, _REISSUED - timedelta(seconds=1), "b")
    if luck.assigned_twice[code.place]:
        ledger.add("duplicate_assignment", code.code_id)
        yield replace(event, day=event.day + _LATE)


def _assigned(chunk: Chunk, code: Code, when: datetime, event: str) -> Row:
    recipe = chunk.recipe
    values: dict[str, object] = {
        "event_id": f"ca-{code.code_id[5:]}-{event}",
        "code_id": code.code_id,
        "entry_id": str(chunk.entry_ids[code.place]),
        "user_id": str(chunk.user_ids[code.place]),
        "market_key": market_key(code.market),
        "host_event_id": blocks.event_ids(recipe, code.market)[0],
        "code_config_key": UNIQUE,
        "wave": code.wave,
        "seq": code.seq,
        "state": code.state,
        "channel": None if code.state == ASSIGNED else "sms",
        "assigned_at": when,
        "valid_from": _VALID_FROM,
        "valid_until": _VALID_UNTIL,
    }
    return Row(table="codes_assigned", day=when.date(), values=values)


def _uses(chunk: Chunk, code: Code, luck: Luck, ledger: Ledger) -> Iterator[Row]:
    """Wrong account 1.1 %, exhausted 1.5 %, expired 2 %; those who buy succeed and order."""
    place = code.place
    refused = _REFUSALS[luck.refusal[place]]
    if refused and code.state != ASSIGNED:
        ledger.add(f"{refused}_attempt", code.code_id)
        when = _VALID_UNTIL + timedelta(minutes=5) if refused == "expired" else _VALID_FROM
        yield _use(chunk, code, refused, when + timedelta(seconds=code.number % 60), luck)
    if not bought_with(chunk, code):
        return
    when = luck.bought_at[place]
    order_id = f"or-{code.code_id[5:]}"
    use = _use(chunk, code, "ok", when, luck, order_id=order_id)
    yield use
    if luck.used_twice[place]:
        ledger.add("duplicate_redemption", code.code_id)
        yield replace(use, day=use.day + timedelta(days=1))
    yield from _orders(chunk, code, luck, ledger, order_id=order_id)


def _use(
    chunk: Chunk,
    code: Code,
    result: str,
    when: datetime,
    luck: Luck,
    *,
    order_id: str | None = None,
) -> Row:
    place = code.place
    account = luck.accounts[place]
    if result == "wrong_account":
        account = account_id(id_list(Kind.USER, chunk.recipe, [code.number ^ 1])[0])
    values: dict[str, object] = {
        "redemption_id": f"re-{code.code_id[5:]}-{result}",
        "code_id": code.code_id,
        "account_id": account,
        "host_event_id": blocks.event_ids(chunk.recipe, code.market)[0],
        "redeemed_at": when,
        "result": result,
        "order_id": order_id,
        "tickets": luck.tickets[place] if result == "ok" else None,
    }
    return Row(table="code_redemptions", day=when.date(), values=values)


def _orders(
    chunk: Chunk, code: Code, luck: Luck, ledger: Ledger, *, order_id: str
) -> Iterator[Row]:
    """2 % cancelled; 4 % on resale, of which the flag comes late, as a second row; 1 % in euros."""
    fate, when = luck.order[code.place], luck.bought_at[code.place] + timedelta(seconds=30)
    order = _order(chunk.recipe, code.place, luck, at=when, order_id=order_id, market=code.market)
    order.values["used_code"] = True
    if fate == CANCELLED:
        ledger.add("cancelled_order", order_id)
        order.values["status"] = "cancelled"
    elif fate == OTHER_CURRENCY:
        ledger.add("other_currency", order_id)
        order.values["currency"] = CURRENCIES[-1]
    yield order
    if fate == RESOLD:
        ledger.add("resale_listed", order_id)
        yield replace(order, day=order.day + _LATE, values=order.values | {"resale_listed": True})


def _order(
    recipe: Recipe, place: int, luck: Luck, *, at: datetime, order_id: str, market: int = 0
) -> Row:
    values: dict[str, Any] = {
        "order_id": order_id,
        "account_id": luck.accounts[place],
        "host_event_id": blocks.event_ids(recipe, market)[0],
        "market_key": market_key(market),
        "ordered_at": at,
        "tickets": luck.tickets[place],
        "gross_amount": _PRICE * luck.tickets[place],
        "currency": CITIES[market % len(CITIES)].currency,
        "used_code": False,
        "status": "paid",
        "resale_listed": False,
    }
    return Row(table="ticket_orders", day=at.date(), values=values)


def _leak(chunk: Chunk, place: int, luck: Luck, ledger: Ledger) -> Iterator[Row]:
    """A code that nobody was assigned, and that worked."""
    number, market = chunk.numbers[place], int(chunk.plan.target[place])
    leaked = Code(
        place=place,
        number=number,
        code_id=code_id(chunk.recipe, number, LEAK),
        market=market,
        seq=1,
        wave=1,
        state="sent",
        on_entry=False,
        in_lake=False,
    )
    ledger.add("redemption_without_assignment", leaked.code_id)
    yield _use(chunk, leaked, "ok", luck.bought_at[place], luck)
