"""What deliveries are tested with: a shipment of made-up rows, and a ledger that can crash."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache

from assets.delivery.contract import Shipment
from assets.model.instant import rfc3339
from assets.model.ledger import Batch, BatchState
from assets.model.manifest import Accounting, ColumnEntry, FileEntry, Manifest
from assets.model.output import Compression, Dialect, OutputFormat
from assets.model.request import ExportRequest
from assets.steps.encode.delimited import CsvEncoder
from resources.entries_service import EntriesService
from resources.marketing_cloud import Field
from tests.assets.examples import SNAPSHOT, facts, request
from tests.fakes.object_store import FakeObjectStore

EXPORT = "exp_0000000000000000000000aa"
TARGET = "ReminderAudience"
COLUMNS = (
    ColumnEntry(name="SubscriberKey", type="id", source="u.accountId", pii="I", transform="none"),
    ColumnEntry(name="EmailAddress", type="email", source="e.email", pii="D", transform="none"),
    ColumnEntry(name="FirstName", type="txt", source="e.firstName", pii="D", transform="none"),
    ColumnEntry(name="Tickets", type="int", source="e.tickets", pii="N", transform="none"),
    ColumnEntry(name="HasCode", type="tf", source="e.codes", pii="N", transform="none"),
    ColumnEntry(name="ExportId", type="txt", source="x.export", pii="N", transform="none"),
)
FIELDS = (
    Field(name="SubscriberKey", type="Text", length=50, primary_key=True, required=True),
    Field(name="EmailAddress", type="EmailAddress", length=254, required=True),
    Field(name="FirstName", type="Text", length=20),
    Field(name="Tickets", type="Number"),
    Field(name="HasCode", type="Boolean"),
    Field(name="ExportId", type="Text", length=50),
    Field(name="Note", type="Text", length=50),
)
UNKEYED = (replace(FIELDS[0], primary_key=False), *FIELDS[1:])
# A door that nobody asks: deliveries without a second erasure check.
NOBODY_ASKED = EntriesService(base_url="http://127.0.0.1:1", token="unused")


@cache
def _asked() -> ExportRequest:
    return request("waitlist")


class Pieces(FakeObjectStore):
    """An object store that gives bytes as the real one does: many at a time."""

    def read(self, key: str) -> Iterator[bytes]:
        """Give all of them."""
        yield self.objects[key].body


def rows(count: int) -> list[list[str]]:
    """Made-up rows, in the order of their key."""
    return [
        [f"sub-{n:06d}", f"fan{n}@example.com", f"Fan {n}", str(n % 5), "true", EXPORT]
        for n in range(count)
    ]


def shipment(
    objects: FakeObjectStore,
    cells: Sequence[Sequence[str]],
    *,
    columns: Sequence[ColumnEntry] = COLUMNS,
    rows_per_file: int = 1_000_000,
    snapshot: datetime = SNAPSHOT,
    dialect: Dialect = Dialect.SFMC,
    target: str = TARGET,
) -> Shipment:
    """Files of these rows, stored and confirmed, on their way."""
    output = OutputFormat(dialect=dialect, compression=Compression.NONE)
    asked = replace(_asked(), output=output)
    encoder = CsvEncoder([column.name for column in columns], output)
    files = []
    for number, start in enumerate(range(0, max(len(cells), 1), rows_per_file), start=1):
        part = cells[start : start + rows_per_file]
        body = encoder.header() + encoder.encode([tuple(row) for row in part])
        key = f"exports/x/a1-00000000/part-{number:05d}.csv"
        objects.put(key, body, media_type="text/csv")
        digest = hashlib.sha256(body).hexdigest()
        files.append(
            FileEntry(
                number=number,
                key=key,
                rows=len(part),
                bytes=len(body),
                sha256=digest,
                bytes_uncompressed=len(body),
                sha256_uncompressed=digest,
            )
        )
    count = len(cells)
    manifest = Manifest(
        export_id=EXPORT,
        attempt=1,
        run_id="run-1",
        request=asked.to_document(),
        fingerprint=asked.fingerprint(),
        code_version="1",
        git_sha="0",
        snapshot_at=rfc3339(snapshot),
        zone="UTC",
        columns=tuple(columns),
        withheld=(),
        accounting=Accounting(expected=count, read=count, kept=count, made=count, written=count),
        files=tuple(files),
    )
    return Shipment(manifest=manifest, facts=facts(asked=asked), target=target)


class Crash(BaseException):
    """The worker dies here."""


@dataclass(slots=True)
class MemoryLedger:
    """A ledger as the export document keeps it.

    Attributes:
        known: The batches; a successor gets the same.
        notes: Ids that the receiver gave.
        crash_before: Numbers of writes, from 1, before which the worker dies.
        crash_after: Numbers of writes after which it dies.
        accepted: Batches whose acceptance was written down, whatever became of the note: what is
            sent again although it stands here is in `again`.
    """

    known: dict[int, Batch] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    crash_before: set[int] = field(default_factory=set)
    crash_after: set[int] = field(default_factory=set)
    accepted: set[int] = field(default_factory=set)
    again: list[int] = field(default_factory=list)
    writes: int = 0

    def batches(self) -> Mapping[int, Batch]:
        """What is known."""
        return self.known

    def write(self, batch: Batch) -> None:
        """Write down, and die where that is planned."""
        self.writes += 1
        number = self.writes
        if number in self.crash_before:
            raise Crash
        self._audit(batch)
        self.known[batch.number] = batch
        if number in self.crash_after:
            raise Crash

    def noted(self, name: str) -> str | None:
        """An id."""
        return self.notes.get(name)

    def note(self, name: str, value: str) -> None:
        """Keep an id."""
        self.notes[name] = value

    def forget(self) -> None:
        """Lose everything but what the audit saw: the negative control."""
        self.known, self.notes = {}, {}

    def _audit(self, batch: Batch) -> None:
        if batch.state is BatchState.SENDING and batch.number in self.accepted:
            self.again.append(batch.number)
        if batch.state is BatchState.PLANNED:
            self.accepted.discard(batch.number)
        if batch.state is BatchState.ACCEPTED:
            self.accepted.add(batch.number)


class Unwatched:
    """A watch that never stops anything.

    Attributes:
        asked: How often the lease was looked at.
    """

    def __init__(self) -> None:
        self.asked = 0

    def advance(self, **progress: int) -> None:
        """Count."""
        self.asked += 1
