"""Bring rows into a data extension of Marketing Cloud, each batch once (DOMAIN.md 8.2).

Two passes over the files, so that the service works on all batches at a time and one batch is held
here: the first sends what the ledger does not know as accepted, the second asks what became of it.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from assets.delivery.batches import Cut, Limits, cut, rows_of
from assets.delivery.contract import Ledger, Shipment, Watch, unknown_outcome
from assets.delivery.erasure import refuse_erased
from assets.delivery.outcomes import PATIENCE_SECONDS, Poll, Resolver
from assets.delivery.readback import Readback
from assets.delivery.rejects import Rejects, RowsRejected
from assets.delivery.table import Table
from assets.model.delivery import Destination
from assets.model.failure import ExportFailed
from assets.model.ledger import (
    Batch,
    BatchState,
    Delivered,
    RejectedRow,
    RowReject,
    totals,
)
from resources.clock import Clock
from resources.crash_points import CrashPoint, passing
from resources.entries_service import EntriesService
from resources.errors import DoorError, Refused
from resources.http_json import may_have_happened
from resources.marketing_cloud import (
    MAX_DELETED,
    NOT_FOUND,
    DataExtension,
    MarketingCloud,
    RequestState,
    RowPage,
)
from resources.object_store import ObjectStore

# Above it the export fails after the delivery; below, the rejects are a file (DOMAIN.md 8.2).
MOST_REJECTED: Final = 0.005
# The column by which the rows of one export are counted on the other side, where a table has it.
EXPORT_ID: Final = "ExportId"
# More rows than that are not read back; it takes a call a page of 2,500.
MOST_READ: Final = 10_000_000
# Rows become visible some time after a request is complete: so often they are counted.
COUNTS: Final = 5
COUNT_SECONDS: Final = 2.0
# An erased subject's contact is deleted too, not only suppressed (DOMAIN.md 7.16).
REASON: Final = "Reason"
ERASED: Final = "erased"
CONFIRMED: Final = "confirmed"
SUBSCRIBER: Final = "SubscriberKey"

_KNOWN: Final = frozenset({BatchState.ACCEPTED, BatchState.COMPLETE})


class SfmcDelivery:
    """The destination `sfmc`; the target is the external key of a data extension.

    Args:
        cloud: The service.
        objects: Where the files are.
        entries: Knows who was erased meanwhile.
        clock: Waits between polls.
        limits: Where a batch ends.
        patience: Seconds that all batches together may be pending.
    """

    destination = Destination.SFMC

    def __init__(
        self,
        cloud: MarketingCloud,
        objects: ObjectStore,
        entries: EntriesService,
        clock: Clock,
        *,
        limits: Limits | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._cloud, self._objects, self._entries = cloud, objects, entries
        self._clock = clock
        self._limits, self._patience = limits or Limits(), patience

    def deliver(self, shipment: Shipment, ledger: Ledger, watch: Watch) -> Delivered:
        """Send, wait, account, and count on the other side.

        Raises:
            ExportFailed: `SFMC_DE_NOT_FOUND`, `SFMC_DE_MISMATCH` before the first row;
                `DELIVERY_UNKNOWN`, `DELIVERY_FAILED`, `DELIVERY_UNBALANCED`, `DELIVERY_REJECTED`.
            DoorError: The service or the bucket failed.
        """
        refuse_erased(shipment, self._entries)
        extension = self._described(shipment.target)
        _refuse_untold(shipment, extension)
        self._refuse_second_copy(shipment, extension, ledger)
        allowed = MOST_REJECTED * shipment.manifest.rows
        sender = _Sender(self._cloud, ledger, watch, extension, allowed)
        for batch in self._cuts(shipment, extension):
            sender.send(batch)
        poll = Poll(self._cloud, self._clock, watch, patience=self._patience)
        seen = _Seen(None if _counts_exports(shipment) else _readback(shipment, extension))
        for batch in self._cuts(shipment, extension):
            known, rejects = sender.settle(batch, poll)
            seen.add(batch, known, rejects)
        delivered = self._accounted(shipment, ledger, seen, watch)
        return replace(delivered, detail=self._deleted(seen.erased, ledger))

    def _described(self, key: str) -> DataExtension:
        try:
            return self._cloud.describe(key)
        except Refused as refused:
            if refused.code != NOT_FOUND:
                raise
            message = "there is no data extension with the campaign's key"
            raise ExportFailed("SFMC_DE_NOT_FOUND", message) from None

    def _refuse_second_copy(
        self, shipment: Shipment, extension: DataExtension, ledger: Ledger
    ) -> None:
        """Where nothing tells two rows apart, what an earlier version left must not be doubled."""
        if extension.keyed or ledger.batches() or not _counts_exports(shipment):
            return
        if self._counted(shipment):
            message = "rows of this export are in the table already, and it has no primary key"
            raise unknown_outcome(message, retryable=False)

    def _cuts(self, shipment: Shipment, extension: DataExtension) -> Iterator[Cut]:
        table = Table(extension, shipment.manifest.columns)
        return cut(rows_of(shipment, table, self._objects), self._limits)

    def _accounted(
        self, shipment: Shipment, ledger: Ledger, seen: "_Seen", watch: Watch
    ) -> Delivered:
        """The sums, once no batch is open."""
        if seen.pending:
            raise unknown_outcome(f"{seen.pending} batches are still pending; they are asked again")
        rows, accepted, rejected = totals(ledger.batches().values())
        _balance(shipment.manifest.rows, rows, accepted + rejected)
        confirmed = self._confirmed(shipment, ledger, accepted, seen.readback, watch)
        if rejected > MOST_REJECTED * rows:
            message = f"{rejected} of {rows} rows were not taken; {MOST_REJECTED:.1%} may be"
            raise RowsRejected(message, seen.rejected)
        return Delivered(
            destination=self.destination,
            target=shipment.target,
            sent=rows,
            accepted=accepted,
            rejected=rejected,
            rejects=seen.rejected,
            confirmed=confirmed,
        )

    def _confirmed(
        self,
        shipment: Shipment,
        ledger: Ledger,
        accepted: int,
        readback: Readback | None,
        watch: Watch,
    ) -> int | None:
        """How many rows of this export the other side shows; None where there are too many to ask.

        Asked once: afterwards rows may go that were there, with the contacts of erased fans.

        Raises:
            ExportFailed: `DELIVERY_UNBALANCED`: rows were lost there, or are there twice.
        """
        if ledger.noted(CONFIRMED) == str(accepted):
            return accepted
        found: int | None = None
        for number in range(COUNTS):
            if number:
                self._clock.sleep(COUNT_SECONDS * 2**number)
            watch.advance()
            found = self._found(shipment, readback, watch)
            if found is None:
                return None
            if found == accepted:
                ledger.note(CONFIRMED, str(found))
                return found
        message = f"{accepted} rows were accepted but {found} are there"
        raise ExportFailed("DELIVERY_UNBALANCED", message, retryable=True)

    def _found(self, shipment: Shipment, readback: Readback | None, watch: Watch) -> int | None:
        """How many there are now: counted by the service, else read back."""
        if readback is None:
            return self._counted(shipment)
        first = self._cloud.page(shipment.target, 1)
        if first.count > MOST_READ:
            return None
        return readback.found(self._stored(shipment.target, first, watch))

    def _counted(self, shipment: Shipment) -> int:
        """How many rows carry the id of this export."""
        of_export = (EXPORT_ID, shipment.manifest.export_id)
        return self._cloud.page(shipment.target, 1, where=of_export, size=1).count

    def _stored(self, key: str, page: RowPage, watch: Watch) -> Iterator[Mapping[str, str]]:
        """Every row of a data extension, from its first page on."""
        for number in itertools.count(2):
            if not page.rows:
                return
            yield from page.rows
            watch.advance()
            page = self._cloud.page(key, number)

    def _deleted(self, keys: list[str], ledger: Ledger) -> dict[str, str]:
        """Ask for the deletion of erased subjects' contacts, once; ids of the operations."""
        asked: dict[str, str] = {}
        for start in range(0, len(keys), MAX_DELETED):
            name = f"contactDelete{start // MAX_DELETED + 1}"
            operation = ledger.noted(name)
            if operation is None:
                operation = self._cloud.delete_contacts(keys[start : start + MAX_DELETED])
                ledger.note(name, operation)
            asked[name] = operation
        return asked


