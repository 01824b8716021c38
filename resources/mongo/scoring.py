"""Scoring: runs of the model and the decisions that people made over it (DOMAIN.md 2.6)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict, cast

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel

from resources.mongo.connection import MongoConnection

NAME = "scoring"

INDEXES = (
    IndexModel(
        [("campaignId", ASCENDING), ("kind", ASCENDING), ("createdAt", DESCENDING)],
        name="ix_campaign",
    ),
    IndexModel(
        [("runId", ASCENDING)], name="ux_run", unique=True, partialFilterExpression={"kind": "run"}
    ),
    IndexModel(
        [("entryId", ASCENDING)], name="ix_entry", partialFilterExpression={"kind": "override"}
    ),
)


class RunDocument(TypedDict, total=False):
    """A scoring run as stored; every field may be absent."""

    _id: ObjectId
    kind: str
    campaignId: ObjectId
    runId: str
    provider: str
    modelVersion: str
    status: str
    input: dict[str, Any]
    output: dict[str, Any]
    thresholds: dict[str, float]
    bandCounts: dict[str, int]
    missing: int
    unknownEntries: int
    acceptedAt: datetime | None
    acceptedBy: str | None
    createdAt: datetime
    updatedAt: datetime


class OverrideDocument(TypedDict, total=False):
    """A person's decision on one entry's band, as stored; it beats the file."""

    _id: ObjectId
    kind: str
    campaignId: ObjectId
    entryId: ObjectId
    fromBand: str
    toBand: str
    reason: str
    by: str
    at: datetime
    expiresAt: datetime | None


class ScoringStore:
    """The collection of scoring runs and overrides."""

    def __init__(self, connection: MongoConnection) -> None:
        """Remember the connection; nothing is opened."""
        self._connection = connection

    def overrides(self, campaign_id: ObjectId) -> list[OverrideDocument]:
        """Return the campaign's overrides, oldest first, expired ones included.

        Raises:
            Refused: A stored document cannot be decoded.
        """
        query = {"campaignId": campaign_id, "kind": "override"}
        order = [("at", ASCENDING), ("_id", ASCENDING)]
        with self._connection.bounded("read the overrides of a campaign"):
            found = list(self._connection.collection(NAME).find(query).sort(order))
        return cast(list[OverrideDocument], found)

    def runs(self, campaign_id: ObjectId) -> list[RunDocument]:
        """Return the campaign's scoring runs, newest first.

        Raises:
            Refused: A stored document cannot be decoded.
        """
        query = {"campaignId": campaign_id, "kind": "run"}
        order = [("createdAt", DESCENDING), ("_id", DESCENDING)]
        with self._connection.bounded("read the scoring runs of a campaign"):
            found = list(self._connection.collection(NAME).find(query).sort(order))
        return cast(list[RunDocument], found)

    def insert_run(self, document: Mapping[str, Any]) -> None:
        """Store a new scoring run; one that is there stays as it is.

        Args:
            document: As ``RunDocument``; ``kind`` is set here.

        Raises:
            AlreadyExists: A run with this ``runId`` is there.
            Unavailable: The database did not confirm; it may or may not be stored.
        """
        with self._connection.bounded("insert a scoring run"):
            self._connection.collection(NAME).insert_one({**document, "kind": "run"})

    def run(self, run_id: str) -> RunDocument | None:
        """Return the scoring run with this ``runId``, or None.

        Raises:
            Refused: The stored document cannot be decoded.
        """
        query = {"kind": "run", "runId": {"$eq": run_id}}
        with self._connection.bounded("read a scoring run"):
            found = self._connection.collection(NAME).find_one(query)
        return cast(RunDocument | None, found)
