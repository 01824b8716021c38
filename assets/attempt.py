"""One attempt of one export: start, heartbeat, pipeline, verify, commit.

The worker that runs it may be killed, frozen or cut off at any moment. What protects the
result is not this code's good manners but the lease: every write names the lease's token, and
the files lie under a prefix that holds it (DESIGN.md 3).
"""

import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from assets.life import Document, ExportLife, LeaseLost
from assets.model.export_type import Catalog, ExportType
from assets.model.failure import ExportFailed
from assets.model.lifecycle import Status
from assets.model.manifest import Manifest
from assets.model.request import ExportRequest
from assets.pipeline import Doors, Produced, load, produce
from assets.steps.address import Address, address
from assets.steps.manifest import result
from assets.steps.plan import Plan, plan
from resources.clock import Clock
from resources.errors import DoorError, Unavailable

# EX_TEMPFAIL of sysexits.h: the process stops itself because it can no longer renew.
EXIT_FENCED = 75
# After the main thread was told to stop, how long it may take before the process is ended.
GRACE_SECONDS = 5.0


class Cancelled(Exception):
    """The export was cancelled; nothing is published."""


class NotOurs(Exception):
    """This attempt is not to run: it was cancelled, superseded or has run already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Which code runs.

    Attributes:
        version: Version of the package.
        git_sha: Commit, or "unknown" outside a checkout.
    """

    version: str
    git_sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A published export."""

    document: Document
    manifest: Manifest


class Heartbeat:
    """Renews the lease on a thread of its own and tells the main thread when to stop.

    Args:
        life: Writes the beats.
        document: The export as it was started; its lease is ours.
        clock: Measures the time since the last renewal.
        fence: Ends the process when the main thread does not stop in time.
        grace: Seconds that the main thread has to stop.
    """

    def __init__(
        self,
        life: ExportLife,
        document: Document,
        *,
        clock: Clock,
        fence: Callable[[], None] = lambda: os._exit(EXIT_FENCED),
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._life, self._clock, self._fence, self._grace = life, clock, fence, grace
        self._id, self._token = document["_id"], document["lease"]["token"]
        self._progress: dict[str, int] = {}
        self._end = threading.Event()
        self._lost = threading.Event()
        self._cancelled = threading.Event()
        self._renewed = clock.monotonic()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        """Begin to beat."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop beating; a lease that nobody renews runs out by itself."""
        self._end.set()
        self._thread.join(timeout=self._life.timing.heartbeat)

    def advance(self, **progress: int) -> None:
        """Take the progress for the next beat, and stop if the export is no longer ours.

        Raises:
            LeaseLost: The lease is gone or could not be renewed in time.
            Cancelled: Somebody asked the export to stop.
        """
        self._progress.update(progress)
        if self._lost.is_set():
            raise LeaseLost
        if self._cancelled.is_set():
            raise Cancelled

    def _beat(self) -> None:
        timing = self._life.timing
        while not self._end.wait(timing.heartbeat):
            try:
                document = self._life.beat(self._id, self._token, dict(self._progress))
            except LeaseLost:
                self._lose()
                return
            except DoorError:
                # Beats may fail for a while; not renewing is what ends a worker, below.
                if self._clock.monotonic() - self._renewed > timing.self_fence:
                    self._lose()
                    return
                continue
            self._renewed = self._clock.monotonic()
            if document["status"] == Status.CANCELLING:
                self._cancelled.set()

    def _lose(self) -> None:
        """Tell the main thread; it may hang in a call, so end the process after a grace."""
        self._lost.set()
        if not self._end.wait(self._grace):
            self._fence()


