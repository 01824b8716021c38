"""What the embedded MongoDB cannot show: snapshots, bounds of time, and a lost node.

`MONGODB_LOSE` and `MONGODB_FIND` are commands that stop a secondary of the replica set and start it
again, such as `docker stop mongo-2` and `docker start mongo-2`. `MONGODB_STEP_DOWN` says for how
many seconds the primary may step down; `tests/rehearsals` shows the same without a real set.
"""

import os
import shlex
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import bson
import pytest
from pymongo import IndexModel
from pymongo.errors import ExecutionTimeout

from resources.mongo.connection import MongoConnection
from resources.mongo.entries import Scan
from resources.mongo.stores import MongoStores
from tests.e2e.indexed import Keys
from tests.e2e.test_indexed import NOT_SERVED, SERVED
from tests.given import Given
from tests.rehearsals.test_replica_set import all_there, written

WRITES = 200


SCAN = Scan(filter={}, sort=("_id",))


@pytest.fixture
def entries(database: MongoConnection) -> Any:
    """A collection with three documents."""
    found = database.collection("entries")
    found.insert_many([{"_id": number, "seen": 0} for number in range(3)])
    return found


def seen(stores: MongoStores) -> tuple[int, list[dict[str, Any]]]:
    """What an export counts and reads."""
    batches = stores.entries.scan(SCAN)
    return stores.entries.count({}), [bson.decode(one) for batch in batches for one in batch]


def test_an_export_reads_entries_as_one_instant_has_them(entries: Any, mongo: MongoStores) -> None:
    """What is written, changed or removed after the first read, no other read sees."""
    with mongo.at_one_instant() as stores:
        assert stores.instant is not None
        before = seen(stores)
        entries.insert_one({"_id": 3, "seen": 0})
        entries.update_one({"_id": 0}, {"$set": {"seen": 1}})
        entries.delete_one({"_id": 1})
        assert seen(stores) == before

    # The control: without it all three changes are there.
    after = [{"_id": 0, "seen": 1}, {"_id": 2, "seen": 0}, {"_id": 3, "seen": 0}]
    assert seen(mongo) == (3, after)


def test_a_stream_of_batches_gives_every_entry(entries: Any, mongo: MongoStores) -> None:
    """A `mongod` sends the batches of a page unasked, and a page ends where its limit is."""
    entries.insert_many([{"_id": number, "seen": 0} for number in range(3, 1_000)])

    batches = mongo.entries.scan(SCAN, page_size=300, batch_size=20)

    assert [bson.decode(one)["_id"] for batch in batches for one in batch] == list(range(1_000))


def test_an_operation_that_takes_too_long_is_ended_by_the_server(entries: Any) -> None:
    """`maxTimeMS` is what keeps a bad query from holding the server after its worker has gone."""
    slow = {"$where": "sleep(500) || true"}

    with pytest.raises(ExecutionTimeout):
        list(entries.find(slow).max_time_ms(100))


@pytest.mark.parametrize(
    ("query", "index", "sort", "does"), [*((*one, "") for one in SERVED), *NOT_SERVED]
)
def test_a_server_does_what_questions_are_judged_by(
    entries: Any, query: dict[str, Any], index: IndexModel, sort: Keys, does: str
) -> None:
    """The rule of `tests/e2e/indexed.py` stands in for `explain`, which the stand-in lacks."""
    entries.create_indexes([index])
    cursor = entries.find(query)

    told = (cursor.sort(list(sort)) if sort else cursor).explain()["queryPlanner"]["winningPlan"]

    stages = set(_stages(told.get("queryPlan", told)))
    assert ("COLLSCAN" in stages) == (does == "reads all")
    assert "SORT" not in stages or does == "reads all" or does.startswith("sorts")


def _stages(plan: Mapping[str, Any]) -> Iterator[str]:
    """The names of the stages of a plan (MongoDB manual, "Explain Results")."""
    yield plan["stage"]
    for below in (*plan.get("inputStages", ()), *filter(None, [plan.get("inputStage")])):
        yield from _stages(below)


def test_it_is_a_replica_set_whose_majority_answers(entries: Any) -> None:
    """A write that only a primary has seen can be rolled back, and with it a commit of ours."""
    told = entries.database.client.admin.command("hello")

    assert told.get("setName"), "a standalone server is no replica set"
    assert len(told["hosts"]) >= 3


def test_a_lost_secondary_is_not_noticed(database: MongoConnection, mongo: MongoStores) -> None:
    """Reads go to the primary and a majority is left: no write fails, none is lost or doubled."""
    ids = [f"exp_{number:024x}" for number in range(WRITES)]

    def write(name: str) -> object:
        return mongo.exports.insert({"_id": name, "status": "queued"})["_id"]

    with _without_a_secondary(), ThreadPoolExecutor(4) as writers:
        written = list(writers.map(write, ids))
        found = [(mongo.exports.find(name) or {}).get("_id") for name in ids]

    assert written == found == ids
    assert database.collection("exports").count_documents({}) == WRITES


def test_a_primary_that_steps_down_loses_no_write(
    database: MongoConnection, mongo: MongoStores
) -> None:
    """Whoever is told to try again does, and finds the one that was elected."""
    seconds = int(Given(os.environ)["MONGODB_STEP_DOWN"])
    admin = database.collection("any").database.client.admin
    began, happening = threading.Event(), threading.Event()

    with ThreadPoolExecutor(1) as beside:
        writing = beside.submit(written, mongo, began, happening)
        began.wait(30)
        happening.set()
        admin.command("replSetStepDown", seconds)
        names = writing.result()

    assert len(set(names)) == len(names) == all_there(mongo)


@contextmanager
def _without_a_secondary() -> Iterator[None]:
    given = Given(os.environ)
    lose, find = shlex.split(given["MONGODB_LOSE"]), shlex.split(given["MONGODB_FIND"])
    subprocess.run(lose, check=True, timeout=120)
    try:
        yield
    finally:
        subprocess.run(find, check=True, timeout=120)
