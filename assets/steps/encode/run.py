"""Rows that are encoded already, many at a time: a call is paid once a batch, not once a row."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

KEY: Final = 20
"""The bytes of a key: an instant and an id, which sort as rows in the order of registration do."""
_ID: Final = 12


@dataclass(frozen=True, slots=True)
class Run:
    """Rows that follow each other in one order.

    Attributes:
        records: The bytes of all records of the batch that they are of.
        keys: The key of each record of the batch.
        ends: Where each record of the batch ends.
        start: The first row of this run.
        stop: The row behind its last.
        parts: Where the rows are to be sorted: of each record of the batch where the leading parts
            of its key end, and where the key does. Else keys are of `KEY` bytes.
    """

    records: bytes
    keys: bytes
    ends: "array[int]"
    start: int
    stop: int
    parts: "array[int] | None" = None

    @classmethod
    def of(cls, contents: Sequence[bytes]) -> "Run":
        """Records that nobody asks for the keys of."""
        return cls(
            b"".join(contents), b"", array("I", accumulate(map(len, contents))), 0, len(contents)
        )

    def __len__(self) -> int:
        """How many rows."""
        return self.stop - self.start

    def key(self) -> bytes:
        """The key of the first row."""
        return self._key(self.start)

    def last(self) -> bytes:
        """The key of the last row."""
        return self._key(self.stop - 1)

    def before_first(self) -> bytes:
        """The key of the row before the first, in the run that this one is the rest of."""
        return self._key(self.start - 1)

    def content(self) -> bytes:
        """The records."""
        return self.records[self._begin(self.start) : self._begin(self.stop)]

    def part(self, first: int, last: int) -> "Run":
        """The rows from the first to before the last, counted within the run."""
        start = self.start
        return Run(self.records, self.keys, self.ends, start + first, start + last, self.parts)

    def sortable(self) -> Iterator[tuple[tuple[bytes, bytes], bytes]]:
        """Each record with its key: the leading parts, and the others."""
        parts = self.parts or array("I")
        for row in range(self.start, self.stop):
            begin, lead, end = parts[2 * row - 1] if row else 0, parts[2 * row], parts[2 * row + 1]
            record = self.records[self._begin(row) : self.ends[row]]
            yield (self.keys[begin:lead], self.keys[lead:end]), record

    def entry_ids(self) -> Iterator[str]:
        """The ids of the entries that the rows are of, with which every key ends."""
        for row in range(self.start, self.stop):
            if self.parts is None:
                yield self._key(row)[-_ID:].hex()
            else:  # as text, and the end of a text
                end = self.parts[2 * row + 1] - 2
                yield self.keys[end - 2 * _ID : end].decode()

    def before(self, key: bytes, *, equal: bool) -> int:
        """How many rows stand before a key, those that have it too if `equal`."""
        find = bisect_right if equal else bisect_left
        return find(range(self.start, self.stop), key, key=self._key)

    def _key(self, row: int) -> bytes:
        return self.keys[KEY * row : KEY * (row + 1)]

    def _begin(self, row: int) -> int:
        return self.ends[row - 1] if row else 0


def count_rows(rows: Sequence[Any]) -> int:
    """How many rows these are, runs counted by theirs."""
    return sum(len(row) if type(row) is Run else 1 for row in rows)


def single(rows: Sequence[Any]) -> list[Any]:
    """The same with one row in each run."""
    return [one for row in rows for one in _singles(row)]


def _singles(row: Any) -> Iterator[Any]:
    if type(row) is not Run:
        yield row
        return
    for place in range(len(row)):
        yield row.part(place, place + 1)


def encoded(rows: Sequence[Any], encode: Callable[[list[Any]], bytes]) -> bytes:
    """The records of rows, some of them encoded already; `encode` makes those of the others."""
    pieces: list[bytes] = []
    cells: list[Any] = []
    for row in rows:
        if type(row) is not Run:
            cells.append(row)
            continue
        if cells:
            pieces.append(encode(cells))
            cells = []
        pieces.append(row.content())
    if cells:
        pieces.append(encode(cells))
    return b"".join(pieces)
