"""How the driver's errors become ours, and what bounds a call."""

import contextlib
import socket
import traceback
from collections.abc import Iterator

import pymongo
import pytest
from bson.errors import InvalidBSON, InvalidDocument
from pymongo import errors

from resources.errors import AlreadyExists, DoorError, Refused, Unavailable
from resources.mongo.connection import MongoConnection, classify, mongo_errors
from tests.waiting import Stopwatch

PASSWORD = "canary-secret"
SECRET = f"mongodb://user:{PASSWORD}@db.internal and zoe@example.com"


def _answer(code: int) -> errors.OperationFailure:
    return errors.OperationFailure(SECRET, code, {"errmsg": SECRET, "code": code})


def _several(code: int | None, *, unconfirmed: bool = False) -> errors.BulkWriteError:
    """Several writes in one command, stopped by one of them, or not confirmed."""
    stopped = [] if code is None else [{"index": 1, "code": code, "errmsg": SECRET}]
    late = [{"code": 64, "errmsg": SECRET}] if unconfirmed else []
    return errors.BulkWriteError({"writeErrors": stopped, "writeConcernErrors": late})


@pytest.mark.parametrize(
    ("error", "family", "code"),
    [
        (errors.AutoReconnect(SECRET), Unavailable, "MONGO_UNREACHABLE"),
        (errors.ConnectionFailure(SECRET), Unavailable, "MONGO_UNREACHABLE"),
        (errors.ServerSelectionTimeoutError(SECRET), Unavailable, "MONGO_UNREACHABLE"),
        (errors.NetworkTimeout(SECRET), Unavailable, "MONGO_TIMEOUT"),
        (errors.NotPrimaryError(SECRET), Unavailable, "MONGO_NOT_PRIMARY"),
        (errors.WaitQueueTimeoutError(SECRET), Unavailable, "MONGO_BUSY"),
        (errors.ExecutionTimeout(SECRET, 50), Unavailable, "MONGO_TIMEOUT"),
        (errors.CursorNotFound(SECRET, 43), Unavailable, "MONGO_CURSOR_LOST"),
        (errors.WTimeoutError(SECRET, 64), Unavailable, "MONGO_WRITE_CONCERN"),
        (errors.WriteConcernError(SECRET, 100), Unavailable, "MONGO_WRITE_CONCERN"),
        (errors.DuplicateKeyError(SECRET, 11000), AlreadyExists, "MONGO_DUPLICATE"),
        (_several(11000), AlreadyExists, "MONGO_DUPLICATE"),
        (_several(112), Unavailable, "MONGO_BUSY"),
        (_several(2), Refused, "MONGO_REFUSED"),
        (_several(11000, unconfirmed=True), Unavailable, "MONGO_WRITE_CONCERN"),
        (_several(None, unconfirmed=True), Unavailable, "MONGO_WRITE_CONCERN"),
        (_answer(18), Unavailable, "MONGO_AUTH"),
        (_answer(13), Unavailable, "MONGO_AUTH"),
        (_answer(43), Unavailable, "MONGO_CURSOR_LOST"),
        (_answer(50), Unavailable, "MONGO_TIMEOUT"),
        (_answer(112), Unavailable, "MONGO_BUSY"),
        (_answer(239), Unavailable, "MONGO_SNAPSHOT_TOO_OLD"),
        (_answer(11600), Unavailable, "MONGO_NOT_PRIMARY"),
        (_answer(2), Refused, "MONGO_REFUSED"),
        (_answer(9), Refused, "MONGO_REFUSED"),
        (errors.ConfigurationError(SECRET), Refused, "MONGO_REFUSED"),
        (errors.InvalidURI(SECRET), Refused, "MONGO_REFUSED"),
        (InvalidBSON(SECRET), Refused, "MONGO_UNDECODABLE"),
        (InvalidDocument(SECRET), Refused, "MONGO_UNENCODABLE"),
        (OverflowError(SECRET), Refused, "MONGO_UNENCODABLE"),
        (RecursionError(SECRET), Refused, "MONGO_UNENCODABLE"),
    ],
)
def test_an_error_of_the_driver_says_whether_to_try_again(
    error: Exception, family: type[DoorError], code: str
) -> None:
    """Retrying what is refused burns attempts; giving up on what may pass loses exports."""
    ours = classify(error, "read a thing")

    assert type(ours) is family
    assert ours.code == code
    assert ours.attempted.startswith("read a thing")


