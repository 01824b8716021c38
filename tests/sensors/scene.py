"""A code location over fakes: sensors are evaluated by Dagster itself, on an instance in memory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from assets.attempt import Build
from assets.exports.catalog import CATALOG
from assets.factory import Platform
from assets.life import Document, ExportLife
from assets.model.lifecycle import Timing
from assets.model.parameters import parse
from export_platform.definitions import build_definitions
from tests.assets.examples import EVERY_SCOPE, KEY
from tests.fakes.athena import FakeAthena
from tests.fakes.clock import ManualClock
from tests.fakes.codes_service import FakeCodesService
from tests.fakes.entries_service import FakeEntriesService
from tests.fakes.marketing_cloud import FakeMarketingCloud
from tests.fakes.mongo import FakeMongoStores
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.scoring_files import FakeScoringFiles

PLATFORM = Platform(
    timing=Timing(),
    build=Build(version="1.2.3", git_sha="0" * 40),
    secret=b"the test's key",
    at_once=70,
)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The fakes, the instance and the definitions over them."""

    instance: dg.DagsterInstance
    clock: ManualClock = field(default_factory=ManualClock)
    mongo: FakeMongoStores
    objects: FakeObjectStore = field(default_factory=FakeObjectStore)
    platform: Platform = PLATFORM

    @property
    def life(self) -> ExportLife:
        """The moves of an export."""
        return ExportLife(self.mongo.exports, timing=self.platform.timing)

    def doors(self) -> dict[str, object]:
        """Every resource by name."""
        return {
            "mongo": self.mongo,
            "athena": FakeAthena({}),
            "object_store": self.objects,
            "codes": FakeCodesService(),
            "entries_service": FakeEntriesService(),
            "scoring": FakeScoringFiles(),
            "marketing_cloud": FakeMarketingCloud(),
            "clock": self.clock,
            "platform": self.platform,
        }

    def tick(self, name: str) -> dg.SensorResult | dg.SkipReason:
        """Evaluate a sensor as the daemon does, with only the resources that it asks for."""
        defs = build_definitions(catalog=CATALOG, doors=self.doors())
        sensor = defs.resolve_sensor_def(name)
        wanted = {key: self.doors()[key] for key in sensor.required_resource_keys}
        with dg.build_sensor_context(
            instance=self.instance, definitions=defs, resources=wanted
        ) as context:
            found = sensor(context)
        assert isinstance(found, dg.SensorResult | dg.SkipReason)
        return found

    def requested(self, sensor: str = "requests") -> list[dg.RunRequest]:
        """The runs that one tick of a requests sensor asks for."""
        result = self.tick(sensor)
        assert isinstance(result, dg.SensorResult)
        return list(result.run_requests or ())

    def asked(self, name: str = "waitlist", **changes: Any) -> str:
        """The id of an export that waits in the queue, changed behind everybody's back."""
        given = {"campaign_id": KEY, "pii": "full", "reason": "a test"}
        request = parse(CATALOG[name], given, scopes=EVERY_SCOPE)
        document = self.life.create(request, origin="api", subject="tester")
        self.plant({**document, **changes})
        return str(document["_id"])

    def running(self, **changes: Any) -> str:
        """The id of an export that a worker holds."""
        export_id = self.asked()
        self.life.dispatch(export_id)
        assert self.life.start(export_id, 1, owner="w", run_id=f"run of {export_id}") is not None
        self.plant({**self.found(export_id), **changes})
        return export_id

    def plant(self, document: Mapping[str, Any]) -> None:
        """Store a document as it is."""
        self.mongo.exports.kept.keep(document)

    def found(self, export_id: str) -> Document:
        """The document as it is now."""
        document = self.mongo.exports.find(export_id)
        assert document is not None
        return document

    def status(self, export_id: str) -> str:
        """The state of an export."""
        return str(self.found(export_id)["status"])

    def run(
        self, status: dg.DagsterRunStatus, *, run_id: str | None = None, key: str | None = None
    ) -> None:
        """A Dagster run that ended or goes on."""
        tags = {"dagster/run_key": key} if key else {}
        chosen: dict[str, Any] = {"run_id": run_id} if run_id else {}
        self.instance.add_run(
            dg.DagsterRun(job_name="__ASSET_JOB", tags=tags, status=status, **chosen)
        )


@contextmanager
def scene(**collections: Any) -> Iterator[Scene]:
    """A fresh scene with one campaign."""
    clock = ManualClock()
    campaigns = collections.pop("campaigns", [{"_id": KEY, "key": KEY, "status": "on_sale"}])
    mongo = FakeMongoStores(clock, campaigns=campaigns, **collections)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Scene(instance=instance, clock=clock, mongo=mongo)
