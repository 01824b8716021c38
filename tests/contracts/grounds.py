"""What a contract of a store stands on: fakes whose clock is moved, or the server and its own."""

import time
from collections.abc import Callable

import pytest

from resources.mongo.stores import MongoStores
from tests.fakes.clock import ManualClock
from tests.fakes.mongo import FakeMongoStores


class MovedClock:
    """Time passes when a test says so."""

    @pytest.fixture
    def passes(self, clock: ManualClock) -> Callable[[float], None]:
        """The clock is moved."""
        return clock.advance


class ServersClock:
    """Time passes by itself."""

    @pytest.fixture
    def passes(self) -> Callable[[float], None]:
        """The server's clock cannot be moved, so we wait."""
        return time.sleep


class FakeGround(MovedClock):
    """Every store as a fake."""

    @pytest.fixture
    def stores(self, clock: ManualClock) -> MongoStores:
        """Stores that follow the manual clock."""
        return FakeMongoStores(clock)


class ServerGround(ServersClock):
    """Every store of the real process."""

    @pytest.fixture
    def stores(self, mongo: MongoStores) -> MongoStores:
        """A database of its own."""
        return mongo