def _counts_exports(shipment: Shipment) -> bool:
    return EXPORT_ID in {column.name for column in shipment.manifest.columns}


def _refuse_untold(shipment: Shipment, extension: DataExtension) -> None:
    """Nothing would tell a row that came twice, or not at all, where rows have no name."""
    if not extension.keyed and not _counts_exports(shipment):
        message = "the data extension has no primary key, and the export has no ExportId"
        raise ExportFailed("SFMC_DE_MISMATCH", message)


def _readback(shipment: Shipment, extension: DataExtension) -> Readback:
    return Readback(extension, [column.name for column in shipment.manifest.columns])


def _balance(files: int, rows: int, accounted: int) -> None:
    if files != rows or rows != accounted:
        message = f"the files hold {files} rows, {rows} are in batches, {accounted} accounted for"
        raise ExportFailed("DELIVERY_UNBALANCED", message)


@dataclass(slots=True)
class _Seen:
    """What the second pass gathers."""

    readback: Readback | None
    rejected: Rejects = field(default_factory=Rejects)
    erased: list[str] = field(default_factory=list)
    pending: int = 0

    def add(self, batch: Cut, known: Batch, rejects: Sequence[RowReject]) -> None:
        """Take one batch with what became of it."""
        if known.state is not BatchState.COMPLETE:
            self.pending += 1
            return
        reasons = {one.position: one.reason for one in rejects}
        for row in batch.rows:
            if row.position in reasons:
                self.rejected.add(RejectedRow(key=row.key, reason=reasons[row.position]))
                continue
            if self.readback is not None:
                self.readback.expect(row.values)
            if row.values.get(REASON) == ERASED and row.values.get(SUBSCRIBER):
                self.erased.append(str(row.values[SUBSCRIBER]))


