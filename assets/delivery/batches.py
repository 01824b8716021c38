"""Cut the rows of confirmed files into batches: the same files always give the same batches."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from assets.delivery.contract import Shipment
from assets.delivery.objects import pieces_of
from assets.delivery.table import Row, Table
from assets.steps.decode import exact_rows
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

    What guards a person's spreadsheet stands in the files and is no part of the values.

    Raises:
        Malformed: A file is none that this project can have written.
        ExportFailed: `FILE_NOT_AS_WRITTEN`.
    """
    position = 0
    for entry in shipment.files:
        chunks = pieces_of([entry], objects)
        rows = exact_rows(chunks, shipment.output, shipment.manifest.columns)
        next(rows)
        for cells in rows:
            yield table.row(position, [cell or "" for cell in cells])
            position += 1


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
