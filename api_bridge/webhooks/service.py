"""The loop of the process that sends: look for news, take what is due, send a few at once."""

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from api_bridge.webhooks.news import News
from api_bridge.webhooks.sender import Document, Sender
from resources.clock import Clock
from resources.errors import DoorError
from resources.mongo.ticks import TickStore

# How late a webhook is at most when nothing else is to do; two small questions to the database.
POLL_SECONDS = 1.0
SENDING_AT_ONCE = 8
# Its name beside those of the sensors, by which its silence is seen.
NAME = "webhooks"
LOGGER = logging.getLogger("api_bridge.webhooks")


class Service:
    """Runs until it is told to stop.

    Args:
        news: What has happened.
        sender: What is due.
        ticks: Where it says that it lives.
        clock: For the pace.
    """

    def __init__(self, *, news: News, sender: Sender, ticks: TickStore, clock: Clock) -> None:
        self._news, self._sender, self._ticks = news, sender, ticks
        self._clock = clock
        self._slots = threading.Semaphore(SENDING_AT_ONCE)
        self._looked: float | None = None

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set; what is being sent then is waited for."""
        with ThreadPoolExecutor(SENDING_AT_ONCE, thread_name_prefix="send") as pool:
            while not stop.is_set():
                if not self._round(pool):
                    stop.wait(POLL_SECONDS)

    def _round(self, pool: ThreadPoolExecutor) -> bool:
        """One step; whether there may be more to do at once."""
        if not self._slots.acquire(timeout=POLL_SECONDS):
            return True
        try:
            self._look()
            claimed = self._sender.claim()
        except DoorError as failed:  # the database is away; it comes back
            LOGGER.warning("%s", failed)
            claimed = None
        if claimed is None:
            self._slots.release()
            return False
        pool.submit(self._send, claimed).add_done_callback(_said)
        return True

    def _look(self) -> None:
        now = self._clock.monotonic()
        if self._looked is None or now - self._looked >= POLL_SECONDS:
            self._ticks.tick(NAME)
            self._news.hand_on()
            self._looked = now

    def _send(self, claimed: Document) -> None:
        try:
            self._sender.send(claimed)
        finally:
            self._slots.release()


def _said(sent: Future[None]) -> None:
    """A sending that broke is done again when its lease is over; here it is only said."""
    failed = sent.exception()
    if failed is not None:
        # The type alone: an exception's text may hold an address or a secret.
        known = failed.code if isinstance(failed, DoorError) else type(failed).__name__
        LOGGER.error("a webhook could not be sent or written down: %s", known)
