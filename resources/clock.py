"""The time of this process.

Leases and due dates do not come from here: they use the database's own clock (RELIABILITY.md 4.1),
because two machines never agree. This clock is for waiting and for measuring how long something
took.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a clock can do; tests pass one that they set by hand."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The real clock."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the clock that others take

    def monotonic(self) -> float:
        """Return seconds that never run backwards; only differences mean anything."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds``; zero or less returns at once."""
        if seconds > 0:
            time.sleep(seconds)
