"""The stores of webhooks: in memory and on the server."""

import time
from collections.abc import Callable

import pytest

from resources.mongo.stores import MongoStores
from tests.contracts.webhooks import WebhooksContract
from tests.fakes.clock import ManualClock
from tests.fakes.mongo import FakeMongoStores


class TestFake(WebhooksContract):
    """The fake."""

    @pytest.fixture
    def stores(self, clock: ManualClock) -> MongoStores:
        """Stores that follow the manual clock."""
        return FakeMongoStores(clock)

    @pytest.fixture
    def passes(self, clock: ManualClock) -> Callable[[float], None]:
        """The clock is moved."""
        return clock.advance


class TestServer(WebhooksContract):
    """The real process."""

    @pytest.fixture
    def stores(self, mongo: MongoStores) -> MongoStores:
        """A database of its own."""
        return mongo

    @pytest.fixture
    def passes(self) -> Callable[[float], None]:
        """The server's clock cannot be moved, so we wait."""
        return time.sleep
