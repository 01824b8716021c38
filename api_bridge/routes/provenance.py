"""Why rows are in no file, and where the files come from (API.md 1)."""

import json

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api_bridge.access.caller import READ
from api_bridge.protocol.problems import Code, ProblemError
from api_bridge.protocol.provenance import errors_resource, lineage_resource
from api_bridge.protocol.wire import is_done, shown_status, status_headers
from api_bridge.routes.context import BridgeParam, CallerParam
from api_bridge.routes.downloads import DamagedManifest, check_available, read_manifest
from api_bridge.routes.lookup import find_export
from assets.model.manifest import Manifest

router = APIRouter()


@router.get("/v1/exports/{export_id}/errors", summary="See which rows were rejected, and why")
def get_errors(export_id: str, bridge: BridgeParam, caller: CallerParam) -> Response:
    """Show rows by reason, without a value of them; also after the files have expired."""
    caller.require(READ)
    document = find_export(bridge, caller, export_id)
    if not is_done(document):
        raise ProblemError(
            Code.NOT_READY,
            "Rows are accounted for once the export has ended.",
            members={"export_status": shown_status(document)},
        )
    body = errors_resource(document, bridge.catalog.get(document["type"]))
    return JSONResponse(body, headers=status_headers(document, bridge.clock.now()))


@router.get("/v1/exports/{export_id}/lineage", summary="See what the files were made of")
def get_lineage(export_id: str, bridge: BridgeParam, caller: CallerParam) -> Response:
    """Show sources, snapshot, code and run, as the manifest tells them."""
    caller.require(READ)
    document = find_export(bridge, caller, export_id)
    now = bridge.clock.now()
    check_available(document, now)
    try:
        manifest = Manifest.from_document(json.loads(read_manifest(bridge, document)))
    except ValueError:
        raise DamagedManifest from None
    body = lineage_resource(document, manifest, bridge.catalog.get(document["type"]))
    return JSONResponse(body, headers=status_headers(document, now))
