"""The shape of a pack: batches of raw BSON and slices of lake rows; a ledger counts along."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol, TypeAlias

from bson import ObjectId

from export_platform.local.seed.basis.ledger import Ledger

Collection: TypeAlias = Literal["campaigns", "markets", "promoters", "users", "entries", "scoring"]
Document: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Documents of one collection as raw BSON: raw, because some cannot be encoded by a driver."""

    collection: Collection
    documents: Sequence[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Rows of one lake table in one partition (campaign and day); columns by name."""

    table: str
    campaign_id: ObjectId
    day: date
    columns: Mapping[str, Sequence[object]]

    @property
    def rows(self) -> int:
        """How many rows the slice holds."""
        return len(next(iter(self.columns.values()), ()))


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
