"""What an export would come to, before anybody asks for it (API.md 1)."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api_bridge.access.caller import create_scope
from api_bridge.protocol.preference import preference
from api_bridge.protocol.submission import parse_submission
from api_bridge.routes.context import BodyParam, BridgeParam, CallerParam
from api_bridge.routes.sizes import estimated
from api_bridge.routes.vetting import Vetting

router = APIRouter()


@router.post("/v1/exports/estimate", summary="Estimate an export")
def estimate_export(
    request: Request, bridge: BridgeParam, caller: CallerParam, raw: BodyParam
) -> Response:
    """Tell rows, bytes, seconds and cost of what the body asks for; nothing is recorded.

    The checks are those of the request itself, so what can be estimated can be asked for, unless
    it is larger than one export may be.
    """
    submission = parse_submission(
        raw, request.headers.getlist("content-type"), bridge.catalog, bridge.known
    )
    # It counts and looks into the history of a campaign, so it needs what the export needs.
    caller.require(create_scope(submission.export_type.name))
    preferred = preference(request.headers.getlist("prefer"))
    facts = Vetting(bridge, caller).facts(submission, lenient=preferred.lenient)
    told = estimated(bridge, submission.export_type, facts)
    return JSONResponse(told, headers=preferred.applied())
