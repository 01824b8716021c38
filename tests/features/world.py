"""The platform that the scenarios talk to: the embedded stack, the bridge on a port, one worker.

Everything is real but for two things. The worker runs in this process, once it is told to, so that
a scenario decides what happens in which order; and the made-up data is seen at its own instant.
"""

import gzip
import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from api_bridge import app as bridge
from api_bridge.__main__ import server_config
from api_bridge.settings import Settings
from assets.attempt import Attempt, Build
from assets.exports.catalog import CATALOG
from assets.life import Document, ExportLife
from assets.model.failure import ExportFailed
from assets.model.parameters import scope_parameter
from assets.reading import Doors
from export_platform.doors import opened
from export_platform.local.seed import loader
from export_platform.local.seed.catalog import pack_named
from export_platform.local.services.extensions import put_data_extensions
from export_platform.settings import LOCAL_SECRET
from resources.clock import SystemClock
from resources.mongo.connection import MongoConnection
from resources.wiring import environment
from sensors.housekeeping import purge
from tests.api_bridge.bench import Answer, Client, serving
from tests.api_bridge.schemas import check
from tests.api_bridge.tokens import AUDIENCE, EVERYTHING, ISSUER, Issuer
from tests.assets.workbench import AFTER_THE_PACK
from tests.fakes.clock import ManualClock
from tests.resources.services import Faulty

DATABASE = "features"
# The safety lag before the bridge's clock, as the golden files have it.
SNAPSHOT = AFTER_THE_PACK - timedelta(seconds=30)
# The account of somebody whom the pack does not know.
STRANGER = "0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9aff"
EVERY_SCOPE = f"{EVERYTHING} codes:reveal"


class HurriedClock(SystemClock):
    """Waits like a worker that has no time: the stand-ins take a fifth of a second, not minutes."""

    def sleep(self, seconds: float) -> None:
        """Wait, but not long."""
        super().sleep(min(seconds, 0.25))


@dataclass(kw_only=True)
class World:
    """What a scenario can reach.

    Attributes:
        doors: The outside, as a worker has it.
        client: Speaks to the bridge.
        clock: The bridge's clock.
        database: Where the pack lies.
        codes: The stand-in of the codes service, for faults on demand.
    """

    doors: Doors
    client: Client
    clock: ManualClock
    database: MongoConnection
    codes: Faulty
    life: ExportLife = field(init=False)

    def __post_init__(self) -> None:
        """Begin with no exports."""
        self.life = ExportLife(self.doors.mongo.exports, as_of=SNAPSHOT)

    def clear(self) -> None:
        """Forget what earlier scenarios left: exports, scoring runs, strangers, faults, time."""
        for name in ("exports", "export_claims"):
            self.database.collection(name).delete_many({})
        self.database.collection("users").delete_many({"accountId": STRANGER})
        self.database.collection("scoring").delete_many({"status": "exported"})
        self.codes.script()
        self.clock.advance(-self.clock.monotonic())

    def call(self, method: str, path: str, body: object = None, **more: Any) -> Answer:
        """Ask the bridge; whatever it answers must fit its schema."""
        answer = self.client.call(method, path, body, **more)
        check(method, path, answer)
        return answer

    def campaign(self, name: str) -> str:
        """The key of the campaign whose name begins like this."""
        campaigns = self.database.collection("campaigns")
        (found,) = campaigns.find({"name": {"$regex": f"^{name}"}}, {"key": 1})
        return str(found["key"])

    def bounce(self, address: str) -> None:
        """Let mail to an address of another account have come back for good."""
        said = {"emailGlobalOptOut": False, "smsStop": False, "hardBouncedAt": SNAPSHOT}
        stranger = {"accountId": STRANGER, "kind": "fan", "email": address, "marketing": said}
        self.database.collection("users").insert_one({**stranger, "updatedAt": SNAPSHOT})

    def document(self, export_id: str) -> Document:
        """The export as it is stored."""
        found = self.life.find(export_id)
        assert found is not None
        return found

    def worker(self) -> Attempt:
        """What runs attempts."""
        return Attempt(
            self.life,
            self.doors,
            CATALOG,
            build=Build(version="0", git_sha="0"),
            clock=HurriedClock(),
            jitter=lambda: 0.0,
        )

    def work(self, export_id: str) -> None:
        """Dispatch an export and run one attempt of it; a failure is on the document."""
        claimed = self.life.dispatch(export_id)
        assert claimed is not None
        try:
            self.worker().run(export_id, claimed["attempt"], run_id="run-1")
        except ExportFailed:
            return

    def expire(self, export_id: str) -> None:
        """Let its time pass, and housekeeping come by."""
        collection = self.database.collection("exports")
        over = self.document(export_id)["createdAt"] - timedelta(seconds=1)
        collection.update_one({"_id": export_id}, {"$set": {"expiresAt": over}})
        assert purge(self.life, self.doors.objects, self.document(export_id)) is not None

    def tidy(self) -> None:
        """Let housekeeping look for what is past its time."""
        for document in self.life.expired(9):
            purge(self.life, self.doors.objects, document)

    def begin(self, export_id: str) -> None:
        """Let a worker take it, and do nothing yet."""
        claimed = self.life.dispatch(export_id)
        assert claimed is not None
        assert self.life.start(export_id, claimed["attempt"], owner="w", run_id="run-1")

    def stored(self, export_id: str, section: str) -> list[bytes]:
        """The bodies of a section's files where they lie, decompressed."""
        files = self.document(export_id)["result"]["files"]
        keys = [file["key"] for file in files if file["section"] == section]
        return [_plain(key, b"".join(self.doors.objects.read(key))) for key in keys]

    def follow(self, link: str, token: str) -> bytes:
        """Download a file as a caller does: the bridge redirects to the object store."""
        answer = self.call("GET", link, token=token)
        assert answer.status == http.client.SEE_OTHER, answer.raw
        there = answer.headers["Location"]
        body = requests.get(there, timeout=10)
        assert body.status_code == http.client.OK
        return _plain(urlsplit(there).path, body.content)


