"""How long exports of each kind took: asked for once a minute and kind, however many look on."""

import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from api_bridge.protocol.eta import Took
from resources.clock import Clock
from resources.mongo.operations import OperationsStore

# Enough that the nearest in size are near, and some kB.
MOST = 200
SECONDS = 60.0


class Durations:
    """What the database tells of earlier exports, remembered for a minute.

    Args:
        operations: Who knows.
        clock: Tells how long ago that was.
    """

    def __init__(self, operations: OperationsStore, clock: Clock) -> None:
        self._operations, self._clock = operations, clock
        self._known: dict[str, tuple[float, tuple[Took, ...]]] = {}
        self._lock = threading.Lock()

    def of(self, kind: str) -> tuple[Took, ...]:
        """The newest of a kind.

        Raises:
            Unavailable: The database went away.
        """
        with self._lock:  # a hundred that look on at once ask once
            known = self.at_once(kind)
            if known is None:
                now = self._clock.monotonic()
                found = self._operations.durations(kind, limit=MOST)
                known = tuple(took for document in found for took in _took(document))
                self._known[kind] = now, known
            return known

    def at_once(self, kind: str) -> tuple[Took, ...] | None:
        """The same for who must not wait, such as the event loop; None: it must be asked for."""
        at, known = self._known.get(kind, (float("-inf"), None))
        return known if self._clock.monotonic() - at < SECONDS else None


def _took(document: Mapping[str, Any]) -> Iterator[Took]:
    started, finished = document.get("startedAt"), document.get("finishedAt")
    if isinstance(started, datetime) and isinstance(finished, datetime):
        seconds = max(0.0, (finished - started).total_seconds())
        yield Took(read=int(document["result"]["accounting"]["read"]), seconds=seconds)
