"""How many exports a caller may have, and how many there are (API.md 1)."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api_bridge.access.caller import READ
from api_bridge.routes.context import Bridge, BridgeParam, CallerParam
from assets.model.lanes import LARGE_ROWS, most_large

# A token names its campaigns one by one; a page of figures about more is for nobody.
MOST_CAMPAIGNS = 50

router = APIRouter()


@router.get("/v1/limits", summary="How many exports may be live, and how many are")
def get_limits(bridge: BridgeParam, caller: CallerParam) -> Response:
    """Show the caps of the caller and of its campaigns, their use, and the bounds of the rest.

    Requests that share one generation count once. A token for every campaign is told the cap of a
    campaign and no single use.
    """
    caller.require(READ)
    limits = bridge.admission.limits
    named = () if caller.sees_every_campaign else sorted(caller.campaigns)[:MOST_CAMPAIGNS]
    body = {
        "caller": _use(bridge, "caller", caller.subject, limits.caller),
        "campaign": {"limit": limits.campaign},
        "campaigns": {
            campaign: _use(bridge, "campaign", campaign, limits.campaign) for campaign in named
        },
        "export": {"max_rows": bridge.rows_per_export},
        "queue": {"oldest_seconds": bridge.queue_age_seconds, **_lanes(bridge.runs_at_once)},
    }
    return JSONResponse(body, headers={"Cache-Control": "private, no-cache"})


def _lanes(at_once: int) -> dict[str, int]:
    """How many exports may be out of the queue, and how many of them large."""
    return {"at_once": at_once, "large_at_once": most_large(at_once), "large_rows": LARGE_ROWS}


def _use(bridge: Bridge, limit: str, name: str, most: int) -> dict[str, Any]:
    used = bridge.admission.used(limit, name)
    return {"limit": most, "used": used, "remaining": most - used}
