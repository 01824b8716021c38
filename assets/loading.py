"""Read what must be known before the first row: the campaign and what belongs to it.

A few small documents, so the bridge does it too when somebody asks for an export: what a run would
refuse before its first row is refused there (API.md 4, 422).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

from assets.model.campaign import NO_CAMPAIGN, Campaign, Facts, Market, Promoter
from assets.model.export_type import FIRST_DAY, ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.request import ExportRequest
from assets.steps.documents import bands_from, campaign_from, markets_from, promoters_from
from resources.mongo.campaigns import CampaignStore
from resources.mongo.markets import MarketStore
from resources.mongo.promoters import PromoterStore
from resources.mongo.scoring import ScoringStore

UNKNOWN_CAMPAIGN = "UNKNOWN_CAMPAIGN"
# DOMAIN.md 2.1: campaigns in these statuses are in no report of a day.
_OVER = ("archived", "draft")


class Stores(Protocol):
    """The collections that say what a campaign is."""

    campaigns: CampaignStore
    markets: MarketStore
    promoters: PromoterStore
    scoring: ScoringStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A campaign and what belongs to it; `Facts` says what they are."""

    campaign: Campaign
    markets: tuple[Market, ...]
    promoters: tuple[Promoter, ...]
    bands: Mapping[object, str]


def ground_of(key: str, snapshot: datetime, stores: Stores) -> Ground:
    """Read a campaign and what belongs to it.

    Raises:
        ExportFailed: There is no such campaign.
        DoorError: The database failed.
    """
    document = stores.campaigns.by_key(key)
    if document is None:
        raise ExportFailed(UNKNOWN_CAMPAIGN, "there is no campaign with this key")
    return _ground(campaign_from(document), snapshot, stores)


def _ground(campaign: Campaign, snapshot: datetime, stores: Stores) -> Ground:
    return Ground(
        campaign=campaign,
        markets=markets_from(stores.markets.of_campaign(campaign.id)),
        promoters=promoters_from(stores.promoters.by_ids(list(campaign.promoter_ids))),
        bands=bands_from(stores.scoring.overrides(campaign.id), snapshot),
    )


def load(
    export_type: ExportType,
    request: ExportRequest,
    snapshot: datetime,
    stores: Stores,
    *,
    export_id: str = "",
    reads: Callable[[str, datetime, Stores], Ground] = ground_of,
) -> Facts:
    """Read the ground of an export.

    Args:
        export_type: The kind.
        request: What was asked for.
        snapshot: Nothing that was created later is read.
        stores: Where to read.
        export_id: Of the export document, once there is one.
        reads: Gives a campaign and what belongs to it.

    Raises:
        ExportFailed: There is no such campaign, market or day.
        DoorError: The database failed.
    """
    if export_type.scope is not Scope.CAMPAIGN:
        if export_type.scope is Scope.DAY:
            _check_day(date.fromisoformat(request.partition), snapshot)
        # What is archived is in no report of a day, but it is still held of a person.
        campaigns = _every(stores, but=_OVER if export_type.scope is Scope.DAY else ())
        sharing = {promoter for campaign in campaigns for promoter in campaign.promoter_ids}
        return Facts(
            request=request,
            campaign=NO_CAMPAIGN,
            snapshot=snapshot,
            export_id=export_id,
            promoters=promoters_from(stores.promoters.by_ids(list(sharing))),
            campaigns=campaigns,
        )
    ground = reads(request.partition, snapshot, stores)
    _check_markets(request, ground.markets)
    facts = Facts(request=request, campaign=ground.campaign, snapshot=snapshot, export_id=export_id)
    return _standing_on(ground, facts)


def with_campaign(facts: Facts, campaign: Campaign, stores: Stores) -> Facts:
    """The same ground with what belongs to a campaign: its markets, promoters and decisions.

    Raises:
        DoorError: The database failed.
    """
    return _standing_on(_ground(campaign, facts.snapshot, stores), facts)


def _standing_on(ground: Ground, facts: Facts) -> Facts:
    return replace(
        facts,
        campaign=ground.campaign,
        markets=ground.markets,
        promoters=ground.promoters,
        bands=ground.bands,
    )


def _every(stores: Stores, *, but: Collection[str]) -> tuple[Campaign, ...]:
    """Every campaign that is not in one of these statuses, by key."""
    listed = [one.key for one in stores.campaigns.listing() if one.status not in but]
    found = (stores.campaigns.by_key(key) for key in listed)
    return tuple(campaign_from(document) for document in found if document is not None)


def _check_day(day: date, snapshot: datetime) -> None:
    """A day without a partition, which Dagster could not run (DESIGN.md 2)."""
    if not FIRST_DAY <= day <= snapshot.date():
        message = f"params/day must be a day from {FIRST_DAY} to {snapshot:%Y-%m-%d} (UTC)"
        raise ExportFailed("UNKNOWN_DAY", message)


def _check_markets(request: ExportRequest, markets: tuple[Market, ...]) -> None:
    unknown = set(request.options.get("markets") or ()) - {market.key for market in markets}
    if unknown:
        message = f"params/markets names {len(unknown)} that this campaign does not have"
        raise ExportFailed("UNKNOWN_MARKET", message)
