"""Campaigns: what fans register for (DOMAIN.md 2.1)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, cast

import bson
from bson import ObjectId
from pymongo import ASCENDING, IndexModel

from resources.mongo.connection import MongoConnection
from resources.mongo.documents import LENIENT, raw

NAME = "campaigns"

INDEXES = (
    IndexModel([("key", ASCENDING)], name="ux_key", unique=True),
    IndexModel([("status", ASCENDING), ("schedule.presaleStartsAt", ASCENDING)], name="ix_status"),
    IndexModel([("promoterIds", ASCENDING), ("status", ASCENDING)], name="ix_promoter"),
    IndexModel(
        [("privacy.anonymiseAt", ASCENDING)],
        name="ix_anonymise",
        partialFilterExpression={"privacy.anonymiseAt": {"$type": "date"}},
    ),
)


class CampaignDocument(TypedDict, total=False):
    """A campaign as stored; every field may be absent."""

    _id: ObjectId
    schemaVersion: int
    key: str
    name: str
    artist: dict[str, Any]
    kind: str
    status: str
    timeZone: str
    defaultLocale: str
    locales: list[str]
    eligibility: dict[str, Any]
    promoterIds: list[ObjectId]
    schedule: dict[str, datetime | None]
    preferences: dict[str, Any]
    questions: list[dict[str, Any]]
    consents: list[dict[str, Any]]
    boosts: list[dict[str, Any]]
    codeConfig: list[dict[str, Any]]
    scoring: dict[str, Any]
    sfmc: dict[str, Any]
    privacy: dict[str, Any]
    counters: dict[str, Any]
    createdBy: str
    createdAt: datetime
    updatedAt: datetime
    deletedAt: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignListing:
    """What a listing says of one campaign."""

    key: str
    status: str
    updated_at: datetime | None


class CampaignStore:
    """The collection of campaigns."""

    def __init__(self, connection: MongoConnection) -> None:
        """Remember the connection; nothing is opened."""
        self._connection = connection

    def by_key(self, key: str) -> CampaignDocument | None:
        """Return the campaign with this key, or None; a soft-deleted one counts as absent.

        Raises:
            Refused: The stored document cannot be decoded.
        """
        with self._connection.bounded("read a campaign"):
            found = self._connection.collection(NAME).find_one(
                {"key": {"$eq": key}, "deletedAt": None}
            )
        return cast(CampaignDocument | None, found)

    def listing(self) -> list[CampaignListing]:
        """Return every campaign that is not soft-deleted, sorted by key.

        One damaged campaign must not look like a deleted one to the sensor that prunes partitions,
        so this reads leniently: an instant beyond the calendar is given as None.
        """
        fields = {"_id": 0, "key": 1, "status": 1, "updatedAt": 1}
        with self._connection.bounded("list the campaigns"):
            found = list(raw(self._connection.collection(NAME)).find({"deletedAt": None}, fields))
        listed = [_listing(bson.decode(document.raw, LENIENT)) for document in found]
        return sorted((one for one in listed if one.key), key=lambda one: one.key)


def _listing(document: dict[str, Any]) -> CampaignListing:
    updated = document.get("updatedAt")
    return CampaignListing(
        key=str(document.get("key") or ""),
        status=str(document.get("status") or ""),
        updated_at=updated if isinstance(updated, datetime) else None,
    )
