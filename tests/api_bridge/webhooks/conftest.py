"""A bridge, a sender and a receiver on loopback; only the stores are in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from api_bridge.webhooks.news import News
from api_bridge.webhooks.sender import Document, Sender
from resources.clock import SystemClock
from resources.webhook_receivers import WebhookReceivers
from tests.api_bridge.bench import Bench, running_bench
from tests.api_bridge.toys import TOYS
from tests.fakes.clock import PatientClock
from tests.receiver import Got, WebhookReceiver, webhook_receiver

BASE = "/v1/webhook-endpoints"


@dataclass(slots=True, kw_only=True)
class Hooks:
    """All of it, and what tests do with it.

    Attributes:
        bench: The bridge.
        receiver: Who is told.
        news: Hands on.
        sender: Sends.
    """

    bench: Bench
    receiver: WebhookReceiver
    news: News
    sender: Sender

    def register(self, *, token: str = "", **body: Any) -> dict[str, Any]:
        """Register the receiver; what the bridge answers, with the secret."""
        body = {"url": self.receiver.url, **body}
        answer = self.bench.call("POST", BASE, body, token=token)
        assert answer.status == 201, answer.raw
        return dict(answer.body)

    def endpoint(self, endpoint_id: str) -> dict[str, Any]:
        """An endpoint as its owner sees it."""
        return dict(self.bench.call("GET", f"{BASE}/{endpoint_id}").body)

    def log(self, endpoint_id: str) -> list[dict[str, Any]]:
        """What it was told, newest first."""
        return list(self.bench.call("GET", f"{BASE}/{endpoint_id}/deliveries").body["deliveries"])

    def send_all(self) -> int:
        """Hand on the news and send what is due; how often something was sent."""
        self.news.hand_on()
        sent = 0
        while (claimed := self.sender.claim()) is not None:
            self.sender.send(claimed)
            sent += 1
        return sent

    def end_one(self, **params: Any) -> str:
        """An export that has failed; its id."""
        return self.bench.fail(self.bench.create(**params))

    def tries(self, delivery_id: str, endpoint_id: str) -> Document:
        """A delivery as it is stored."""
        found = self.bench.stores.deliveries.find(f"{delivery_id}:{endpoint_id}")
        assert found is not None
        return found


def verified(secret: str, got: Got) -> dict[str, Any]:
    """The body, if the public library of Standard Webhooks says that it is ours."""
    said: dict[str, Any] = Webhook(secret).verify(got.body, dict(got.headers))
    return said


@pytest.fixture(scope="module")
def module_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bridge that lives now, since receivers refuse what is old, and may call loopback."""
    clock = PatientClock(SystemClock().now())
    folder: Path = tmp_path_factory.mktemp("bridge")
    with running_bench(folder, TOYS, clock=clock, webhooks_loopback=True) as bench:
        yield bench


@pytest.fixture
def hooks(bench: Bench) -> Iterator[Hooks]:
    """All of it, with nothing stored."""
    stores, begun = bench.stores, bench.clock.monotonic()
    with webhook_receiver() as receiver:
        yield Hooks(
            bench=bench,
            receiver=receiver,
            news=News(life=bench.life, endpoints=stores.endpoints, deliveries=stores.deliveries),
            sender=Sender(
                endpoints=stores.endpoints,
                deliveries=stores.deliveries,
                receivers=WebhookReceivers(clock=bench.clock, loopback=True, seconds=5.0),
                clock=bench.clock,
                random=lambda: 0.5,
            ),
        )
    bench.clock.advance(begun - bench.clock.monotonic())  # the module's next test is now again
