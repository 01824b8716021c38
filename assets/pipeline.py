"""The one flow of every export: doors in, steps, doors out, bounded in memory.

It knows no Dagster and no queue. What it holds at a time is a batch of documents, a thousand
rows of text and the parts of an upload that are on their way.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from typing import Any, Protocol

from assets.model.campaign import Facts
from assets.model.failure import ExportFailed
from assets.model.manifest import Accounting, FileEntry
from assets.model.output import OutputFormat
from assets.model.request import ExportRequest
from assets.model.source import AthenaSource, EntrySource, Segment, Statement
from assets.steps.address import Address
from assets.steps.documents import bands_from, campaign_from, markets_from, promoters_from
from assets.steps.encode import Compressor, CsvEncoder
from assets.steps.manifest import balance
from assets.steps.plan import Plan
from assets.steps.read import EntryReader
from assets.steps.rows import Cells, Converter, Ledger, convert, rendering
from resources.athena import AthenaDoor, Query
from resources.mongo.entries import Scan
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore

CHUNK = 1_000  # rows of text held at a time
# Documents decoded at a time in each strand: 20 kB of Python objects each, so 10 MB a strand.
BATCH = 500
# Documents that one cursor reads. Servers end a cursor that idles for 10 minutes; at 10,000 rows
# a second a page takes 10 s. Smaller ones cost the stand-in a sort of everything each.
PAGE = 100_000
USER_FIELDS = ("accountId", "flags", "erasure", "mergedInto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The outside, as one export needs it.

    Attributes:
        secret: The deployment's key for pseudonyms in `hashed` files.
    """

    mongo: MongoStores
    athena: AthenaDoor
    objects: ObjectStore
    secret: bytes = field(repr=False)


