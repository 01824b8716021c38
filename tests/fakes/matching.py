"""Enough of MongoDB's query language to stand in for it: the operators that our doors use, no more.

An operator that is not here is an error, not a mismatch: a fake that guesses hides the bug it
should show. Comparisons do not cross types ("type bracketing"), as in MongoDB.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from bson import Decimal128, ObjectId
from bson.datetime_ms import DatetimeMS

MISSING = object()

# The order of BSON types (MongoDB manual, "Comparison/Sort Order"), with their names for $type.
TYPES: tuple[tuple[int, str, tuple[type, ...]], ...] = (
    (8, "bool", (bool,)),
    (2, "number", (int, float, Decimal128)),
    (3, "string", (str,)),
    (4, "object", (Mapping,)),
    (5, "array", (list, tuple)),
    (6, "binData", (bytes,)),
    (7, "objectId", (ObjectId,)),
    (9, "date", (datetime, DatetimeMS)),
)


def matches(document: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    """Say whether a document answers a query."""
    return all(_holds(document, key, wanted) for key, wanted in query.items())


def order(value: object) -> tuple[int, Any]:
    """Return a key that sorts values as MongoDB does; missing sorts as null."""
    rank, _ = bracket(value)
    if isinstance(value, DatetimeMS):
        return rank, int(value)
    if isinstance(value, datetime):
        return rank, int(value.timestamp() * 1000)
    if is_nan(value):  # equal to itself and below every number
        return rank, -math.inf
    if isinstance(value, Decimal128):
        return rank, value.to_decimal()
    return rank, 0 if value is None or value is MISSING else value


def is_nan(value: object) -> bool:
    """Say whether a value is the number that is none."""
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    return isinstance(number, float | Decimal) and math.isnan(number)


def bracket(value: object) -> tuple[int, str]:
    """Return the rank and the name of a value's type class."""
    if value is None or value is MISSING:
        return 1, "null"
    for rank, name, types in TYPES:
        if isinstance(value, types):
            return rank, name
    raise NotImplementedError(f"a value of type {type(value).__name__}")


def at(document: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a dotted path, or MISSING; lists are not looked into."""
    value: Any = document
    for name in path.split("."):
        value = value.get(name, MISSING) if isinstance(value, Mapping) else MISSING
    return value


def reached(document: object, path: str) -> list[Any]:
    """Return every value that a query path reaches, looking into lists; MISSING for none."""
    head, _, rest = path.partition(".")
    if isinstance(document, list | tuple):
        found = [
            one for item in document if isinstance(item, Mapping) for one in reached(item, path)
        ]
        return found or [MISSING]
    if not isinstance(document, Mapping) or head not in document:
        return [MISSING]
    value = document[head]
    return reached(value, rest) if rest else [value]


def _holds(document: Mapping[str, Any], key: str, wanted: Any) -> bool:
    if key == "$and":
        return all(matches(document, one) for one in wanted)
    if key == "$or":
        return any(matches(document, one) for one in wanted)
    if key == "$nor":
        return not any(matches(document, one) for one in wanted)
    if key.startswith("$"):
        raise NotImplementedError(key)
    conditions = wanted if _is_operators(wanted) else {"$eq": wanted}
    return all(_condition(document, key, name, value) for name, value in conditions.items())


def _is_operators(wanted: object) -> bool:
    return isinstance(wanted, Mapping) and any(str(key).startswith("$") for key in wanted)


def _condition(document: Mapping[str, Any], path: str, operator: str, wanted: Any) -> bool:
    if operator == "$not":
        return not _holds(document, path, wanted)
    if operator == "$ne":
        return not _condition(document, path, "$eq", wanted)
    if operator == "$nin":
        return not _condition(document, path, "$in", wanted)
    values = reached(document, path)
    if operator == "$exists":
        return any(value is not MISSING for value in values) == bool(wanted)
    return any(OPERATORS[operator](value, wanted) for value in _with_items(values, operator))


def _with_items(values: Sequence[Any], operator: str) -> list[Any]:
    """A condition on a list holds when it holds for the list or for one of its items."""
    if operator in {"$size", "$elemMatch"}:
        return list(values)
    items = [item for value in values if isinstance(value, list | tuple) for item in value]
    return [*values, *items]


def _equal(value: Any, wanted: Any) -> bool:
    return (
        is_nan(value) == is_nan(wanted)
        and bracket(value)[0] == bracket(wanted)[0]
        and order(value) == order(wanted)
    )


def _compared(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(value: Any, wanted: Any) -> bool:
        if is_nan(value) or is_nan(wanted):  # as in MongoDB: $lte and $gte hold between two
            return is_nan(value) and is_nan(wanted) and test(0, 0)
        return bracket(value)[0] == bracket(wanted)[0] and test(order(value), order(wanted))

    return compare


def _is_type(value: Any, wanted: Any) -> bool:
    names = wanted if isinstance(wanted, list | tuple) else [wanted]
    if value is MISSING:
        return False
    exact = {bool: "bool", int: "int", float: "double", Decimal128: "decimal"}.get(type(value))
    known = {bracket(value)[1], exact}
    return any(name in known or (name == "long" and exact == "int") for name in names)


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": _equal,
    "$in": lambda value, wanted: any(_equal(value, one) for one in wanted),
    "$gt": _compared(lambda value, wanted: value > wanted),
    "$gte": _compared(lambda value, wanted: value >= wanted),
    "$lt": _compared(lambda value, wanted: value < wanted),
    "$lte": _compared(lambda value, wanted: value <= wanted),
    "$type": _is_type,
    "$size": lambda value, wanted: isinstance(value, list) and len(value) == wanted,
    "$elemMatch": lambda value, wanted: (
        isinstance(value, list)
        and any(matches(item, wanted) for item in value if isinstance(item, Mapping))
    ),
}
