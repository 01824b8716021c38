"""Write the rows of an export into files, and read each back once it is stored.

What is held at a time is a thousand rows of text and the parts of an upload that are on their way.
"""

import hashlib
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, count, islice, takewhile
from typing import Any

from assets.ahead import Behind
from assets.model.failure import ExportFailed
from assets.model.manifest import FileEntry
from assets.model.output import Compression, OutputFormat
from assets.steps.address import Address
from assets.steps.encode.compression import Compressor
from assets.steps.encode.encoder import Piece
from assets.steps.encode.fields import Field
from assets.steps.encode.kinds import encoder
from assets.steps.encode.run import Run, single
from assets.steps.plan import Plan, PlannedColumn, planned_fields
from assets.steps.rows import Cells, Record
from assets.watch import Watch
from resources.crash_points import CrashPoint, passing
from resources.object_store import ObjectStore

CHUNK = 1_000  # rows of text held at a time
BEHIND = 2  # encoded pieces that wait to be compressed, hashed and sent: 1 MB


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
    """Write rows to as many files as they need; no rows make one file without any.

    A new file begins where the group changes, and before a file would hold more rows or bytes than
    it may.
    """
    output, fields = plan.facts.request.output, planned_fields(columns)
    feed = _Feed(records)
    stored = 0

    def advanced(size: int) -> None:
        watch.advance(bytes=stored + size)

    for number in count(1):
        group = feed.group()
        if group is None and number > 1:
            return
        writer = _FileWriter(address.part(number, output, section), number, fields, output)
        entry = replace(writer.write(feed, objects, advanced), section=section, group=group or "")
        stored += entry.bytes
        yield entry


class _Feed:
    """Rows that wait to be written, a group after the other.

    Args:
        records: The rows with their groups.
    """

    def __init__(self, records: Iterator[Record]) -> None:
        self._records = records
        self._held: deque[Record] = deque()

    def group(self) -> str | None:
        """The group of the next row, or None at the end."""
        if not self._held:
            self._held.extend(islice(self._records, 1))
        return self._held[0][0] if self._held else None

    def take(self, group: str | None, most: int) -> list[Any]:
        """The next rows of a group, at most so many; none at its end."""
        taken = list[Cells | Run]()
        while most > 0 and (record := self._next()) is not None:
            if record[0] != group:
                self._held.appendleft(record)
                break
            row, most = record[1], most - 1
            if type(row) is Run:
                most += 1 - len(row)
                if most < 0:
                    self._held.appendleft((record[0], row.part(len(row) + most, len(row))))
                    row = row.part(0, len(row) + most)
            taken.append(row)
        return taken

    def _next(self) -> Record | None:
        return self._held.popleft() if self._held else next(self._records, None)

    def give_back(self, group: str | None, rows: Sequence[Any]) -> None:
        """Rows that did not fit any more."""
        self._held.extendleft((group or "", cells) for cells in reversed(rows))


class _FileWriter:
    """Encodes, compresses, hashes and uploads one file in a single pass."""

    def __init__(
        self, key: str, number: int, fields: Sequence[Field], output: OutputFormat
    ) -> None:
        self._key, self._number, self._output = key, number, output
        self._encoder = encoder(fields, output)
        self._compressor = Compressor(output.packing)
        self._packs = output.packing is not Compression.NONE
        self._plain, self._stored = hashlib.sha256(), hashlib.sha256()
        self._rows = self._plain_bytes = self._stored_bytes = self._measured = 0
        self._most_rows = _least(output.rows_per_file, self._encoder.most_rows)
        self._most_bytes = _least(output.bytes_per_file, self._encoder.most_bytes)

    def write(
        self, feed: _Feed, objects: ObjectStore, advanced: Callable[[int], None]
    ) -> FileEntry:
        """Write the rows that belong here; an exception on the way leaves no object behind."""
        with objects.upload(self._key, media_type=self._output.media_type) as upload:
            first = self._encoder.begin()
            self._measured = len(first)
            # Compressing, hashing and sending let the next rows be made meanwhile.
            with Behind[bytes](lambda data: upload.write(self._compressed(data)), BEHIND) as behind:
                behind.put(first)
                for piece in self._pieces(feed):
                    passing(CrashPoint.K11)
                    behind.put(self._encoder.add(piece))
                    advanced(self._stored_bytes)
                behind.put(self._encoder.end())
            upload.write(self._counted(self._compressor.finish()))
        passing(CrashPoint.K15)
        return FileEntry(
            number=self._number,
            key=self._key,
            rows=self._rows,
            bytes=self._stored_bytes,
            sha256=(self._stored if self._packs else self._plain).hexdigest(),
            bytes_uncompressed=self._plain_bytes,
            sha256_uncompressed=self._plain.hexdigest(),
        )

    def _pieces(self, feed: _Feed) -> Iterator[Piece]:
        group = feed.group()
        while rows := feed.take(group, _least(CHUNK, self._most_rows - self._rows)):
            piece = self._encoder.piece(rows)
            if piece.size > self._most_bytes - self._measured:
                rows = single(rows)
            fitting = self._fitting(rows, piece)
            if fitting < len(rows):
                feed.give_back(group, rows[fitting:])
                if fitting:
                    yield self._counted_piece(self._encoder.piece(rows[:fitting]))
                return
            yield self._counted_piece(piece)

    def _fitting(self, rows: Sequence[Any], piece: Piece) -> int:
        """How many of these rows the file can hold; a file holds one row at least."""
        room = self._most_bytes - self._measured
        if piece.size <= room:
            return len(rows)
        sizes = accumulate(self._encoder.piece([row]).size for row in rows)
        fitting = sum(1 for _ in takewhile(lambda size: size <= room, sizes))
        return max(fitting, 0 if self._rows else 1)

    def _counted_piece(self, piece: Piece) -> Piece:
        self._rows += piece.rows
        self._measured += piece.size
        return piece

    def _compressed(self, plain: bytes) -> bytes:
        self._plain.update(plain)
        self._plain_bytes += len(plain)
        return self._counted(self._compressor.compress(plain))

    def _counted(self, stored: bytes) -> bytes:
        if self._packs:  # else it would be the same digest twice
            self._stored.update(stored)
        self._stored_bytes += len(stored)
        return stored


def _least(*bounds: int | None) -> int:
    return min(bound for bound in (*bounds, sys.maxsize) if bound is not None)


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
