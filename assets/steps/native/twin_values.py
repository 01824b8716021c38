"""What the function that `twin_source.py` writes calls: cells of values, and a few comparisons."""

import hmac
import re
from base64 import urlsafe_b64encode
from bisect import bisect_left
from collections.abc import Callable, Collection, Hashable, Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from types import NoneType
from typing import Any, Final

from bson import Int64, ObjectId

from assets.steps.arrange import packed

MOST_CELLS: Final = 4_096
"""Cells of one column that are remembered; those of other values are made each time."""
LONGEST_CELL: Final = 100
"""Letters of a cell that is remembered: with the value 2 MB a column at the most."""

MOST_QUARTERS: Final = 17_520
"""Those of half a year, which is longer than people register for: 4 MB a column."""
EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - documents are decoded without a zone, as UTC
QUARTER: Final = timedelta(minutes=15)
_SECOND: Final = timedelta(seconds=1)
_FIRST: Final = "00:00"
# Minutes and seconds of the four quarters of an hour.
_WITHIN: Final = tuple(
    tuple(f"{minute:02}:{second:02}" for minute in range(start, start + 15) for second in range(60))
    for start in range(0, 60, 15)
)

Wish = tuple[float, bytes | None, Sequence[str], Any]


class Unusual(Exception):
    """The Python path makes this row."""


class Missing(Exception):
    """A table has not been asked yet about the values of this row."""


class Warned:
    """Hears of leniencies, of which one is counted here; of others the Python path counts."""

    def __init__(self) -> None:
        self.locales = 0

    def __call__(self, code: str) -> None:
        """Take a warning."""
        if code != "unknown_locale":
            raise Unusual
        self.locales += 1


class Cells(dict[Any, str]):
    """The cells of one column by the texts that were met; those of other values are made each time.

    Args:
        write: Makes a cell.
        warned: A value that it has heard of is not remembered, so that each row counts.
        empty: The cell of no value.
        kind: The type of those that are remembered; no text is equal to anything else.
    """

    def __init__(
        self, write: Callable[[Any], str], warned: Warned, empty: str, kind: type = str
    ) -> None:
        super().__init__({None: empty})
        self._write, self._warned, self._kind = write, warned, kind

    def __missing__(self, value: Any) -> str:
        """The cell of a value that is not remembered."""
        before = self._warned.locales
        cell = self._write(value)
        short = len(self) < MOST_CELLS and len(cell) <= LONGEST_CELL
        if short and type(value) is self._kind and self._warned.locales == before:
            self[value] = cell
        return cell


class Quarters(dict[int, tuple[str, tuple[str, ...]]]):
    """How instants begin, by the quarter of an hour, and how they go on by the second within it.

    Within one nothing but minutes and seconds change, in UTC and in every zone of our time. Where a
    formatter says otherwise of the first or the last second, the rows are made in Python.

    Args:
        write: Makes the text of an instant.
        quote: Stands before it.
        end: What stands behind the seconds.
    """

    def __init__(self, write: Callable[[Any], str], *, quote: str, end: str) -> None:
        self._write, self._quote, self._end = write, quote, end

    def __missing__(self, quarter: int) -> tuple[str, tuple[str, ...]]:
        """A quarter that is not remembered."""
        begins = EPOCH + quarter * QUARTER
        first, last = self._write(begins), self._write(begins + QUARTER - _SECOND)
        stem = first[: -len(_FIRST) - len(self._end)]
        for within in _WITHIN:
            if (stem + within[0] + self._end, stem + within[-1] + self._end) == (first, last):
                break
        else:
            raise Unusual
        if len(self) >= MOST_QUARTERS:
            self.clear()
        found = self[quarter] = self._quote + stem, within
        return found


