"""The requests sensor: every due export becomes one run, once an attempt."""

from collections import Counter
from typing import Any

import dagster as dg
import pytest

from assets.life import Document, ExportLife
from assets.model.lanes import Lane
from resources.errors import Unavailable
from resources.mongo.exports import Change, Match
from sensors.requests import MOST_PER_TICK, WAIT_SECONDS
from tests.assets.examples import KEY
from tests.sensors.scene import PLATFORM, Scene


def test_a_queued_export_becomes_one_run_with_its_key_and_tags(stage: Scene) -> None:
    """The tags are all that leads the worker to its export."""
    export_id = stage.asked()

    (request,) = stage.requested()

    assert f"{export_id}:1" == request.run_key
    assert KEY == request.partition_key
    assert ("export_waitlist", None) == (request.job_name, request.asset_selection)
    assert (export_id, "1") == (request.tags["export/id"], request.tags["export/attempt"])
    assert int(request.tags["dagster/max_runtime"]) > 0
    # Dagster sends them as they are, and refuses what only looks like a text.
    assert {str} == {type(value) for value in request.tags.values()}
    assert ("dispatched", 1) == (stage.status(export_id), stage.found(export_id)["attempt"])


def test_the_next_tick_asks_for_nothing_again(stage: Scene) -> None:
    """A second run of the same export would cost a slot and find nothing to do."""
    stage.asked()

    assert 1 == len(stage.requested())
    assert [] == stage.requested()


def test_a_dispatched_export_without_a_run_is_asked_for_again_with_the_same_key(
    stage: Scene,
) -> None:
    """The daemon may die between claim and launch; the same key starts nothing twice."""
    export_id = stage.asked()
    (first,) = stage.requested()

    stage.clock.advance(29)
    quiet = stage.life.unstarted(10)
    stage.clock.advance(2)
    (again,) = stage.requested()

    assert [] == quiet
    assert first.run_key == again.run_key == f"{export_id}:1"


def test_only_the_sensor_that_claimed_an_export_asks_for_its_run_again(stage: Scene) -> None:
    """Dagster looks a run's key up among the runs of the sensor that asks, and of no other."""
    export_id = stage.asked()
    (first,) = stage.requested("requests_2")
    stage.clock.advance(31)

    assert [] == stage.requested("requests")
    assert [first.run_key] == [run.run_key for run in stage.requested("requests_2")]
    assert f"{export_id}:1" == first.run_key


