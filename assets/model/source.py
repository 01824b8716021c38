"""Where the rows of an export come from, declared as values that the pipeline executes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assets.model.campaign import Facts

Filter = Mapping[str, object]


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
    """

    filter: Filter
    sort: tuple[str, ...]
    gather: bool = False


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry in v3 shape, beside the facts and its user's document (None: none to be had).

    `memo` keeps what several columns of one row derive from the same field.
    """

    entry: Mapping[str, Any]
    user: Mapping[str, Any] | None
    facts: Facts
    memo: dict[str, Any] = field(default_factory=dict)


# Why a row stays out of the file, or None to keep it. It may count, so it sees rows in order.
Verdict = Callable[[Any], str | None]


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
    """

    strands: Callable[[Facts], Sequence[Sequence[Segment]]]
    order: Callable[[EntryRow], tuple[Any, ...]]
    population: Callable[[Facts], Filter]
    verdict: Callable[[Facts], Verdict]
    notes: Callable[[EntryRow], Sequence[str]]
    moves: bool = False


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
    """

    query: Callable[[Facts], Statement]
    population: Callable[[Facts], Statement]
    verdict: Callable[[Facts], Verdict]


RowSource = EntrySource | AthenaSource
