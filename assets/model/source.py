"""Where the rows of an export come from, declared as values that the pipeline executes.

Four kinds: the entries of a campaign, an Athena query, the codes service, and rows that an export
makes itself from several of them. What they share: everything read is counted, and every row is
written, filtered, rejected, or set beside the others in a companion file (DESIGN.md 3, rule 6).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from assets.model.campaign import Campaign, Facts

Filter = Mapping[str, object]
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of a collection that one index order can read in keyset pages.

    MongoDB compares within one BSON type at a time, so a keyset page over a field of mixed
    types would lose rows at each change of type without a word. A segment therefore holds one
    type class for every sorted field; segments together must hold every document.

    Attributes:
        filter: Which documents.
        sort: Ascending fields, the last one `_id`.
        gather: True for the few documents whose stored order says nothing (numbers stored as
            text): all are read first and sorted here, up to a bound.
        after: Sort values of a document to begin behind; None: begin with the first.
    """

    filter: Filter
    sort: tuple[str, ...]
    gather: bool = False
    after: tuple[object, ...] | None = None


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry in v3 shape, beside the facts and its user's document (None: none to be had).

    `memo` keeps what several columns of one row derive from the same field.
    """

    entry: Mapping[str, Any]
    user: Mapping[str, Any] | None
    facts: Facts
    memo: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One access code as the codes service shows it (DOMAIN.md 5.2), with its entry if any."""

    code: Mapping[str, Any]
    entry: EntryRow | None
    facts: Facts


# Why a row stays out of the file, or None to keep it. It may count, so it sees rows in order.
Verdict = Callable[[Any], str | None]


def keep_all(_: Any) -> str | None:
    """The verdict that keeps every row."""
    return None


def no_answers(_: Facts) -> Sequence[str]:
    """Counted by a source whose notes say what is odd about any entry, and nothing else."""
    return ()


def nothing_odd(_: Any) -> Sequence[str]:
    """The notes of a source that has none."""
    return ()


