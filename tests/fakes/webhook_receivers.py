"""Receivers of webhooks in memory: what they got, and what they say next."""

from collections.abc import Mapping
from dataclasses import dataclass

from resources.errors import Refused
from resources.webhook_receivers import NotAllowed, Reply, WebhookReceivers, parse_receiver
from tests.fakes.asked import Asked
from tests.fakes.clock import ManualClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One webhook that was sent."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class FakeWebhookReceivers(WebhookReceivers):
    """Takes everything.

    Attributes:
        asked: What it was asked; ``asked.fail_next`` makes it fail.
        posted: What arrived.
        replies: What is answered next, by turns; 204 when there is nothing left.
    """

    def __init__(self, *, loopback: bool = True) -> None:
        """Have got nothing."""
        super().__init__(clock=ManualClock(), loopback=loopback)
        self.asked = Asked()
        self.posted: list[Posted] = []
        self.replies: list[Reply] = []

    def way_out(self) -> bool:
        """There is no proxy to connect to."""
        self.asked.note("way_out")
        return False

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Take a webhook."""
        self.asked.note("post", url)
        try:
            parse_receiver(url, loopback=self._loopback)
        except NotAllowed:
            raise Refused("WEBHOOK_FORBIDDEN", "call a webhook") from None
        self.posted.append(Posted(url=url, headers=dict(headers), body=body))
        return self.replies.pop(0) if self.replies else Reply(status=204)
