"""The moves of requests that share one generation (DESIGN.md 3, rule 8)."""

from collections.abc import Mapping, Sequence

from assets.model.lifecycle import LIVE, PUBLISHED, Move, Status
from assets.moves.base import Moves, sources_of
from assets.moves.changes import (
    Document,
    also,
    audit_entry,
    cancellation,
    ending,
    merged,
    shared_result,
    stated_error,
)
from resources.mongo.exports import Change, Match


class SharedMoves(Moves):
    """Who joins, who leaves, and how all of them end as the one does."""

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

    def _halted(self, export_id: str, *, by: str, equal: Mapping[str, object]) -> Document | None:
        """Cancel what is live; an export that no worker holds ends at once."""
        wish = Change(set={"cancel.by": by}, stamp=("cancel.at",), push=audit_entry("cancel", by))
        ended = merged(cancellation(), wish)
        moved = self._move(Move.CANCEL_WAITING, export_id, equal=equal, change=ended)
        return moved or self._move(Move.CANCEL, export_id, equal=equal, change=wish)

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
            return self._move(Move.SHARE, export_id, change=shared_result(made))
        if status in (Status.CANCELLING, Status.CANCELLED):
            wish = {"cancel": made.get("cancel")}
            change = also(cancellation(), set=wish, audit={"action": "cancelled"})
            return self._move(Move.CANCEL_WAITING, export_id, change=change, only=Status.JOINED)
        if status in LIVE:
            return None
        lost = stated_error("GENERATION_LOST", "the export that it waited for is gone")
        error = made.get("error") or {**lost, "attempt": 0, "runId": None}
        told = {name: value for name, value in error.items() if name != "at"}
        ended = also(ending(error=told), audit={"action": "failed", "code": error["code"]})
        return self._move(Move.FAIL, export_id, change=ended, only=Status.JOINED)

    def forsaken(self, limit: int) -> Sequence[Document]:
        """Ended generations whose own request was taken back before they ended."""
        ended = Match(statuses=sources_of(Move.WITHDRAW), equal={"left.open": True})
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
