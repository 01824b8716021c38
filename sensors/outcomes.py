"""The sensor that tells exports what became of their runs, and of the exports that they share."""

from contextlib import suppress
from dataclasses import dataclass

import dagster as dg
from dagster._core.launcher import WorkerStatus

from assets.factory import Platform
from assets.life import Document, ExportLife, IllegalMove
from assets.model.lifecycle import run_key
from resources.clock import Clock
from resources.mongo.stores import MongoStores
from sensors.decisions import Outcome, outcome
from sensors.each import Each, paged

NAME = "outcomes"
# Generations of one tick whose first request is gone; there is rarely one.
MOST_FORSAKEN = 100
RUN_KEY_TAG = "dagster/run_key"
# Dagster says that a run starts and calls the launcher, which has 5 s for it (`launcher.py`).
LAUNCH_SECONDS = 15
NEVER_LAUNCHED = "No worker was ever told of this run: who was to start it died. It is tried again."


def build_outcomes_sensor() -> dg.SensorDefinition:
    """Look for runs that ended before their export began, or that a person ended."""

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes back exports whose run ended before it began.",
    )
    def outcomes(
        context: dg.SensorEvaluationContext,
        mongo: dg.ResourceParam[MongoStores],
        clock: dg.ResourceParam[Clock],
        platform: dg.ResourceParam[Platform],
    ) -> dg.SkipReason:
        life = ExportLife(mongo.exports, timing=platform.timing)
        each = Each(context, mongo.ticks, NAME)
        runs = _Runs(context.instance, clock)
        settled = each(
            paged(life.in_flight),
            lambda document: _settle(runs, life, document),
        )
        told = each(paged(life.joined), lambda document: life.settle(document) is not None)
        withdrawn = each(
            life.forsaken(MOST_FORSAKEN),
            lambda document: life.withdraw(document) is not None,
        )
        said = f"settled {settled}, told {told} that share, withdrew {withdrawn}"
        return dg.SkipReason(said)

    return outcomes


def _settle(runs: "_Runs", life: ExportLife, document: Document) -> bool:
    """Act on what became of one export's run; whether anything changed."""
    match outcome(document["status"], runs.status(document)):
        case Outcome.CANCEL:
            try:
                return life.halt(document["_id"], by="dagster") is not None
            except IllegalMove:
                return False
        case Outcome.EXTEND:
            life.extend(document)
            return False
        case Outcome.RESCUE:
            return life.recall(document) is not None
        case _:
            return False


@dataclass(frozen=True, slots=True)
class _Runs:
    """What Dagster knows of the runs of exports."""

    instance: dg.DagsterInstance
    clock: Clock

    def status(self, document: Document) -> str | None:
        """Of the run of an export's attempt; None when there is none."""
        run_id = (document.get("dagster") or {}).get("runId")
        if document["status"] == "dispatched" or run_id is None:
            tags = {RUN_KEY_TAG: run_key(document["_id"], document["attempt"])}
            records = self.instance.get_run_records(dg.RunsFilter(tags=tags), limit=1)
        else:
            records = self.instance.get_run_records(dg.RunsFilter(run_ids=[run_id]), limit=1)
        if not records:
            return None
        run = records[0].dagster_run
        if self._was_never_launched(run):
            self.instance.report_run_failed(run, NEVER_LAUNCHED)
            return dg.DagsterRunStatus.FAILURE.value
        return run.status.value

    def _was_never_launched(self, run: dg.DagsterRun) -> bool:
        """Whether the daemon died between saying that a run starts and having it started.

        Dagster itself finds out after `start_timeout_seconds`, and asks no launcher before. One
        that does not know its runs (ECS before there is a task) says so, and is not taken at that.
        """
        if run.status is not dg.DagsterRunStatus.STARTING:
            return False
        since = self.instance.get_run_stats(run.run_id).launch_time
        if since is None or self.clock.now().timestamp() - since < LAUNCH_SECONDS:
            return False
        return self._health(run) is WorkerStatus.NOT_FOUND

    def _health(self, run: dg.DagsterRun) -> WorkerStatus:
        """What the launcher knows of a run's worker; nothing where it cannot be asked."""
        with suppress(Exception):  # of ECS only the daemon has the settings and the role
            launcher = self.instance.run_launcher
            if launcher.supports_check_run_worker_health:
                return launcher.check_run_worker_health(run).status
        return WorkerStatus.UNKNOWN
