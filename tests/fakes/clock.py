"""A clock that moves when it is told to."""

import time
from datetime import UTC, datetime, timedelta

MORNING = datetime(2026, 3, 14, 10, 0, tzinfo=UTC)


class ManualClock:
    """The three methods of a clock; sleeping moves it and returns at once.

    Attributes:
        slept: Every wait that was asked for, in seconds.
    """

    def __init__(self, start: datetime = MORNING) -> None:
        """Start at a fixed instant."""
        self._start = start
        self._passed = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the instant it was moved to."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Return the seconds it was moved by."""
        return self._passed

    def sleep(self, seconds: float) -> None:
        """Move on by so many seconds."""
        self.slept.append(seconds)
        self.advance(max(seconds, 0.0))

    def advance(self, seconds: float) -> None:
        """Move on by so many seconds without having been asked to wait."""
        self._passed += seconds


class PatientClock(ManualClock):
    """A clock whose sleep waits: the threads that share it must not move it for each other."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
