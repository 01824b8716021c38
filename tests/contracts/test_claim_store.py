"""The store of claims: in memory and on the server."""

import pytest

from resources.mongo.claims import ClaimStore
from resources.mongo.exports import ExportStore
from resources.mongo.stores import MongoStores
from tests.contracts.claim_store import ClaimStoreContract
from tests.contracts.grounds import MovedClock, ServersClock
from tests.fakes.claims import FakeClaimStore
from tests.fakes.clock import ManualClock
from tests.fakes.exports import FakeExportStore


class TestFake(MovedClock, ClaimStoreContract):
    """The fake."""

    @pytest.fixture
    def exports(self, clock: ManualClock) -> ExportStore:
        """The exports beside it."""
        return FakeExportStore(clock)

    @pytest.fixture
    def claims(self, clock: ManualClock, exports: FakeExportStore) -> ClaimStore:
        """A store that follows the manual clock."""
        return FakeClaimStore(clock, exports)


class TestServer(ServersClock, ClaimStoreContract):
    """The real process."""

    @pytest.fixture
    def exports(self, mongo: MongoStores) -> ExportStore:
        """The exports of a database of its own."""
        return mongo.exports

    @pytest.fixture
    def claims(self, mongo: MongoStores) -> ClaimStore:
        """The claims of the same."""
        return mongo.claims
