"""The hand-written pack as a dataset: 60 entries of Aurora Lights, four and none of two others."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import bson
from bson import ObjectId

from export_platform.local.seed.basis.dataset import Batch, Collection, Document, Slice
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.tiny import (
    answers,
    campaigns,
    lake,
    legacy,
    lifecycle,
    texts,
    users,
)
from export_platform.local.seed.tiny.shapes import AURORA, BOREAL, COMET, PACK, Planted

AURORA_ENTRIES: Final[tuple[Planted, ...]] = (
    *lifecycle.ENTRIES,
    *texts.ENTRIES,
    *answers.ENTRIES,
    *legacy.ENTRIES,
)
"""The 60 entries of the goldens, in the order of their number."""

_ENTRIES: Final = (*AURORA_ENTRIES, *legacy.BOREAL_ENTRIES)

_COLLECTIONS: Final[Mapping[Collection, Sequence[Document]]] = {
    "campaigns": campaigns.CAMPAIGNS,
    "markets": campaigns.MARKETS,
    "promoters": campaigns.PROMOTERS,
    "users": users.USERS,
    "entries": [each.document for each in _ENTRIES],
    "scoring": campaigns.SCORING,
}


@dataclass(frozen=True, slots=True)
class TinyPack:
    """Pack 0."""

    name: str = "tiny"
    number: int = PACK

    @property
    def campaigns(self) -> Mapping[str, ObjectId]:
        """The three campaigns by key."""
        return {
            "aurora-lights-2026": AURORA,
            "boreal-nights-2025": BOREAL,
            "comet-club-2026": COMET,
        }

    @property
    def documents_total(self) -> int:
        """All documents of all collections."""
        return sum(len(documents) for documents in _COLLECTIONS.values())

    @property
    def rows_total(self) -> int:
        """All rows of all lake tables."""
        return len(lake.EVENTS)

    def documents(
        self, ledger: Ledger, *, chunk: int = 2_000, broken_text: bool = True
    ) -> Iterator[Batch]:
        """Every collection, in the order in which references resolve."""
        del broken_text  # there is none
        for each in _ENTRIES:
            for name in each.plants:
                ledger.add(name, each.document["_id"])
        for collection, documents in _COLLECTIONS.items():
            for start in range(0, len(documents), chunk):
                batch = [bson.encode(each) for each in documents[start : start + chunk]]
                yield Batch(collection=collection, documents=batch)

    def slices(self, ledger: Ledger, *, chunk: int = 20_000) -> Iterator[Slice]:
        """The lake rows of Aurora Lights; never more than a few a day, so `chunk` is not needed."""
        del chunk
        for each in lake.EVENTS:
            for name in each.plants:
                ledger.add(name, _natural_id(each.row))
        ordered = sorted(lake.EVENTS, key=lambda each: (each.table, each.day))
        for (table, day), group in groupby(ordered, key=lambda each: (each.table, each.day)):
            yield Slice(
                table=table,
                campaign_id=AURORA,
                day=day,
                columns=_columns([each.row for each in group]),
            )


def documents_of(collection: Collection) -> list[Document]:
    """Fresh copies of the documents of a collection, as a driver would read them (UTC, aware)."""
    options: bson.CodecOptions[Document] = bson.CodecOptions(tz_aware=True)
    return [bson.decode(bson.encode(each), options) for each in _COLLECTIONS[collection]]


def _natural_id(row: Mapping[str, object]) -> object:
    keys: Iterable[str] = ("redemption_id", "event_id", "order_id")
    return next(row[key] for key in keys if key in row)


def _columns(rows: Sequence[Mapping[str, object]]) -> dict[str, list[object]]:
    return {name: [row[name] for row in rows] for name in rows[0]}
