"""The moves of people: callers of the bridge, and operators."""

from collections.abc import Mapping

from assets.model.lifecycle import Move, Status
from assets.moves.changes import (
    Document,
    audit_entry,
    cancellation,
    ending,
    merged,
    nothing_done,
    stated_error,
)
from assets.moves.sharing import SharedMoves
from resources.mongo.exports import Change


class PeopleMoves(SharedMoves):
    """What people do to exports that are theirs, and operators to all."""

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
                change=Change(set=wish, stamp=("left.at",), push=audit_entry("cancel", by)),
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

    def _part(self, document: Document, *, by: str) -> Document | None:
        """Take back a request that waits for another one's files."""
        wish = Change(set={"cancel.by": by}, stamp=("cancel.at",), push=audit_entry("cancel", by))
        gone = self.settle(document)
        gone = gone or self._move(
            Move.CANCEL_WAITING,
            document["_id"],
            change=merged(cancellation(), wish),
            only=Status.JOINED,
        )
        if gone is None or gone["status"] != Status.CANCELLED:
            return self._already(document["_id"], (Status.CANCELLED,))
        self.part(document["generation"], by=by)
        return gone

    def quarantine(self, export_id: str, *, by: str) -> Document | None:
        """Fail a live export that does harm, whoever holds it; a person may retry it later.

        Raises:
            IllegalMove: It has ended.
        """
        error = stated_error("QUARANTINED", "an operator has taken it out of work")
        change = merged(
            ending(error={**error, "attempt": 0, "runId": None}),
            Change(push=audit_entry("quarantine", by)),
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
                "progress": nothing_done(),
            },
            stamp=("queuedAt",),
            push=audit_entry("retry", by),
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
            push=audit_entry("delete", by),
        )
        moved = self._move(Move.DELETE, export_id, equal={"deletedAt": None}, change=change)
        moved = moved or self._kept_from(export_id, by=by)
        if moved is not None:
            return moved
        found = self._store.find(export_id)
        return found if found and found.get("deletedAt") else self._already(export_id, ())

    def _kept_from(self, export_id: str, *, by: str) -> Document | None:
        """Delete the request of one who left while its generation goes on for others."""
        change = Change(stamp=("deletedAt",), push=audit_entry("delete", by))
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
