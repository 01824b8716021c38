"""What runs in the processes that are killed: one role of the platform each, over the real stack.

Every function is the whole life of a child process. It reads the variables of its deployment from
the first argument, and may be told which guards to leave out, so that a test can see what they are
good for.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import cache, partialmethod
from pathlib import Path
from typing import Any

import dagster as dg
import pymongo

from api_bridge import app as bridge
from api_bridge.__main__ import server_config
from api_bridge.settings import Settings
from api_bridge.webhooks import __main__ as webhooks
from api_bridge.webhooks.sender import Sender
from assets import chunks
from assets.attempt import Attempt, Build, NotOurs
from assets.chunks import Chunks
from assets.exports.catalog import CATALOG
from assets.factory import Platform
from assets.heartbeat import Cancelled
from assets.life import ExportLife, LeaseLost
from assets.model.failure import ExportFailed
from assets.model.lifecycle import Timing
from export_platform.definitions import build_definitions
from export_platform.doors import opened
from export_platform.run_workers.launcher import WarmRunLauncher
from resources import aws
from resources.clock import SystemClock
from resources.crash_points import CrashPoint, passing
from resources.errors import DoorError
from resources.object_store import MIN_PART_BYTES, ObjectStore, Upload
from resources.wiring import environment
from tests.api_bridge.bench import Client, serving
from tests.api_bridge.tokens import AUDIENCE, ISSUER, Issuer
from tests.assets.workbench import AFTER_THE_PACK
from tests.export_platform.snapshot import DOORS

SNAPSHOT = AFTER_THE_PACK - timedelta(seconds=30)
SECRET = b"the harness's key"
# A lease of six seconds, as the platform of tests/e2e has it: with three, a worker on a machine
# that six others share cannot renew in time, and stops itself.
TIMING = Timing().scaled(0.1)
# Of workers whose lease nobody waits for: with thirty processes beside them on two cores they do
# not stop themselves either. A wish to cancel is seen within a second.
STEADY = replace(Timing(), heartbeat=1.0)
PLATFORM = Platform(
    timing=TIMING, build=Build(version="0", git_sha="0" * 40), secret=SECRET, as_of=SNAPSHOT
)
# A chunk of `work_in_chunks`: as JSON Lines of 1.5 kB more than the smallest part of an upload.
CHUNK_ROWS = 6_000
# What a worker ends with when its attempt ended otherwise than by success.
NOT_DONE = 3


class HurriedClock(SystemClock):
    """Waits like a worker that has no time: the stand-ins take a fifth of a second, not minutes."""

    def sleep(self, seconds: float) -> None:
        """Wait, but not long."""
        super().sleep(min(seconds, 0.1))


def work(
    env: Mapping[str, str],
    export_id: str,
    attempt: int,
    without: Sequence[str] = (),
    timing: Timing = TIMING,
) -> None:
    """Run one attempt of an export."""
    _begin(env, without)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Dagster tells a run
    with opened(env, secret=SECRET) as doors, closing(small_parts(env)) as objects:
        worker = Attempt(
            ExportLife(doors.mongo.exports, timing=timing, as_of=SNAPSHOT),
            replace(doors, objects=objects),
            CATALOG,
            build=PLATFORM.build,
            clock=HurriedClock(),
            jitter=lambda: 0.0,
        )
        try:
            worker.run(export_id, attempt, run_id=f"{export_id}-{attempt}")
        except (ExportFailed, NotOurs, LeaseLost, Cancelled, DoorError, KeyboardInterrupt):
            sys.exit(NOT_DONE)


def work_in_chunks(env: Mapping[str, str], export_id: str, attempt: int, log: Path) -> None:
    """Run one attempt of an export whose chunks are small; each that is sent is a line of a log."""
    chunks.CHUNK_ROWS = CHUNK_ROWS  # type: ignore[misc]
    cut = Chunks.cut

    def logged(self: Chunks, upload: Upload, whole: Any, *, number: int, at: Any) -> None:
        cut(self, upload, whole, number=number, at=at)
        upload.parts()
        with log.open("a", encoding="ascii") as file:
            file.write(f"{number}:{at['file']['rows']}\n")

    Chunks.cut = logged  # type: ignore[method-assign]
    work(env, export_id, attempt)


def small_parts(env: Mapping[str, str]) -> ObjectStore:
    """The bucket, with the smallest parts that S3 allows."""
    return ObjectStore(
        bucket=env[environment.EXPORTS_BUCKET],
        endpoint_url=env[environment.AWS_ENDPOINT_URL_S3],
        region=env[environment.AWS_REGION],
        part_bytes=MIN_PART_BYTES,
    )


def ask(
    env: Mapping[str, str],
    keys: Path,
    token: str,
    body: Mapping[str, Any],
    without: Sequence[str] = (),
) -> None:
    """Be the bridge, and take one request whose Idempotency-Key is the name of `keys`' file."""
    _begin(env, without)
    settings = Settings(issuer=ISSUER, audience=AUDIENCE, jwks=str(keys / "jwks.json"))
    doors = bridge.Doors(
        stores=environment.mongo_stores(env, application="export-bridge"),
        objects=environment.object_store(env),
        clock=SystemClock(),
    )
    app = bridge.create_app(settings, doors, CATALOG)
    with serving(server_config(app, host="127.0.0.1", port=0)) as port:
        client = Client(port=port, issuer=issuer())
        answer = client.call(
            "POST",
            "/v1/exports",
            {"type": body["type"], "params": body["params"]},
            token=token,
            headers=[("Idempotency-Key", str(body["key"]))],
        )
    if answer.status != 202:
        sys.exit(str(answer.raw))


