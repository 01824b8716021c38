"""What fans ask for: the markets that they named, once each, and the tickets they want there.

Both demand exports count the same entries: those that are `LIVE` and name at least one market. So
the first choices of one are the first choices of the other (DOMAIN.md 11, point 8). That counts who
has withdrawn since, or was found to be a duplicate: they are demand that was there, and a request
can leave them out.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bson.decimal128 import Decimal128

from assets.exports.shared.entry_options import (
    ACTIVE,
    LIVE,
    Rule,
    withdrawn,
)
from assets.exports.shared.entry_values import Preference, market, preferences
from assets.model.campaign import Facts, Market
from assets.model.column import Unfit
from assets.model.option import Option, flag
from assets.model.source import EntryRow

# A market that the campaign does not have: the wish counts, so that first choices add up. No key
# of a market is written in capitals.
UNKNOWN: Final = "UNKNOWN"

_ACTIVE_ONLY: Final = "active_only"
DEMAND_OPTIONS: Final[tuple[Option, ...]] = (
    flag(_ACTIVE_ONLY, "Leave out entries that are withdrawn, rejected or duplicates."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One market that a fan named.

    Attributes:
        market: None where the campaign has no such market.
        rank: From 1.
        event_ids: The shows that the fan named; none: any.
        tickets: How many; the campaign's default where the fan said nothing.
        imputed: How many of them are the default.
    """

    market: Market | None
    rank: int
    event_ids: tuple[str, ...]
    tickets: int
    imputed: int

    @property
    def key(self) -> str:
        """The market's key."""
        return UNKNOWN if self.market is None else self.market.key


def demand_rules(facts: Facts) -> list[Rule]:
    """Whose wishes count."""
    named: Rule = ("no_preference", lambda row: bool(preferences(row)))
    if not facts.request.options[_ACTIVE_ONLY]:
        return [*LIVE, named]
    return [*LIVE, ("not_active", _is_active), named]


def _is_active(row: EntryRow) -> bool:
    return row.entry.get("status") in ACTIVE and not withdrawn(row)


def wishes(row: EntryRow) -> list[Wish]:
    """The markets of an entry, best first; a market that is named twice counts where it is first.

    Raises:
        Unfit: A preference cannot be read.
    """
    found: dict[str, Wish] = {}
    for preference in preferences(row):
        wish = _wish(row, preference)
        found.setdefault(wish.key, wish)
    return list(found.values())


def _wish(row: EntryRow, preference: Preference) -> Wish:
    said = preference.quantity is not None
    usual = row.facts.campaign.default_quantity
    return Wish(
        market=market(row, preference.market_id),
        rank=preference.rank,
        event_ids=preference.event_ids,
        tickets=_tickets(preference.quantity) if said else usual,
        imputed=0 if said else usual,
    )


def _tickets(value: object) -> int:
    """A whole number of tickets, whatever number type it is stored in."""
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Unfit("ticket_quantity:wrong_type")
    try:
        whole = int(value)
    except (ValueError, OverflowError):  # not a number, or without end
        raise Unfit("ticket_quantity:not_finite") from None
    if whole != value or whole < 0:
        raise Unfit("ticket_quantity:not_a_count")
    return whole
