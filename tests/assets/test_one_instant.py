"""Small exports are read as one instant has them; what takes long, or failed before, is not."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from bson import Timestamp

from assets.model.failure import ExportFailed
from assets.model.lanes import LARGE_ROWS, lane_of
from resources.errors import Unavailable
from resources.mongo.connection import MongoConnection
from resources.mongo.stores import MongoStores
from tests.assets.moving import Moving
from tests.assets.workbench import AFTER_THE_PACK, Workbench, tiny_documents, workbench
from tests.fakes.mongo import FakeUserStore

AT = Timestamp(1_796_034_666, 3)


def placed(bench: Workbench, name: str, rows: int | None) -> str:
    """An export that the sensor has claimed, of which so many rows are known."""
    document = bench.asked(name)
    assert bench.life.place(document, lane=lane_of(rows), turn=AFTER_THE_PACK, rows=rows)
    assert bench.life.dispatch(document["_id"])
    return str(document["_id"])


@pytest.mark.parametrize(
    ("name", "rows", "times"),
    [
        ("entries", 60, 1),
        ("waitlist", LARGE_ROWS, 1),
        ("entries", LARGE_ROWS + 1, 0),
        ("entries", None, 0),
        ("codes", 60, 1),
        ("campaign-summary", 1, 1),
        ("code-redemptions", 60, 0),
    ],
)
def test_what_is_known_to_be_read_soon_is_read_at_one_instant(
    name: str, rows: int | None, times: int
) -> None:
    """The server keeps its past for minutes; Athena has a snapshot of its own."""
    bench = workbench()
    with suppress(ExportFailed):  # some of them need answers of Athena, which nobody gives here
        bench.attempt().run(placed(bench, name, rows), 1, run_id="run-1")

    assert len(bench.mongo.asked.named("at_one_instant")) == times


def test_an_attempt_after_the_first_reads_as_ever() -> None:
    """A server that forgets too soon would else fail all four."""
    bench = workbench()
    export_id = placed(bench, "waitlist", 60)
    gone = Unavailable("MONGO_SNAPSHOT_TOO_OLD", "read a page of entries")
    bench.mongo.entries.asked.fail_next(gone, name="scan")
    with pytest.raises(ExportFailed, match="read a page of entries"):
        bench.attempt().run(export_id, 1, run_id="run-1")

    bench.clock.advance(bench.life.timing.backoff_cap)
    assert bench.life.dispatch(export_id)
    done = bench.attempt().run(export_id, 2, run_id="run-2")

    assert len(bench.mongo.asked.named("at_one_instant")) == 1
    assert done.manifest.cluster_time is None


class Remembering(MongoStores):
    """Stores of a server that keeps its past.

    Args:
        bench: What is there now.
    """

    def __init__(self, bench: Workbench) -> None:
        super().__init__(MongoConnection(uri="mongodb://nowhere.invalid", database="x"))
        vars(self).update(vars(bench.mongo))
        self.entries = self.live = Moving()

    @contextmanager
    def at_one_instant(self) -> Iterator[MongoStores]:
        """The entries as they are now, whatever becomes of them."""
        connection = MongoConnection(uri="mongodb://nowhere.invalid", database="x")
        connection.instant = AT
        stores = MongoStores(connection)
        stores.entries, stores.users = Moving(self.live), FakeUserStore(tiny_documents()["users"])
        yield stores


@pytest.fixture
def bench() -> Workbench:
    """A platform whose fans move while they are read."""
    made = workbench()
    return replace(made, doors=replace(made.doors, mongo=Remembering(made)))


def test_a_fan_who_changes_markets_meanwhile_stays_where_the_instant_has_them(
    bench: Workbench,
) -> None:
    """What no count can show: an order that moves is read as it stood (RELIABILITY.md 5)."""
    still = workbench().run("waitlist").manifest

    done = bench.attempt().run(placed(bench, "waitlist", 60), 1, run_id="run-1")

    assert done.manifest.cluster_time == "1796034666.3"
    assert [one.sha256 for one in done.manifest.files] == [one.sha256 for one in still.files]
    assert still.cluster_time is None


def test_read_as_ever_the_same_fans_fail_the_attempt(bench: Workbench) -> None:
    """The control."""
    with pytest.raises(ExportFailed) as raised:
        bench.attempt().run(placed(bench, "waitlist", None), 1, run_id="run-1")

    assert raised.value.code == "SOURCE_MOVED"
