"""A campaign and what belongs to it, as exports see it: read once, before the first row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from bson import ObjectId

from assets.model.column import Pii
from assets.model.request import ExportRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One show in a market; `local_date` is the date on the poster (`YYYY-MM-DD`)."""

    event_id: str
    local_date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A city or region of a campaign (DOMAIN.md 2.2); cancelled ones stay and still resolve."""

    id: object
    key: str
    name: str
    order: int
    status: str
    zone: str
    events: tuple[Event, ...] = ()

    @property
    def label(self) -> str:
        """The name as people see it; a cancelled market says so (DOMAIN.md 7.1)."""
        return f"{self.name} (cancelled)" if self.status == "cancelled" else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoter:
    """A promoter that fans may opt in to; `key` ends the name of its column."""

    id: object
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A custom question of the registration form (DOMAIN.md 2.1 `questions`)."""

    key: str
    type: str
    pii: Pii
    order: int
    exportable: bool
    retired: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """The campaign document in the shape that exports need (DOMAIN.md 2.1).

    Attributes:
        zone: IANA name; the zone in which people read this campaign's times.
        max_markets: Width of the preference pivot.
        consent_keys: Keys of non-promoter consents, in the order of the form.
    """

    id: ObjectId
    key: str
    name: str
    status: str
    zone: str
    default_locale: str
    locales: tuple[str, ...]
    max_markets: int
    questions: tuple[Question, ...] = ()
    consent_keys: tuple[str, ...] = ()


# Not slotted: `cached_property` needs an instance dictionary.
@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that is known before the first row: the fixed ground an export stands on.

    Attributes:
        request: What was asked for.
        campaign: Whose rows.
        snapshot: Rows created after this instant (UTC, from the database's clock) stay out.
        markets: Every market of the campaign by `order`, cancelled ones included.
        promoters: The campaign's promoters by key.
        bands: Entry id to risk band, for manual overrides that beat the scoring file.
    """

    request: ExportRequest
    campaign: Campaign
    snapshot: datetime
    markets: tuple[Market, ...] = ()
    promoters: tuple[Promoter, ...] = ()
    bands: Mapping[object, str] = field(default_factory=dict)

    @cached_property
    def market_by_id(self) -> dict[object, Market]:
        """Market id to market."""
        return {market.id: market for market in self.markets}

    @cached_property
    def market_id_by_name(self) -> dict[str, object]:
        """Case-folded market name to market id, for v1 documents (DOMAIN.md 2.9)."""
        return {market.name.casefold(): market.id for market in self.markets}

    @cached_property
    def chosen_markets(self) -> tuple[Market, ...]:
        """The markets that the request is limited to, or all of them, sorted by key."""
        keys = self.request.options.get("markets") or ()
        chosen = [market for market in self.markets if not keys or market.key in keys]
        return tuple(sorted(chosen, key=lambda market: market.key))
