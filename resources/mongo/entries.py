"""Entries: a fan's registration to a campaign; the big collection, read in keyset pages.

Raw BSON goes out: making a Python object of each document is the cost of an export, not the wire
(PERFORMANCE.md). What the bytes mean is for the steps to say (fields: DOMAIN.md 2.5).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import bson
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, IndexModel

from resources.errors import Refused, Unavailable
from resources.mongo.batch import Batch
from resources.mongo.connection import SCAN_MILLIS, Document, MongoConnection
from resources.mongo.documents import LENIENT, chunks, raw, split
from resources.mongo.raw_batches import raw_batches

NAME = "entries"

# Those of DOMAIN.md 2.5; but its ix_wl and ix_dup end before the id, so a server would have to sort
# what a page is cut from. Ours go on, under names that do not clash with those that are there.
INDEXES = (
    IndexModel(
        [("campaignId", ASCENDING), ("createdAt", ASCENDING), ("_id", ASCENDING)], name="ix_scan"
    ),
    IndexModel(
        [
            ("campaignId", ASCENDING),
            ("status", ASCENDING),
            ("createdAt", ASCENDING),
            ("_id", ASCENDING),
        ],
        name="ix_status",
    ),
    IndexModel(
        [
            ("campaignId", ASCENDING),
            ("preferences.marketId", ASCENDING),
            ("createdAt", ASCENDING),
            ("_id", ASCENDING),
        ],
        name="ix_pref",
    ),
    IndexModel(
        [
            ("campaignId", ASCENDING),
            ("selection.marketId", ASCENDING),
            ("selection.wave", ASCENDING),
            ("_id", ASCENDING),
        ],
        name="ix_sel",
    ),
    IndexModel(
        [
            ("campaignId", ASCENDING),
            ("waitlist.marketId", ASCENDING),
            ("waitlist.position", ASCENDING),
            ("_id", ASCENDING),
        ],
        name="ix_wl_id",
        partialFilterExpression={"waitlist.position": {"$exists": True}},
    ),
    IndexModel(
        [("consents.promoterId", ASCENDING), ("campaignId", ASCENDING), ("_id", ASCENDING)],
        name="ix_consent",
    ),
    IndexModel(
        [("campaignId", ASCENDING), ("updatedAt", ASCENDING), ("_id", ASCENDING)], name="ix_upd"
    ),
    IndexModel(
        [("campaignId", ASCENDING), ("userId", ASCENDING)],
        name="ux_user",
        unique=True,
        partialFilterExpression={"isCurrent": True, "userId": {"$type": "objectId"}},
    ),
    IndexModel(
        [("campaignId", ASCENDING), ("contact.emailNormalized", ASCENDING)], name="ix_email"
    ),
    IndexModel([("userId", ASCENDING)], name="ix_user"),
    IndexModel(
        [("campaignId", ASCENDING), ("duplicateGroupId", ASCENDING), ("_id", ASCENDING)],
        name="ix_dup_id",
        partialFilterExpression={"duplicateGroupId": {"$type": "objectId"}},
    ),
    # Beside those of DOMAIN.md 2.5: v1 documents by their instant (2.9), and instants that are
    # lists, of which the other indexes hold the items only. Both are small.
    IndexModel(
        [("campaignId", ASCENDING), ("created", ASCENDING), ("_id", ASCENDING)],
        name="ix_legacy",
        partialFilterExpression={"created": {"$exists": True}},
    ),
    IndexModel(
        [("campaignId", ASCENDING), ("_id", ASCENDING)],
        name="ix_listed",
        partialFilterExpression={"createdAt": {"$type": "array"}},
    ),
)

# A page costs the stand-in server about 0.3 s at 200,000 documents whatever its size, so pages are
# large; 2,000 documents of 2 kB are a batch of 4 MB, and memory follows the batch, not the page
# (PERFORMANCE.md).
PAGE_SIZE = 20_000
BATCH_SIZE = 2_000

# A count walks the index of a whole campaign: 3.5 million entries (DOMAIN.md 1, size XL) take
# longer than a read.
COUNT_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Which entries to read, and in which order.

    Attributes:
        filter: A query without the keyset part. Under it, every sorted field before ``_id`` must be
            present, hold one BSON type class and no list: comparisons in MongoDB do not cross
            types, so others would be lost.
        sort: Ascending fields; the last is ``_id``, which makes the order total.
        hint: Name of the index to use; None leaves it to the planner.
        after: Sort values of a document, as `sort_values` gives them, to begin behind it.
        fields: The fields of a document to read, beside those that it is sorted by; None reads
            whole documents. Each comes whole, as it is stored; in which order, and which of two of
            one name, is the server's to say.
    """

    filter: Mapping[str, object]
    sort: tuple[str, ...]
    hint: str | None = None
    after: tuple[object, ...] | None = None
    fields: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse an order that is not total, and parts of fields."""
        if not self.sort or self.sort[-1] != "_id":
            raise ValueError("a scan is sorted by _id in the end")
        if any("." in name for name in self.fields or ()):
            # Of `a.b` MongoDB sends nothing where `a` is a text, and drops a text from a list.
            raise ValueError("a scan reads fields whole")

    def projection(self) -> dict[str, bool] | None:
        """Which fields MongoDB is to send; None for all."""
        if self.fields is None:
            return None
        names = (*self.fields, *(path.partition(".")[0] for path in self.sort))
        return dict.fromkeys(names, True)


@dataclass(slots=True)
class _Position:
    """How far a scan came: the sort values of the last document given out."""

    last: tuple[object, ...] | None = None
    read: int = field(default=0)


class EntryStore:
    """The collection of entries."""

    def __init__(self, connection: MongoConnection) -> None:
        """Remember the connection; nothing is opened."""
        self._connection = connection

    def scan(
        self, scan: Scan, *, page_size: int = PAGE_SIZE, batch_size: int = BATCH_SIZE
    ) -> Iterator[Batch]:
        """Give the raw BSON of every entry, in the order of the scan, ``batch_size`` at a time.

        Of each the fields that the scan names, or the whole document.

        Pages by keyset: each page is its own short cursor, so no cursor or session can expire
        however long the reader pauses, except inside a page; a cursor lost there is opened again
        behind the last document given out. A document that cannot be decoded passes through
        untouched: only the sort fields of the last one of a batch are looked at.

        Args:
            scan: What to read.
            page_size: Most documents of one cursor.
            batch_size: Most documents of one batch and one answer of the server.

        Raises:
            Unavailable: The database went away; nothing was skipped up to here, but the read is not
                complete.
            Refused: The query is not accepted, or a sort field is missing or unreadable in a last
                document.
        """
        position = _Position(last=scan.after)
        while True:
            before = position.read
            try:
                yield from self._page(scan, position, page_size, batch_size)
            except Unavailable as error:
                # The server drops cursors idle for 10 minutes. Progress since the last try makes
                # this finite.
                if error.code != "MONGO_CURSOR_LOST" or position.read == before:
                    raise
                continue
            if position.read - before < page_size:
                return

    def by_ids(self, ids: Collection[ObjectId]) -> Iterator[bytes]:
        """Give the raw BSON of the entries with these ids, in no order; unknown ids are left out.

        Args:
            ids: Any number; asked for in chunks of ``IDS_PER_QUERY``.

        Raises:
            Unavailable: The database went away.
        """
        entries = raw(self._connection.collection(NAME))
        for chunk in chunks(ids):
            with self._connection.bounded("read entries by id"):
                found = entries.find({"_id": {"$in": chunk}}, session=self._connection.session)
                for document in found:
                    yield bytes(document.raw)

    def count(
        self,
        filter: Mapping[str, object],  # noqa: A002 - MongoDB's word
        *,
        seconds: float = COUNT_SECONDS,
        most: int | None = None,
    ) -> int:
        """Return how many entries the filter matches, by counting them now (not from statistics).

        Args:
            filter: Which entries.
            seconds: How long it may take.
            most: Count no further than this.

        Raises:
            Unavailable: It took longer than ``seconds``, or the database went away.
        """
        with self._connection.bounded("count entries", seconds=seconds):
            stop: dict[str, Any] = {} if most is None else {"limit": most}
            return self._connection.collection(NAME).count_documents(
                dict(filter), session=self._connection.session, **stop
            )

    def distinct(
        self,
        field: str,
        filter: Mapping[str, object],  # noqa: A002 - MongoDB's word
    ) -> list[Any]:
        """Return the values that a field has among the entries that match, each once, in no order.

        The values in a list count one by one; null and absent do not count. Grouped rather than
        asked by the ``distinct`` command, whose answer must fit 16 MB (and which the stand-in
        server gets wrong in lists).

        Raises:
            Unavailable: It took longer than ``COUNT_SECONDS``, or the database went away.
            Refused: A value cannot be decoded.
        """
        names = field.split(".")
        paths = [".".join(names[: depth + 1]) for depth in range(len(names))]
        steps: list[Document] = [
            {"$match": dict(filter)},
            {"$project": {"_id": 0, field: 1}},
            *({"$unwind": f"${path}"} for path in paths),
            {"$group": {"_id": f"${field}"}},
        ]
        with self._connection.bounded("list distinct values of entries", seconds=COUNT_SECONDS):
            entries = self._connection.collection(NAME)
            groups = entries.aggregate(steps, session=self._connection.session)
            return [found["_id"] for found in groups]

    def _page(
        self, scan: Scan, position: _Position, page_size: int, batch_size: int
    ) -> Iterator[Batch]:
        attempted = "read a page of entries"
        with self._connection.asking(attempted):
            cursor = raw_batches(
                raw(self._connection.collection(NAME)),
                keyset_query(scan, position.last),
                projection=scan.projection(),
                sort=[(name, ASCENDING) for name in scan.sort],
                limit=page_size,
                batch_size=batch_size,
                hint=scan.hint,
                max_time_ms=SCAN_MILLIS,
                session=self._connection.session,
            )

        def read() -> Any:
            with self._connection.asking(attempted):
                return next(cursor, None)

        def told(batch: Any) -> Batch:
            documents = batch if isinstance(batch, Batch) else Batch.of(split(batch))
            if documents:
                position.last = sort_values(documents[-1], scan.sort)
                position.read += len(documents)
            return documents

        with cursor:
            # No name holds a batch, which is large, while the next one is received.
            yield from filter(None, map(told, iter(read, None)))


def keyset_query(scan: Scan, last: tuple[object, ...] | None) -> Document:
    """Return the query for the entries behind ``last`` in the order of the scan; pure.

    The first condition says the same as the rest of them together, only looser: it is the range
    that an index can start from, which MongoDB does not derive from ``$or``.
    """
    if last is None:
        return dict(scan.filter)
    behind: list[Document] = []
    for depth, (name, value) in enumerate(zip(scan.sort, last, strict=True)):
        equal = dict(zip(scan.sort[:depth], last[:depth], strict=True))
        behind.append({**equal, name: {"$gt": value}})
    bound = {scan.sort[0]: {"$gte": last[0]}}
    return {"$and": [dict(scan.filter), bound, {"$or": behind}]}


def sort_values(document: bytes, sort: tuple[str, ...]) -> tuple[object, ...]:
    """Return the values that a document is sorted by.

    Raises:
        Refused: One is missing, null or unreadable: the next page would skip or repeat documents.
    """
    fields = RawBSONDocument(document, LENIENT.with_options(document_class=RawBSONDocument))
    return tuple(_sort_value(fields, name) for name in sort)


def _sort_value(fields: RawBSONDocument, path: str) -> object:
    value: Any = fields
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        raise Refused("MONGO_SORT_FIELD_MISSING", f"read entries in the order of {path}")
    if isinstance(value, str) and "\ufffd" in value:
        raise Refused("MONGO_SORT_FIELD_UNREADABLE", f"read entries in the order of {path}")
    return bson.decode(value.raw) if isinstance(value, RawBSONDocument) else value
