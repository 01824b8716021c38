"""Reads what an export declares: entries, Athena, codes, scores; and counts what counts.

It is the only code that knows which door a source goes through. What a row means is said in
`assets/steps`, and which rows an export wants in its own module.
"""

import hmac
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import chain, islice
from typing import Any

from bson import ObjectId

from assets.ahead import ahead, spread
from assets.exports.shared.entry_strands import by_registration
from assets.loading import with_campaign
from assets.model.campaign import Campaign, Facts
from assets.model.lifecycle import PUBLISHED
from assets.model.source import (
    AthenaSource,
    CodeRow,
    CodeSlice,
    CodeSource,
    Document,
    EntryRow,
    EntrySource,
    Filter,
    MadeSource,
    RowSource,
    Segment,
    Statement,
    keep_all,
    nothing_odd,
)
from assets.steps.documents import overrides_from
from assets.steps.encode.run import Run
from assets.steps.native.kernel import Kernel
from assets.steps.native.lines import Lines
from assets.steps.projection import looked_up
from assets.steps.read import EntryReader, Place, accounts
from assets.steps.rows import Ledger
from assets.watch import Watch
from resources.athena import AthenaDoor, Query, Unload
from resources.codes_service import CodePage, CodeSearch, CodesService
from resources.crash_points import CrashPoint, passing
from resources.entries_service import EntriesService
from resources.marketing_cloud import MarketingCloud
from resources.mongo.batch import Batch
from resources.mongo.entries import Scan, sort_values
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from resources.scoring_files import ScoringFiles

