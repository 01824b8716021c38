"""The platform over the planted pack, and everything of an export that somebody could look at."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any, Final

import bson
import dagster as dg

from api_bridge import app as bridge
from api_bridge.__main__ import server_config
from api_bridge.settings import Settings
from assets.attempt import Build
from assets.exports.catalog import CATALOG
from assets.factory import ATTEMPT_TAG, EXPORT_TAG, Platform, asset_key, build_export_asset
from assets.life import Document, ExportLife
from assets.model.export_type import Catalog, ExportType
from assets.model.failure import ExportFailed
from assets.model.lifecycle import Timing
from assets.model.manifest import Manifest
from assets.model.parameters import scope_parameter
from assets.model.request import ExportRequest
from assets.reading import Doors
from export_platform.local.seed import lake
from export_platform.local.seed.asking import sample_params
from export_platform.local.seed.lake import LakeClient
from export_platform.local.seed.tiny.shapes import PACK
from resources.athena import AthenaDoor
from resources.clock import SystemClock
from tests.api_bridge.bench import Client, serving
from tests.api_bridge.tokens import AUDIENCE, ISSUER, Issuer
from tests.assets.workbench import AFTER_THE_PACK, CAMPAIGN, Workbench
from tests.fakes.athena import Answer, FakeAthena
from tests.fakes.clock import ManualClock
from tests.fakes.codes_service import FakeCodesService
from tests.fakes.entries_service import FakeEntriesService
from tests.fakes.marketing_cloud import FakeMarketingCloud
from tests.fakes.mongo import FakeMongoStores
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.scoring_files import FakeScoringFiles
from tests.privacy.canaries import planted
from tests.privacy.search import unpacked

SECRET: Final = b"zq7-the-key-of-the-deployment"
_BUCKET: Final = "lake"
_MAY_ASK: Final = "exports:read exports:create:* exports:download"
_BUILD: Final = Build(version="1.2.3", git_sha="0" * 40)

Ask = Callable[[str, tuple[str, ...]], Answer]


def plant_lake(client: LakeClient) -> None:
    """Put the planted rows where the pack's rows would be."""
    for campaign_id in {piece.campaign_id for piece in planted().slices} - {None}:
        assert campaign_id is not None
        lake.remove_campaign(client, _BUCKET, campaign_id)
    lake.remove_pack(client, _BUCKET, PACK)
    for number, piece in enumerate(planted().slices):
        key = lake.object_key(piece, number, pack=PACK)
        client.put_object(Bucket=_BUCKET, Key=key, Body=lake.parquet_bytes(piece))


@dataclass(slots=True)
class Remembered:
    """Answers of a real Athena; each statement is run once, as the snapshot never moves."""

    door: AthenaDoor
    answers: dict[tuple[str, tuple[str, ...]], Answer] = field(default_factory=dict)

    def __call__(self, sql: str, parameters: tuple[str, ...]) -> Answer:
        """The answer of the real one."""
        asked = (sql, parameters)
        if asked not in self.answers:
            query = self.door.select(sql, parameters, token=f"privacy {asked}")
            rows = tuple(row for batch in query.batches() for row in batch)
            self.answers[asked] = Answer(columns=query.columns, rows=rows)
        return self.answers[asked]


