"""Every destination keeps every promise."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from assets.delivery.batches import Limits
from assets.delivery.contract import Shipment
from assets.delivery.destinations import destinations
from assets.delivery.promoter import PromoterDelivery
from assets.delivery.scoring import ScoringDelivery
from assets.delivery.sfmc import SfmcDelivery
from assets.model.campaign import Promoter
from assets.model.delivery import Destination
from assets.model.failure import ExportFailed
from assets.model.output import Compression, Kind, OutputFormat
from resources.errors import Unavailable
from resources.mongo.promoters import PromoterStore
from resources.scoring_files import Provider
from tests.assets.delivery.contract import DestinationContract, Dock
from tests.assets.delivery.docks import (
    EXPORT,
    FIELDS,
    NOBODY_ASKED,
    TARGET,
    MemoryLedger,
    Unwatched,
    rows,
    shipment,
)
from tests.assets.examples import CAMPAIGN_ID, NORTHLAKE, SNAPSHOT
from tests.assets.workbench import workbench
from tests.fakes.clock import ManualClock
from tests.fakes.entries_service import FakeEntriesService, KnownEntry
from tests.fakes.marketing_cloud import FakeMarketingCloud
from tests.fakes.mongo import FakePromoterStore, FakeScoringStore
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.scoring_files import FakeScoringFiles

ROWS = 25
AGREEMENT = {
    "agreementId": "DSA-118",
    "signedAt": SNAPSHOT - timedelta(days=100),
    "expiresAt": SNAPSHOT + timedelta(days=1),
    "allowedFields": ["email"],
    "hashOnly": False,
}
DOCUMENT: Mapping[str, Any] = {
    "_id": NORTHLAKE,
    "key": "northlake",
    "name": "Northlake",
    "status": "active",
    "dataSharing": AGREEMENT,
}
PREFIX = "promoters/northlake/"


def test_every_destination_has_a_way_and_a_suite() -> None:
    """A destination that nobody delivers to would fail in production only."""
    bench = workbench()
    ways = destinations(bench.doors, bench.clock)

    suites = {one.__name__ for one in DestinationContract.__subclasses__()}
    assert set(ways) == set(Destination) - {Destination.S3}
    assert suites == {"TestSfmc", "TestPromoter", "TestScoring", "TestVfScoring"}


def _digests(store: FakeObjectStore, prefix: str = "") -> dict[str, object]:
    return {
        key: hashlib.sha256(kept.body).hexdigest()
        for key, kept in store.objects.items()
        if key.startswith(prefix)
    }


def _other_version(objects: FakeObjectStore | None = None) -> Shipment:
    """The same files, with another name in the first row."""
    changed = rows(ROWS)
    changed[0][2] = "Another"
    return shipment(objects or FakeObjectStore(part_bytes=1 << 20), changed, rows_per_file=10)


def _put_other_version(dock: Dock) -> None:
    objects = FakeObjectStore(part_bytes=1 << 20)
    _other_version(objects)
    dock.objects.objects.update(objects.objects)


class TestSfmc(DestinationContract):
    """Rows in a data extension."""

    @pytest.fixture
    def dock(self) -> Dock:
        """Three batches."""
        objects, clock = FakeObjectStore(part_bytes=1 << 20), ManualClock()
        cloud = FakeMarketingCloud(clock)
        table = cloud.create(TARGET, FIELDS)
        way = SfmcDelivery(cloud, objects, NOBODY_ASKED, clock, limits=Limits(rows=10))
        return Dock(
            way=way,
            shipment=shipment(objects, rows(ROWS)),
            arrived=lambda: {str(row["SubscriberKey"]): row for row in table.rows},
            objects=objects,
            rows=ROWS,
            break_once=lambda: cloud.asked.fail_next(
                Unavailable("SFMC_TIMEOUT", "hand rows over"), name="upsert"
            ),
        )


class Promoters:
    """The one collection that the promoter delivery looks at."""

    def __init__(self, *documents: Mapping[str, Any]) -> None:
        self.promoters: PromoterStore = FakePromoterStore(documents)


def _to_promoter(objects: FakeObjectStore) -> Shipment:
    goods = shipment(objects, rows(ROWS), rows_per_file=10, target=PREFIX)
    promoter = Promoter(id=NORTHLAKE, key="northlake")
    return replace(goods, facts=replace(goods.facts, promoters=(promoter,)), rechecks_erasure=True)


def _promoter_way(
    objects: FakeObjectStore, entries: FakeEntriesService, document: Mapping[str, Any] = DOCUMENT
) -> PromoterDelivery:
    return PromoterDelivery(objects, Promoters(document), entries, ManualClock(SNAPSHOT))


class TestPromoter(DestinationContract):
    """Files under a promoter's prefix."""

    @pytest.fixture
    def dock(self) -> Dock:
        """Three files."""
        objects = FakeObjectStore(part_bytes=1 << 20)
        goods = _to_promoter(objects)
        entries = FakeEntriesService()
        return Dock(
            way=_promoter_way(objects, entries),
            shipment=goods,
            arrived=lambda: _digests(objects, "promoters/"),
            objects=objects,
            rows=ROWS,
            break_once=lambda: objects.asked.fail_next(
                Unavailable("S3_THROTTLED", "store an object"), name="complete"
            ),
        )

    def test_the_names_say_what_and_how_many(self, dock: Dock) -> None:
        """The receiver knows from a name alone whether all files are there (DOMAIN.md 4.1)."""
        dock.way.deliver(dock.shipment, MemoryLedger(), Unwatched())

        name = f"promoters/northlake/2026/03/aurora-lights-2026_waitlist_{EXPORT}"
        assert sorted(dock.arrived()) == [f"{name}_00{n}of003.csv" for n in (1, 2, 3)]

    def test_an_earlier_version_is_never_replaced(self, dock: Dock) -> None:
        """A promoter may have read it already; it is said, not overwritten."""
        dock.way.deliver(dock.shipment, MemoryLedger(), Unwatched())
        there = dock.arrived()
        _put_other_version(dock)
        changed = replace(dock.shipment, manifest=_other_version().manifest)

        with pytest.raises(ExportFailed, match="DELIVERY_CONFLICT"):
            dock.way.deliver(changed, MemoryLedger(), Unwatched())

        assert dock.arrived() == there

    @pytest.mark.parametrize(
        "change",
        [
            {"status": "suspended"},
            {"dataSharing": None},
            {"dataSharing": {**AGREEMENT, "expiresAt": SNAPSHOT - timedelta(seconds=1)}},
        ],
        ids=["suspended", "withdrawn", "expired"],
    )
    def test_an_agreement_that_ended_meanwhile_stops_the_delivery(
        self, dock: Dock, change: Mapping[str, Any]
    ) -> None:
        """It was in force when the rows were read; that is not enough (DOMAIN.md 7.5)."""
        way = _promoter_way(dock.objects, FakeEntriesService(), {**DOCUMENT, **change})

        with pytest.raises(ExportFailed, match="NO_DATA_SHARING_AGREEMENT") as failed:
            way.deliver(dock.shipment, MemoryLedger(), Unwatched())

        assert not failed.value.retryable
        assert dict(dock.arrived()) == {}

    def test_an_entry_erased_meanwhile_stops_the_delivery(self, dock: Dock) -> None:
        """Invariant 13: who was erased between the two checks appears in no delivered file."""
        erased = str(ObjectId())
        entries = FakeEntriesService(
            [
                KnownEntry(
                    id=erased,
                    campaign_id=str(CAMPAIGN_ID),
                    erased_at=SNAPSHOT + timedelta(minutes=1),
                )
            ]
        )
        way = _promoter_way(dock.objects, entries)
        inside = replace(dock.shipment, holds=lambda entry: entry == erased)
        outside = replace(dock.shipment, holds=lambda entry: entry != erased)

        with pytest.raises(ExportFailed, match="ERASED_SINCE_SNAPSHOT") as failed:
            way.deliver(inside, MemoryLedger(), Unwatched())

        assert failed.value.retryable
        assert dict(dock.arrived()) == {}
        assert way.deliver(outside, MemoryLedger(), Unwatched()).accepted == ROWS


