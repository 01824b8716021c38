"""What a tick of the requests sensor costs with 100 and with 10,000 exports in the queue.

    python -m benchmarks.queue --ticks 100
    python -m benchmarks.queue --ticks 30 --queued 100 2000     # a short round, half a minute

A stack of its own is started. The queue is filled with exports of forty callers, one of ten large.
Then the sensor ticks as Dagster would have it, on an instance in memory; between two ticks all that
it let out end, and as many come anew, so the queue stays as long as it is. The pause between two
listeners is left out. Nothing starves: callers that ask for as much are served alike, and in each
tick the large ones have their part.

The stand-in reads every export for each claim and each list, as it did before there were lanes
(70 ms for a claim among 10,000), so its times grow with the queue whatever is asked. Three things
are told beside them, which must not grow: the calls of functions that a tick makes, the commands
that it sends and the documents that they give. What it takes of the processor is told and not
judged: the same calls take up to twice as long where the stand-in has just gone through 10,000
exports on the same caches. All newcomers are placed in each tick, however long the stand-in takes,
so that the work is the same. That a server with indexes need not look at more, either, is for
`tests/e2e/test_questions.py` to show. A database of its own, named by `--uri`, is asked instead of
the stand-in; then the ticks themselves must not grow. It exits with 1 if one of them more than
doubles, or if large exports had less than their part.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import dagster as dg
from pymongo import monitoring

from assets.attempt import Build
from assets.exports.catalog import CATALOG
from assets.factory import EXPORT_TAG, Platform
from assets.jobs import build_jobs
from assets.life import ExportLife, new_id
from assets.model.lanes import SPACING, USUALLY_AT_ONCE, Lane, most_large
from assets.model.lifecycle import Timing
from assets.model.parameters import parse
from export_platform.local.stack import Stack
from resources.clock import SystemClock
from resources.mongo import exports
from resources.mongo.connection import MongoConnection
from resources.mongo.stores import MongoStores
from resources.wiring import environment
from sensors import requests
from sensors.requests import LISTENERS, build_requests_sensors

CALLERS: Final = 40
LARGE_EVERY: Final = 10
# What a hundred times as many in the queue may cost a tick.
MOST_GROWN: Final = 2.0
# Ticks that are not timed: the first one makes connections, of the last one the calls are counted.
BESIDE: Final = 2
PATIENCE_SECONDS: Final = 600.0
KIND: Final = "waitlist"
CLOCK: Final = SystemClock()


class Restless(SystemClock):
    """Never sleeps: what a tick waits for is not what it costs."""

    def sleep(self, seconds: float) -> None:
        """Return at once."""


class Asked(monitoring.CommandListener):
    """Counts what the database is asked, and how many documents it gives."""

    def __init__(self) -> None:
        self.commands = self.documents = 0

    def started(self, _: monitoring.CommandStartedEvent) -> None:
        """It is asked."""
        self.commands += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """It answers."""
        cursor = event.reply.get("cursor", {})
        self.documents += len(cursor.get("firstBatch", ())) + len(cursor.get("nextBatch", ()))

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """It was asked all the same."""


ASKED: Final = Asked()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """What a queue of some length came to.

    Attributes:
        queued: How many waited.
        seconds: Each tick.
        cpu: What each took of the processor.
        calls: Calls of functions a tick.
        commands: Questions to the database a tick.
        documents: Documents that it gave a tick.
        large: Large exports that were let out.
        apart: How many more exports one caller was served than another.
    """

    queued: int
    seconds: Sequence[float]
    cpu: Sequence[float]
    calls: float
    commands: float
    documents: float
    large: int
    apart: int

    def grown(self, few: "Ticks") -> dict[str, float]:
        """How many times as much it is as with few exports in the queue."""
        return {
            "tick": p99(self.seconds) / p99(few.seconds),
            "calls": self.calls / few.calls,
            "commands": self.commands / few.commands,
            "documents": self.documents / few.documents,
        }


def p99(seconds: Sequence[float]) -> float:
    """Ninety-nine of a hundred ticks take no longer, in milliseconds."""
    return 1000 * quantiles(seconds, n=100, method="inclusive")[-1]


@dataclass(slots=True)
class Queue:
    """A filled queue over a real database."""

    stores: MongoStores
    connection: MongoConnection
    template: Mapping[str, Any]
    made: int = 0

    def fill(self, count: int, *, placed: bool) -> None:
        """So many more exports, from all callers in turn; `placed` as the sensor would have it."""
        self.connection.collection(exports.NAME).insert_many(
            [self._another(placed) for _ in range(count)]
        )

    def end(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Let what was let out end; as it was."""
        place = self.connection.collection(exports.NAME)
        found = list(place.find({"_id": {"$in": list(ids)}}))
        place.update_many({"_id": {"$in": list(ids)}}, {"$set": {"status": "succeeded"}})
        return found

    def _another(self, placed: bool) -> dict[str, Any]:
        number, self.made = self.made, self.made + 1
        lane = Lane.SMALL if number % LARGE_EVERY else Lane.LARGE
        begun = self.template["queuedAt"]
        turn = begun + timedelta(seconds=SPACING[lane] * (1 + number // CALLERS))
        # Who asks for every tenth would be one of four callers, were it not for the shift.
        caller = (number + number // CALLERS) % CALLERS
        return {
            **self.template,
            "_id": new_id(),
            "requestedBy": {"subject": f"svc:{caller}"},
            "line": {"lane": str(lane), "turn": turn, "rows": None} if placed else None,
        }


def measured(env: Mapping[str, str], queued: int, ticks: int) -> Ticks:
    """So many ticks over a queue of one length."""
    with filled(env, queued) as queue, dg.DagsterInstance.ephemeral() as instance:
        jobs = build_jobs(CATALOG.values())
        sensors = build_requests_sensors(CATALOG, jobs)
        platform = Platform(
            timing=Timing(), build=Build(version="0", git_sha="0"), secret=b"a benchmark's"
        )
        doors = {"mongo": queue.stores, "clock": Restless(), "platform": platform}
        seconds, cpu = list[float](), list[float]()
        served, large, asked = Counter[str](), 0, Counter[str]()
        for number in range(ticks + BESIDE):
            before = ASKED.commands, ASKED.documents
            with _counting(asked) if number > ticks else nullcontext():
                taken, worked, ids = _tick(sensors[number % len(LISTENERS)], instance, doors)
            asked["commands"] += ASKED.commands - before[0]
            asked["documents"] += ASKED.documents - before[1]
            out = queue.end(ids)
            served.update(one["requestedBy"]["subject"] for one in out)
            large += sum(one["line"]["lane"] == Lane.LARGE for one in out)
            queue.fill(len(out), placed=False)
            if 0 < number <= ticks:
                seconds.append(taken)
                cpu.append(worked)
    apart = max(served.values()) - min(served[f"svc:{caller}"] for caller in range(CALLERS))
    return Ticks(
        queued=queued,
        seconds=seconds,
        cpu=cpu,
        calls=asked["calls"],
        commands=asked["commands"] / (ticks + BESIDE),
        documents=asked["documents"] / (ticks + BESIDE),
        large=large,
        apart=apart,
    )


def _tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, doors: Mapping[str, object]
) -> tuple[float, float, list[str]]:
    """Seconds of one tick, on the clock and of the processor, and the exports that it lets out."""
    with dg.build_sensor_context(instance=instance, resources=dict(doors)) as context:
        began, cpu_began = CLOCK.monotonic(), time.thread_time()
        result = sensor(context)
        taken, cpu = CLOCK.monotonic() - began, time.thread_time() - cpu_began
    runs = result.run_requests if isinstance(result, dg.SensorResult) else None
    ids = [run.tags[EXPORT_TAG] for run in runs or ()]
    if len(ids) != USUALLY_AT_ONCE:
        raise SystemExit(f"a tick let out {len(ids)} exports of {USUALLY_AT_ONCE}")
    return taken, cpu, ids


@contextmanager
def _counting(asked: Counter[str]) -> Iterator[None]:
    """Count what is called meanwhile."""

    def note(_frame: object, event: str, _about: object) -> None:
        asked["calls"] += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


@contextmanager
def filled(env: Mapping[str, str], queued: int) -> Iterator[Queue]:
    """A database with so many exports that wait, and no other."""
    connection = MongoConnection(uri=env[environment.MONGODB_URI], database=f"queue_{queued}")
    stores = MongoStores(connection)
    try:
        connection.collection(exports.NAME).drop()  # of a run before, where the database is kept
        stores.ensure_indexes()
        request = parse(CATALOG[KIND], {"campaign_id": "no-campaign"}, scopes=("pii:masked",))
        life = ExportLife(stores.exports)
        made = life.create(request, origin="api", subject="svc:0")
        connection.collection(exports.NAME).delete_one({"_id": made["_id"]})
        queue = Queue(stores, connection, {**made, "status": "queued"})
        for _ in range(queued // 100):
            queue.fill(100, placed=True)
        yield queue
    finally:
        stores.close()


def shown(found: Ticks) -> str:
    """A line for people."""
    return (
        f"{found.queued:>6,} queued: tick p50={1000 * median(found.seconds):.0f} ms"
        f" p99={p99(found.seconds):.0f} ms, of the processor"
        f" p50={1000 * median(found.cpu):.0f} ms p99={p99(found.cpu):.0f} ms,"
        f" {found.calls:,.0f} calls, {found.commands:.0f} commands"
        f" and {found.documents:.0f} documents,"
        f" {found.large} large let out, callers {found.apart} apart"
    )


@contextmanager
def database(uri: str | None) -> Iterator[Mapping[str, str]]:
    """The variables of a database: the one at an address, or a stand-in."""
    if uri is not None:
        yield {environment.MONGODB_URI: uri}
        return
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            env = stack.up()
            os.environ.update(env)
            yield env
        finally:
            stack.down()


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 1 when a tick grows or large ones had less than their part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queued", type=int, nargs=2, default=[100, 10_000])
    parser.add_argument("--ticks", type=int, default=100)
    parser.add_argument("--uri", help="a MongoDB in place of the stand-in")
    given = parser.parse_args(arguments)
    monitoring.register(ASKED)  # before any client is made
    requests.PLACING_SECONDS = PATIENCE_SECONDS
    with database(given.uri) as env:
        few, many = (measured(env, queued, given.ticks) for queued in given.queued)
    print(shown(few))
    print(shown(many))
    part, grown = most_large(USUALLY_AT_ONCE) * (given.ticks + BESIDE), many.grown(few)
    print(
        f"queue: {many.queued:,} beside {few.queued:,}:"
        f" {' '.join(f'{name}={times:.2f}' for name, times in grown.items())}"
        f" large={many.large}/{part} apart={many.apart}"
    )
    if given.uri is None:
        del grown["tick"]  # the stand-in's own
    return int(max(grown.values()) > MOST_GROWN or many.large != part)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
