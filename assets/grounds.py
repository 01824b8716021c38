"""What requests stand on, remembered for a moment: four reads, and half of what a request cost.

A request is checked against its campaign before it is stored, and read again, at its snapshot, by
its run. What is remembered may be `SECONDS` old: an export that has become impossible meanwhile is
accepted, and its run says so by the same code. Whoever would refuse somebody looks again first
(`forget`), so what has become possible is never refused.
"""

import random
import threading
from datetime import datetime
from typing import Final

from assets.loading import Ground, Stores, ground_of
from resources.clock import Clock

SECONDS = 60.0
# Of that time some are forgotten earlier, by chance: five hundred campaigns that were asked for
# together would else be read again together, and for three seconds each request cost twice as much.
EARLIER: Final = 1 / 3
# Campaigns of 50 kB each, as a rule: 25 MB.
MOST = 512


class NotRemembered(Exception):
    """It has to be read, which takes a thread."""


class Grounds:
    """Campaigns and what belongs to them; safe to use from many threads.

    Args:
        clock: Tells how long ago one was read.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._chance = random.SystemRandom()
        # Until when, and what; in the order in which they were read.
        self._known: dict[str, tuple[float, Ground]] = {}

    def of(self, key: str, snapshot: datetime, stores: Stores) -> Ground:
        """Return what a campaign is, or was at most `SECONDS` ago.

        Raises:
            ExportFailed: There is no such campaign; that is not remembered.
            DoorError: The database failed.
        """
        now = self._clock.monotonic()
        ground = self._remembered(key, now)
        if ground is not None:
            return ground
        ground = ground_of(key, snapshot, stores)
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = now + self._life(), ground
            self._tidy(now)
        return ground

    def at_once(self, key: str, snapshot: datetime, stores: Stores) -> Ground:  # noqa: ARG002
        """The same for who must not wait, such as the event loop.

        Raises:
            NotRemembered: It would be read.
        """
        ground = self._remembered(key, self._clock.monotonic())
        if ground is None:
            raise NotRemembered
        return ground

    def _remembered(self, key: str, now: float) -> Ground | None:
        until, ground = self._known.get(key, (now, None))
        return ground if now < until else None

    def forget(self, key: str) -> bool:
        """Have it read anew the next time; whether it was remembered."""
        with self._lock:
            return self._known.pop(key, None) is not None

    def _life(self) -> float:
        return SECONDS * (1 - EARLIER * self._chance.random())

    def _tidy(self, now: float) -> None:
        """Drop what is old or too much; the first was read first."""
        while self._known:
            key, (until, _) = next(iter(self._known.items()))
            if len(self._known) <= MOST and now < until:
                return
            del self._known[key]
