"""An export platform in memory: the real flow over fake doors, loaded with the 60-entry pack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from assets.attempt import Attempt, Build, Done
from assets.exports.catalog import CATALOG
from assets.life import Document, ExportLife
from assets.model.export_type import Catalog, Scope
from assets.model.lifecycle import Timing
from assets.model.parameters import parse
from assets.reading import Doors
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.catalog import pack_named
from resources.clock import Clock, SystemClock
from tests.assets.examples import params_of
from tests.fakes.athena import FakeAthena
from tests.fakes.clock import ManualClock
from tests.fakes.codes_service import FakeCodesService
from tests.fakes.entries_service import FakeEntriesService
from tests.fakes.marketing_cloud import FakeMarketingCloud
from tests.fakes.mongo import FakeMongoStores
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.scoring_files import FakeScoringFiles

# A minute after the pack's `asOf`, so that the safety lag leaves none of it out.
AFTER_THE_PACK = datetime(2026, 3, 20, 12, 1, tzinfo=UTC)
CAMPAIGN = "aurora-lights-2026"
EVERY_SCOPE = ("pii:full", "pii:masked", "scores:read", "answers:sensitive", "codes:reveal")
# Heartbeats every 20 ms, the lease 120 ms: the real thread runs, and a test takes no second.
QUICK = Timing(run_lease=0.12, heartbeat=0.02, self_fence=0.08, dispatch_lease=1.2, redispatch=0.06)


@cache
def tiny_documents() -> Mapping[str, tuple[bytes, ...]]:
    """The documents of the hand-written pack by collection, as raw BSON."""
    found: dict[str, tuple[bytes, ...]] = {}
    for batch in pack_named("tiny").documents(Ledger()):
        found[batch.collection] = (*found.get(batch.collection, ()), *batch.documents)
    return found


@cache
def tiny_services() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The pack's codes by campaign, and its score files by the fake's name of each bucket."""
    pack, ledger = pack_named("tiny"), Ledger()
    codes = {str(batch.campaign_id): batch.items for batch in pack.codes(ledger)}
    files: dict[str, dict[str, bytes]] = {"internal": {}, "vf": {}}
    for one in pack.objects(ledger):
        files["vf" if one.bucket == "vf-scoring" else "internal"][one.key] = one.body
    return codes, files


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """The doors and the moves over them."""

    clock: ManualClock
    mongo: FakeMongoStores
    objects: FakeObjectStore
    life: ExportLife
    doors: Doors

    def attempt(
        self,
        life: ExportLife | None = None,
        *,
        clock: Clock | None = None,
        doors: Doors | None = None,
        catalog: Catalog = CATALOG,
    ) -> Attempt:
        """A worker; `life` and `doors` let a test give it other ones."""
        return Attempt(
            life or self.life,
            doors or self.doors,
            catalog,
            build=Build(version="1.2.3", git_sha="0" * 40),
            clock=clock or SystemClock(),
            jitter=lambda: 0.5,
        )

    def asked(self, name: str, *, campaign: str = CAMPAIGN, **params: Any) -> Document:
        """An export that waits in the queue."""
        if CATALOG[name].scope is Scope.CAMPAIGN:
            params = {"campaign_id": campaign, **params}
        request = parse(CATALOG[name], params_of(name, **params), scopes=EVERY_SCOPE)
        return self.life.create(request, origin="api", subject="tester")

    def dispatched(self, name: str, **params: Any) -> Document:
        """An export that the sensor has claimed."""
        claimed = self.life.dispatch(self.asked(name, **params)["_id"])
        assert claimed is not None
        return claimed

    def run(self, name: str, **params: Any) -> Done:
        """An export from its request to its end."""
        document = self.dispatched(name, **params)
        return self.attempt().run(document["_id"], document["attempt"], run_id="run-1")

    def resources(self, platform: object, *, clock: Clock | None = None) -> dict[str, object]:
        """The doors as Dagster names them."""
        return {
            "mongo": self.mongo,
            "athena": self.doors.athena,
            "object_store": self.objects,
            "codes": self.doors.codes,
            "entries_service": self.doors.entries_service,
            "scoring": self.doors.scoring,
            "marketing_cloud": self.doors.marketing_cloud,
            "clock": clock or self.clock,
            "platform": platform,
        }

    def found(self, export_id: str) -> Document:
        """The document as it is now."""
        document = self.mongo.exports.find(export_id)
        assert document is not None
        return document

    def body(self, key: str) -> bytes:
        """A stored object."""
        return b"".join(self.objects.read(key))


def workbench(
    *,
    timing: Timing | None = None,
    athena: FakeAthena | None = None,
    entries: tuple[bytes, ...] = (),
    objects: FakeObjectStore | None = None,
) -> Workbench:
    """A fresh platform; `entries` are raw documents beside those of the pack."""
    clock = ManualClock(AFTER_THE_PACK)
    documents = dict(tiny_documents())
    documents["entries"] = (*documents["entries"], *entries)
    mongo = FakeMongoStores(clock, **documents)
    store = objects or FakeObjectStore(part_bytes=4096)
    codes, scores = tiny_services()
    doors = Doors(
        mongo=mongo,
        athena=athena or FakeAthena({}),
        objects=store,
        codes=FakeCodesService(codes, page_size=4),
        entries_service=FakeEntriesService(),
        scoring=FakeScoringFiles(**scores),
        marketing_cloud=FakeMarketingCloud(clock),
        secret=b"the test's key",
    )
    life = ExportLife(mongo.exports, timing=timing or Timing())
    return Workbench(clock=clock, mongo=mongo, objects=store, life=life, doors=doors)


def keys(bench: Workbench) -> Iterator[str]:
    """The keys of everything stored."""
    return bench.objects.keys("")
