"""The one flow of every export: doors in, steps, doors out, bounded in memory.

It knows no Dagster and no queue. What it holds at a time are a few batches of documents, two
thousand rows of text and the parts of an upload that are on their way; rows that must be sorted lie
on disk.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from assets.ahead import begun
from assets.chunks import Chunks, Standing
from assets.files import confirm, write_files
from assets.model.manifest import Accounting, FileEntry
from assets.model.source import (
    AthenaSource,
    CodeRow,
    EntryRow,
    EntrySource,
    RowSource,
    Verdict,
)
from assets.reading import Doors, Reader
from assets.steps.address import Address
from assets.steps.encode.run import Run
from assets.steps.manifest import balance
from assets.steps.native.kernel import NOT_INSTALLED, Kernel, NotNative, compile_plan
from assets.steps.plan import Plan, PlannedColumn
from assets.steps.projection import read_fields
from assets.steps.rows import Aside, Converter, Ledger, Record, Sieve, pseudonym_key, rendering
from assets.watch import Watch
from resources import tracing
from resources.tracing import Name

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """Files that are stored and confirmed, but not published.

    Attributes:
        files: The main files and their companions.
        entries: Ids of the entries in the files, companions included, where a delivery looks once
            more for those that were erased meanwhile; else empty.
        cluster_time: As `Manifest` says.
    """

    files: tuple[FileEntry, ...]
    accounting: Accounting
    queries: tuple[Mapping[str, Any], ...]
    stated: Mapping[str, str]
    entries: frozenset[str] = frozenset()
    cluster_time: str | None = None


def produce(
    plan: Plan,
    doors: Doors,
    *,
    address: Address,
    token: str,
    watch: Watch,
    chunks: Chunks | None = None,
    at_one_instant: bool = False,
) -> Produced:
    """Make the files of an export, up to the moment before publishing.

    Args:
        plan: What to make.
        doors: Where to read and write.
        address: Where the files go.
        token: Names the attempt; Athena finds a crashed attempt's query again by it.
        watch: Is told the progress and stops the flow.
        chunks: Cuts large files so that another attempt can go on, and says what an earlier one has
            made; None where each attempt makes all of them.
        at_one_instant: Whether all entries and accounts are to be read as one instant has them,
            where the servers can: it must be over before they forget it.

    Raises:
        ExportFailed: The rows do not add up, or a file is not stored as it was written.
        DoorError: The outside failed.
    """
    goes_on = chunks is not None and chunks.begun is not None  # with rows of an earlier instant
    asks = at_one_instant and not goes_on and not isinstance(plan.export_type.rows, AthenaSource)
    with doors.mongo.at_one_instant() if asks else nullcontext(doors.mongo) as mongo:
        flow = _Flow(plan, replace(doors, mongo=mongo), token, watch, chunks)
        files = tuple(flow.files(address))
        accounted = begun(flow.accounting)  # counts once more what the database has
        for entry in files:
            confirm(entry, doors.objects)
        accounting = accounted()
    balance(accounting, plan.facts.request)
    return Produced(
        files=files,
        accounting=accounting,
        queries=tuple(flow.reader.queries),
        stated=flow.stated(),
        entries=frozenset(flow.entries),
        cluster_time=None if mongo.instant is None else f"{mongo.instant.time}.{mongo.instant.inc}",
    )


class _Flow:
    """The rows of one export on their way from a source to the files."""

    def __init__(
        self, plan: Plan, doors: Doors, token: str, watch: Watch, chunks: Chunks | None
    ) -> None:
        self._doors, self._watch, self._chunks = doors, watch, chunks
        self._ledger = Ledger()
        self.reader = Reader(doors, token=token, watch=watch, ledger=self._ledger)
        prepared = plan.export_type.prepare(plan.facts, self.reader)
        self._plan = replace(plan, facts=replace(plan.facts, prepared=prepared))
        self._source: RowSource = plan.export_type.rows
        self._key = pseudonym_key(plan, doors.secret)
        self._rendering = rendering(plan, self._ledger)
        self._asides = [self._aside(section) for section in plan.companions]
        self.entries: set[str] = set()
        self._expected: Callable[[], int] = lambda: 0

    def files(self, address: Address) -> Iterator[FileEntry]:
        """Write the main files, then those beside them."""
        plan, objects = self._plan, self._doors.objects
        records = tracing.timed(Name.CONVERT, self._records())
        files = write_files(
            records,
            plan,
            address,
            objects,
            self._watch,
            columns=plan.columns,
            chunks=self._chunks,
        )
        yield from tracing.timed(Name.UPLOAD, files)
        for aside in self._asides:
            columns = plan.companions[aside.section]
            yield from write_files(
                aside.records(),
                plan,
                address,
                objects,
                self._watch,
                columns=columns,
                section=aside.section,
            )

    def stated(self) -> Mapping[str, str]:
        """What the manifest says of this kind of export alone."""
        return self._plan.export_type.stated(self._plan.facts)

    def accounting(self) -> Accounting:
        """Where the rows went, once all are through."""
        facts = self._plan.facts
        expected = self.reader.recount(self._source, facts, self._expected())
        return self._ledger.close(expected, folded=self._source.fold is not None)

    def _records(self) -> Iterator[Record]:
        source, facts = self._source, self._plan.facts
        stood = self._stood()
        self._expected = self._counted(stood)
        verdict, converter = source.verdict(facts), self._converter(self._plan.columns)
        fields = read_fields(self._plan, verdict)
        kernel = self._kernel(verdict, converter, fields)
        sieve = Sieve(
            verdict=verdict,
            notes=source.notes,
            converter=converter,
            ledger=self._ledger,
            group=self._plan.export_type.split(facts),
            fold=None if source.fold is None else source.fold(facts),
            arrange=source.arrange,
            asides=self._asides,
            inside=self._remember if self._rechecks() else None,
            packed=kernel is not None and not kernel.partly,
        )
        if stood:  # after the kernel: what its making counts has been counted
            self._ledger.restore(stood["ledger"])
        behind = stood["reader"] if stood else None
        rows = self.reader.rows(source, facts, kernel, behind, fields)
        return sieve.records(tracing.timed(Name.READ, rows))

    def _stood(self) -> Standing | None:
        """How the flow stood that this one goes on with."""
        if self._chunks is None:
            return None
        self._chunks.follow(self._standing)
        return self._chunks.begun.flow if self._chunks.begun else None

    def _counted(self, stood: Standing | None) -> Callable[[], int]:
        """What gives the rows that there must be, which are counted while the first are read.

        Only entries: what else is asked would be asked in another order.
        """
        source, facts = self._source, self._plan.facts

        def counted() -> int:
            expected = self.reader.population(source, facts) if stood is None else stood["expected"]
            self._watch.advance(rowsTotal=expected)
            return int(expected)

        if isinstance(source, EntrySource):
            return begun(counted)
        expected = counted()
        return lambda: expected

    def _standing(self, waiting: Run | None) -> Standing:
        """How it stands, but for a run of rows that is not in a file yet."""
        return {
            "expected": self._expected(),
            "ledger": self._ledger.counts(0 if waiting is None else len(waiting)),
            "reader": self.reader.standing(waiting),
        }

    def _kernel(
        self, verdict: Verdict, converter: Converter, fields: tuple[str, ...] | None
    ) -> Kernel | None:
        try:
            kernel = compile_plan(
                self._plan,
                verdict=verdict,
                rendering=self._rendering,
                converter=converter,
                fields=fields,
            )
        except NotNative as reason:
            _LOG.debug("rows of %s are made in Python: %s", self._plan.export_type.name, reason)
            return None
        name = self._plan.export_type.name
        if kernel.in_python:
            _LOG.debug("rows of %s are made by the twin: %s", name, NOT_INSTALLED)
        if kernel.partly:
            _LOG.debug("rows of %s that stay are made in Python: %s", name, kernel.partly)
        return kernel

    def _aside(self, section: str) -> Aside:
        columns = self._plan.companions[section]
        return Aside(self._plan.companion(section), self._converter(columns))

    def _converter(self, columns: Sequence[PlannedColumn]) -> Converter:
        return Converter(columns, rendering=self._rendering, key=self._key)

    def _rechecks(self) -> bool:
        return any(delivery.rechecks_erasure for delivery, _ in self._plan.deliveries)

    def _remember(self, row: Any) -> None:
        if isinstance(row, Run):
            self.entries.update(row.entry_ids())
            return
        entry = row.entry if isinstance(row, CodeRow) else row
        if isinstance(entry, EntryRow):
            self.entries.add(str(entry.entry["_id"]))
