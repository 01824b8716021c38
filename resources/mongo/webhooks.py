"""Who is told of exports, and what was told: webhook endpoints and the log of their deliveries.

Both speak ``Match`` and ``Change`` as the exports do: one update pipeline a write, on the clock of
the database, and no state names here. What an endpoint signs with stands in its document, so these
documents are never logged.
"""

import secrets
from collections.abc import Collection as AnyOf
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.collection import Collection

from resources.errors import AlreadyExists
from resources.mongo.connection import Document, MongoConnection
from resources.mongo.documents import decoded, raw
from resources.mongo.exports import Change, Match, compile_change, compile_equal, compile_match

ENDPOINTS, DELIVERIES = "webhook_endpoints", "webhook_deliveries"
# Longer than the last try of a delivery (three days), and than anybody looks back.
LOG_SECONDS = 30 * 24 * 3600

# `place` is the promise that a caller has no more endpoints than places; `hearing` finds who is
# told of a campaign.
ENDPOINT_INDEXES = (
    IndexModel([("place", ASCENDING)], name="ux_place", unique=True),
    IndexModel([("owner", ASCENDING), ("createdAt", ASCENDING)], name="ix_owner"),
    IndexModel([("campaigns", ASCENDING), ("status", ASCENDING)], name="ix_hearing"),
)
# `due` serves claiming and the metrics, `log` the pages; `age` is a TTL: a log, and nobody's truth.
DELIVERY_INDEXES = (
    IndexModel([("status", ASCENDING), ("dueAt", ASCENDING)], name="ix_due"),
    IndexModel(
        [("endpoint", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)], name="ix_log"
    ),
    IndexModel([("createdAt", ASCENDING)], name="ix_age", expireAfterSeconds=LOG_SECONDS),
)

_ENDPOINT_BORN = ("createdAt", "updatedAt")
_DELIVERY_BORN = (*_ENDPOINT_BORN, "dueAt")


class EndpointStore:
    """The collection of webhook endpoints."""

    def __init__(self, connection: MongoConnection) -> None:
        """Remember the connection; nothing is opened."""
        self._connection = connection

    def insert(self, document: Mapping[str, object]) -> Document:
        """Store a new endpoint: ``revision`` 1, created and updated now.

        Raises:
            AlreadyExists: Its ``_id`` or its ``place`` is taken.
            Unavailable: The database did not confirm; it may or may not be stored.
        """
        with self._connection.bounded("insert a webhook endpoint"):
            return _born(self._raw(), document, _ENDPOINT_BORN)

    def find(self, endpoint_id: str) -> Document | None:
        """Return the endpoint with this id, or None."""
        with self._connection.bounded("find a webhook endpoint"):
            found = self._raw().find_one({"_id": {"$eq": endpoint_id}})
        return None if found is None else decoded(found)

    def of(self, owner: str, *, limit: int) -> list[Document]:
        """Return up to ``limit`` endpoints of an owner, oldest first."""
        return self._listed({"owner": {"$eq": owner}}, limit)

    def hearing(self, status: str, campaigns: Sequence[str], *, limit: int) -> list[Document]:
        """Return up to ``limit`` endpoints in a state that have one of these campaigns."""
        query = {"status": {"$eq": status}, "campaigns": {"$in": list(campaigns)}}
        return self._listed(query, limit)

    def change(self, endpoint_id: str, match: Match, change: Change) -> Document | None:
        """Change the endpoint if it still is as expected; None when nothing was written.

        Raises:
            Unavailable: The database did not confirm; the change may or may not be in force.
        """
        with self._connection.bounded("change a webhook endpoint"):
            return _changed(self._raw(), endpoint_id, match, change)

    def delete(self, endpoint_id: str) -> None:
        """Forget an endpoint; one that is not there is forgotten already."""
        with self._connection.bounded("delete a webhook endpoint"):
            self._raw().delete_one({"_id": {"$eq": endpoint_id}})

    def counts(self) -> dict[str, int]:
        """Return how many endpoints there are in each state that any is in."""
        with self._connection.bounded("count the webhook endpoints"):
            return _counts(self._raw(), {})

    def _listed(self, query: Document, limit: int) -> list[Document]:
        with self._connection.bounded("list webhook endpoints"):
            found = self._raw().find(query).sort([("createdAt", ASCENDING), ("_id", ASCENDING)])
            return [decoded(document) for document in found.limit(limit)]

    def _raw(self) -> Collection[RawBSONDocument]:
        return raw(self._connection.collection(ENDPOINTS))


