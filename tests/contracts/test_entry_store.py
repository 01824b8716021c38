"""The store of entries: in memory and on the server."""

from collections.abc import Iterable

import bson
import pytest
from bson.raw_bson import RawBSONDocument

from resources.errors import Refused
from resources.mongo.connection import MongoConnection
from resources.mongo.documents import identity
from resources.mongo.entries import NAME, EntryStore, Scan
from resources.mongo.stores import MongoStores
from tests.contracts.entry_store import CAMPAIGN, SCAN, EntryStoreContract, Plant, entry
from tests.fakes.entries import FakeEntryStore


class TestFake(EntryStoreContract):
    """The fake."""

    @pytest.fixture
    def store(self) -> EntryStore:
        """An empty store."""
        return FakeEntryStore()

    @pytest.fixture
    def plant(self, store: FakeEntryStore) -> Plant:
        """Bytes are kept as they are."""

        def plant(documents: Iterable[bytes]) -> None:
            for document in documents:
                store.kept.keep(document)

        return plant

    def test_a_scan_survives_bad_utf8(self, store: EntryStore, plant: Plant) -> None:
        """MongoDB stores bad UTF-8; the stand-in server does not, so the fake must show this."""
        bad = [_with_bad_text(number, "name") for number in range(5)]
        plant(bad)

        assert [one for batch in store.scan(SCAN, page_size=2) for one in batch] == bad

    def test_a_sort_field_with_bad_utf8_stops_the_scan(
        self, store: EntryStore, plant: Plant
    ) -> None:
        """The next page would start behind another text than the one that is stored."""
        plant([_with_bad_text(1, "key")])

        with pytest.raises(Refused, match="key"):
            list(store.scan(Scan(filter={"campaignId": CAMPAIGN}, sort=("key", "_id"))))


def _with_bad_text(number: int, field: str) -> bytes:
    return bson.encode(entry(number, **{field: "xxxx"})).replace(b"xxxx", b"\xff\xfe\xff\xfe")


class TestServer(EntryStoreContract):
    """The real process."""

    @pytest.fixture
    def store(self, mongo: MongoStores) -> EntryStore:
        """A store of a database of its own."""
        return mongo.entries

    @pytest.fixture
    def plant(self, database: MongoConnection) -> Plant:
        """The server takes any valid BSON."""

        def plant(documents: Iterable[bytes]) -> None:
            stored = [RawBSONDocument(one) for one in documents]
            if stored:
                entries = database.collection(NAME)
                entries.delete_many({"_id": {"$in": [identity(bytes(one.raw)) for one in stored]}})
                # The driver takes raw documents as they are here; in a replacement it decodes them.
                entries.insert_many(stored)

        return plant
