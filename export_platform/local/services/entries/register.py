"""What the entries service knows: the entries and users of MongoDB, and who was sent what."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bson import ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from pymongo import MongoClient

Document = dict[str, Any]
Group = tuple[str | None, str | None]

_LEDGER = """
CREATE TABLE IF NOT EXISTS messaged (
    export TEXT NOT NULL, entry TEXT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (export, entry)
) WITHOUT ROWID
"""
_NO_DATE = DatetimeMS(253_402_300_800_000)  # 10000-01-01T00:00:00Z
_MILLISECONDS = 20_000  # what one question to MongoDB may take
_HOPS = 5  # as many merges as readers follow (DOMAIN.md 2.4)


class Register:
    """The register over one database.

    Args:
        uri: Connection string of MongoDB.
        database: Name of the database.
        directory: Folder of the ledger of messages; made when missing.
    """

    def __init__(self, uri: str, database: str, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._ledger = sqlite3.connect(directory / "messaged.db", check_same_thread=False)
        self._ledger.execute(_LEDGER)
        self._lock = threading.Lock()
        client: MongoClient[Document] = MongoClient(
            uri, connect=False, timeoutMS=_MILLISECONDS, appname="entries-service"
        )
        # Some seeded dates are beyond the year 9999, which Python has not.
        options: CodecOptions[Document] = CodecOptions(
            tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
        )
        self._database = client.get_database(database, codec_options=options)

    def counts(self, campaign: ObjectId, as_of: datetime) -> Counter[Group]:
        """How many current entries, registered up to an instant, by status and market key."""
        query = {
            "campaignId": campaign,
            "isCurrent": {"$ne": False},
            "deletedAt": None,
            # Not "$lte": that would lose the few whose date was stored as text. An instant beyond
            # every calendar is no later date but a broken one, and its entry was there.
            "$nor": [{"createdAt": {"$gt": as_of, "$lt": _NO_DATE}}],
        }
        shown = {"status": 1, "selection.marketId": 1, "waitlist.marketId": 1}
        markets = {
            market["_id"]: market.get("key")
            for market in self._database["markets"].find({"campaignId": campaign}, {"key": 1})
        }
        counted: Counter[Group] = Counter()
        for entry in self._database["entries"].find(query, shown):
            counted[_text(entry.get("status")), markets.get(_market(entry))] += 1
        return counted

    def by_ids(self, ids: Collection[ObjectId]) -> dict[str, Document]:
        """The present state of entries by the text of their id."""
        shown = {"status": 1, "erasure": 1, "withdrawnAt": 1, "updatedAt": 1}
        found = self._database["entries"].find({"_id": {"$in": list(ids)}}, shown)
        return {str(entry["_id"]): entry for entry in found}

    def erased_users(self, since: datetime) -> list[ObjectId]:
        """Users whose erasure was asked for or done since, and those that were merged into them."""
        users = self._database["users"]
        newest = [user["_id"] for user in users.find(_erased(since), {"_id": 1})]
        erased: set[ObjectId] = set(newest)
        for _ in range(_HOPS):
            merged = users.find({"mergedInto": {"$in": newest}}, {"_id": 1})
            newest = [user["_id"] for user in merged if user["_id"] not in erased]
            if not newest:
                break
            erased.update(newest)
        return sorted(erased)

    def erased_entries(
        self,
        campaign: ObjectId,
        since: datetime,
        users: Sequence[ObjectId],
        after: ObjectId | None,
        limit: int,
    ) -> list[ObjectId]:
        """The next entries of a campaign that are erased themselves, or whose user is."""
        query: Document = {
            "campaignId": campaign,
            "$or": [*_erased(since)["$or"], {"userId": {"$in": list(users)}}],
        }
        if after is not None:
            query["_id"] = {"$gt": after}
        found = self._database["entries"].find(query, {"_id": 1}).sort("_id", 1).limit(limit)
        return [entry["_id"] for entry in found]

    def mark(
        self, campaign: ObjectId, kind: str, export: str, ids: Collection[ObjectId], now: datetime
    ) -> int:
        """Note a message on entries; returns how many of them are noted for the export now."""
        query = {"_id": {"$in": list(ids)}, "campaignId": campaign}
        known = list(self._database["entries"].find(query, {"messages": 1}))
        for entry in self._new(kind, export, known):
            message = {"kind": kind, "at": now, "channel": _channel(kind), "state": "sent"}
            others = [one for one in entry.get("messages") or [] if one.get("kind") != kind]
            self._database["entries"].update_one(
                {"_id": entry["_id"]}, {"$set": {"messages": [*others, message], "updatedAt": now}}
            )
        return len(known)

    def _new(self, kind: str, export: str, known: Sequence[Document]) -> Iterator[Document]:
        """The entries that the ledger does not have for this export; it has them afterwards."""
        for entry in known:
            with self._lock, self._ledger:
                done = self._ledger.execute(
                    "INSERT OR IGNORE INTO messaged VALUES (?, ?, ?)",
                    [export, str(entry["_id"]), kind],
                )
            if done.rowcount:
                yield entry


def _erased(since: datetime) -> Document:
    return {
        "$or": [
            {"erasure.requestedAt": {"$gte": since}},
            {"erasure.completedAt": {"$gte": since}},
        ]
    }


def _market(entry: Mapping[str, Any]) -> object:
    """The market that an entry is selected or waits in."""
    for block in ("selection", "waitlist"):
        held = entry.get(block)
        if isinstance(held, dict) and isinstance(held.get("marketId"), ObjectId):
            return held["marketId"]
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _channel(kind: str) -> str:
    return "sms" if "sms" in kind else "email"