class DeliveryStore:
    """The collection of webhook deliveries: one an event and endpoint."""

    def __init__(self, connection: MongoConnection) -> None:
        """Remember the connection; nothing is opened."""
        self._connection = connection

    def add(self, document: Mapping[str, object]) -> bool:
        """Store a new delivery that is due now; False when there is one with this ``_id``.

        Raises:
            Unavailable: The database did not confirm; doing it again is safe.
        """
        try:
            with self._connection.bounded("add a webhook delivery"):
                _born(self._raw(), document, _DELIVERY_BORN)
        except AlreadyExists:
            return False
        return True

    def find(self, delivery_id: str) -> Document | None:
        """Return the delivery with this id, or None."""
        with self._connection.bounded("find a webhook delivery"):
            found = self._raw().find_one({"_id": {"$eq": delivery_id}})
        return None if found is None else decoded(found)

    def claim(self, status: str, *, seconds: float, besides: AnyOf[str] = ()) -> Document | None:
        """Take the delivery in a state that has been due for longest and that nobody holds.

        It gets a lease with a fresh token, and one attempt more.

        Args:
            status: The state.
            seconds: How long nobody else may take it.
            besides: Endpoints whose deliveries are left alone.
        """
        query = compile_match(Match(statuses=(status,), due=("dueAt", "lease.until")))
        query["endpoint"] = {"$nin": list(besides)}
        taken = Change(
            set={"lease.token": secrets.token_hex(16)},
            increment={"attempts": 1},
            delay={"lease.until": seconds},
            stamp=("attemptedAt",),
        )
        with self._connection.bounded("claim a webhook delivery"):
            found = self._raw().find_one_and_update(
                query,
                compile_change(taken),
                sort=[("dueAt", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        return None if found is None else decoded(found)

    def change(self, delivery_id: str, match: Match, change: Change) -> Document | None:
        """Change the delivery if it still is as expected; None when nothing was written.

        Raises:
            Unavailable: The database did not confirm; the change may or may not be in force.
        """
        with self._connection.bounded("change a webhook delivery"):
            return _changed(self._raw(), delivery_id, match, change)

    def page(
        self,
        equal: Mapping[str, object],
        *,
        before: tuple[datetime, str] | None = None,
        limit: int,
    ) -> list[Document]:
        """Return up to ``limit`` deliveries, newest first.

        Args:
            equal: Fields that must equal these; a tuple means one of its values.
            before: ``createdAt`` and ``_id`` of the last delivery of the previous page.
            limit: At most so many.
        """
        query = compile_equal(equal)
        if before is not None:
            created, last = before
            same = {"createdAt": created, "_id": {"$lt": last}}
            query["$or"] = [{"createdAt": {"$lt": created}}, same]
        with self._connection.bounded("list webhook deliveries"):
            found = self._raw().find(query).sort([("createdAt", DESCENDING), ("_id", DESCENDING)])
            return [decoded(document) for document in found.limit(limit)]

    def earliest(self, status: str, path: str) -> datetime | None:
        """Return the earliest date at a top-level path of the deliveries in a state, or None."""
        query = {"status": {"$eq": status}, path: {"$type": "date"}}
        with self._connection.bounded("look for the earliest webhook delivery"):
            found = self._collection().find_one(query, {path: 1}, sort=[(path, ASCENDING)])
        return None if found is None else cast(datetime, found[path])

    def counts(self, since: datetime) -> dict[str, int]:
        """Return how many deliveries have changed since, by the state that they are in."""
        with self._connection.bounded("count the webhook deliveries"):
            return _counts(self._collection(), {"updatedAt": {"$gte": since}})

    def _collection(self) -> Collection[Document]:
        return self._connection.collection(DELIVERIES)

    def _raw(self) -> Collection[RawBSONDocument]:
        return raw(self._collection())


def _born(
    collection: Collection[RawBSONDocument], document: Mapping[str, object], now: Sequence[str]
) -> Document:
    """Insert with the database's clock: an upsert that matches nothing (``ExportStore.insert``)."""
    stamps: Document = {"revision": {"$literal": 1}, **dict.fromkeys(now, "$$NOW")}
    stored = collection.find_one_and_update(
        {"_id": {"$eq": document["_id"]}, "revision": {"$lt": 0}},
        [{"$replaceWith": {"$mergeObjects": [{"$literal": dict(document)}, stamps]}}],
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    return decoded(cast(RawBSONDocument, stored))


def _changed(
    collection: Collection[RawBSONDocument], identity: str, match: Match, change: Change
) -> Document | None:
    after = collection.find_one_and_update(
        {"_id": {"$eq": identity}, **compile_match(match)},
        compile_change(change),
        return_document=ReturnDocument.AFTER,
    )
    return None if after is None else decoded(after)


def _counts(collection: Collection[Any], query: Document) -> dict[str, int]:
    steps = [{"$match": query}, {"$group": {"_id": "$status", "count": {"$sum": 1}}}]
    return {str(group["_id"]): int(group["count"]) for group in collection.aggregate(steps)}
