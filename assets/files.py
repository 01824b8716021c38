"""Write the rows of an export into files, and read each back once it is stored.

What is held at a time is two thousand rows of text and the parts of an upload that are on their
way.
"""

import hashlib
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate, count, islice, takewhile
from typing import Any

from assets.ahead import Behind, ahead
from assets.chunks import Chunks, Standing
from assets.model.failure import ExportFailed
from assets.model.manifest import FileEntry
from assets.model.output import Compression, OutputFormat
from assets.steps.address import Address
from assets.steps.encode.compression import Compressor, decompressed
from assets.steps.encode.encoder import Piece
from assets.steps.encode.fields import Field
from assets.steps.encode.kinds import encoder
from assets.steps.encode.malformed import Malformed
from assets.steps.encode.run import Run, single
from assets.steps.plan import Plan, PlannedColumn, planned_fields
from assets.steps.rows import Cells, Record
from assets.watch import Watch
from resources.crash_points import CrashPoint, passing
from resources.errors import Refused
from resources.object_store import ObjectStore, Upload
from resources.s3_object import READ_BYTES, Part

CHUNK = 2_000  # rows of text held at a time: a run of C's is not cut (`assets/reading.py`)
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
    chunks: Chunks | None = None,
) -> Iterator[FileEntry]:
    """Write rows to as many files as they need; no rows make one file without any.

    A new file begins where the group changes, and before a file would hold more rows or bytes than
    it may. With chunks, files that an earlier attempt has made or begun are gone on with.
    """
    output, fields = plan.facts.request.output, planned_fields(columns)
    feed = _Feed(records)
    whole = list(chunks.begun.files) if chunks and chunks.begun else list[FileEntry]()
    yield from whole

    def advanced(size: int) -> None:
        watch.advance(bytes=sum(entry.bytes for entry in whole) + size)

    for number in count(len(whole) + 1):
        opened = chunks.opened(number) if chunks else None
        # The first file is begun before there is a row: what it needs is opened meanwhile.
        if number > 1 and opened is None and feed.group() is None:
            return
        key = address.part(number, output, section) if opened is None else opened.key
        cutter = None if chunks is None else _Cutter(chunks, feed, whole)
        writer = _FileWriter(key, number, fields, output, cutter)
        entry = replace(writer.write(feed, objects, advanced), section=section, group=writer.group)
        whole.append(entry)
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

    def waiting(self) -> Run | None:
        """The rest of a run that did not fit any more; nothing else waits between two takes."""
        return self._held[0][1] if self._held else None

    def give_back(self, group: str | None, rows: Sequence[Any]) -> None:
        """Rows that did not fit any more."""
        self._held.extendleft((group or "", cells) for cells in reversed(rows))


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a chunk ends: how the flow stood then, and how many rows and bytes the file had."""

    chunks: Chunks
    whole: Sequence[FileEntry]
    flow: Standing
    rows: int
    measured: int


@dataclass(frozen=True, slots=True)
class _Cutter:
    """Ends the chunks of one file."""

    chunks: Chunks
    feed: _Feed
    whole: Sequence[FileEntry]

    def room(self, rows: int) -> int:
        """How many rows go into the chunk that a file with so many rows has begun."""
        return self.chunks.rows - rows % self.chunks.rows

    def nears(self, rows: int) -> bool:
        """Whether a file with so many rows may come to a cut; half of a chunk is time enough."""
        return 2 * rows > self.chunks.rows

    def due(self, rows: int, measured: int) -> _Cut | None:
        """The end of a chunk, if more rows come behind it."""
        if not rows or rows % self.chunks.rows:
            return None
        standing = self.chunks.standing(self.feed.waiting())
        return _Cut(self.chunks, self.whole, standing, rows, measured)


class _FileWriter:
    """Encodes, compresses, hashes and uploads one file in a single pass.

    Attributes:
        group: Of its rows, once there is one.
    """

    def __init__(
        self,
        key: str,
        number: int,
        fields: Sequence[Field],
        output: OutputFormat,
        cutter: _Cutter | None,
    ) -> None:
        self.group = ""
        self._key, self._number, self._output, self._cutter = key, number, output, cutter
        self._encoder = encoder(fields, output)
        self._opened = None if cutter is None else cutter.chunks.opened(number)
        stood: Standing = {} if self._opened is None else self._opened.file
        self._compressor = Compressor(output.packing, after=stood.get("packing"))
        self._packs = output.packing is not Compression.NONE
        self._plain, self._stored = hashlib.sha256(), hashlib.sha256()
        self._rows, self._measured = stood.get("rows", 0), stood.get("measured", 0)
        self._plain_bytes, self._stored_bytes = stood.get("plain", 0), stood.get("stored", 0)
        self._cut_at = self._rows
        self._most_rows = _least(output.rows_per_file, self._encoder.most_rows)
        self._most_bytes = _least(output.bytes_per_file, self._encoder.most_bytes)

    def write(
        self, feed: _Feed, objects: ObjectStore, advanced: Callable[[int], None]
    ) -> FileEntry:
        """Write the rows that belong here; an exception on the way leaves no object behind.

        Parts of chunks that have been written down stay: another attempt goes on behind them.
        """
        with self._upload(objects) as upload:
            # Compressing, hashing and sending let the next rows be made meanwhile.
            with Behind[bytes | _Cut](lambda item: self._take(item, upload), BEHIND) as behind:
                if self._opened is None:
                    first = self._encoder.begin()
                    self._measured = len(first)
                    behind.put(first)
                for piece in self._pieces(feed):
                    if isinstance(piece, _Cut):
                        behind.put(piece)
                        continue
                    passing(CrashPoint.K11)
                    if self._cutter is not None and self._cutter.nears(self._rows):
                        upload.reserve = upload.shortest
                    behind.put(self._encoder.add(piece))
                    advanced(self._stored_bytes)
                behind.put(self._encoder.end())
            upload.write(self._counted(self._compressor.finish()))
            entry = self._entry()
            if self._cutter is not None:
                self._cutter.chunks.seal(upload, entry, feed.waiting())
        passing(CrashPoint.K15)
        if self._opened is None:
            return entry
        return read_back(entry, objects, self._output, upload.parts(), advanced)

    @contextmanager
    def _upload(self, objects: ObjectStore) -> Iterator[Upload]:
        opened, media_type = self._opened, self._output.media_type
        sent = None if opened is None else opened.sent
        try:
            with objects.upload(self._key, media_type=media_type, behind=sent) as upload:
                yield upload
        except Refused:  # its parts are not what they were: somebody else has been there
            if sent is None:
                raise
            message = f"file {self._number} could not be gone on with"
            raise ExportFailed("FILE_NOT_AS_WRITTEN", message, retryable=True) from None

    def _entry(self) -> FileEntry:
        """The file, once all is written; who has gone on with it does not know its digests."""
        known = self._opened is None
        plain = self._plain.hexdigest() if known else ""
        return FileEntry(
            number=self._number,
            key=self._key,
            rows=self._rows,
            bytes=self._stored_bytes,
            sha256=self._stored.hexdigest() if known and self._packs else plain,
            bytes_uncompressed=self._plain_bytes,
            sha256_uncompressed=plain,
        )

    def _take(self, item: "bytes | _Cut", upload: Upload) -> None:
        if not isinstance(item, _Cut):
            upload.write(self._compressed(item))
            return
        upload.write(self._counted(self._compressor.cut()))
        file = {
            "rows": item.rows,
            "measured": item.measured,
            "plain": self._plain_bytes,
            "stored": self._stored_bytes,
            "packing": dict(self._compressor.state()),
        }
        at = {"flow": item.flow, "file": file}
        item.chunks.cut(upload, item.whole, number=self._number, at=at)

    def _pieces(self, feed: _Feed) -> Iterator[Piece | _Cut]:
        group, cutter = feed.group(), self._cutter
        self.group = group or ""
        while True:
            cut = None
            if cutter is not None and self._rows != self._cut_at:  # one that is taken up was cut
                cut = cutter.due(self._rows, self._measured)
            room = None if cutter is None else cutter.room(self._rows)
            rows = feed.take(group, _least(CHUNK, self._most_rows - self._rows, room))
            if not rows:
                return
            if cut is not None:
                yield cut
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


def read_back(
    entry: FileEntry,
    objects: ObjectStore,
    output: OutputFormat,
    parts: Sequence[Part],
    advanced: Callable[[int], None] = lambda _: None,
) -> FileEntry:
    """The digests of a file that several attempts have written, from what is stored.

    What vouches for it are the digests of its parts, which are of the bytes before they were sent,
    and the checksum that the compressed form has of all.

    Raises:
        ExportFailed: `FILE_NOT_AS_WRITTEN`; another attempt writes it anew.
    """
    plain, stored, sizes = hashlib.sha256(), hashlib.sha256(), [0, 0]

    def pieces() -> Iterator[bytes]:
        for piece in objects.read(entry.key):
            stored.update(piece)
            sizes[0] += len(piece)
            advanced(entry.bytes)
            yield piece

    try:
        for piece in decompressed(_proved(pieces(), parts), output.packing):
            plain.update(piece)
            sizes[1] += len(piece)
    except Malformed:
        sizes[1] = -1
    if sizes != [entry.bytes, entry.bytes_uncompressed]:
        message = f"file {entry.number} is not stored as it was written"
        raise ExportFailed("FILE_NOT_AS_WRITTEN", message, retryable=True)
    digest = plain.hexdigest()
    return replace(entry, sha256=stored.hexdigest(), sha256_uncompressed=digest)


def _proved(pieces: Iterator[bytes], parts: Sequence[Part]) -> Iterator[bytes]:
    """The same bytes, each part of them compared with its digest.

    Raises:
        Malformed: `not_the_part`.
    """
    rest = b""
    for part in parts:
        digest, missing = hashlib.sha256(), part.bytes
        while missing:
            rest = rest or next(pieces, b"")
            if not rest:
                raise Malformed("truncated")
            piece, rest = rest[:missing], rest[missing:]
            digest.update(piece)
            missing -= len(piece)
            yield piece
        if digest.digest() != part.digest:
            raise Malformed("not_the_part")
    yield rest
    yield from pieces


def confirm(entry: FileEntry, objects: ObjectStore) -> None:
    """Read a stored file back and compare it with what was written.

    Raises:
        ExportFailed: `FILE_NOT_AS_WRITTEN`; another attempt writes it anew.
    """
    size, digest = 0, hashlib.sha256()
    chunks = objects.read(entry.key)
    for chunk in ahead(chunks) if entry.bytes > READ_BYTES else chunks:  # to hash one takes a while
        size += len(chunk)
        digest.update(chunk)
    if (size, digest.hexdigest()) != (entry.bytes, entry.sha256):
        message = f"file {entry.number} is not stored as it was written"
        raise ExportFailed("FILE_NOT_AS_WRITTEN", message, retryable=True)
