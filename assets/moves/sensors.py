"""The moves of the sensors: what is due is claimed, what is dead is taken back or removed."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from assets.model.lanes import Lane
from assets.model.lifecycle import Move, Status, backoff
from assets.moves.base import Moves, live_but_queued, sources_of
from assets.moves.changes import (
    Document,
    also,
    cancellation,
    ending,
    requeueing,
    rescues_of,
    stated_error,
    taken_back,
)
from resources.crash_points import CrashPoint, passing
from resources.mongo.exports import Change, Match


class SensorMoves(Moves):
    """What the sensors do to exports that nobody works on."""

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
        failed = ending(error={**stated_error(code, message), "attempt": 0, "runId": None})
        return self._move(Move.FAIL, export_id, change=failed, only=Status.QUEUED)

    def in_flight(self, *, after: str | None, limit: int) -> Sequence[Document]:
        """A page, by id, of exports that a Dagster run works for or should begin to work for."""
        working = Match(statuses=sources_of(Move.REQUEUE))
        return self._store.candidates(working, after=after, limit=limit)

    def recall(self, document: Document) -> Document | None:
        """Take back a dispatched export whose run ended before it began.

        Three runs that end so are a poison pill, as three dead workers are.
        """
        poison = "three runs ended before they began; it is quarantined"
        move, change = taken_back(document, wait=0.0, poison=poison)
        return self._move(
            move,
            document["_id"],
            equal={"attempt": document["attempt"], "rescues": rescues_of(document)},
            change=also(change, increment={"rescues": 1}, audit={"action": "recalled"}),
            only=Status.DISPATCHED,
        )

    def extend(self, document: Document) -> Document | None:
        """Let a dispatched export go on waiting, because its run still waits for a slot."""
        change = Change(delay={"lease.until": self.timing.dispatch_lease})
        same = {"attempt": document["attempt"]}
        return self._move(Move.EXTEND, document["_id"], equal=same, change=change)

    def unplaced(self, limit: int) -> Sequence[Document]:
        """Queued exports that have no lane yet, oldest id first."""
        newcomers = Match(statuses=sources_of(Move.PLACE), equal={"line.lane": None})
        # None has a turn yet; the index of turns has them by their id, however many there are.
        return self._store.candidates(newcomers, limit=limit, by_turn=True)

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
            statuses=sources_of(Move.DISPATCH),
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
            statuses=sources_of(Move.START),
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
        fence = {**dead.equal, "rescues": rescues_of(document)}
        counted: dict[str, int] = {"rescues": 1}
        action = "rescued"
        if document["status"] == Status.CANCELLING:
            move, change = Move.CANCELLED, cancellation()
        elif document["status"] == Status.DISPATCHED and document.get("lease"):
            # Its run never began: no worker died of it, however often that happens.
            move, change = Move.REQUEUE, requeueing(0.0, error=None)
            counted, action = {}, "recalled"
        else:
            poison = "the worker died three times; the export is quarantined"
            wait = backoff(rescues_of(document) + 1, self.timing, jitter)
            move, change = taken_back(document, wait=wait, poison=poison)
        change = also(change, increment=counted, audit={"action": action})
        return self._move(
            move, export_id, equal=fence, older=dead.older, change=change, only=document["status"]
        )

    def _abandoned(self) -> Match:
        return Match(statuses=live_but_queued(), older={"lease.until": 0.0})

    def _unleased(self) -> Match:
        return Match(
            statuses=live_but_queued(),
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
        # None of them is purged; to say so leads to those that are due and no others.
        over = Match(
            statuses=sources_of(Move.EXPIRE), equal={"purgedAt": None}, older={"expiresAt": 0.0}
        )
        return self._store.candidates(over, limit=limit)

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