class Attempt:
    """Runs attempts of exports.

    Args:
        life: The moves of an export.
        doors: The outside.
        catalog: The kinds of export.
        build: Which code runs; it goes into the manifest.
        clock: The clock of this process.
        jitter: Gives a random number in [0, 1) that spreads retries.
    """

    def __init__(
        self,
        life: ExportLife,
        doors: Doors,
        catalog: Catalog,
        *,
        build: Build,
        clock: Clock,
        jitter: Callable[[], float],
    ) -> None:
        self._life, self._doors, self._catalog = life, doors, catalog
        self._build, self._clock, self._jitter = build, clock, jitter

    def run(
        self,
        export_id: str,
        attempt: int,
        *,
        run_id: str,
        stopped_by_person: Callable[[], bool] = lambda: False,
    ) -> Done:
        """Run one attempt to its end.

        Args:
            export_id: Which export.
            attempt: Which attempt of it; another number is not ours.
            run_id: The Dagster run.
            stopped_by_person: When the process is asked to end: whether a person cancelled
                the run, or the machine is going away and the export should go on elsewhere.

        Raises:
            NotOurs: There is nothing to do; nothing was changed.
            Cancelled: It was cancelled; the document says so.
            LeaseLost: Another worker has it; nothing was published.
            ExportFailed: It failed; the document says why and whether it is tried again.
        """
        owner = f"{socket.gethostname()}:{os.getpid()}"
        document = self._life.start(export_id, attempt, owner=owner, run_id=run_id)
        if document is None:
            raise NotOurs
        with Heartbeat(self._life, document, clock=self._clock) as heartbeat:
            try:
                return self._held(document, heartbeat)
            except Exception:
                raise
            except BaseException:
                self._give_back(document, cancelled=stopped_by_person())
                raise

    def _give_back(self, document: Document, *, cancelled: bool) -> None:
        """End an attempt whose process must end: for good, or to go on elsewhere."""
        export_id, token = document["_id"], document["lease"]["token"]
        if not cancelled:
            self._life.release(export_id, token)
        elif self._life.cancel(export_id, by="dagster") is not None:
            self._life.cancelled(export_id, token)

    def _held(self, document: Document, heartbeat: Heartbeat) -> Done:
        """The attempt while the lease is ours; every way out of it is written down here."""
        export_id, token = document["_id"], document["lease"]["token"]
        request = ExportRequest.from_document(document["request"])
        export_type = self._catalog[request.type]
        place = address(
            request,
            export_type.scope,
            export_id=export_id,
            attempt=document["attempt"],
            token=token,
        )
        try:
            return self._made(document, export_type, request, place, heartbeat)
        except Cancelled:
            self._clear(place)
            self._life.cancelled(export_id, token)
            raise
        except LeaseLost:
            self._clear(place)
            if self._was_cancelled(export_id, token):
                raise Cancelled from None
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the document must say so
            failure = reduced(error)
            self._clear(place)
            self._life.fail(
                document, token, error=_stored(failure, document), jitter=self._jitter()
            )
            raise failure from None
        except BaseException:  # the process is asked to end
            self._clear(place)
            raise

    def _made(
        self,
        document: Document,
        export_type: ExportType,
        request: ExportRequest,
        place: Address,
        heartbeat: Heartbeat,
    ) -> Done:
        export_id, token = document["_id"], document["lease"]["token"]
        facts = load(request, document["snapshotAt"], self._doors)
        planned = plan(export_type, facts)
        produced = produce(
            planned,
            self._doors,
            address=place,
            token=f"{export_id}:{document['attempt']}",
            watch=heartbeat,
        )
        manifest = self._manifest(document, planned, produced)
        body = manifest.to_bytes()
        self._doors.objects.put(place.manifest, body, media_type="application/json")
        heartbeat.advance()
        self._life.deliver(export_id, token)
        retention = timedelta(days=export_type.retention_days)
        published = self._life.succeed(
            export_id,
            token,
            result=result(manifest, key=place.manifest, body=body),
            retention=retention.total_seconds(),
        )
        self._sweep(place)
        return Done(document=published, manifest=manifest)

    def _manifest(self, document: Document, planned: Plan, produced: Produced) -> Manifest:
        facts = planned.facts
        retention = timedelta(days=planned.export_type.retention_days)
        return Manifest(
            export_id=document["_id"],
            attempt=document["attempt"],
            run_id=document["dagster"]["runId"],
            request=document["request"],
            fingerprint=document["fingerprint"],
            code_version=self._build.version,
            git_sha=self._build.git_sha,
            snapshot_at=f"{facts.snapshot:%Y-%m-%dT%H:%M:%S}Z",
            zone=facts.campaign.zone,
            columns=tuple(column.entry() for column in planned.columns),
            withheld=planned.withheld,
            accounting=produced.accounting,
            files=produced.files,
            queries=produced.queries,
            expires_at=f"{document['snapshotAt'] + retention:%Y-%m-%dT%H:%M:%S}Z",
            previous=self._previous(document),
        )

    def _previous(self, document: Document) -> str | None:
        """The digest of the last manifest of this type and partition: a chain to follow back."""
        same = {"type": document["type"], "partition": document["partition"]}
        last = self._life.latest({**same, "status": str(Status.SUCCEEDED)})
        return None if last is None else last["result"]["manifestSha256"]

    def _was_cancelled(self, export_id: str, token: str) -> bool:
        """Whether a write was refused because of a cancel; if so, confirm that we stopped."""
        try:
            self._life.cancelled(export_id, token)
        except LeaseLost:
            return False
        return True

    def _clear(self, place: Address) -> None:
        """Remove what this attempt stored; its prefix holds our token, so it is only ours."""
        try:
            self._doors.objects.remove(place.attempt)
        except DoorError:
            return  # housekeeping finds it; the reason for the failure must not be lost

    def _sweep(self, place: Address) -> None:
        """Remove what earlier attempts of this export left behind."""
        try:
            for prefix in {_attempt_of(key) for key in self._doors.objects.keys(place.export)}:
                if prefix != place.attempt:
                    self._doors.objects.remove(prefix)
        except DoorError:
            return


def _attempt_of(key: str) -> str:
    return key.rsplit("/", 1)[0] + "/"


def reduced(error: Exception) -> ExportFailed:
    """A failure as the platform shows it: a code and a sentence, never a foreign text.

    Errors of drivers and of our own bugs may quote rows, and Dagster keeps what it is given
    for ever (RELIABILITY.md S17); only the type of an unknown error is kept.
    """
    if isinstance(error, ExportFailed):
        return error
    if isinstance(error, DoorError):
        retryable = isinstance(error, Unavailable)
        return ExportFailed(error.code, f"could not {error.attempted}", retryable=retryable)
    # A bug stays a bug on a second try, but a retry costs little and may be a lost race.
    return ExportFailed("INTERNAL", f"unexpected {type(error).__name__}", retryable=True)


def _stored(failure: ExportFailed, document: Document) -> Mapping[str, Any]:
    return {
        "code": failure.code,
        "message": failure.message,
        "retryable": failure.retryable,
        "attempt": document["attempt"],
        "runId": document["dagster"]["runId"],
    }
