"""How often a caller may ask for the same export: every two seconds, after a free start (S14).

The generic cell rate algorithm: one instant for each caller and export says up to when its
allowance is spent. Each bridge counts for itself, so with two of them a caller has twice as much.
"""

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass

from resources.clock import Clock

# RELIABILITY.md S14: polls are two seconds apart. What was not used is saved up for twenty minutes,
# so a client that looks ten times a second at an export of a minute is nobody's problem.
EVERY_SECONDS = 2.0
SAVED = 600
# An entry is 200 bytes; whoever was silent for longest is forgotten, and has a free start again.
MOST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a caller has left for one export.

    Attributes:
        remaining: Polls that would be answered now.
        wait: Seconds that this one came too early; 0 for one that is answered.
    """

    remaining: int
    wait: float

    def headers(self) -> dict[str, str]:
        """As `RateLimit` fields (draft-ietf-httpapi-ratelimit-headers-10)."""
        window = round(SAVED * EVERY_SECONDS)
        return {
            "RateLimit-Policy": f'"poll";q={SAVED};w={window}',
            "RateLimit": f'"poll";r={self.remaining};t={math.ceil(self.wait or EVERY_SECONDS)}',
        }


class Pace:
    """Counts the polls of a process; safe to use from many threads.

    Args:
        clock: Tells how much time has passed.
        saved: Polls that may come at once.
    """

    def __init__(self, clock: Clock, *, saved: int = SAVED) -> None:
        self._clock, self._saved = clock, saved
        self._spent: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = threading.Lock()

    def poll(self, caller: str, export_id: str) -> Standing:
        """Count one poll; one that comes too early counts for nothing and says by how much."""
        now, key = self._clock.monotonic(), (caller, export_id)
        with self._lock:
            spent = max(self._spent.pop(key, now), now)
            ahead = spent + EVERY_SECONDS - now
            wait = max(0.0, ahead - self._saved * EVERY_SECONDS)
            self._spent[key] = spent if wait else spent + EVERY_SECONDS
            if len(self._spent) > MOST:
                self._spent.popitem(last=False)
        return Standing(remaining=max(0, int(self._saved - ahead / EVERY_SECONDS)), wait=wait)