def test_every_error_of_the_driver_has_a_family() -> None:
    """One that slips through unclassified would fail an export with the driver's own text."""
    made = [error for kind in _descendants(errors.PyMongoError) for error in _made(kind)]
    for error in made:
        with pytest.raises(DoorError), mongo_errors("try"):
            raise error
    assert len(made) > 20


def test_an_error_the_driver_calls_retryable_is_worth_another_try() -> None:
    """New server versions bring new codes; the label tells what the number does not."""
    failure = errors.OperationFailure(
        SECRET, 999, {"code": 999, "errorLabels": ["RetryableWriteError"]}
    )

    assert isinstance(classify(failure, "write"), Unavailable)


def test_nothing_of_the_driver_text_is_shown() -> None:
    """Dagster keeps error texts and stacks for ever, for anyone to read."""
    try:
        with mongo_errors("read a thing"):
            raise _answer(2)
    except DoorError as error:
        shown = "".join(traceback.format_exception(error)) + repr(error)

    assert PASSWORD not in shown
    assert "zoe@example.com" not in shown
    assert "MONGO_REFUSED: read a thing (server code 2)" in shown


def test_a_database_that_is_not_there_is_reported_in_time() -> None:
    """The bridge promises its 503 within two seconds."""
    connection = MongoConnection(uri=f"mongodb://127.0.0.1:{_free_port()}", database="x")

    with Stopwatch() as watch, pytest.raises(Unavailable) as unavailable:
        connection.ping()

    assert unavailable.value.code == "MONGO_UNREACHABLE"
    assert watch.seconds < 3
    connection.close()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_database_that_hangs_is_reported_in_time(silent: int) -> None:
    """A stopped process still accepts connections; nothing else would end the wait."""
    connection = MongoConnection(
        uri=f"mongodb://127.0.0.1:{silent}", database="x", selection_seconds=0.5
    )

    with Stopwatch() as watch, pytest.raises(Unavailable):
        connection.ping()

    assert watch.seconds < 2
    connection.close()


def test_a_malformed_connection_string_is_refused_without_showing_it() -> None:
    """The string holds the password."""
    connection = MongoConnection(uri="mongo//user:canary-secret@x", database="x")

    with pytest.raises(Refused) as refused:
        connection.collection("x")

    assert "canary" not in "".join(traceback.format_exception(refused.value))


def test_a_collection_is_made_once_for_each_client() -> None:
    """One of a client that was closed would fail for ever."""
    connection = MongoConnection(uri="mongodb://127.0.0.1:1", database="x")
    first = connection.collection("c")
    assert connection.collection("c") is first

    connection.close()
    second = connection.collection("c")

    assert second.database.client is not first.database.client
    connection.close()


def test_nothing_is_opened_before_the_first_use_and_all_is_bounded() -> None:
    """Building doors must cost nothing; a call without limits is a hang."""
    connection = MongoConnection(uri="mongodb://127.0.0.1:1", database="x", operation_seconds=7)
    assert connection._client is None

    collection = connection.collection("c")

    options = collection.database.client.options
    assert options.server_selection_timeout == 2
    assert options.pool_options.socket_timeout == 125  # of scans; the others have one of their own
    assert options.pool_options.connect_timeout == 2
    assert options.retry_writes is True
    assert collection.write_concern == pymongo.WriteConcern(w="majority", j=True)
    assert collection.codec_options.tz_aware is True
    connection.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _descendants(kind: type[Exception]) -> Iterator[type[Exception]]:
    for one in kind.__subclasses__():
        if one.__module__ == "pymongo.errors":
            yield one
            yield from _descendants(one)


def _made(kind: type[Exception]) -> Iterator[Exception]:
    # Errors of writes of many documents and of encryption take more; no door makes such calls.
    with contextlib.suppress(TypeError, AttributeError):
        yield kind(SECRET)
