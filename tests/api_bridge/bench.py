"""The bridge on a real port, with fakes behind it and plain HTTP before it."""

import hashlib
import http.client
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from api_bridge.__main__ import server_config
from api_bridge.app import Doors, create_app
from api_bridge.settings import Settings
from assets.life import ExportLife
from assets.model.export_type import Catalog
from tests.api_bridge.tokens import AUDIENCE, ISSUER, Issuer
from tests.fakes.clock import ManualClock, PatientClock
from tests.fakes.collection import FakeCollection
from tests.fakes.mongo import FakeMongoStores
from tests.fakes.object_store import FakeObjectStore

CAMPAIGNS = ("aurora-lights", "northern-sky", "foreign-fest")
GOOD_PARAMS: Mapping[str, Any] = {"campaign_id": "aurora-lights"}
GOOD_BODY: Mapping[str, Any] = {"type": "guests", "params": GOOD_PARAMS}
MANIFEST = b'{"manifestVersion":1}\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON body."""
        return json.loads(self.raw)

    @property
    def pointers(self) -> list[str]:
        """The places that a problem names."""
        return [error["pointer"] for error in self.body["errors"]]

    @property
    def unnamed(self) -> dict[str, Any]:
        """A problem without what no other occurrence of it has."""
        return self.body | dict.fromkeys(("request_id", "instance"))


@dataclass(slots=True, kw_only=True)
class Client:
    """Speaks to a running bridge.

    Attributes:
        port: Where it listens.
        issuer: Makes the tokens that it trusts.
    """

    port: int
    issuer: Issuer

    def token(self, **changes: Any) -> str:
        """A token that may do everything in two of the three campaigns, changed."""
        return self.issuer.token(**changes)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = "",
        headers: Sequence[tuple[str, str]] = (),
        host: str | None = None,
    ) -> Answer:
        """Send one request; the empty token stands for a good one, None for no header."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
        sent = [("Host", host or f"127.0.0.1:{self.port}"), ("Content-Length", str(len(raw)))]
        if token is not None:
            sent.append(("Authorization", f"Bearer {token or self.token()}"))
        if raw and not any(name.lower() == "content-type" for name, _ in headers):
            sent.append(("Content-Type", "application/json"))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in [*sent, *headers]:
                connection.putheader(name, value)
            connection.endheaders(raw)
            response = connection.getresponse()
            return Answer(status=response.status, headers=response.headers, raw=response.read())
        finally:
            connection.close()


def seated(client: Client) -> float:
    """How many callers wait now, as the metrics tell it; -1 while they are turned away."""
    answer = client.call("GET", "/metrics", token=None)
    found = re.search(r"^bridge_waiting (\S+)$", answer.raw.decode(), re.MULTILINE)
    return float(found[1]) if found else -1.0


@dataclass(slots=True, kw_only=True)
class Bench(Client):
    """A running bridge over fakes, and everything a test may set or look at."""

    clock: ManualClock
    stores: FakeMongoStores
    objects: FakeObjectStore
    life: ExportLife

    def create(self, **params: Any) -> str:
        """Ask for an export of guests and return its id."""
        body = {"type": "guests", "params": {**GOOD_PARAMS, **params}}
        answer = self.call("POST", "/v1/exports", body)
        assert answer.status == 202, answer.raw
        return str(answer.body["id"])

    def start(self, export_id: str) -> str:
        """Let a worker take the export; return the lease's token."""
        dispatched = self.life.dispatch(export_id)
        assert dispatched is not None
        running = self.life.start(export_id, dispatched["attempt"], owner="w", run_id="run-1")
        assert running is not None
        return str(running["lease"]["token"])

    def finish(
        self,
        export_id: str,
        *,
        manifest: bytes = MANIFEST,
        retention: float = 3600,
        partial: bool = False,
    ) -> str:
        """Let a worker finish the export; return its id."""
        token = self.start(export_id)
        base = f"exports/guests/v2/campaign=aurora-lights/export={export_id}/a1-0badcafe"
        self.objects.put(f"{base}/_manifest.json", manifest, media_type="application/json")
        file = {
            "number": 1,
            "section": "",
            "group": "",
            "key": f"{base}/part-00001.csv.gz",
            "rows": 3,
            "bytes": 120,
            "sha256": "ab" * 32,
            "mediaType": "application/gzip",
            "filename": f"guests-aurora-lights-{export_id}-1.csv.gz",
        }
        result = {
            "manifestKey": f"{base}/_manifest.json",
            "manifestSha256": hashlib.sha256(manifest).hexdigest(),
            "rows": 3,
            "bytes": 120,
            "partial": partial,
            "emptyReason": None,
            "accounting": {"read": 3},
            "withheld": [],
            "files": [file],
            "deliveries": [],
        }
        self.life.deliver(export_id, token)
        expires = self.clock.now() + timedelta(seconds=retention)
        self.life.succeed(export_id, token, result=result, expires_at=expires)
        return export_id

    def fail(self, export_id: str) -> str:
        """Let a worker fail the export for good; return its id."""
        token = self.start(export_id)
        document = self.life.find(export_id)
        assert document is not None
        error = {"code": "SOURCE_REFUSED", "message": "m", "retryable": False, "attempt": 1}
        self.life.fail(document, token, error=error, jitter=0.0)
        return export_id

    def documents(self) -> list[dict[str, Any]]:
        """Every stored export."""
        return [document for document, _ in self.stores.exports.kept.seen()]

    def document(self, export_id: str) -> dict[str, Any]:
        """One stored export."""
        found = self.stores.exports.kept.get(export_id)
        assert found is not None
        return found

    def plant(self, export_id: str, **changes: Any) -> None:
        """Change a stored export behind everybody's back."""
        self.stores.exports.kept.keep(self.document(export_id) | changes)

    def clear(self) -> None:
        """Forget every export and object, and what the fakes were asked."""
        self.stores.exports.kept = FakeCollection()
        self.stores.claims.clear()
        self.stores.endpoints.kept.clear()
        self.stores.deliveries.kept.clear()
        self.objects.objects.clear()
        self.stores.ticks.forget()
        stores = self.stores
        fakes = (stores, stores.exports, stores.campaigns, stores.operations, self.objects)
        for fake in fakes:
            fake.asked.calls.clear()


