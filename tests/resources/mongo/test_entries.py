"""The parts of a scan that a working server does not show: a cursor that is lost on the way."""

from collections.abc import Iterator, Mapping
from typing import Any, Self, cast

import bson
import pytest
from pymongo import errors
from pymongo.collection import Collection

from resources.errors import Unavailable
from resources.mongo.connection import Document, MongoConnection
from resources.mongo.entries import EntryStore, Scan, keyset_query
from tests.fakes.matching import matches

SCAN = Scan(filter={}, sort=("_id",))


class LossyCursor:
    """Gives batches until it is lost, as a server does that forgets idle cursors."""

    def __init__(self, batches: list[bytes], error: Exception | None) -> None:
        self._batches = iter(batches)
        self._error = error

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        batch = next(self._batches, None)
        if batch is not None:
            return batch
        raise self._error or StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


class LossyCollection:
    """Numbers from 0; a cursor is lost after ``lives`` batches."""

    def __init__(self, count: int, lives: int, error: Exception) -> None:
        self.opened = 0
        self._numbers = range(count)
        self._lives = lives
        self._error = error

    def with_options(self, **_: object) -> Self:
        """Stay as it is."""
        return self

    def find_raw_batches(
        self, query: Mapping[str, Any], *, limit: int, batch_size: int, **_: object
    ) -> LossyCursor:
        """Open a cursor."""
        self.opened += 1
        found = [number for number in self._numbers if matches({"_id": number}, query)][:limit]
        batches = [
            b"".join(bson.encode({"_id": number}) for number in found[start : start + batch_size])
            for start in range(0, len(found), batch_size)
        ]
        lost = len(batches) > self._lives
        return LossyCursor(batches[: self._lives], self._error if lost else None)


class LossyConnection(MongoConnection):
    """A connection whose collections lose their cursors."""

    def __init__(self, collection: LossyCollection) -> None:
        super().__init__(uri="mongodb://nowhere.invalid", database="x")
        self._lossy = collection

    def collection(self, name: str) -> Collection[Document]:
        """Return the lossy one, whatever the name."""
        return cast(Collection[Document], self._lossy)


def _scanned(collection: LossyCollection) -> Iterator[int]:
    store = EntryStore(LossyConnection(collection))
    for batch in store.scan(SCAN, page_size=10, batch_size=2):
        for document in batch:
            yield bson.decode(document)["_id"]


def test_a_lost_cursor_is_opened_again_behind_the_last_document() -> None:
    """A reader that paused for half an hour still gets the whole file, and nothing twice."""
    collection = LossyCollection(25, lives=2, error=errors.CursorNotFound("lost", 43))

    assert list(_scanned(collection)) == list(range(25))
    assert collection.opened > 3


def test_a_cursor_that_is_lost_without_progress_ends_the_scan() -> None:
    """Otherwise a server that forgets at once would be asked for ever."""
    collection = LossyCollection(25, lives=0, error=errors.CursorNotFound("lost", 43))

    with pytest.raises(Unavailable):
        list(_scanned(collection))

    assert collection.opened == 1


def test_a_broken_connection_ends_the_scan() -> None:
    """The attempt starts again as a whole; a short file is never taken for a complete one."""
    collection = LossyCollection(25, lives=2, error=errors.AutoReconnect("cut"))
    read: list[int] = []

    def read_all() -> None:
        read.extend(_scanned(collection))

    with pytest.raises(Unavailable):
        read_all()

    assert collection.opened == 1


def test_the_query_for_the_next_page_says_every_field() -> None:
    """The range that an index starts from, and the exact place behind the last document."""
    scan = Scan(filter={"a": 1}, sort=("b", "c", "_id"))

    query = keyset_query(scan, (2, 3, 4))

    assert query == {
        "$and": [
            {"a": 1},
            {"b": {"$gte": 2}},
            {
                "$or": [
                    {"b": {"$gt": 2}},
                    {"b": 2, "c": {"$gt": 3}},
                    {"b": 2, "c": 3, "_id": {"$gt": 4}},
                ]
            },
        ]
    }
