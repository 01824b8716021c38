"""What the store that operators look at promises."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from resources.mongo.downloads import Download, DownloadStore
from resources.mongo.exports import Change, ExportStore, Match
from resources.mongo.operations import OperationsStore
from resources.mongo.stores import MongoStores
from resources.mongo.ticks import TickStore

QUEUED = Match(statuses=("queued",))
LONG_AGO = datetime(1999, 12, 31, tzinfo=UTC)
ENDED = Change(set={"status": "failed", "error": {"code": "X"}}, stamp=("finishedAt",))


def born(store: ExportStore, export_id: str, **fields: Any) -> Any:
    """A waiting export."""
    return store.insert({"_id": export_id, "status": "queued", "type": "waitlist", **fields})


class OperationsContract:
    """The suite; a subclass gives the fixtures.

    ``stores``: every store, empty. ``passes``: lets so many seconds pass for the database.
    """

    doors: ClassVar = (DownloadStore, OperationsStore, TickStore)

    def test_a_sensor_is_seen_to_look_again(
        self, stores: MongoStores, passes: Callable[[float], None]
    ) -> None:
        """An age that does not fall again would make a living platform look dead."""
        assert stores.ticks.last() == {}
        stores.ticks.tick("requests")
        first = stores.ticks.last()
        passes(0.05)
        stores.ticks.tick("requests")
        stores.ticks.tick("housekeeping")
        second = stores.ticks.last()

        assert set(second) == {"requests", "housekeeping"}
        assert second["requests"] > first["requests"]
        assert first["requests"].utcoffset() == timedelta(0)

    def test_a_sensor_that_fails_is_told_by_its_last_failure(
        self, stores: MongoStores, passes: Callable[[float], None]
    ) -> None:
        """That it looked is another matter: it may fail at all that it sees."""
        assert stores.ticks.failures() == {}
        stores.ticks.tick("outcomes")
        stores.ticks.fail("outcomes", documents=3, kind="KeyError")
        first = stores.ticks.failures()
        passes(0.05)
        stores.ticks.fail("outcomes", documents=1, kind="$NOW")
        stores.ticks.fail("requests", documents=2, kind="Unavailable")
        second = stores.ticks.failures()

        told = {name: (failure.documents, failure.kind) for name, failure in second.items()}
        assert told == {"outcomes": (1, "$NOW"), "requests": (2, "Unavailable")}
        assert second["outcomes"].at > first["outcomes"].at
        assert set(stores.ticks.last()) == {"outcomes"}

    def test_downloads_are_kept_each_and_told_from_the_newest(
        self, stores: MongoStores, passes: Callable[[float], None]
    ) -> None:
        """However many there are, none is lost, and what a caller says of itself stays text."""
        assert stores.downloads.of("exp_1", limit=9) == []
        first = Download(file=1, actor="svc:$NOW", ip="127.0.0.1", user_agent="$ROOT")
        second = Download(file=2, actor="fan-desk", client="page")
        for download in (first, second):
            stores.downloads.add("exp_1", download)
            passes(0.05)
        stores.downloads.add("exp_2", first)

        told = stores.downloads.of("exp_1", limit=9)

        assert [replace(one, at=None) for one in told] == [second, first]
        instants = [one.at for one in told if one.at is not None]
        assert instants[0] > instants[1]
        assert instants[0].utcoffset() == timedelta(0)
        assert stores.downloads.of("exp_1", limit=1) == told[:1]

    def test_revisions_tell_which_exports_have_changed(self, stores: MongoStores) -> None:
        """Those who wait are told by this; an export that is not there has none."""
        for export_id in ("exp_1", "exp_2", "exp_3"):
            stores.exports.insert({"_id": export_id, "status": "queued"})
        stores.exports.change("exp_2", QUEUED, Change())

        assert stores.operations.revisions(["exp_1", "exp_2", "exp_4"]) == {"exp_1": 1, "exp_2": 2}
        assert stores.operations.revisions([]) == {}

    def test_the_earliest_of_those_that_match_is_found(
        self, stores: MongoStores, passes: Callable[[float], None]
    ) -> None:
        """How long the queue is stuck is told by the one that waits for longest."""
        assert stores.operations.earliest(QUEUED, "queuedAt") is None
        first = born(stores.exports, "exp_2")
        passes(0.05)
        born(stores.exports, "exp_1")
        stores.exports.change("exp_2", QUEUED, Change(set={"notBefore": "soon"}))

        assert stores.operations.earliest(QUEUED, "queuedAt") == first["queuedAt"]
        assert stores.operations.earliest(QUEUED, "notBefore") is None  # text is no date
        waiting = Match(statuses=("queued",), equal={"notBefore": None})
        assert (stores.operations.earliest(waiting, "queuedAt") or LONG_AGO) > first["queuedAt"]

    def test_the_latest_of_each_group_is_told(self, stores: MongoStores) -> None:
        """A newcomer's turn comes after the last of its caller's exports of the same campaign."""
        for number, (campaign, minutes) in enumerate((("a", 1), ("a", 3), ("b", 2), (None, 5))):
            line = {"turn": LONG_AGO + timedelta(minutes=minutes)}
            born(stores.exports, f"exp_{number}", campaign=campaign, priority=5, line=line)
        born(stores.exports, "exp_4", campaign="c", line=None)
        born(stores.exports, "exp_5", campaign="a", priority=5, line=line)
        stores.exports.change("exp_5", QUEUED, ENDED)

        found = stores.operations.latest(QUEUED, "line.turn", by=("campaign", "priority"))

        minutes_of = {key: (turn - LONG_AGO).seconds // 60 for key, turn in found.items()}
        assert {("a", 5): 3, ("b", 5): 2, (None, 5): 5} == minutes_of

    def test_those_before_an_instant_are_counted_up_to_a_bound(self, stores: MongoStores) -> None:
        """How far back an export stands in its queue; who comes after it does not count."""
        for minutes in range(5):
            line = {"lane": "small", "turn": LONG_AGO + timedelta(minutes=minutes)}
            born(stores.exports, f"exp_{minutes}", line=line)
        born(stores.exports, "exp_5", line={"lane": "large", "turn": LONG_AGO})
        born(stores.exports, "exp_6", line=None)
        small = Match(statuses=("queued",), equal={"line.lane": "small"})
        third = LONG_AGO + timedelta(minutes=2)

        assert stores.operations.before(small, "line.turn", LONG_AGO, most=9) == 0
        assert stores.operations.before(small, "line.turn", third, most=9) == 2
        assert stores.operations.before(small, "line.turn", third, most=1) == 1

    def test_exports_are_counted_by_state(self, stores: MongoStores) -> None:
        """A state that nobody is in is not there."""
        assert stores.operations.counts() == {}
        for number in range(3):
            born(stores.exports, f"exp_{number}")
        stores.exports.change("exp_1", QUEUED, ENDED)

        assert stores.operations.counts() == {"queued": 2, "failed": 1}

    def test_what_ended_is_told_in_a_few_fields(
        self, stores: MongoStores, passes: Callable[[float], None]
    ) -> None:
        """Requests and trails of an hour would be megabytes, and nobody's business here."""
        for number in range(3):
            born(stores.exports, f"exp_{number}", request={"reason": "r"})
        early = stores.exports.change("exp_0", QUEUED, ENDED)
        passes(0.05)
        late = stores.exports.change("exp_1", QUEUED, ENDED)
        assert early is not None and late is not None  # noqa: PT018 - for the type checker

        every = stores.operations.ended_since(early["finishedAt"] or late["createdAt"])
        newer = stores.operations.ended_since(late["finishedAt"] or late["createdAt"])

        assert [document["_id"] for document in every] == ["exp_1", "exp_0"]
        assert [document["_id"] for document in newer] == ["exp_1"]
        assert set(newer[0]) == {"_id", "type", "status", "error", "finishedAt"}
        assert newer[0]["error"] == {"code": "X"}

    def test_how_long_exports_of_a_kind_took_is_told_newest_first(
        self, stores: MongoStores, passes: Callable[[float], None]
    ) -> None:
        """What failed or shared another one's files took no time that says anything."""
        made = Change(set={"result": {"accounting": {"read": 7}, "rows": 5}}, stamp=("finishedAt",))
        for number, fields in enumerate(({}, {"type": "codes"}, {"generation": "exp_0"}, {}, {})):
            born(stores.exports, f"exp_{number}", **fields)
            stores.exports.change(f"exp_{number}", QUEUED, made if number < 4 else ENDED)
            passes(0.01)

        found = stores.operations.durations("waitlist", limit=5)

        assert [document["_id"] for document in found] == ["exp_3", "exp_0"]
        assert found[0]["result"] == {"accounting": {"read": 7}}
        assert [one["_id"] for one in stores.operations.durations("waitlist", limit=1)] == ["exp_3"]
