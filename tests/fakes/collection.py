"""Documents as the server keeps them: as BSON, so that only what BSON allows goes in."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument

from resources.mongo.connection import mongo_errors
from resources.mongo.documents import LENIENT, STRICT, decoded

Document = dict[str, Any]


class FakeCollection:
    """Documents by ``_id``; bytes are kept as they are, even when they cannot be decoded."""

    def __init__(self, documents: Iterable[Mapping[str, Any] | bytes] = ()) -> None:
        """Start with these documents."""
        self.lock = threading.RLock()
        self._stored: dict[Any, bytes] = {}
        for document in documents:
            self.keep(document)

    def keep(self, document: Mapping[str, Any] | bytes) -> None:
        """Store a document, in place of one with the same ``_id``."""
        with mongo_errors("store a document"):
            raw = document if isinstance(document, bytes) else bson.encode(document)
        with self.lock:
            self._stored[bson.decode(raw, LENIENT)["_id"]] = raw

    def drop(self, identity: object) -> None:
        """Forget a document."""
        with self.lock:
            self._stored.pop(identity, None)

    def clear(self) -> None:
        """Forget every document."""
        with self.lock:
            self._stored.clear()

    def seen(self) -> Iterator[tuple[Document, bytes]]:
        """Give every document leniently decoded, for matching, with its bytes."""
        with self.lock:
            kept = list(self._stored.values())
        for raw in kept:
            yield bson.decode(raw, LENIENT), raw

    def get(self, identity: object) -> Document | None:
        """Return one document as a store gives it, or None."""
        with self.lock:
            raw = self._stored.get(identity)
        return None if raw is None else given(raw)


def given(raw: bytes) -> Document:
    """Return a document as the stores that look at each by itself give it."""
    return decoded(RawBSONDocument(raw))


def strict(raw: bytes) -> Document:
    """Return a document as the stores of small documents give it.

    Raises:
        Refused: It cannot be decoded.
    """
    with mongo_errors("read a document"):
        return bson.decode(raw, STRICT)
