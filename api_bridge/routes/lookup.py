"""Finding the export that a path names, as far as the caller may see it."""

import re
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool

from api_bridge.access.caller import Caller
from api_bridge.protocol.problems import Code, ProblemError, not_found
from api_bridge.routes.context import Bridge
from assets.model.lifecycle import HELD, Status
from assets.model.sharing import seen
from resources.mongo.exports import Match

Document = Mapping[str, Any]

# Keys of an index that are counted for one look: a thousand take a millisecond, and whoever stands
# behind them waits for minutes anyway.
MOST_AHEAD = 1_000
_EXPORT_ID = re.compile(r"exp_[0-9a-f]{24}")


def find_export(bridge: Bridge, caller: Caller, export_id: str) -> Document:
    """Return the export.

    Raises:
        ProblemError: The same 404 for a malformed, an unknown and a foreign id (S5); 410 for one
            that was deleted.
    """
    document = bridge.stores.exports.find(_known(export_id))
    return view(bridge, _shown(document, caller))


async def look_at(bridge: Bridge, caller: Caller, export_id: str) -> Document:
    """The same for who looks again and again: together with others, and without a thread.

    Raises:
        ProblemError: As `find_export`.
    """
    document = _shown(await bridge.looks.at(_known(export_id)), caller)
    joined = document["status"] == Status.JOINED
    made = await bridge.looks.at(document["generation"]) if joined else None
    document = seen(document, made)
    if document["status"] == Status.QUEUED and document.get("line"):
        return await run_in_threadpool(placed, bridge, document)
    if document["status"] not in HELD:
        return document
    earlier = bridge.durations.at_once(document["type"])
    if earlier is None:
        earlier = await run_in_threadpool(bridge.durations.of, document["type"])
    return {**document, "earlier": earlier}


def _known(export_id: str) -> str:
    """The id; a malformed one is looked up too, as one that nobody has: three answers, one time."""
    return export_id if _EXPORT_ID.fullmatch(export_id) else "exp_"


def _shown(document: Document | None, caller: Caller) -> Document:
    if document is None or not is_visible(document, caller):
        raise not_found()
    return present(document)


def present(document: Document) -> Document:
    """The export, if nobody has deleted it; only its audit trail is left then.

    Raises:
        ProblemError: 410.
    """
    if document.get("deletedAt"):
        raise ProblemError(Code.GONE, "The export was deleted; ask for another.")
    return document


def view(bridge: Bridge, document: Document) -> Document:
    """The export as its requester sees it, whoever's generation makes its files."""
    joined = document["status"] == Status.JOINED
    made = bridge.stores.exports.find(document["generation"]) if joined else None
    document = seen(document, made)
    if document["status"] == Status.QUEUED:
        return placed(bridge, document)
    return timed(bridge, document)


def placed(bridge: Bridge, document: Document) -> Document:
    """An export that waits, with its place in its lane once the sensor has given it one."""
    line = document.get("line")
    if not line:
        return document
    lane = Match(statuses=(str(Status.QUEUED),), equal={"line.lane": line["lane"]})
    ahead = bridge.stores.operations.before(lane, "line.turn", line["turn"], most=MOST_AHEAD)
    return {**document, "position": ahead + 1}


def timed(bridge: Bridge, document: Document) -> Document:
    """An export that is being made, beside how long others of its kind took."""
    if document["status"] not in HELD:
        return document
    return {**document, "earlier": bridge.durations.of(document["type"])}


def is_visible(document: Document, caller: Caller) -> bool:
    """Whether the caller may see an export; one that cannot be decoded is seen by nobody."""
    return not document.get("undecodable") and caller.sees(document.get("campaign"))