class Fold(Protocol):
    """Makes rows out of read rows where one is not the other: counts, or an answer a row."""

    def add(self, row: Any) -> Iterable[Any]:
        """Take one read row; the rows that can be written already.

        Raises:
            Unfit: It cannot be understood; the read row becomes a counted reject.
        """

    def rest(self) -> Iterable[Any]:
        """The rows that only the last read row completes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrange:
    """An order that no index has: rows are sorted on disk, in bounded memory.

    Attributes:
        key: Total: a tuple of texts and numbers that ends in a unique id. It sees the row that is
            converted to cells: after the fold, if there is one.
        unique: How many of its leading parts make a row the same as the one before; later ones of
            them are filtered with `reason`. 0 keeps all.
        reason: Why such a row is left out.
    """

    key: Callable[[Any], tuple[Any, ...]]
    unique: int = 0
    reason: str = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySource:
    """Rows from the `entries` collection.

    Attributes:
        strands: What to read. The segments of one strand follow each other; the strands are
            merged by `order`, so each must already be in that order.
        order: Sort key of a row, total: it ends in the entry's id.
        population: The filter of an independent count: how many documents must be read.
        verdict: Made once an export.
        notes: What was odd about a row that is kept, for the accounting.
        moves: Whether a document can change its place while it is read; then one that was read
            twice is looked for at the end, which costs 8 bytes a row.
        fold: Made once an export; None where a row read is a row written.
        arrange: The order of the files where it is not `order`.
        counted: Keys of the questions that `notes` counts. Stating it says that `notes` counts
            nothing but these answers and what is odd about any entry; so rows need not be made one
            by one in Python, and nothing remembers the rows before, so that an attempt can go on
            behind any of them.
    """

    strands: Callable[[Facts], Sequence[Sequence[Segment]]]
    order: Callable[[EntryRow], tuple[Any, ...]]
    population: Callable[[Facts], Filter]
    verdict: Callable[[Facts], Verdict]
    notes: Callable[[EntryRow], Sequence[str]]
    moves: bool = False
    fold: Callable[[Facts], Fold] | None = None
    arrange: Arrange | None = None
    counted: Callable[[Facts], Sequence[str]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """SQL text and the execution parameters that Athena binds to its `?` marks, in order."""

    sql: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AthenaSource:
    """Rows from an Athena query whose own ORDER BY is the export's total order.

    Attributes:
        query: The rows. The getter of a column receives a mapping from result column to value.
        population: One row, one column: the independent count of rows to expect.
        verdict: Made once an export.
        notes: What was odd about a row that is kept.
        fold: Made once an export; None where a row read is a row written.
        arrange: The order of the files where the query has none: then it is unloaded as Parquet by
            Athena's own workers, which keep no order (DOMAIN.md 3).
    """

    query: Callable[[Facts], Statement]
    population: Callable[[Facts], Statement]
    verdict: Callable[[Facts], Verdict]
    notes: Callable[[Any], Sequence[str]] = nothing_odd
    fold: Callable[[Facts], Fold] | None = None
    arrange: Arrange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSlice:
    """Codes of one campaign that the codes service is asked for at once (DOMAIN.md 5.2).

    Attributes:
        states: Only these; empty: all.
        market: Only this market, by key; None: all.
        wave: Only this wave.
        reveal: Ask for the values too.
    """

    states: tuple[str, ...] = ()
    market: str | None = None
    wave: int | None = None
    reveal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSource:
    """Rows from the codes service, each with its entry and that entry's account.

    Attributes:
        slices: What to ask for; together every code, none twice. Their sizes are counted before
            and after, and a difference is noted (DOMAIN.md 7.2).
        verdict: Made once an export.
        notes: What was odd about a row that is kept.
        arrange: The service gives codes in no order.
        fold: Made once an export.
    """

    slices: Callable[[Facts], Sequence[CodeSlice]]
    verdict: Callable[[Facts], Verdict]
    notes: Callable[[CodeRow], Sequence[str]]
    arrange: Arrange
    fold: Callable[[Facts], Fold] | None = None


class Reading(Protocol):
    """What an export may read for itself: before the first row, or to make its rows.

    Nothing that is read here counts as a row; a `MadeSource` yields what counts.
    """

    def entries(
        self,
        facts: Facts,
        strands: Sequence[Sequence[Segment]] | None = None,
        fields: Collection[str] | None = None,
    ) -> Iterator[EntryRow]:
        """Entries in v3 shape with their users, in no stated order.

        Args:
            facts: Whose campaign, and the snapshot.
            strands: What to read; None: every entry of the campaign at the snapshot.
            fields: Which fields are looked at, as they are called today, beside id and account; the
                others are not read. None: any.
        """

    def entries_by_ids(self, facts: Facts, ids: Iterable[object]) -> Mapping[str, EntryRow]:
        """Entries by the hex text of their id; unknown ones are left out."""

    def entry_count(self, filter: Filter) -> int:  # noqa: A002 - MongoDB's word
        """How many entries match, those that cannot be decoded included."""

    def ground(self, facts: Facts, campaign: Campaign) -> Facts:
        """The facts of one of several campaigns: its markets, promoters and manual decisions."""

    def users(self, ids: Iterable[object]) -> Mapping[object, Document]:
        """Accounts by the id of their user, after merges; unknown ones are left out."""

    def users_where(self, filter: Filter) -> Iterator[Document]:  # noqa: A002 - MongoDB's word
        """Users that match, in the order of their id."""

    def query(self, statement: Statement, name: str) -> Iterator[Mapping[str, Any]]:
        """The rows of an Athena query by result column; `name` tells the queries of one export."""

    def codes(self, facts: Facts, wanted: CodeSlice) -> Iterator[Document]:
        """Codes as the service shows them, in no order."""

    def codes_by_ids(self, ids: Iterable[str], *, reveal: bool) -> Mapping[str, Document]:
        """Codes by their id as the service shows them; unknown ones are left out."""

    def scores(self, facts: Facts, run: Document) -> Iterator[Any]:
        """The scores of a run, as `resources.scoring_files` reads them, in the files' order."""

    def scoring_runs(self, facts: Facts) -> Sequence[Document]:
        """The scoring runs of the campaign, newest first (DOMAIN.md 2.6)."""

    def overrides(self, facts: Facts) -> Mapping[object, Document]:
        """Entry id to the manual decision in force at the snapshot."""

    def erased_since(self, facts: Facts, since: datetime) -> frozenset[str]:
        """Ids of the campaign's entries that were erased since, by the entries service."""

    def exports(self, day: date) -> Iterator[Document]:
        """The exports that were asked for on a day in UTC: type, campaign and status only."""

    def signing_key(self, purpose: str) -> bytes:
        """A key of the deployment's for signatures of one purpose, such as links to a campaign."""

    def last_success(self, facts: Facts) -> Document | None:
        """The last export like this one that succeeded, even if its files have expired since.

        Like this one: of its type and partition, with its options, to its destinations.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeSource:
    """Rows that the export makes itself out of several sources.

    Attributes:
        rows: Everything that counts as read, each once.
        population: How many there must be, found in another way than by counting `rows`.
        verdict: Made once an export.
        notes: What was odd about a row that is kept.
        fold: Made once an export.
        arrange: The order of the files where `rows` has none.
    """

    rows: Callable[[Facts, Reading], Iterator[Any]]
    population: Callable[[Facts, Reading], int]
    verdict: Callable[[Facts], Verdict] = lambda _: keep_all
    notes: Callable[[Any], Sequence[str]] = nothing_odd
    fold: Callable[[Facts], Fold] | None = None
    arrange: Arrange | None = None


RowSource = EntrySource | AthenaSource | CodeSource | MadeSource


class Consistency(StrEnum):
    """What a file shows of rows that change while it is made (API.md 2).

    Attributes:
        SNAPSHOT: All rows as one instant had them: one query of Athena.
        WATERMARK: Every row that was there at the snapshot, each as it was when it was read; how
            many had changed by then is counted (RELIABILITY.md 5).
        NONE: Every row that was there when it was read; counts before and after are compared.
    """

    SNAPSHOT = "snapshot"
    WATERMARK = "watermark"
    NONE = "none"


def consistency(source: RowSource) -> Consistency:
    """What a source can promise."""
    match source:
        case EntrySource():
            return Consistency.WATERMARK
        case AthenaSource():
            return Consistency.SNAPSHOT
        case CodeSource() | MadeSource():
            return Consistency.NONE
