"""What the codes, the host and the shop wrote about Aurora Lights: small enough to add up by hand.

Expected of `code-redemptions` by code: six assigned codes (1 to 6, code 2 was revoked and re-issued
as 3) and two that were redeemed without ever being assigned (8, 9). The codes of wave 4 (13 to 18)
were assigned an hour ago: their events come tomorrow.

Expected of `non-purchasers`: those of entries 17 and 19 bought (orders 1 and 2). Entry 18 bought
and cancelled (order 6), entry 56 bought in another market (order 7), entry 15 was never invited.
Of the waiting room: 14 and 16 were let in, 16 at the second try; 18 waited in vain.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.tiny.event import Event, day_of
from export_platform.local.seed.tiny.shapes import (
    FIRST_NIGHT,
    VANCOUVER_NIGHT,
    account,
    code_id,
    entry_id,
    user_id,
)


def assigned(
    number: int,
    entry: int,
    night: str,
    *plants: str,
    at_text: str = "2026-03-12T18:00:00Z",
    event: str = "a",
    arrived: str | None = None,
    **fields: object,
) -> Event:
    """One assignment event of a code; `event` tells the events of one code apart."""
    instant = at(at_text)
    row: dict[str, object] = {
        "event_id": f"ca-{number:03d}-{event}",
        "code_id": code_id(number),
        "entry_id": str(entry_id(entry)),
        "user_id": str(user_id(entry)),
        "market_key": "vancouver-bc" if night == VANCOUVER_NIGHT else "new-york-ny",
        "host_event_id": night,
        "code_config_key": "presale",
        "wave": 1,
        "seq": 1,
        "state": "sent",
        "channel": "sms",
        "assigned_at": instant,
        "valid_from": at("2026-03-13T14:00:00Z"),
        "valid_until": at("2026-03-14T03:00:00Z"),
    }
    return Event(
        table="codes_assigned", day=day_of(instant, arrived), row=row | fields, plants=plants
    )


def redeemed(
    number: int,
    code: int,
    at_text: str,
    result: str,
    *plants: str,
    user: int,
    order: int | None = None,
    tickets: int | None = None,
    night: str = FIRST_NIGHT,
    arrived: str | None = None,
) -> Event:
    """One use of a code at the host."""
    instant = at(at_text)
    row: dict[str, object] = {
        "redemption_id": f"re-{number:03d}",
        "code_id": code_id(code),
        "account_id": account(user),
        "host_event_id": night,
        "redeemed_at": instant,
        "result": result,
        "order_id": f"or-{order:03d}" if order is not None else None,
        "tickets": tickets,
    }
    return Event(table="code_redemptions", day=day_of(instant, arrived), row=row, plants=plants)


def ordered(
    number: int,
    at_text: str,
    amount: str,
    *plants: str,
    user: int,
    night: str = FIRST_NIGHT,
    arrived: str | None = None,
    **fields: object,
) -> Event:
    """One order in the shop; two tickets in US dollars unless said otherwise."""
    instant = at(at_text)
    row: dict[str, object] = {
        "order_id": f"or-{number:03d}",
        "account_id": account(user),
        "host_event_id": night,
        "market_key": "vancouver-bc" if night == VANCOUVER_NIGHT else "new-york-ny",
        "ordered_at": instant,
        "tickets": 2,
        "gross_amount": Decimal(amount),
        "currency": "USD",
        "used_code": True,
        "status": "paid",
        "resale_listed": False,
    }
    return Event(
        table="ticket_orders", day=day_of(instant, arrived), row=row | fields, plants=plants
    )


def queued(
    number: int,
    at_text: str,
    outcome: str,
    *plants: str,
    user: int,
    admitted: str | None = None,
    market: str = "new-york-ny",
    arrived: str | None = None,
) -> Event:
    """One visit to the waiting room."""
    joined = at(at_text)
    row: dict[str, object] = {
        "visit_id": f"qv-{number:03d}",
        "account_id": account(user),
        "market_key": market,
        "joined_at": joined,
        "admitted_at": at(admitted) if admitted else None,
        "outcome": outcome,
    }
    return Event(table="queue_visits", day=day_of(joined, arrived), row=row, plants=plants)


EVENTS: Final[Sequence[Event]] = (
    # Code 1 (entry 16): sent, never used with success.
    assigned(1, 16, FIRST_NIGHT),
    # Code 2 (entry 17): assigned, then revoked; the later event counts.
    assigned(2, 17, FIRST_NIGHT),
    assigned(
        2,
        17,
        FIRST_NIGHT,
        "superseded_assignment",
        at_text="2026-03-13T09:00:00Z",
        event="b",
        state="revoked",
    ),
    # Code 3 (entry 17): the re-issue. The event came twice, the second time two days late.
    assigned(3, 17, FIRST_NIGHT, at_text="2026-03-13T09:00:01Z", seq=2),
    assigned(
        3,
        17,
        FIRST_NIGHT,
        "duplicate_event",
        "late_event",
        at_text="2026-03-13T09:00:01Z",
        seq=2,
        arrived="2026-03-15",
    ),
    # Code 4 (entry 18, Vancouver, wave 2): lapsed.
    assigned(4, 18, VANCOUVER_NIGHT, wave=2),
    # Code 5 (entry 19, Vancouver): let in from the waiting list, bought in Canadian dollars.
    assigned(5, 19, VANCOUVER_NIGHT, at_text="2026-03-15T09:31:00Z", wave=3),
    # Code 6 (entry 14): assigned, not sent yet, so without a channel.
    assigned(6, 14, FIRST_NIGHT, state="assigned", channel=None),
    # Code 1: tried from another account, then after its time.
    redeemed(1, 1, "2026-03-13T14:02:00Z", "wrong_account", "wrong_account", user=13),
    redeemed(2, 1, "2026-03-14T03:00:01Z", "expired", "expired_attempt", user=16),
    # Code 3: used, then used up. The first row came twice.
    redeemed(3, 3, "2026-03-13T14:01:30.250Z", "ok", user=17, order=1, tickets=2),
    redeemed(
        3,
        3,
        "2026-03-13T14:01:30.250Z",
        "ok",
        "duplicate_event",
        user=17,
        order=1,
        tickets=2,
        arrived="2026-03-14",
    ),
    redeemed(4, 3, "2026-03-13T14:20:00Z", "exhausted", "exhausted_attempt", user=17),
    # Code 5: two uses, two orders, one of them cancelled later.
    redeemed(
        5, 5, "2026-03-15T10:00:00Z", "ok", user=19, order=2, tickets=4, night=VANCOUVER_NIGHT
    ),
    redeemed(
        6, 5, "2026-03-15T10:05:00Z", "ok", user=19, order=3, tickets=1, night=VANCOUVER_NIGHT
    ),
    # Codes 8 and 9 were never assigned: one leaked and worked, one was guessed.
    redeemed(
        7,
        8,
        "2026-03-13T14:10:00Z",
        "ok",
        "redemption_without_assignment",
        user=1,
        order=4,
        tickets=2,
    ),
    redeemed(
        8, 9, "2026-03-13T14:11:00Z", "wrong_account", "redemption_without_assignment", user=13
    ),
    # Order 1: one ticket on resale. The row came again, late, with the resale flag set.
    ordered(1, "2026-03-13T14:01:40Z", "310.50", user=17),
    ordered(
        1,
        "2026-03-13T14:01:40Z",
        "310.50",
        "duplicate_event",
        "late_event",
        "resale_listed",
        user=17,
        resale_listed=True,
        arrived="2026-03-18",
    ),
    # Order 2 counts, order 3 was cancelled.
    ordered(
        2,
        "2026-03-15T10:00:20Z",
        "800.00",
        "second_currency",
        user=19,
        night=VANCOUVER_NIGHT,
        tickets=4,
        currency="CAD",
    ),
    ordered(
        3,
        "2026-03-15T10:05:20Z",
        "200.00",
        "cancelled_order",
        "second_currency",
        user=19,
        night=VANCOUVER_NIGHT,
        tickets=1,
        currency="CAD",
        status="cancelled",
    ),
    # Order 4: by the leaked code, in a currency of neither market.
    ordered(4, "2026-03-13T14:10:30Z", "299.99", "second_currency", user=1, currency="EUR"),
    # Order 5: in the general sale, without a code.
    ordered(5, "2026-03-16T14:00:30Z", "155.25", user=15, tickets=1, used_code=False),
    # Order 6: bought with code 4 and given back, so entry 18 is no buyer.
    ordered(
        6,
        "2026-03-13T18:00:00Z",
        "220.00",
        "cancelled_order",
        user=18,
        night=VANCOUVER_NIGHT,
        currency="CAD",
        status="cancelled",
    ),
    # Order 7: entry 56 was invited to New York and bought in Vancouver, without a code.
    ordered(
        7,
        "2026-03-16T14:05:00Z",
        "180.00",
        "bought_in_other_market",
        user=56,
        night=VANCOUVER_NIGHT,
        currency="CAD",
        used_code=False,
    ),
    # The waiting room: 14 in; 16 gave up and came back, and that row came twice; 17 in (and
    # bought); 18 never reached the front.
    queued(1, "2026-03-13T13:50:00Z", "admitted", user=14, admitted="2026-03-13T14:05:00Z"),
    queued(2, "2026-03-13T13:58:00Z", "abandoned", user=16),
    queued(3, "2026-03-13T14:10:00Z", "admitted", user=16, admitted="2026-03-13T14:30:00Z"),
    queued(
        3,
        "2026-03-13T14:10:00Z",
        "admitted",
        "duplicate_event",
        "late_event",
        user=16,
        admitted="2026-03-13T14:30:00Z",
        arrived="2026-03-15",
    ),
    queued(4, "2026-03-13T14:00:00Z", "admitted", user=17, admitted="2026-03-13T14:01:00Z"),
    queued(5, "2026-03-13T17:01:00Z", "timed_out", user=18, market="vancouver-bc"),
)
