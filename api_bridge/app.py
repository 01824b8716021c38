"""The composition of the bridge: settings, doors and catalogue in, an application out.

To add a group of routes, write a module in `routes/` and list its router in `ROUTERS`.
"""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Lifespan

from api_bridge.access.auth import Authenticator
from api_bridge.access.keys import KeyRing, key_source
from api_bridge.access.pace import Pace
from api_bridge.access.signing import read_signer
from api_bridge.middleware.access_log import log
from api_bridge.middleware.admission import AllowedHostsMiddleware, ConcurrencyMiddleware
from api_bridge.middleware.answers import AnswersMiddleware
from api_bridge.middleware.body_limit import BodyLimitMiddleware
from api_bridge.middleware.dispatch import DispatchMiddleware
from api_bridge.middleware.failures import FailuresMiddleware
from api_bridge.middleware.head import HeadMiddleware
from api_bridge.middleware.metrics import counting
from api_bridge.middleware.request_id import RequestIdMiddleware, instance, request_id
from api_bridge.middleware.security_headers import SecurityHeadersMiddleware
from api_bridge.middleware.tracing import TracingMiddleware
from api_bridge.page import problems, site
from api_bridge.protocol.openapi import describe
from api_bridge.protocol.problems import Code, ProblemError, not_found, problem_response
from api_bridge.protocol.submission import known_names
from api_bridge.routes import (
    downloads,
    estimate,
    events,
    export_types,
    exports,
    health,
    limits,
    metrics,
    provenance,
    signing_keys,
    webhooks,
)
from api_bridge.routes.context import Bridge
from api_bridge.settings import Settings, settings_from
from api_bridge.telemetry.durations import Durations
from api_bridge.telemetry.exports import ExportsCollector
from api_bridge.telemetry.metrics import Metrics
from api_bridge.waiting.changes import Changes
from api_bridge.waiting.looks import Looks
from api_bridge.waiting.together import Together
from api_bridge.webhooks.endpoints import Endpoints
from assets.admission import Admission, Limits
from assets.crowd import Crowd
from assets.exports.catalog import CATALOG
from assets.grounds import Grounds
from assets.life import ExportLife
from assets.model.export_type import Catalog
from resources.clock import Clock, SystemClock
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from resources.wiring.environment import mongo_stores, object_store

ROUTERS = (
    exports.router,
    estimate.router,
    events.router,
    downloads.router,
    provenance.router,
    webhooks.router,
    export_types.router,
    limits.router,
    health.router,
    metrics.router,
    signing_keys.router,
    site.router,
    problems.router,
)

# Requests for exports that are stored by one command, and how long after those before: 400 a second
# are batches of four, and whoever comes in a crowd waits 5 ms as a rule.
MOST_TOGETHER = 100
TOGETHER_SECONDS = 0.01
# RELIABILITY.md 4.3: a request gets its 503 within 2 s when the database is down or slow.
MONGO_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The outside as the bridge needs it."""

    stores: MongoStores
    objects: ObjectStore
    clock: Clock

    def close(self) -> None:
        """Close what was opened."""
        self.stores.close()
        self.objects.close()


class _DescribedApp(FastAPI):
    """An application whose description tells of the bodies and queries that we parse ourselves.

    What surrounds it is ours alone: the framework's own layers are inside, for what leads to none
    of our functions (`middleware/dispatch.py`).
    """

    def build_middleware_stack(self) -> ASGIApp:
        """Put ours around the framework's."""
        ours, self.user_middleware = self.user_middleware, []
        app = super().build_middleware_stack()
        self.user_middleware = ours
        for middleware, arguments, named in reversed(ours):
            app = middleware(app, *arguments, **named)
        return app

    def openapi(self) -> dict[str, Any]:
        """Describe the application; made once."""
        if self.openapi_schema is None:
            self.openapi_schema = describe(super().openapi(), self.state.bridge.catalog)
        return self.openapi_schema


def create_app(settings: Settings, doors: Doors, catalog: Catalog) -> FastAPI:
    """Put the bridge together; nothing is opened but the file of the signing keys.

    Args:
        settings: What the operator chose.
        doors: The outside; the application closes it when it ends.
        catalog: The kinds of export there are.

    Raises:
        ValueError: The signing keys are none; the message names the variable.
    """
    counted = Metrics(ExportsCollector(doors.stores, doors.clock))
    app = _DescribedApp(
        title="Export bridge",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Ours are by allow-list (resources/tracing.py); the framework's would tell paths.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # What a generated client calls a request: the name of its function, without its path.
        generate_unique_id_function=lambda route: route.name,
        middleware=_middleware(settings, doors.clock, counted),
        lifespan=_lifespan(settings.threads, doors),
        exception_handlers={HTTPException: _routing_problem},
    )
    app.state.bridge = _bridge(settings, doors, catalog, counted)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/page", site.files)
    return app


