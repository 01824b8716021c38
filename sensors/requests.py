"""The sensors that turn queued exports into runs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import dagster as dg

from assets.factory import (
    ATTEMPT_TAG,
    EXPORT_TAG,
    LANE_TAG,
    MAX_RUNTIME_TAG,
    TRACE_TAG,
    Platform,
)
from assets.jobs import job_name
from assets.life import Document, ExportLife
from assets.model.export_type import Catalog, Scope
from assets.model.lanes import Lane, most_large
from assets.partitions import CAMPAIGNS, PRIVACY_CASES
from resources.clock import Clock
from resources.crash_points import CrashPoint, passing
from resources.mongo.stores import MongoStores
from sensors.decisions import RunPlan, in_order, lane_in_flight, run_plan
from sensors.each import Each
from sensors.line import Line
from sensors.turns import Turns

# Dagster begins a tick of each sensor every 5 s, so the one that has found work is back by then;
# four, 1.25 s apart, last as long.
LISTENERS = ("requests", "requests_2", "requests_3", "requests_4")
TICK_SECONDS = 5.0
# Seconds between two ticks of a sensor as Dagster is told them: as soon as it can.
INTERVAL_SECONDS = 1
# A tick waits as long as it can and still be over when the next one is due: 8 s was slower
# (DAGSTER.md), because it then misses one. A platform that stops waits for its ticks, too.
WAIT_SECONDS = 4.6
LOOK_EVERY_SECONDS = 0.05
# A look takes 1 ms, and on a slow database no more than a fifth of the time.
REST = 4.0
# Claims of one tick: 50 take about 0.2 s on the stand-in, far from the 60 s limit.
MOST_PER_TICK = 50
# Newcomers are placed for so long before who is next is looked for, and no more of them: to count
# what an export reads may take a quarter of a second, and to place one whose size is known 3 ms.
PLACING_SECONDS = 0.5
MOST_NEWCOMERS = 200
# A run that outlives this is taken for stuck; Dagster without it may wait for ever (M2).
MAX_RUN_SECONDS = 6 * 3600


def build_requests_sensors(catalog: Catalog, jobs: Sequence[Any]) -> Sequence[dg.SensorDefinition]:
    """Watch the queue and ask for a run of every export that is due.

    Args:
        catalog: The kinds of export.
        jobs: Those of `build_jobs`, whose runs they ask for.
    """
    turns, line = Turns(spacing=TICK_SECONDS / len(LISTENERS)), Line(catalog)
    return [_requests_sensor(name, turns, line, catalog, jobs) for name in LISTENERS]


def _requests_sensor(
    name: str, turns: Turns, line: Line, catalog: Catalog, jobs: Sequence[Any]
) -> dg.SensorDefinition:
    @dg.sensor(
        name=name,
        jobs=jobs,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Turns queued exports into runs, one attempt a run; one listens at a time.",
    )
    def requests(
        context: dg.SensorEvaluationContext,
        mongo: dg.ResourceParam[MongoStores],
        clock: dg.ResourceParam[Clock],
        platform: dg.ResourceParam[Platform],
    ) -> dg.SensorResult:
        # Any of the four: what the bridge wants to know is whether somebody looks.
        mongo.ticks.tick(LISTENERS[0])
        life = ExportLife(mongo.exports, timing=platform.timing)
        queue = _Queue(context, mongo, clock, life, catalog, line, platform.at_once, name)
        deadline = clock.monotonic() + WAIT_SECONDS
        with turns.taken(clock, deadline) as ours:
            plans = in_order(_work(queue, deadline)) if ours else []
            if plans:
                turns.found(clock)
        return dg.SensorResult(
            run_requests=[_run_request(plan, catalog) for plan in plans],
            dynamic_partitions_requests=_missing_partitions(context, plans, catalog),
        )

    return requests


@dataclass(frozen=True, slots=True)
class _Queue:
    """What one tick looks at."""

    context: dg.SensorEvaluationContext
    mongo: MongoStores
    clock: Clock
    life: ExportLife
    catalog: Catalog
    line: Line
    at_once: int
    sensor: str

    @property
    def each(self) -> Each:
        """Works through documents; which of the four listeners it is says nothing."""
        return Each(self.context, self.mongo.ticks, LISTENERS[0])


def _work(queue: _Queue, deadline: float) -> list[RunPlan]:
    """What is to run now; if nothing is, wait a little for it."""
    plans, clock = _late(queue), queue.clock
    while True:
        began = clock.monotonic()
        _place_newcomers(queue)
        plans += _due(queue)
        now = clock.monotonic()
        if plans or now >= deadline:
            return plans
        clock.sleep(max(LOOK_EVERY_SECONDS, REST * (now - began)))


def _late(queue: _Queue) -> list[RunPlan]:
    """What this sensor claimed and no run began: Dagster knows a run's key again only by it."""
    plans: list[RunPlan] = []

    def late(document: Document) -> bool:
        plans.append(run_plan(document))
        return True

    unstarted = queue.life.unstarted(MOST_PER_TICK, by=queue.sensor)
    queue.each(_known(unstarted, queue.catalog), late)
    return plans


