"""The scenarios of request_to_file.feature, over fakes and a Dagster in memory."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import bson
import dagster as dg
import pytest
from bson import ObjectId
from pytest_bdd import given, scenarios, then, when

from assets.attempt import Build
from assets.exports.catalog import CATALOG
from assets.factory import Platform
from assets.life import Document
from assets.model.lifecycle import Timing
from assets.model.manifest import Manifest
from assets.steps.manifest import verify
from export_platform.definitions import build_definitions
from tests.assets.workbench import CAMPAIGN, Workbench, tiny_documents, workbench

scenarios("request_to_file.feature")


@dataclass(kw_only=True)
class Story:
    """What has happened so far in a scenario."""

    dagster: dg.DagsterInstance
    bench: Workbench = field(default_factory=workbench)
    export_id: str = ""
    runs: list[dg.RunRequest] = field(default_factory=list)

    def definitions(self) -> dg.Definitions:
        """The code location over the fakes."""
        platform = Platform(
            timing=Timing(), build=Build(version="1.2.3", git_sha="0" * 40), secret=b"a key"
        )
        return build_definitions(catalog=CATALOG, doors=self.bench.resources(platform))

    def materialise(self, tags: dict[str, str]) -> None:
        """Run the asset in this process."""
        job = self.definitions().resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(
            asset_selection=[dg.AssetKey(["exports", "waitlist"])],
            partition_key=CAMPAIGN,
            instance=self.dagster,
            tags=tags,
        )
        assert result.success

    def document(self) -> Document:
        """The export as it is now."""
        return self.bench.found(self.export_id)


@pytest.fixture
def story() -> Iterator[Story]:
    """A new scenario."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("campaigns", [CAMPAIGN])
        yield Story(dagster=instance)


@given("a campaign with 60 registrations")
def _campaign(story: Story) -> None:
    entries = [bson.decode(raw) for raw in tiny_documents()["entries"]]
    (known,) = [
        bson.decode(raw) for raw in tiny_documents()["campaigns"] if CAMPAIGN.encode() in raw
    ]
    assert 60 == len([entry for entry in entries if entry.get("campaignId") == known["_id"]])
    assert story.bench.mongo.campaigns.by_key(CAMPAIGN) is not None


@given("a registration whose name is a number")
def _rotten(story: Story) -> None:
    sound = next(
        entry
        for entry in map(bson.decode, tiny_documents()["entries"])
        if (entry.get("waitlist") or {}).get("position") == 1
    )
    place = {**sound["waitlist"], "position": 900}
    contact = {**sound["contact"], "firstName": 42}
    rotten = {**sound, "_id": ObjectId(), "userId": None, "waitlist": place, "contact": contact}
    story.bench.mongo.entries.kept.keep(rotten)


@when("the waitlist is asked for")
def _asked(story: Story) -> None:
    story.export_id = story.bench.asked("waitlist")["_id"]


@when("it is cancelled")
def _cancelled(story: Story) -> None:
    story.bench.life.cancel(story.export_id, by="marketing")


@when("the sensor looks at the queue")
def _looks(story: Story) -> None:
    definitions = story.definitions()
    sensor = definitions.resolve_sensor_def("requests")
    resources = definitions.resources or {}
    wanted = {key: resources[key] for key in sensor.required_resource_keys}
    with dg.build_sensor_context(
        instance=story.dagster, definitions=definitions, resources=wanted
    ) as context:
        found = sensor(context)
    assert isinstance(found, dg.SensorResult)
    story.runs = list(found.run_requests or ())


@when("Dagster runs what the sensor asked for")
def _runs(story: Story) -> None:
    (request,) = story.runs
    story.materialise(dict(request.tags))


@when("the partition of the campaign is materialised in Dagster")
def _pressed(story: Story) -> None:
    story.materialise({})
    (only,) = [document for document, _ in story.bench.mongo.exports.kept.seen()]
    story.export_id = only["_id"]


@then("the export has succeeded")
def _succeeded(story: Story) -> None:
    assert "succeeded" == story.document()["status"]


@then("its file can be downloaded and holds as many rows as it says")
def _downloaded(story: Story) -> None:
    result = story.document()["result"]
    (file,) = result["files"]
    text = gzip.decompress(story.bench.body(file["key"])).decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert "market_key" == header[0]
    assert result["rows"] == file["rows"] == len(rows) > 30


@then("verifying the manifest finds nothing wrong")
def _verified(story: Story) -> None:
    body = story.bench.body(story.document()["result"]["manifestKey"])
    manifest = Manifest.from_document(json.loads(body))
    assert [] == verify(manifest, lambda entry: story.bench.objects.read(entry.key))


@then("no run was asked for")
def _no_run(story: Story) -> None:
    assert [] == story.runs


@then("the export is cancelled and nothing is stored")
def _nothing(story: Story) -> None:
    assert "cancelled" == story.document()["status"]
    assert not list(story.bench.objects.keys(""))


@then("one row is a counted reject")
def _reject(story: Story) -> None:
    accounting = story.document()["result"]["accounting"]
    assert {"first_name:wrong_type": 1} == accounting["rejected"]


@then("the API would show it with the origin dagster")
def _origin(story: Story) -> None:
    assert "dagster" == story.document()["origin"]
