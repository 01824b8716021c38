"""The housekeeping sensor: no export stays with a dead worker, no file outlives its time."""

from datetime import timedelta
from typing import Any

import pytest

from resources.errors import Refused
from tests.sensors.scene import Scene

PREFIX = "exports/waitlist/v1/campaign=aurora-lights-2026/export={}/a1-0badcafe/"


def finished(stage: Scene, **changes: Any) -> str:
    """The id of an export that has succeeded, with its two objects."""
    export_id = stage.running()
    published(stage, export_id, **changes)
    return export_id


def published(stage: Scene, export_id: str, **changes: Any) -> None:
    """Have a running export succeed, with its two objects."""
    token = stage.found(export_id)["lease"]["token"]
    prefix = PREFIX.format(export_id)
    for name in ("part-00001.csv.gz", "_manifest.json"):
        stage.objects.put(prefix + name, b"bytes", media_type="text/csv")
    result = {
        "manifestKey": f"{prefix}_manifest.json",
        "rows": 1,
        "bytes": 5,
        "files": [{"number": 1, "key": f"{prefix}part-00001.csv.gz"}],
        "accounting": {"read": 1},
        "withheld": [],
    }
    stage.life.succeed(
        export_id, token, result=result, expires_at=stage.clock.now() + timedelta(hours=1)
    )
    stage.plant({**stage.found(export_id), **changes})


def test_an_export_whose_lease_ran_out_is_queued_again_as_a_rescue(stage: Scene) -> None:
    """The worker was killed: that is no failure of the export, but it is counted."""
    export_id = stage.running()
    stage.clock.advance(61)

    stage.tick("housekeeping")

    found = stage.found(export_id)
    assert ("queued", 1, 0) == (found["status"], found["rescues"], found["failures"])
    assert found["lease"] is None


def test_a_living_worker_keeps_its_export(stage: Scene) -> None:
    """Between two heartbeats nobody may take it."""
    export_id = stage.running()
    stage.clock.advance(59)

    stage.tick("housekeeping")

    assert "running" == stage.status(export_id)


def test_the_third_dead_worker_makes_a_poison_pill(stage: Scene) -> None:
    """A document that kills its worker would otherwise take the whole platform with it."""
    export_id = stage.running(rescues=2)
    stage.clock.advance(61)

    stage.tick("housekeeping")

    found = stage.found(export_id)
    assert ("failed", "POISON", 3) == (found["status"], found["error"]["code"], found["rescues"])


def test_a_cancelling_export_without_a_worker_is_cancelled(stage: Scene) -> None:
    """Its worker died before it could say so; the person who cancelled waits."""
    export_id = stage.running()
    stage.life.cancel(export_id, by="a person")
    stage.clock.advance(61)

    stage.tick("housekeeping")

    assert "cancelled" == stage.status(export_id)


@pytest.mark.parametrize(("seconds", "status"), [(119, "dispatched"), (121, "queued")])
def test_an_export_that_never_got_a_lease_is_rescued_after_a_while(
    stage: Scene, seconds: float, status: str
) -> None:
    """A run from the Dagster page makes its document before it holds it, and may die between."""
    export_id = stage.asked(status="dispatched", attempt=1, lease=None)
    stage.clock.advance(seconds)

    stage.tick("housekeeping")

    assert status == stage.status(export_id)


def test_three_hundred_odd_documents_do_not_hide_the_one_that_is_stuck(stage: Scene) -> None:
    """A bound on what a tick looks at would hide the last ones for ever (RELIABILITY.md 1)."""
    stuck = stage.running()
    odd = stage.found(stuck)
    for number in range(300):
        wrong: list[dict[str, Any]] = [
            {"rescues": "many"},
            {"rescues": {"a": 1}},
            {"attempt": None, "rescues": None},
        ]
        stage.plant({**odd, **wrong[number % 3], "_id": f"exp_{number:024d}"})
    stage.clock.advance(61)

    stage.tick("housekeeping")

    assert "queued" == stage.status(stuck)


def test_a_waiting_export_is_nobodys_to_rescue(stage: Scene) -> None:
    """A long queue is no crash."""
    export_id = stage.asked()
    stage.clock.advance(10_000)

    stage.tick("housekeeping")

    assert ("queued", 0) == (stage.status(export_id), stage.found(export_id)["rescues"])


def test_an_export_that_is_made_again_expires_again(stage: Scene) -> None:
    """What was deleted before says nothing of the files that it has now."""
    export_id = finished(stage)
    stage.clock.advance(3601)
    stage.tick("housekeeping")
    stage.life.retry(export_id, by="a person")
    claimed = stage.life.dispatch(export_id)
    assert claimed is not None
    stage.life.start(export_id, claimed["attempt"], owner="host:7", run_id="r")
    published(stage, export_id)
    assert len(list(stage.objects.keys(PREFIX.format(export_id)))) == 2
    stage.clock.advance(3601)

    stage.tick("housekeeping")

    assert "expired" == stage.status(export_id)
    assert [] == list(stage.objects.keys(PREFIX.format(export_id)))


