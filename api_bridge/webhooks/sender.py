"""Sending what is due, and writing down what came of it.

A delivery is taken by a lease, so that one sender has it at a time; one that dies between sending
and writing down leaves it to the next, who sends it again under the same id. So a receiver gets a
webhook once or more, never not at all, and tells repetitions by `webhook-id`.
"""

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from api_bridge.webhooks.schedule import WAITS, wait_after
from api_bridge.webhooks.signing import live_secrets, signed_headers
from assets.model.webhook import DeliveryStatus, EndpointStatus, Silenced
from resources.clock import Clock
from resources.errors import DoorError
from resources.mongo.exports import Change, Match
from resources.mongo.webhooks import DeliveryStore, EndpointStore
from resources.webhook_receivers import SECONDS, WebhookReceivers

Document = Mapping[str, Any]

# Longer than one POST and what a resolver takes before it.
LEASE_SECONDS = 4 * SECONDS
# A receiver that answers after 15 s must not hold up all others.
MOST_OF_ONE = 2
TAKEN = range(200, 300)
LOGGER = logging.getLogger("api_bridge.webhooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one try.

    Attributes:
        status: What the receiver answered, if it did.
        code: Why there is no answer, or none was asked for.
        asked: Seconds that it asks to wait.
    """

    status: int | None = None
    code: str | None = None
    asked: float | None = None

    @property
    def taken(self) -> bool:
        """Whether the receiver has it; a redirect is none of our business (API.md 5)."""
        return self.status in TAKEN


class Sender:
    """Sends deliveries; used by several threads.

    Args:
        endpoints: Who is told.
        deliveries: What is told.
        receivers: The door to them.
        clock: For timestamps.
        random: A number in [0, 1) for jitter.
        waits: Seconds between tries.
        lease_seconds: How long a delivery is kept by a sender that falls silent.
    """

    def __init__(
        self,
        *,
        endpoints: EndpointStore,
        deliveries: DeliveryStore,
        receivers: WebhookReceivers,
        clock: Clock,
        random: Callable[[], float],
        waits: Sequence[float] = WAITS,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._endpoints, self._deliveries = endpoints, deliveries
        self._receivers, self._clock, self._random = receivers, clock, random
        self._waits, self._lease_seconds = waits, lease_seconds
        self._busy: Counter[str] = Counter()
        self._lock = threading.Lock()

    def claim(self) -> Document | None:
        """Take a delivery that is due; None when there is none. `send` must follow."""
        with self._lock:
            full = [endpoint for endpoint, sent in self._busy.items() if sent >= MOST_OF_ONE]
            claimed = self._deliveries.claim(
                str(DeliveryStatus.WAITING), seconds=self._lease_seconds, besides=full
            )
            if claimed is not None:
                self._busy[claimed["endpoint"]] += 1
        return claimed

    def send(self, delivery: Document) -> None:
        """Send a delivery that was claimed, once, and write down what came of it."""
        try:
            endpoint = self._endpoints.find(delivery["endpoint"])
            if endpoint is None:
                self._failed(delivery, Outcome(code="ENDPOINT_DELETED"))
            elif endpoint["status"] != EndpointStatus.ENABLED:
                self._failed(delivery, Outcome(code="ENDPOINT_DISABLED"))
            else:
                self._judged(delivery, endpoint, self._posted(delivery, endpoint))
        finally:
            with self._lock:
                self._busy[delivery["endpoint"]] -= 1
                self._busy += Counter()  # forgets who has none

    def _posted(self, delivery: Document, endpoint: Document) -> Outcome:
        now, body = self._clock.now(), bytes(delivery["body"])
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "export-platform-webhooks",
            **signed_headers(delivery["message"], body, live_secrets(endpoint, now), now),
        }
        try:
            reply = self._receivers.post(endpoint["url"], headers, body)
        except DoorError as failed:
            return Outcome(code=failed.code)
        return Outcome(status=reply.status, asked=reply.retry_after)

    def _judged(self, delivery: Document, endpoint: Document, outcome: Outcome) -> None:
        if outcome.taken:
            done = Change(set={"status": str(DeliveryStatus.DELIVERED)}, stamp=("deliveredAt",))
            self._settled(delivery, outcome, done)
            return
        wait = wait_after(
            delivery["attempts"], asked=outcome.asked, jitter=self._random(), waits=self._waits
        )
        gone = outcome.status == HTTPStatus.GONE
        if wait is not None and not gone:
            self._settled(delivery, outcome, Change(delay={"dueAt": wait}))
            return
        # First, so that a crash between leaves a delivery that finds its endpoint disabled.
        self._silence(endpoint, Silenced.GONE if gone else Silenced.FAILING)
        self._failed(delivery, outcome)

    def _silence(self, endpoint: Document, reason: Silenced) -> None:
        change = Change(
            set={"status": str(EndpointStatus.DISABLED), "reason": str(reason)},
            stamp=("disabledAt",),
        )
        enabled = Match(statuses=(str(EndpointStatus.ENABLED),))
        if self._endpoints.change(endpoint["_id"], enabled, change) is not None:
            said = {"event": "endpoint disabled", "endpoint": endpoint["_id"], "reason": reason}
            LOGGER.warning("%s", json.dumps(said))

    def _failed(self, delivery: Document, outcome: Outcome) -> None:
        self._settled(delivery, outcome, Change(set={"status": str(DeliveryStatus.FAILED)}))

    def _settled(self, delivery: Document, outcome: Outcome, change: Change) -> None:
        """Write down a try, if the lease is still ours; else another has sent it too, and says."""
        held = Match(statuses=(str(DeliveryStatus.WAITING),), token=str(delivery["lease"]["token"]))
        tried = {"status": outcome.status, "code": outcome.code}
        whole = Change(
            set={**change.set, "lease": None},
            stamp=change.stamp,
            delay=change.delay,
            push={"tries": tried},
        )
        self._deliveries.change(delivery["_id"], held, whole)
