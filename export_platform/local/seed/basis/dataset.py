"""The shape of a pack: raw BSON, lake rows, codes and score files; a ledger counts along."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol, TypeAlias

from bson import ObjectId

from export_platform.local.seed.basis.ledger import Ledger

Collection: TypeAlias = Literal["campaigns", "markets", "promoters", "users", "entries", "scoring"]
ScoreBucket: TypeAlias = Literal["scoring", "vf-scoring"]
Document: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Documents of one collection as raw BSON: raw, because some cannot be encoded by a driver."""

    collection: Collection
    documents: Sequence[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Rows of one lake table in one partition; columns by name.

    Attributes:
        table: A name of `athena/tables.py`; unique among the databases.
        campaign_id: The campaign of the partition; None for a table that is partitioned by day only
            (`erasure_ledger`, `campaign_daily`).
        day: The partition's `dt`.
        columns: Every declared column, all of one length.
    """

    table: str
    campaign_id: ObjectId | None
    day: date
    columns: Mapping[str, Sequence[object]]

    @property
    def rows(self) -> int:
        """How many rows the slice holds."""
        return len(next(iter(self.columns.values()), ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBatch:
    """Codes of one campaign for the codes service, value included.

    Attributes:
        campaign_id: The campaign they belong to; its codes may come in several batches, one after
            the other.
        items: In the shape of an item of `codes:search` (DOMAIN.md 5.2): `codeId, value, configKey,
            entryId?, marketKey, hostEventIds, wave, seq, state, assignedAt, validFrom, validUntil`;
            ids as text, instants as ISO 8601 text with a `Z`.
    """

    campaign_id: ObjectId
    items: Sequence[Document]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedObject:
    """One file that a scoring provider left: scores, manifest or flag (DOMAIN.md 4.2 and 4.3)."""

    bucket: ScoreBucket
    key: str
    body: bytes


class Dataset(Protocol):
    """A pack that can be generated any number of times, always with the same bytes."""

    @property
    def name(self) -> str:
        """The pack's name, as typed in `seed --pack`."""

    @property
    def number(self) -> int:
        """The pack's number, digits 5 to 8 of every id in it."""

    @property
    def campaigns(self) -> Mapping[str, ObjectId]:
        """Campaign key to id."""

    @property
    def documents_total(self) -> int:
        """How many documents `documents` will yield, for a progress bar."""

    @property
    def rows_total(self) -> int:
        """How many lake rows `slices` will yield."""

    def documents(
        self, ledger: Ledger, *, chunk: int = 2_000, broken_text: bool = True
    ) -> Iterator[Batch]:
        """The MongoDB documents, in chunks; plants are recorded in the ledger.

        Without `broken_text`, documents whose text is not UTF-8 are left out and counted as
        `refused_by_server`: MongoDB stores them, the embedded server does not.
        """

    def slices(self, ledger: Ledger, *, chunk: int = 20_000) -> Iterator[Slice]:
        """The lake rows, by table, campaign and day; plants are recorded in the ledger."""

    def codes(self, ledger: Ledger) -> Iterator[CodeBatch]:
        """The codes of the codes service, by campaign; plants are recorded in the ledger."""

    def objects(self, ledger: Ledger) -> Iterator[SeedObject]:
        """The files of the scoring providers, a manifest or flag after the data it vouches for."""
