"""Exports whose doors fail at any call, until each has ended.

The platform is the real one over the fakes that pass the suites of the doors: sensors as Dagster
evaluates them, attempts as a worker runs them. Only the launch of runs is the harness's.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import dagster as dg

from assets.attempt import Attempt, NotOurs
from assets.exports.catalog import CATALOG
from assets.factory import Platform
from assets.heartbeat import Cancelled
from assets.life import Document, ExportLife, LeaseLost
from assets.model.failure import ExportFailed
from assets.model.lifecycle import TERMINAL, Status, Timing
from assets.reading import Doors
from export_platform.definitions import build_definitions
from resources.clock import SystemClock
from resources.errors import DoorError
from resources.marketing_cloud import Field
from sensors.requests import LISTENERS
from tests.assets.workbench import Workbench, workbench
from tests.export_platform.snapshot import DOORS
from tests.fakes.clock import ManualClock
from tests.fakes.marketing_cloud import FakeMarketingCloud
from tests.fakes.scoring_files import FakeScoringFiles
from tests.faults import work
from tests.faults.corruption import proved
from tests.faults.doors import Weather, faulty
from tests.faults.slot import Tally, commits, digest

RATE = 0.01
BATCH = 20
# Leases as in production, on the clock that the rounds move; beats every 20 ms, as a thread has it.
TIMING = replace(Timing(), heartbeat=0.02)
TICK_SECONDS = 16.0
# From one tick to the next so long; an export that has not ended after an hour is stuck.
MOST_TICKS = 225
_TABLE = "WaitlistAudience"
_SFMC: Mapping[str, Any] = {"dialect": "sfmc", "deliver": ["sfmc"]}
# Every kind that the small pack makes without Athena, in all formats, with and without delivery.
ASKED: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("entries", {"format": "jsonl"}),
    ("waitlist", {"dialect": "rfc4180"}),
    ("waitlist", {"dialect": "excel", "split_by_market": True}),
    ("waitlist", _SFMC),
    ("selected-fans", {"format": "xlsx"}),
    ("market-demand", {}),
    ("scoring-input", {"deliver": ["scoring"]}),
    ("scores", {"format": "parquet"}),
    ("survey-answers", {"compression": "none"}),
    ("geo-demand", {}),
)


class Hurried(SystemClock):
    """Waits for nobody: receivers in memory are done at once."""

    def sleep(self, seconds: float) -> None:
        """Return at once."""


class Brisk(ManualClock):
    """A sensor's clock: it looks once, and has then waited for as long as a tick lasts."""

    def sleep(self, seconds: float) -> None:
        """Move on a hundred times as far."""
        self.advance(max(seconds, 0.0) * 100)


def ready() -> Workbench:
    """A platform whose campaign has a data extension for its waiting list."""
    bench = workbench(timing=TIMING)
    cloud = bench.doors.marketing_cloud
    assert isinstance(cloud, FakeMarketingCloud)
    fields = [
        Field(name=name, type="Text", length=400, primary_key=name == "entry_id")
        for name in _columns()
    ]
    cloud.create(_TABLE, fields)
    scoring = bench.doors.scoring
    assert isinstance(scoring, FakeScoringFiles)
    for bucket in (scoring.internal, scoring.vf):  # else a file is hundreds of parts
        bucket.part_bytes = bench.objects.part_bytes
    return bench


@cache
def _columns() -> tuple[str, ...]:
    names = workbench().run("waitlist", dialect="sfmc").manifest.columns
    return tuple(column.name for column in names)


@cache
def faultless(kind: int) -> str:
    """The digest of an export that nothing happened to."""
    storm = Storm(ready(), Weather(0, 0.0), random.Random(0))  # noqa: S311 - to be replayed
    document = storm.ended([storm.asked(kind)])[0]
    assert document["status"] == Status.SUCCEEDED, document.get("error")
    return digest(document, storm.bench.body)


