"""Write the rows of an export into files, and read each back once it is stored.

What is held at a time is a thousand rows of text and the parts of an upload that are on their way.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby, islice
from operator import itemgetter

from assets.model.failure import ExportFailed
from assets.model.manifest import FileEntry
from assets.model.output import OutputFormat
from assets.steps.address import Address
from assets.steps.encode import Compressor, CsvEncoder
from assets.steps.plan import Plan, PlannedColumn
from assets.steps.rows import Cells, Record
from assets.watch import Watch
from resources.object_store import ObjectStore

CHUNK = 1_000  # rows of text held at a time


def write_files(
    records: Iterator[Record],
    plan: Plan,
    address: Address,
    objects: ObjectStore,
    watch: Watch,
    *,
    columns: Sequence[PlannedColumn],
    section: str = "",
) -> Iterator[FileEntry]:
    """Write rows to as many files as they need; no rows make one file with a header."""
    header = tuple(planned.column.title for planned in columns)
    output = plan.facts.request.output
    stored = 0

    def advanced(size: int) -> None:
        watch.advance(bytes=stored + size)

    for number, (group, rows) in enumerate(_files(records, output.rows_per_file), start=1):
        writer = _FileWriter(address.part(number, output, section), number, header, output)
        entry = replace(writer.write(rows, objects, advanced), section=section, group=group)
        stored += entry.bytes
        yield entry


def _files(
    records: Iterator[Record], rows_per_file: int
) -> Iterator[tuple[str, Iterator[Cells]]]:
    """The group and the rows of each file; each must be used up before the next is asked for."""
    empty = True
    for group, of_group in groupby(records, key=itemgetter(0)):
        cells = (cells for _, cells in of_group)
        for first in cells:
            empty = False
            yield group, islice(chain([first], cells), rows_per_file)
    if empty:
        yield "", iter(())


class _FileWriter:
    """Encodes, compresses, hashes and uploads one file in a single pass."""

    def __init__(
        self, key: str, number: int, header: tuple[str, ...], output: OutputFormat
    ) -> None:
        self._key, self._number, self._output = key, number, output
        self._encoder = CsvEncoder(header, output)
        self._compressor = Compressor(output.compression)
        self._plain, self._stored = hashlib.sha256(), hashlib.sha256()
        self._rows = self._plain_bytes = self._stored_bytes = 0

    def write(
        self, rows: Iterator[Cells], objects: ObjectStore, advanced: Callable[[int], None]
    ) -> FileEntry:
        """Write all rows; an exception on the way leaves no object behind."""
        with objects.upload(self._key, media_type=self._output.media_type) as upload:
            upload.write(self._compressed(self._encoder.header()))
            while chunk := list(islice(rows, CHUNK)):
                self._rows += len(chunk)
                text = [tuple(cell or "" for cell in cells) for cells in chunk]
                upload.write(self._compressed(self._encoder.encode(text)))
                advanced(self._stored_bytes)
            upload.write(self._counted(self._compressor.finish()))
        return FileEntry(
            number=self._number,
            key=self._key,
            rows=self._rows,
            bytes=self._stored_bytes,
            sha256=self._stored.hexdigest(),
            bytes_uncompressed=self._plain_bytes,
            sha256_uncompressed=self._plain.hexdigest(),
        )

    def _compressed(self, plain: bytes) -> bytes:
        self._plain.update(plain)
        self._plain_bytes += len(plain)
        return self._counted(self._compressor.compress(plain))

    def _counted(self, stored: bytes) -> bytes:
        self._stored.update(stored)
        self._stored_bytes += len(stored)
        return stored


def confirm(entry: FileEntry, objects: ObjectStore) -> None:
    """Read a stored file back and compare it with what was written.

    Raises:
        ExportFailed: `FILE_NOT_AS_WRITTEN`; another attempt writes it anew.
    """
    size, digest = 0, hashlib.sha256()
    for chunk in objects.read(entry.key):
        size += len(chunk)
        digest.update(chunk)
    if (size, digest.hexdigest()) != (entry.bytes, entry.sha256):
        message = f"file {entry.number} is not stored as it was written"
        raise ExportFailed("FILE_NOT_AS_WRITTEN", message, retryable=True)
