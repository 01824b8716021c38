"""Raw BSON to documents, one at a time, so that a document which cannot be decoded harms no other.

A date beyond year 9999 or invalid UTF-8 makes the driver fail the whole batch (RELIABILITY.md M11).
The stores therefore receive raw documents and decode each by itself.
"""

import struct
from collections.abc import Iterable, Iterator
from datetime import UTC
from itertools import islice
from typing import Any

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection

STRICT: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)

# Reads anything the server stores: a date beyond the calendar becomes a DatetimeMS, bad UTF-8
# becomes U+FFFD.
LENIENT: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    tzinfo=UTC,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)
RAW = CodecOptions(document_class=RawBSONDocument)

# 5,000 ids are 90 kB of query, far below the 48 MB message limit, and bound what one answer holds.
IDS_PER_QUERY = 5_000

LENGTH = struct.Struct("<i")


def raw(collection: Collection[Any]) -> Collection[RawBSONDocument]:
    """Return the same collection giving undecoded documents."""
    return collection.with_options(codec_options=RAW)


def decoded(document: RawBSONDocument) -> dict[str, Any]:
    """Return the document, or ``{"_id": …, "undecodable": True}`` when it cannot be decoded.

    The flag lets a caller count, skip or quarantine one bad document (RELIABILITY.md 4.3, malformed
    document).
    """
    content = bytes(document.raw)
    try:
        return bson.decode(content, STRICT)
    except (BSONError, UnicodeError, OverflowError):
        return {"_id": identity(content), "undecodable": True}


def identity(document: bytes) -> object:
    """Return the ``_id`` of a document that need not be decodable; None when it cannot be read."""
    try:
        return bson.decode(document, LENIENT).get("_id")
    except (BSONError, UnicodeError, OverflowError):
        return None


def split(batch: bytes) -> Iterator[bytes]:
    """Cut a raw batch into its documents by their int32 length prefix (bsonspec.org: document)."""
    start = 0
    while start < len(batch):
        end = start + LENGTH.unpack_from(batch, start)[0]
        yield batch[start:end]
        start = end


def chunks(ids: Iterable[ObjectId]) -> Iterator[list[ObjectId]]:
    """Cut any number of ids into lists that a query can hold."""
    remaining = iter(ids)
    while chunk := list(islice(remaining, IDS_PER_QUERY)):
        yield chunk