def _place_newcomers(queue: _Queue) -> None:
    """Give lanes and turns; what can never run is refused, so that it is not looked at again."""
    until = queue.clock.monotonic() + PLACING_SECONDS

    def place(document: Document) -> bool:
        export_id = document["_id"]
        if _kind(document) not in queue.catalog or not document.get("partition"):
            message = "no such kind of export"
            return queue.life.refuse(export_id, code="UNKNOWN_TYPE", message=message) is not None
        return queue.line.place(queue.life, document, queue.mongo, queue.clock) is not None

    newcomers = queue.life.unplaced(MOST_NEWCOMERS)
    in_time = takewhile(lambda _: queue.clock.monotonic() < until, newcomers)
    queue.each(in_time, place)


def _due(queue: _Queue) -> list[RunPlan]:
    """What is due and has room; each document is judged on its own."""
    plans: list[RunPlan] = []

    def due(document: Document) -> bool:
        return _claimed(queue, document, plans)

    queue.each(_next(queue), due)
    return plans


def _next(queue: _Queue) -> list[Document]:
    """Who is next where there is room: large ones first, but never more than their part."""
    most = min(queue.at_once, MOST_PER_TICK)
    large = queue.life.undispatched(Lane.LARGE, min(most, most_large(queue.at_once)))
    small = queue.life.undispatched(Lane.SMALL, most)
    if not large and not small:
        return []
    flying = queue.life.in_flight(after=None, limit=queue.at_once)
    room = min(queue.at_once - len(flying), MOST_PER_TICK)
    held = sum(lane_in_flight(document) is Lane.LARGE for document in flying)
    taken = large[: max(0, min(room, most_large(queue.at_once) - held))]
    return [*taken, *small[: room - len(taken)]]


def _known(documents: Iterable[Document], catalog: Catalog) -> Iterator[Document]:
    """Exports that can be run; one of a kind that is gone must not end the tick of all others."""
    return (document for document in documents if _kind(document) in catalog)


def _kind(document: Document) -> str:
    return str(document.get("type"))


def _claimed(queue: _Queue, document: Document, plans: list[RunPlan]) -> bool:
    """Claim one export."""
    passing(CrashPoint.K03)
    claimed = queue.life.dispatch(document["_id"], by=queue.sensor)
    if claimed is None:  # somebody else was first
        return False
    passing(CrashPoint.K04)
    plans.append(run_plan(claimed))
    return True


def _run_request(plan: RunPlan, catalog: Catalog) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=plan.run_key,
        job_name=job_name(catalog[plan.export_type]),
        partition_key=plan.partition,
        tags={
            EXPORT_TAG: plan.export_id,
            ATTEMPT_TAG: str(plan.attempt),
            LANE_TAG: plan.lane.value,  # Dagster stores texts, and refuses an enumeration
            MAX_RUNTIME_TAG: str(MAX_RUN_SECONDS),
            **({TRACE_TAG: plan.traceparent} if plan.traceparent else {}),
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
