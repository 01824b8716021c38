"""The requests of this process, counted as they end, and all of it in one text."""

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.registry import Collector

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Around the goal of 50 ms at p99, and up to the 2 s in which a door must answer (RELIABILITY.md 7).
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """What one bridge has done; each application has its own, so that two do not mix.

    Args:
        collectors: What else is asked when somebody reads.
    """

    def __init__(self, *collectors: Collector) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "bridge_requests",
            "Requests that were answered; route is the template, empty where none fits.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "bridge_request_seconds",
            "Seconds of work; the time that a request only waited for a change is left out.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self._registry,
        )
        # Bounded as the labels are: to find a series by its labels took longer than to count.
        self._series = cache(self._found)
        for collector in collectors:
            self._registry.register(collector)

    def follow(self, name: str, said: str, now: Callable[[], float]) -> None:
        """Tell a number as it is whenever somebody reads."""
        Gauge(name, said, registry=self._registry).set_function(now)

    def answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. Every argument is one of a few words, never what a caller sent."""
        counter, histogram = self._series(method, route, status)
        counter.inc()
        histogram.observe(seconds)

    def _found(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        counter = self._requests.labels(method, route, str(status))
        return counter, self._seconds.labels(method, route)

    def text(self) -> bytes:
        """All of it, in Prometheus's text format."""
        return generate_latest(self._registry)