def launch(env: Mapping[str, str], port: int) -> None:
    """Be sensor and daemon: claim what is queued and hand its runs to the run workers."""
    _begin(env, ())
    launcher = WarmRunLauncher(port=port)
    with closing(environment.mongo_stores(env)) as mongo:
        result = _tick("requests", {"mongo": mongo, "clock": HurriedClock(), "platform": PLATFORM})
    assert isinstance(result, dg.SensorResult)
    for request in result.run_requests or ():
        passing(CrashPoint.K05)
        run = dg.DagsterRun(job_name="exports", run_id=str(request.run_key).replace(":", "-"))
        launcher.launch_run(dg._core.launcher.LaunchRunContext(dagster_run=run, workspace=None))


def reap(env: Mapping[str, str]) -> None:
    """Be the sensor that takes exports from dead workers."""
    _begin(env, ())
    with (
        closing(environment.mongo_stores(env)) as mongo,
        closing(environment.object_store(env)) as objects,
    ):
        _tick("housekeeping", {"mongo": mongo, "object_store": objects, "platform": PLATFORM})


def tell(env: Mapping[str, str], without: Sequence[str] = ()) -> None:
    """Be the sender of webhooks until told to stop; it may call this machine's own receivers."""
    _begin({**env, environment.WEBHOOKS_LOOPBACK: "true"}, without)
    sys.exit(webhooks.main())


@cache
def issuer() -> Issuer:
    """Who signs tokens: to make its key takes a tenth of a second."""
    return Issuer(clock=SystemClock())


@cache
def definitions() -> dg.Definitions:
    """The code location; a sensor is given its doors when it is evaluated."""
    return build_definitions(catalog=CATALOG, doors=_NOBODY)


@cache
def instance() -> dg.DagsterInstance:
    """Dagster's storage, in memory; a process that is forked has a copy of its own."""
    return dg.DagsterInstance.ephemeral()


def _tick(name: str, doors: Mapping[str, Any]) -> object:
    """Evaluate a sensor as the daemon does."""
    defs = definitions()
    with dg.build_sensor_context(
        instance=instance(), definitions=defs, resources=dict(doors)
    ) as context:
        return defs.resolve_sensor_def(name)(context)


# Doors that a sensor never opens; the definitions want them all.
_NOBODY: Mapping[str, Any] = dict.fromkeys(DOORS, "nobody")


def _begin(env: Mapping[str, str], without: Sequence[str]) -> None:
    os.environ.update(env)
    for guard in without:
        GUARDS[guard]()


def _without_fence() -> None:
    """Writes no longer say whose lease they belong to."""
    held = ExportLife._move

    def unfenced(self: ExportLife, move: Any, export_id: str, **more: Any) -> Any:
        return held(self, move, export_id, **{**more, "token": None})

    ExportLife._move = unfenced  # type: ignore[assignment]


def _without_keys() -> None:
    """The bridge forgets the keys of requests."""
    create = ExportLife.create

    def forgetful(self: ExportLife, request: Any, **more: Any) -> Any:
        return create(self, request, **{**more, "idempotency": None})

    ExportLife.create = forgetful  # type: ignore[method-assign]


def _without_manifest() -> None:
    """The document names a manifest that is not there yet."""
    put = ObjectStore.put

    def late(self: ObjectStore, key: str, body: bytes, *, media_type: str) -> Any:
        if key.endswith("_manifest.json"):
            return None
        return put(self, key, body, media_type=media_type)

    ObjectStore.put = late  # type: ignore[method-assign]


def _without_look_for_uploads() -> None:
    """The sweep sees objects only."""
    keys = ObjectStore.keys

    def objects_only(self: ObjectStore, prefix: str, *, unfinished: bool = False) -> Iterator[str]:  # noqa: ARG001
        return keys(self, prefix)

    ObjectStore.keys = objects_only  # type: ignore[method-assign]


def _without_reaper() -> None:
    """Nobody takes an export from a dead worker."""

    def left(*_: object) -> None:
        return None

    ExportLife.rescue = left  # type: ignore[assignment,method-assign]


def _without_another_try() -> None:
    """What has failed once has failed for good: nobody tries it again.

    Neither a driver nor an export, nor the sender of webhooks.
    """
    aws.MAX_ATTEMPTS = 1
    connect, fail = pymongo.MongoClient, ExportLife.fail

    def connected(uri: str, **more: Any) -> Any:
        return connect(uri, **{**more, "retryReads": False, "retryWrites": False})

    def at_once(self: ExportLife, document: Any, token: str, *, error: Any, **more: Any) -> Any:
        return fail(self, document, token, error={**error, "retryable": False}, **more)

    Sender.__init__ = partialmethod(Sender.__init__, waits=())  # type: ignore[assignment,method-assign]
    pymongo.MongoClient = connected  # type: ignore[assignment,misc]
    ExportLife.fail = at_once  # type: ignore[assignment]


GUARDS: Mapping[str, Callable[[], None]] = {
    "fence": _without_fence,
    "keys": _without_keys,
    "manifest": _without_manifest,
    "reaper": _without_reaper,
    "look for uploads": _without_look_for_uploads,
    "another try": _without_another_try,
}
