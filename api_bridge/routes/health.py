"""Whether the process lives, and whether requests sent to it would be served."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api_bridge.protocol.problems import Code, ProblemError
from api_bridge.routes.context import Bridge, BridgeParam
from assets.model.lifecycle import Status
from resources.mongo.exports import Match

router = APIRouter()


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Response:
    """Answer; nothing else is asked, so that a slow database does not restart the bridge."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", summary="Would a request be served?")
def readyz(bridge: BridgeParam) -> Response:
    """Ask the database, and whether somebody works off the queue (API.md 1)."""
    bridge.stores.ping()
    if _is_stalled(bridge):
        raise ProblemError(
            Code.QUEUE_STALLED,
            f"An export has been due for more than {bridge.queue_age_seconds} seconds.",
        )
    return JSONResponse({"status": "ready"})


def _is_stalled(bridge: Bridge) -> bool:
    """Whether an export that could run has waited too long.

    One that waits for its next attempt is due from `notBefore` on, the others since `queuedAt`.
    """
    age = float(bridge.queue_age_seconds)
    queued = (str(Status.QUEUED),)
    first = Match(statuses=queued, equal={"notBefore": None}, older={"queuedAt": age})
    again = Match(statuses=queued, older={"notBefore": age})
    exports = bridge.stores.exports
    return any(exports.candidates(match, limit=1) for match in (first, again))
