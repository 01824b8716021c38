"""Markets: a city or region inside a campaign, with its events (DOMAIN.md 2.2)."""

from datetime import datetime
from typing import Any, TypedDict, cast

from bson import ObjectId
from pymongo import ASCENDING, IndexModel

from resources.mongo.connection import MongoConnection

NAME = "markets"

INDEXES = (
    IndexModel([("campaignId", ASCENDING), ("key", ASCENDING)], name="ux_key", unique=True),
    IndexModel(
        [("campaignId", ASCENDING), ("order", ASCENDING), ("_id", ASCENDING)], name="ix_order"
    ),
    IndexModel([("events.eventId", ASCENDING)], name="ix_event"),
)


class MarketDocument(TypedDict, total=False):
    """A market as stored; every field may be absent."""

    _id: ObjectId
    schemaVersion: int
    campaignId: ObjectId
    key: str
    name: str
    city: str
    region: str | None
    countryCode: str
    dmaId: int | None
    timeZone: str
    order: int
    status: str
    events: list[dict[str, Any]]
    allocation: dict[str, int]
    createdAt: datetime
    updatedAt: datetime
    deletedAt: datetime | None


class MarketStore:
    """The collection of markets."""

    def __init__(self, connection: MongoConnection) -> None:
        """Remember the connection; nothing is opened."""
        self._connection = connection

    def of_campaign(self, campaign_id: ObjectId) -> list[MarketDocument]:
        """Return the campaign's markets by ``order`` and ``_id``.

        Cancelled and removed ones are included: fans chose them, so their names must still resolve
        (DOMAIN.md 2.2, edge).

        Raises:
            Refused: A stored document cannot be decoded.
        """
        order = [("order", ASCENDING), ("_id", ASCENDING)]
        with self._connection.bounded("read the markets of a campaign"):
            found = list(
                self._connection.collection(NAME).find({"campaignId": campaign_id}).sort(order)
            )
        return cast(list[MarketDocument], found)
