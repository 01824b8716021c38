"""What operators look at: how the exports are as a whole.

The numbers are of the collection of export documents, which has its own store: nothing here changes
one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from pymongo import ASCENDING, DESCENDING
from pymongo.collection import Collection

from resources.mongo import exports
from resources.mongo.connection import Document, MongoConnection
from resources.mongo.documents import decoded, raw
from resources.mongo.exports import Match, compile_match

# What an ended export came to, in a few bytes of its document.
OUTCOME = (
    "type",
    "status",
    "error.code",
    "result.rows",
    "result.bytes",
    "generation",
    "startedAt",
    "finishedAt",
)
# How long an export took, and what for.
DURATION = ("result.accounting.read", "startedAt", "finishedAt")
# As many as ended within an hour on a very busy day; more would be read for nobody's eyes.
MOST_OUTCOMES = 10_000


class OperationsStore:
    """Questions about all exports."""

    def __init__(self, connection: MongoConnection) -> None:
        """Remember the connection; nothing is opened."""
        self._connection = connection

    def earliest(self, match: Match, path: str) -> datetime | None:
        """Return the earliest date at a top-level path among the exports that match, or None."""
        query = {"$and": [compile_match(match), {path: {"$type": "date"}}]}
        with self._connection.bounded("look for the earliest of the exports"):
            found = self._exports().find_one(query, {path: 1}, sort=[(path, ASCENDING)])
        return None if found is None else cast(datetime, found[path])

    def latest(
        self, match: Match, path: str, *, by: Sequence[str]
    ) -> dict[tuple[object, ...], datetime]:
        """Return the latest date at a path for each group of exports that match.

        Args:
            match: What must hold now.
            path: Where the dates stand; groups without any are left out.
            by: Paths whose values, in this order, tell the groups apart; absent is None.
        """
        parts = {f"part{number}": f"${name}" for number, name in enumerate(by)}
        steps: list[Document] = [
            {"$match": {**compile_match(match), path: {"$type": "date"}}},
            {"$group": {"_id": parts, "latest": {"$max": f"${path}"}}},
        ]
        with self._connection.bounded("look for the latest of the exports"):
            found = list(self._exports().aggregate(steps))
        return {tuple(map(group["_id"].get, parts)): group["latest"] for group in found}

    def before(self, match: Match, path: str, instant: datetime, *, most: int) -> int:
        """Return how many exports match and have an earlier date at a path; `most` for more."""
        query = {"$and": [compile_match(match), {path: {"$lt": instant}}]}
        with self._connection.bounded("count the exports before one"):
            return self._exports().count_documents(query, limit=most)

    def counts(self) -> dict[str, int]:
        """Return how many exports there are in each state that any is in."""
        steps = [{"$group": {"_id": "$status", "count": {"$sum": 1}}}]
        with self._connection.bounded("count the exports"):
            found = list(self._exports().aggregate(steps))
        return {str(group["_id"]): int(group["count"]) for group in found}

    def ended_since(self, instant: datetime) -> list[Mapping[str, Any]]:
        """Return the newest exports that ended since, cut to what ``OUTCOME`` names."""
        ended = {"finishedAt": {"$gte": instant}}
        with self._connection.bounded("list the exports that have ended"):
            cursor = raw(self._exports()).find(ended, dict.fromkeys(OUTCOME, 1))
            found = list(cursor.sort([("finishedAt", DESCENDING)]).limit(MOST_OUTCOMES))
        return [decoded(document) for document in found]

    def durations(self, kind: str, *, limit: int) -> list[Mapping[str, Any]]:
        """Return the newest exports of a kind that were made, cut to what ``DURATION`` names.

        Those that share files of another one are left out: they waited and made nothing.
        """
        made = {
            "type": {"$eq": kind},
            "result.accounting.read": {"$type": "number"},
            "generation": None,
        }
        with self._connection.bounded("list how long exports took"):
            cursor = raw(self._exports()).find(made, dict.fromkeys(DURATION, 1))
            found = list(cursor.sort([("finishedAt", DESCENDING)]).limit(limit))
        return [decoded(document) for document in found]

    def revisions(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the revision of each export that there is, by id: what tells a change, cheaply."""
        wanted = {"_id": {"$in": list(ids)}, "revision": {"$type": "number"}}
        with self._connection.bounded("read the revisions of exports"):
            found = self._exports().find(wanted, {"revision": 1})
            return {document["_id"]: int(document["revision"]) for document in found}

    def _exports(self) -> Collection[Document]:
        return self._connection.collection(exports.NAME)
