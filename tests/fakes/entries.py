"""Entries in memory: filters, keyset order and raw BSON as the real store gives them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from bson import ObjectId

from resources.errors import Refused
from resources.mongo.batch import Batch
from resources.mongo.entries import (
    BATCH_SIZE,
    COUNT_SECONDS,
    INDEXES,
    PAGE_SIZE,
    EntryStore,
    Scan,
    keyset_query,
    sort_values,
)
from tests.fakes.asked import Asked
from tests.fakes.collection import FakeCollection
from tests.fakes.exports import NOWHERE
from tests.fakes.matching import MISSING, at, matches, order, reached
from tests.fakes.projected import projected

HINTS = {None, *(index.document["name"] for index in INDEXES)}


class FakeEntryStore(EntryStore):
    """An entry store over a list of documents; give bytes to plant one that cannot be decoded.

    Attributes:
        asked: What it was asked; ``page`` is noted for each page that a scan reads.
        kept: The documents; they may change between two pages.
    """

    def __init__(self, documents: Iterable[Mapping[str, Any] | bytes] = ()) -> None:
        """Start with these documents."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self.kept = FakeCollection(documents)

    def scan(
        self, scan: Scan, *, page_size: int = PAGE_SIZE, batch_size: int = BATCH_SIZE
    ) -> Iterator[Batch]:
        """Give the documents page by page, each page from what is stored when it is read."""
        self.asked.note("scan", scan, page_size, batch_size)
        if scan.hint not in HINTS:
            raise Refused("MONGO_REFUSED", "read a page of entries")
        last = scan.after
        while True:
            self.asked.note("page", last)
            page = self._following(scan, last)[:page_size]
            for start in range(0, len(page), batch_size):
                batch = page[start : start + batch_size]
                last = sort_values(batch[-1], scan.sort)
                yield Batch.of(projected(raw, scan.projection()) for raw in batch)
            if len(page) < page_size:
                return

    def by_ids(self, ids: Collection[ObjectId]) -> Iterator[bytes]:
        """Give the documents with these ids."""
        wanted = set(ids)
        self.asked.note("by_ids", tuple(ids))
        yield from [raw for document, raw in self.kept.seen() if document["_id"] in wanted]

    def count(
        self,
        filter: Mapping[str, object],  # noqa: A002 - the door's word
        *,
        seconds: float = COUNT_SECONDS,
        most: int | None = None,
    ) -> int:
        """Count what matches."""
        self.asked.note("count", filter)
        found = sum(matches(document, filter) for document, _ in self.kept.seen())
        return found if most is None else min(found, most)

    def distinct(
        self,
        field: str,
        filter: Mapping[str, object],  # noqa: A002 - the door's word
    ) -> list[Any]:
        """Return the values, the items of lists one by one."""
        self.asked.note("distinct", field, filter)
        found: list[Any] = []
        for document, _ in self.kept.seen():
            if matches(document, filter):
                found += [one for value in reached(document, field) for one in _items(value)]
        return sorted(_once(found), key=order)

    def _following(self, scan: Scan, last: tuple[object, ...] | None) -> list[bytes]:
        query = keyset_query(scan, last)
        found = [(document, raw) for document, raw in self.kept.seen() if matches(document, query)]
        found.sort(key=lambda pair: [order(at(pair[0], name)) for name in scan.sort])
        return [raw for _, raw in found]


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _once(values: Iterable[Any]) -> list[Any]:
    kept: list[Any] = []
    for value in values:
        if value not in (MISSING, None) and value not in kept:
            kept.append(value)
    return kept
