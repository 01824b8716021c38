"""Every store in memory, under the attributes of ``MongoStores``."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from bson import ObjectId

from resources.clock import Clock
from resources.errors import AlreadyExists
from resources.mongo.campaigns import CampaignDocument, CampaignListing, CampaignStore
from resources.mongo.connection import ServerFacts
from resources.mongo.downloads import Download, DownloadStore
from resources.mongo.exports import Match
from resources.mongo.markets import MarketDocument, MarketStore
from resources.mongo.operations import DURATION, MOST_OUTCOMES, OUTCOME, OperationsStore
from resources.mongo.promoters import PromoterDocument, PromoterStore
from resources.mongo.scoring import OverrideDocument, RunDocument, ScoringStore
from resources.mongo.stores import MongoStores
from resources.mongo.ticks import Failure, TickStore
from resources.mongo.users import UserDocument, UserStore
from tests.fakes.asked import Asked
from tests.fakes.claims import FakeClaimStore
from tests.fakes.collection import FakeCollection, given, strict
from tests.fakes.entries import FakeEntryStore
from tests.fakes.exports import NOWHERE, FakeExportStore
from tests.fakes.matching import at, matches, order
from tests.fakes.webhooks import FakeDeliveryStore, FakeEndpointStore

Document = dict[str, Any]
Documents = Iterable[Mapping[str, Any] | bytes]


def _strictly(
    kept: FakeCollection,
    query: Mapping[str, Any],
    key: Callable[[Document], Any] = lambda document: order(document["_id"]),
) -> list[Document]:
    found = [(document, raw) for document, raw in kept.seen() if matches(document, query)]
    found.sort(key=lambda pair: key(pair[0]))
    return [strict(raw) for _, raw in found]


class FakeCampaignStore(CampaignStore):
    """Campaigns in memory."""

    def __init__(self, documents: Documents = ()) -> None:
        """Start with these documents."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self.kept = FakeCollection(documents)

    def by_key(self, key: str) -> CampaignDocument | None:
        """Return the campaign with this key."""
        self.asked.note("by_key", key)
        found = _strictly(self.kept, {"key": {"$eq": key}, "deletedAt": None})
        return cast(CampaignDocument, found[0]) if found else None

    def listing(self) -> list[CampaignListing]:
        """Return every campaign by key."""
        self.asked.note("listing")
        found = [document for document, _ in self.kept.seen() if document.get("deletedAt") is None]
        listed = [
            CampaignListing(
                key=document["key"],
                status=document.get("status", ""),
                updated_at=_instant(document.get("updatedAt")),
            )
            for document in found
            if document.get("key")
        ]
        return sorted(listed, key=lambda one: one.key)


class FakeMarketStore(MarketStore):
    """Markets in memory."""

    def __init__(self, documents: Documents = ()) -> None:
        """Start with these documents."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self.kept = FakeCollection(documents)

    def of_campaign(self, campaign_id: ObjectId) -> list[MarketDocument]:
        """Return the markets of a campaign."""
        self.asked.note("of_campaign", campaign_id)
        found = _strictly(
            self.kept,
            {"campaignId": campaign_id},
            lambda document: (order(document.get("order")), document["_id"]),
        )
        return cast(list[MarketDocument], found)


class FakePromoterStore(PromoterStore):
    """Promoters in memory."""

    def __init__(self, documents: Documents = ()) -> None:
        """Start with these documents."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self.kept = FakeCollection(documents)

    def by_ids(self, ids: Collection[ObjectId]) -> list[PromoterDocument]:
        """Return the promoters with these ids by key."""
        self.asked.note("by_ids", tuple(ids))
        query = {"_id": {"$in": list(ids)}}
        found = _strictly(self.kept, query, lambda document: order(document.get("key")))
        return cast(list[PromoterDocument], found)

    def by_key(self, key: str) -> PromoterDocument | None:
        """Return the promoter with this key."""
        self.asked.note("by_key", key)
        found = _strictly(self.kept, {"key": {"$eq": key}})
        return cast(PromoterDocument, found[0]) if found else None


