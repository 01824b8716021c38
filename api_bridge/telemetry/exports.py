"""The exports as the database has them, read when somebody asks for the metrics.

Every bridge tells the same, also after a restart: what has ended is counted over the last hour, not
since a process began. So the alert rules take the maximum over bridges, never the sum.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api_bridge.telemetry.gauges import Values, gauge
from api_bridge.telemetry.pulse import Pulse, pulse
from api_bridge.telemetry.webhooks import told
from assets.model.lifecycle import Status
from assets.telling import Telling, telling
from resources.clock import Clock
from resources.errors import DoorError
from resources.mongo.stores import MongoStores

WINDOW = timedelta(hours=1)
# Whoever asks more often gets the same again: nobody may load the database by reading metrics.
FRESH_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    pulse: Pulse
    counts: Mapping[str, int]
    ended: Iterable[Mapping[str, Any]]
    telling: Telling


class ExportsCollector(Collector):
    """Asks the database at most every ten seconds."""

    def __init__(self, stores: MongoStores, clock: Clock) -> None:
        self._stores, self._clock = stores, clock
        self._lock = threading.Lock()
        self._read: list[GaugeMetricFamily] = []
        self._until: float | None = None

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: registering must not ask the database."""
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges; without the database the one that says so."""
        with self._lock:
            now = self._clock.monotonic()
            if self._until is None or now >= self._until:
                self._read = list(self._asked())
                self._until = now + FRESH_SECONDS
            return list(self._read)

    def _asked(self) -> Iterator[GaugeMetricFamily]:
        now = self._clock.now()
        try:
            reading = _Reading(
                pulse=pulse(self._stores, self._clock),
                counts=self._stores.operations.counts(),
                ended=self._stores.operations.ended_since(now - WINDOW),
                telling=telling(self._stores, now),
            )
        except DoorError:
            reading = None
        said = "1 if the database answered; without it nothing is told of the exports."
        yield gauge("exports_database_up", said, {(): 0.0 if reading is None else 1.0})
        if reading is not None:
            yield from _state(reading)
            yield from _ended(reading.ended)
            yield from told(reading.telling, now)


def _state(reading: _Reading) -> Iterator[GaugeMetricFamily]:
    age = reading.pulse.queue_age or 0.0
    yield gauge("exports_queue_age_seconds", "How long the oldest due export waits.", {(): age})
    ages: Values = {(name,): age for name, age in reading.pulse.sensor_ages.items()}
    said = "Since a sensor has looked."
    yield gauge("exports_sensor_age_seconds", said, ages, ("sensor",))
    counts: Values = {(str(status),): float(reading.counts.get(status, 0)) for status in Status}
    yield gauge("exports_count", "Exports there are, by state.", counts, ("status",))


def _ended(documents: Iterable[Mapping[str, Any]]) -> Iterator[GaugeMetricFamily]:
    ended, failed = _zeros(), _zeros()
    sums = {name: _zeros() for name in ("rows", "bytes", "run_seconds")}
    for document in documents:
        kind = (str(document.get("type")),)
        ended[(*kind, str(document.get("status")))] += 1
        if document.get("status") == Status.FAILED:
            failed[(str((document.get("error") or {}).get("code")),)] += 1
        if document.get("generation"):
            continue  # its files were made for another, where they are counted
        result = document.get("result") or {}
        for name in ("rows", "bytes"):
            sums[name][kind] += result.get(name) or 0
        if document.get("startedAt") and document.get("finishedAt"):
            took = document["finishedAt"] - document["startedAt"]
            sums["run_seconds"][kind] += max(0.0, took.total_seconds())
    hour = "in the last hour"
    said = f"Exports that ended {hour}."
    yield gauge("exports_ended_last_hour", said, ended, ("type", "status"))
    said = f"Exports that failed for good {hour}, by the code of their error."
    yield gauge("exports_failed_last_hour", said, failed, ("code",))
    for name, found in sums.items():
        said = f"{name.replace('_', ' ').capitalize()} of exports that ended {hour}."
        yield gauge(f"exports_{name}_last_hour", said, found, ("type",))


def _zeros() -> defaultdict[tuple[str, ...], float]:
    return defaultdict(float)
