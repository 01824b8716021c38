"""The small stores: in memory and on the server."""

import pytest
from bson.raw_bson import RawBSONDocument

from resources.mongo.connection import MongoConnection
from resources.mongo.stores import MongoStores
from tests.contracts.small_stores import Plant, SmallStoresContract
from tests.fakes.clock import ManualClock
from tests.fakes.mongo import FakeMongoStores


class TestFake(SmallStoresContract):
    """The fakes."""

    @pytest.fixture
    def stores(self, clock: ManualClock) -> MongoStores:
        """Every store, empty."""
        return FakeMongoStores(clock)

    @pytest.fixture
    def plant(self, stores: FakeMongoStores) -> Plant:
        """Bytes are kept as they are."""
        kept = {
            "campaigns": stores.campaigns.kept,
            "markets": stores.markets.kept,
            "promoters": stores.promoters.kept,
            "scoring": stores.scoring.kept,
            "users": stores.users.kept,
        }
        return lambda collection, document: kept[collection].keep(document)


class TestServer(SmallStoresContract):
    """The real process."""

    @pytest.fixture
    def stores(self, mongo: MongoStores) -> MongoStores:
        """The stores of a database of their own."""
        return mongo

    @pytest.fixture
    def plant(self, database: MongoConnection) -> Plant:
        """The server takes any valid BSON."""

        def plant(collection: str, document: bytes) -> None:
            database.collection(collection).insert_one(RawBSONDocument(document))

        return plant
