"""Users: fans and staff (DOMAIN.md 2.4)."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, TypedDict, cast

from bson import ObjectId
from pymongo import ASCENDING, IndexModel

from resources.mongo.connection import SCAN_MILLIS, MongoConnection
from resources.mongo.documents import IDS_PER_QUERY, chunks, decoded, raw

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
    # Beside those of DOMAIN.md 2.4: the erased in the order in which they are read, complete or
    # not; and who asks for their data asks for the accounts merged into it.
    IndexModel(
        [("_id", ASCENDING), ("erasure.requestedAt", ASCENDING)],
        name="ix_erased",
        partialFilterExpression={"erasure": {"$exists": True}},
    ),
    IndexModel(
        [("mergedInto", ASCENDING)],
        name="ix_merged",
        partialFilterExpression={"mergedInto": {"$type": "objectId"}},
    ),
)


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
        for chunk in chunks(ids):
            with self._connection.bounded("read users"):
                query, session = {"_id": {"$in": chunk}}, self._connection.session
                for document in users.find(query, projection, session=session):
                    user = decoded(document)
                    found[user["_id"]] = cast(UserDocument, user)
        return found

    def where(self, filter: Mapping[str, object]) -> Iterator[UserDocument]:  # noqa: A002
        """Give the users that match, in the order of their id; whole documents.

        Raises:
            Unavailable: The database went away.
        """
        users = raw(self._connection.collection(NAME))
        last: ObjectId | None = None
        while True:
            after = {"_id": {"$gt": last}} if last is not None else {}
            with self._connection.asking("read users"):
                query = {"$and": [dict(filter), after]}
                matching = users.find(query, session=self._connection.session)
                matching = matching.max_time_ms(SCAN_MILLIS).sort("_id", ASCENDING)
                page = list(matching.limit(IDS_PER_QUERY))
            for document in page:
                yield cast(UserDocument, decoded(document))
            if len(page) < IDS_PER_QUERY:
                return
            last = page[-1]["_id"]