def planted_bench(answer: Ask) -> Workbench:
    """A fresh platform that holds nothing but canaries."""
    clock, pack = ManualClock(AFTER_THE_PACK), planted()
    mongo, objects = FakeMongoStores(clock, **pack.documents), FakeObjectStore(part_bytes=4096)
    doors = Doors(
        mongo=mongo,
        athena=FakeAthena(answer),
        objects=objects,
        codes=FakeCodesService(pack.codes, page_size=50),
        entries_service=FakeEntriesService(),
        scoring=FakeScoringFiles(**pack.scores),
        marketing_cloud=FakeMarketingCloud(clock),
        secret=SECRET,
    )
    life = ExportLife(mongo.exports, timing=Timing())
    return Workbench(clock=clock, mongo=mongo, objects=objects, life=life, doors=doors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one export leaves behind.

    Attributes:
        files: What is in its files, unpacked.
        around: Everything else by where it was seen, as bytes or as text.
        status: The state it ended in, or what the bridge answered when it was refused.
        code: Why it failed or was refused.
        asked: The parameters.
        manifest: What was published, or None.
    """

    files: Sequence[bytes]
    around: Mapping[str, bytes | str]
    status: str
    code: str | None
    asked: Mapping[str, Any]
    manifest: Manifest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The platform with its bridge and its Dagster.

    Attributes:
        bench: The doors, and the moves over them.
        catalog: The kinds that it knows.
        client: Speaks to the bridge.
        dagster: Where runs are kept.
    """

    bench: Workbench
    catalog: Catalog
    client: Client
    dagster: dg.DagsterInstance

    def export(
        self, name: str, params: Mapping[str, Any], scopes: Sequence[str], *, by_dagster: bool
    ) -> Shown:
        """An export from its request to its end, and all that can be seen of it.

        Args:
            name: The kind.
            params: As a caller sends them.
            scopes: Of the caller, beside those to ask and to look; columns may be withheld.
            by_dagster: Whether a run of Dagster makes it and a person looks at everything that the
                bridge shows, or a worker makes it alone, which takes a third of the time.
        """
        token = self.client.token(scope=" ".join((_MAY_ASK, *scopes)), campaigns=["*"])
        with logged() as log:
            answer = self.client.call(
                "POST",
                "/v1/exports",
                {"type": name, "params": params},
                token=token,
                headers=[("Prefer", "handling=lenient")],
            )
            answers: dict[str, bytes | str] = {"answer to POST": answer.raw + bytes(answer.headers)}
            if answer.status != 202:
                code = answer.body.get("business_code") or answer.body["code"]
                around: dict[str, bytes | str] = {**answers, "log": log.getvalue()}
                status = str(answer.status)
                return Shown(files=(), around=around, status=status, code=code, asked=params)
            export_id = str(answer.body["id"])
            kept = self._made(name, export_id, by_dagster=by_dagster)
            if by_dagster:
                answers |= self._answers(export_id, token)
        document = self.bench.found(export_id)
        seen: dict[str, bytes | str] = {**answers, **kept, "log": log.getvalue()}
        return replace(self._left_behind(document, seen), asked=params)

    def _made(self, name: str, export_id: str, *, by_dagster: bool) -> Mapping[str, str]:
        """Run it to its end; what Dagster keeps of that."""
        claimed = self.bench.life.dispatch(export_id)
        assert claimed is not None
        if by_dagster:
            return self._run(self.catalog[name], claimed)
        worker = self.bench.attempt(catalog=self.catalog)
        try:
            worker.run(export_id, claimed["attempt"], run_id="run-1")
        except ExportFailed as failed:
            return {"error": repr(failed) + repr(failed.__cause__) + repr(failed.__context__)}
        return {}

    def _run(self, kind: ExportType, document: Document) -> Mapping[str, str]:
        platform = Platform(timing=Timing(), build=_BUILD, secret=SECRET)
        asset = build_export_asset(kind, catalog=self.catalog)
        result = dg.materialize(
            [asset],
            instance=self.dagster,
            resources=self.bench.resources(platform, clock=SystemClock()),
            partition_key=document["partition"],
            tags={EXPORT_TAG: document["_id"], ATTEMPT_TAG: str(document["attempt"])},
            raise_on_error=False,
        )
        run = self.dagster.get_run_by_id(result.run_id)
        events = self.dagster.all_logs(result.run_id)
        latest = self.dagster.get_latest_materialization_event(asset_key(kind))
        return {
            "Dagster's events": "\n".join(event.to_json() for event in events),
            "Dagster's run": repr(run) + json.dumps(run.tags if run else None),
            "Dagster's metadata": latest.to_json() if latest else "",
        }

    def _answers(self, export_id: str, token: str) -> Mapping[str, bytes]:
        """What the bridge says of it: bodies and headers, links to files among them."""
        base = f"/v1/exports/{export_id}"
        paths = (base, f"{base}/manifest", f"{base}/files/1", "/v1/exports?page_size=1")
        answers = {path: self.client.call("GET", path, token=token) for path in paths}
        return {
            f"answer to GET {path.replace(export_id, '')}": answer.raw + bytes(answer.headers)
            for path, answer in answers.items()
        }

    def _left_behind(self, document: Document, seen: Mapping[str, bytes | str]) -> Shown:
        output = ExportRequest.from_document(document["request"]).output
        result, objects = document["result"] or {}, self.bench.objects
        files = {file["key"] for file in result.get("files", ())}
        bodies = {key: self.bench.body(key) for key in objects.keys("exports/")}
        # What is delivered is what the files hold; what else lies there must hold nothing.
        same = {bodies[key] for key in files}
        beside = {key: body for key, body in bodies.items() if body not in same}
        around: dict[str, bytes | str] = {
            **seen,
            "keys": "\n".join(bodies),
            "MongoDB's document": bson.encode(document),
            "MongoDB's document as text": json.dumps(document, default=str, ensure_ascii=False),
            **{f"object {key.rpartition('/')[2]}": body for key, body in beside.items()},
        }
        objects.objects.clear()
        manifest = bodies.get(result.get("manifestKey", ""))
        return Shown(
            files=[part for body in same for part in unpacked(body, output)],
            around=around,
            status=document["status"],
            code=(document["error"] or {}).get("code"),
            asked={},
            manifest=Manifest.from_document(json.loads(manifest)) if manifest else None,
        )


@contextmanager
def opened(answer: Ask, folder: Path, catalog: Catalog = CATALOG) -> Iterator[House]:
    """A house over the planted pack until the block ends."""
    bench = planted_bench(answer)
    issuer = Issuer(clock=bench.clock)
    (folder / "jwks.json").write_bytes(issuer.jwks())
    settings = Settings(issuer=ISSUER, audience=AUDIENCE, jwks=str(folder / "jwks.json"))
    doors = bridge.Doors(stores=bench.mongo, objects=bench.objects, clock=bench.clock)
    app = bridge.create_app(settings, doors, catalog)
    with (
        serving(server_config(app, host="127.0.0.1", port=0)) as port,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        for kind in catalog.values():
            about = str(sample_params(kind, CAMPAIGN)[scope_parameter(kind.scope)])
            if kind.scope.value != "days":
                instance.add_dynamic_partitions(kind.scope.value, [about])
        client = Client(port=port, issuer=issuer)
        yield House(bench=bench, catalog=catalog, client=client, dagster=instance)


@contextmanager
def logged() -> Iterator[StringIO]:
    """All that is logged by anybody, at the level of a deployment: drivers quote rows below it."""
    text, root = StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(text), root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
