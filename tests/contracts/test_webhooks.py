"""The stores of webhooks: in memory and on the server."""

from tests.contracts.grounds import FakeGround, ServerGround
from tests.contracts.webhooks import WebhooksContract


class TestFake(FakeGround, WebhooksContract):
    """The fake."""


class TestServer(ServerGround, WebhooksContract):
    """The real process."""
