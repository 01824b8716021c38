"""Webhook endpoints and deliveries in memory, and a clock to set."""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from resources.clock import Clock
from resources.errors import AlreadyExists
from resources.mongo.exports import Change, Match, compile_change, compile_match
from resources.mongo.webhooks import DeliveryStore, EndpointStore
from tests.fakes.asked import Asked
from tests.fakes.collection import FakeCollection
from tests.fakes.exports import NOWHERE, changed, equals, fits
from tests.fakes.matching import order

Document = dict[str, Any]


class _Kept(FakeCollection):
    """Documents with a revision, changed on a clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def now(self) -> datetime:
        """The clock to the millisecond, as BSON keeps it."""
        now = self._clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def born(self, document: Mapping[str, object], *stamps: str, unique: str = "_id") -> Document:
        """Store a document whose unique fields are free."""
        with self.lock:
            for stored, _ in self.seen():
                if any(stored[name] == document[name] for name in ("_id", unique)):
                    raise AlreadyExists("MONGO_DUPLICATE", "insert a document")
            now = dict.fromkeys(("createdAt", "updatedAt", *stamps), self.now())
            self.keep({**document, "revision": 1, **now})
            return self.stored(document["_id"])

    def altered(self, identity: object, match: Match, change: Change) -> Document | None:
        """Change a document if it matches, in one step that no other thread sees half done."""
        compile_match(match)
        compile_change(change)
        with self.lock:
            found = self.get(identity)
            if found is None or not fits(found, match, self.now()):
                return None
            self.keep(changed(found, change, self.now()))
            return self.stored(identity)

    def stored(self, identity: object) -> Document:
        """One that is there."""
        found = self.get(identity)
        assert found is not None
        return found

    def where(
        self, wanted: Callable[[Document], bool], *keys: str, limit: int, newest: bool = False
    ) -> list[Document]:
        """Documents in the order of some fields."""
        found = [document for document, _ in self.seen() if wanted(document)]
        found.sort(key=lambda one: [order(one[key]) for key in keys], reverse=newest)
        return [self.stored(one["_id"]) for one in found[:limit]]

    def counts(self, wanted: Callable[[Document], bool]) -> dict[str, int]:
        """How many there are, by state."""
        return dict(Counter(str(one["status"]) for one, _ in self.seen() if wanted(one)))


class FakeEndpointStore(EndpointStore):
    """Webhook endpoints; the clock is the database's.

    Attributes:
        asked: What it was asked; ``asked.fail_next`` makes it fail.
        kept: The documents.
    """

    def __init__(self, clock: Clock) -> None:
        """Start without an endpoint."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self.kept = _Kept(clock)

    def insert(self, document: Mapping[str, object]) -> Document:
        """Store a new endpoint, if its id and its place are free."""
        self.asked.note("insert", document)
        return self.kept.born(document, unique="place")

    def find(self, endpoint_id: str) -> Document | None:
        """Return one endpoint."""
        self.asked.note("find", endpoint_id)
        return self.kept.get(endpoint_id)

    def of(self, owner: str, *, limit: int) -> list[Document]:
        """Return the endpoints of an owner, oldest first."""
        self.asked.note("of", owner, limit)
        return self.kept.where(lambda one: one["owner"] == owner, "createdAt", "_id", limit=limit)

    def hearing(self, status: str, campaigns: Sequence[str], *, limit: int) -> list[Document]:
        """Return the endpoints in a state that have one of these campaigns."""
        self.asked.note("hearing", status, tuple(campaigns), limit)

        def hears(one: Document) -> bool:
            return one["status"] == status and not set(campaigns).isdisjoint(one["campaigns"])

        return self.kept.where(hears, "createdAt", "_id", limit=limit)

    def change(self, endpoint_id: str, match: Match, change: Change) -> Document | None:
        """Change an endpoint if it matches."""
        self.asked.note("change", endpoint_id, match, change)
        return self.kept.altered(endpoint_id, match, change)

    def delete(self, endpoint_id: str) -> None:
        """Forget an endpoint."""
        self.asked.note("delete", endpoint_id)
        self.kept.drop(endpoint_id)

    def counts(self) -> dict[str, int]:
        """Count the endpoints by state."""
        self.asked.note("counts")
        return self.kept.counts(lambda _: True)


class FakeDeliveryStore(DeliveryStore):
    """Webhook deliveries; the clock is the database's.

    Attributes:
        asked: What it was asked; ``asked.fail_next`` makes it fail.
        kept: The documents.
    """

    def __init__(self, clock: Clock) -> None:
        """Start without a delivery."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self.kept = _Kept(clock)
        self._tokens = itertools.count()

    def add(self, document: Mapping[str, object]) -> bool:
        """Store a new delivery, if its id is free."""
        self.asked.note("add", document)
        try:
            self.kept.born(document, "dueAt")
        except AlreadyExists:
            return False
        return True

    def find(self, delivery_id: str) -> Document | None:
        """Return one delivery."""
        self.asked.note("find", delivery_id)
        return self.kept.get(delivery_id)

    def claim(
        self, status: str, *, seconds: float, besides: Collection[str] = ()
    ) -> Document | None:
        """Take what has been due for longest."""
        self.asked.note("claim", status, seconds, tuple(besides))
        due = Match(statuses=(status,), due=("dueAt", "lease.until"))
        taken = Change(
            set={"lease.token": f"token-{next(self._tokens)}"},
            increment={"attempts": 1},
            delay={"lease.until": seconds},
            stamp=("attemptedAt",),
        )
        with self.kept.lock:
            now = self.kept.now()
            first = self.kept.where(
                lambda one: fits(one, due, now) and one["endpoint"] not in besides,
                "dueAt",
                limit=1,
            )
            return self.kept.altered(first[0]["_id"], due, taken) if first else None

    def change(self, delivery_id: str, match: Match, change: Change) -> Document | None:
        """Change a delivery if it matches."""
        self.asked.note("change", delivery_id, match, change)
        return self.kept.altered(delivery_id, match, change)

    def page(
        self,
        equal: Mapping[str, object],
        *,
        before: tuple[datetime, str] | None = None,
        limit: int,
    ) -> list[Document]:
        """Return deliveries, newest first."""
        self.asked.note("page", equal, before, limit)

        def wanted(one: Document) -> bool:
            place = (one["createdAt"], one["_id"])
            return equals(one, equal) and (before is None or place < before)

        return self.kept.where(wanted, "createdAt", "_id", limit=limit, newest=True)

    def earliest(self, status: str, path: str) -> datetime | None:
        """Return the earliest date of the deliveries in a state."""
        self.asked.note("earliest", status, path)
        found = [one.get(path) for one, _ in self.kept.seen() if one["status"] == status]
        return min((date for date in found if isinstance(date, datetime)), default=None)

    def counts(self, since: datetime) -> dict[str, int]:
        """Count the deliveries that have changed since, by state."""
        self.asked.note("counts", since)
        return self.kept.counts(lambda one: one["updatedAt"] >= since)
