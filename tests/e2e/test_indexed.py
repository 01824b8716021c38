"""The rule by which questions are judged: what a MongoDB does with which index."""

from collections.abc import Sequence
from typing import Any, Final

import pytest
from pymongo import IndexModel

from tests.e2e.indexed import Keys, Question, work
from tests.e2e.recorder.sitecustomize import masked

LINE = IndexModel([("status", 1), ("line.lane", 1), ("line.turn", 1), ("_id", 1)])
NEWEST = IndexModel([("createdAt", -1), ("_id", -1)])
SCAN = IndexModel([("campaignId", 1), ("createdAt", 1), ("_id", 1)])
LISTED = IndexModel(
    [("campaignId", 1), ("_id", 1)], partialFilterExpression={"createdAt": {"$type": "array"}}
)
LEGACY = IndexModel(
    [("campaignId", 1), ("created", 1), ("_id", 1)],
    partialFilterExpression={"created": {"$exists": True}},
)
KEY = IndexModel([("key", 1)], unique=True)


def done(query: dict[str, Any], *indexes: IndexModel, sort: Keys = ()) -> set[str]:
    """What is done for a question, whose values are masked as when it was asked."""
    return work(Question("x", masked(query), sort), indexes)


BY_TURN = [("line.turn", 1), ("_id", 1)]
BY_ID = [("_id", 1)]


SERVED: Final[Sequence[tuple[dict[str, Any], IndexModel, Keys]]] = [
    ({"status": "queued", "line.lane": {"$in": ["small"]}}, LINE, BY_TURN),
    ({"$and": [{"status": "queued"}, {"line.lane": "small"}]}, LINE, BY_TURN),
    ({"status": {"$in": ["queued"]}}, LINE, []),
    ({"createdAt": {"$gte": 1}}, NEWEST, [("createdAt", -1), ("_id", -1)]),
    ({"createdAt": {"$gte": 1}}, NEWEST, [("createdAt", 1), ("_id", 1)]),
    ({"$expr": {"$and": [{"$lt": ["$createdAt", "$$NOW"]}]}}, NEWEST, []),
    ({"_id": {"$in": [1, 2]}, "status": "queued"}, LINE, [("createdAt", 1)]),
    ({"key": "one", "deletedAt": None}, KEY, [("deletedAt", 1)]),
    ({"campaignId": 1, "createdAt": {"$type": "array"}}, LISTED, BY_ID),
    ({"campaignId": 1, "created": {"$lte": 1}}, LEGACY, [("created", 1), ("_id", 1)]),
]
NOT_SERVED: Final[Sequence[tuple[dict[str, Any], IndexModel, Keys, str]]] = [
    ({"status": "queued"}, LINE, BY_ID, "sorts by _id what status finds"),
    ({"line.lane": "small"}, LINE, BY_TURN, "reads all"),
    ({"status": {"$ne": "queued"}}, LINE, [], "reads all"),
    ({"status": {"$not": {"$in": ["queued"]}}}, LINE, [], "reads all"),
    ({"$expr": {"$or": [{"$lt": ["$status", "$$NOW"]}]}}, LINE, [], "reads all"),
    ({}, NEWEST, [("createdAt", -1), ("_id", -1)], "goes along createdAt,_id"),
    ({}, NEWEST, [("createdAt", -1), ("_id", 1)], "reads all"),
    # Of a list its items are in the index, and of a partial index what it holds.
    ({"createdAt": {"$type": "array"}}, NEWEST, [], "reads all"),
    ({"campaignId": 1, "createdAt": {"$type": "date"}}, LISTED, [], "reads all"),
    ({"campaignId": 1, "created": {"$ne": 1}}, LEGACY, [], "reads all"),
]


@pytest.mark.parametrize(("query", "index", "sort"), SERVED)
def test_what_an_index_serves_is_no_work(
    query: dict[str, Any], index: IndexModel, sort: Keys
) -> None:
    """Found where it stands, in the order that is wanted."""
    assert set() == done(query, index, sort=sort)


@pytest.mark.parametrize(("query", "index", "sort", "does"), NOT_SERVED)
def test_what_it_does_not_serve_is_said(
    query: dict[str, Any], index: IndexModel, sort: Keys, does: str
) -> None:
    """To sort, to go along an index until there are enough, or to look at everything."""
    assert {f"x: {does}"} == done(query, index, sort=sort)


def test_each_alternative_takes_an_index_by_what_it_says_itself() -> None:
    """Where one finds none, the server looks at all that the rest of the question leads to."""
    late = {"createdAt": {"$gte": 1}}
    listed = {"campaignId": 1, "createdAt": {"$type": "array"}}
    few = "x: sorts by _id what campaignId createdAt finds"

    assert {few} == done({"campaignId": 1, "$or": [late, listed]}, SCAN, LISTED, sort=BY_ID)

    query = {"campaignId": 1, "$or": [late, {"key": 1}, {"createdAt": {"$type": "array"}}]}
    does = "x: sorts by _id what campaignId finds, for want of an index of key"
    assert {does} == done(query, SCAN, LISTED, sort=BY_ID)


def test_nothing_that_is_asked_for_is_noted() -> None:
    """What is looked for may be a fan's address; names, operators and types are enough."""
    secret = "fan@example.com"
    query = {
        "email": secret,
        "$or": [{"contact": {"$in": [secret]}}, {"old": {"email": secret}}],
        "$expr": {"$and": [{"$eq": ["$email", secret]}, {"$not": [secret]}]},
        "list": {"$elemMatch": {"email": {"$ne": secret}}, "$type": ["array"]},
    }

    assert secret not in repr(masked(query))
    assert "$email" not in repr(masked(query))
