"""Whether the process lives, and whether requests sent to it would be served."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api_bridge.protocol.problems import Code, ProblemError
from api_bridge.routes.context import BridgeParam
from api_bridge.telemetry.pulse import pulse

router = APIRouter()


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Response:
    """Answer; nothing else is asked, so that a slow database does not restart the bridge."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", summary="Would a request be served?")
def readyz(bridge: BridgeParam) -> Response:
    """Ask the database, and whether somebody works off the queue (API.md 1).

    Where no sensor has ever looked, as long as the bridge is up is how long none has been seen.
    """
    bridge.stores.ping()
    felt = pulse(bridge.stores, bridge.clock)
    unseen = felt.sensor_age if felt.sensor_age is not None else bridge.age()
    _check("An export has been due", felt.queue_age, bridge.queue_age_seconds)
    _check("No sensor has looked at the queue", unseen, bridge.sensor_age_seconds)
    ages = {"queue_age_seconds": felt.queue_age, "sensor_age_seconds": felt.sensor_age}
    return JSONResponse({"status": "ready", **ages})


def _check(said: str, age: float | None, most: int) -> None:
    """Refuse an age that is too high; what there is not has none."""
    if age is not None and age > most:
        raise ProblemError(Code.QUEUE_STALLED, f"{said} for more than {most} seconds.")
