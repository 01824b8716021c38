"""The outcomes sensor: what Dagster says of a run counts only where nobody else can know."""

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent
from dagster._core.instance import DagsterInstance
from dagster._core.launcher import CheckRunHealthResult, RunLauncher, WorkerStatus

from sensors import outcomes
from tests.sensors.scene import Scene

NEVER = WorkerStatus.NOT_FOUND
ENDED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS)


@pytest.mark.parametrize("ended", ENDED)
def test_a_run_that_ended_before_it_began_gives_its_export_back(
    stage: Scene, ended: dg.DagsterRunStatus
) -> None:
    """A worker that could not be started says nothing; the export must not wait ten minutes."""
    export_id = stage.asked()
    stage.requested()
    stage.run(ended, key=f"{export_id}:1")
    stage.clock.advance(31)

    stage.tick("outcomes")

    found = stage.found(export_id)
    assert ("queued", None, 1) == (found["status"], found["lease"], found["rescues"])


def test_the_third_run_that_ends_before_it_began_quarantines_the_export(stage: Scene) -> None:
    """Otherwise a worker that cannot be started is started for ever (DESIGN.md 3, rule 7)."""
    export_id = stage.asked()
    for attempt in (1, 2, 3):
        stage.requested()
        stage.run(dg.DagsterRunStatus.FAILURE, key=f"{export_id}:{attempt}")
        stage.clock.advance(31)
        stage.tick("outcomes")

    found = stage.found(export_id)
    assert ("failed", "POISON", 3) == (found["status"], found["error"]["code"], found["rescues"])


def test_a_dispatched_export_whose_run_a_person_ended_is_cancelled(stage: Scene) -> None:
    """Who ends a run in the Dagster page does not want it to start again."""
    export_id = stage.asked()
    stage.requested()
    stage.run(dg.DagsterRunStatus.CANCELED, key=f"{export_id}:1")
    stage.clock.advance(31)

    stage.tick("outcomes")

    assert "cancelled" == stage.status(export_id)


def test_a_running_export_whose_run_a_person_ended_is_asked_to_stop(stage: Scene) -> None:
    """The worker may still be alive; it learns of the cancel at its next heartbeat."""
    export_id = stage.running()
    stage.run(dg.DagsterRunStatus.CANCELED, run_id=f"run of {export_id}")

    stage.tick("outcomes")

    found = stage.found(export_id)
    assert ("cancelling", "dagster") == (found["status"], found["cancel"]["by"])


@pytest.mark.parametrize("ended", ENDED)
def test_a_running_export_is_not_touched_when_dagster_calls_its_run_ended(
    stage: Scene, ended: dg.DagsterRunStatus
) -> None:
    """Dagster has called live workers dead; only the lease may end one (DESIGN.md 3)."""
    export_id = stage.running()
    before = stage.found(export_id)
    stage.run(ended, run_id=f"run of {export_id}")

    stage.tick("outcomes")

    assert before == stage.found(export_id)


def test_an_export_whose_run_waits_for_a_slot_is_left_in_peace(stage: Scene) -> None:
    """A busy day must not turn every waiting run into three."""
    export_id = stage.asked()
    stage.requested()
    stage.run(dg.DagsterRunStatus.NOT_STARTED, key=f"{export_id}:1")
    stage.clock.advance(500)

    stage.tick("outcomes")

    assert "dispatched" == stage.status(export_id)


def test_the_run_of_an_earlier_attempt_says_nothing_about_this_one(stage: Scene) -> None:
    """Otherwise the failure of the first attempt would take back the second."""
    export_id = stage.asked()
    stage.requested()
    stage.run(dg.DagsterRunStatus.FAILURE, key=f"{export_id}:1")
    stage.clock.advance(31)
    stage.tick("outcomes")
    stage.requested()
    stage.clock.advance(31)

    stage.tick("outcomes")

    assert ("dispatched", 2) == (stage.status(export_id), stage.found(export_id)["attempt"])


