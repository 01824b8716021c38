"""Several sensors listen to one queue, and one of them looks at a time.

Dagster begins a tick of a sensor every 5 s at most, so one that has just found work hears nothing
until then (2.5 s on average, 3.1 s right after a run). Its place is taken by the next at once.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from resources.clock import Clock


class Turns:
    """Whose turn it is, in one process; two processes only look twice, a claim is the database's.

    Args:
        spacing: Seconds between two who found work. Listeners that are used up faster than Dagster
            begins their ticks again would leave nobody to listen.
    """

    def __init__(self, *, spacing: float) -> None:
        self._spacing = spacing
        self._turn = threading.Lock()
        self._found = float("-inf")

    @contextmanager
    def taken(self, clock: Clock, deadline: float) -> Iterator[bool]:
        """Wait for a turn and keep it; false when it did not come in time."""
        if not self._turn.acquire(timeout=max(0.0, deadline - clock.monotonic())):
            yield False
            return
        try:
            again = self._found + self._spacing
            clock.sleep(min(again, deadline) - clock.monotonic())
            yield again <= deadline
        finally:
            self._turn.release()

    def found(self, clock: Clock) -> None:
        """Say that there was work; the next one leaves it room."""
        self._found = clock.monotonic()
