"""What a move writes, whoever makes it: pieces of changes, and how they are put together."""

from collections.abc import Mapping
from typing import Any

from bson import ObjectId

from assets.model.lifecycle import MAX_RESCUES, NEWS, Event, Move
from resources.mongo.exports import Change

Document = Mapping[str, Any]

# What an attempt counts, from nothing to the end.
COUNTED = ("rowsRead", "rowsWritten", "bytes")


def nothing_done() -> dict[str, object]:
    """What an attempt has counted before its first row."""
    return {**dict.fromkeys(COUNTED, 0), "rowsTotal": None}


def final_progress(result: Mapping[str, Any]) -> dict[str, object]:
    """The progress of a finished export; the last heartbeat may have come before the last row."""
    read = result["accounting"]["read"]
    final = {"rowsRead": read, "rowsTotal": read, "rowsWritten": result["rows"]}
    return {f"progress.{name}": n for name, n in {**final, "bytes": result["bytes"]}.items()}


def requeueing(wait: float, *, error: Mapping[str, Any] | None) -> Change:
    """Back in the queue, held by nobody, not before `wait` seconds are over."""
    return Change(
        set={"lease": None, "phase": None, **_told(error)},
        stamp=_when(error),
        delay={"notBefore": wait},
    )


def ending(*, error: Mapping[str, Any] | None = None) -> Change:
    """In a terminal state, held by nobody, with nothing for another attempt to take over."""
    return Change(
        set={"lease": None, "phase": None, "chunks": None, **_told(error)},
        stamp=("finishedAt", *_when(error)),
    )


def cancellation() -> Change:
    """Ended by a person's wish; what was delivered stays on record, the files are nobody's."""
    return also(ending(error=None), set={"shipping": None})


def shared_result(made: Document) -> Change:
    """The result of a generation, as one more request has it."""
    kept = ("result", "expiresAt", "startedAt", "snapshotAt", "attempt", "progress", "dagster")
    return also(
        ending(error=None),
        set={name: made.get(name) for name in kept},
        audit={"action": "succeeded", "rows": made["result"]["rows"], "generation": made["_id"]},
    )


def dropping(*, leaves: bool) -> dict[str, object]:
    """A delivery whose files are of no more use."""
    return {"shipping.draft": None, "shipping.attempt": None} if leaves else {"shipping": None}


def taken_back(document: Document, *, wait: float, poison: str) -> tuple[Move, Change]:
    """What becomes of an export whose worker or run is gone: queued again, or quarantined."""
    if rescues_of(document) + 1 < MAX_RESCUES:
        return Move.REQUEUE, requeueing(wait, error=None)
    error = stated_error("POISON", poison)
    return Move.FAIL, ending(error=error | {"attempt": document["attempt"]})


def rescues_of(document: Document) -> int:
    """How often an export was taken back from a worker or a run that was gone."""
    return int(document.get("rescues") or 0)


def stated_error(code: str, message: str) -> dict[str, object]:
    """Why an export has failed for good."""
    return {"code": code, "message": message, "retryable": False}


def _told(error: Mapping[str, Any] | None) -> dict[str, object]:
    if error is None:
        return {"error": None}
    return {f"error.{name}": value for name, value in error.items()}


def _when(error: Mapping[str, Any] | None) -> tuple[str, ...]:
    return () if error is None else ("error.at",)


def audit_entry(
    action: str, actor: str, detail: Mapping[str, object] | None = None
) -> dict[str, Mapping[str, object]]:
    """One entry of the trail, as a change pushes it."""
    return {"audit": {"action": action, "actor": actor, **(detail or {})}}


def also(
    change: Change,
    *,
    set: Mapping[str, object] | None = None,  # noqa: A002 - MongoDB's own word, as in Change
    increment: Mapping[str, int] | None = None,
    audit: Mapping[str, object] | None = None,
) -> Change:
    """The same change and more; the audit entry is the platform's own."""
    push = {"audit": {"actor": "platform", **audit}} if audit else {}
    more = Change(set=set or {}, increment=increment or {}, push=push)
    return merged(change, more)


def merged(first: Change, second: Change) -> Change:
    """Both changes in one; where they disagree, the second."""
    return Change(
        set={**first.set, **second.set},
        increment={**first.increment, **second.increment},
        most={**first.most, **second.most},
        stamp=(*first.stamp, *second.stamp),
        delay={**first.delay, **second.delay},
        push={**first.push, **second.push},
        unless={**first.unless, **second.unless},
    )


def news(move: Move, change: Change) -> Change:
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