class FakeUserStore(UserStore):
    """Users in memory."""

    def __init__(self, documents: Documents = ()) -> None:
        """Start with these documents."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self.kept = FakeCollection(documents)

    def by_ids(
        self, ids: Collection[ObjectId], *, fields: tuple[str, ...] | None = None
    ) -> dict[ObjectId, UserDocument]:
        """Return the users with these ids, cut to the fields that were asked for."""
        self.asked.note("by_ids", tuple(ids), fields)
        wanted = set(ids)
        found = {
            document["_id"]: given(raw)
            for document, raw in self.kept.seen()
            if document["_id"] in wanted
        }
        return {key: cast(UserDocument, _projected(user, fields)) for key, user in found.items()}

    def where(self, filter: Mapping[str, object]) -> Iterator[UserDocument]:  # noqa: A002
        """Give the users that match, by id."""
        self.asked.note("where", filter)
        found = [(doc, raw) for doc, raw in self.kept.seen() if matches(doc, filter)]
        found.sort(key=lambda pair: order(pair[0]["_id"]))
        yield from [cast(UserDocument, given(raw)) for _, raw in found]


class FakeDownloadStore(DownloadStore):
    """Downloads in memory."""

    def __init__(self, clock: Clock) -> None:
        """Start without any."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self._clock = clock
        self._kept: list[tuple[str, Download]] = []

    def add(self, export_id: str, download: Download) -> None:
        """Write the download down."""
        self.asked.note("add", export_id, download)
        self._kept.append((export_id, replace(download, at=self._clock.now())))

    def of(self, export_id: str, *, limit: int) -> list[Download]:
        """Return the newest of an export."""
        self.asked.note("of", export_id, limit)
        found = [download for identity, download in self._kept if identity == export_id]
        return found[::-1][:limit]


class FakeTickStore(TickStore):
    """The ticks of sensors."""

    def __init__(self, clock: Clock) -> None:
        """Start without a tick."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self._clock = clock
        self._ticks: dict[str, datetime] = {}
        self._failures: dict[str, Failure] = {}

    def forget(self) -> None:
        """Forget every tick."""
        self._ticks.clear()
        self._failures.clear()

    def tick(self, name: str) -> None:
        """Write down the tick."""
        self.asked.note("tick", name)
        self._ticks[name] = self._clock.now()

    def last(self) -> dict[str, datetime]:
        """Return the ticks."""
        self.asked.note("last")
        return dict(self._ticks)

    def fail(self, name: str, *, documents: int, kind: str) -> None:
        """Write down the failure."""
        self.asked.note("fail", name, documents, kind)
        self._failures[name] = Failure(self._clock.now(), documents, kind)

    def failures(self) -> dict[str, Failure]:
        """Return the failures."""
        self.asked.note("failures")
        return dict(self._failures)


class FakeOperationsStore(OperationsStore):
    """Questions about a fake's exports."""

    def __init__(self, exports: FakeExportStore) -> None:
        """Ask these exports."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self._fake = exports

    def earliest(self, match: Match, path: str) -> datetime | None:
        """Return the earliest date of the exports that match."""
        self.asked.note("earliest", match, path)
        found = cast(list[Document], self._fake.candidates(match, limit=1_000_000))
        dates = [document.get(path) for document in found]
        return min((date for date in dates if isinstance(date, datetime)), default=None)

    def revisions(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the revisions of the documents that there are."""
        self.asked.note("revisions", tuple(ids))
        return {
            document["_id"]: document["revision"]
            for document, _ in self._fake.kept.seen()
            if document["_id"] in ids and isinstance(document.get("revision"), int)
        }

    def latest(
        self, match: Match, path: str, *, by: Sequence[str]
    ) -> dict[tuple[object, ...], datetime]:
        """Return the latest date of each group of exports that match."""
        self.asked.note("latest", match, path, by)
        found: dict[tuple[object, ...], datetime] = {}
        for document in cast(list[Document], self._fake.candidates(match, limit=1_000_000)):
            date = at(document, path)
            if isinstance(date, datetime):
                group = tuple(document.get(name) for name in by)
                found[group] = max(date, found.get(group, date))
        return found

    def before(self, match: Match, path: str, instant: datetime, *, most: int) -> int:
        """Return how many exports match and have an earlier date."""
        self.asked.note("before", match, path, instant, most)
        found = cast(list[Document], self._fake.candidates(match, limit=1_000_000))
        dates = [at(document, path) for document in found]
        return min(most, sum(isinstance(date, datetime) and date < instant for date in dates))

    def counts(self) -> dict[str, int]:
        """Count the exports by state."""
        self.asked.note("counts")
        return dict(Counter(str(one.get("status")) for one, _ in self._fake.kept.seen()))

    def ended_since(self, instant: datetime) -> list[Mapping[str, Any]]:
        """Return what ended since, newest first."""
        self.asked.note("ended_since", instant)

        def ended(document: Document) -> bool:
            at = document.get("finishedAt")
            return isinstance(at, datetime) and at >= instant

        found = [(one, raw) for one, raw in self._fake.kept.seen() if ended(one)]
        found.sort(key=lambda pair: pair[0]["finishedAt"], reverse=True)
        return [_projected(given(raw), OUTCOME) for _, raw in found[:MOST_OUTCOMES]]

    def durations(self, kind: str, *, limit: int) -> list[Mapping[str, Any]]:
        """Return what was made of a kind, newest first."""
        self.asked.note("durations", kind, limit)
        made = {
            "type": {"$eq": kind},
            "result.accounting.read": {"$type": "number"},
            "generation": None,
        }
        found = [(one, raw) for one, raw in self._fake.kept.seen() if matches(one, made)]
        found.sort(key=lambda pair: order(pair[0].get("finishedAt")), reverse=True)
        return [_projected(given(raw), DURATION) for _, raw in found[:limit]]


