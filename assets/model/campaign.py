"""A campaign and what belongs to it, as exports see it: read once, before the first row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from bson import ObjectId

from assets.model.column import Pii
from assets.model.option import ZONE
from assets.model.request import ExportRequest

# Text by BCP 47 locale: the label of a question, the words of a consent.
Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One show in a market (DOMAIN.md 2.2 `events`).

    Attributes:
        event_id: The host's id.
        local_date: The date on the poster, `YYYY-MM-DD`.
        local_time: The time on the poster, `HH:MM`; None where it is not fixed.
        starts_at: The instant.
        presale_starts_at: Its own presale; None: the campaign's.
        presale_ends_at: The same.
        capacity: Seats of the venue.
        allocation: Tickets set aside for registered fans.
    """

    event_id: str
    local_date: str
    local_time: str | None = None
    status: str = "scheduled"
    starts_at: datetime | None = None
    venue: str | None = None
    capacity: int | None = None
    presale_starts_at: datetime | None = None
    presale_ends_at: datetime | None = None
    allocation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A city or region of a campaign (DOMAIN.md 2.2); cancelled ones stay and still resolve."""

    id: object
    key: str
    name: str
    order: int
    status: str
    zone: str
    city: str | None = None
    region: str | None = None
    country: str | None = None
    dma: int | None = None
    codes_planned: int | None = None
    events: tuple[Event, ...] = ()

    @property
    def label(self) -> str:
        """The name as people see it; a cancelled market says so (DOMAIN.md 7.1)."""
        return f"{self.name} (cancelled)" if self.status == "cancelled" else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What a promoter may receive (DOMAIN.md 2.3 `dataSharing`).

    Attributes:
        allowed_fields: Names of columns.
        hash_only: Addresses leave as SHA-256 only.
    """

    id: str
    signed_at: datetime | None
    expires_at: datetime | None
    allowed_fields: frozenset[str]
    hash_only: bool

    def in_force(self, instant: datetime) -> bool:
        """Whether it was signed by then and has not expired."""
        signed = self.signed_at is not None and self.signed_at <= instant
        return signed and (self.expires_at is None or instant < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoter:
    """A promoter that fans may opt in to; `key` ends the name of its column."""

    id: object
    key: str
    status: str = "active"
    agreement: Agreement | None = None
    prefix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One option of a question; `value` is what an answer holds."""

    value: str
    label: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A custom question of the registration form (DOMAIN.md 2.1 `questions`)."""

    key: str
    type: str
    pii: Pii
    order: int
    exportable: bool
    version: int = 1
    retired: bool = False
    promoter_visible: bool = False
    label: Texts = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()

    @property
    def options(self) -> tuple[str, ...]:
        """The values that may be chosen."""
        return tuple(choice.value for choice in self.choices)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentText:
    """One wording of a consent."""

    version: str
    text: Texts
    valid_from: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A consent that the form asks for (DOMAIN.md 2.1 `consents`)."""

    key: str
    party: str
    promoter_id: object = None
    texts: tuple[ConsentText, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Boost:
    """An activity that moves a fan up the line (DOMAIN.md 2.1 `boosts`)."""

    key: str
    daily_cap: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeConfig:
    """A pool of access codes (DOMAIN.md 2.1 `codeConfig`)."""

    key: str
    type: str
    market_id: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The key dates of a campaign, in UTC (DOMAIN.md 2.1 `schedule`)."""

    registration_opens_at: datetime | None = None
    registration_closes_at: datetime | None = None
    selection_at: datetime | None = None
    notify_at: datetime | None = None
    presale_starts_at: datetime | None = None
    presale_ends_at: datetime | None = None
    general_onsale_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """The campaign document in the shape that exports need (DOMAIN.md 2.1).

    Attributes:
        zone: IANA name; the zone in which people read this campaign's times.
        max_markets: Width of the preference pivot.
        consents: What the form asks for, in its order.
        data_extensions: Export type to the external key of its data extension.
        accept_bands: Risk bands that may be selected; empty: all.
        default_quantity: Tickets counted where a fan named none (DOMAIN.md 7.10).
        k_anonymity: The smallest group that outsiders may see counted (DOMAIN.md 2.1: 10).
        latest_run_id: The scoring run that was accepted last.
    """

    id: ObjectId
    key: str
    name: str
    status: str
    zone: str
    default_locale: str
    locales: tuple[str, ...]
    max_markets: int
    artist: str = ""
    countries: tuple[str, ...] = ()
    schedule: Schedule = field(default_factory=Schedule)
    questions: tuple[Question, ...] = ()
    consents: tuple[Consent, ...] = ()
    boosts: tuple[Boost, ...] = ()
    code_configs: tuple[CodeConfig, ...] = ()
    promoter_ids: tuple[ObjectId, ...] = ()
    data_extensions: Mapping[str, str] = field(default_factory=dict)
    accept_bands: tuple[str, ...] = ()
    default_quantity: int = 2
    k_anonymity: int = 10
    latest_run_id: str | None = None

    @property
    def consent_keys(self) -> tuple[str, ...]:
        """Keys of the consents that are not a promoter's, each once, in the form's order."""
        return tuple(dict.fromkeys(c.key for c in self.consents if c.party != "promoter"))


# The ground of exports that are not of one campaign: times are UTC, texts American English.
NO_CAMPAIGN: Final = Campaign(
    id=ObjectId("0" * 24),
    key="",
    name="",
    status="",
    zone="UTC",
    default_locale="en-US",
    locales=("en-US",),
    max_markets=3,
)


# Not slotted: `cached_property` needs an instance dictionary.
@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that is known before the first row: the fixed ground an export stands on.

    Attributes:
        request: What was asked for.
        campaign: Whose rows; `NO_CAMPAIGN` where the export is of a day or of a privacy case.
        snapshot: Rows created after this instant (UTC, from the database's clock) stay out.
        export_id: Id of the export document, for columns that name it; empty at a request's check.
        markets: Every market of the campaign by `order`, cancelled ones included.
        promoters: The campaign's promoters by key.
        bands: Entry id to risk band, for manual overrides that beat the scoring file.
        campaigns: By key: for exports of a day every campaign that is neither a draft nor archived,
            for those of a privacy case every campaign.
        prepared: What the export's own `prepare` read before the first row.
    """

    request: ExportRequest
    campaign: Campaign
    snapshot: datetime
    export_id: str = ""
    markets: tuple[Market, ...] = ()
    promoters: tuple[Promoter, ...] = ()
    bands: Mapping[object, str] = field(default_factory=dict)
    campaigns: tuple[Campaign, ...] = ()
    prepared: Any = None

    @property
    def zone(self) -> str:
        """The zone of local times in the files: the one asked for, or the campaign's."""
        return str(self.request.options.get(ZONE.name) or self.campaign.zone)

    @cached_property
    def market_by_id(self) -> dict[object, Market]:
        """Market id to market."""
        return {market.id: market for market in self.markets}

    @cached_property
    def market_by_key(self) -> dict[str, Market]:
        """Market key to market."""
        return {market.key: market for market in self.markets}

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
