"""The store that operators look at: in memory and on the server."""

import time
from collections.abc import Callable

import pytest

from resources.mongo.stores import MongoStores
from tests.contracts.operations import OperationsContract
from tests.fakes.clock import ManualClock
from tests.fakes.mongo import FakeMongoStores


class TestFake(OperationsContract):
    """The fake."""

    @pytest.fixture
    def stores(self, clock: ManualClock) -> MongoStores:
        """Every store, empty."""
        return FakeMongoStores(clock)

    @pytest.fixture
    def passes(self, clock: ManualClock) -> Callable[[float], None]:
        """The clock is set by hand."""
        return clock.advance


class TestServer(OperationsContract):
    """The real process."""

    @pytest.fixture
    def stores(self, mongo: MongoStores) -> MongoStores:
        """The stores of a database of their own."""
        return mongo

    @pytest.fixture
    def passes(self) -> Callable[[float], None]:
        """The server has its own clock."""
        return time.sleep
