"""The numbers that Prometheus reads (API.md 1)."""

from fastapi import APIRouter, Response

from api_bridge.routes.context import BridgeParam
from api_bridge.telemetry.metrics import MEDIA_TYPE

router = APIRouter()


@router.get("/metrics", summary="Read the metrics")
def get_metrics(bridge: BridgeParam) -> Response:
    """Give every metric in Prometheus's text format.

    Like /readyz it needs no token and names no export, campaign or caller; the proxy keeps both
    inside.
    """
    return Response(bridge.metrics.text(), media_type=MEDIA_TYPE)
