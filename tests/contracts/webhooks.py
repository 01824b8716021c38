"""What the stores of webhooks promise."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from resources.errors import AlreadyExists
from resources.mongo.exports import Change, Match
from resources.mongo.stores import MongoStores
from resources.mongo.webhooks import DeliveryStore, EndpointStore

WAITING = Match(statuses=("waiting",))
ENABLED = Match(statuses=("enabled",))
LONG_AGO = datetime(1999, 12, 31, tzinfo=UTC)


def endpoint(number: int, **fields: Any) -> dict[str, Any]:
    """An endpoint."""
    return {
        "_id": f"we_{number}",
        "owner": "svc:$a.b",
        "place": f"svc:$a.b#{number}",
        "campaigns": ["aurora-lights"],
        "status": "enabled",
        **fields,
    }


def delivery(number: int, **fields: Any) -> dict[str, Any]:
    """A delivery."""
    return {
        "_id": f"evt_{number}:we_1",
        "endpoint": "we_1",
        "campaign": "aurora-lights",
        "status": "waiting",
        "attempts": 0,
        "lease": None,
        **fields,
    }


class WebhooksContract:
    """The suite; a subclass gives the fixtures.

    ``stores``: every store, empty. ``passes``: lets so many seconds pass for the database.
    """

    doors: ClassVar = (EndpointStore, DeliveryStore)

    def test_a_place_is_taken_once_and_free_again_after_a_delete(self, stores: MongoStores) -> None:
        """The cap of a caller rests on it: of many at once one has the place."""

        def take(number: int) -> bool:
            try:
                stores.endpoints.insert(endpoint(number, place="svc:$a.b#0"))
            except AlreadyExists:
                return False
            return True

        for round_ in range(3):
            with ThreadPoolExecutor(8) as pool:
                numbers = range(round_ * 8, round_ * 8 + 8)
                taken = [n for n, won in zip(numbers, pool.map(take, numbers), strict=True) if won]
            assert len(taken) == 1
            assert [one["_id"] for one in stores.endpoints.of("svc:$a.b", limit=9)] == [
                f"we_{taken[0]}"
            ]
            stores.endpoints.delete(f"we_{taken[0]}")
            stores.endpoints.delete("we_nobody")

    def test_an_endpoint_is_born_now_and_changes_as_expected_only(
        self, stores: MongoStores
    ) -> None:
        """Two that rotate at once must not both have shown a secret that counts."""
        born = stores.endpoints.insert(endpoint(1))
        first = Match(statuses=("enabled",), equal={"revision": 1})

        after = stores.endpoints.change("we_1", first, Change(set={"status": "disabled"}))

        assert born["createdAt"] == born["updatedAt"] > LONG_AGO
        assert after is not None
        assert (after["status"], after["revision"]) == ("disabled", 2)
        assert stores.endpoints.change("we_1", first, Change()) is None
        assert stores.endpoints.change("we_9", ENABLED, Change()) is None
        assert stores.endpoints.find("we_1") == after
        assert stores.endpoints.find("we_9") is None
        assert stores.endpoints.counts() == {"disabled": 1}

    def test_who_hears_is_found_by_campaign_and_state(self, stores: MongoStores) -> None:
        """An endpoint too many tells one tenant of another."""
        stores.endpoints.insert(endpoint(1))
        stores.endpoints.insert(endpoint(2, campaigns=["northern-sky", "*"]))
        stores.endpoints.insert(endpoint(3, campaigns=["northern-sky"]))
        stores.endpoints.insert(endpoint(4, status="disabled"))

        def hearing(*campaigns: str, limit: int = 9) -> list[str]:
            found = stores.endpoints.hearing("enabled", campaigns, limit=limit)
            return sorted(one["_id"] for one in found)

        assert hearing("aurora-lights", "*") == ["we_1", "we_2"]
        assert hearing("*") == ["we_2"]
        assert hearing("foreign-fest") == []
        assert len(hearing("aurora-lights", "*", limit=1)) == 1

    def test_an_event_is_added_once_for_an_endpoint(self, stores: MongoStores) -> None:
        """A fan-out that is done again must neither send twice nor forget what was sent."""
        assert stores.deliveries.add(delivery(1))
        stores.deliveries.change("evt_1:we_1", WAITING, Change(set={"status": "delivered"}))

        assert not stores.deliveries.add(delivery(1))
        found = stores.deliveries.find("evt_1:we_1")
        assert found is not None
        assert found["status"] == "delivered"
        assert found["dueAt"] == found["createdAt"]
        assert stores.deliveries.find("evt_2:we_1") is None

    def test_a_delivery_is_claimed_by_one_until_its_lease_is_over(
        self, stores: MongoStores, passes: Callable[[float], None]
    ) -> None:
        """Two senders must not send at once, and one that died must not keep it for ever."""
        stores.deliveries.add(delivery(1))
        with ThreadPoolExecutor(8) as pool:
            claims = list(
                pool.map(lambda _: stores.deliveries.claim("waiting", seconds=60.0), range(8))
            )
        (first,) = [one for one in claims if one is not None]
        stores.deliveries.change("evt_1:we_1", WAITING, Change(delay={"lease.until": 0.05}))
        passes(0.2)
        second = stores.deliveries.claim("waiting", seconds=60.0)

        assert second is not None
        assert (first["attempts"], second["attempts"]) == (1, 2)
        assert first["lease"]["token"] != second["lease"]["token"]
        late = Match(statuses=("waiting",), token=first["lease"]["token"])
        assert stores.deliveries.change("evt_1:we_1", late, Change()) is None
        held = Match(statuses=("waiting",), token=second["lease"]["token"])
        assert stores.deliveries.change("evt_1:we_1", held, Change(set={"lease": None})) is not None

    def test_what_has_been_due_for_longest_comes_first(
        self, stores: MongoStores, passes: Callable[[float], None]
    ) -> None:
        """A retry that is not due yet must not come early, nor hold up what is due."""
        stores.deliveries.add(delivery(1))
        passes(0.02)
        stores.deliveries.add(delivery(2, endpoint="we_2"))
        passes(0.02)
        stores.deliveries.add(delivery(3))
        stores.deliveries.change("evt_1:we_1", WAITING, Change(delay={"dueAt": 60.0}))

        busy = stores.deliveries.claim("waiting", seconds=9.0, besides=["we_2"])
        other = stores.deliveries.claim("waiting", seconds=9.0)

        assert busy is not None
        assert other is not None
        assert (busy["_id"], other["_id"]) == ("evt_3:we_1", "evt_2:we_1")
        assert stores.deliveries.claim("waiting", seconds=9.0) is None
        assert stores.deliveries.claim("failed", seconds=9.0) is None

    def test_the_log_is_paged_newest_first(
        self, stores: MongoStores, passes: Callable[[float], None]
    ) -> None:
        """Every delivery once, of this endpoint and these campaigns alone."""
        for number in range(5):
            stores.deliveries.add(delivery(number))
            passes(0.005 * (number % 2))  # some are of the same millisecond
        stores.deliveries.add(delivery(8, endpoint="we_2"))
        stores.deliveries.add(delivery(9, campaign="northern-sky"))
        mine = {"endpoint": "we_1", "campaign": ("aurora-lights", "foreign-fest")}

        seen: list[Any] = []
        while page := stores.deliveries.page(
            mine, before=(seen[-1]["createdAt"], seen[-1]["_id"]) if seen else None, limit=2
        ):
            seen += page

        assert sorted(one["_id"] for one in seen) == [f"evt_{n}:we_1" for n in range(5)]
        assert seen == sorted(seen, key=lambda one: (one["createdAt"], one["_id"]), reverse=True)

    def test_what_waits_and_what_has_changed_is_told(
        self, stores: MongoStores, passes: Callable[[float], None]
    ) -> None:
        """A sender that has died is seen by this alone."""
        assert stores.deliveries.earliest("waiting", "createdAt") is None
        for number in (1, 2, 3):
            stores.deliveries.add(delivery(number))
            passes(0.02)
        stores.deliveries.change("evt_1:we_1", WAITING, Change(set={"status": "delivered"}))
        second = stores.deliveries.find("evt_2:we_1")

        assert second is not None
        assert stores.deliveries.earliest("waiting", "createdAt") == second["createdAt"]
        assert stores.deliveries.counts(LONG_AGO) == {"delivered": 1, "waiting": 2}
        assert stores.deliveries.counts(second["createdAt"] + timedelta(days=1)) == {}

    @pytest.mark.parametrize("hostile", [{"$ne": None}, "$status"])
    def test_a_value_is_never_read_as_an_operator(self, stores: MongoStores, hostile: Any) -> None:
        """Urls and names come from callers."""
        born = stores.endpoints.insert(endpoint(1, url=hostile))

        assert born["url"] == hostile
        assert stores.endpoints.of(hostile, limit=9) == []
        assert stores.deliveries.page({"endpoint": hostile}, limit=9) == []
