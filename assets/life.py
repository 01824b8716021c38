"""Every write to an export document: one method a move of the life-cycle table.

The document is the only truth about an export (DESIGN.md 3). Each method is one
compare-and-set that the database decides, on its own clock. A method that returns None (or
raises `LeaseLost` for the holder of a lease) changed nothing.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId

from assets.model.lifecycle import (
    LIVE,
    MAX_ATTEMPTS,
    MAX_RESCUES,
    SAFETY_LAG,
    TERMINAL,
    TRANSITIONS,
    Move,
    Status,
    Timing,
    backoff,
)
from assets.model.request import ExportRequest
from resources.crash_points import CrashPoint, passing
from resources.mongo.exports import Change, ExportStore, Match

Document = Mapping[str, Any]


class IllegalMove(Exception):
    """The export is in a state from which this move is not allowed; `status` says which."""

    def __init__(self, status: str) -> None:
        super().__init__(f"not from {status}")
        self.status = status


class LeaseLost(Exception):
    """Somebody else holds the export, or nobody: stop now and publish nothing."""


class ExportLife:
    """The moves of an export.

    Args:
        store: The exports collection.
        timing: The clocks of leases and retries.
        as_of: The snapshot of every attempt, over made-up data that ends at an instant; None, as
            everywhere else, for the database's clock.
    """

    def __init__(
        self,
        store: ExportStore,
        *,
        timing: Timing | None = None,
        as_of: datetime | None = None,
    ) -> None:
        self._store = store
        self._as_of = as_of
        self.timing = timing or Timing()

    def create(
        self,
        request: ExportRequest,
        *,
        origin: str,
        subject: str,
        client: str | None = None,
        idempotency: Mapping[str, str] | None = None,
        status: Status = Status.QUEUED,
    ) -> Document:
        """Insert a new export.

        Raises:
            AlreadyExists: An export with this idempotency digest exists.
        """
        document: dict[str, Any] = {
            "_id": f"exp_{ObjectId()}",
            "type": request.type,
            "typeVersion": request.version,
            "status": str(status),
            "phase": None,
            "origin": origin,
            "partition": request.partition,
            "campaign": request.campaign,
            "request": request.to_document(),
            "fingerprint": request.fingerprint(),
            "priority": 5,
            "requestedBy": {"subject": subject, "client": client},
            "attempt": 0 if status is Status.QUEUED else 1,
            "maxAttempts": MAX_ATTEMPTS,
            "failures": 0,
            "rescues": 0,
            "notBefore": None,
            "lease": None,
            "cancel": None,
            "result": None,
            "error": None,
            "shipping": None,
            "deliveries": {},
            "progress": {"rowsRead": 0, "rowsWritten": 0, "rowsTotal": None, "bytes": 0},
        }
        if idempotency:
            document["idempotency"] = dict(idempotency)
        # Who may see what was decided here; the trail must tell it without the request's help.
        decided = {"origin": origin, "policy": request.policy.to_document()}
        return self._store.insert(document, push=_audit("created", subject, decided))

    def find(self, export_id: str) -> Document | None:
        """The document, or None."""
        return self._store.find(export_id)

    def latest(self, equal: Mapping[str, object]) -> Document | None:
        """The newest export whose fields equal these, or None."""
        newest = self._store.page(equal, before=None, limit=1)
        return newest[0] if newest else None

    # --- the sensors' moves -------------------------------------------------------------

    def dispatch(self, export_id: str, *, by: str = "dispatch") -> Document | None:
        """Claim a queued export for a run: attempt + 1, a fresh token, the long lease.

        Args:
            export_id: Which export.
            by: Who claims it, and will ask for its run again if none begins.
        """
        lease = {
            "lease.token": secrets.token_hex(16),
            "lease.owner": by,
            "lease.heartbeatAt": None,
        }
        return self._move(
            Move.DISPATCH,
            export_id,
            due=("notBefore",),
            change=Change(
                set={**lease, "phase": None, "error": None},
                increment={"attempt": 1},
                delay={"lease.until": self.timing.dispatch_lease},
                stamp=("dispatchedAt",),
            ),
        )

    def refuse(self, export_id: str, *, code: str, message: str) -> Document | None:
        """Fail a queued export that can never run."""
        failed = _ended(error={**_error(code, message), "attempt": 0, "runId": None})
        return self._move(Move.FAIL, export_id, change=failed, only=Status.QUEUED)

    def in_flight(self, *, after: str | None, limit: int) -> Sequence[Document]:
        """A page, by id, of exports that a Dagster run works for or should begin to work for."""
        working = Match(statuses=_sources(Move.REQUEUE))
        return self._store.candidates(working, after=after, limit=limit)

    def recall(self, document: Document) -> Document | None:
        """Take back a dispatched export whose run ended before it began.

        Three runs that end so are a poison pill, as three dead workers are.
        """
        poison = "three runs ended before they began; it is quarantined"
        move, change = _taken_back(document, wait=0.0, poison=poison)
        return self._move(
            move,
            document["_id"],
            equal={"attempt": document["attempt"], "rescues": _rescues(document)},
            change=_also(change, increment={"rescues": 1}, audit={"action": "recalled"}),
            only=Status.DISPATCHED,
        )

    def extend(self, document: Document) -> Document | None:
        """Let a dispatched export go on waiting, because its run still waits for a slot."""
        change = Change(delay={"lease.until": self.timing.dispatch_lease})
        dispatched = Match(statuses=_sources(Move.START), equal={"attempt": document["attempt"]})
        return self._store.change(document["_id"], dispatched, change)

    def undispatched(self, limit: int) -> Sequence[Document]:
        """Queued exports whose time has come, most urgent first."""
        queued = Match(statuses=_sources(Move.DISPATCH), due=("notBefore",))
        return self._store.candidates(queued, limit=limit, by_priority=True)

    def unstarted(self, limit: int, *, by: str | None = None) -> Sequence[Document]:
        """Dispatched exports whose run has not started in time: the launch may be lost.

        Args:
            limit: At most so many.
            by: Only those that it claimed; None for all.
        """
        silent = Match(
            statuses=_sources(Move.START),
            equal={} if by is None else {"lease.owner": by},
            older={"dispatchedAt": self.timing.redispatch},
        )
        return self._store.candidates(silent, limit=limit)

    def abandoned(self, *, after: str | None, limit: int) -> Sequence[Document]:
        """A page, by id, of live exports whose lease has run out."""
        return self._store.candidates(self._abandoned(), after=after, limit=limit)

    def unleased(self, *, after: str | None, limit: int) -> Sequence[Document]:
        """A page, by id, of live exports that never got a lease (RELIABILITY.md 1, rule 9)."""
        return self._store.candidates(self._unleased(), after=after, limit=limit)

    def rescue(self, document: Document, jitter: float) -> Document | None:
        """Take an export from a worker that died; three rescues make it a poison pill."""
        export_id = document["_id"]
        passing(CrashPoint.K24)
        for match in (self._abandoned(), self._unleased()):
            moved = self._rescue(export_id, document, match, jitter)
            if moved is not None:
                return moved
        return None

    def _rescue(
        self, export_id: str, document: Document, dead: Match, jitter: float
    ) -> Document | None:
        fence = {**dead.equal, "rescues": _rescues(document)}
        counted: dict[str, int] = {"rescues": 1}
        action = "rescued"
        if document["status"] == Status.CANCELLING:
            move, change = Move.CANCELLED, _cancelled()
        elif document["status"] == Status.DISPATCHED and document.get("lease"):
            # Its run never began: no worker died of it, however often that happens.
            move, change = Move.REQUEUE, _requeued(0.0, error=None)
            counted, action = {}, "recalled"
        else:
            poison = "the worker died three times; the export is quarantined"
            wait = backoff(_rescues(document) + 1, self.timing, jitter)
            move, change = _taken_back(document, wait=wait, poison=poison)
        change = _also(change, increment=counted, audit={"action": action})
        return self._move(
            move, export_id, equal=fence, older=dead.older, change=change, only=document["status"]
        )

    def _abandoned(self) -> Match:
        return Match(statuses=_live_but_queued(), older={"lease.until": 0.0})

    def _unleased(self) -> Match:
        return Match(
            statuses=_live_but_queued(),
            equal={"lease": None},
            older={"updatedAt": self.timing.start_timeout},
        )

    def expire(self, export_id: str) -> Document | None:
        """Mark a succeeded export expired; its objects are already gone."""
        return self._move(
            Move.EXPIRE,
            export_id,
            due=("expiresAt",),
            change=Change(set={"result.files": []}, stamp=("purgedAt",)),
        )

    def dead(self, limit: int) -> Sequence[Document]:
        """Exports that ended without a result and whose attempts may have left objects.

        Files whose delivery was begun are kept for their usual time: a retry goes on with them.
        """
        ended = (str(Status.FAILED), str(Status.CANCELLED))
        left = Match(
            statuses=ended,
            equal={"purgedAt": None, "shipping": None},
            older={"finishedAt": 60.0},
        )
        late = Match(
            statuses=ended,
            equal={"purgedAt": None},
            older={"finishedAt": 60.0, "shipping.keepUntil": 0.0},
        )
        found = self._store.candidates(left, limit=limit)
        return [*found, *self._store.candidates(late, limit=limit - len(found))]

    def purged(self, document: Document) -> Document | None:
        """Say that a dead export has no objects left."""
        same = Match(statuses=(document["status"],), equal={"attempt": document["attempt"]})
        gone = Change(set={"shipping": None}, stamp=("purgedAt",))
        return self._store.change(document["_id"], same, gone)

    def expired(self, limit: int) -> Sequence[Document]:
        """Succeeded exports whose time is over."""
        over = Match(statuses=_sources(Move.EXPIRE), older={"expiresAt": 0.0})
        return self._store.candidates(over, limit=limit)

    # --- the worker's moves -------------------------------------------------------------

    def start(self, export_id: str, attempt: int, *, owner: str, run_id: str) -> Document | None:
        """Take over a dispatched export with a token of the worker's own.

        None means that this attempt is not to run: it was cancelled, taken or superseded.
        """
        lease = {"lease.token": secrets.token_hex(16), "lease.owner": owner}
        progress = {"rowsRead": 0, "rowsWritten": 0, "rowsTotal": None, "bytes": 0}
        fixed = {} if self._as_of is None else {"snapshotAt": self._as_of}
        lag = {"snapshotAt": -SAFETY_LAG} if self._as_of is None else {}
        return self._move(
            Move.START,
            export_id,
            equal={"attempt": attempt},
            change=Change(
                set={
                    **lease,
                    "phase": "extracting",
                    "dagster": {"runId": run_id},
                    "progress": progress,
                    **fixed,
                },
                delay={"lease.until": self.timing.run_lease, **lag},
                stamp=("startedAt", "lease.heartbeatAt"),
            ),
        )

    def beat(self, export_id: str, token: str, progress: Mapping[str, object]) -> Document:
        """Renew the run lease and report progress.

        Raises:
            LeaseLost: The lease is somebody else's by now.
        """
        return self._held(
            Move.BEAT,
            export_id,
            token,
            Change(
                set={f"progress.{name}": value for name, value in progress.items()},
                delay={"lease.until": self.timing.run_lease},
                stamp=("lease.heartbeatAt",),
            ),
        )

    def ship(
        self,
        export_id: str,
        token: str,
        *,
        draft: bytes,
        attempt: int,
        deliveries: Mapping[str, str],
        keep: float,
    ) -> Document:
        """Say that the files are confirmed and that they now go to their destinations.

        From now on a retry goes on with these files instead of making others, so that no receiver
        gets two versions of one export (docs/decisions/0009).

        Args:
            export_id: Which export.
            token: The lease's token.
            draft: The manifest but for its deliveries, packed.
            attempt: Which attempt made the files.
            deliveries: Destination to target, as they stand from now on.
            keep: Seconds that the files are kept if no attempt ever delivers them.

        Raises:
            LeaseLost: The lease is somebody else's by now; nothing may be sent.
        """
        opened = {name: {"target": target, "state": "open"} for name, target in deliveries.items()}
        change = Change(
            set={
                "phase": "delivering",
                "deliveries": opened,
                "shipping.draft": draft,
                "shipping.attempt": attempt,
            },
            delay={"shipping.keepUntil": keep},
        )
        return self._held(Move.DELIVER, export_id, token, change)

    def resume(self, export_id: str, token: str, *, snapshot: datetime) -> Document:
        """Say that this attempt goes on with the delivery that an earlier one began.

        Args:
            export_id: Which export.
            token: The lease's token.
            snapshot: That of the files; the one of this attempt is of no use.

        Raises:
            LeaseLost: The lease is somebody else's by now; nothing may be sent.
        """
        change = Change(set={"phase": "delivering", "snapshotAt": snapshot})
        return self._held(Move.DELIVER, export_id, token, change)

    def note_delivery(
        self, export_id: str, token: str, destination: str, changes: Mapping[str, object]
    ) -> Document:
        """Write down how a delivery stands: dotted paths below it to their values.

        Raises:
            LeaseLost: The lease is somebody else's by now; nothing more may be sent.
        """
        paths = {f"deliveries.{destination}.{path}": value for path, value in changes.items()}
        return self._held(Move.LEDGER, export_id, token, Change(set=paths))

    def deliver(self, export_id: str, token: str) -> Document:
        """Say that all is verified, and delivered where it was asked for: publishing begins."""
        return self._held(Move.DELIVER, export_id, token, Change(set={"phase": "publishing"}))

    def succeed(
        self, export_id: str, token: str, *, result: Mapping[str, Any], expires_at: datetime
    ) -> Document:
        """The one commit point: name the result, if the lease is still ours.

        Args:
            export_id: Which export.
            token: The lease's token.
            result: What the document shows from now on; the manifest object exists already.
            expires_at: When the files are deleted, as the manifest says.

        Raises:
            LeaseLost: The lease is somebody else's by now; nothing was published.
        """
        change = _ended(error=None)
        change = _also(
            change,
            set={
                "result": dict(result),
                "expiresAt": expires_at,
                "shipping": None,
                **_final(result),
            },
            audit={
                "action": "succeeded",
                "rows": result["rows"],
                "withheld": list(result["withheld"]),
            },
        )
        return self._held(Move.SUCCEED, export_id, token, change)

    def fail(
        self,
        document: Document,
        token: str,
        *,
        error: Mapping[str, Any],
        jitter: float,
        afresh: bool = False,
        leaves: bool = False,
    ) -> Document:
        """End an attempt that failed: queue the next one, or fail for good.

        Args:
            document: The export as it was started.
            token: The lease's token.
            error: Why; `retryable` says whether another attempt can help.
            jitter: Spreads the retries, from 0 up to 1.
            afresh: The next attempt makes new files even if the delivery of these was begun.
            leaves: What lies beside those files is kept as long as they would have been.

        Raises:
            LeaseLost: The lease is somebody else's by now.
        """
        export_id, failures = document["_id"], int(document.get("failures") or 0) + 1
        again = bool(error["retryable"]) and failures < int(document["maxAttempts"])
        if again:
            change = _requeued(backoff(failures, self.timing, jitter), error=error)
        else:
            change = _ended(error=error)
        change = _also(
            change,
            set=_dropped(leaves=leaves) if afresh else {},
            increment={"failures": 1},
            audit={"action": "attempt_failed", "code": error["code"], "again": again},
        )
        return self._held(Move.REQUEUE if again else Move.FAIL, export_id, token, change)

    def release(self, export_id: str, token: str) -> Document:
        """Give an export back on a graceful stop; it counts as no failure."""
        return self._held(Move.REQUEUE, export_id, token, _requeued(0.0, error=None))

    def cancelled(self, export_id: str, token: str) -> Document:
        """Confirm that the worker has stopped for a cancel."""
        return self._held(Move.CANCELLED, export_id, token, _cancelled())

    # --- people's moves -----------------------------------------------------------------

    def cancel(self, export_id: str, *, by: str) -> Document | None:
        """Ask an export to stop; one that no worker holds ends at once. Repeatable.

        Returns:
            The document as it is now, or None if there is no such export.

        Raises:
            IllegalMove: It has ended in another way.
        """
        wish = Change(set={"cancel.by": by}, stamp=("cancel.at",), push=_audit("cancel", by))
        ended = _merged(_cancelled(), wish)
        for _ in range(2):  # between the two tries it may have gone from the one to the other
            moved = self._move(Move.CANCEL_WAITING, export_id, change=ended)
            moved = moved or self._move(Move.CANCEL, export_id, change=wish)
            if moved is not None:
                return moved
        return self._already(export_id, (Status.CANCELLING, Status.CANCELLED))

    def retry(self, export_id: str, *, by: str) -> Document | None:
        """Queue an ended export again, with fresh counters.

        Raises:
            IllegalMove: It has not ended, has succeeded, or was deleted.
        """
        fresh = {"failures": 0, "rescues": 0, "cancel": None, "error": None, "result": None}
        change = Change(
            set={
                **fresh,
                "notBefore": None,
                "finishedAt": None,
                "expiresAt": None,
                "purgedAt": None,  # a later attempt may leave something again
            },
            stamp=("queuedAt",),
            push=_audit("retry", by),
        )
        moved = self._move(Move.RETRY, export_id, equal={"deletedAt": None}, change=change)
        return moved if moved is not None else self._already(export_id, ())

    def delete(self, export_id: str, *, by: str) -> Document | None:
        """Give up an ended export for good. Repeatable.

        It is past its time from now on, and nobody goes on with its delivery, so housekeeping
        deletes what is left of it; the document stays, for its audit trail.

        Returns:
            The document as it is now, or None if there is no such export.

        Raises:
            IllegalMove: It has not ended.
        """
        change = Change(
            set={"shipping": None},
            stamp=("deletedAt", "expiresAt"),
            push=_audit("delete", by),
        )
        moved = self._move(Move.DELETE, export_id, equal={"deletedAt": None}, change=change)
        return moved if moved is not None else self._already(export_id, TERMINAL)

    def record(
        self, export_id: str, *, action: str, actor: str, detail: Mapping[str, object]
    ) -> None:
        """Append to the audit trail, whatever state the export is in."""
        everywhere = Match(statuses=tuple(map(str, (*LIVE, *TERMINAL))))
        self._store.change(export_id, everywhere, Change(push=_audit(action, actor, detail)))

    # --- how a move is written ----------------------------------------------------------

    def _move(
        self,
        move: Move,
        export_id: str,
        *,
        change: Change,
        token: str | None = None,
        equal: Mapping[str, object] | None = None,
        older: Mapping[str, float] | None = None,
        due: tuple[str, ...] = (),
        only: str | None = None,
    ) -> Document | None:
        """One compare-and-set from the sources of a move to its target."""
        sources = _sources(move)
        match = Match(
            statuses=sources if only is None else tuple(s for s in sources if s == only),
            token=token,
            equal=equal or {},
            older=older or {},
            due=due,
        )
        target = TRANSITIONS[move].target
        moved = change if target is None else _also(change, set={"status": str(target)})
        return self._store.change(export_id, match, moved)

    def _held(self, move: Move, export_id: str, token: str, change: Change) -> Document:
        moved = self._move(move, export_id, token=token, change=change)
        if moved is None:
            raise LeaseLost
        return moved

    def _already(self, export_id: str, fine: tuple[Status, ...]) -> Document | None:
        document = self._store.find(export_id)
        if document is None or document["status"] in fine:
            return document
        raise IllegalMove(document["status"])


def _sources(move: Move) -> tuple[str, ...]:
    return tuple(str(status) for status in TRANSITIONS[move].sources)


def _live_but_queued() -> tuple[str, ...]:
    return tuple(str(status) for status in LIVE if status is not Status.QUEUED)


def _final(result: Mapping[str, Any]) -> dict[str, object]:
    """The progress of a finished export; the last heartbeat may have come before the last row."""
    read = result["accounting"]["read"]
    final = {"rowsRead": read, "rowsTotal": read, "rowsWritten": result["rows"]}
    return {f"progress.{name}": n for name, n in {**final, "bytes": result["bytes"]}.items()}


def _error(code: str, message: str) -> dict[str, object]:
    return {"code": code, "message": message, "retryable": False}


def _rescues(document: Document) -> int:
    return int(document.get("rescues") or 0)


def _taken_back(document: Document, *, wait: float, poison: str) -> tuple[Move, Change]:
    """What becomes of an export whose worker or run is gone: queued again, or quarantined."""
    if _rescues(document) + 1 < MAX_RESCUES:
        return Move.REQUEUE, _requeued(wait, error=None)
    error = _error("POISON", poison)
    return Move.FAIL, _ended(error=error | {"attempt": document["attempt"]})


def _requeued(wait: float, *, error: Mapping[str, Any] | None) -> Change:
    """Back in the queue, held by nobody, not before `wait` seconds are over."""
    return Change(
        set={"lease": None, "phase": None, **_told(error)},
        stamp=_when(error),
        delay={"notBefore": wait},
    )


def _ended(*, error: Mapping[str, Any] | None = None) -> Change:
    """In a terminal state, held by nobody."""
    return Change(
        set={"lease": None, "phase": None, **_told(error)},
        stamp=("finishedAt", *_when(error)),
    )


def _cancelled() -> Change:
    """Ended by a person's wish; what was delivered stays on record, the files are nobody's."""
    return _also(_ended(error=None), set={"shipping": None})


def _dropped(*, leaves: bool) -> dict[str, object]:
    """A delivery whose files are of no more use."""
    return {"shipping.draft": None, "shipping.attempt": None} if leaves else {"shipping": None}


def _told(error: Mapping[str, Any] | None) -> dict[str, object]:
    if error is None:
        return {"error": None}
    return {f"error.{name}": value for name, value in error.items()}


def _when(error: Mapping[str, Any] | None) -> tuple[str, ...]:
    return () if error is None else ("error.at",)


def _audit(
    action: str, actor: str, detail: Mapping[str, object] | None = None
) -> dict[str, Mapping[str, object]]:
    return {"audit": {"action": action, "actor": actor, **(detail or {})}}


def _also(
    change: Change,
    *,
    set: Mapping[str, object] | None = None,  # noqa: A002 - MongoDB's own word, as in Change
    increment: Mapping[str, int] | None = None,
    audit: Mapping[str, object] | None = None,
) -> Change:
    """The same change and more; the audit entry is the platform's own."""
    push = {"audit": {"actor": "platform", **audit}} if audit else {}
    more = Change(set=set or {}, increment=increment or {}, push=push)
    return _merged(change, more)


def _merged(first: Change, second: Change) -> Change:
    return Change(
        set={**first.set, **second.set},
        increment={**first.increment, **second.increment},
        stamp=(*first.stamp, *second.stamp),
        delay={**first.delay, **second.delay},
        push={**first.push, **second.push},
    )