def test_a_sensor_that_asks_for_what_others_claimed_is_found_out(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the test above."""
    stage.asked()
    stage.requested("requests_2")
    stage.clock.advance(31)
    of_one = ExportLife.unstarted
    monkeypatch.setattr(ExportLife, "unstarted", lambda life, limit, **_: of_one(life, limit))

    assert 1 == len(stage.requested("requests"))


def _asked_by_two(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> Counter[str | None]:
    """What two sensors ask for when one of them comes while the other has read the queue."""
    listing, second = ExportLife.undispatched, list[dg.RunRequest]()

    def interrupted(life: ExportLife, lane: Lane, limit: int) -> Any:
        found = listing(life, lane, limit)
        if found:
            monkeypatch.setattr(ExportLife, "undispatched", listing)
            second.extend(stage.requested("requests_2"))
        return found

    monkeypatch.setattr(ExportLife, "undispatched", interrupted)
    first = stage.requested("requests")
    return Counter(request.run_key for request in [*first, *second])


def test_two_sensors_that_see_the_same_exports_claim_each_once(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turns only save looks; what makes a claim sound is the database."""
    ids = [stage.asked() for _ in range(3)]

    assert {f"{each}:1": 1 for each in ids} == _asked_by_two(stage, monkeypatch)


def test_two_sensors_that_claim_an_export_twice_are_found_out(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: a claim that does not look at the state."""

    def careless(_life: ExportLife, export_id: str, *, by: str) -> Document | None:
        stored = stage.mongo.exports
        anything = Match(statuses=("queued", "dispatched"))
        change = Change(set={"status": "dispatched", "attempt": 1, "lease.owner": by})
        return stored.change(export_id, anything, change)

    monkeypatch.setattr(ExportLife, "dispatch", careless)
    ids = [stage.asked() for _ in range(3)]

    assert {f"{each}:1": 2 for each in ids} == _asked_by_two(stage, monkeypatch)


def test_a_retry_has_a_key_of_its_own(stage: Scene) -> None:
    """Dagster never starts a known key again."""
    export_id = stage.asked()
    stage.requested()
    stage.life.cancel(export_id, by="a person")
    stage.life.retry(export_id, by="a person")

    assert [f"{export_id}:2"] == [request.run_key for request in stage.requested()]


@pytest.mark.parametrize("kind", ["fortune-telling", "", None])
def test_an_export_of_an_unknown_kind_fails_and_the_others_run(stage: Scene, kind: Any) -> None:
    """A document of a newer version must not sit in the queue for ever, nor block it."""
    odd, good = stage.asked(type=kind), stage.asked()

    assert [f"{good}:1"] == [request.run_key for request in stage.requested()]
    assert ("failed", "UNKNOWN_TYPE") == (stage.status(odd), stage.found(odd)["error"]["code"])


def test_a_dispatched_export_of_a_kind_that_is_gone_does_not_stop_the_others(
    stage: Scene,
) -> None:
    """A release may drop a kind while one waits for its run; every later tick would fail."""
    gone = stage.asked()
    stage.requested()
    stage.plant({**stage.found(gone), "type": "fortune-telling"})
    stage.clock.advance(31)
    good = stage.asked()

    assert [f"{good}:1"] == [request.run_key for request in stage.requested()]


def test_a_campaign_that_is_not_registered_yet_is_added_in_the_same_tick(stage: Scene) -> None:
    """People ask for an export the second after they made the campaign."""
    stage.asked()

    result = stage.tick("requests")

    assert isinstance(result, dg.SensorResult)
    (added,) = result.dynamic_partitions_requests or ()
    assert ("campaigns", [KEY]) == (added.partitions_def_name, added.partition_keys)


def test_a_registered_campaign_is_not_added_again(stage: Scene) -> None:
    """Every request to add takes a lock of Dagster's storage."""
    stage.instance.add_dynamic_partitions("campaigns", [KEY])
    stage.asked()

    result = stage.tick("requests")

    assert isinstance(result, dg.SensorResult)
    assert not result.dynamic_partitions_requests


def test_what_cannot_run_yet_stays_in_the_queue(stage: Scene) -> None:
    """There it can be put in order and cancelled; a launched run only waits."""
    ids = [stage.asked() for _ in range(PLATFORM.at_once + 3)]
    first = [*stage.requested(), *stage.requested(), *stage.requested()]
    assert PLATFORM.at_once == len(first)
    assert ["queued"] * 3 == [stage.status(each) for each in ids[-3:]]

    for each in ids[:2]:
        stage.life.cancel(each, by="a person")

    assert [f"{each}:1" for each in ids[-3:-1]] == [each.run_key for each in stage.requested()]


def test_a_tick_claims_a_bounded_number_most_urgent_first(stage: Scene) -> None:
    """A tick has 60 s; a thousand requests at once must not end it."""
    ids = [stage.asked() for _ in range(MOST_PER_TICK + 5)]
    urgent = stage.asked(priority=9)

    first = {request.run_key for request in stage.requested()}
    second = {request.run_key for request in stage.requested()}

    assert MOST_PER_TICK == len(first)
    assert f"{urgent}:1" in first
    assert {f"{export_id}:1" for export_id in [*ids, urgent]} == first | second


def test_an_export_is_not_claimed_before_its_time(stage: Scene) -> None:
    """A retry waits, or a broken store gets a thousand calls at once."""
    export_id = stage.asked(notBefore=stage.clock.now().replace(year=2027))

    assert [] == stage.requested()
    assert "queued" == stage.status(export_id)


def test_a_tick_without_work_waits_for_some_but_not_long(stage: Scene) -> None:
    """Waiting notices a request at once; longer ticks keep the daemon's threads (DAGSTER.md)."""
    assert [] == stage.requested()

    assert WAIT_SECONDS == pytest.approx(stage.clock.monotonic(), abs=0.2)
    assert max(stage.clock.slept) <= 0.1


def test_a_database_that_is_away_fails_the_tick_and_loses_nothing(stage: Scene) -> None:
    """Dagster shows the failed tick; the next one finds the queue as it was."""
    export_id = stage.asked()
    stage.mongo.exports.asked.fail_next(Unavailable("MONGO_UNREACHABLE", "list"))

    with pytest.raises(Unavailable):
        stage.tick("requests")

    assert [f"{export_id}:1"] == [request.run_key for request in stage.requested()]
