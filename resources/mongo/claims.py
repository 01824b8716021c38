"""The claims of exports: who has what only one live export may have (DESIGN.md 3, rule 8).

A claim is a document whose ``_id`` says what is claimed; the insert decides who has it. It names
the export that has it, so the end of that export frees it without another write, and what a crash
leaves behind is taken over. The store knows no state names and no rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError

from resources.mongo.connection import (
    DUPLICATE,
    Document,
    MongoConnection,
    classify,
    upserted,
)
from resources.mongo.exports import NAME as EXPORTS
from resources.mongo.exports import is_older

# The ``_id`` is the only index, and no other unique key is needed.
NAME = "export_claims"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who has a claim: an export, in one of its lives.

    Attributes:
        export: Its id; the document may not be stored yet.
        token: Random; an export that is let in again has another one. Empty for one that has none,
            as a person or a backfill starts it in Dagster.
    """

    export: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim as it stands.

    Attributes:
        holder: Who has it.
        status: The state of its export; None if that is not stored, or has another token by now.
    """

    holder: Holder
    status: str | None


class ClaimStore:
    """The collection of claims."""

    def __init__(self, connection: MongoConnection) -> None:
        """Remember the connection; nothing is opened."""
        self._connection = connection

    def take(self, claims: Sequence[str], holder: Holder) -> int:
        """Take claims in their order, up to the first that somebody has, in one command.

        The writes are upserts for the database's clock, as in ``ExportStore.insert``.

        Returns:
            How many, from the first on, are the holder's now; none behind them was touched.

        Raises:
            Unavailable: The database did not confirm; any of them may or may not be taken.
        """
        writes = [_taking(claim, holder) for claim in claims]
        if not writes:
            return 0
        with self._connection.bounded("take claims"):
            try:
                self._connection.collection(NAME).bulk_write(writes, ordered=True)
            except BulkWriteError as refused:
                if classify(refused, "take claims").code != DUPLICATE:
                    raise
                return int(refused.details["writeErrors"][0]["index"])
        return len(writes)

    def take_each(self, wanted: Sequence[tuple[str, Holder]]) -> list[bool]:
        """Take claims of several holders in one command, whatever becomes of the others.

        Returns:
            Of each, whether it is its holder's now, or was somebody's before.

        Raises:
            Unavailable: The database did not confirm; any of them may or may not be taken.
        """
        writes = [_taking(claim, holder) for claim, holder in wanted]
        if not writes:
            return []
        with self._connection.bounded("take claims"):
            refused = upserted(self._connection.collection(NAME), writes)
        return [index not in refused for index in range(len(writes))]

    def take_over(
        self, claim: str, holder: Holder, *, instead_of: Holder, older: float | None = None
    ) -> bool:
        """Take what somebody has, if that one still has it; whether it is the holder's now.

        Args:
            claim: What is claimed.
            holder: Who has it from now on.
            instead_of: Who has it.
            older: And only if it was taken more than so many seconds ago; None for any time.

        Raises:
            Unavailable: The database did not confirm; it may or may not be taken.
        """
        query: Document = {"_id": {"$eq": claim}, **_of(instead_of)}
        if older is not None:
            query["$expr"] = is_older("at", older)
        named = {"export": {"$literal": holder.export}, "token": {"$literal": holder.token}}
        with self._connection.bounded("take over a claim"):
            after = self._connection.collection(NAME).find_one_and_update(
                query,
                [{"$set": {**named, "at": "$$NOW"}}],
                return_document=ReturnDocument.AFTER,
            )
        return after is not None

    def held(self, claims: Sequence[str]) -> dict[str, Claim]:
        """Return those of the claims that somebody has, with what has become of that export.

        The claims are read before the exports, so a state belongs to the holder beside it or to
        nobody: a token is used once.
        """
        if not claims:  # most exports are delivered nowhere, and need not ask
            return {}
        with self._connection.bounded("read claims"):
            found = list(self._connection.collection(NAME).find({"_id": {"$in": list(claims)}}))
            if not found:
                return {}
            ids = sorted({claim["export"] for claim in found})
            wanted = {"status": True, "holds.token": True}
            exports = list(self._connection.collection(EXPORTS).find({"_id": {"$in": ids}}, wanted))
        tokens = {_token(export): str(export.get("status")) for export in exports}
        return {claim["_id"]: _claim(claim, tokens) for claim in found}

    def release(self, claims: Sequence[str], holder: Holder) -> None:
        """Free those of the claims that the holder still has.

        Raises:
            Unavailable: The database did not confirm; they may or may not be free.
        """
        with self._connection.bounded("release claims"):
            self._connection.collection(NAME).delete_many(
                {"_id": {"$in": list(claims)}, **_of(holder)}
            )


def _taking(claim: str, holder: Holder) -> UpdateOne:
    named = {"export": {"$literal": holder.export}, "token": {"$literal": holder.token}}
    query = {"_id": {"$eq": claim}, "token": {"$eq": None}}
    return UpdateOne(query, [{"$set": {**named, "at": "$$NOW"}}], upsert=True)


def _of(holder: Holder) -> Document:
    return {"export": {"$eq": holder.export}, "token": {"$eq": holder.token}}


def _token(export: Document) -> tuple[str, str]:
    return export["_id"], (export.get("holds") or {}).get("token", "")


def _claim(claim: Document, states: dict[tuple[str, str], str]) -> Claim:
    holder = Holder(export=claim["export"], token=claim["token"])
    return Claim(holder=holder, status=states.get((holder.export, holder.token)))
