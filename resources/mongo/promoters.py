"""Promoters: who receives the data of fans that agreed to it (DOMAIN.md 2.3)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypedDict, cast

from bson import ObjectId
from pymongo import ASCENDING, IndexModel

from resources.mongo.connection import MongoConnection

NAME = "promoters"

INDEXES = (
    IndexModel([("key", ASCENDING)], name="ux_key", unique=True),
    IndexModel([("status", ASCENDING)], name="ix_status"),
)


class PromoterDocument(TypedDict, total=False):
    """A promoter as stored; every field may be absent."""

    _id: ObjectId
    schemaVersion: int
    key: str
    name: str
    legalName: str
    description: str
    countryCode: str
    regions: list[str]
    privacyPolicyUrl: str
    dataSharing: dict[str, Any]
    delivery: dict[str, Any]
    status: str
    createdAt: datetime
    updatedAt: datetime


class PromoterStore:
    """The collection of promoters."""

    def __init__(self, connection: MongoConnection) -> None:
        """Remember the connection; nothing is opened."""
        self._connection = connection

    def by_ids(self, ids: Collection[ObjectId]) -> list[PromoterDocument]:
        """Return the promoters with these ids, sorted by key; unknown ids are left out.

        Raises:
            Refused: A stored document cannot be decoded.
        """
        if not ids:
            return []
        query = {"_id": {"$in": list(ids)}}
        with self._connection.bounded("read promoters"):
            found = list(self._connection.collection(NAME).find(query).sort([("key", ASCENDING)]))
        return cast(list[PromoterDocument], found)

    def by_key(self, key: str) -> PromoterDocument | None:
        """Return the promoter with this key, or None.

        Raises:
            Refused: The stored document cannot be decoded.
        """
        with self._connection.bounded("read a promoter"):
            found = self._connection.collection(NAME).find_one({"key": {"$eq": key}})
        return cast(PromoterDocument | None, found)