def _as_it_is(app: FastAPI) -> ASGIApp:
    return app


@contextmanager
def running_bench(
    folder: Path,
    catalog: Catalog,
    *,
    wrap: Callable[[FastAPI], ASGIApp] = _as_it_is,
    clock: ManualClock | None = None,
    objects: FakeObjectStore | None = None,
    **settings: Any,
) -> Iterator[Bench]:
    """Run a bridge on a free loopback port until the block ends; `wrap` may spoil it first."""
    clock, objects = clock or PatientClock(), objects or FakeObjectStore()
    issuer = Issuer(clock=clock)
    (folder / "jwks.json").write_bytes(issuer.jwks())
    campaigns = [{"_id": key, "key": key, "deletedAt": None} for key in CAMPAIGNS]
    markets = [
        {"_id": f"{campaign}/{key}", "campaignId": campaign, "key": key, "name": key.upper()}
        for campaign in CAMPAIGNS
        for key in "ab"
    ]
    stores = FakeMongoStores(clock, campaigns=campaigns, markets=markets)
    chosen = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": str(folder / "jwks.json")} | settings
    doors = Doors(stores=stores, objects=objects, clock=clock)
    app = create_app(Settings(**chosen), doors, catalog)
    with serving(server_config(wrap(app), host="127.0.0.1", port=0)) as port:
        yield Bench(
            port=port,
            clock=clock,
            stores=stores,
            objects=objects,
            issuer=issuer,
            life=ExportLife(stores.exports),
        )


@contextmanager
def serving(config: uvicorn.Config) -> Iterator[int]:
    """Serve an application in a thread; gives the port."""
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive(), "the server did not start"
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
