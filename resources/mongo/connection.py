"""One lazy client for the database, and the only place that reads the driver's errors."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pymongo
from bson import Timestamp
from bson.codec_options import CodecOptions
from bson.errors import BSONError, InvalidDocument
from pymongo import errors
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.server_description import ServerDescription

from resources.errors import AlreadyExists, DoorError, Refused, Unavailable

Document = dict[str, Any]

_UTC: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)

# A socket outlives the server's own limit by this much, so that the server's clear answer (code 50)
# wins.
SOCKET_GRACE_SECONDS = 5.0

# A read that few documents pass goes through all there are before it has a batch: 3.5 million
# entries of 2 kB (DOMAIN.md 1, size XL) are 7 GB, half a minute from a disk of 250 MB/s. It has no
# bound of PyMongo's own, under which a read is tried again until that is over.
SCAN_MILLIS = 120_000

DUPLICATE = "MONGO_DUPLICATE"
_DUPLICATE_KEY = 11_000

# What a server keeps of its past, if it does (MongoDB 5.0), is asked of any small collection.
_ANY_COLLECTION = "campaigns"
_SNAPSHOTS_SINCE = 13  # wire version of MongoDB 5.0
_WITH_A_PAST = frozenset({"Mongos", "RSPrimary", "RSSecondary"})  # as PyMongo names them

# Server answers that another try can cure; names as in MongoDB's error_codes.yml. The driver has
# already retried once by itself when one of these reaches us.
TRANSIENT_CODES: dict[int, str] = {
    6: "MONGO_UNREACHABLE",
    7: "MONGO_UNREACHABLE",
    13: "MONGO_AUTH",
    18: "MONGO_AUTH",
    24: "MONGO_BUSY",
    43: "MONGO_CURSOR_LOST",
    46: "MONGO_BUSY",
    50: "MONGO_TIMEOUT",
    64: "MONGO_WRITE_CONCERN",
    89: "MONGO_UNREACHABLE",
    91: "MONGO_NOT_PRIMARY",
    100: "MONGO_WRITE_CONCERN",
    112: "MONGO_BUSY",
    133: "MONGO_UNREACHABLE",
    134: "MONGO_BUSY",
    189: "MONGO_NOT_PRIMARY",
    202: "MONGO_TIMEOUT",
    239: "MONGO_SNAPSHOT_TOO_OLD",
    262: "MONGO_TIMEOUT",
    391: "MONGO_AUTH",
    8000: "MONGO_AUTH",
    9001: "MONGO_UNREACHABLE",
    10107: "MONGO_NOT_PRIMARY",
    11600: "MONGO_NOT_PRIMARY",
    11602: "MONGO_NOT_PRIMARY",
    13435: "MONGO_NOT_PRIMARY",
    13436: "MONGO_NOT_PRIMARY",
}

# What the encoder and decoder raise for values that BSON cannot hold (RELIABILITY.md M10, M11).
UNENCODABLE = (InvalidDocument, UnicodeError, OverflowError, RecursionError)

# Errors whose type says everything; the first that fits counts, so subclasses come first.
BY_TYPE: tuple[tuple[tuple[type[Exception], ...], type[DoorError], str], ...] = (
    ((errors.DuplicateKeyError,), AlreadyExists, DUPLICATE),
    ((errors.WriteConcernError, errors.WTimeoutError), Unavailable, "MONGO_WRITE_CONCERN"),
    ((errors.CursorNotFound,), Unavailable, "MONGO_CURSOR_LOST"),
    ((errors.NotPrimaryError,), Unavailable, "MONGO_NOT_PRIMARY"),
    ((errors.NetworkTimeout, errors.ExecutionTimeout), Unavailable, "MONGO_TIMEOUT"),
    ((errors.WaitQueueTimeoutError,), Unavailable, "MONGO_BUSY"),
    ((errors.ConnectionFailure,), Unavailable, "MONGO_UNREACHABLE"),
    (UNENCODABLE, Refused, "MONGO_UNENCODABLE"),
    ((BSONError,), Refused, "MONGO_UNDECODABLE"),
)


def classify(error: Exception, attempted: str) -> DoorError:
    """Turn a driver error into ours.

    Args:
        error: What the driver raised.
        attempted: What was attempted, in words.

    Returns:
        ``AlreadyExists`` for a duplicate key, ``Unavailable`` for everything that another try may
        cure, ``Refused`` for the rest. The driver's text is dropped: it can hold the address and
        document values.
    """
    for kinds, family, code in BY_TYPE:
        if isinstance(error, kinds):
            return family(code, attempted)
    if isinstance(error, errors.BulkWriteError):
        return _classify_bulk(error, attempted)
    if isinstance(error, errors.OperationFailure):
        return _classify_answer(error, attempted)
    return Refused("MONGO_REFUSED", attempted)


def _classify_answer(error: errors.OperationFailure, attempted: str) -> DoorError:
    code = error.code or 0
    if code in TRANSIENT_CODES:
        return Unavailable(TRANSIENT_CODES[code], attempted)
    if error.has_error_label("RetryableWriteError"):
        return Unavailable("MONGO_UNREACHABLE", attempted)
    return Refused("MONGO_REFUSED", f"{attempted} (server code {code})")


def _classify_bulk(error: errors.BulkWriteError, attempted: str) -> DoorError:
    """By what stopped it; but what was written before must be confirmed in any case."""
    if error.details.get("writeConcernErrors"):
        return Unavailable("MONGO_WRITE_CONCERN", attempted)
    first: Document = next(iter(error.details.get("writeErrors") or ()), {})
    if first.get("code") == _DUPLICATE_KEY:
        return AlreadyExists(DUPLICATE, attempted)
    stopped = errors.OperationFailure("", first.get("code"), error.details)
    return _classify_answer(stopped, attempted)


def upserted(collection: Collection[Any], writes: Sequence[pymongo.UpdateOne]) -> set[int]:
    """Make upserts in one command, each whatever becomes of the others.

    Returns:
        The places of those that a unique key has refused.

    Raises:
        OperationFailure: One of them failed otherwise, or the database did not confirm those that
            did not; it says what stopped it.
    """
    try:
        collection.bulk_write(writes, ordered=False)
    except errors.BulkWriteError as refused:
        failed = refused.details.get("writeErrors") or []
        others = [one for one in failed if one.get("code") != _DUPLICATE_KEY]
        if refused.details.get("writeConcernErrors") or not failed:
            raise
        if others:
            raise errors.OperationFailure("", others[0].get("code"), refused.details) from None
        return {int(one["index"]) for one in failed}
    return set()


@contextmanager
def mongo_errors(attempted: str) -> Iterator[None]:
    """Raise our errors instead of the driver's inside the block.

    Raises:
        Unavailable: The database was not reached, or answered that it may do so later.
        AlreadyExists: A unique key is taken.
        Refused: Anything else, including values that BSON cannot hold.
    """
    try:
        yield
    except (errors.PyMongoError, BSONError, *UNENCODABLE) as error:
        raise classify(error, attempted) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a server says of itself.

    Attributes:
        version: Such as `8.0.32`.
        replica_set: Its name; None where it stands alone.
        now: Its clock, UTC.
    """

    version: str
    replica_set: str | None
    now: datetime


