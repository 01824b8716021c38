"""What a MongoDB would have to do for a question: by which index, what it sorts, what it misses.

The stand-in goes through whole collections whatever the indexes are, and has no `explain`. What a
server does is reckoned instead, as MongoDB's manual says in "The ESR (Equality, Sort, Range)
Guideline", "Use Indexes to Sort Query Results", "Partial Indexes" and "$or Clauses and Indexes":
the fields that must equal something come first in an index, then those of the order, then one that
is a range; a negation leads nowhere; and each alternative of an `$or` takes an index of its own.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from pymongo import IndexModel

from resources.mongo.stores import INDEXES

_EQUAL: Final = frozenset({"$eq", "$in"})
_RANGE: Final = frozenset({"$gt", "$gte", "$lt", "$lte", "$type", "$exists"})
_ID: Final = IndexModel([("_id", 1)], name="_id_", unique=True)
_ALTERNATIVES: Final = "$or"

Keys = Sequence[tuple[str, int]]
# A field, an operator, and its operand; values are question marks.
Condition = tuple[str, str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for in a collection, without its values.

    Attributes:
        collection: Where.
        filter: Names, operators and types; each value is a question mark.
        sort: The order, by field.
    """

    collection: str
    filter: Mapping[str, Any]
    sort: Keys


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a server would answer by one index.

    Attributes:
        search: The fields by which it looks in the index; none: it goes through all of it.
        in_order: Whether it finds what is wanted in the order that is wanted.
    """

    search: Sequence[str]
    in_order: bool


Plans = Sequence[_Plan]


def asked(folder: Path) -> list[Question]:
    """What processes have noted there (`recorder/sitecustomize.py`), each once."""
    files = sorted(folder.glob("*.jsonl"))
    lines = {line for file in files for line in file.read_text("utf-8").splitlines()}
    found = [json.loads(line) for line in sorted(lines)]
    return [Question(**{**one, "sort": [tuple(key) for key in one["sort"]]}) for one in found]


def work(question: Question, indexes: Sequence[IndexModel] | None = None) -> set[str]:
    """What a server does for a question beyond finding what is wanted in an index.

    Args:
        question: What is asked.
        indexes: Those of the collection; None for those that are declared.

    Returns:
        Nothing, or words as "entries: sorts by _id what campaignId finds", where the fields are
        those by which the best index is searched; one for each alternative that is served so, or
        that keeps the others from being.
    """
    declared = INDEXES.get(question.collection, ()) if indexes is None else indexes
    # Of two that are as good it is any; the one declared last is narrower as a rule.
    known = [index.document for index in (*reversed(declared), _ID)]
    about = list(_conditions(question.filter))
    does = _best([_plan(about, question.sort, index) for index in known], question.sort)
    branches = next((operand for _, name, operand in about if name == _ALTERNATIVES), None)
    if does is None:
        return set()
    told: set[str | None] = {does}
    if branches is not None:
        each = [_own_plans(one, about, question.sort, known) for one in branches]
        told = _alternatives(does, branches, each, question.sort)
    return {f"{question.collection}: {one}" for one in told if one is not None}


def _alternatives(
    does: str, branches: Sequence[Mapping[str, Any]], each: Sequence[Plans], sort: Keys
) -> set[str | None]:
    """A server takes each for itself, if it finds an index for every one; else it does as told."""
    lacking = {
        "+".join(dict.fromkeys(path for path, _, _ in _conditions(branch)))
        for branch, plans in zip(branches, each, strict=True)
        if not plans
    }
    if lacking:
        return {f"{does}, for want of an index of {', '.join(sorted(lacking))}"}
    return {_best(plans, sort) for plans in each}


def _own_plans(
    branch: Mapping[str, Any],
    about: Sequence[Condition],
    sort: Keys,
    indexes: Sequence[Mapping[str, Any]],
) -> Plans:
    """How an alternative is answered: by an index that has a field of its own among its keys."""
    own = list(_conditions(branch))
    fitting = [one for one in indexes if one["key"].keys() & {path for path, _, _ in own}]
    plans = [_plan([*about, *own], sort, index) for index in fitting]
    return [plan for plan in plans if plan.search]


def _best(plans: Plans, sort: Keys) -> str | None:
    """What is done by the best of plans; None: nothing beyond finding."""
    best = max(plans, key=lambda plan: (bool(plan.search), plan.in_order, len(plan.search)))
    order = ",".join(path for path, _ in sort)
    if not best.search:
        return f"goes along {order}" if order and best.in_order else "reads all"
    return None if best.in_order else f"sorts by {order} what {' '.join(best.search)} finds"


def _plan(about: Sequence[Condition], sort: Keys, index: Mapping[str, Any]) -> _Plan:
    equal = {path for path, word, _ in about if word in _EQUAL}
    ranges = {path for path, word, to in about if word in _RANGE and not _of_lists(word, to)}
    partial = index.get("partialFilterExpression", {})
    if not all(_implied(path, wanted, about) for path, wanted in partial.items()):
        return _Plan((), in_order=False)
    keys = list(index["key"].items())
    search = [path for path, _ in takewhile(lambda key: key[0] in equal, keys)]
    rest = keys[len(search) :]
    if not rest and index.get("unique"):
        return _Plan(search, in_order=True)  # one document for each value
    in_order = _in_order(rest, [key for key in sort if key[0] not in equal])
    if rest and rest[0][0] in ranges:
        search.append(rest[0][0])
    return _Plan([*search, *(one for one in partial if one not in search)], in_order=in_order)


def _conditions(query: Mapping[str, Any]) -> Iterator[Condition]:
    """What must hold, each field with an operator; of expressions those that are comparisons."""
    for name, value in query.items():
        if name in {"$and", "$expr"}:
            for each in value:
                yield from _conditions(each)
        elif name.startswith("$"):
            yield "", name, value
        elif isinstance(value, Mapping) and all(word.startswith("$") for word in value):
            yield from ((name, word, operand) for word, operand in value.items())
        else:
            yield name, "$eq", value


def _of_lists(word: str, operand: Any) -> bool:
    """Of a list an index holds the items, so it cannot be searched for lists."""
    return word == "$type" and (
        "array" in operand if isinstance(operand, list) else operand == "array"
    )


def _implied(path: str, wanted: Any, about: Sequence[Condition]) -> bool:
    """Whether what a partial index holds is all that may be asked for."""
    told = [(word, to) for place, word, to in about if place == path]
    if wanted == {"$exists": True}:
        return any(word in _EQUAL | _RANGE for word, _ in told)
    if isinstance(wanted, Mapping):
        return any(word in _EQUAL or {word: to} == wanted for word, to in told)
    return any(word in _EQUAL for word, _ in told)


def _in_order(keys: Keys, wanted: Keys) -> bool:
    """Whether an index whose keys follow has what is wanted in order, forwards or backwards."""
    first = keys[: len(wanted)]
    ways = {ours * theirs for (_, ours), (_, theirs) in zip(first, wanted, strict=False)}
    return [path for path, _ in first] == [path for path, _ in wanted] and len(ways) <= 1
