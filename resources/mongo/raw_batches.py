"""Batches of raw documents as they were received, which the server sends without being asked.

`find_raw_batches` cuts an answer into objects, joins them to a stream, and we cut that again: five
copies and 1.8 CPU seconds a million documents (PERFORMANCE.md). Here they stay where they are.
And each batch waits there for the command that asks for it; here the next ones are on their way
(exhaust, decision 25).

What is overridden is private; `tests/resources/mongo` holds it to the installed PyMongo, an answer
of another shape goes the public way, and so does everything if PyMongo stops asking.
"""

import struct
import sys
from array import array
from collections.abc import Mapping
from itertools import count
from typing import Any, Final, cast

import bson
from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.synchronous.cursor import RawBatchCursor

from resources.mongo.batch import PLACE, Batch
from resources.mongo.connection import known_servers
from resources.native import extension

_INT32: Final = struct.Struct("<i")
# An element of a list of blocks: its type, then its number, then a block with its length.
_BLOCK, _LIST, _TEXT, _TRUTH, _INT64 = 0x03, 0x04, 0x02, 0x08, 0x12
_CURSOR: Final = b"\x03cursor\0"
_BATCHES: Final = (b"firstBatch", b"nextBatch")
_EMPTY: Final = _INT32.pack(5) + b"\0"
_FIXED_SIZES: Final = {_TRUTH: 1, _INT64: 8}
# As PyMongo names servers that send on unasked; a `mongos` does from 7.1 on, and is not asked to.
_STREAMING: Final = frozenset({"Standalone", "RSPrimary", "RSSecondary"})
# Connections of a client that are enough for five streams, one a strand, and what an attempt needs
# beside them; PyMongo's usual pool has a hundred.
_ROOMY_POOL: Final = 20


class UnusualAnswer(Exception):
    """An answer is none that this module can cut."""


class LeanBatches(RawBatchCursor[Any]):
    """A cursor whose items are batches; streams of raw documents where it could not cut.

    Args:
        collection: With documents left raw.
        query: Which documents.
        asked: As `find_raw_batches` takes it.
    """

    def __init__(self, collection: Collection[Any], query: Mapping[str, Any], **asked: Any) -> None:
        super().__init__(collection, query, **asked)
        # `CursorType.EXHAUST` takes no limit, which OP_QUERY did not have; a page is one.
        self._exhaust = asked.get("session") is None and streams(collection.database.client)

    def _unpack_response(
        self,
        response: Any,
        cursor_id: int | None,
        codec_options: CodecOptions[Any],
        user_fields: Mapping[str, Any] | None = None,
        legacy_response: bool = False,
    ) -> list[Any]:
        try:
            return [cut(response.payload_document)]
        except (UnusualAnswer, AttributeError, struct.error):
            return cast(
                list[Any],
                super()._unpack_response(
                    response, cursor_id, codec_options, user_fields, legacy_response
                ),
            )


def streams(client: "MongoClient[Any]") -> bool:
    """Whether the servers that are known by now may send the next batches unasked.

    Who does not know how waits to be asked (MongoDB's wire protocol, `exhaustAllowed`), as the
    stand-in does; only an older `mongos` must not be told that it may. And while a stream is read
    its connection is nobody else's: of a small pool (`maxPoolSize`) it could be the one that a
    lease is renewed by.
    """
    most = client.options.pool_options.max_pool_size or sys.maxsize  # 0 is no bound
    return most >= _ROOMY_POOL and bool(known_servers(client, _STREAMING))


def raw_batches(collection: Collection[Any], query: Mapping[str, Any], **asked: Any) -> Any:
    """A cursor over raw batches, lean where the collection is PyMongo's own.

    Args:
        collection: With documents left raw.
        query: Which documents.
        asked: As `find_raw_batches` takes it.
    """
    if type(collection) is Collection:
        return LeanBatches(collection, query, **asked)
    return collection.find_raw_batches(query, **asked)


def cut(answer: bytes | bytearray | memoryview) -> dict[str, Any]:
    """The answer to `find` or `getMore` with its documents raw, in a list of one batch.

    Args:
        answer: The whole document.

    Raises:
        UnusualAnswer: It is something else, such as an error, or not sound.
        struct.error: It ends too early.
    """
    view = memoryview(answer)
    if bytes(view[4 : 4 + len(_CURSOR)]) != _CURSOR:
        raise UnusualAnswer
    inside = 4 + len(_CURSOR)
    start = _batch_at(view, inside + 4, inside + _INT32.unpack_from(view, inside)[0])
    size: int = _INT32.unpack_from(view, start)[0]
    batch = Batch(view, _places(view, start + 4, start + size))
    # Everything but the documents is PyMongo's to read: the cursor's id, cluster times, warnings.
    rest = bytearray(view[:start]) + _EMPTY + view[start + size :]
    less = size - len(_EMPTY)
    for place in (0, inside):
        _INT32.pack_into(rest, place, _INT32.unpack_from(rest, place)[0] - less)
    found: dict[str, Any] = bson.decode(rest)
    cursor = found["cursor"]
    name = next(name for name in map(bytes.decode, _BATCHES) if name in cursor)
    cursor[name] = [batch] if batch else []
    return found


def _batch_at(view: memoryview, at: int, end: int) -> int:
    """Where the list of documents of a cursor begins, within the answer."""
    while at < end - 1:
        kind, name = view[at], _name(view, at + 1)
        at += len(name) + 2
        if kind == _LIST and name in _BATCHES:
            return at
        if kind == _TEXT:
            at += 4 + _INT32.unpack_from(view, at)[0]
        elif kind in _FIXED_SIZES:
            at += _FIXED_SIZES[kind]
        else:
            break
    raise UnusualAnswer


def _name(view: memoryview, at: int) -> bytes:
    """A name of a cursor's field; the longest is `partialResultsReturned`."""
    name, zero, _ = bytes(view[at : at + 32]).partition(b"\0")
    if not zero:
        raise UnusualAnswer
    return name


def _places(view: memoryview, start: int, end: int) -> "array[int]":
    """Where the documents of a list begin and end."""
    native = extension("resources.mongo._places")
    if native is None:
        return _walked(view, start, end)
    places = native.places(view, start, end)
    if places is None:
        raise UnusualAnswer
    return array(PLACE, places)


def _walked(view: memoryview, start: int, end: int) -> "array[int]":
    """The same in Python: 0.7 s a million documents instead of 0.1."""
    found, at, last = array(PLACE), start, end - 1
    for digits in count(1):
        head = struct.Struct(f"<B{digits}xBi")  # a type, a number, its zero, the document's length
        read, ahead, most = head.unpack_from, digits + 2, 2 * 10**digits
        while at < last and len(found) < most:
            kind, zero, length = read(view, at)
            begin = at + ahead
            at = begin + length
            if kind != _BLOCK or zero or not begin + len(_EMPTY) <= at <= last:
                raise UnusualAnswer
            found.extend((begin, at))
        if at >= last:
            break
    if at != last:
        raise UnusualAnswer
    return found
