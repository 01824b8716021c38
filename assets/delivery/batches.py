"""Cut the rows of confirmed files into batches: the same files always give the same batches."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from assets.delivery.contract import Shipment
from assets.delivery.objects import pieces_of
from assets.delivery.table import Row, Table
from assets.model.failure import ExportFailed
from assets.model.output import Kind, OutputFormat
from assets.steps.encode.delimited import read_rows
from assets.steps.guards import restore
from resources.object_store import ObjectStore

BATCH_ROWS = 10_000
# The receiver's own bound on the bytes of a batch is not published (DOMAIN.md 8.2).
BATCH_BYTES = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where a batch ends: at so many rows or so many bytes of JSON, whichever comes first."""

    rows: int = BATCH_ROWS
    bytes: int = BATCH_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One batch with its rows.

    Attributes:
        number: From 1.
        rows: All of them, those that cannot be sent included.
        sha256: Of what is sent.
    """

    number: int
    rows: tuple[Row, ...]
    sha256: str

    @property
    def sendable(self) -> tuple[Row, ...]:
        """The rows that fit."""
        return tuple(row for row in self.rows if row.reject is None)

    @property
    def unfit(self) -> tuple[Row, ...]:
        """The rows that do not."""
        return tuple(row for row in self.rows if row.reject is not None)


def rows_of(shipment: Shipment, table: Table, objects: ObjectStore) -> Iterator[Row]:
    """The rows of the main files, read back from where they were confirmed.

    Raises:
        ExportFailed: `SFMC_FORMAT`: they are no CSV.
    """
    output = shipment.output
    if output.kind is not Kind.CSV:
        raise ExportFailed("SFMC_FORMAT", "only CSV files can be delivered row by row")
    position = 0
    for entry in shipment.files:
        for cells in _cells(pieces_of([entry], objects), output):
            yield table.row(position, cells)
            position += 1


def _cells(chunks: Iterable[bytes], output: OutputFormat) -> Iterator[Sequence[str]]:
    """The values of each row: what guards a person's spreadsheet is no part of them."""
    exact: Callable[[str], str] = restore if output.neutralises else str
    rows = read_rows(chunks, output)
    next(rows)
    for row in rows:
        yield [exact(cell) for cell in row]


def cut(rows: Iterable[Row], limits: Limits) -> Iterator[Cut]:
    """Batches of consecutive rows."""
    number, size, held, digest = 1, 0, list[Row](), hashlib.sha256()
    for row in rows:
        encoded = b"" if row.reject else _encoded(row)
        if held and (len(held) >= limits.rows or size + len(encoded) > limits.bytes):
            yield Cut(number=number, rows=tuple(held), sha256=digest.hexdigest())
            number, size, held, digest = number + 1, 0, [], hashlib.sha256()
        held.append(row)
        size += len(encoded)
        digest.update(encoded)
    if held:
        yield Cut(number=number, rows=tuple(held), sha256=digest.hexdigest())


def _encoded(row: Row) -> bytes:
    return json.dumps(row.values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