class Storm:
    """Exports of one platform, on their way from the queue to their end.

    Args:
        bench: The platform; what is judged is read here, where nothing fails.
        weather: Befalls all calls of sensors and workers.
        draw: Spreads retries.
    """

    def __init__(self, bench: Workbench, weather: Weather, draw: random.Random) -> None:
        self.bench, self._weather, self._draw = bench, weather, draw
        self._doors: Doors = faulty(bench.doors, weather)
        self._platform = Platform(
            timing=TIMING, build=work.PLATFORM.build, secret=work.SECRET, as_of=work.SNAPSHOT
        )
        self._definitions = build_definitions(catalog=CATALOG, doors=dict.fromkeys(DOORS, "nobody"))
        self._instance = dg.DagsterInstance.ephemeral()
        self._clock = Brisk()
        self._launched: set[str] = set()

    def asked(self, kind: int) -> str:
        """The id of an export in the queue."""
        name, params = ASKED[kind % len(ASKED)]
        return str(self.bench.asked(name, **params)["_id"])

    def ended(self, ids: Sequence[str]) -> list[Document]:
        """Let sensors and workers do what they do, until all have ended or time is over."""
        for _ in range(MOST_TICKS):
            if all(self.bench.found(one)["status"] in TERMINAL for one in ids):
                break
            for request in self._requested():
                self._run(request)
            self.bench.clock.advance(TICK_SECONDS)
            self._ticked("housekeeping")
            self._ticked("outcomes")
        return [self.bench.found(one) for one in ids]

    def _requested(self) -> Iterator[dg.RunRequest]:
        """What is to run now; Dagster starts nothing twice whose key it knows."""
        result = self._ticked(LISTENERS[0])
        requests = result.run_requests if isinstance(result, dg.SensorResult) else ()
        for request in requests or ():
            if request.run_key not in self._launched:
                self._launched.add(str(request.run_key))
                yield request

    def _ticked(self, name: str) -> object:
        """Evaluate a sensor; a tick that fails is over, and the next one comes."""
        sensor = self._definitions.resolve_sensor_def(name)
        there = {
            "mongo": self._doors.mongo,
            "object_store": self._doors.objects,
            "clock": self._clock,
            "platform": self._platform,
        }
        wanted = {key: there[key] for key in sensor.required_resource_keys}
        with dg.build_sensor_context(
            instance=self._instance, definitions=self._definitions, resources=wanted
        ) as context:
            try:
                return sensor(context)
            except DoorError:
                return None

    def _run(self, request: dg.RunRequest) -> None:
        """Run an attempt; whatever it raises, its run has failed and the document says why."""
        export_id, _, attempt = str(request.run_key).rpartition(":")
        life = ExportLife(self._doors.mongo.exports, timing=TIMING, as_of=work.SNAPSHOT)
        worker = Attempt(
            life,
            self._doors,
            CATALOG,
            build=self._platform.build,
            clock=Hurried(),
            jitter=self._draw.random,
        )
        try:
            worker.run(export_id, int(attempt), run_id=f"run-{request.run_key}")
        except (ExportFailed, NotOurs, LeaseLost, Cancelled, DoorError):
            return


def judged(storm: Storm, kinds: Sequence[int], documents: Sequence[Document]) -> Tally:
    """What came of exports: who ended without a person, and what must not be."""
    tally, bench = Tally(), storm.bench
    for kind, document in zip(kinds, documents, strict=True):
        note = f"{document['_id']} {document['type']} {document['status']} {document['error']}"
        tally.add("exports", 1)
        tally.add("attempts", document["attempt"])
        tally.add("stuck", document["status"] not in TERMINAL, note)
        ended = document["status"] == Status.SUCCEEDED
        tally.add("ended", ended)
        tally.add("unended", not ended, note)
        tally.add("doubled", commits(document) > 1, note)
        tally.add("partial", bool(document["result"]) != bool(commits(document)), note)
        if ended:
            whole = proved(bench, document["result"])
            tally.add("unproved", not whole, note)
            same = whole and digest(document, bench.body) == faultless(kind % len(ASKED))
            tally.add("unlike", whole and not same, note)
    return tally


def batch(seed: int, number: int, size: int = BATCH, rate: float = RATE) -> tuple[Tally, Weather]:
    """So many exports of one platform, and the weather that they had."""
    weather = Weather(f"{seed} {number}", rate)
    storm = Storm(ready(), weather, random.Random(f"{seed} {number}"))  # noqa: S311
    kinds = range(number * size, (number + 1) * size)
    documents = storm.ended([storm.asked(kind) for kind in kinds])
    return judged(storm, kinds, documents), weather
