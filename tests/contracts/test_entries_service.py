"""The entries service: in memory and as the process of the stack."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from resources.entries_service import EntriesService
from resources.wiring import environment
from tests.contracts.entries_service import NOON, SECOND, EntriesContract, Fill
from tests.fakes.entries_service import FakeEntriesService, KnownEntry


@pytest.fixture
def campaign() -> str:
    """A campaign of this test."""
    return uuid.uuid4().hex[:24]


@pytest.fixture
def ids() -> list[str]:
    """Ids of this test, in ascending order."""
    return sorted(uuid.uuid4().hex[:24] for _ in range(5))


class TestFake(EntriesContract):
    """The fake."""

    @pytest.fixture
    def door(self) -> FakeEntriesService:
        """An empty service."""
        return FakeEntriesService()

    @pytest.fixture
    def fill(self, door: FakeEntriesService) -> Fill:
        """The fake is a dictionary."""

        def fill(entries: Iterable[KnownEntry]) -> None:
            door.entries.update({entry.id: entry for entry in entries})

        return fill


class TestServer(EntriesContract):
    """The real process, over the database of the stack."""

    @pytest.fixture
    def database(self, stack: Mapping[str, str], campaign: str) -> Iterator[Any]:
        """The platform's database, without this test's documents afterwards."""
        client: MongoClient[dict[str, Any]] = MongoClient(stack["MONGODB_URI"], tz_aware=True)
        database = client[stack["MONGODB_DATABASE"]]
        yield database
        for name in ("entries", "markets"):
            database[name].delete_many({"campaignId": ObjectId(campaign)})
        client.close()

    @pytest.fixture
    def door(self, stack: Mapping[str, str]) -> Iterator[EntriesService]:
        """The service of the stack."""
        door = environment.entries_service(stack)
        yield door
        door.close()

    @pytest.fixture
    def fill(self, database: Any, campaign: str) -> Fill:
        """Documents as DOMAIN.md 2.5 has them."""

        def fill(entries: Iterable[KnownEntry]) -> None:
            markets: dict[str, ObjectId] = {}
            for entry in entries:
                if entry.market_key is not None and entry.market_key not in markets:
                    markets[entry.market_key] = ObjectId()
                    database["markets"].insert_one(
                        {
                            "_id": markets[entry.market_key],
                            "campaignId": ObjectId(campaign),
                            "key": entry.market_key,
                        }
                    )
                database["entries"].insert_one(_document(entry, markets))

        return fill

    def test_a_message_stands_on_the_entry_once(
        self, door: EntriesService, campaign: str, ids: list[str], fill: Fill, database: Any
    ) -> None:
        """What the next export reads as sent; a repeated call must not move its time."""
        fill([KnownEntry(id=ids[0], campaign_id=campaign)])

        door.mark_messaged(campaign, "reminder", "export-1", [ids[0]])
        first = database["entries"].find_one({"_id": ObjectId(ids[0])})
        door.mark_messaged(campaign, "reminder", "export-1", [ids[0]])

        assert first == database["entries"].find_one({"_id": ObjectId(ids[0])})
        assert ["reminder"] == [message["kind"] for message in first["messages"]]

    def test_an_erased_user_takes_every_merged_account_along(
        self, door: EntriesService, campaign: str, ids: list[str], fill: Fill, database: Any
    ) -> None:
        """A fan's older account has the same name and address; its entry is hers."""
        fill([KnownEntry(id=one, campaign_id=campaign) for one in ids[:3]])
        kept, merged, earlier = ObjectId(), ObjectId(), ObjectId()
        database["users"].insert_many(
            [
                {"_id": kept, "accountId": str(kept), "erasure": {"requestedAt": NOON}},
                {"_id": merged, "accountId": str(merged), "mergedInto": kept},
                {"_id": earlier, "accountId": str(earlier), "mergedInto": merged},
            ]
        )
        for one, user in zip(ids[:2], (kept, earlier), strict=True):
            database["entries"].update_one({"_id": ObjectId(one)}, {"$set": {"userId": user}})

        try:
            assert frozenset(ids[:2]) == door.erased_since(campaign, NOON)
            assert frozenset() == door.erased_since(campaign, NOON + SECOND)
        finally:
            database["users"].delete_many({"_id": {"$in": [kept, merged, earlier]}})


def _document(entry: KnownEntry, markets: Mapping[str, ObjectId]) -> dict[str, Any]:
    erased = {} if entry.erased_at is None else {"erasure": {"requestedAt": entry.erased_at}}
    block = "selection" if entry.status == "selected" else "waitlist"
    held = {} if entry.market_key is None else {block: {"marketId": markets[entry.market_key]}}
    return {
        "_id": ObjectId(entry.id),
        "schemaVersion": 3,
        "campaignId": ObjectId(entry.campaign_id),
        "isCurrent": True,
        "status": entry.status,
        "createdAt": entry.created_at,
        "updatedAt": entry.updated_at,
        "deletedAt": None,
        **erased,
        **held,
    }
