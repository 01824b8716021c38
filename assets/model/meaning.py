"""What a getter or a rule reads, said as a value: so that more than Python can do it.

A getter is a function, which only Python can run. One that is also `Described` tells what it reads,
and `assets/steps/native` makes the usual rows without it. The function stays the truth: it makes
every row that is unusual, and a test holds both to the same bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
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
    # A list of rules with their reasons.
    FIRST_FAILING = "first_failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What is read.

    Attributes:
        what: How.
        path: Where in the entry, dotted; for an answer the question's key.
        place: Which preference, counted from 1, or a number that a rule compares with.
        attribute: Which text of a market.
        values: What a rule looks for, the parts of several rules, or whose consent.
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


def plain(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function itself: one call a cell less."""
    return function.read if isinstance(function, Described) else function


def meaning_of(function: object) -> Meaning | None:
    """What a function says of itself."""
    return function.meaning if isinstance(function, Described) else None