def test_an_expired_export_loses_its_objects_and_keeps_its_audit(stage: Scene) -> None:
    """Retention deletes objects, then links; who asked for what stays (DESIGN.md 3, rule 10)."""
    export_id, other = finished(stage), finished(stage, expiresAt=stage.clock.now() + timedelta(9))
    stage.clock.advance(3601)

    stage.tick("housekeeping")

    found = stage.found(export_id)
    assert ("expired", []) == (found["status"], found["result"]["files"])
    assert found["audit"]
    assert [PREFIX.format(other)] * 2 == [
        key.rpartition("/")[0] + "/" for key in stage.objects.keys("")
    ]


def test_an_export_is_not_called_expired_while_its_objects_are_there(stage: Scene) -> None:
    """Marked first and deleted never: nobody would look at the objects again."""
    export_id = finished(stage)
    stage.clock.advance(3601)
    stage.objects.asked.fail_next(Refused("S3_DENIED", "remove objects"), name="remove")

    stage.tick("housekeeping")
    between = stage.status(export_id)
    stage.tick("housekeeping")

    assert ("succeeded", "expired") == (between, stage.status(export_id))


def test_what_a_person_deleted_goes_at_the_next_tick(stage: Scene) -> None:
    """Long before its time: somebody is done with the personal data, and said so (API.md 1)."""
    export_id, other = finished(stage), finished(stage)
    stage.life.delete(export_id, by="a person")
    stage.clock.advance(1)

    stage.tick("housekeeping")

    found = stage.found(export_id)
    assert ("expired", []) == (found["status"], found["result"]["files"])
    assert not list(stage.objects.keys(PREFIX.format(export_id)))
    assert len(list(stage.objects.keys(PREFIX.format(other)))) == 2


@pytest.mark.parametrize("result", [None, {}, {"manifestKey": 5}, "text", {"manifestKey": "x"}])
def test_a_result_that_cannot_be_read_does_not_stop_the_others(stage: Scene, result: Any) -> None:
    """Files with personal data must end even beside a damaged document."""
    finished(stage, result=result)
    good = finished(stage)
    stage.clock.advance(3601)

    stage.tick("housekeeping")

    assert "expired" == stage.status(good)
    assert not list(stage.objects.keys(PREFIX.format(good)))


def test_at_how_many_exports_a_tick_failed_is_written_down(stage: Scene) -> None:
    """Who looks at the platform sees a sensor that looks in time and can do nothing."""
    for _ in range(2):
        finished(stage, result=None)
    finished(stage)
    stage.clock.advance(3601)

    stage.tick("housekeeping")

    failure = stage.mongo.ticks.failures()["housekeeping"]
    assert (failure.documents, failure.kind) == (2, "TypeError")


def test_what_a_failed_export_left_is_deleted_and_what_comes_later_stays(stage: Scene) -> None:
    """A killed worker cannot clean up, and personal data must not outlive a failed export."""
    export_id = stage.running()
    token = stage.found(export_id)["lease"]["token"]
    error = {"code": "S3_DENIED", "message": "m", "retryable": False}
    stage.life.fail(stage.found(export_id), token, error=error, jitter=0.0)
    export = f"exports/waitlist/v1/campaign=aurora-lights-2026/export={export_id}"
    for attempt in (f"{export}/a1-dead0000", f"{export}/a2-later000"):
        stage.objects.put(f"{attempt}/part-00001.csv", b"bytes", media_type="text/csv")
    stage.clock.advance(61)

    stage.tick("housekeeping")

    assert list(stage.objects.keys(export)) == [f"{export}/a2-later000/part-00001.csv"]
    assert stage.found(export_id)["purgedAt"]


@pytest.mark.parametrize("deleted", [True, False])
def test_files_kept_for_a_delivery_go_when_the_export_is_deleted(
    stage: Scene, deleted: bool
) -> None:
    """They wait for a retry that goes on with them, and there is none after a delete."""
    export_id = stage.running()
    token = stage.found(export_id)["lease"]["token"]
    stage.life.ship(export_id, token, draft=b"d", attempt=1, deliveries={}, keep=86_400)
    error = {"code": "SFMC_DOWN", "message": "m", "retryable": False}
    stage.life.fail(stage.found(export_id), token, error=error, jitter=0.0)
    key = PREFIX.format(export_id) + "part-00001.csv"
    stage.objects.put(key, b"bytes", media_type="text/csv")
    if deleted:
        stage.life.delete(export_id, by="a person")
    stage.clock.advance(61)

    stage.tick("housekeeping")

    assert list(stage.objects.keys(PREFIX.format(export_id))) == ([] if deleted else [key])