# Documents of one answer of the server: 2 MB, of which a strand holds five. Where they are decoded
# they are 20 kB of Python objects each, 20 MB at a time.
BATCH = 1_000
# Documents that one cursor reads. Servers end a cursor that idles for 10 minutes; at 10,000 rows
# a second a page takes 10 s. Smaller ones cost the stand-in a sort of everything each. It is filled
# by whole batches, so that no answer is a short one.
PAGE = 100_000
USER_FIELDS = (
    "accountId",
    "createdAt",
    "emailNormalized",
    "erasure",
    "flags",
    "history",
    "marketing",
    "mergedInto",
    "phone",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The outside, as one export needs it.

    Attributes:
        secret: The deployment's key for pseudonyms in `hashed` files.
    """

    mongo: MongoStores
    athena: AthenaDoor
    objects: ObjectStore
    codes: CodesService
    entries_service: EntriesService
    scoring: ScoringFiles
    marketing_cloud: MarketingCloud
    secret: bytes = field(repr=False)


class Reader:
    """Reads for one attempt of one export; also the `Reading` that the export itself gets.

    Args:
        doors: Where to read.
        token: Names the attempt; Athena finds a crashed attempt's query again by it.
        watch: Is told the progress and stops the reading.
        ledger: Counts the rows of the source; look-ups are not counted.
    """

    def __init__(self, doors: Doors, *, token: str, watch: Watch, ledger: Ledger) -> None:
        self._doors, self._token, self._watch, self._ledger = doors, token, watch, ledger
        self._uncounted = Ledger()
        self._entry_reader: EntryReader | None = None
        self.queries: list[dict[str, Any]] = []

    # --- what counts --------------------------------------------------------------------

    def rows(
        self,
        source: RowSource,
        facts: Facts,
        kernel: Kernel | None = None,
        behind: Mapping[str, Any] | None = None,
        fields: tuple[str, ...] | None = None,
    ) -> Iterator[Any]:
        """Every row of a source, each counted as read.

        Args:
            source: What to read.
            facts: The ground it stands on.
            kernel: Makes the usual entries; they are then the bytes of their records.
            behind: Where another reader of the same entries stood, to begin there.
            fields: Which fields of entries the rows are made of; None: any.
        """
        match source:
            case EntrySource():
                reader = self._reader(source, facts, self._ledger)
                scan = partial(self._scan, fields=fields, batch=_batch(kernel))
                reader = replace(reader, scan=scan)
                if kernel is not None:
                    lines = Lines(kernel, self._accounts_with(kernel.fields))
                    later = source.arrange is not None and not kernel.partly
                    reader = replace(reader, made=lines.made, sorted_later=later)
                    if not kernel.in_python:  # what C does lets another thread run meanwhile
                        reader = replace(reader, spread=spread)
                if behind is not None:
                    reader = replace(reader, place=_place(behind))
                self._entry_reader = reader
                return reader.rows()
            case AthenaSource():
                return self._counted(self._results(source, facts))
            case CodeSource():
                slices = source.slices(facts)
                return self._counted(chain.from_iterable(self._code_rows(facts, s) for s in slices))
            case MadeSource():
                return self._counted(source.rows(facts, self))

    def standing(self, waiting: Run | None) -> dict[str, Any]:
        """Where the reading of entries stands, as `rows` takes it.

        Args:
            waiting: Rows that it has given and that are still to come.
        """
        reader = self._entry_reader
        if reader is None:
            raise TypeError("only a reading of entries can be gone on with")
        place, strands = reader.place, reader.source.strands(reader.facts)
        after = place.after
        if waiting is not None:
            after = waiting.before_first()
        elif place.row is not None:
            after = reader.key(place.row)
        starts = dict(place.starts)
        for number, (index, last) in place.read.items():
            sort = strands[number][index].sort if last is not None else ()
            starts[number] = index, None if last is None else sort_values(last, sort)
        return {
            "after": list(after) if isinstance(after, tuple) else after,
            "strands": [
                [number, index, None if values is None else list(values)]
                for number, (index, values) in sorted(starts.items())
            ],
        }

    def population(self, source: RowSource, facts: Facts) -> int:
        """How many rows there must be, counted independently."""
        match source:
            case EntrySource():
                return self._doors.mongo.entries.count(source.population(facts))
            case AthenaSource():
                (counted,) = self.query(source.population(facts), "count")
                return int(next(iter(counted.values())))
            case CodeSource():
                return sum(self._doors.codes.count(_search(facts, s)) for s in source.slices(facts))
            case MadeSource():
                return source.population(facts, self)

    def recount(self, source: RowSource, facts: Facts, expected: int) -> int:
        """How many rows there should have been, once all are read.

        Codes change while they are read and their service has no snapshot: what was read must lie
        between the counts before and after, and a difference of the two is noted (DOMAIN.md 7.2).
        Entries that change are read once all the same, as they were or as they are, and noted
        (RELIABILITY.md 5, snapshot).
        """
        if isinstance(source, EntrySource):
            self._note_changed(source, facts)
        if not isinstance(source, CodeSource):
            return expected
        after = self.population(source, facts)
        if after != expected:
            self._ledger.note(["codes_changed_meanwhile"])
        least, most = sorted((expected, after))
        return min(max(self._ledger.read, least), most)

    def _note_changed(self, source: EntrySource, facts: Facts) -> None:
        since = {**source.population(facts), "updatedAt": {"$gt": facts.snapshot}}
        if changed := self._doors.mongo.entries.count(since):
            self._ledger.notes["entries_changed_meanwhile"] += changed

    def progress(self) -> None:
        """Report how far it is; raises to stop."""
        self._watch.advance(rowsRead=self._ledger.read, rowsWritten=self._ledger.written)

    def _counted(self, rows: Iterable[Any]) -> Iterator[Any]:
        for row in rows:
            self._ledger.read += 1
            if self._ledger.read % BATCH == 0:
                self.progress()
            yield row

    def _reader(self, source: EntrySource, facts: Facts, ledger: Ledger) -> EntryReader:
        return EntryReader(
            source=source,
            facts=facts,
            scan=self._scan,
            users=self._known_users,
            ledger=ledger,
        )

    def _known_users(self, ids: Collection[ObjectId]) -> Mapping[ObjectId, Document]:
        return self._doors.mongo.users.by_ids(ids, fields=USER_FIELDS)

    def _accounts_with(
        self, fields: tuple[str, ...] | None
    ) -> Callable[[set[ObjectId]], Mapping[object, Document]]:
        """What looks accounts up, after merges: these fields of them, or all that rows read."""

        def found(ids: set[ObjectId]) -> Mapping[ObjectId, Document]:
            return self._doors.mongo.users.by_ids(ids, fields=fields or USER_FIELDS)

        return lambda ids: accounts(ids, found)

    def _scan(
        self, segment: Segment, fields: tuple[str, ...] | None = None, batch: int = BATCH
    ) -> Iterator[Batch]:
        scan = Scan(filter=segment.filter, sort=segment.sort, after=segment.after, fields=fields)
        read = self._doors.mongo.entries.scan(scan, page_size=PAGE, batch_size=batch)
        batches = _ahead(read, batch)
        while found := list(islice(batches, 1)):
            passing(CrashPoint.K09)
            self.progress()
            yield found.pop()  # is large, and let go as soon as it is used
            passing(CrashPoint.K10)

    def _results(self, source: AthenaSource, facts: Facts) -> Iterator[Mapping[str, Any]]:
        statement = source.query(facts)
        if source.arrange is None:
            return self.query(statement, "rows")
        return self._unloaded(statement, "rows")

    def _unloaded(self, statement: Statement, name: str) -> Iterator[Mapping[str, Any]]:
        """Rows of a large result, written by Athena's workers and sorted by us."""
        unload = self._doors.athena.unload(
            statement.sql,
            statement.parameters,
            token=f"{self._token}:{name}",
            watch=lambda _: self._watch.advance(),
        )
        self._note_query(unload)
        for batch in unload.batches():
            self._watch.advance()
            yield from batch

    def _note_query(self, query: Query | Unload) -> None:
        self.queries.append({"id": query.execution_id, "bytesScanned": query.bytes_scanned})

    def _code_rows(self, facts: Facts, wanted: CodeSlice) -> Iterator[CodeRow]:
        codes = self._sound(self._pages(facts, wanted))
        while batch := list(islice(codes, BATCH)):
            known = self.entries_by_ids(facts, (code.get("entryId") for code in batch))
            for code in batch:
                yield CodeRow(code, known.get(str(code.get("entryId"))), facts)

    def _pages(self, facts: Facts, wanted: CodeSlice) -> Iterator[CodePage]:
        for page in self._doors.codes.search(_search(facts, wanted)):
            self._watch.advance()
            yield page

    def _sound(self, pages: Iterable[CodePage]) -> Iterator[Document]:
        """The codes that can be a row; one that the service gave malformed is a counted reject."""
        for page in pages:
            self._ledger.note(["code_given_twice"] * page.duplicates)
            for code in page.items:
                if "malformed" in code:
                    self._ledger.read += 1
                    self._ledger.reject("code:malformed")
                else:
                    yield code

    # --- look-ups -----------------------------------------------------------------------

    def entries(
        self,
        facts: Facts,
        strands: Sequence[Sequence[Segment]] | None = None,
        fields: Collection[str] | None = None,
    ) -> Iterator[EntryRow]:
        """Entries with their users, in no stated order; what cannot be read is passed over."""
        source = _unordered(by_registration(facts) if strands is None else strands)
        reader = self._reader(source, facts, self._uncounted)
        if fields is not None:
            reader = replace(reader, scan=partial(self._scan, fields=looked_up(fields)))
        yield from reader.unordered()

    def entries_by_ids(self, facts: Facts, ids: Iterable[object]) -> Mapping[str, EntryRow]:
        """Entries by the hex text of their id; unknown ones are left out."""
        wanted = {ObjectId(str(one)) for one in ids if ObjectId.is_valid(str(one))}
        if not wanted:
            return {}
        raw = self._doors.mongo.entries.by_ids(wanted)
        reader = self._reader(_unordered(()), facts, self._uncounted)
        return {str(row.entry["_id"]): row for _, row, _ in reader.keyed(list(raw))}

    def entry_count(self, filter: Filter) -> int:  # noqa: A002 - MongoDB's word
        """How many entries match, those that cannot be decoded included."""
        return self._doors.mongo.entries.count(filter)

    def ground(self, facts: Facts, campaign: Campaign) -> Facts:
        """The facts of one of several campaigns."""
        return with_campaign(facts, campaign, self._doors.mongo)

    def users(self, ids: Iterable[object]) -> Mapping[object, Document]:
        """Accounts by the id of their user, after merges; unknown ones are left out."""
        return accounts({one for one in ids if isinstance(one, ObjectId)}, self._known_users)

    def users_where(self, filter: Filter) -> Iterator[Document]:  # noqa: A002 - MongoDB's word
        """Users that match, in the order of their id."""
        for user in self._doors.mongo.users.where(filter):
            self._watch.advance()
            yield user

    def query(self, statement: Statement, name: str) -> Iterator[Mapping[str, Any]]:
        """The rows of an Athena query by result column."""
        query = self._select(statement, name)
        names = [column for column, _ in query.columns]
        for batch in query.batches():
            self._watch.advance()
            for row in batch:
                yield dict(zip(names, row, strict=True))

    def _select(self, statement: Statement, name: str) -> Query:
        query = self._doors.athena.select(
            statement.sql,
            statement.parameters,
            token=f"{self._token}:{name}",
            # A cancel or a lost lease must end the wait, and the query with it.
            watch=lambda _: self._watch.advance(),
        )
        self._note_query(query)
        return query

    def codes(self, facts: Facts, wanted: CodeSlice) -> Iterator[Document]:
        """Codes as the service shows them, in no order."""
        for page in self._pages(facts, wanted):
            yield from (code for code in page.items if "malformed" not in code)

    def codes_by_ids(self, ids: Iterable[str], *, reveal: bool) -> Mapping[str, Document]:
        """Codes by their id; unknown and malformed ones are left out."""
        found = self._doors.codes.batch_get(ids, reveal=reveal).items
        return {code["codeId"]: code for code in found if "malformed" not in code}

    def scores(self, facts: Facts, run: Document) -> Iterator[Any]:
        """The scores of a run, in the order of its files."""
        for batch in self._doors.scoring.scores(facts.campaign.key, facts.campaign.id, run):
            self._watch.advance()
            yield from batch

    def scoring_runs(self, facts: Facts) -> Sequence[Document]:
        """The scoring runs of the campaign, newest first."""
        return self._doors.mongo.scoring.runs(facts.campaign.id)

    def overrides(self, facts: Facts) -> Mapping[object, Document]:
        """Entry id to the manual decision in force at the snapshot."""
        made = self._doors.mongo.scoring.overrides(facts.campaign.id)
        return overrides_from(made, facts.snapshot)

    def erased_since(self, facts: Facts, since: datetime) -> frozenset[str]:
        """Ids of the campaign's entries that were erased since."""
        return self._doors.entries_service.erased_since(str(facts.campaign.id), since)

    def exports(self, day: date) -> Iterator[Document]:
        """The exports that were asked for on a day in UTC: type, campaign and status only."""
        start = datetime.combine(day, time.min, UTC)
        before: tuple[datetime, str] | None = None
        while page := self._doors.mongo.exports.page(
            {},
            created_after=start,
            created_before=start + timedelta(days=1),
            before=before,
            limit=BATCH,
        ):
            for found in page:
                yield {name: found.get(name) for name in ("type", "campaign", "status")}
            before = page[-1]["createdAt"], page[-1]["_id"]

    def signing_key(self, purpose: str) -> bytes:
        """A key of the deployment's for signatures of one purpose."""
        return hmac.digest(self._doors.secret, purpose.encode(), "sha256")

    def last_success(self, facts: Facts) -> Document | None:
        """The last export like this one that succeeded, even if its files have expired since.

        Like this one: of its type and partition, with its options, to its destinations.
        """
        request = facts.request
        same = {
            "type": request.type,
            "partition": request.partition,
            "status": tuple(map(str, PUBLISHED)),
            "request.deliver": list(request.deliver),
            **{f"request.options.{name}": value for name, value in request.options.items()},
        }
        with suppress(IndexError):
            return self._doors.mongo.exports.page(same, before=None, limit=1)[0]
        return None


def _ahead(read: Iterator[Batch], full: int) -> Iterator[Batch]:
    """The same batches, the next ones read while the last is used.

    Behind one that is not full there is none, unless its documents are huge: then no thread is
    started, of which a small export would have one for each of its segments.
    """
    first = list(islice(read, 1))  # is large, and let go as soon as it is used
    rest = ahead(read) if sum(map(len, first)) == full else read
    while first:
        yield first.pop()
    yield from rest


def _batch(kernel: Kernel | None) -> int:
    """Documents of one answer: twice as many where C makes rows of them.

    There nothing is decoded, and what is read of an entry is half of it (decision 23), so an answer
    has 3 MB; PyMongo and the flow cost 1 ms for each.
    """
    in_c = kernel is not None and not kernel.partly and not kernel.in_python
    return 2 * BATCH if in_c else BATCH


def _place(stood: Mapping[str, Any]) -> Place:
    """Where a reader begins that goes on where another one stood."""
    after, strands = stood["after"], stood["strands"]
    return Place(
        after=tuple(after) if isinstance(after, list) else after,
        starts={n: (index, None if v is None else tuple(v)) for n, index, v in strands},
    )


def _unordered(strands: Sequence[Sequence[Segment]]) -> EntrySource:
    """A source for look-ups, whose order nobody asks for."""
    return EntrySource(
        strands=lambda _: strands,
        order=lambda row: (row.entry["_id"],),
        population=lambda _: {},
        verdict=lambda _: keep_all,
        notes=nothing_odd,
    )


def _search(facts: Facts, wanted: CodeSlice) -> CodeSearch:

    return CodeSearch(
        campaign_id=str(facts.campaign.id),
        states=wanted.states,
        market_keys=() if wanted.market is None else (wanted.market,),
        wave=wanted.wave,
        reveal=wanted.reveal,
    )
