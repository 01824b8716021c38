"""What requests stand on, remembered for a moment: four reads, and half of what a request cost.

A request is checked against its campaign before it is stored, and read again, at its snapshot, by
its run. What is remembered may be `SECONDS` old: an export that has become impossible meanwhile is
accepted, and its run says so by the same code. Whoever would refuse somebody looks again first
(`forget`), so what has become possible is never refused.
"""

import threading
from datetime import datetime

from assets.loading import Ground, Stores, ground_of
from resources.clock import Clock

SECONDS = 10.0
# Campaigns of 50 kB each, as a rule: 25 MB.
MOST = 512


class Grounds:
    """Campaigns and what belongs to them; safe to use from many threads.

    Args:
        clock: Tells how long ago one was read.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # In the order in which they were read.
        self._known: dict[str, tuple[float, Ground]] = {}

    def of(self, key: str, snapshot: datetime, stores: Stores) -> Ground:
        """Return what a campaign is, or was at most `SECONDS` ago.

        Raises:
            ExportFailed: There is no such campaign; that is not remembered.
            DoorError: The database failed.
        """
        now = self._clock.monotonic()
        at, ground = self._known.get(key, (float("-inf"), None))
        if ground is not None and now - at < SECONDS:
            return ground
        ground = ground_of(key, snapshot, stores)
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = now, ground
            self._tidy(now)
        return ground

    def forget(self, key: str) -> bool:
        """Have it read anew the next time; whether it was remembered."""
        with self._lock:
            return self._known.pop(key, None) is not None

    def _tidy(self, now: float) -> None:
        """Drop what is old or too much; the first was read first."""
        while self._known:
            key, (at, _) = next(iter(self._known.items()))
            if len(self._known) <= MOST and now - at < SECONDS:
                return
            del self._known[key]
