"""The store of export documents: in memory and on the server."""

from collections.abc import Callable

import pytest
from bson.raw_bson import RawBSONDocument

from resources.mongo.connection import MongoConnection
from resources.mongo.exports import NAME, ExportStore
from resources.mongo.stores import MongoStores
from tests.contracts.export_store import ExportStoreContract
from tests.contracts.grounds import MovedClock, ServersClock
from tests.fakes.clock import ManualClock
from tests.fakes.exports import FakeExportStore


class TestFake(MovedClock, ExportStoreContract):
    """The fake."""

    @pytest.fixture
    def store(self, clock: ManualClock) -> ExportStore:
        """A store that follows the manual clock."""
        return FakeExportStore(clock)

    @pytest.fixture
    def plant(self, store: FakeExportStore) -> Callable[[bytes], None]:
        """Bytes are kept as they are."""
        return store.kept.keep


class TestServer(ServersClock, ExportStoreContract):
    """The real process."""

    @pytest.fixture
    def store(self, mongo: MongoStores) -> ExportStore:
        """A store of a database of its own."""
        return mongo.exports

    @pytest.fixture
    def plant(self, database: MongoConnection) -> Callable[[bytes], None]:
        """The server takes any valid BSON."""

        def plant(document: bytes) -> None:
            database.collection(NAME).insert_one(RawBSONDocument(document))

        return plant
