"""One attempt of one export: start, heartbeat, pipeline, verify, commit.

The worker that runs it may be killed, frozen or cut off at any moment. What protects the
result is not this code's good manners but the lease: every write names the lease's token, and
the files lie under a prefix that holds it (DESIGN.md 3).
"""

import errno
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from assets.chunking import Chunking, goes_on
from assets.chunks import Chunks, keys_of
from assets.delivery.contract import snapshot_of
from assets.heartbeat import Cancelled, Heartbeat
from assets.life import Document, ExportLife, IllegalMove, LeaseLost
from assets.loading import load
from assets.model.campaign import Facts
from assets.model.export_type import Catalog, ExportType
from assets.model.failure import ExportFailed
from assets.model.instant import rfc3339
from assets.model.lanes import Lane, lane_of
from assets.model.lifecycle import PUBLISHED
from assets.model.manifest import Manifest
from assets.model.request import ExportRequest
from assets.pipeline import Produced, produce
from assets.reading import Doors
from assets.shipping import LEAVES_REJECTS, STARTS_OVER, Shipping, ids_prefix, keeps
from assets.steps.address import Address, address, attempts_of, export_of
from assets.steps.manifest import result
from assets.steps.plan import Plan, plan
from assets.targets import TAKEN
from resources import tracing
from resources.clock import Clock
from resources.crash_points import CrashPoint, passing
from resources.errors import DoorError, Unavailable
from resources.object_store import PART_BYTES
from resources.tracing import Attribute, Name, Span