class FakeScoringStore(ScoringStore):
    """Scoring runs and overrides in memory."""

    def __init__(self, documents: Documents = ()) -> None:
        """Start with these documents."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self.kept = FakeCollection(documents)

    def overrides(self, campaign_id: ObjectId) -> list[OverrideDocument]:
        """Return the overrides of a campaign, oldest first."""
        self.asked.note("overrides", campaign_id)
        found = _strictly(
            self.kept,
            {"campaignId": campaign_id, "kind": "override"},
            lambda document: (order(document.get("at")), document["_id"]),
        )
        return cast(list[OverrideDocument], found)

    def runs(self, campaign_id: ObjectId) -> list[RunDocument]:
        """Return the runs of a campaign, newest first."""
        self.asked.note("runs", campaign_id)
        found = _strictly(
            self.kept,
            {"campaignId": campaign_id, "kind": "run"},
            lambda document: (order(document.get("createdAt")), document["_id"]),
        )
        return cast(list[RunDocument], found[::-1])

    def insert_run(self, document: Mapping[str, Any]) -> None:
        """Store a run whose id is free."""
        self.asked.note("insert_run", document)
        with self.kept.lock:
            if _strictly(self.kept, {"kind": "run", "runId": {"$eq": document["runId"]}}):
                raise AlreadyExists("MONGO_DUPLICATE", "insert a scoring run")
            self.kept.keep({"_id": ObjectId(), **document, "kind": "run"})

    def run(self, run_id: str) -> RunDocument | None:
        """Return the run with this id."""
        self.asked.note("run", run_id)
        found = _strictly(self.kept, {"kind": "run", "runId": {"$eq": run_id}})
        return cast(RunDocument, found[0]) if found else None


class FakeMongoStores(MongoStores):
    """Every store in memory.

    Attributes:
        asked: The calls of ``ping``, ``about``, ``lacking_indexes``, ``ensure_indexes`` and
            ``close``.
    """

    campaigns: FakeCampaignStore
    claims: FakeClaimStore
    deliveries: FakeDeliveryStore
    downloads: FakeDownloadStore
    endpoints: FakeEndpointStore
    entries: FakeEntryStore
    exports: FakeExportStore
    markets: FakeMarketStore
    operations: FakeOperationsStore
    promoters: FakePromoterStore
    scoring: FakeScoringStore
    ticks: FakeTickStore
    users: FakeUserStore

    def __init__(
        self,
        clock: Clock,
        *,
        campaigns: Documents = (),
        entries: Documents = (),
        exports: Documents = (),
        markets: Documents = (),
        promoters: Documents = (),
        scoring: Documents = (),
        users: Documents = (),
    ) -> None:
        """Start with these documents; the clock is the database's."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self._clock = clock
        self.campaigns = FakeCampaignStore(campaigns)
        self.entries = FakeEntryStore(entries)
        self.exports = FakeExportStore(clock, exports)
        self.claims = FakeClaimStore(clock, self.exports)
        self.deliveries = FakeDeliveryStore(clock)
        self.downloads = FakeDownloadStore(clock)
        self.endpoints = FakeEndpointStore(clock)
        self.markets = FakeMarketStore(markets)
        self.operations = FakeOperationsStore(self.exports)
        self.promoters = FakePromoterStore(promoters)
        self.scoring = FakeScoringStore(scoring)
        self.ticks = FakeTickStore(clock)
        self.users = FakeUserStore(users)

    @contextmanager
    def at_one_instant(self) -> Iterator["FakeMongoStores"]:
        """These stores themselves: as a server alone, they keep no past."""
        self.asked.note("at_one_instant")
        yield self

    def ping(self) -> None:
        """Answer."""
        self.asked.note("ping")

    def about(self) -> ServerFacts:
        """Be a server of a replica set, as production has one."""
        self.asked.note("about")
        return ServerFacts(version="8.0.32", replica_set="fake", now=self._clock.now())

    def lacking_indexes(self) -> list[str]:
        """Lack none: the fakes check what the indexes would."""
        self.asked.note("lacking_indexes")
        return []

    def ensure_indexes(self) -> None:
        """Do nothing: the fakes check what the indexes would."""
        self.asked.note("ensure_indexes")

    def close(self) -> None:
        """Be closed."""
        self.asked.note("close")


def _instant(value: object) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None


def _projected(document: Document, fields: tuple[str, ...] | None) -> Document:
    if fields is None or document.get("undecodable"):
        return document
    cut: Document = {"_id": document["_id"]}
    for path in fields:
        _copy(document, cut, path)
    return cut


def _copy(source: Mapping[str, Any], target: Document, path: str) -> None:
    head, _, rest = path.partition(".")
    if head not in source:
        return
    if not rest:
        target[head] = source[head]
    elif isinstance(source[head], Mapping):
        _copy(source[head], target.setdefault(head, {}), rest)
