"""Which entries a query means, found without looking at them.

The entries lie in one order, and a query compares their id, campaign and instant of registration
with values that it names. Between two such values it says the same of every entry, so one of each
stretch is asked. A query that this server cannot answer exactly is refused, never guessed.
"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from benchmarks.replay.entries import Entries

Query = Mapping[str, Any]

KEYS: Final = frozenset({"_id", "campaignId", "createdAt", "created", "updatedAt"})
"""Fields that entries can be asked for by; `created` is one of 2017, which none of them has."""

_CHANGED: Final = "updatedAt"

_MISSING: Final = object()
_TYPES: Final[tuple[tuple[str, tuple[type, ...]], ...]] = (
    ("bool", (bool,)),  # before number, which it is in Python
    ("number", (int, float)),
    ("string", (str,)),
    ("array", (list,)),
    ("object", (dict,)),
    ("objectId", (ObjectId,)),
    ("date", (DatetimeMS,)),
    ("null", (type(None),)),
)
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


class Unsupported(Exception):
    """The query holds something that this server does not know."""


def stretches(entries: Entries, query: Query) -> list[range]:
    """The positions of the entries that match, as stretches in ascending order.

    Raises:
        Unsupported: The query names another field or an operator that is not known here.
    """
    cuts = {0, entries.count}
    for name, value in _values(query):
        if name not in KEYS:
            raise Unsupported(f"entries cannot be asked for by {name}")
        if name == _CHANGED and not _is_later(value, entries.changed):
            raise Unsupported("entries do not lie in the order of their changes")
        cuts.update(entries.around(value))
    found: list[range] = []
    for start, stop in pairwise(sorted(cuts)):
        if not matches(entries.keys(start), query):
            continue
        joined = found.pop().start if found and found[-1].stop == start else start
        found.append(range(joined, stop))
    return found


def matches(document: Query, query: Query) -> bool:
    """Whether a document answers a query; comparisons do not cross types, as in MongoDB.

    Raises:
        Unsupported: The query holds an operator that is not known here.
    """
    return all(_holds(document, name, wanted) for name, wanted in query.items())


def _values(query: Query) -> Iterator[tuple[str, object]]:
    """Every field that a query names, with every value that it compares it with."""
    for name, wanted in query.items():
        if name.startswith("$"):
            for part in wanted:
                yield from _values(part)
        else:
            yield from ((name, value) for value in _compared(wanted))


def _is_later(value: object, instant: DatetimeMS) -> bool:
    return isinstance(value, DatetimeMS) and value >= instant


def _compared(wanted: object) -> Iterator[object]:
    if _is_condition(wanted):
        for value in wanted.values():  # type: ignore[attr-defined]
            yield from _compared(value)
    elif isinstance(wanted, list):
        yield from wanted
    else:
        yield wanted


def _holds(document: Query, name: str, wanted: Any) -> bool:
    match name:
        case "$and":
            return all(matches(document, part) for part in wanted)
        case "$or":
            return any(matches(document, part) for part in wanted)
        case "$nor":
            return not any(matches(document, part) for part in wanted)
    if name.startswith("$") or "." in name:
        raise Unsupported(f"{name} is not known")
    return _is(document.get(name, _MISSING), wanted)


def _is(value: object, wanted: Any) -> bool:
    if not _is_condition(wanted):
        return _equal(value, wanted)
    return all(_meets(value, word, against) for word, against in wanted.items())


def _meets(value: object, word: str, against: Any) -> bool:
    if word in _COMPARISONS:
        return _type(value) == _type(against) and _COMPARISONS[word](value, against)
    match word:
        case "$eq":
            return _equal(value, against)
        case "$in":
            return any(_equal(value, one) for one in against)
        case "$not":
            return not _is(value, against)
        case "$type":
            return _type(value) in (against if isinstance(against, list) else [against])
        case "$exists":
            return (value is not _MISSING) is bool(against)
    raise Unsupported(f"{word} is not known")


def _is_condition(wanted: object) -> bool:
    return isinstance(wanted, Mapping) and any(str(name).startswith("$") for name in wanted)


def _equal(value: object, wanted: object) -> bool:
    if wanted is None:  # what is missing equals null
        return value is None or value is _MISSING
    if isinstance(wanted, float) and math.isnan(wanted):
        return isinstance(value, float) and math.isnan(value)
    return _type(value) == _type(wanted) and value == wanted


def _type(value: object) -> str:
    """The name of a value's type, numbers under one; empty for what is missing.

    Raises:
        Unsupported: It is of another type.
    """
    if value is _MISSING:
        return ""
    for name, types in _TYPES:
        if isinstance(value, types):
            return name
    raise Unsupported(f"values of type {type(value).__name__} are not known")