class Texts:
    """Makes cells as the dialect writes them (`delimited.py`).

    Args:
        texts: Of each column what makes the text of a value.
        warned: What they tell of leniencies.
        delimiter: Between cells.
        all: Whether each cell is quoted.
    """

    def __init__(
        self,
        texts: Sequence[Callable[[Any], str]],
        warned: Warned,
        *,
        delimiter: str,
        all: bool,  # noqa: A002 - all of them
    ) -> None:
        self._texts, self.warned = texts, warned
        self.delimiter, self.quote = delimiter, '"' if all else ""
        self.empty = self.quote * 2
        self._needs_quotes = re.compile(f'[{delimiter}"\r\n]').search

    def cell(self, text: str) -> str:
        """A text as a cell."""
        if self.quote or self._needs_quotes(text):
            return '"' + text.replace('"', '""') + '"'
        return text

    def text(self, column: int) -> Callable[[Any], str]:
        """What makes the text of a value of a column."""
        return self._texts[column]

    def writer(self, column: int) -> Callable[[Any], str]:
        """What makes the cell of a value of a column."""
        cell, text = self.cell, self._texts[column]
        return lambda value: cell(text(value))

    def days(self, column: int) -> Callable[[Any], str]:
        """The same of a day that a fan picked, which is stored as its text."""
        write = self.writer(column)
        return lambda value: write(date.fromisoformat(value))

    def remembered(self, write: Callable[[Any], str], kind: type = str) -> Cells:
        """The same cells, each made once."""
        return Cells(write, self.warned, self.empty, kind)

    def quarters(self, column: int, end: str) -> Quarters:
        """The beginnings of the instants of a column; `end` stands behind their seconds."""
        return Quarters(self._texts[column], quote=self.quote, end=end)


# What every rule about texts leaves as it is, most addresses and all numbers that are some: a
# letter first, no blank, no sign that any dialect quotes, nothing to be composed or made lower.
easy_address: Final = re.compile(r"[a-z0-9][a-z0-9._+-]{0,200}@[a-z0-9.-]{1,200}").fullmatch
easy_phone: Final = re.compile(r"\+[0-9]{8,15}").fullmatch

# Surely an address (audiences.py, `is_email`), of at most 254 characters and 64 before the @.
_ADDRESS: Final = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@"
    r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)


def plain_address(value: object) -> str:
    """A text that is surely an address; of others Python judges."""
    if type(value) is not str or not _ADDRESS.fullmatch(value):
        raise Unusual
    return value


def stopped(kept: bytes, address: str) -> bool:
    """Whether an address is one of many, of which 8 bytes of a digest are kept (id_set.py)."""
    named = sha256(address.lower().encode()).hexdigest()
    digest = sha256(named.encode()).digest()[:8]
    places = range(len(kept) // 8)
    at = bisect_left(places, digest, key=lambda place: kept[8 * place : 8 * place + 8])
    return kept[8 * at : 8 * at + 8] == digest


_HASHED: Final = frozenset((str, int, bool, NoneType, Int64, datetime))


def token(value: object) -> Hashable:
    """What a value is found by: equal for those that Python can say the same of, and only these."""
    kind = type(value)
    if kind in _HASHED:
        return kind, value
    if isinstance(value, ObjectId):
        return ObjectId, value.binary
    if kind is float:  # two zeros are equal, and one that is no number is not equal to itself
        return kind, repr(value)
    raise Unusual


def number_last(number: object) -> bytes:
    """A number as a part of a key; what has none stands behind those that have."""
    if number is None or number != number:  # noqa: PLR0124 - what is no number is not itself
        return packed((True, 0))
    if type(number) not in (int, Int64, float):
        raise Unusual
    return packed((False, number))


def wished(wishes: Sequence[Wish], among: Collection[bytes]) -> bytes | None:
    """The market of the best wish, or of the best among some."""
    return next((wish[1] for wish in wishes if not among or wish[1] in among), None)


def rank_of(wishes: Sequence[Wish], market: bytes) -> int | None:
    """The place of a market among the wishes, from 1 on."""
    places = (place for place, wish in enumerate(wishes, start=1) if market and wish[1] == market)
    return next(places, None)


def dates(events: Sequence[tuple[str, str]], chosen: Sequence[str]) -> list[str]:
    """Dates of the chosen events in the market's order, then the ids of unknown ones."""
    known = [event for event, _ in events]
    return [day for event, day in events if event in chosen] + [
        event for event in chosen if event not in known
    ]


def link(parts: Sequence[bytes], entry: str, most: int) -> str:
    """A link to an entry that is signed (links.py): the site, the path before the id, the key."""
    site, path, key = parts
    signed = path + entry.encode()
    signature = urlsafe_b64encode(hmac.digest(key, signed, "sha256")).rstrip(b"=")
    text = b"%b%b?s=%b" % (site, signed, signature)
    if len(text) > most:
        raise Unusual
    return text.decode()
