"""The heartbeat of an attempt: it renews the lease, and ends a worker that cannot.

A worker that is cut off must have stopped before its lease can be taken, whatever it hangs in
(DESIGN.md 3, rule 2). So one thread renews, and another watches how old the last renewal is.
"""

import os
import threading
from collections.abc import Callable

from assets.life import Document, ExportLife, LeaseLost
from assets.model.lifecycle import Status
from resources.clock import Clock

# EX_TEMPFAIL of sysexits.h: the process stops itself because it can no longer renew.
EXIT_FENCED = 75
# After the main thread was told to stop, how long it may take before the process is ended.
GRACE_SECONDS = 5.0


class Cancelled(Exception):
    """The export was cancelled; nothing is published."""


class Heartbeat:
    """Renews the lease on a thread of its own and tells the main thread when to stop.

    Args:
        life: Writes the beats.
        document: The export as it was started; its lease is ours.
        clock: Measures the time since the last renewal.
        fence: Ends the process when the main thread does not stop in time.
        grace: Seconds that the main thread has to stop.
    """

    def __init__(
        self,
        life: ExportLife,
        document: Document,
        *,
        clock: Clock,
        fence: Callable[[], None] = lambda: os._exit(EXIT_FENCED),
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._life, self._clock, self._fence, self._grace = life, clock, fence, grace
        self._id, self._token = document["_id"], document["lease"]["token"]
        self._progress: dict[str, int] = {}
        self._advanced = False
        self._end = threading.Event()
        self._lost = threading.Event()
        self._cancelled = threading.Event()
        self._renewed = clock.monotonic()
        self._threads = [
            threading.Thread(target=self._beat, name="heartbeat", daemon=True),
            threading.Thread(target=self._watch, name="heartbeat-watch", daemon=True),
        ]

    def __enter__(self) -> "Heartbeat":
        """Begin to beat."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop beating; a lease that nobody renews runs out by itself."""
        self._end.set()
        for thread in self._threads:
            thread.join(timeout=self._life.timing.heartbeat)

    def advance(self, **progress: int) -> None:
        """Take the progress for the next beat, and stop if the export is no longer ours.

        Raises:
            LeaseLost: The lease is gone or could not be renewed in time.
            Cancelled: Somebody asked the export to stop.
        """
        self._progress.update(progress)
        self._advanced = True
        if self._lost.is_set() or self._is_stale():
            raise LeaseLost
        if self._cancelled.is_set():
            raise Cancelled

    def _is_stale(self) -> bool:
        return self._clock.monotonic() - self._renewed > self._life.timing.self_fence

    def _beat(self) -> None:
        while not self._end.wait(self._life.timing.heartbeat):
            # The lease runs from when the database wrote it, which is after this and before the
            # answer: counting from here can only stop us too early.
            sent = self._clock.monotonic()
            advanced, self._advanced = self._advanced, False
            try:
                document = self._told(advanced)
                cancelled = document["status"] == Status.CANCELLING
            except LeaseLost:
                self._lost.set()
                return
            except Exception:  # noqa: BLE001 - a beat that failed is a beat missed
                self._advanced |= advanced
                continue
            self._renewed = sent
            if cancelled:
                self._cancelled.set()

    def _told(self, advanced: bool) -> Document:
        progress = dict(self._progress)
        return self._life.beat(self._id, self._token, progress, advanced=advanced)

    def _watch(self) -> None:
        """End the process if the main thread does not stop in time: it may hang in a call."""
        while not self._end.wait(self._life.timing.heartbeat / 2):
            if self._lost.is_set() or self._is_stale():
                self._lost.set()
                if not self._end.wait(self._grace):
                    self._fence()
                return
