"""The hand-written pack as a dataset: 60 entries of Aurora Lights, four and none of two others."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

import bson
from bson import ObjectId

from export_platform.local.seed.basis.dataset import (
    Batch,
    CodeBatch,
    Collection,
    Document,
    SeedObject,
    Slice,
)
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.tiny import (
    answers,
    campaigns,
    codes,
    funnel,
    lake,
    ledgers,
    legacy,
    lifecycle,
    messages,
    scores,
    texts,
    users,
)
from export_platform.local.seed.tiny.event import Event
from export_platform.local.seed.tiny.shapes import AURORA, BOREAL, COMET, PACK, Planted

AURORA_ENTRIES: Final[tuple[Planted, ...]] = (
    *lifecycle.ENTRIES,
    *texts.ENTRIES,
    *answers.ENTRIES,
    *legacy.ENTRIES,
)
"""The 60 entries of the goldens, in the order of their number."""

_ENTRIES: Final = (*AURORA_ENTRIES, *legacy.BOREAL_ENTRIES)

EVENTS: Final[tuple[Event, ...]] = (
    *lake.EVENTS,
    *funnel.EVENTS,
    *messages.EVENTS,
    *ledgers.EVENTS,
    *scores.EVENTS,
)
"""All rows of the lake."""

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
        return len(EVENTS)

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
        """The lake rows; never more than a few a day, so `chunk` is not needed."""
        del chunk
        for each in EVENTS:
            for name in each.plants:
                ledger.add(name, _natural_id(each.row))
        for _, group in groupby(sorted(EVENTS, key=_partition), key=_partition):
            rows = list(group)
            yield Slice(
                table=rows[0].table,
                campaign_id=rows[0].campaign,
                day=rows[0].day,
                columns=_columns([each.row for each in rows]),
            )

    def codes(self, ledger: Ledger) -> Iterator[CodeBatch]:
        """The codes of Aurora Lights; the other campaigns have none."""
        for each in codes.CODES:
            for name in each.plants:
                ledger.add(name, each.item["codeId"])
        yield CodeBatch(campaign_id=AURORA, items=[dict(each.item) for each in codes.CODES])

    def objects(self, ledger: Ledger) -> Iterator[SeedObject]:
        """The score files of Aurora Lights; the other campaigns are not scored."""
        for name, identity in scores.PLANTS:
            ledger.add(name, identity)
        yield from scores.objects()


def documents_of(collection: Collection) -> list[Document]:
    """Fresh copies of the documents of a collection, as a driver would read them (UTC, aware)."""
    options: bson.CodecOptions[Document] = bson.CodecOptions(tz_aware=True)
    return [bson.decode(bson.encode(each), options) for each in _COLLECTIONS[collection]]


def _natural_id(row: Mapping[str, object]) -> object:
    keys: Iterable[str] = (
        "redemption_id",
        "event_id",
        "order_id",
        "visit_id",
        "evidence_id",
        "email_sha256",
        "campaign_id",
    )
    return next(row[key] for key in keys if key in row)


def _partition(event: Event) -> tuple[str, str, date]:
    return event.table, str(event.campaign or ""), event.day


def _columns(rows: Sequence[Mapping[str, object]]) -> dict[str, list[object]]:
    return {name: [row[name] for row in rows] for name in rows[0]}
