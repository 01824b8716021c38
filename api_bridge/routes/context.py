"""What the routes work with, made once by the application, and how a route asks for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from api_bridge.access.auth import Authenticator
from api_bridge.access.caller import Caller
from api_bridge.access.keys import MustRead
from api_bridge.access.pace import Pace
from api_bridge.access.signing import Signer
from api_bridge.protocol.wire import Surroundings
from api_bridge.telemetry.durations import Durations
from api_bridge.telemetry.metrics import Metrics
from api_bridge.waiting.changes import Changes
from api_bridge.waiting.looks import Looks
from api_bridge.waiting.together import Together
from api_bridge.webhooks.endpoints import Endpoints
from assets.admission import Admission, Asking
from assets.grounds import Grounds
from assets.life import Document, ExportLife
from assets.model.export_type import Catalog
from resources.clock import Clock
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """Everything a route may use.

    Attributes:
        catalog: The kinds of export there are.
        known: Names that an error pointer may repeat.
        stores: The database.
        objects: The bucket of the files.
        clock: The time.
        life: Every write to an export document.
        changes: Tells those who wait that an export has changed.
        looks: Reads what many look at, together.
        admission: Who may have how many exports, and who shares one.
        crowd: The same for many who come together.
        grounds: What requests stand on.
        authenticator: From header to caller.
        endpoints: Who is told of exports.
        webhooks_loopback: Whether an endpoint may be on this machine's loopback.
        link_seconds: How long a download link works.
        queue_age_seconds: When a waiting export means that nobody works.
        runs_at_once: How many exports may be out of the queue.
        rows_per_export: The most that one export may read; None: any number.
        sensor_age_seconds: When silent sensors mean that nobody looks.
        metrics: What was counted.
        durations: How long earlier exports took.
        pace: Counts how often a caller asks for an export.
        signer: Signs manifests.
        dagster_url: Where people see Dagster's pages, if anywhere.
        since: When it was put together, on the clock's monotonic scale.
    """

    catalog: Catalog
    known: frozenset[str]
    stores: MongoStores
    objects: ObjectStore
    clock: Clock
    life: ExportLife
    changes: Changes
    looks: Looks
    admission: Admission
    crowd: Together[Asking, Document | Exception]
    grounds: Grounds
    authenticator: Authenticator
    endpoints: Endpoints
    webhooks_loopback: bool
    link_seconds: int
    queue_age_seconds: int
    runs_at_once: int
    rows_per_export: int | None
    sensor_age_seconds: int
    metrics: Metrics
    durations: Durations
    pace: Pace
    signer: Signer
    dagster_url: str | None
    since: float

    def age(self) -> float:
        """Seconds that it has been up."""
        return self.clock.monotonic() - self.since

    def around(self, now: datetime) -> Surroundings:
        """What an export is shown with."""
        return Surroundings(catalog=self.catalog, now=now, dagster_url=self.dagster_url)


# Coroutines, though they await nothing as a rule: the framework gives each plain function a thread.
async def _bridge(request: Request) -> Bridge:
    bridge: Bridge = request.app.state.bridge
    return bridge


async def _caller(request: Request) -> Caller:
    # The header only: a token in the query would end in somebody's log.
    headers = request.headers.getlist("authorization")
    authenticator = request.app.state.bridge.authenticator
    try:
        return authenticator.caller(headers, at_once=True)
    except MustRead:
        return await run_in_threadpool(authenticator.caller, headers)


async def _body(request: Request) -> bytes:
    return await request.body()


BridgeParam = Annotated[Bridge, Depends(_bridge)]
CallerParam = Annotated[Caller, Depends(_caller)]
BodyParam = Annotated[bytes, Depends(_body)]