class Runs:
    """The one collection that the scoring delivery writes to."""

    def __init__(self) -> None:
        self.scoring = FakeScoringStore()


def _scoring_dock(provider: Provider, output: OutputFormat) -> Dock:
    objects, files, runs = FakeObjectStore(part_bytes=1 << 20), FakeScoringFiles(), Runs()
    goods = shipment(objects, rows(ROWS), rows_per_file=10, target=f"{provider}/aurora")
    asked = replace(goods.facts.request, output=output)
    manifest = replace(goods.manifest, request=asked.to_document())
    bucket = files.internal if provider is Provider.INTERNAL else files.vf

    def arrived() -> Mapping[str, object]:
        noted = [document for document, _ in runs.scoring.kept.seen()]
        return {
            **_digests(bucket),
            **{str(run["runId"]): (run["input"], run["status"]) for run in noted},
        }

    return Dock(
        way=ScoringDelivery(provider, files, objects, runs, ManualClock()),
        shipment=replace(goods, manifest=manifest),
        arrived=arrived,
        objects=objects,
        rows=ROWS,
        break_once=lambda: bucket.asked.fail_next(
            Unavailable("S3_THROTTLED", "store an object"), name="complete"
        ),
    )


class TestScoring(DestinationContract):
    """Parquet parts, a manifest, a run."""

    @pytest.fixture
    def dock(self) -> Dock:
        """Three parts; what is in them is no matter of the delivery."""
        output = OutputFormat(kind=Kind.PARQUET, compression=Compression.NONE)
        return _scoring_dock(Provider.INTERNAL, output)

    def test_the_manifest_comes_after_the_data_and_the_run_last(self, dock: Dock) -> None:
        """A provider that looks early must find nothing that looks complete (DOMAIN.md 7.12)."""
        ledger = MemoryLedger(crash_after={3})
        with pytest.raises(BaseException):  # noqa: B017, PT011 - the planned crash
            dock.way.deliver(dock.shipment, ledger, Unwatched())
        early = set(dock.arrived())

        told = dock.way.deliver(dock.shipment, ledger, Unwatched())

        run = "aurora-lights-2026-20260320T120000Z"
        assert told.detail == {"run": run}
        late = {key.rsplit("/", 1)[-1] for key in set(dock.arrived()) - early}
        assert late == {"manifest.json", run}

    def test_a_run_of_another_export_is_not_taken_over(self, dock: Dock) -> None:
        """Two exports in one second would share a run: the second takes a fresh snapshot."""
        dock.way.deliver(dock.shipment, MemoryLedger(), Unwatched())
        _put_other_version(dock)
        manifest = replace(_other_version().manifest, request=dock.shipment.manifest.request)
        again = replace(dock.shipment, manifest=manifest)

        with pytest.raises(ExportFailed, match="SCORING_RUN_TAKEN") as failed:
            dock.way.deliver(again, MemoryLedger(), Unwatched())

        assert failed.value.retryable

    def test_another_form_is_refused(self, dock: Dock) -> None:
        """CSV in a bucket of Parquet would be read as nothing."""
        goods = shipment(FakeObjectStore(), rows(1))

        with pytest.raises(ExportFailed, match="SCORING_FORMAT"):
            dock.way.deliver(goods, MemoryLedger(), Unwatched())


class TestVfScoring(DestinationContract):
    """One request file, whatever the number of ours."""

    parts = 1

    @pytest.fixture
    def dock(self) -> Dock:
        """Three files that become one."""
        output = OutputFormat(kind=Kind.JSONL, compression=Compression.GZIP)
        return _scoring_dock(Provider.VF, output)

    def test_our_files_become_its_one(self, dock: Dock) -> None:
        """Members of gzip follow each other in one stream (RFC 1952 2.2)."""
        dock.way.deliver(dock.shipment, MemoryLedger(), Unwatched())

        bodies = b"".join(dock.objects.objects[entry.key].body for entry in dock.shipment.files)
        folder = "verified-fan/aurora-lights-2026/2026-03-20"
        name = "request_aurora-lights-2026-20260320T120000Z.jsonl.gz"
        assert dock.arrived()[f"{folder}/{name}"] == hashlib.sha256(bodies).hexdigest()
