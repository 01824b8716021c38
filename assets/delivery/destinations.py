"""Every destination beside the exports bucket, over the doors of one export."""

from collections.abc import Mapping
from typing import Protocol

from assets.delivery.contract import Delivering
from assets.delivery.promoter import PromoterDelivery
from assets.delivery.scoring import ScoringDelivery
from assets.delivery.sfmc import SfmcDelivery
from assets.model.delivery import Destination
from resources.clock import Clock
from resources.entries_service import EntriesService
from resources.marketing_cloud import MarketingCloud
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from resources.scoring_files import Provider, ScoringFiles


class Outlets(Protocol):
    """The doors that deliveries go through."""

    @property
    def mongo(self) -> MongoStores:
        """The database."""

    @property
    def objects(self) -> ObjectStore:
        """The exports bucket."""

    @property
    def entries_service(self) -> EntriesService:
        """Knows who was erased meanwhile."""

    @property
    def marketing_cloud(self) -> MarketingCloud:
        """Data extensions."""

    @property
    def scoring(self) -> ScoringFiles:
        """The scoring providers' buckets."""


def destinations(outlets: Outlets, clock: Clock) -> Mapping[Destination, Delivering]:
    """Each destination to what delivers there; `s3` is where the files are made."""
    objects, entries, stores = outlets.objects, outlets.entries_service, outlets.mongo
    every: tuple[Delivering, ...] = (
        SfmcDelivery(outlets.marketing_cloud, objects, entries, clock),
        PromoterDelivery(objects, stores, entries, clock),
        ScoringDelivery(Provider.INTERNAL, outlets.scoring, objects, stores, clock),
        ScoringDelivery(Provider.VF, outlets.scoring, objects, stores, clock),
    )
    return {one.destination: one for one in every}