# What the system says where a file cannot grow: the disk, a quota, or a limit of the process.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


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
        self._shipping = Shipping(life, doors, clock)
        self._chunking = Chunking(life, doors.objects, version=build.version, git_sha=build.git_sha)

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
        passing(CrashPoint.K08)
        _waited(document)
        said = {**_about(document), Attribute.RUN: run_id}
        with (
            tracing.span(Name.ATTEMPT, parent=document.get("traceparent"), said=said) as span,
            Heartbeat(self._life, document, clock=self._clock) as heartbeat,
        ):
            done = self._attempted(document, heartbeat, stopped_by_person, span)
            span.say({Attribute.ROWS: done.manifest.rows, Attribute.BYTES: done.manifest.size})
        passing(CrashPoint.K18)
        self._sweep(done.document)
        return done

    def _attempted(
        self,
        document: Document,
        heartbeat: Heartbeat,
        stopped_by_person: Callable[[], bool],
        span: Span,
    ) -> Done:
        """Make and commit; if that fails, write down how it ended."""
        try:
            made = self._made(document, heartbeat)
            try:
                with tracing.span(Name.COMMIT):
                    committed = self._committed(document, made, heartbeat)
            except DoorError as error:
                committed = self._perhaps_committed(document, error)
            return Done(document=committed, manifest=made)
        except Exception as error:  # noqa: BLE001 - whatever it is, the document must say so
            ended = self._ended(document, error)
            span.failed(_code(ended))
            raise ended from None
        except BaseException:  # the process is asked to end
            self._give_back(document, cancelled=stopped_by_person())
            raise

    def _made(self, document: Document, heartbeat: Heartbeat) -> Manifest:
        """Files and manifest, stored and confirmed, but named by nobody yet."""
        request = ExportRequest.from_document(document["request"])
        export_type = self._catalog.get(request.type)
        if export_type is None:
            raise ExportFailed("UNKNOWN_TYPE", "there is no such kind of export")
        if request.version != export_type.version:
            message = (
                f"version {request.version} is asked for, this code makes {export_type.version}"
            )
            raise ExportFailed("UNSUPPORTED_VERSION", message)
        draft = self._shipping.begun(document)
        if draft is None:
            manifest = self._from_sources(document, export_type, request, heartbeat)
        else:
            shipped = self._shipping.resume(document, draft)
            facts = self._facts(document, export_type, request, snapshot_of(draft))
            manifest = self._delivered(shipped, draft, facts, export_type, heartbeat)
        passing(CrashPoint.K16)
        body, key = manifest.to_bytes(), self._place(document).manifest
        self._doors.objects.put(key, body, media_type="application/json")
        heartbeat.advance()
        return manifest

    def _from_sources(
        self,
        document: Document,
        export_type: ExportType,
        request: ExportRequest,
        heartbeat: Heartbeat,
    ) -> Manifest:
        """New files, confirmed, and delivered where that was asked for."""
        planned, chunks = self._planned(document, export_type, request)
        facts, place = planned.facts, self._place(document)
        with closing(chunks) if chunks is not None else nullcontext():
            self._shipping.take_targets(document, planned)
            produced = produce(
                planned,
                self._doors,
                address=place,
                token=f"{document['_id']}:{document['attempt']}",
                watch=heartbeat,
                chunks=chunks,
                at_one_instant=_is_soon_read(document),
            )
        draft = self._manifest(document, planned, produced)
        if not planned.deliveries:
            return draft
        heartbeat.advance()
        shipped = self._shipping.begin(document, draft, planned, place, produced.entries)
        return self._delivered(shipped, draft, facts, export_type, heartbeat)

    def _planned(
        self, document: Document, export_type: ExportType, request: ExportRequest
    ) -> tuple[Plan, Chunks | None]:
        """What to make, and what of it is there from an attempt before this one."""
        left = document.get("chunks")
        if left is not None:
            facts = self._facts(document, export_type, request, left["snapshotAt"])
            planned = plan(export_type, facts)
            taken = self._chunking.taken(document, planned)
            if taken is not None:
                return planned, taken
            document = self._chunking.dropped(document)
        facts = self._facts(document, export_type, request, document["snapshotAt"])
        planned = plan(export_type, facts)
        return planned, self._chunking.chunks(document, planned)

    def _delivered(
        self,
        document: Document,
        draft: Manifest,
        facts: Facts,
        export_type: ExportType,
        heartbeat: Heartbeat,
    ) -> Manifest:
        place = self._place(document)
        with tracing.span(Name.DELIVER):
            return self._shipping.deliver(
                document, draft, facts, export_type, place=place, watch=heartbeat
            )

    def _facts(
        self,
        document: Document,
        export_type: ExportType,
        request: ExportRequest,
        snapshot: datetime,
    ) -> Facts:
        mongo, export_id = self._doors.mongo, document["_id"]
        return load(export_type, request, snapshot, mongo, export_id=export_id)

    def _committed(self, document: Document, manifest: Manifest, heartbeat: Heartbeat) -> Document:
        """The one commit point: the document names the manifest, if the lease is still ours."""
        export_id, token = document["_id"], document["lease"]["token"]
        self._life.deliver(export_id, token)
        heartbeat.advance()
        named = result(manifest, key=self._place(document).manifest, body=manifest.to_bytes())
        expires_at = datetime.fromisoformat(str(manifest.expires_at))
        passing(CrashPoint.K17)
        return self._life.succeed(export_id, token, result=named, expires_at=expires_at)

    def _perhaps_committed(self, document: Document, error: DoorError) -> Document:
        """The document, if the commit is in force although its answer was lost.

        Raises:
            DoorError: It is not, or nobody can say.
        """
        found = self._life.find(document["_id"]) or {}
        if not self._names_ours(found, document):
            raise error
        return found

    def _names_ours(self, found: Document, document: Document) -> bool:
        """Whether the result of the stored document is the one of this attempt."""
        named = (found.get("result") or {}).get("manifestKey")
        return named is not None and named == self._place(document).manifest

    def _ended(self, document: Document, error: Exception) -> Exception:
        """Write down how an attempt ended that raised; what to raise.

        Its files go only once the document says that they are nobody's: where that cannot be
        written, the commit may be in force.
        """
        try:
            outcome = self._written_down(document, error)
            found = self._life.find(document["_id"]) or {}
            if not self._names_ours(found, document):
                self._clear(document, found)
        except DoorError:
            return error if isinstance(error, Cancelled | LeaseLost) else reduced(error)
        return outcome

    def _written_down(self, document: Document, error: Exception) -> Exception:
        """Fail the export, confirm its cancel, or find that it is somebody else's."""
        export_id, token = document["_id"], document["lease"]["token"]
        with suppress(LeaseLost):  # cancelled meanwhile, or taken
            if not isinstance(error, Cancelled | LeaseLost):
                failure = reduced(error)
                stored = _stored(failure, document)
                if failure.code == TAKEN:
                    self._life.postpone(export_id, token, error=stored)
                    return failure
                self._life.fail(
                    document,
                    token,
                    error=stored,
                    jitter=self._jitter(),
                    afresh=failure.code in STARTS_OVER,
                    leaves=failure.code in LEAVES_REJECTS,
                    goes_on=goes_on(error),
                )
                return failure
        passing(CrashPoint.K22)
        with suppress(LeaseLost):
            self._life.cancelled(export_id, token)
            return Cancelled()
        return LeaseLost()

    def _give_back(self, document: Document, *, cancelled: bool) -> None:
        """End an attempt whose process must end: for good, or to go on elsewhere."""
        export_id, token = document["_id"], document["lease"]["token"]
        after: Document | None = None
        passing(CrashPoint.K23)
        try:
            if not cancelled:
                after = self._life.release(export_id, token)
            elif self._life.halt(export_id, by="dagster") is not None:
                after = self._life.cancelled(export_id, token)
        except (LeaseLost, IllegalMove, DoorError):
            return  # committed, or somebody else's, or unknown: its files are not ours to touch
        self._clear(document, after or {})

    def _place(self, document: Document) -> Address:
        request = ExportRequest.from_document(document["request"])
        return address(
            request,
            self._catalog[request.type].scope,
            export_id=document["_id"],
            attempt=document["attempt"],
            token=document["lease"]["token"],
        )

    def _manifest(self, document: Document, planned: Plan, produced: Produced) -> Manifest:
        facts = planned.facts
        return Manifest(
            export_id=document["_id"],
            attempt=document["attempt"],
            run_id=document["dagster"]["runId"],
            request=document["request"],
            fingerprint=document["fingerprint"],
            code_version=self._build.version,
            git_sha=self._build.git_sha,
            snapshot_at=rfc3339(facts.snapshot),
            cluster_time=produced.cluster_time,
            zone=facts.zone,
            columns=tuple(column.entry() for column in planned.columns),
            companions={
                section: tuple(column.entry() for column in columns)
                for section, columns in planned.companions.items()
            },
            withheld=planned.withheld,
            accounting=produced.accounting,
            files=produced.files,
            queries=produced.queries,
            stated=produced.stated,
            expires_at=rfc3339(_expiry(document, planned.export_type)),
            previous=self._previous(document),
        )

    def _previous(self, document: Document) -> str | None:
        """The digest of the last manifest of this type and partition: a chain to follow back."""
        same = {"type": document["type"], "partition": document["partition"]}
        last = self._life.latest({**same, "status": tuple(map(str, PUBLISHED))})
        found = (last or {}).get("result") or {}
        return found.get("manifestSha256")

    def _clear(self, document: Document, found: Document) -> None:
        """Remove what this attempt stored; its prefix holds our token, so it is only ours.

        Files whose delivery is not over stay, and those that the next attempt goes on with or has
        published: this one may have slept meanwhile.
        """
        if keeps(found, document["attempt"]):
            return
        try:
            place = self._place(document).attempt
            if place in attempts_of(keys_of(found)):
                return
            self._doors.objects.remove(place)
            self._doors.objects.remove(ids_prefix(place))
        except (DoorError, KeyError):
            return  # housekeeping finds it; the reason for the failure must not be lost

    def _sweep(self, document: Document) -> None:
        """Remove what the attempts of a published export left behind, but for what it names."""
        told = document["result"]
        if not _may_leave(document):
            return
        named = {told["manifestKey"], *(entry["key"] for entry in told["files"])}
        export = export_of(told["manifestKey"])
        try:
            found = set(self._doors.objects.keys(export, unfinished=True)) - named
            if not found:
                return
            others = attempts_of(self._life.keys_of_others(document)) - attempts_of(named)
            for prefix in attempts_of(found) - others:
                self._doors.objects.remove(prefix, but=named)
        except DoorError:
            return


