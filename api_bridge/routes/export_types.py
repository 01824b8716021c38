"""What can be asked for: the catalogue as the API shows it."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api_bridge.access.caller import READ
from api_bridge.protocol.problems import Code, ProblemError
from api_bridge.protocol.submission import type_named, types_there_are
from api_bridge.protocol.wire import export_type_resource
from api_bridge.routes.context import BridgeParam, CallerParam
from assets.model.parameters import Problem

# The catalogue changes with a release only.
_HEADERS = {"Cache-Control": "private, max-age=60"}

router = APIRouter()


@router.get("/v1/export-types", summary="List the kinds of export")
def list_export_types(bridge: BridgeParam, caller: CallerParam) -> Response:
    """List every kind with its parameters and columns."""
    caller.require(READ)
    types = [
        export_type_resource(export_type, bridge.rows_per_export)
        for export_type in bridge.catalog.values()
    ]
    return JSONResponse({"export_types": types}, headers=_HEADERS)


@router.get("/v1/export-types/{type_id}", summary="Show one kind of export")
def get_export_type(type_id: str, bridge: BridgeParam, caller: CallerParam) -> Response:
    """Show one kind, named with or without its version."""
    caller.require(READ)
    export_type = type_named(type_id, bridge.catalog)
    if export_type is None:
        remedy = types_there_are(bridge.catalog)
        raise ProblemError(
            Code.UNKNOWN_TYPE,
            f"The kind of export {remedy}.",
            errors=[Problem(pointer="/path/type_id", detail=remedy)],
        )
    shown = export_type_resource(export_type, bridge.rows_per_export)
    return JSONResponse(shown, headers=_HEADERS)
