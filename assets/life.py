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

from assets.model.lanes import USUAL_PRIORITY, Lane
from assets.model.lifecycle import (
    LIVE,
    MAX_ATTEMPTS,
    MAX_RESCUES,
    NEWS,
    PUBLISHED,
    SAFETY_LAG,
    TRANSITIONS,
    Event,
    Move,
    Status,
    Timing,
    backoff,
)
from assets.model.request import ExportRequest
from resources.crash_points import CrashPoint, passing
from resources.mongo.exports import Change, ExportStore, Match

Document = Mapping[str, Any]

# What an attempt counts, from nothing to the end.
COUNTED = ("rowsRead", "rowsWritten", "bytes")


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
        export_id: str | None = None,
        holds: Mapping[str, object] | None = None,
        generation: str | None = None,
        traceparent: str | None = None,
    ) -> Document:
        """Insert a new export.

        Args:
            request: What is asked for.
            origin: Where it was asked.
            subject: Who asks.
            client: Which program asks for them.
            idempotency: Digests of the key and of what was sent with it.
            status: The first state.
            export_id: Its id if that is known already, by `new_id`.
            holds: The claims that it has taken, and their token (`assets/admission.py`).
            generation: The export whose files a joined one waits for.
            traceparent: The trace that it belongs to (W3C Trace Context).

        Raises:
            AlreadyExists: An export with this idempotency digest exists.
        """
        document: dict[str, Any] = {
            "_id": export_id or new_id(),
            "type": request.type,
            "typeVersion": request.version,
            "status": str(status),
            "phase": None,
            "origin": origin,
            "partition": request.partition,
            "campaign": request.campaign,
            "request": request.to_document(),
            "fingerprint": request.fingerprint(),
            "priority": USUAL_PRIORITY,
            "line": None,
            "requestedBy": {"subject": subject, "client": client},
            "attempt": 1 if status is Status.DISPATCHED else 0,
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
            "progress": _nothing_done(),
            "sharers": 0,
            "left": None,
            "holds": dict(holds) if holds else None,
            "outbox": None,
        }
        if idempotency:
            document["idempotency"] = dict(idempotency)
        if generation:
            document["generation"] = generation
        if traceparent:
            document["traceparent"] = traceparent
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
        same = {"attempt": document["attempt"]}
        return self._move(Move.EXTEND, document["_id"], equal=same, change=change)

    def unplaced(self, limit: int) -> Sequence[Document]:
        """Queued exports that have no lane yet, oldest id first."""
        newcomers = Match(statuses=_sources(Move.PLACE), equal={"line.lane": None})
        return self._store.candidates(newcomers, limit=limit)

    def place(
        self, document: Document, *, lane: Lane, turn: datetime, rows: int | None
    ) -> Document | None:
        """Give a newcomer its lane and turn.

        Args:
            document: As it was queued.
            lane: Where it waits.
            turn: When it is due there.
            rows: How many it is thought to read; None if nobody knows.
        """
        place = {"line.lane": str(lane), "line.turn": turn, "line.rows": rows}
        newcomer = {"line.lane": None}
        return self._move(Move.PLACE, document["_id"], equal=newcomer, change=Change(set=place))

    def undispatched(self, lane: Lane, limit: int) -> Sequence[Document]:
        """Queued exports of a lane whose time has come, in the order of their turns."""
        queued = Match(
            statuses=_sources(Move.DISPATCH),
            equal={"line.lane": str(lane)},
            due=("notBefore",),
        )
        return self._store.candidates(queued, limit=limit, by_turn=True)

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
        same = {"status": document["status"], "attempt": document["attempt"]}
        gone = Change(set={"shipping": None}, stamp=("purgedAt",))
        return self._move(Move.PURGE, document["_id"], equal=same, change=gone)

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
        afresh = dict.fromkeys((f"progress.{name}" for name in COUNTED), 0)
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
                    **afresh,
                    **fixed,
                },
                delay={"lease.until": self.timing.run_lease, **lag},
                stamp=("startedAt", "lease.heartbeatAt"),
            ),
        )

    def beat(
        self, export_id: str, token: str, progress: Mapping[str, int], *, advanced: bool = True
    ) -> Document:
        """Renew the run lease and report progress.

        Args:
            export_id: Which export.
            token: The lease's token.
            progress: What this attempt has counted; the most of all attempts is kept beside it, so
                that what people see never falls when another worker begins again.
            advanced: Whether the work has moved since the last beat.

        Raises:
            LeaseLost: The lease is somebody else's by now.
        """
        return self._held(
            Move.BEAT,
            export_id,
            token,
            Change(
                set={f"progress.{name}": value for name, value in progress.items()},
                most={
                    f"progress.highest.{name}": progress[name]
                    for name in COUNTED
                    if name in progress
                },
                delay={"lease.until": self.timing.run_lease},
                stamp=("lease.heartbeatAt", *(("progress.advancedAt",) if advanced else ())),
            ),
        )

    def keep_chunks(
        self,
        export_id: str,
        token: str,
        *,
        chunks: Mapping[str, object],
        likeness: str,
        snapshot: datetime,
    ) -> Document:
        """Write down what another attempt can take over of the files that this one makes.

        Args:
            export_id: Which export.
            token: The lease's token.
            chunks: What there is, as `assets/chunks.py` has it.
            likeness: Of attempts that make the same files.
            snapshot: That of the files.

        Raises:
            LeaseLost: The lease is somebody else's by now; nothing was written.
        """
        like = {"of": likeness, "snapshotAt": snapshot}
        told = {f"chunks.{name}": value for name, value in {**chunks, **like}.items()}
        change = Change(set=told, stamp=("chunks.at",))
        return self._held(Move.BEAT, export_id, token, change)

    def take_chunks(
        self, export_id: str, token: str, *, chunks: Mapping[str, object], snapshot: datetime
    ) -> Document:
        """Say that this attempt goes on with files that an earlier one has begun.

        Args:
            export_id: Which export.
            token: The lease's token.
            chunks: What of them is taken over.
            snapshot: That of the files; the one of this attempt is of no use.

        Raises:
            LeaseLost: The lease is somebody else's by now; nothing was written.
        """
        done: Any = chunks["done"]
        told = {f"chunks.{name}": value for name, value in chunks.items()}
        change = _also(
            Change(set={**told, "snapshotAt": snapshot}),
            audit={"action": "went_on", "chunks": len(done)},
        )
        return self._held(Move.BEAT, export_id, token, change)

    def drop_chunks(self, export_id: str, token: str) -> Document:
        """Say that this attempt makes all files itself; earlier ones are nobody's.

        Raises:
            LeaseLost: The lease is somebody else's by now; nothing was written.
        """
        return self._held(Move.BEAT, export_id, token, Change(set={"chunks": None}))

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
        goes_on: bool = False,
    ) -> Document:
        """End an attempt that failed: queue the next one, or fail for good.

        Args:
            document: The export as it was started.
            token: The lease's token.
            error: Why; `retryable` says whether another attempt can help.
            jitter: Spreads the retries, from 0 up to 1.
            afresh: The next attempt makes new files even if the delivery of these was begun.
            leaves: What lies beside those files is kept as long as they would have been.
            goes_on: The next attempt can take over the chunks of files that this one has made.

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
            set={
                **(_dropped(leaves=leaves) if afresh else {}),
                **({} if again and goes_on else {"chunks": None}),
            },
            increment={"failures": 1},
            audit={"action": "attempt_failed", "code": error["code"], "again": again},
        )
        return self._held(Move.REQUEUE if again else Move.FAIL, export_id, token, change)

    def postpone(self, export_id: str, token: str, *, error: Mapping[str, Any]) -> Document:
        """Queue an export again that has to wait for another one; it counts as no failure.

        Raises:
            LeaseLost: The lease is somebody else's by now.
        """
        change = _requeued(self.timing.target_wait, error=error)
        change = _also(change, audit={"action": "waits", "code": error["code"]})
        return self._held(Move.REQUEUE, export_id, token, change)

    def release(self, export_id: str, token: str) -> Document:
        """Give an export back on a graceful stop; it counts as no failure."""
        return self._held(Move.REQUEUE, export_id, token, _requeued(0.0, error=None))

    def cancelled(self, export_id: str, token: str) -> Document:
        """Confirm that the worker has stopped for a cancel."""
        return self._held(Move.CANCELLED, export_id, token, _cancelled())

    # --- people's moves -----------------------------------------------------------------

    def cancel(self, export_id: str, *, by: str) -> Document | None:
        """Take back one request; its generation stops when nobody else waits for it. Repeatable.

        Returns:
            The document as it is now, or None if there is no such export.

        Raises:
            IllegalMove: It has ended in another way.
        """
        document = self._store.find(export_id)
        if document is not None and document["status"] == Status.JOINED:
            return self._part(document, by=by)
        wish = {"left.by": by, "left.open": True}
        for _ in range(2):  # between the two tries somebody may have joined, or gone
            moved = self._halted(export_id, by=by, equal={"sharers": (0, None)})
            moved = moved or self._move(
                Move.LEAVE,
                export_id,
                equal={"left": None},
                change=Change(set=wish, stamp=("left.at",), push=_audit("cancel", by)),
            )
            if moved is not None:
                return moved
        found = self._store.find(export_id)
        if found is not None and found.get("left"):
            return found
        return self._already(export_id, (Status.CANCELLING, Status.CANCELLED))

    def halt(self, export_id: str, *, by: str) -> Document | None:
        """Stop a generation, whoever waits for it: all of them are cancelled. Repeatable.

        Raises:
            IllegalMove: It has ended in another way.
        """
        for _ in range(2):  # between the two tries it may have gone from the one to the other
            moved = self._halted(export_id, by=by, equal={})
            if moved is not None:
                return moved
        return self._already(export_id, (Status.CANCELLING, Status.CANCELLED))

    def _halted(self, export_id: str, *, by: str, equal: Mapping[str, object]) -> Document | None:
        """Cancel what is live; an export that no worker holds ends at once."""
        wish = Change(set={"cancel.by": by}, stamp=("cancel.at",), push=_audit("cancel", by))
        ended = _merged(_cancelled(), wish)
        moved = self._move(Move.CANCEL_WAITING, export_id, equal=equal, change=ended)
        return moved or self._move(Move.CANCEL, export_id, equal=equal, change=wish)

    def _part(self, document: Document, *, by: str) -> Document | None:
        """Take back a request that waits for another one's files."""
        wish = Change(set={"cancel.by": by}, stamp=("cancel.at",), push=_audit("cancel", by))
        gone = self.settle(document)
        gone = gone or self._move(
            Move.CANCEL_WAITING,
            document["_id"],
            change=_merged(_cancelled(), wish),
            only=Status.JOINED,
        )
        if gone is None or gone["status"] != Status.CANCELLED:
            return self._already(document["_id"], (Status.CANCELLED,))
        self.part(document["generation"], by=by)
        return gone

    def join(self, generation: str) -> Document | None:
        """Count one more request that a generation is made for; None when it is too late.

        Counted before the request is stored and taken off after it is gone, so the count is
        never too low: a crash between can only make files that nobody waits for.
        """
        return self._move(Move.JOIN, generation, change=Change(increment={"sharers": 1}))

    def part(self, generation: str, *, by: str) -> None:
        """Count one request less; the last one that goes stops the generation."""
        left = self._move(Move.PART, generation, change=Change(increment={"sharers": -1}))
        if left is not None and left.get("left"):
            self._halted(generation, by=by, equal={"sharers": 0})

    def joined(self, *, after: str | None, limit: int) -> Sequence[Document]:
        """A page, by id, of requests that wait for another one's files."""
        return self._store.candidates(
            Match(statuses=(str(Status.JOINED),)), after=after, limit=limit
        )

    def settle(self, document: Document) -> Document | None:
        """Let a joined request end as its generation has ended; None while that is live."""
        made = self._store.find(document["generation"]) or {}
        export_id, status = document["_id"], made.get("status")
        if status in PUBLISHED:
            return self._move(Move.SHARE, export_id, change=_shared(made))
        if status in (Status.CANCELLING, Status.CANCELLED):
            wish = {"cancel": made.get("cancel")}
            change = _also(_cancelled(), set=wish, audit={"action": "cancelled"})
            return self._move(Move.CANCEL_WAITING, export_id, change=change, only=Status.JOINED)
        if status in LIVE:
            return None
        lost = _error("GENERATION_LOST", "the export that it waited for is gone")
        error = made.get("error") or {**lost, "attempt": 0, "runId": None}
        told = {name: value for name, value in error.items() if name != "at"}
        ended = _also(_ended(error=told), audit={"action": "failed", "code": error["code"]})
        return self._move(Move.FAIL, export_id, change=ended, only=Status.JOINED)

    def forsaken(self, limit: int) -> Sequence[Document]:
        """Ended generations whose own request was taken back before they ended."""
        ended = Match(statuses=_sources(Move.WITHDRAW), equal={"left.open": True})
        return self._store.candidates(ended, limit=limit)

    def withdraw(self, document: Document) -> Document | None:
        """Cancel the request that a generation began with, once all others have its files."""
        waiting = {"generation": document["_id"], "status": str(Status.JOINED)}
        if self._store.first(waiting) is not None:
            return None
        change = Change(
            set={
                "left.open": False,
                "result": None,
                "error": None,
                "expiresAt": None,
                "cancel": {name: document["left"][name] for name in ("by", "at")},
            }
        )
        return self._move(Move.WITHDRAW, document["_id"], change=change)

    def keys_of_others(self, document: Document) -> frozenset[str]:
        """Objects that the results of other requests name which share a generation with this."""
        root = document.get("generation") or document["_id"]
        shared = {"generation": root, "status": str(Status.SUCCEEDED)}
        others = self._store.page(shared, limit=2)  # all of them name the same
        if root != document["_id"]:
            made = self._store.first({"_id": root, "status": str(Status.SUCCEEDED), "left": None})
            others += [made] if made is not None else []
        told = [one["result"] or {} for one in others if one["_id"] != document["_id"]]
        manifests = {one["manifestKey"] for one in told if one}
        return frozenset(manifests | {file["key"] for one in told for file in one["files"]})

    def quarantine(self, export_id: str, *, by: str) -> Document | None:
        """Fail a live export that does harm, whoever holds it; a person may retry it later.

        Raises:
            IllegalMove: It has ended.
        """
        error = _error("QUARANTINED", "an operator has taken it out of work")
        change = _merged(
            _ended(error={**error, "attempt": 0, "runId": None}),
            Change(push=_audit("quarantine", by)),
        )
        moved = self._move(Move.FAIL, export_id, change=change)
        return moved if moved is not None else self._already(export_id, ())

    def retry(
        self, export_id: str, *, by: str, holds: Mapping[str, object] | None = None
    ) -> Document | None:
        """Queue an ended export again, with fresh counters.

        Raises:
            IllegalMove: It has not ended, has succeeded, or was deleted.
        """
        self._part_ways(export_id)
        fresh = {"failures": 0, "rescues": 0, "cancel": None, "error": None, "result": None}
        change = Change(
            set={
                **fresh,
                "notBefore": None,
                "finishedAt": None,
                "expiresAt": None,
                "purgedAt": None,  # a later attempt may leave something again
                "generation": None,  # from now on it makes its own files
                "sharers": 0,
                "left": None,
                "holds": dict(holds) if holds else None,
                "line": None,
                "progress": _nothing_done(),
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
        self._part_ways(export_id)
        change = Change(
            set={"shipping": None},
            stamp=("deletedAt", "expiresAt"),
            push=_audit("delete", by),
        )
        moved = self._move(Move.DELETE, export_id, equal={"deletedAt": None}, change=change)
        moved = moved or self._kept_from(export_id, by=by)
        if moved is not None:
            return moved
        found = self._store.find(export_id)
        return found if found and found.get("deletedAt") else self._already(export_id, ())

    def _kept_from(self, export_id: str, *, by: str) -> Document | None:
        """Delete the request of one who left while its generation goes on for others."""
        change = Change(stamp=("deletedAt",), push=_audit("delete", by))
        same = {"left.open": True, "deletedAt": None}
        return self._move(Move.LEAVE, export_id, equal=same, change=change)

    def _part_ways(self, export_id: str) -> None:
        """Make an ended request a document of its own, whatever it shared until now.

        The sensor of outcomes does the same within seconds; a person does not wait for it.
        """
        found = self._store.find(export_id)
        if found is not None and found["status"] == Status.JOINED:
            self.settle(found)
        waiting = {"generation": export_id, "status": str(Status.JOINED)}
        while (one := self._store.first(waiting)) is not None and self.settle(one):
            continue
        forsaken = self._store.first({"_id": export_id, "left.open": True})
        if forsaken is not None:
            self.withdraw(forsaken)

    def record(
        self, export_id: str, *, action: str, actor: str, detail: Mapping[str, object]
    ) -> None:
        """Append to the audit trail, whatever state the export is in."""
        entry = Change(push=_audit(action, actor, detail))
        self._move(Move.RECORD, export_id, change=entry)

    def untold(self, *, after: str | None, limit: int) -> Sequence[Document]:
        """A page, by id, of exports with `outbox.events` that nobody was told of yet."""
        news = Match(statuses=None, equal={"outbox.open": True})  # there may be news in any state
        return self._store.candidates(news, after=after, limit=limit)

    def told(self, document: Document) -> Document | None:
        """Forget what was handed on; None when something has happened meanwhile."""
        same = {"revision": document["revision"]}
        return self._move(
            Move.TELL, document["_id"], equal=same, change=Change(set={"outbox": None})
        )

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
        if target is not None:
            change = _also(change, set={"status": str(target)})
        return self._store.change(export_id, match, _merged(change, _news(move, change)))

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


def new_id() -> str:
    """The id of an export that is not stored yet."""
    return f"exp_{ObjectId()}"


def _sources(move: Move) -> tuple[str, ...]:
    return tuple(str(status) for status in TRANSITIONS[move].sources)


def _live_but_queued() -> tuple[str, ...]:
    """States in which somebody must be at work; a joined export waits as a queued one does."""
    idle = (Status.QUEUED, Status.JOINED)
    return tuple(str(status) for status in LIVE if status not in idle)


def _nothing_done() -> dict[str, object]:
    return {**dict.fromkeys(COUNTED, 0), "rowsTotal": None}


def _final(result: Mapping[str, Any]) -> dict[str, object]:
    """The progress of a finished export; the last heartbeat may have come before the last row."""
    read = result["accounting"]["read"]
    final = {"rowsRead": read, "rowsTotal": read, "rowsWritten": result["rows"]}
    return {f"progress.{name}": n for name, n in {**final, "bytes": result["bytes"]}.items()}


def _news(move: Move, change: Change) -> Change:
    """What a move is to those who are told, in the same write, so that a crash loses none of it.

    What becomes of a generation is no news to who has left it; that was its cancel.
    """
    if move not in NEWS:
        return Change()
    types = [NEWS[move], *((Event.REJECTED,) if _rejected(change) else ())]
    return Change(
        set={"outbox.open": True},
        push={"outbox.events": {"id": f"evt_{ObjectId()}", "types": list(map(str, types))}},
        unless={"outbox.events": "left"},
    )


def _rejected(change: Change) -> bool:
    """Whether a receiver has not taken rows: some of them, or so many that the export failed."""
    result: Any = change.set.get("result") or {}
    some = any(delivery["rejected"] for delivery in result.get("deliveries", ()))
    return some or change.set.get("error.code") == "DELIVERY_REJECTED"


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
    """In a terminal state, held by nobody, with nothing for another attempt to take over."""
    return Change(
        set={"lease": None, "phase": None, "chunks": None, **_told(error)},
        stamp=("finishedAt", *_when(error)),
    )


def _cancelled() -> Change:
    """Ended by a person's wish; what was delivered stays on record, the files are nobody's."""
    return _also(_ended(error=None), set={"shipping": None})


def _shared(made: Document) -> Change:
    """The result of a generation, as one more request has it."""
    kept = ("result", "expiresAt", "startedAt", "snapshotAt", "attempt", "progress", "dagster")
    return _also(
        _ended(error=None),
        set={name: made.get(name) for name in kept},
        audit={"action": "succeeded", "rows": made["result"]["rows"], "generation": made["_id"]},
    )


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
        most={**first.most, **second.most},
        stamp=(*first.stamp, *second.stamp),
        delay={**first.delay, **second.delay},
        push={**first.push, **second.push},
        unless={**first.unless, **second.unless},
    )
