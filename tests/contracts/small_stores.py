"""What the five stores of small documents, and the bundle of all stores, promise."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import bson
import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from resources.errors import AlreadyExists, Refused
from resources.mongo.campaigns import CampaignListing, CampaignStore
from resources.mongo.connection import MongoConnection
from resources.mongo.documents import IDS_PER_QUERY
from resources.mongo.markets import MarketStore
from resources.mongo.promoters import PromoterStore
from resources.mongo.scoring import ScoringStore
from resources.mongo.stores import MongoStores
from resources.mongo.users import UserStore

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NEVER = DatetimeMS(10**17)

Plant = Callable[[str, bytes], None]


def identity(number: int) -> ObjectId:
    """Return an id that sorts by its number."""
    return ObjectId(f"{number:024x}")


class SmallStoresContract:
    """The suite; a subclass gives the fixtures.

    ``stores``: every store, empty. ``plant``: stores raw BSON in the collection of that name.
    """

    doors: ClassVar = (
        CampaignStore,
        MarketStore,
        MongoConnection,
        MongoStores,
        PromoterStore,
        ScoringStore,
        UserStore,
    )

    def test_the_database_answers(self, stores: MongoStores) -> None:
        """Readiness asks this; indexes may be asked for as often as one likes."""
        stores.ping()
        stores.ensure_indexes()
        stores.ensure_indexes()

    def test_the_database_says_what_it_is_and_lacks(self, stores: MongoStores) -> None:
        """Whoever looks for what is wrong asks this first; once made, no index is missing."""
        facts = stores.about()
        stores.ensure_indexes()

        assert facts.version.split(".")[0].isdecimal()
        assert facts.now.utcoffset() == timedelta(0)
        assert stores.lacking_indexes() == []

    def test_a_closed_bundle_opens_again(self, stores: MongoStores) -> None:
        """A resource that is torn down twice, or used once more, must not break a run."""
        stores.ping()
        stores.close()
        stores.close()

        assert stores.campaigns.by_key("none") is None
        stores.close()

    def test_a_campaign_is_found_by_its_key(self, stores: MongoStores, plant: Plant) -> None:
        """The key is what partitions and requests name."""
        campaign = {"_id": identity(1), "key": "aurora", "createdAt": NOW, "deletedAt": None}
        _plant(plant, "campaigns", campaign)
        _plant(plant, "campaigns", {"_id": identity(2), "key": "gone", "deletedAt": NOW})

        assert stores.campaigns.by_key("aurora") == campaign
        assert stores.campaigns.by_key("gone") is None
        assert stores.campaigns.by_key("none") is None

    def test_campaigns_are_listed_by_key(self, stores: MongoStores, plant: Plant) -> None:
        """The sensor compares two sorted lists; a deleted campaign is not in either."""
        for number, key in enumerate(("b", "c", "a")):
            one = {"_id": identity(number), "key": key, "status": "open", "updatedAt": NOW}
            _plant(plant, "campaigns", one)
        _plant(plant, "campaigns", {"_id": identity(9), "key": "d", "deletedAt": NOW})

        assert stores.campaigns.listing() == [
            CampaignListing(key=key, status="open", updated_at=NOW) for key in "abc"
        ]

    def test_a_damaged_campaign_is_still_listed(self, stores: MongoStores, plant: Plant) -> None:
        """If it vanished from the list, its partition would be pruned."""
        _plant(plant, "campaigns", {"_id": identity(1), "key": "a", "updatedAt": NEVER})

        listed = stores.campaigns.listing()

        assert listed == [CampaignListing(key="a", status="", updated_at=None)]
        with pytest.raises(Refused) as refused:
            stores.campaigns.by_key("a")
        assert refused.value.code == "MONGO_UNDECODABLE"

    def test_markets_come_in_their_order(self, stores: MongoStores, plant: Plant) -> None:
        """Columns of an export follow it; a cancelled market still has a name."""
        for number, order in enumerate((2, 1, 1)):
            status = "cancelled" if number == 2 else "active"
            one = {"_id": identity(number), "campaignId": identity(7), "order": order}
            _plant(plant, "markets", {**one, "key": f"k{number}", "status": status})
        _plant(plant, "markets", {"_id": identity(8), "campaignId": identity(9), "order": 0})

        found = stores.markets.of_campaign(identity(7))

        assert [one["_id"] for one in found] == [identity(1), identity(2), identity(0)]
        assert stores.markets.of_campaign(identity(1)) == []

    def test_a_damaged_market_is_refused(self, stores: MongoStores, plant: Plant) -> None:
        """An export without one of its markets would be wrong in every row."""
        _plant(plant, "markets", {"_id": identity(1), "campaignId": identity(7), "at": NEVER})

        with pytest.raises(Refused) as refused:
            stores.markets.of_campaign(identity(7))
        assert refused.value.code == "MONGO_UNDECODABLE"

    def test_promoters_are_found_by_id_and_key(self, stores: MongoStores, plant: Plant) -> None:
        """A campaign names them by id, a request by key."""
        for number, key in enumerate(("b", "a")):
            _plant(plant, "promoters", {"_id": identity(number), "key": key})

        found = stores.promoters.by_ids([identity(0), identity(1), identity(5)])
        one = stores.promoters.by_key("a")

        assert [promoter["key"] for promoter in found] == ["a", "b"]
        assert one is not None
        assert one["_id"] == identity(1)
        assert stores.promoters.by_ids([]) == []
        assert stores.promoters.by_key("c") is None

    def test_users_are_found_by_id_with_the_fields_asked_for(
        self, stores: MongoStores, plant: Plant
    ) -> None:
        """What is not fetched cannot leak; unknown ids are simply not there."""
        user = {"email": "a@example.com", "marketing": {"smsStop": True, "x": 1}, "locale": "de"}
        _plant(plant, "users", {"_id": identity(1), "accountId": "a", **user})

        found = stores.users.by_ids([identity(1), identity(2)], fields=("marketing.smsStop", "no"))
        whole = stores.users.by_ids([identity(1)])

        assert found == {identity(1): {"_id": identity(1), "marketing": {"smsStop": True}}}
        assert whole[identity(1)]["locale"] == "de"
        assert stores.users.by_ids([]) == {}

    def test_more_users_than_fit_one_query_are_all_found(
        self, stores: MongoStores, plant: Plant
    ) -> None:
        """The first and the last id of two chunks both arrive."""
        last = IDS_PER_QUERY
        for number in (0, last):
            _plant(plant, "users", {"_id": identity(number), "accountId": str(number)})

        found = stores.users.by_ids([identity(number) for number in range(last + 1)], fields=())

        assert set(found) == {identity(0), identity(last)}

    def test_a_damaged_user_does_not_hide_the_others(
        self, stores: MongoStores, plant: Plant
    ) -> None:
        """One fan among two million must not fail the export of all."""
        _plant(plant, "users", {"_id": identity(1), "accountId": "a", "createdAt": NEVER})
        _plant(plant, "users", {"_id": identity(2), "accountId": "b"})

        found = stores.users.by_ids([identity(1), identity(2)])

        assert found[identity(1)] == {"_id": identity(1), "undecodable": True}
        assert found[identity(2)]["accountId"] == "b"

    def test_users_that_match_come_in_pages_in_the_order_of_their_ids(
        self, stores: MongoStores, plant: Plant
    ) -> None:
        """Suppression reads every fan who opted out; a page must not end the reading."""
        for number in (3, 1, 2):
            user = {"accountId": str(number), "marketing": {"smsStop": number != 2}}
            _plant(plant, "users", {"_id": identity(number), **user})

        found = list(stores.users.where({"marketing.smsStop": True}))

        assert [one["_id"] for one in found] == [identity(1), identity(3)]

    def test_overrides_come_oldest_first(self, stores: MongoStores, plant: Plant) -> None:
        """The latest decision of a person wins, so their order matters."""
        for number, at in enumerate((5, 3, 4)):
            one = {"_id": identity(number), "campaignId": identity(7), "kind": "override"}
            _plant(plant, "scoring", {**one, "at": NOW.replace(day=at)})
        run = {"_id": identity(8), "campaignId": identity(7), "kind": "run", "runId": "r"}
        _plant(plant, "scoring", run)

        found = stores.scoring.overrides(identity(7))

        assert [one["_id"] for one in found] == [identity(1), identity(2), identity(0)]

    def test_the_scoring_runs_of_a_campaign_come_newest_first(
        self, stores: MongoStores, plant: Plant
    ) -> None:
        """The latest run is the one that is shown unless another is named."""
        for number, at in enumerate((5, 7, 6)):
            one = {"_id": identity(number), "campaignId": identity(7), "kind": "run"}
            _plant(
                plant, "scoring", {**one, "runId": f"r{number}", "createdAt": NOW.replace(day=at)}
            )
        other = {"_id": identity(8), "campaignId": identity(9), "kind": "run", "runId": "other"}
        _plant(plant, "scoring", other)

        found = stores.scoring.runs(identity(7))

        assert [one["runId"] for one in found] == ["r1", "r2", "r0"]

    def test_a_scoring_run_is_found_by_its_id(self, stores: MongoStores, plant: Plant) -> None:
        """A campaign names its latest run by the run's own id."""
        _plant(plant, "scoring", {"_id": identity(1), "kind": "run", "runId": "r", "missing": 3})
        _plant(plant, "scoring", {"_id": identity(2), "kind": "override", "runId": "q"})

        run = stores.scoring.run("r")

        assert run is not None
        assert run["missing"] == 3
        assert stores.scoring.run("q") is None

    def test_a_new_scoring_run_is_stored_once(self, stores: MongoStores) -> None:
        """Two attempts that commit one run must not make two, nor change the first."""
        stores.ensure_indexes()
        run = {"campaignId": identity(7), "runId": "r", "provider": "vf", "createdAt": NOW}

        stores.scoring.insert_run(run)
        with pytest.raises(AlreadyExists):
            stores.scoring.insert_run({**run, "provider": "internal"})

        stored = stores.scoring.run("r")
        assert stored is not None
        assert {"kind": "run", **run} == {name: stored[name] for name in ("kind", *run)}  # type: ignore[literal-required]


def _plant(plant: Plant, collection: str, document: Mapping[str, Any]) -> None:
    plant(collection, bson.encode(document))