class MongoConnection:
    """A client made at the first use, shared by threads, closed by its owner.

    Args:
        uri: Connection string; it may hold a password and is never printed.
        database: Name of the database.
        application: Name shown in the server's log and in ``currentOp``.
        selection_seconds: How long to look for a usable server where no operation is bounded, as
            a ping, and how long one connection may take.
        operation_seconds: Bound of one operation, looking for a primary and retries included; two
            of the bridge's, so that it can answer 503 (RELIABILITY.md 4.3), and 30 of a worker's,
            which outlives an election.

    Attributes:
        session: In which everything is read that shows one instant; else None.
        instant: That instant, on the clock of the cluster.
        turn: Held by each read in a session, which is of one thread at a time.
    """

    def __init__(
        self,
        *,
        uri: str,
        database: str,
        application: str = "export-platform",
        selection_seconds: float = 2.0,
        operation_seconds: float = 30.0,
    ) -> None:
        """Remember where the database is; nothing is opened."""
        self._uri = uri
        self._database = database
        self._application = application
        self._selection_seconds = selection_seconds
        self._operation_seconds = operation_seconds
        self.session: ClientSession | None = None
        self.instant: Timestamp | None = None
        self.turn: AbstractContextManager[Any] = nullcontext()
        self._lock = threading.Lock()
        self._client: pymongo.MongoClient[Document] | None = None
        self._collections: dict[str, Collection[Document]] = {}

    def collection(self, name: str) -> Collection[Document]:
        """Return a collection; writes wait for a majority and the journal, dates are UTC.

        Raises:
            Refused: The connection string is malformed.
        """
        client, known = self._open(), self._collections.get(name)
        # To make one anew took a tenth of a write; another client has others.
        if known is None or known.database.client is not client:
            known = self._collections[name] = client[self._database].get_collection(
                name,
                codec_options=_UTC,
                write_concern=pymongo.WriteConcern(w="majority", j=True),
            )
        return known

    @contextmanager
    def bounded(self, attempted: str, *, seconds: float | None = None) -> Iterator[None]:
        """Bound every operation of the block in time, on both sides, and map its errors.

        Args:
            attempted: What is attempted, in words, for the error.
            seconds: The bound; ``operation_seconds`` when absent.

        Raises:
            DoorError: As ``mongo_errors`` says.
        """
        timeout = pymongo.timeout(seconds or self._operation_seconds)
        with self.asking(attempted), timeout:
            yield

    @contextmanager
    def asking(self, attempted: str) -> Iterator[None]:
        """Map the errors of the block; where all reads show one instant, wait for its turn.

        Args:
            attempted: What is attempted, in words, for the error.

        Raises:
            DoorError: As ``mongo_errors`` says.
        """
        with mongo_errors(attempted), self.turn:
            yield

    @contextmanager
    def at_one_instant(self) -> Iterator["MongoConnection"]:
        """Give a view whose reads show the database as it is now, as long as the block lasts.

        A snapshot session (MongoDB manual, "Read Concern snapshot"): the server must keep its past
        meanwhile, as a rule for five minutes. Where it keeps none, or does not say of which instant
        it is, the connection itself is given.

        Raises:
            Unavailable: The database went away.
        """
        client = self._open()
        if not _has_a_past(client):
            yield self
            return
        with client.start_session(snapshot=True) as session:
            view = copy(self)
            view.session, view.turn = session, threading.RLock()
            view.instant = _first_instant(view)
            yield self if view.instant is None else view

    def ping(self) -> None:
        """Ask the server whether it answers.

        Raises:
            Unavailable: It does not, within the server selection time.
        """
        with self.bounded("ping the database", seconds=self._selection_seconds):
            self._open()[self._database].command("ping")

    def about(self) -> ServerFacts:
        """Ask the server what it is.

        Raises:
            Unavailable: It does not answer.
            Refused: It does not say.
        """
        with self.bounded("ask the database what it is", seconds=self._selection_seconds):
            database = self._open()[self._database]
            hello = database.command("hello", codec_options=_UTC)
            built = database.command("buildInfo")
        return ServerFacts(
            version=str(built["version"]),
            replica_set=hello.get("setName"),
            now=hello["localTime"],
        )

    def close(self) -> None:
        """Close the client; the next use opens a new one."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _open(self) -> "pymongo.MongoClient[Document]":
        with self._lock:
            if self._client is None:
                with mongo_errors("read the connection string of the database"):
                    self._client = self._connect()
            return self._client

    def _connect(self) -> "pymongo.MongoClient[Document]":
        return pymongo.MongoClient(
            self._uri,
            appname=self._application,
            tz_aware=True,
            tzinfo=UTC,
            retryWrites=True,
            retryReads=True,
            serverSelectionTimeoutMS=int(self._selection_seconds * 1000),
            connectTimeoutMS=int(self._selection_seconds * 1000),
            socketTimeoutMS=SCAN_MILLIS + int(SOCKET_GRACE_SECONDS * 1000),
        )


def known_servers(
    client: "pymongo.MongoClient[Any]", kinds: frozenset[str]
) -> list[ServerDescription]:
    """The servers of these kinds, as PyMongo names them, that a client knows by now."""
    servers = client.topology_description.server_descriptions().values()
    return [server for server in servers if server.server_type_name in kinds]


def _has_a_past(client: "pymongo.MongoClient[Document]") -> bool:
    """Whether the servers that are known by now can all be asked for how it was."""
    known = known_servers(client, _WITH_A_PAST)
    return bool(known) and min(one.max_wire_version for one in known) >= _SNAPSHOTS_SINCE


def _first_instant(view: MongoConnection) -> Timestamp | None:
    """Begin a snapshot by its first read; None where the server refuses."""
    find = {"find": _ANY_COLLECTION, "limit": 1, "projection": {"_id": True}}
    database = view.collection(_ANY_COLLECTION).database
    try:
        with view.bounded("begin to read at one instant"):
            answer = database.command(find, session=view.session)
    except Refused:
        return None
    instant: Timestamp | None = answer["cursor"].get("atClusterTime")
    return instant
