"""The sensor that tells exports what became of their runs, and of the exports that they share."""

import dagster as dg

from assets.factory import Platform
from assets.life import Document, ExportLife, IllegalMove
from assets.model.lifecycle import run_key
from resources.mongo.stores import MongoStores
from sensors.decisions import Outcome, outcome
from sensors.each import on_each, paged

# Generations of one tick whose first request is gone; there is rarely one.
MOST_FORSAKEN = 100
RUN_KEY_TAG = "dagster/run_key"


def build_outcomes_sensor() -> dg.SensorDefinition:
    """Look for runs that ended before their export began, or that a person ended."""

    @dg.sensor(
        name="outcomes",
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes back exports whose run ended before it began.",
    )
    def outcomes(
        context: dg.SensorEvaluationContext,
        mongo: dg.ResourceParam[MongoStores],
        platform: dg.ResourceParam[Platform],
    ) -> dg.SkipReason:
        life = ExportLife(mongo.exports, timing=platform.timing)
        settled = on_each(
            context,
            paged(life.in_flight),
            lambda document: _settle(context, life, document),
        )
        told = on_each(
            context, paged(life.joined), lambda document: life.settle(document) is not None
        )
        withdrawn = on_each(
            context,
            life.forsaken(MOST_FORSAKEN),
            lambda document: life.withdraw(document) is not None,
        )
        said = f"settled {settled}, told {told} that share, withdrew {withdrawn}"
        return dg.SkipReason(said)

    return outcomes


def _settle(context: dg.SensorEvaluationContext, life: ExportLife, document: Document) -> bool:
    """Act on what became of one export's run; whether anything changed."""
    match outcome(document["status"], _run_status(context, document)):
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


def _run_status(context: dg.SensorEvaluationContext, document: Document) -> str | None:
    run_id = (document.get("dagster") or {}).get("runId")
    if document["status"] == "dispatched" or run_id is None:
        tags = {RUN_KEY_TAG: run_key(document["_id"], document["attempt"])}
        records = context.instance.get_run_records(dg.RunsFilter(tags=tags), limit=1)
    else:
        records = context.instance.get_run_records(dg.RunsFilter(run_ids=[run_id]), limit=1)
    return records[0].dagster_run.status.value if records else None
