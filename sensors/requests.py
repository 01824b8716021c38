"""The sensor that turns queued exports into runs."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import dagster as dg

from assets.factory import ATTEMPT_TAG, EXPORT_TAG, MAX_RUNTIME_TAG, Platform, asset_key
from assets.jobs import job_name
from assets.life import Document, ExportLife
from assets.model.export_type import Catalog, Scope
from assets.partitions import CAMPAIGNS, PRIVACY_CASES
from resources.clock import Clock
from resources.crash_points import CrashPoint, passing
from resources.mongo.stores import MongoStores
from sensors.decisions import RunPlan, in_order, run_plan
from sensors.each import on_each

# A tick may last 60 s; 4 s of waiting notice a request at once and still leave Dagster's
# threads free (DAGSTER.md: 8 s was slower).
WAIT_SECONDS = 4.0
LOOK_EVERY_SECONDS = 0.1
# Claims of one tick: 50 take about 0.2 s on the stand-in, far from the 60 s limit.
MOST_PER_TICK = 50
# A run that outlives this is taken for stuck; Dagster without it may wait for ever (M2).
MAX_RUN_SECONDS = 6 * 3600


def build_requests_sensor(catalog: Catalog, jobs: Sequence[Any]) -> dg.SensorDefinition:
    """Watch the queue and ask for a run of every export that is due.

    Args:
        catalog: The kinds of export.
        jobs: Those of `build_jobs`, whose runs it asks for.
    """

    @dg.sensor(
        name="requests",
        jobs=jobs,
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Turns queued exports into runs, one attempt a run.",
    )
    def requests(
        context: dg.SensorEvaluationContext,
        mongo: dg.ResourceParam[MongoStores],
        clock: dg.ResourceParam[Clock],
        platform: dg.ResourceParam[Platform],
    ) -> dg.SensorResult:
        life = ExportLife(mongo.exports, timing=platform.timing)
        plans = _work(context, life, catalog, clock, platform.at_once)
        return dg.SensorResult(
            run_requests=[_run_request(plan, catalog) for plan in plans],
            dynamic_partitions_requests=_missing_partitions(context, plans, catalog),
        )

    return requests


def _work(
    context: dg.SensorEvaluationContext,
    life: ExportLife,
    catalog: Catalog,
    clock: Clock,
    at_once: int,
) -> list[RunPlan]:
    """What is to run now; if nothing is, wait a little for it."""
    deadline = clock.monotonic() + WAIT_SECONDS
    while True:
        plans = _look(context, life, catalog, at_once)
        if plans or clock.monotonic() >= deadline:
            return in_order(plans)
        clock.sleep(LOOK_EVERY_SECONDS)


def _look(
    context: dg.SensorEvaluationContext, life: ExportLife, catalog: Catalog, at_once: int
) -> list[RunPlan]:
    """What is late or due; each document is judged on its own."""
    plans: list[RunPlan] = []

    def late(document: Document) -> bool:
        plans.append(run_plan(document))
        return True

    def due(document: Document) -> bool:
        return _claimed(life, catalog, document, plans)

    on_each(context, _known(life.unstarted(MOST_PER_TICK), catalog), late)
    if room := at_once - len(life.in_flight(after=None, limit=at_once)):
        on_each(context, life.undispatched(min(room, MOST_PER_TICK)), due)
    return plans


def _known(documents: Iterable[Document], catalog: Catalog) -> Iterator[Document]:
    """Exports that can be run; one of a kind that is gone must not end the tick of all others."""
    return (document for document in documents if _kind(document) in catalog)


def _kind(document: Document) -> str:
    return str(document.get("type"))


def _claimed(life: ExportLife, catalog: Catalog, document: Document, plans: list[RunPlan]) -> bool:
    """Claim one export; what can never run is refused, so that it is not looked at again."""
    if _kind(document) not in catalog or not document.get("partition"):
        life.refuse(document["_id"], code="UNKNOWN_TYPE", message="no such kind of export")
        return True
    passing(CrashPoint.K03)
    claimed = life.dispatch(document["_id"])
    if claimed is None:  # somebody else was first
        return False
    passing(CrashPoint.K04)
    plans.append(run_plan(claimed))
    return True


def _run_request(plan: RunPlan, catalog: Catalog) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=plan.run_key,
        job_name=job_name(catalog[plan.export_type].scope),
        asset_selection=[asset_key(catalog[plan.export_type])],
        partition_key=plan.partition,
        tags={
            EXPORT_TAG: plan.export_id,
            ATTEMPT_TAG: str(plan.attempt),
            MAX_RUNTIME_TAG: str(MAX_RUN_SECONDS),
        },
    )


def _missing_partitions(
    context: dg.SensorEvaluationContext, plans: list[RunPlan], catalog: Catalog
) -> list[dg.AddDynamicPartitionsRequest]:
    """Partitions of campaigns and cases that Dagster has not seen yet."""
    requests: list[dg.AddDynamicPartitionsRequest] = []
    for scope, partitions in ((Scope.CAMPAIGN, CAMPAIGNS), (Scope.PRIVACY_CASE, PRIVACY_CASES)):
        keys = {p.partition for p in plans if catalog[p.export_type].scope is scope}
        registered = context.instance.get_dynamic_partitions(scope.value) if keys else ()
        if missing := sorted(keys - set(registered)):
            requests.append(partitions.build_add_request(missing))
    return requests
