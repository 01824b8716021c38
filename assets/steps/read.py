"""Turn raw documents into rows in the export's order, whatever is wrong with some of them."""

import heapq
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from operator import itemgetter
from typing import Any, TypeGuard

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError

from assets.model.campaign import Facts
from assets.model.column import Unfit
from assets.model.failure import ExportFailed
from assets.model.source import EntryRow, EntrySource, Segment
from assets.steps.encode.run import Run
from assets.steps.rows import Ledger
from assets.steps.upcast import upcast_entry

# Dates that Python cannot hold arrive as DatetimeMS, so that their column can reject them.
_OPTIONS: CodecOptions[Any] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
# DOMAIN.md 2.4: merged accounts are followed at most five hops, then taken for missing.
MERGE_HOPS = 5
# Documents whose stored order says nothing are sorted in memory: at 2 kB each (DOMAIN.md
# 2.5) 50,000 are 100 MB, and a campaign with more of them has another problem.
MOST_GATHERED = 50_000
# Decoded documents of a gathered segment held at a time; most segments gather a few old entries.
MOST_DECODED = 1_000

Document = Mapping[str, Any]
Key = tuple[Any, ...]
# A gathered document with its key, and its row while they are few.
_Kept = tuple[Key, bytes, EntryRow | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeRows:
    """What was made of a batch.

    Attributes:
        rows: Runs of rows, and the places of documents that have none yet.
        users: Accounts that were looked up, whole and after merges; None: who needs one looks.
        asked: Whose accounts those are, had or not.
    """

    rows: Sequence[Run | int]
    users: Mapping[object, Document] | None = None
    asked: Collection[object] = ()


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch of which rows are made; it is let go where all of them are.

    Attributes:
        rest: The documents of which none is made yet.
        last: The last of all.
        made: What is made.
        ledger: Its counts.
    """

    rest: Sequence[bytes]
    last: bytes | None
    made: MadeRows | None
    ledger: Ledger


@dataclass(slots=True, kw_only=True)
class Place:
    """Where a reader begins, and how far it has come.

    Attributes:
        after: Key of a row: those up to it are passed over. None: begin with the first.
        starts: Of each strand the segment to begin in, and the sort values to begin behind.
        row: The last row that was handed out.
        read: Of each strand the segment that is read, and the last document of the last batch
            whose rows are all handed out; what it holds is in the ledger, and nothing behind it.
    """

    after: Any = None
    starts: Mapping[int, tuple[int, tuple[object, ...] | None]] = field(default_factory=dict)
    row: Any = None
    read: dict[int, tuple[int, bytes | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryReader:
    """Reads the rows of an `EntrySource`.

    Attributes:
        source: What to read and in which order.
        facts: The ground the rows stand on.
        scan: Reads a segment in batches of raw documents.
        users: Finds users by id.
        ledger: Counts what was read and what could not be, each batch when its last row has been
            handed out.
        most_gathered: How many documents without a usable order are sorted in memory.
        most_decoded: How many of them are held decoded; where there are more, all are decoded
            twice.
        made: Makes the usual rows of a batch, and leaves the others to be read here; what it counts
            goes into the ledger that it is given. None where all are read here.
        sorted_later: Whether the keys of runs are of another order, so that nothing is merged.
        spread: As `map`; may do several batches at a time, in their order all the same.
        place: Where it begins and stands.
    """

    source: EntrySource
    facts: Facts
    scan: Callable[[Segment], Iterator[Sequence[bytes]]]
    users: Callable[[set[ObjectId]], Mapping[ObjectId, Document]]
    ledger: Ledger
    most_gathered: int = MOST_GATHERED
    most_decoded: int = MOST_DECODED
    made: Callable[[Sequence[bytes], Ledger], MadeRows] | None = None
    sorted_later: bool = False
    spread: Callable[[Callable[[Any], Any], Iterator[Any]], Iterator[Any]] = map
    place: Place = field(default_factory=Place)

    def rows(self) -> Iterator[Any]:
        """All rows in the export's total order, in memory bounded by a batch a strand.

        Each is an `EntryRow`; with `made`, or a `Run` of several.

        Raises:
            ExportFailed: `SOURCE_MOVED`: an entry changed its place and was read twice, so
                another one may have been passed over; a balanced count would not show it.
        """
        strands = [
            behind(self._strand(number, segments), self.place.after)
            for number, segments in enumerate(self.source.strands(self.facts))
        ]
        if self.sorted_later:
            yield from map(itemgetter(1), chain.from_iterable(strands))
            return
        if self.made is not None:
            yield from self._told(merged_runs(strands))
            return
        seen = array("Q")
        merged = map(itemgetter(1), heapq.merge(*strands, key=itemgetter(0)))
        if not self.source.moves:
            yield from self._told(merged)
            return
        for row in merged:
            # Machine and counter of an ObjectId: no two of one campaign share them.
            seen.append(int.from_bytes(row.entry["_id"].binary[4:]))
            yield row
        if _has_twins(seen):
            message = "an entry changed its place while it was read"
            raise ExportFailed("SOURCE_MOVED", message, retryable=True)

    def unordered(self) -> Iterator[EntryRow]:
        """All rows, strand after strand: for counts and look-ups that need no order."""
        for segments in self.source.strands(self.facts):
            for segment in segments:
                for batch in self.scan(segment):
                    for _, row, _ in self.keyed(batch):
                        yield row

    def key(self, row: Any) -> Any:
        """The key of a row, of a run that of its last."""
        if isinstance(row, Run):
            return row.last()
        key = self.source.order(row)
        return key if self.made is None else packed(key)

    def _told(self, rows: Iterable[Any]) -> Iterator[Any]:
        for row in rows:
            self.place.row = row
            yield row

    def _strand(self, number: int, segments: Sequence[Segment]) -> Iterator[tuple[Any, Any]]:
        start, after = self.place.starts.get(number, (0, None))
        for index in range(start, len(segments)):
            segment = replace(segments[index], after=after)
            after = None
            if segment.gather:
                counted = replace(self, ledger=Ledger())
                yield from counted.gathered(segment)
                self.ledger.add(counted.ledger)
                self.place.read[number] = index, None
            else:
                yield from self._scanned(number, index, segment)
            self.place.read[number] = index + 1, None

    def _scanned(self, number: int, index: int, segment: Segment) -> Iterator[tuple[Any, Any]]:
        for prepared in self.spread(self._prepared, self.scan(segment)):
            counted = replace(self, ledger=prepared.ledger)
            yield from counted.pairs(prepared.rest, prepared.made)
            self.ledger.add(prepared.ledger)
            self.place.read[number] = index, prepared.last

    def _prepared(self, batch: Sequence[bytes]) -> _Prepared:
        last, ledger = batch[-1] if batch else None, Ledger()
        if self.made is None:
            return _Prepared(batch, last, None, ledger)
        made = self.made(batch, ledger)
        odd = [batch[one] for one in made.rows if not isinstance(one, Run)]
        return _Prepared(odd, last, made, ledger)

    def pairs(self, rest: Sequence[bytes], made: MadeRows | None) -> Iterator[tuple[Any, Any]]:
        """The rows of a batch, or runs of them, with their keys.

        Args:
            rest: The documents of which no row is made.
            made: What is made of the others.
        """
        if made is not None:
            yield from self._mixed(rest, made)
            return
        for key, row, _ in self.keyed(rest):
            yield key, row

    def _mixed(
        self, odd: Sequence[bytes], made: MadeRows
    ) -> Iterator[tuple[bytes, EntryRow | Run]]:
        """The rows of a batch of which most are made."""
        rest, raws = self.keyed(odd, made), iter(odd)
        found = next(rest, None)
        for one in made.rows:
            if isinstance(one, Run):
                yield one.key(), one
                continue
            raw = next(raws)
            if found is not None and found[2] is raw:
                yield packed(found[0]), found[1]
                found = next(rest, None)

    def gathered(self, segment: Segment) -> Iterator[tuple[Any, EntryRow]]:
        """Read a whole segment and sort it; of many only raw documents are kept meanwhile."""
        kept: list[_Kept] = []
        for batch in self.scan(segment):
            few = len(kept) + len(batch) <= self.most_decoded
            kept.extend((key, raw, row if few else None) for key, row, raw in self.keyed(batch))
            if len(kept) > self.most_gathered:
                message = f"more than {self.most_gathered} documents have no usable order"
                raise ExportFailed("SOURCE_UNORDERED", message)
        kept.sort(key=itemgetter(0))
        again = replace(self, ledger=Ledger())  # they are counted already
        for start in range(0, len(kept), self.most_decoded):
            for key, row in again.unraw(kept[start : start + self.most_decoded]):
                yield (key if self.made is None else packed(key)), row

    def unraw(self, kept: Sequence[_Kept]) -> Iterator[tuple[Key, EntryRow]]:
        """The rows of gathered documents, which are decoded once more unless all are there."""
        rows = [(key, row) for key, _, row in kept if row is not None]
        if len(rows) == len(kept):
            yield from rows
            return
        for key, row, _ in self.keyed([raw for _, raw, _ in kept]):
            yield key, row

    def keyed(
        self, batch: Sequence[bytes], made: MadeRows | None = None
    ) -> Iterator[tuple[Key, EntryRow, bytes]]:
        """The rows of raw documents with their sort keys; what cannot be a row is rejected."""
        entries = list(self._entries(batch))
        wanted = {entry["userId"] for entry, _ in entries if entry.get("userId")}
        users: dict[object, Document] = {}
        if made is not None and made.users is not None:
            users.update(made.users)
            wanted.difference_update(made.asked)
        users |= accounts(wanted, self.users)
        for entry, raw in entries:
            row = EntryRow(entry, users.get(entry.get("userId")), self.facts)
            if row.user is not None and row.user.get("undecodable"):
                # It may say that the fan was erased, so the row must not be shown.
                self.ledger.reject("user:undecodable")
                continue
            try:
                yield self.source.order(row), row, raw
            except Unfit as unfit:
                self.ledger.reject(unfit.reason)

    def _entries(self, batch: Sequence[bytes]) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The documents of a batch in v3 shape; what cannot be one is a counted reject."""
        for raw in batch:
            self.ledger.read += 1
            try:
                entry, notes = upcast_entry(
                    decoded(raw), market_by_name=self.facts.market_id_by_name
                )
            except (BSONError, ValueError, OverflowError):
                self.ledger.reject("undecodable")
                continue
            if not isinstance(entry.get("userId"), ObjectId | None):
                self.ledger.reject("user_id:wrong_type")
                continue
            self.ledger.note(notes)
            yield entry, raw


def behind(rows: Iterator[tuple[Any, Any]], after: Any) -> Iterator[tuple[Any, Any]]:
    """The rows of a strand behind a key; all of them where it is None."""
    for key, row in rows if after is not None else ():
        if isinstance(row, Run):
            passed = row.before(after, equal=True)
            if passed < len(row):
                rest = row.part(passed, len(row))
                yield rest.key(), rest
                break
        elif key > after:
            yield key, row
            break
    yield from rows


def merged_runs(strands: Sequence[Iterator[tuple[bytes, Any]]]) -> Iterator[Any]:
    """Rows and runs of several strands in the order of their keys, of equal ones by the strand.

    A run is cut where another strand has a row within it, so what comes out is what the rows would
    be one by one. Nearly always one strand has all rows of a batch, and runs pass whole.
    """
    heads = [
        (*first, strand)
        for strand, place in zip(strands, range(len(strands)), strict=True)
        if (first := _head(strand, place)) is not None
    ]
    heapq.heapify(heads)
    while heads:
        _, place, row, strand = heads[0]
        rest: Run | None = None
        if isinstance(row, Run) and len(heads) > 1:
            key, other, *_ = min(heads[1:3])
            fitting = max(row.before(key, equal=place < other), 1)
            row, rest = row.part(0, fitting), row.part(fitting, len(row))
        yield row
        if rest:
            heapq.heapreplace(heads, (rest.key(), place, rest, strand))
        elif (following := _head(strand, place)) is not None:
            heapq.heapreplace(heads, (*following, strand))
        else:
            heapq.heappop(heads)


def _head(strand: Iterator[tuple[bytes, Any]], place: int) -> tuple[bytes, int, Any] | None:
    found = next(strand, None)
    return None if found is None else (found[0], place, found[1])


def packed(key: Key) -> bytes:
    """An instant and an id as bytes in the same order, as made rows have them."""
    millis, entry_id = key
    tail = entry_id.binary if isinstance(entry_id, ObjectId) else repr(entry_id).encode()
    return int(millis + 2**63).to_bytes(8, "big") + tail


def accounts(
    wanted: set[ObjectId], users: Callable[[set[ObjectId]], Mapping[ObjectId, Document]]
) -> dict[object, Document]:
    """Users by the id that entries name, each the account that it was merged into.

    Args:
        wanted: Ids of users.
        users: Finds users by id; unknown ones are left out.
    """
    known = dict(users(wanted)) if wanted else {}
    found = {user_id: known.get(user_id) for user_id in wanted}
    for _ in range(MERGE_HOPS):
        merged = {i: u["mergedInto"] for i, u in found.items() if _is_merged(u)}
        if not merged:
            break
        missing = set(merged.values()) - known.keys()
        known |= users(missing) if missing else {}
        found |= {i: _carried(found[i], known.get(target)) for i, target in merged.items()}
    return {i: user for i, user in found.items() if user and not user.get("mergedInto")}


def _has_twins(numbers: Iterable[int]) -> bool:
    ordered = sorted(numbers)
    return any(one == other for one, other in pairwise(ordered))


def _carried(old: Document | None, new: Document | None) -> Document | None:
    """The account that an old one was merged into; an erasure of the old one is of the person.

    So is a no: who opted out of mail did not mean the account, and an address that bounced is no
    better after a merge (DOMAIN.md 11, point 3).
    """
    erasure = (old or {}).get("erasure")
    if erasure is not None:
        return {**(new or {}), "erasure": erasure, "mergedInto": None}
    said = _said((old or {}).get("marketing"))
    if new is None or not said:
        return new
    return {**new, "marketing": _both(said, new.get("marketing"))}


def _said(marketing: object) -> object:
    """What an account forbids; what cannot be read stays, so that its row is rejected."""
    if not isinstance(marketing, Mapping):
        return marketing
    return {name: no for name, no in marketing.items() if no not in (None, False)}


def _both(old: object, new: object) -> object:
    """What either forbids; the newer account may know more of it."""
    if not isinstance(old, Mapping):
        return old
    if not isinstance(new, Mapping):
        return old if new is None else new
    return {**old, **{n: no for n, no in new.items() if n not in old or no not in (None, False)}}


def _is_merged(user: Document | None) -> TypeGuard[Document]:
    """Whether another account stands for this one; what is no id leads nowhere."""
    return user is not None and isinstance(user.get("mergedInto"), ObjectId)


def decoded(raw: bytes) -> dict[str, Any]:
    """A document as rows see it.

    Raises:
        BSONError: It cannot be read.
    """
    found: dict[str, Any] = bson.decode(raw, _OPTIONS)
    return found