class Watch(Protocol):
    """Told how far the export is; raises to stop it."""

    def advance(self, **progress: int) -> None:
        """Report rows read, rows written, rows in total or bytes, whichever are known anew.

        Raises:
            LeaseLost: Somebody else has the export.
            Cancelled: It was cancelled.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """Files that are stored and confirmed, but not published."""

    files: tuple[FileEntry, ...]
    accounting: Accounting
    queries: tuple[Mapping[str, Any], ...]


def load(request: ExportRequest, snapshot: datetime, doors: Doors) -> Facts:
    """Read what must be known before the first row.

    Args:
        request: What was asked for.
        snapshot: Nothing that was created later is read.
        doors: Where to read.

    Raises:
        ExportFailed: There is no such campaign or market.
    """
    document = doors.mongo.campaigns.by_key(request.partition)
    if document is None:
        raise ExportFailed("UNKNOWN_CAMPAIGN", "there is no campaign with this key")
    campaign = campaign_from(document)
    markets = markets_from(doors.mongo.markets.of_campaign(campaign.id))
    unknown = set(request.options.get("markets") or ()) - {market.key for market in markets}
    if unknown:
        message = f"params/markets names {len(unknown)} that this campaign does not have"
        raise ExportFailed("UNKNOWN_MARKET", message)
    return Facts(
        request=request,
        campaign=campaign,
        snapshot=snapshot,
        markets=markets,
        promoters=promoters_from(doors.mongo.promoters.by_ids(document.get("promoterIds") or [])),
        bands=bands_from(doors.mongo.scoring.overrides(campaign.id), snapshot),
    )


def produce(plan: Plan, doors: Doors, *, address: Address, token: str, watch: Watch) -> Produced:
    """Make the files of an export, up to the moment before publishing.

    Args:
        plan: What to make.
        doors: Where to read and write.
        address: Where the files go.
        token: Names the attempt; Athena finds a crashed attempt's query again by it.
        watch: Is told the progress and stops the flow.

    Raises:
        ExportFailed: The rows do not add up, or a file is not stored as it was written.
        DoorError: The outside failed.
    """
    flow = _Flow(plan, doors, token, watch)
    files = tuple(write_files(flow.cells(), plan, address, doors.objects, watch))
    accounting = flow.accounting()
    balance(accounting, max_rejects=plan.facts.request.max_rejects)
    for entry in files:
        confirm(entry, doors.objects)
    return Produced(files=files, accounting=accounting, queries=tuple(flow.queries))


class _Flow:
    """The rows of one export on their way from a source to text."""

    def __init__(self, plan: Plan, doors: Doors, token: str, watch: Watch) -> None:
        self._plan, self._doors, self._token, self._watch = plan, doors, token, watch
        self._ledger = Ledger()
        self._expected = 0
        self.queries: list[dict[str, Any]] = []

    def cells(self) -> Iterator[Cells]:
        """The text of every row that stays, in order."""
        source, facts = self._plan.export_type.rows, self._plan.facts
        if isinstance(source, EntrySource):
            self._expect(self._doors.mongo.entries.count(source.population(facts)))
            rows: Iterator[Any] = self._entries(source)
            notes: Callable[[Any], Iterable[str]] = source.notes
        else:
            self._expect(self._count(source.population(facts)))
            rows, notes = self._results(source), _nothing_odd
        converter = Converter(
            self._plan,
            rendering=rendering(self._plan, self._ledger),
            secret=self._doors.secret,
        )
        return convert(
            rows,
            verdict=source.verdict(facts),
            notes=notes,
            converter=converter,
            ledger=self._ledger,
        )

    def accounting(self) -> Accounting:
        """Where the rows went, once all are through."""
        return self._ledger.close(self._expected)

    def _expect(self, rows: int) -> None:
        self._expected = rows
        self._watch.advance(rowsTotal=rows)

    def _read_so_far(self) -> None:
        self._watch.advance(rowsRead=self._ledger.read, rowsWritten=self._ledger.written)

    def _entries(self, source: EntrySource) -> Iterator[Any]:
        reader = EntryReader(
            source=source,
            facts=self._plan.facts,
            scan=self._scan,
            users=lambda ids: self._doors.mongo.users.by_ids(ids, fields=USER_FIELDS),
            ledger=self._ledger,
        )
        return reader.rows()

    def _scan(self, segment: Segment) -> Iterator[list[bytes]]:
        scan = Scan(filter=segment.filter, sort=segment.sort)
        for batch in self._doors.mongo.entries.scan(scan, page_size=PAGE, batch_size=BATCH):
            self._read_so_far()
            yield batch

    def _count(self, statement: Statement) -> int:
        rows = chain.from_iterable(self._query(statement, "count").batches())
        return int(next(rows)[0])

    def _results(self, source: AthenaSource) -> Iterator[dict[str, Any]]:
        query = self._query(source.query(self._plan.facts), "rows")
        names = [name for name, _ in query.columns]
        for batch in query.batches():
            self._ledger.read += len(batch)
            self._read_so_far()
            for row in batch:
                yield dict(zip(names, row, strict=True))

    def _query(self, statement: Statement, name: str) -> Query:
        query = self._doors.athena.select(
            statement.sql,
            statement.parameters,
            token=f"{self._token}:{name}",
            # A cancel or a lost lease must end the wait, and the query with it.
            watch=lambda _: self._watch.advance(),
        )
        self.queries.append({"id": query.execution_id, "bytesScanned": query.bytes_scanned})
        return query


def _nothing_odd(_: Any) -> Iterable[str]:
    return ()


def write_files(
    cells: Iterator[Cells], plan: Plan, address: Address, objects: ObjectStore, watch: Watch
) -> Iterator[FileEntry]:
    """Write rows to as many files as they need; no rows make one file with a header."""
    output = plan.facts.request.output
    stored = 0

    def advanced(size: int) -> None:
        watch.advance(bytes=stored + size)

    for number, rows in enumerate(_files(cells, output.rows_per_file), start=1):
        writer = _FileWriter(address.part(number, output), number, plan.header, output)
        entry = writer.write(rows, objects, advanced)
        stored += entry.bytes
        yield entry


def _files(cells: Iterator[Cells], rows_per_file: int) -> Iterator[Iterator[Cells]]:
    """The rows of each file; each must be used up before the next is asked for."""
    yield islice(cells, rows_per_file)
    for first in cells:
        yield islice(chain([first], cells), rows_per_file)


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
                upload.write(self._compressed(self._encoder.encode(chunk)))
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