def _is_soon_read(document: Document) -> bool:
    """Whether an export is over long before the database forgets how it was when it began.

    An attempt after the first does not rely on it again: that may be what the first one failed for.
    """
    rows = (document.get("line") or {}).get("rows")
    return document["attempt"] == 1 and rows is not None and lane_of(rows) is Lane.SMALL


def _may_leave(document: Document) -> bool:
    """Whether more than its files may lie where a published export has them.

    The first attempt has none before it. Without a delivery it keeps no ids, and a file that is
    shorter than a part is sent whole: of another one, an upload may have been begun twice.
    """
    if document["attempt"] > 1 or document["deliveries"]:
        return True
    return any(entry["bytes"] >= PART_BYTES for entry in document["result"]["files"])


def _expiry(document: Document, export_type: ExportType) -> datetime:
    """When the files are deleted: counted from the start, which manifest and document share."""
    started: datetime = document["startedAt"]
    return started + timedelta(days=export_type.retention_days)


def _about(document: Document) -> dict[Attribute, str | int | None]:
    return {
        Attribute.EXPORT: document["_id"],
        Attribute.TYPE: document["type"],
        Attribute.NUMBER: document["attempt"],
    }


def _waited(document: Document) -> None:
    """What a trace says of the time before an attempt: all but the first waited to be due again."""
    first = document["attempt"] == 1
    since = document["createdAt"] if first else document.get("notBefore")
    if isinstance(since, datetime):
        parent, said = document.get("traceparent"), _about(document)
        tracing.past(Name.QUEUED, since, document["startedAt"], parent=parent, said=said)


def _code(error: Exception) -> str:
    """What a trace says of an end that is no success."""
    return error.code if isinstance(error, ExportFailed | DoorError) else type(error).__name__


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
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return ExportFailed("DISK_FULL", "the worker's disk has no room", retryable=True)
    if isinstance(error, MemoryError):
        return ExportFailed("OUT_OF_MEMORY", "the worker has no memory left", retryable=True)
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
