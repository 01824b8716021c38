"""What a getter or a rule reads, said as a value: so that more than Python can do it.

A getter is a function, which only Python can run. One that is also `Described` tells what it reads,
and `assets/steps/native` makes the usual rows without it. The function stays the truth: it makes
every row that is unusual, and a test holds both to the same bytes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Any


class What(StrEnum):
    """What is read of an entry and its account."""

    # Values of columns.
    PATH = "path"
    PRESENT = "present"
    MARKET = "market"
    WISHES = "wishes"
    WISH_MARKET = "wish_market"
    WISH_EVENTS = "wish_events"
    WISH_QUANTITY = "wish_quantity"
    GRANTED = "granted"
    GRANTED_TO = "granted_to"
    ANSWER = "answer"
    ANSWERED_DAY = "answered_day"
    ACCOUNT = "account"
    BAND = "band"
    LAST_CODE = "last_code"
    RANK_OF = "rank_of"
    ELSE = "else"
    LINK = "link"
    # What looks at a few values only, or at the account only: a column, a rule, a part of a key.
    SAME = "same"
    USER = "user"
    WISH = "wish"
    # Rules that keep a row.
    ALL = "all"
    ABSENT = "absent"
    NOT_TEXT = "not_text"
    NOT_FALSE = "not_false"
    NOT_ERASED_USER = "not_erased_user"
    ONE_OF = "one_of"
    SINCE = "since"
    BEFORE = "before"
    HAS_CODE = "has_code"
    NO_FLAG = "no_flag"
    MARKETS = "markets"
    KNOWN_USER = "known_user"
    EMAIL = "email"
    NOT_STOPPED = "not_stopped"
    # Orders of rows, and parts of one.
    REGISTERED = "registered"
    KEY = "key"
    ID = "id"
    NUMBER_LAST = "number_last"
    # A list of rules with their reasons.
    FIRST_FAILING = "first_failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What is read.

    Attributes:
        what: How.
        path: Where in the entry, dotted; for an answer the question's key.
        place: Which preference, counted from 1, or a number that a rule compares with.
        attribute: Which text of a market, or which field of a code.
        values: What a rule looks for, the parts of several rules or of a key, whose consent, what
            `SAME` looks at, the function that says what stands there else, or one that says of the
            export's facts what signs a link.
    """

    what: What
    path: str = ""
    place: int = 0
    attribute: str = ""
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A function that says what it does.

    Attributes:
        meaning: What it reads.
        read: The function, for callers that run it once a row.
    """

    meaning: Meaning
    read: Callable[[Any], Any]

    def __call__(self, row: Any) -> Any:
        """What the function gives."""
        return self.read(row)


def same(read: Callable[[Any], Any], *inputs: Meaning) -> Described:
    """A function that gives the same for all entries that have the same there.

    It must look at nothing else of the row but what the whole export has in common, and must have
    no memory: it is asked once for each of the values that there are.

    Args:
        read: The function.
        inputs: Values (`value`), whether there are any (`whether`), wishes (`best_wish`).
    """
    return Described(meaning=Meaning(what=What.SAME, values=inputs), read=read)


def value(path: str) -> Meaning:
    """The value at a dotted path, as what a function looks at."""
    return Meaning(what=What.PATH, path=path)


def whether(path: str) -> Meaning:
    """Whether there is a value at a dotted path."""
    return Meaning(what=What.PRESENT, path=path)


def best_wish(among: Callable[[Any], Iterable[object]] | None = None) -> Meaning:
    """The market that is wished for most; of those alone that a function of the facts names."""
    return Meaning(what=What.WISH, values=() if among is None else (among,))


def of_user(read: Callable[[Any], Any]) -> Described:
    """A function that looks at nothing of the row but its account."""
    return Described(meaning=Meaning(what=What.USER), read=read)


def key_of(*parts: Described) -> Described:
    """The sort key that these parts make, one after the other; each may be several of its own."""
    reads = tuple(part.read for part in parts)

    def read(row: Any) -> tuple[Any, ...]:
        found = (part(row) for part in reads)
        return tuple(chain.from_iterable(p if isinstance(p, tuple) else (p,) for p in found))

    return Described(meaning=Meaning(what=What.KEY, values=parts), read=read)


def plain(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function itself: one call a cell less."""
    return function.read if isinstance(function, Described) else function


def meaning_of(function: object) -> Meaning | None:
    """What a function says of itself."""
    return function.meaning if isinstance(function, Described) else None