def app_from(environment: Mapping[str, str]) -> FastAPI:
    """Put the real bridge together from the environment.

    Raises:
        ValueError: A variable is missing or malformed; the message names it.
    """
    doors = Doors(
        stores=mongo_stores(
            environment, application="export-bridge", operation_seconds=MONGO_SECONDS
        ),
        objects=object_store(environment),
        clock=SystemClock(),
    )
    return create_app(settings_from(environment), doors, CATALOG)


def _bridge(settings: Settings, doors: Doors, catalog: Catalog, counted: Metrics) -> Bridge:
    keys = KeyRing(key_source(settings.jwks, doors.clock), doors.clock)
    authenticator = Authenticator(
        issuer=settings.issuer, audience=settings.audience, keys=keys, clock=doors.clock
    )
    life = ExportLife(doors.stores.exports)
    changes = Changes(doors.stores.operations, most=settings.waiting)
    counted.follow("bridge_waiting", "Callers who wait for a change.", lambda: changes.seated)
    most = Limits(caller=settings.live_per_caller, campaign=settings.live_per_campaign)
    spread = random.SystemRandom().random
    admission = Admission(life, doors.stores.claims, most, clock=doors.clock, random=spread)
    crowd = Crowd(admission, life, doors.stores.claims, clock=doors.clock)
    return Bridge(
        catalog=catalog,
        known=known_names(catalog),
        stores=doors.stores,
        objects=doors.objects,
        clock=doors.clock,
        life=life,
        changes=changes,
        looks=Looks(doors.stores.exports),
        admission=admission,
        crowd=Together(crowd.ask, most=MOST_TOGETHER, apart=TOGETHER_SECONDS),
        grounds=Grounds(doors.clock),
        authenticator=authenticator,
        endpoints=Endpoints(
            store=doors.stores.endpoints, clock=doors.clock, most=settings.webhooks_per_caller
        ),
        webhooks_loopback=settings.webhooks_loopback,
        link_seconds=settings.link_seconds,
        queue_age_seconds=settings.queue_age_seconds,
        runs_at_once=settings.runs_at_once,
        rows_per_export=settings.rows_per_export,
        sensor_age_seconds=settings.sensor_age_seconds,
        metrics=counted,
        durations=Durations(doors.stores.operations, doors.clock),
        pace=Pace(doors.clock),
        signer=read_signer(settings.signing_keys),
        dagster_url=settings.dagster_url,
        since=doors.clock.monotonic(),
    )


def _middleware(settings: Settings, clock: Clock, counted: Metrics) -> list[Middleware]:
    """Outermost first: what answers a request passes through all that stands above it."""
    return [
        Middleware(RequestIdMiddleware),
        Middleware(TracingMiddleware),
        Middleware(SecurityHeadersMiddleware),
        Middleware(AnswersMiddleware, tell=[log, counting(counted)], clock=clock),
        Middleware(HeadMiddleware),
        Middleware(FailuresMiddleware),
        Middleware(AllowedHostsMiddleware, hosts=settings.allowed_hosts),
        # Outside of the count: who sends slowly must not take the places of those who do not.
        Middleware(BodyLimitMiddleware),
        Middleware(ConcurrencyMiddleware, most=settings.concurrency),
        Middleware(DispatchMiddleware, routers=ROUTERS),
    ]


def _lifespan(threads: int, doors: Doors) -> Lifespan[FastAPI]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = threads
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(doors.close)

    return lifespan


async def _routing_problem(request: Request, error: Exception) -> Response:
    """What the router itself refuses: no such path, no such method."""
    problem = not_found()
    if isinstance(error, HTTPException) and error.status_code == 405:  # noqa: PLR2004 - RFC 9110
        problem = ProblemError(
            Code.METHOD_NOT_ALLOWED,
            "The Allow header names the methods.",
            headers={"Allow": ", ".join(_methods(request))},
        )
    return problem_response(problem, request_id(request.scope), instance(request.scope))


def _methods(request: Request) -> list[str]:
    """What the path knows: one path may be several routes, and the router names the first only."""
    routes = [*request.app.routes, *(route for router in ROUTERS for route in router.routes)]
    found: set[str] = set()
    for route in routes:
        if isinstance(route, Route) and route.path_regex.match(request.scope["path"]):
            found |= route.methods or set()
    return sorted(found | ({"HEAD"} if "GET" in found else set()))
