"""How a request looks to who asked for it, when one generation is made for several (rule 8)."""

from collections.abc import Mapping
from typing import Any

from assets.model.lifecycle import Status

Document = Mapping[str, Any]

# What a joined request has of the generation that it waits for, until it is settled.
_OF_GENERATION = (
    "attempt",
    "status",
    "phase",
    "line",
    "startedAt",
    "finishedAt",
    "expiresAt",
    "snapshotAt",
    "progress",
    "result",
    "error",
    "deliveries",
    "dagster",
)


# Above every revision that one document reaches, so that what two documents show together never
# has a number that one of them has alone.
_TOGETHER = 10**9


def seen(document: Document, generation: Document | None) -> Document:
    """The export as its requester sees it.

    A joined request shows what its generation shows, from the first second to the files, and one
    that was taken back is cancelled although the generation goes on for others.

    Args:
        document: The stored request.
        generation: The export that a joined request waits for; None when it is gone.
    """
    if document.get("left"):
        ended = {"finishedAt": document["left"]["at"], "expiresAt": None, "phase": None}
        nothing = {"result": None, "error": None, "progress": None}
        return {**document, **ended, **nothing, "status": str(Status.CANCELLED)}
    if document["status"] != Status.JOINED:
        return document
    if generation is None:
        return {**document, "status": str(Status.QUEUED)}
    taken = {name: generation.get(name) for name in _OF_GENERATION}
    stored = {one["_id"]: one["revision"] for one in (document, generation)}
    return {
        **document,
        **taken,
        "revision": document["revision"] * _TOGETHER + generation["revision"],
        "revisions": stored,
        "sharedWith": shared_with(document, generation),
    }


def revisions(document: Document) -> Mapping[str, int]:
    """What must change for an export to look otherwise: stored documents and their revisions."""
    return document.get("revisions") or {document["_id"]: document["revision"]}


def shared_with(document: Document, generation: Document | None = None) -> int:
    """How many other live requests the same generation is made for."""
    if generation is None:
        return max(0, int(document.get("sharers") or 0))
    return max(0, int(generation.get("sharers") or 0) - (1 if generation.get("left") else 0))
