"""Users: fans and staff (DOMAIN.md 2.4)."""

from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, TypedDict, cast

from bson import ObjectId
from pymongo import ASCENDING, IndexModel

from resources.mongo.connection import MongoConnection
from resources.mongo.documents import decoded, raw

NAME = "users"

INDEXES = (
    IndexModel([("accountId", ASCENDING)], name="ux_account", unique=True),
    IndexModel(
        [("emailNormalized", ASCENDING)],
        name="ix_email",
        partialFilterExpression={"emailNormalized": {"$type": "string"}},
    ),
    IndexModel(
        [("erasure.completedAt", ASCENDING)],
        name="ix_erasure",
        partialFilterExpression={"erasure.completedAt": {"$type": "date"}},
    ),
    IndexModel(
        [("phone.e164", ASCENDING)],
        name="ix_phone",
        partialFilterExpression={"phone.e164": {"$type": "string"}},
    ),
)

# 5,000 ids are 90 kB of query, far below the 48 MB message limit, and bound what one answer can
# hold.
IDS_PER_QUERY = 5_000


class UserDocument(TypedDict, total=False):
    """A user as stored; every field may be absent.

    A document that cannot be decoded is given as its ``_id`` with ``undecodable`` true and nothing
    else, so that one damaged fan does not stop the export of the others.
    """

    _id: ObjectId
    accountId: str
    kind: str
    email: str | None
    emailNormalized: str | None
    firstName: str | None
    lastName: str | None
    displayName: str | None
    phone: dict[str, Any] | None
    countryCode: str | None
    postalCode: str | None
    locale: str | None
    marketing: dict[str, Any]
    history: dict[str, Any]
    flags: list[str]
    staff: dict[str, Any] | None
    erasure: dict[str, Any] | None
    mergedInto: ObjectId | None
    createdAt: datetime
    updatedAt: datetime
    undecodable: bool


class UserStore:
    """The collection of users."""

    def __init__(self, connection: MongoConnection) -> None:
        """Remember the connection; nothing is opened."""
        self._connection = connection

    def by_ids(
        self, ids: Collection[ObjectId], *, fields: tuple[str, ...] | None = None
    ) -> dict[ObjectId, UserDocument]:
        """Return the users with these ids; unknown ids are left out.

        Args:
            ids: Any number; asked for in chunks of ``IDS_PER_QUERY``.
            fields: Dotted fields to fetch beside ``_id``; None fetches whole documents.
        """
        users = raw(self._connection.collection(NAME))
        projection = None if fields is None else ["_id", *fields]
        found: dict[ObjectId, UserDocument] = {}
        for chunk in _chunks(ids):
            with self._connection.bounded("read users"):
                for document in users.find({"_id": {"$in": chunk}}, projection):
                    user = decoded(document)
                    found[user["_id"]] = cast(UserDocument, user)
        return found


def _chunks(ids: Collection[ObjectId]) -> Iterator[list[ObjectId]]:
    remaining = iter(ids)
    while chunk := list(islice(remaining, IDS_PER_QUERY)):
        yield chunk