@contextmanager
def running_world(stack: Mapping[str, str], folder: Path) -> Iterator[World]:
    """The stack with the hand-written pack in it, and a bridge over it until the block ends."""
    env = {**stack, environment.MONGODB_DATABASE: DATABASE}
    put_data_extensions(env[environment.SFMC_REST_URL])
    loader.load(
        pack_named("tiny"),
        mongo_uri=env[environment.MONGODB_URI],
        database=DATABASE,
        s3=loader.lake_client(env[environment.AWS_ENDPOINT_URL_S3]),
        codes_url=env[environment.CODES_SERVICE_URL],
        codes_token=env[environment.CODES_SERVICE_TOKEN],
    )
    clock = ManualClock(AFTER_THE_PACK)
    issuer = Issuer(clock=clock)
    (folder / "jwks.json").write_bytes(issuer.jwks())
    settings = Settings(issuer=ISSUER, audience=AUDIENCE, jwks=str(folder / "jwks.json"))
    its_doors = bridge.Doors(
        stores=environment.mongo_stores(env, application="export-bridge"),
        objects=environment.object_store(env),
        clock=clock,
    )
    app = bridge.create_app(settings, its_doors, CATALOG)
    database = MongoConnection(uri=env[environment.MONGODB_URI], database=DATABASE)
    codes = Faulty(
        url=env[environment.CODES_SERVICE_URL],
        service="CODES",
        token=env[environment.CODES_SERVICE_TOKEN],
    )
    with (
        opened(env, secret=LOCAL_SECRET.encode()) as doors,
        serving(server_config(app, host="127.0.0.1", port=0)) as port,
    ):
        client = Client(port=port, issuer=issuer)
        yield World(doors=doors, client=client, clock=clock, database=database, codes=codes)
    database.close()


def usual_params(kind: str, about: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What a scenario need not say: whole values for a machine, and why they are needed."""
    export_type = CATALOG[kind]
    options = {o.name: chosen.get(o.name, o.default) for o in export_type.options}
    usual: dict[str, Any] = {"dialect": "rfc4180", "pii": "full"} | dict(export_type.fixed(options))
    if chosen.get("format", usual.get("format", "csv")) != "csv":
        del usual["dialect"]
    if export_type.deliveries:
        usual["deliver"] = []
    scope = {scope_parameter(export_type.scope): about}
    return {**scope, "reason": "weekly review", **usual, **chosen}


def stated(rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The two columns of a table of names and values; a value that reads as JSON is that."""
    return {name: _value(text) for name, text in rows}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _plain(name: str, body: bytes) -> bytes:
    return gzip.decompress(body) if name.endswith(".gz") else body
