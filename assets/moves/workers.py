"""The moves of the worker that holds an export: each names the token of its lease."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from assets.model.lifecycle import SAFETY_LAG, Move, backoff
from assets.moves.base import Moves
from assets.moves.changes import (
    COUNTED,
    Document,
    also,
    cancellation,
    dropping,
    ending,
    final_progress,
    requeueing,
)
from resources.mongo.exports import Change


class WorkerMoves(Moves):
    """What a worker does to its export, from start to commit."""

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
        change = also(
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
        change = ending(error=None)
        change = also(
            change,
            set={
                "result": dict(result),
                "expiresAt": expires_at,
                "shipping": None,
                **final_progress(result),
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
            change = requeueing(backoff(failures, self.timing, jitter), error=error)
        else:
            change = ending(error=error)
        change = also(
            change,
            set={
                **(dropping(leaves=leaves) if afresh else {}),
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
        change = requeueing(self.timing.target_wait, error=error)
        change = also(change, audit={"action": "waits", "code": error["code"]})
        return self._held(Move.REQUEUE, export_id, token, change)

    def release(self, export_id: str, token: str) -> Document:
        """Give an export back on a graceful stop; it counts as no failure."""
        return self._held(Move.REQUEUE, export_id, token, requeueing(0.0, error=None))

    def cancelled(self, export_id: str, token: str) -> Document:
        """Confirm that the worker has stopped for a cancel."""
        return self._held(Move.CANCELLED, export_id, token, cancellation())