def test_a_document_that_cannot_be_read_does_not_hide_the_rest(stage: Scene) -> None:
    """One damaged export must not keep every other one from being taken back."""
    damaged, good = stage.asked(), stage.asked()
    stage.requested()
    found = stage.found(damaged)
    stage.plant({**found, "_id": "exp_0", "attempt": {"$gt": ""}, "dagster": "none"})
    stage.plant({**found, "_id": "exp_1", "dagster": ["none"]})
    stage.run(dg.DagsterRunStatus.FAILURE, key=f"{good}:1")
    stage.clock.advance(31)

    stage.tick("outcomes")

    assert "queued" == stage.status(good)


def test_a_run_that_waits_for_its_process_keeps_its_export(stage: Scene) -> None:
    """A busy queue is nobody's failure: half an hour of waiting must not make a poison pill."""
    export_id = stage.asked()
    stage.requested()
    stage.run(dg.DagsterRunStatus.STARTING, key=f"{export_id}:1")

    for _ in range(6):
        stage.clock.advance(300)
        stage.tick("outcomes")
        stage.tick("housekeeping")

    found = stage.found(export_id)
    assert (found["status"], found["attempt"], found["rescues"]) == ("dispatched", 1, 0)


def test_an_export_that_waits_without_any_run_goes_back_uncounted(stage: Scene) -> None:
    """Dagster's storage may be lost: no worker died of it, so it is no rescue."""
    export_id = stage.asked()
    stage.requested()
    stage.clock.advance(601)

    stage.tick("housekeeping")

    found = stage.found(export_id)
    assert (found["status"], found["rescues"]) == ("queued", 0)


class Launcher(RunLauncher[DagsterInstance]):
    """Says the same of every run."""

    def __init__(self, state: WorkerStatus, *, knows: bool = True) -> None:
        super().__init__()
        self._state, self._knows = state, knows

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether it can be asked."""
        return self._knows

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """The same."""
        return CheckRunHealthResult(self._state)

    def launch_run(self, context: object) -> None:
        """Nothing is launched here."""

    def terminate(self, run_id: str) -> bool:
        """Nor ended."""
        return False


class Denied(Launcher):
    """Of ECS, without the daemon's role."""

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Refuse."""
        raise PermissionError


def starting(stage: Scene, launcher: Launcher, *, ago: float) -> str:
    """An export whose run Dagster said was starting so many seconds ago."""
    export_id = stage.asked()
    stage.requested()
    stage.instance._run_launcher = launcher
    stage.run(dg.DagsterRunStatus.STARTING, key=f"{export_id}:1", run_id="r1")
    said = DagsterEvent("PIPELINE_STARTING", job_name="__ASSET_JOB")
    now = stage.clock.now().timestamp()
    stage.instance.store_event(dg.EventLogEntry(None, 20, "", "r1", now, dagster_event=said))
    stage.clock.advance(ago)
    return export_id


def test_a_run_that_no_worker_was_told_of_gives_its_export_back(stage: Scene) -> None:
    """The daemon died in the middle of launching it: nobody waits for the 180 s of Dagster."""
    export_id = starting(stage, Launcher(NEVER), ago=outcomes.LAUNCH_SECONDS + 16)

    stage.tick("outcomes")

    run = stage.instance.get_run_by_id("r1")
    assert run is not None
    assert ("queued", dg.DagsterRunStatus.FAILURE) == (stage.status(export_id), run.status)


@pytest.mark.parametrize(
    ("launcher", "ago"),
    [
        (Launcher(NEVER), outcomes.LAUNCH_SECONDS - 1),
        (Launcher(NEVER, knows=False), 500),
        (Launcher(WorkerStatus.RUNNING), 500),
        (Launcher(WorkerStatus.UNKNOWN), 500),
        (Denied(NEVER), 500),
    ],
    ids=("just now", "cannot be asked", "waits for a worker", "does not know", "tells others only"),
)
def test_a_run_that_may_yet_start_is_left_in_peace(
    stage: Scene, launcher: Launcher, ago: float
) -> None:
    """A worker of it may come at any time; only one that never can is given up."""
    export_id = starting(stage, launcher, ago=ago)

    stage.tick("outcomes")

    run = stage.instance.get_run_by_id("r1")
    assert run is not None
    assert ("dispatched", dg.DagsterRunStatus.STARTING) == (stage.status(export_id), run.status)