class _Sender:
    """Sends batches and learns what became of them, with the ledger always one step ahead.

    `allowed` is how many rejects the ledger holds one by one: with more the export fails anyway.
    """

    def __init__(
        self,
        cloud: MarketingCloud,
        ledger: Ledger,
        watch: Watch,
        extension: DataExtension,
        allowed: float,
    ) -> None:
        self._cloud, self._ledger, self._watch = cloud, ledger, watch
        self._target, self._keyed, self._allowed = extension.key, extension.keyed, allowed

    def send(self, batch: Cut) -> None:
        """Send a batch unless it is known to have been accepted."""
        known = self._known(batch)
        if known.state in _KNOWN or known.request_id is not None:
            return
        if known.state in {BatchState.SENDING, BatchState.UNKNOWN} and not self._keyed:
            # Its answer was lost. To send it again could double its rows, and nobody can be asked.
            message = f"batch {batch.number} may have arrived, and its table has no primary key"
            raise unknown_outcome(message, retryable=False)
        if batch.sendable:
            self._accepted(batch, known)
        else:
            self._ledger.write(self._closed(known, accepted=0, rejects=_unfit(batch)))

    def settle(self, batch: Cut, poll: Poll) -> tuple[Batch, Sequence[RowReject]]:
        """What became of a batch, and every reject; it is still open when time is up."""
        known = self._known(batch)
        if known.state is BatchState.COMPLETE:
            return known, self._named(batch, known, poll)
        if known.request_id is None:
            return known, ()
        rejects: tuple[RowReject, ...] = ()
        status = poll.ended(known.request_id)
        if status.state is RequestState.PENDING:
            settled = replace(known, state=BatchState.UNKNOWN)
        elif status.state is RequestState.ERROR:
            raise self._failed(known)
        else:
            rejects = self._rejects(batch, known, poll, has_errors=status.has_errors)
            settled = self._closed(known, accepted=len(batch.rows) - len(rejects), rejects=rejects)
        self._ledger.write(settled)
        return settled, rejects

    def _named(self, batch: Cut, known: Batch, poll: Poll) -> Sequence[RowReject]:
        """The rejects of a batch that is complete; those that the ledger could not hold anew."""
        if len(known.rejects) == known.rejected:
            return known.rejects
        has_errors = known.rejected > len(batch.unfit)
        return self._rejects(batch, known, poll, has_errors=has_errors)

    def _known(self, batch: Cut) -> Batch:
        """What the ledger says of a batch.

        Raises:
            ExportFailed: `DELIVERY_CHANGED`: it stands for other rows than it did.
        """
        fresh = Batch(number=batch.number, rows=len(batch.rows), sha256=batch.sha256)
        known = self._ledger.batches().get(batch.number, fresh)
        if (known.rows, known.sha256) != (fresh.rows, fresh.sha256):
            message = f"batch {batch.number} is not what it was when it was sent"
            raise ExportFailed("DELIVERY_CHANGED", message)
        return known

    def _accepted(self, batch: Cut, known: Batch) -> None:
        self._watch.advance()
        self._ledger.write(replace(known, state=BatchState.SENDING))
        rows = [row.values for row in batch.sendable]
        put = self._cloud.upsert if self._keyed else self._cloud.insert
        passing(CrashPoint.K19)
        try:
            request_id = put(self._target, rows)
        except DoorError as error:
            if not may_have_happened(error):
                # The answer says that nothing was taken; after any other, it stays in doubt.
                self._ledger.write(replace(known, state=BatchState.PLANNED))
            raise
        passing(CrashPoint.K20)
        self._ledger.write(replace(known, state=BatchState.ACCEPTED, request_id=request_id))

    def _rejects(
        self, batch: Cut, known: Batch, poll: Poll, *, has_errors: bool
    ) -> tuple[RowReject, ...]:
        if not has_errors or known.request_id is None:
            return _unfit(batch)
        resolver = Resolver(self._cloud, poll, self._watch, key=self._target, keyed=self._keyed)
        return (*_unfit(batch), *resolver.rejects(known.request_id, batch.sendable))

    def _closed(self, known: Batch, *, accepted: int, rejects: tuple[RowReject, ...]) -> Batch:
        so_far = totals(self._ledger.batches().values())[2]
        return replace(
            known,
            state=BatchState.COMPLETE,
            accepted=accepted,
            rejected=len(rejects),
            rejects=rejects if so_far + len(rejects) <= self._allowed else (),
        )

    def _failed(self, known: Batch) -> ExportFailed:
        """A request that ended in an error as a whole: to be sent anew where that is harmless."""
        if self._keyed:
            self._ledger.write(replace(known, state=BatchState.PLANNED, request_id=None))
            return ExportFailed("DELIVERY_FAILED", "a request ended in an error", retryable=True)
        self._ledger.write(replace(known, state=BatchState.UNKNOWN))
        return unknown_outcome(f"batch {known.number} ended in an error", retryable=False)


def _unfit(batch: Cut) -> tuple[RowReject, ...]:
    return tuple(
        RowReject(position=row.position, reason=row.reject) for row in batch.unfit if row.reject
    )
