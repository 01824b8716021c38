"""The export documents: compare-and-set, and the queries that find work.

Every change is one ``find_one_and_update`` with an update pipeline, so the database decides and its
own clock (``$$NOW``) stamps (DESIGN.md 3.1). The store knows no state names and no rules; it
compiles what a caller expects (``Match``) and what it wants (``Change``). Nothing a caller passes
is ever read as an operator: values travel inside ``$eq`` and ``$literal``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict, cast

from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument, UpdateOne
from pymongo.collection import Collection

from resources.mongo.connection import Document, MongoConnection, upserted
from resources.mongo.documents import decoded, raw

NAME = "exports"

# `line` serves claiming and the reaper's pages, `turns` the place of a newcomer; `campaign`,
# `requester` and `created` the listings; `history` the chain of manifests; `idempotency` is the
# promise that one key makes one export (API.md); `generation` finds who waits for one, `forsaken`
# those whose own request was taken back; `purge` the retention sweep, not a TTL: documents stay;
# `finished` serves the metrics, `durations` the estimates of ends; `outbox` finds what has happened
# and nobody was told of yet.
INDEXES = (
    IndexModel(
        [
            ("status", ASCENDING),
            ("line.lane", ASCENDING),
            ("line.turn", ASCENDING),
            ("_id", ASCENDING),
        ],
        name="ix_line",
    ),
    IndexModel(
        [
            ("requestedBy.subject", ASCENDING),
            ("status", ASCENDING),
            ("line.lane", ASCENDING),
            ("line.turn", ASCENDING),
        ],
        name="ix_turns",
    ),
    IndexModel(
        [("campaign", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)],
        name="ix_campaign",
    ),
    IndexModel(
        [
            ("type", ASCENDING),
            ("partition", ASCENDING),
            ("status", ASCENDING),
            ("createdAt", DESCENDING),
            ("_id", DESCENDING),
        ],
        name="ix_history",
    ),
    IndexModel(
        [("idempotency.digest", ASCENDING)],
        name="ux_idempotency",
        unique=True,
        partialFilterExpression={"idempotency.digest": {"$type": "string"}},
    ),
    IndexModel([("generation", ASCENDING), ("status", ASCENDING)], name="ix_generation"),
    IndexModel(
        [("left.open", ASCENDING), ("_id", ASCENDING)],
        name="ix_forsaken",
        partialFilterExpression={"left.open": True},
    ),
    IndexModel(
        [("outbox.open", ASCENDING), ("_id", ASCENDING)],
        name="ix_outbox",
        partialFilterExpression={"outbox.open": True},
    ),
    IndexModel(
        [("status", ASCENDING), ("purgedAt", ASCENDING), ("expiresAt", ASCENDING)],
        name="ix_purge",
    ),
    IndexModel([("createdAt", DESCENDING), ("_id", DESCENDING)], name="ix_created"),
    IndexModel([("finishedAt", ASCENDING)], name="ix_finished"),
    IndexModel([("type", ASCENDING), ("finishedAt", DESCENDING)], name="ix_durations"),
    IndexModel(
        [("requestedBy.subject", ASCENDING), ("createdAt", DESCENDING)], name="ix_requester"
    ),
)

# Lists that only grow: what stands in them is what happened.
APPENDED = frozenset({"audit"})

# Set by the database clock when a document is inserted.
BORN = ("createdAt", "updatedAt", "queuedAt")


# An export that is to be stored, and the lists that it starts with (`ExportStore.insert`).
Newborn = tuple[Mapping[str, object], Mapping[str, Mapping[str, object]] | None]


class LeaseDocument(TypedDict, total=False):
    """Who works on an export, and until when nobody else may."""

    token: str
    until: datetime
    heartbeatAt: datetime
    owner: str


class ExportDocument(TypedDict, total=False):
    """One requested export; the only truth about its life.

    A document that cannot be decoded is given as its ``_id`` with ``undecodable`` true and nothing
    else.
    """

    _id: str
    revision: int
    type: str
    typeVersion: int
    status: str
    phase: str | None
    origin: str
    partition: str
    campaign: str | None
    request: dict[str, Any]
    policy: dict[str, Any]
    fingerprint: str
    priority: int
    line: dict[str, Any] | None
    requestedBy: dict[str, Any]
    idempotency: dict[str, Any]
    createdAt: datetime
    updatedAt: datetime
    queuedAt: datetime
    startedAt: datetime | None
    finishedAt: datetime | None
    expiresAt: datetime | None
    deletedAt: datetime | None
    notBefore: datetime | None
    dispatchedAt: datetime | None
    snapshotAt: datetime | None
    attempt: int
    maxAttempts: int
    failures: int
    rescues: int
    lease: LeaseDocument | None
    cancel: dict[str, Any] | None
    dagster: dict[str, Any]
    progress: dict[str, Any]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    shipping: dict[str, Any] | None
    deliveries: dict[str, Any]
    sharers: int
    generation: str | None
    left: dict[str, Any] | None
    holds: dict[str, Any] | None
    outbox: dict[str, Any] | None
    audit: list[dict[str, Any]]
    undecodable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What must hold for a change to happen, or for a document to be a candidate.

    Attributes:
        statuses: The status is one of these; None does not look at it, so that a partial index is
            not passed over for a look at every document.
        token: ``lease.token`` is this; None does not look at the lease.
        equal: Dotted path equals the value, or one of the values of a tuple; None matches null and
            absent.
        older: Dotted path is a date before the database's now minus so many seconds; anything else
            never matches.
        due: Dotted path is not a date after the database's now; null and absent match.
    """

    statuses: tuple[str, ...] | None
    token: str | None = field(default=None, repr=False)
    equal: Mapping[str, object] = field(default_factory=dict)
    older: Mapping[str, float] = field(default_factory=dict)
    due: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one write does, beside ``revision`` + 1 and ``updatedAt`` now.

    Paths are dotted field names, never list positions. One path may not be set twice, nor be inside
    another.

    Attributes:
        set: Path becomes this literal value; text that starts with a dollar stays text.
        increment: Path grows by this; absent and null count as 0.
        most: Path becomes this number unless it is a greater one; absent and null are less.
        stamp: Path becomes the database's now.
        delay: Path becomes the database's now plus so many seconds, to the millisecond.
        push: The document, with ``at`` = the database's now added, is appended to the list at the
            path.
        unless: A path of ``push`` to another path: where that one is not null before the change,
            nothing is appended.
    """

    set: Mapping[str, object] = field(default_factory=dict)
    increment: Mapping[str, int] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)
    stamp: tuple[str, ...] = ()
    delay: Mapping[str, float] = field(default_factory=dict)
    push: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    unless: Mapping[str, str] = field(default_factory=dict)


class ExportStore:
    """The collection of export documents."""

    def __init__(self, connection: MongoConnection) -> None:
        """Remember the connection; nothing is opened."""
        self._connection = connection

    def insert(
        self,
        document: Mapping[str, object],
        *,
        push: Mapping[str, Mapping[str, object]] | None = None,
    ) -> ExportDocument:
        """Store a new export: ``revision`` 1; created, updated and queued now.

        The write is an upsert because only an update pipeline can use the database's clock. Its
        filter holds for no stored document (every revision is 1 or more), so an existing one is
        never touched: the upsert then fails on the unique ``_id``.

        Args:
            document: The export with its ``_id``.
            push: Top-level lists that start with one document stamped with ``at``, as in
                ``Change.push``.

        Raises:
            AlreadyExists: The ``_id`` or the idempotency digest is taken; find it by ``first``.
            Unavailable: The database did not confirm; it may or may not be stored, so ask before
                trying again.
        """
        query, change = _birth(document, push)
        with self._connection.bounded("insert an export document"):
            stored = self._raw().find_one_and_update(
                query, change, upsert=True, return_document=ReturnDocument.AFTER
            )
        return cast(ExportDocument, decoded(cast(RawBSONDocument, stored)))

    def insert_all(self, newborn: Sequence[Newborn]) -> list[ExportDocument | None]:
        """Store several as `insert` does, in one command, whatever becomes of the others.

        Returns:
            Each as it is stored, once that is so; None for one whose ``_id`` or idempotency digest
            is taken.

        Raises:
            Unavailable: The database did not confirm; any of them may or may not be stored.
        """
        births = [_birth(*one) for one in newborn]
        if not births:
            return []
        writes = [UpdateOne(query, change, upsert=True) for query, change in births]
        with self._connection.bounded("insert export documents"):
            refused = upserted(self._connection.collection(NAME), writes)
        ids = [document["_id"] for document, _ in newborn]
        there = [one for index, one in enumerate(ids) if index not in refused]
        match = Match(statuses=None, equal={"_id": tuple(there)})
        found = {one["_id"]: one for one in self.candidates(match, limit=len(there))}
        return [None if index in refused else found[str(one)] for index, one in enumerate(ids)]

    def find(self, export_id: str) -> ExportDocument | None:
        """Return the export with this id, or None."""
        return self.first({"_id": export_id})

    def first(self, equal: Mapping[str, object]) -> ExportDocument | None:
        """Return one export whose fields equal these; None matches null and absent."""
        with self._connection.bounded("find an export document"):
            found = self._raw().find_one(compile_equal(equal))
        return None if found is None else cast(ExportDocument, decoded(found))

    def change(self, export_id: str, match: Match, change: Change) -> ExportDocument | None:
        """Change the export if it still is as expected, in one atomic write.

        Args:
            export_id: Which export.
            match: What must still hold.
            change: What to write.

        Returns:
            The document after the change; None when nothing matched and so nothing was written.

        Raises:
            Unavailable: The database did not confirm; the change may or may not be in force.
            ValueError: A path is malformed or given twice.
        """
        with self._connection.bounded("change an export document"):
            after = self._raw().find_one_and_update(
                {"_id": {"$eq": export_id}, **compile_match(match)},
                compile_change(change),
                return_document=ReturnDocument.AFTER,
            )
        return None if after is None else cast(ExportDocument, decoded(after))

    def candidates(
        self, match: Match, *, after: str | None = None, limit: int, by_turn: bool = False
    ) -> list[ExportDocument]:
        """Return up to ``limit`` exports that match; only ``change`` knows if they still do.

        Args:
            match: What must hold now.
            after: Only ids greater than this, to page through all; not with ``by_turn``.
            limit: At most so many.
            by_turn: By ``line.turn``, those without one first, then by id; else by id.
        """
        query = compile_match(match)
        order = [("_id", ASCENDING)]
        if by_turn:
            order = [("line.turn", ASCENDING), ("_id", ASCENDING)]
        elif after is not None:
            query["_id"] = {"$gt": after}
        return self._listed(query, order, limit)

    def page(
        self,
        equal: Mapping[str, object],
        *,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int,
    ) -> list[ExportDocument]:
        """Return up to ``limit`` exports, newest first.

        Args:
            equal: Fields that must equal these; a tuple means one of its values.
            created_after: ``createdAt`` at or after this instant.
            created_before: ``createdAt`` before this instant.
            before: ``createdAt`` and ``_id`` of the last export of the previous page.
            limit: At most so many.
        """
        created: Document = {}
        if created_after is not None:
            created["$gte"] = created_after
        if created_before is not None:
            created["$lt"] = created_before
        conditions = [compile_equal(equal)]
        if created:
            conditions.append({"createdAt": created})
        if before is not None:
            conditions.extend(_older_than(*before))
        query = {"$and": [condition for condition in conditions if condition] or [{}]}
        return self._listed(query, [("createdAt", DESCENDING), ("_id", DESCENDING)], limit)

    def _raw(self) -> Collection[RawBSONDocument]:
        return raw(self._connection.collection(NAME))

    def _listed(
        self, query: Document, order: list[tuple[str, int]], limit: int
    ) -> list[ExportDocument]:
        # A limit of 0 means "no limit" to MongoDB; nobody asks for that.
        if limit < 1:
            return []
        with self._connection.bounded("list export documents"):
            found = list(self._raw().find(query).sort(order).limit(limit))
        return [cast(ExportDocument, decoded(document)) for document in found]


def _birth(
    document: Mapping[str, object], push: Mapping[str, Mapping[str, object]] | None
) -> tuple[Document, list[Document]]:
    """The query and the pipeline of an insert."""
    born = {"revision": {"$literal": 1}} | dict.fromkeys(BORN, "$$NOW")
    born |= _tree({path: _appended(path, entry) for path, entry in (push or {}).items()})
    query = {"_id": {"$eq": document["_id"]}, "revision": {"$lt": 0}}
    return query, [{"$replaceWith": {"$mergeObjects": [{"$literal": dict(document)}, born]}}]


def compile_match(match: Match) -> Document:
    """Return the query of a ``Match``; pure."""
    query = compile_equal(match.equal)
    if match.statuses is not None:
        query = {"status": {"$in": list(match.statuses)}, **query}
    if match.token is not None:
        query["lease.token"] = {"$eq": match.token}
    now = [is_older(path, seconds) for path, seconds in match.older.items()]
    now += [_is_due(path) for path in match.due]
    if now:
        query["$expr"] = {"$and": now}
    return query


def compile_change(change: Change) -> list[Document]:
    """Return the update pipeline of a ``Change``; pure.

    Raises:
        ValueError: A path is malformed, given twice, inside another, or inside the audit trail.
    """
    writes: list[tuple[str, object]] = [
        ("revision", _increased("revision", 1)),
        ("updatedAt", "$$NOW"),
    ]
    writes += [(path, {"$literal": value}) for path, value in change.set.items()]
    writes += [(path, _increased(path, step)) for path, step in change.increment.items()]
    writes += [(path, _at_least(path, number)) for path, number in change.most.items()]
    writes += [(path, "$$NOW") for path in change.stamp]
    writes += [(path, _from_now(seconds)) for path, seconds in change.delay.items()]
    writes += [
        (path, _appended(path, entry, unless=change.unless.get(path)))
        for path, entry in change.push.items()
    ]
    expressions = dict(writes)
    if len(expressions) != len(writes):
        raise ValueError("a change writes one path twice")
    if any(path.partition(".")[0] in APPENDED for path, _ in writes if path not in change.push):
        raise ValueError("a list that only grows is only pushed to")
    return [{"$set": _tree(expressions)}]


def is_older(path: str, seconds: float) -> Document:
    """Return the condition that a path is a date before the database's now minus so many seconds.

    Pure; it stands inside ``$expr``.
    """
    # Null, absent and numbers sort before every date, so the type must be asked too.
    return {"$and": [_is_date(path), {"$lt": [f"${_path(path)}", _from_now(-seconds)]}]}


def compile_equal(equal: Mapping[str, object]) -> Document:
    """Return the query for fields that equal these, or one of the values of a tuple; pure."""
    return {_path(path): _equals(value) for path, value in equal.items()}


def _equals(value: object) -> Document:
    if isinstance(value, tuple):
        return {"$in": list(value)}
    return {"$eq": value}


def _is_due(path: str) -> Document:
    return {"$not": [{"$and": [_is_date(path), {"$gt": [f"${_path(path)}", "$$NOW"]}]}]}


def _is_date(path: str) -> Document:
    return {"$eq": [{"$type": f"${_path(path)}"}, "date"]}


def _from_now(seconds: float) -> Document:
    # The stand-in refuses $add of milliseconds to a date, and $dateAdd takes whole amounts only.
    return {
        "$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": round(seconds * 1000)}
    }


def _increased(path: str, step: int) -> Document:
    return {"$add": [{"$ifNull": [f"${_path(path)}", 0]}, {"$literal": step}]}


def _at_least(path: str, number: int) -> Document:
    return {"$max": [f"${_path(path)}", {"$literal": number}]}


def _appended(path: str, entry: Mapping[str, object], *, unless: str | None = None) -> Document:
    stamped = {"$mergeObjects": [{"$literal": dict(entry)}, {"at": "$$NOW"}]}
    there = {"$ifNull": [f"${_path(path)}", []]}
    appended = {"$concatArrays": [there, [stamped]]}
    if unless is None:
        return appended
    return {"$cond": [_is_null(unless), appended, there]}


def _is_null(path: str) -> Document:
    return {"$eq": [{"$ifNull": [f"${_path(path)}", None]}, None]}


def _older_than(created: datetime, export_id: str) -> Iterator[Document]:
    yield {"createdAt": {"$lte": created}}
    yield {
        "$or": [{"createdAt": {"$lt": created}}, {"createdAt": created, "_id": {"$lt": export_id}}]
    }


def _tree(expressions: Mapping[str, object]) -> Document:
    """Nest dotted paths, each level merged over what is stored.

    ``{"$set": {"lease.token": …}}`` on a lease that is null does nothing in the stand-in server and
    makes an object in MongoDB; ``$mergeObjects`` reads null as empty in both.
    """
    return _level(expressions.items(), "")


def _level(writes: Iterable[tuple[str, object]], above: str) -> Document:
    leaves: Document = {}
    branches: dict[str, list[tuple[str, object]]] = {}
    for path, expression in writes:
        head, _, rest = _path(path).partition(".")
        if rest:
            branches.setdefault(head, []).append((rest, expression))
        else:
            leaves[head] = expression
    if leaves.keys() & branches.keys():
        raise ValueError("a change writes a path and another inside it")
    for head, inner in branches.items():
        leaves[head] = {"$mergeObjects": [f"${above}{head}", _level(inner, f"{above}{head}.")]}
    return leaves


def _path(path: str) -> str:
    if not all(path.split(".")) or "$" in path or "\0" in path:
        raise ValueError("a path is dotted field names without '$'")
    return path
