"""The door to receivers of webhooks: in memory and over HTTP."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from resources.clock import SystemClock
from resources.http_json import seconds_asked
from resources.webhook_receivers import Reply, WebhookReceivers
from tests.contracts.webhook_receivers import Answer, ReceiversContract
from tests.fakes.clock import MORNING
from tests.fakes.webhook_receivers import FakeWebhookReceivers
from tests.receiver import Say, WebhookReceiver, webhook_receiver


class TestFake(ReceiversContract):
    """The fake."""

    @pytest.fixture
    def door(self) -> FakeWebhookReceivers:
        """One that has got nothing."""
        return FakeWebhookReceivers()

    @pytest.fixture
    def url(self) -> str:
        """Any address will do."""
        return "http://127.0.0.1:9/hooks"

    @pytest.fixture
    def answer(self, door: FakeWebhookReceivers) -> Answer:
        """The fake is told."""

        def answer(status: int, headers: Mapping[str, str]) -> None:
            wait = seconds_asked(headers, MORNING)
            door.replies.append(Reply(status=status, retry_after=wait))

        return answer

    @pytest.fixture
    def got(self, door: FakeWebhookReceivers) -> Callable[[], list[Any]]:
        """What it keeps."""

        def got() -> list[Any]:
            lower = [({k.lower(): v for k, v in one.headers.items()}, one) for one in door.posted]
            return [(headers, one.body) for headers, one in lower]

        return got


class TestServer(ReceiversContract):
    """A real receiver on loopback."""

    @pytest.fixture
    def receiver(self) -> Iterator[WebhookReceiver]:
        """One that runs."""
        with webhook_receiver() as receiver:
            yield receiver

    @pytest.fixture
    def door(self) -> WebhookReceivers:
        """The real door."""
        return WebhookReceivers(clock=SystemClock(), loopback=True)

    @pytest.fixture
    def url(self, receiver: WebhookReceiver) -> str:
        """Where it is."""
        return receiver.url

    @pytest.fixture
    def answer(self, receiver: WebhookReceiver) -> Answer:
        """It is told."""

        def answer(status: int, headers: Mapping[str, str]) -> None:
            receiver.answers.append(Say(status=status, headers=headers))

        return answer

    @pytest.fixture
    def got(self, receiver: WebhookReceiver) -> Callable[[], list[Any]]:
        """What came in."""
        return lambda: [(one.headers, one.body) for one in receiver.got]
